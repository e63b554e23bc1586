//! Where things lie: a database named by another path than its directory, secrets among the data, links; and a restore that is cut short.

use super::{destroyed, settings_file};
use crate::harness::{
    app::{Backend, EXECUTABLE, TestApp},
    database,
};
use chuky::{backup, clock::Clock};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

fn chuky(at: &Path, arguments: &[&str], crash_at: &str) -> Output {
    let mut command = Command::new(EXECUTABLE);
    command.args(["--lang", "en", "--config", "settings.toml"]).args(arguments).env("CHUKY_CRASH_AT", crash_at);
    command.current_dir(at).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_neither_the_live_database_nor_secrets_whatever_the_paths_are_called() {
    let test = TestApp::sqlite().await;
    let at = test.directory.path().to_owned();
    // One place under two names, the secrets inside it, and a service that writes.
    symlink(&at, at.join("alias")).unwrap();
    // A file that the service renames meanwhile is missed, and none that matters here is such a one.
    Command::new("cp").args(["-a", "var.secrets", "var/secrets"]).current_dir(&at).status().unwrap();
    assert!(at.join("var/secrets/authority.user.pin").exists() && at.join("var/chuky.db-wal").exists());
    let text = format!(
        "[database]\nurl = 'sqlite://{}/alias/var/chuky.db'\n[hsm]\nsecrets_dir = 'var/secrets'\n",
        at.display()
    );
    fs::write(at.join("settings.toml"), text).unwrap();
    let output = chuky(&at, &["backup", "--data-dir", "var", "out"], "");
    assert!(output.status.success(), "{}", said(&output));
    let key = fs::read_to_string(at.join("var/secrets/backup.key")).unwrap();
    fs::write(at.join("key"), &key).unwrap();
    // A link is named; a backup in the data directory is refused.
    symlink("/etc", at.join("var/documents-elsewhere")).unwrap();
    let output = chuky(&at, &["backup", "--data-dir", "var", "again"], "");
    assert!(!output.status.success() && said(&output).contains("documents-elsewhere"), "{}", said(&output));
    fs::remove_file(at.join("var/documents-elsewhere")).unwrap();
    let output = chuky(&at, &["backup", "--data-dir", "var", "var/again"], "");
    assert!(!output.status.success() && said(&output).contains("lies in the data directory"), "{}", said(&output));
    assert!(!at.join("again").exists() && !at.join("var/again").exists());

    test.app.store.close().await;
    let entries = test.sql("SELECT count(*) FROM audit_entry");
    fs::rename(at.join("var"), at.join("destroyed")).unwrap();
    let output = chuky(&at, &["restore", "--data-dir", "var", "--key", "key", "out"], "");
    assert!(output.status.success(), "{}", said(&output));
    let mut names: Vec<String> =
        fs::read_dir(at.join("var")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("chuky.db") || name == "secrets");
    assert_eq!(names, ["chuky.db"]);
    let url = format!("sqlite://{}/var/chuky.db", at.display());
    let marked = "SELECT count(*) FROM restoration WHERE reconciled_at IS NULL";
    assert_eq!(database::run(&url, marked).unwrap(), "1");
    assert_eq!(database::run(&url, "SELECT count(*) FROM audit_entry").unwrap(), entries);
    assert_eq!(database::run(&url, "PRAGMA integrity_check").unwrap(), "ok");
    let pin = fs::read_to_string(at.join("var.secrets/authority.user.pin")).unwrap();
    let found = Command::new("grep").args(["-rlF", &pin, "var"]).current_dir(&at).output().unwrap();
    assert_eq!(said(&found), "", "no PIN came with the backup");
}

/// Killed between the database and the rest: what lies there is marked, so nothing opens it before it is reconciled.
async fn cut_short(backend: Backend) {
    let test = TestApp::start(backend).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_, key) = backup::key(&test.app.settings).unwrap();
    backup::make(&test.app.settings, None, &at.join("out"), &key, Clock::default().now()).await.unwrap();
    let (mut settings, kept) = destroyed(test, backend).await;
    if backend == Backend::Sqlite {
        settings.database_url = format!("sqlite://{}", at.join("apart.db").display());
    }
    settings_file(&settings, at, 1);
    let data = settings.data_dir.to_string_lossy().into_owned();
    if backend == Backend::Postgres {
        // Not empty: nothing of the backup comes into it.
        let occupied = database::fresh_postgres();
        database::run(&occupied, "CREATE TABLE restoration (id INT)").unwrap();
        let settings = chuky::config::Settings { database_url: occupied.clone(), ..settings.clone() };
        let refused = backup::restore(&settings, &at.join("out"), &key, Clock::default().now()).await.unwrap_err();
        assert!(refused.to_string().contains("already exists"), "{refused}");
        assert_eq!(
            database::run(&occupied, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").unwrap(),
            "1"
        );
    }
    let output = chuky(at, &["restore", "--data-dir", &data, "out"], "restore.after_database");
    assert!(!output.status.success() && !settings.data_dir.exists(), "{}", said(&output));
    let marked = "SELECT count(*) FROM restoration WHERE reconciled_at IS NULL";
    assert_eq!(database::run(&settings.database_url, marked).unwrap(), "1");
    drop(kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_cut_short_leaves_a_marked_database_on_sqlite() {
    cut_short(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_cut_short_leaves_a_marked_database_on_postgres() {
    cut_short(Backend::Postgres).await;
}
