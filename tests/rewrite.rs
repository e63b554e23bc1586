//! The audit log rewritten by SQL, under a running service and while none runs: nothing of it is signed, what is remembered outside stays, and
//! a database that was put back under running services is served by none of them.

use crate::{
    audit::{covered, faults, settle, unlock},
    harness::{
        app::{Backend, EXECUTABLE, TestApp},
        database,
    },
};
use chuky::{
    app::{App, audit_key_file, remembered_head},
    audit::{
        self, Actor, Entry, Kind,
        entry::leaf,
        head::{RememberedHead, SignedHead},
        merkle::{Frontier, Hash, leaf_hash},
        replay::Replay,
        standing::Needed,
        verify::{verify, watch_queue},
    },
    clock::Clock,
    config::Settings,
    restoration,
    store::Store,
    worker,
};
use chuky_model::record::{Cursor, audit::AuditEntry};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

async fn hashes(store: &Store) -> Vec<Hash> {
    let rows = store.audit_hashes(0, 100_000).await.unwrap();
    rows.into_iter().map(|(_, hash)| hash.try_into().unwrap()).collect()
}

fn root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    hashes.iter().for_each(|hash| frontier.append(*hash));
    frontier.root()
}

/// Octets as the database's SQL writes them.
fn octets(url: &str, octets: &[u8]) -> String {
    match url.starts_with("sqlite") {
        true => format!("x'{}'", hex::encode(octets)),
        false => format!("'\\x{}'", hex::encode(octets)),
    }
}

/// An entry says something else, and its leaf is that of what it says now.
async fn rewrite(store: &Store, url: &str, place: i64) {
    let of_leaf = format!("SELECT entry_id FROM audit_leaf WHERE sequence = {place}");
    database::run(url, &format!("UPDATE audit_entry SET subject = 'account:other' WHERE id = ({of_leaf})")).unwrap();
    let (_, entry) = store.list_audit_leaves(place, 1).await.unwrap().remove(0);
    let hash = octets(url, &leaf_hash(&leaf(&entry)));
    database::run(url, &format!("UPDATE audit_leaf SET hash = {hash} WHERE sequence = {place}")).unwrap();
}

/// An entry that is neither in the log nor waits for it.
async fn adrift(test: &TestApp, subject: &str) -> AuditEntry {
    let id = if test.app.settings.database_url.starts_with("sqlite") { "randomblob(16)" } else { "gen_random_uuid()" };
    test.sql(&format!(
        "INSERT INTO audit_entry (id, recorded_at, kind, actor, subject, content) \
         SELECT {id}, {}, kind, actor, '{subject}', content FROM audit_entry ORDER BY recorded_at LIMIT 1",
        test.app.clock.now().0
    ));
    test.app.store.audit_entries_about(subject, Cursor::OLDEST, 1).await.unwrap().remove(0)
}

fn remembered(settings: &Settings) -> Vec<u8> {
    fs::read(settings.secrets_dir.join("audit-head.json")).unwrap()
}

fn replay(app: &App, remembered: RememberedHead) -> Replay {
    let key = fs::read(audit_key_file(&app.settings)).unwrap();
    Replay::new(app.store.clone(), &key, remembered).unwrap()
}

async fn until_stopped(app: &App) -> Needed {
    let waited = tokio::time::timeout(Duration::from_secs(120), app.audit.until_stopped()).await;
    waited.expect("it stops");
    app.audit.stopped().unwrap()
}

async fn never_signed(backend: Backend) {
    let test = TestApp::start(backend).await;
    for login in ["gianhang", "duyet", "dangky"] {
        test.log_in(login).await;
    }
    settle(&test).await;
    for table in ["audit_entry", "audit_leaf", "audit_head"] {
        unlock(&test, table);
    }
    let (store, url) = (&test.app.store, test.app.settings.database_url.clone());
    let before = hashes(store).await;
    // 1. Rewritten, its leaf with it; and another leaf in the place that is next, so that the service has to look at the log again.
    rewrite(store, &url, 3).await;
    let invented = adrift(&test, "account:invented").await;
    let id = match backend {
        Backend::Sqlite => octets(&url, invented.id.0.as_bytes()),
        Backend::Postgres => format!("'{}'", invented.id.0),
    };
    let hash = octets(&url, &leaf_hash(&leaf(&invented)));
    test.sql(&format!(
        "INSERT INTO audit_leaf (sequence, entry_id, hash) SELECT MAX(sequence) + 1, {id}, {hash} FROM audit_leaf"
    ));
    covered(&test.app).await;
    covered(&test.app).await;
    // It goes on, and what it signs is the log as it was.
    let mut now = hashes(store).await;
    assert_ne!(now[3], before[3]);
    now[3] = before[3];
    let head = store.latest_audit_head().await.unwrap().unwrap();
    let size = usize::try_from(head.size).unwrap();
    assert!(size > before.len());
    assert_eq!(head.root_hash, root(&now[..size]));
    assert_eq!(remembered_head(&test.app.settings).load().unwrap().unwrap().root, root(&now[..size]));
    let found = faults(&test).await;
    assert!(found.iter().any(|fault| fault.contains("has another root than was remembered")), "{found:?}");
    // Who reads the log anew is told each time, not once.
    let mut reader = replay(&test.app, remembered_head(&test.app.settings));
    for _ in 0..2 {
        let error = reader.advance(&["certificate"], |_| ()).await.unwrap_err();
        assert!(error.to_string().contains("not whole"), "{error}");
    }
    // 2. The heads gone: what is remembered outside stays as it was, and nothing is served.
    let outside = remembered(&test.app.settings);
    test.sql("DELETE FROM audit_head");
    assert!(matches!(until_stopped(&test.app).await, Needed::Shorter { .. }));
    assert_eq!(test.get("/api/v1/session", "").await.0, 503);
    assert_eq!(test.sql("SELECT COUNT(*) FROM audit_head"), "0");
    assert!(faults(&test).await.iter().any(|fault| fault.contains("was remembered, and is gone")));
    assert_eq!(remembered(&test.app.settings), outside);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewritten_log_is_never_signed_on_sqlite() {
    never_signed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewritten_log_is_never_signed_on_postgres() {
    never_signed(Backend::Postgres).await;
}

async fn never_signed_at_the_start(backend: Backend) {
    let test = TestApp::start(backend).await;
    test.log_in("gianhang").await;
    settle(&test).await;
    unlock(&test, "audit_entry");
    unlock(&test, "audit_leaf");
    let (directory, settings) = test.rest().await;
    let outside = remembered(&settings);
    let store = Store::open(&settings.database_url).await.unwrap();
    rewrite(&store, &settings.database_url, 2).await;
    let mut transaction = store.begin().await.unwrap();
    let entry = Entry::new(Clock::default().now(), Kind::SessionTried, Actor::Service, "account:nobody");
    audit::record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
    let heads = database::run(&settings.database_url, "SELECT MAX(size) FROM audit_head").unwrap();
    let app = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(database::run(&settings.database_url, "SELECT MAX(size) FROM audit_head").unwrap(), heads);
    assert_eq!(remembered(&settings), outside);
    assert!(worker::prepare(&app).await.is_err());
    let key = fs::read(audit_key_file(&settings)).unwrap();
    let found = verify(&store, &key, &remembered_head(&settings)).await.unwrap().faults;
    assert!(found.iter().any(|fault| fault.contains("another root")), "{found:?}");
    drop((app, directory));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_rewritten_while_nothing_runs_is_not_signed_at_the_start_on_sqlite() {
    never_signed_at_the_start(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_rewritten_while_nothing_runs_is_not_signed_at_the_start_on_postgres() {
    never_signed_at_the_start(Backend::Postgres).await;
}

/// Without anything remembered outside, a reader that has come further than the log does not go on at places that it has passed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_notices_that_the_log_is_shorter_than_it_was() {
    let test = TestApp::sqlite().await;
    test.log_in("gianhang").await;
    settle(&test).await;
    let mut reader = replay(&test.app, RememberedHead::at(test.directory.path().join("none")));
    reader.advance(&["certificate"], |_| ()).await.unwrap();
    unlock(&test, "audit_head");
    test.sql("DELETE FROM audit_head WHERE size > 1");
    for _ in 0..2 {
        let error = reader.advance(&["certificate"], |_| ()).await.unwrap_err();
        assert!(error.to_string().contains("shorter than it was"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_taken_out_of_the_queue_is_missed() {
    let test = TestApp::sqlite().await;
    settle(&test).await;
    assert_eq!(watch_queue(&test.app.store, test.app.clock.now()).await.unwrap(), 0);
    let gone = adrift(&test, "account:gone").await;
    let found = faults(&test).await;
    assert!(found.iter().any(|fault| fault.contains(&gone.id.to_string()) && fault.contains("taken out")), "{found:?}");
    assert_eq!(watch_queue(&test.app.store, test.app.clock.now()).await.unwrap(), 1);
}

/// The mark comes into a database under a running service, as a restore in another place brings it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_database_is_marked_as_restored_stops_serving() {
    let test = TestApp::sqlite().await;
    let token = test.log_in("quantri").await;
    let list = "/crl/citizens-issuing.crl";
    assert_eq!(test.get(list, "").await.0, 200);
    test.sql("INSERT INTO restoration (id, backup_at, restored_at) VALUES (randomblob(16), 1, 2)");
    assert_eq!(until_stopped(&test.app).await, Needed::Restored { backup_at: chuky_model::instant::Instant(1) });
    let (status, answer) = test.get("/api/v1/session", &token).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer.to_string().contains("not_reconciled"), "{answer}");
    for path in [list, "/", "/readyz", "/audit/log/checkpoint"] {
        assert_eq!(test.get(path, "").await.0, 503, "{path}");
    }
    assert_eq!(test.get("/healthz", "").await.0, 200);
    // Who waits for a head is told at once, and nothing of it was signed.
    let mut transaction = test.app.store.begin().await.unwrap();
    let entry = Entry::new(test.app.clock.now(), Kind::SessionTried, Actor::Service, "account:nobody");
    let entry = audit::record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
    let began = Instant::now();
    let refused = test.app.audit.wait(entry).await.unwrap_err();
    assert!(refused.to_string().contains("not_reconciled") && began.elapsed() < Duration::from_secs(60), "{refused}");
    assert_eq!(test.sql("SELECT COUNT(*) FROM audit_pending"), "1");
}

/// What another node remembers from before a reconciliation is no second thing to reconcile; what it remembers from after it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_from_before_a_reconciliation_does_not_ask_for_another() {
    let test = TestApp::sqlite().await;
    settle(&test).await;
    let now = test.app.clock.now();
    test.sql(&format!(
        "INSERT INTO restoration (id, backup_at, restored_at, reconciled_at) VALUES (randomblob(16), 1, 2, {})",
        now.0
    ));
    let (remembered, settings) = (remembered_head(&test.app.settings), test.app.settings.clone());
    let longer = |size: u64, at| SignedHead { size, root: [7; 32], at, signature: vec![1] };
    remembered.save(&longer(1_000_000, now.plus_seconds(-60))).unwrap();
    let refused = restoration::begin(&settings, now).await.unwrap_err().to_string();
    assert!(refused.contains("reconciled_elsewhere"), "{refused}");
    assert_eq!(test.sql("SELECT COUNT(*) FROM restoration"), "1");
    assert_eq!(remembered.load().unwrap().unwrap().size, 1_000_000);
    remembered.save(&longer(1_000_001, now.plus_seconds(60))).unwrap();
    let begun = restoration::begin(&settings, now).await.unwrap();
    assert_eq!(begun.unwrap().1.unwrap().size, 1_000_001);
    assert_eq!(test.sql("SELECT COUNT(*) FROM restoration WHERE reconciled_at IS NULL"), "1");
}

fn dumped(url: &str, file: &Path) {
    let dump = Command::new("pg_dump").args(["--no-owner", "-f"]).arg(file).arg(url).status().unwrap();
    assert!(dump.success());
}

fn put_back(url: &str, file: &Path) {
    database::run(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").unwrap();
    let done = Command::new("psql").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f"]).arg(file).arg(url).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Two nodes, each with secrets of its own; one that never appended knows all the same that yesterday's database was put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_only_follows_knows_a_database_that_was_put_back() {
    let test = TestApp::start(Backend::Postgres).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let secrets = elsewhere.path().join("secrets");
    let copied = Command::new("cp").arg("-a").arg(&test.app.settings.secrets_dir).arg(&secrets).status().unwrap();
    assert!(copied.success());
    fs::remove_file(secrets.join("audit-head.json")).unwrap();
    let settings = Settings { secrets_dir: secrets, ..test.app.settings.clone() };
    let other = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    let other = TestApp::around(other).await;
    let (dump, url) = (elsewhere.path().join("dump.sql"), settings.database_url.clone());
    settle(&test).await;
    dumped(&url, &dump);
    covered(&test.app).await;
    settle(&test).await;
    // It remembers what the other one signed.
    let own = remembered_head(&test.app.settings).load().unwrap().unwrap();
    let until = Instant::now() + Duration::from_secs(120);
    while remembered_head(&settings).load().unwrap().is_none_or(|head| head.size < own.size) {
        assert!(Instant::now() < until, "the node that follows remembers nothing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(remembered_head(&settings).load().unwrap().unwrap().root, own.root);
    assert_eq!(other.get("/crl/citizens-issuing.crl", "").await.0, 200);
    // The node that appended ends, with all that it remembers; the old database is put back under the one that lives.
    let (directory, _) = test.rest().await;
    put_back(&url, &dump);
    assert!(matches!(until_stopped(&other.app).await, Needed::Shorter { .. }));
    assert_eq!(other.get("/crl/citizens-issuing.crl", "").await.0, 503);
    let opened = App::open(settings, Clock::default(), EXECUTABLE.into()).await.err().unwrap();
    assert!(opened.to_string().contains("fewer than"), "{opened}");
    drop(directory);
}
