//! The audit log against an administrator with SQL: what was changed, dropped, cut or replaced is found. And against kills: it goes on.

use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{
    app::{App, audit_key_file, remembered_head},
    audit::{Actor, Entry, Kind, record, verify::verify},
    clock::Clock,
    config::Settings,
};
use std::{
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub async fn faults(test: &TestApp) -> Vec<String> {
    let key = std::fs::read(audit_key_file(&test.app.settings)).unwrap();
    verify(&test.app.store, &key, &remembered_head(&test.app.settings)).await.unwrap().faults
}

/// Waits until what was recorded so far is under a signed head.
pub async fn settle(test: &TestApp) {
    for _ in 0..1_200 {
        let key = std::fs::read(audit_key_file(&test.app.settings)).unwrap();
        let findings = verify(&test.app.store, &key, &remembered_head(&test.app.settings)).await.unwrap();
        if findings.waiting == 0 && findings.head.is_some_and(|head| head.size == findings.entries) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the log does not settle");
}

pub fn unlock(test: &TestApp, table: &str) {
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
    let newest = "id = (SELECT id FROM audit_entry ORDER BY recorded_at DESC, id DESC LIMIT 1)";
    let actor = test.sql(&format!("SELECT actor FROM audit_entry WHERE {newest}"));
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

/// Entries that are all genuine, in another order or with one missing: no row of it is wrong by itself.
async fn another_order_and_a_gap_are_found(backend: Backend) {
    let test = TestApp::start(backend).await;
    for login in ["gianhang", "duyet", "dangky"] {
        test.log_in(login).await;
    }
    settle(&test).await;
    for table in ["audit_entry", "audit_leaf"] {
        unlock(&test, table);
    }
    let is_found = async |what: &str| {
        let found = faults(&test).await;
        assert!(found.iter().any(|fault| fault.contains(what)), "{what}: {found:?}");
    };
    // 1. Two leaves in each other's place, entry and hash together.
    let swap = "UPDATE audit_leaf SET sequence = -1 WHERE sequence = 3; UPDATE audit_leaf SET sequence = 3 WHERE sequence = 4; \
        UPDATE audit_leaf SET sequence = 4 WHERE sequence = -1";
    test.sql(swap);
    is_found("has another root than the entries").await;
    test.sql(swap);
    assert_eq!(faults(&test).await, Vec::<String>::new());
    // 2. Only what they say, so that the tree of hashes is the signed one.
    let (third, fourth) = (leaf_of(&test, 3), leaf_of(&test, 4));
    let exchange = |first: &str, second: &str| {
        let aside = "(SELECT id FROM audit_entry WHERE id NOT IN (SELECT entry_id FROM audit_leaf) LIMIT 1)";
        let copy = "INSERT INTO audit_entry (id, recorded_at, kind, actor, subject, content)";
        let id = if backend == Backend::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
        test.sql(&format!(
            "{copy} SELECT {id}, recorded_at, kind, actor, subject, content FROM audit_entry LIMIT 1; \
             UPDATE audit_leaf SET entry_id = {aside} WHERE sequence = 3; \
             UPDATE audit_leaf SET entry_id = {first} WHERE sequence = 4; UPDATE audit_leaf SET entry_id = {second} WHERE sequence = 3; \
             DELETE FROM audit_entry WHERE id = {aside}"
        ));
    };
    exchange(&third, &fourth);
    is_found("was changed").await;
    exchange(&fourth, &third);
    assert_eq!(faults(&test).await, Vec::<String>::new());
    // 3. One from the middle gone with its entry, its place left empty; then the later ones moved up over it.
    let gone = leaf_of(&test, 5);
    test.sql(&format!("DELETE FROM audit_leaf WHERE sequence = 5; DELETE FROM audit_entry WHERE id = {gone}"));
    assert!(!faults(&test).await.is_empty());
    test.sql(
        "UPDATE audit_leaf SET sequence = -sequence WHERE sequence > 5; \
         UPDATE audit_leaf SET sequence = -sequence - 1 WHERE sequence < 0",
    );
    is_found("has another root than the entries").await;
}

/// The entry of a place in the log, as SQL names it.
fn leaf_of(test: &TestApp, sequence: i64) -> String {
    match test.app.settings.database_url.starts_with("sqlite") {
        true => test.sql(&format!("SELECT quote(entry_id) FROM audit_leaf WHERE sequence = {sequence}")),
        false => format!("'{}'", test.sql(&format!("SELECT entry_id FROM audit_leaf WHERE sequence = {sequence}"))),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_order_and_a_gap_are_found_on_sqlite() {
    another_order_and_a_gap_are_found(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_order_and_a_gap_are_found_on_postgres() {
    another_order_and_a_gap_are_found(Backend::Postgres).await;
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

/// Of a killed service only the lease is left: the log goes on at once, however long that lasts. A living one's is not taken from it.
async fn goes_on_after_a_kill(backend: Backend) {
    let (directory, settings) = TestApp::start(backend).await.rest().await;
    let (service, _) = serving(directory.path(), &settings, Stdio::inherit()).await;
    let sql = |statement: &str| crate::harness::database::run(&settings.database_url, statement).unwrap();
    let holder = || sql("SELECT holder FROM lease WHERE name = 'audit-sequencer'");
    let first = holder();
    drop(service);
    sql("UPDATE lease SET held_until = held_until + 3600000000");
    let test = TestApp::wake(directory, settings.clone()).await;
    covered(&test.app).await;
    let second = holder();
    assert_ne!(second, first);
    let other = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    covered(&other).await;
    assert_eq!(holder(), second);
    drop(other);
    covered(&test.app).await;
}

/// A process of the service; it is killed with this value.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The service in a process of its own, with that log; and its address, at which it listens.
async fn serving(directory: &Path, settings: &Settings, log: Stdio) -> (Serving, SocketAddr) {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let service = Command::new(EXECUTABLE)
        .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
        .args(["serve", "--no-demo", "--data-dir"])
        .arg(directory.join("var"))
        .env("CHUKY__SERVER__LISTEN", address.to_string())
        .env("CHUKY__DATABASE__URL", &settings.database_url)
        .env("CHUKY__HSM__RSA_STOCK", "0")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let service = Serving(service);
    let since = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(since.elapsed() < Duration::from_secs(180), "the service did not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (service, address)
}

/// A disk without room for the log, or a collector of it that is gone, stops nothing: what is told is lost, and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let (directory, settings) = TestApp::sqlite().await.rest().await;
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (service, address) = serving(directory.path(), &settings, full.into()).await;
    let sql = |statement: &str| crate::harness::database::run(&settings.database_url, statement).unwrap();
    let holder = || sql("SELECT holder FROM lease WHERE name = 'audit-sequencer'");
    let first = holder();
    // The task that appends has something to tell, and cannot.
    sql("ALTER TABLE audit_pending RENAME TO audit_pending_elsewhere");
    let lost = || {
        let mut answer = ureq::get(format!("http://{address}/metrics")).call().unwrap();
        let figures = answer.body_mut().read_to_string().unwrap();
        figures.lines().find_map(|line| line.strip_prefix("chuky_log_lines_lost ")?.parse::<u32>().ok()).unwrap()
    };
    let since = Instant::now();
    while lost() == 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing was told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sql("ALTER TABLE audit_pending_elsewhere RENAME TO audit_pending");
    // Another process of the same machine: it appends nothing while the service does.
    let other = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    covered(&other).await;
    assert_eq!(holder(), first, "the service's own task appended");
    drop(service);
}

/// An entry is recorded and under a signed head soon; a dead service's lease has an hour to go.
pub async fn covered(app: &App) {
    let mut transaction = app.store.begin().await.unwrap();
    let entry = Entry::new(app.clock.now(), Kind::SessionTried, Actor::Service, "account:nobody".to_owned());
    let entry = record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
    let began = std::time::Instant::now();
    while app.audit.wait(entry).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "soon");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_goes_on_after_a_kill_on_sqlite() {
    goes_on_after_a_kill(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_goes_on_after_a_kill_on_postgres() {
    goes_on_after_a_kill(Backend::Postgres).await;
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
