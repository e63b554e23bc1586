//! The audit log against an administrator with SQL: what was changed, dropped, cut or replaced is found.

use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{
    app::{audit_key_file, remembered_head},
    audit::verify::verify,
};
use std::process::Command;

async fn faults(test: &TestApp) -> Vec<String> {
    let key = std::fs::read(audit_key_file(&test.app.settings)).unwrap();
    verify(&test.app.store, &key, &remembered_head(&test.app.settings)).await.unwrap().faults
}

/// Waits until what was recorded so far is under a signed head.
async fn settle(test: &TestApp) {
    for _ in 0..100 {
        let key = std::fs::read(audit_key_file(&test.app.settings)).unwrap();
        let findings = verify(&test.app.store, &key, &remembered_head(&test.app.settings)).await.unwrap();
        if findings.waiting == 0 && findings.head.is_some_and(|head| head.size == findings.entries) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the log does not settle");
}

fn unlock(test: &TestApp, table: &str) {
    // Whoever has SQL can drop the triggers; only the signed log then tells.
    let drop = match test.app.settings.database_url.starts_with("sqlite") {
        true => format!("DROP TRIGGER {table}_no_update; DROP TRIGGER {table}_no_delete"),
        false => format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
    };
    test.sql(&drop);
}

async fn tampering_is_found(backend: Backend) {
    let test = TestApp::start(backend).await;
    for login in ["gianhang", "duyet", "dangky"] {
        test.log_in(login).await;
    }
    settle(&test).await;
    assert_eq!(faults(&test).await, Vec::<String>::new());
    for table in ["audit_entry", "audit_leaf", "audit_head"] {
        unlock(&test, table);
    }
    // Changed and changed back.
    let actor = test.sql("SELECT actor FROM audit_entry ORDER BY recorded_at DESC LIMIT 1");
    let newest = "id = (SELECT id FROM audit_entry ORDER BY recorded_at DESC LIMIT 1)";
    test.sql(&format!("UPDATE audit_entry SET actor = 'service' WHERE {newest}"));
    assert!(faults(&test).await.iter().any(|fault| fault.contains("was changed")));
    test.sql(&format!("UPDATE audit_entry SET actor = '{actor}' WHERE {newest}"));
    assert_eq!(faults(&test).await, Vec::<String>::new());
    // Back-dated.
    test.sql(&format!("UPDATE audit_entry SET recorded_at = recorded_at - 86400000000 WHERE {newest}"));
    assert!(!faults(&test).await.is_empty());
    test.sql(&format!(
        "UPDATE audit_entry SET recorded_at = recorded_at + 86400000000 WHERE recorded_at < {}",
        cut(&test)
    ));
    // The tail cut off, heads and all.
    test.sql("DELETE FROM audit_head WHERE size > 1");
    test.sql("DELETE FROM audit_leaf WHERE sequence > 0");
    let found = faults(&test).await;
    assert!(found.iter().any(|fault| fault.contains("was remembered, and is gone")), "{found:?}");
}

/// A moment an hour ago, in the database's microseconds: everything before it was back-dated by the test.
fn cut(test: &TestApp) -> i64 {
    test.app.clock.now().0 - 3_600_000_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tampering_is_found_on_sqlite() {
    tampering_is_found(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tampering_is_found_on_postgres() {
    tampering_is_found(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_whether_the_log_is_whole() {
    let test = TestApp::sqlite().await;
    test.log_in("gianhang").await;
    settle(&test).await;
    let run = || {
        let output = Command::new(EXECUTABLE)
            .args(["--lang", "en", "audit", "verify", "--data-dir"])
            .arg(test.data_dir())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("The log is whole"));
    unlock(&test, "audit_entry");
    test.sql("UPDATE audit_entry SET subject = 'account:nobody'");
    let (code, text) = run();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("was changed") && text.contains("NOT whole"));
}
