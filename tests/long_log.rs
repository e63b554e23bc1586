//! A service over a long audit log: what its start takes, its memory, the first checkpoint and proof, and the check of the whole.
//! `CHUKY_LONG_LOG` is the number of entries; a run of `make test` makes few.

use crate::{
    audit::{settle, unlock},
    harness::{
        app::{Backend, EXECUTABLE, TestApp},
        database,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky::{
    app::{App, audit_key_file, remembered_head},
    audit::{Actor, Entry, Kind, recheck, record, verify::verify},
    clock::Clock,
    config::Settings,
    issuance::register,
    worker,
};
use chuky_model::{id::AuditEntryId, serial::Serial};
use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Entries in a run of `make test`.
const FEW: u64 = 3_000;
/// Whose certificates are revoked.
const ISSUER: &str = "long-log";
/// Entries in a transaction.
const GROUP: u64 = 500;

fn wanted() -> u64 {
    std::env::var("CHUKY_LONG_LOG").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW)
}

/// What one subscriber's day leaves: a log-in, an activation, signatures; now and then a certificate and a revocation.
fn day(test: &TestApp, number: u64) -> Vec<Entry> {
    let at = test.app.clock.now();
    let id = || Uuid::now_v7().to_string();
    let (account, session, credential) = (Uuid::from_u128(u128::from(number % 51_000)), id(), id());
    let entry = |kind: Kind, subject: String, version: Option<i64>, content: serde_json::Value| {
        let row_version = version;
        Entry { row_version, ..Entry::new(at, kind, Actor::Service, subject).with(content) }
    };
    let mut made = vec![
        entry(Kind::SessionTried, format!("account:{account}"), Some(1 + i64::try_from(number).unwrap()), json!(null)),
        entry(Kind::SessionOpened, format!("session:{session}"), Some(1), json!({ "account": account })),
        entry(Kind::PinTried, format!("credential:{credential}"), Some(1), json!({ "tries": 1 })),
        entry(Kind::PinAccepted, format!("credential:{credential}"), Some(2), json!(null)),
        entry(Kind::ActivationOpened, format!("activation:{}", id()), Some(1), json!({ "count": 1 })),
        entry(
            Kind::SignaturesMade,
            format!("credential:{credential}"),
            None,
            json!({ "activation": id(), "digests": [hex::encode([7; 32])], "client": null }),
        ),
        entry(Kind::DocumentSigned, format!("document:{}", id()), Some(2), json!({ "sha256": hex::encode([8; 32]) })),
        entry(Kind::SessionClosed, format!("session:{session}"), Some(2), json!(null)),
    ];
    if number.is_multiple_of(20) {
        let serial = Serial::from_octets(&(number + 1).to_be_bytes()).unwrap();
        let content = json!({ "issuer": ISSUER, "serial": serial, "version": 3,
            "revoked_at": at, "code": 1, "generation": 0 });
        made.push(entry(Kind::CertificateRevoked, format!("certificate:{}", id()), Some(3), content));
    }
    made
}

/// Puts so many entries into the log, and waits until the service has appended and signed them.
pub async fn lengthen(test: &TestApp, entries: u64) {
    let mut number = 0;
    while number * 8 < entries {
        let mut transaction = test.app.store.begin().await.unwrap();
        for _ in 0..GROUP / 8 {
            for entry in day(test, number) {
                record(&mut transaction, entry).await.unwrap();
            }
            number += 1;
        }
        transaction.commit().await.unwrap();
    }
    let since = Instant::now();
    loop {
        let head = test.app.store.latest_audit_head().await.unwrap().map_or(0, |head| head.size);
        let size = test.app.store.audit_size().await.unwrap();
        if u64::try_from(size).unwrap() > entries && head == size {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(600), "the log does not settle");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Resident memory of this process in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn told(what: &str, since: Instant) {
    println!("long log: {what}: {:.2} s, {:.0} MiB resident", since.elapsed().as_secs_f64(), memory());
}

async fn recorded(app: &App) -> AuditEntryId {
    let mut transaction = app.store.begin().await.unwrap();
    let entry = Entry::new(app.clock.now(), Kind::SessionTried, Actor::Service, "account:nobody");
    let entry = record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
    entry
}

/// An entry is recorded and under a signed head: once the sequencer has computed the root of all that is there.
async fn covered(app: &App) {
    let (entry, since) = (recorded(app).await, Instant::now());
    while let Err(error) = app.audit.wait(entry).await {
        assert!(since.elapsed() < Duration::from_secs(120), "{error}");
    }
}

async fn is_read(backend: Backend) {
    let test = TestApp::start(backend).await;
    let entries = wanted();
    let since = Instant::now();
    lengthen(&test, entries).await;
    println!("long log: {backend:?}, {} entries", test.app.store.audit_size().await.unwrap());
    told("written and signed", since);
    let (directory, settings) = test.rest().await;
    // 1. The start, in its steps.
    let since = Instant::now();
    let app = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    told("opened", since);
    let since = Instant::now();
    app.audit.row_versions().read().await.unwrap();
    told("versions of rows read", since);
    let since = Instant::now();
    worker::prepare(&app).await.unwrap();
    told("everything else before the first request", since);
    // 2. The first entry, the first checkpoint and the first proof.
    let since = Instant::now();
    covered(&app).await;
    told("an entry covered", since);
    let since = Instant::now();
    let published = app.log.publish().await.unwrap().unwrap();
    told("the first checkpoint", since);
    let since = Instant::now();
    app.log.proof(published.checkpoint.size / 2).await.unwrap().unwrap();
    told("a proof", since);
    let since = Instant::now();
    worker::round(&app).await;
    told("a round of the background", since);
    // 3. What the next start need not read, and that start.
    let since = Instant::now();
    let size = app.summaries.renew().await.unwrap();
    told("a summary made", since);
    assert!(size > entries);
    println!("long log: the summary has {} octets", std::fs::metadata(app.summaries.path()).unwrap().len());
    // 4. The check of the whole.
    let since = Instant::now();
    let key = std::fs::read(audit_key_file(&settings)).unwrap();
    let found = verify(&app.store, &key, &remembered_head(&settings)).await.unwrap();
    told("the whole log checked", since);
    assert_eq!(found.faults, Vec::<String>::new());
    assert!(found.entries > entries);
    app.store.close().await;
    drop(app);
    let since = Instant::now();
    let app = App::open(settings, Clock::default(), EXECUTABLE.into()).await.unwrap();
    app.audit.row_versions().read().await.unwrap();
    worker::prepare(&app).await.unwrap();
    told("opened and prepared after a summary", since);
    assert_eq!(app.audit.row_versions().still_unread(), size);
    let since = Instant::now();
    covered(&app).await;
    told("an entry covered", since);
    let since = Instant::now();
    recheck::run(&app.store, app.audit.row_versions(), Duration::ZERO).await;
    told("all of it read again", since);
    assert_eq!((app.audit.row_versions().broken(), app.audit.row_versions().still_unread()), (None, 0));
    app.store.close().await;
    drop((app, directory));
}

/// What a service knows of the log, by whatever road.
async fn knowledge(app: &App) -> (Vec<i64>, Vec<bool>, usize) {
    let rows = app.audit.row_versions();
    let subjects = app.store.list_audit_leaves(0, 100_000).await.unwrap();
    let mut versions = Vec::new();
    for (_, entry) in &subjects {
        versions.push(rows.newest(&entry.subject).await.unwrap());
    }
    let revoked = (0..2_000_u64).map(|number| {
        let serial = Serial::from_octets(&number.to_be_bytes()).ok();
        serial.is_some_and(|serial| app.register.told(ISSUER, &serial).is_some())
    });
    (versions, revoked.collect(), app.payments.remembered().count())
}

async fn open(settings: &Settings) -> App {
    let app = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    app.audit.row_versions().read().await.unwrap();
    register::follow(&app).await.unwrap();
    app
}

async fn close(app: App) {
    app.store.close().await;
    drop(app);
}

/// Payments that were accepted, as the log tells of them.
async fn accept(test: &TestApp, identities: &[u64]) {
    let octets: Vec<u8> = identities.iter().flat_map(|identity| identity.to_be_bytes()).collect();
    let content = json!({ "count": identities.len(), "digest": "", "identities": STANDARD.encode(octets) });
    let entry = Entry::new(test.app.clock.now(), Kind::PaymentsConsumed, Actor::Service, "payments:x");
    let mut transaction = test.app.store.begin().await.unwrap();
    record(&mut transaction, entry.with(content)).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn a_summary_says_what_the_log_says(backend: Backend) {
    let test = TestApp::start(backend).await;
    lengthen(&test, 400).await;
    accept(&test, &[1, 2, 3]).await;
    settle(&test).await;
    let first = test.app.summaries.renew().await.unwrap();
    // What comes after it is read from the log.
    lengthen(&test, first + 300).await;
    accept(&test, &[4, 5]).await;
    settle(&test).await;
    let (directory, settings) = test.rest().await;
    let app = open(&settings).await;
    assert_eq!(app.audit.row_versions().still_unread(), first);
    let resumed = knowledge(&app).await;
    // One that was grown is as good as one that was made at once.
    let second = app.summaries.renew().await.unwrap();
    assert!(second > first + 300);
    let grown = fs::read(app.summaries.path()).unwrap();
    fs::remove_file(app.summaries.path()).unwrap();
    assert_eq!(app.summaries.renew().await.unwrap(), second);
    assert_eq!(fs::read(app.summaries.path()).unwrap().len(), grown.len());
    close(app).await;
    for (summary, unread) in [(Some(&grown), second), (None, 0)] {
        let kept = settings.secrets_dir.join("audit-summary");
        match summary {
            Some(octets) => fs::write(&kept, octets).unwrap(),
            None => fs::remove_file(&kept).unwrap(),
        }
        let app = open(&settings).await;
        assert_eq!(app.audit.row_versions().still_unread(), unread);
        let (versions, revoked, payments) = knowledge(&app).await;
        assert_eq!((&versions[..resumed.0.len()], &revoked, payments), (&resumed.0[..], &resumed.1, 5));
        assert!(revoked.iter().filter(|revoked| **revoked).count() >= 2 && versions.iter().any(|version| *version > 1));
        close(app).await;
    }
    drop(directory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_says_what_the_log_says_on_sqlite() {
    a_summary_says_what_the_log_says(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_says_what_the_log_says_on_postgres() {
    a_summary_says_what_the_log_says(Backend::Postgres).await;
}

/// A file that is not the HSM's, or of another log, is left aside: everything is read. An older one costs time and nothing else.
async fn a_file_is_not_believed(backend: Backend) {
    let test = TestApp::start(backend).await;
    lengthen(&test, 100).await;
    let old = test.app.summaries.renew().await.unwrap();
    let older = fs::read(test.app.summaries.path()).unwrap();
    lengthen(&test, old + 200).await;
    let subject = "account:00000000-0000-0000-0000-000000000003";
    let newest = test.app.audit.row_versions().newest(subject).await.unwrap();
    test.app.summaries.renew().await.unwrap();
    let genuine = fs::read(test.app.summaries.path()).unwrap();
    // Another log's, on SQLite under the same HSM's keys: it is no beginning of this one.
    let other = TestApp::start(backend).await;
    lengthen(&other, 50).await;
    other.app.summaries.renew().await.unwrap();
    let foreign = fs::read(other.app.summaries.path()).unwrap();
    drop(other);
    let (directory, settings) = test.rest().await;
    let kept = settings.secrets_dir.join("audit-summary");
    let mut wrong: Vec<Vec<u8>> = [30, genuine.len() / 2, genuine.len() - 1]
        .map(|place| {
            let mut octets = genuine.clone();
            octets[place] ^= 1;
            octets
        })
        .to_vec();
    wrong.extend([genuine[..genuine.len() - 7].to_vec(), Vec::new(), foreign]);
    for octets in wrong {
        fs::write(&kept, &octets).unwrap();
        let app = open(&settings).await;
        assert_eq!(app.audit.row_versions().still_unread(), 0, "{} octets", octets.len());
        assert_eq!(app.audit.row_versions().newest(subject).await.unwrap(), newest);
        close(app).await;
    }
    fs::write(&kept, &older).unwrap();
    let app = open(&settings).await;
    assert_eq!(app.audit.row_versions().still_unread(), old);
    assert_eq!(app.audit.row_versions().newest(subject).await.unwrap(), newest, "read from the log since");
    close(app).await;
    drop(directory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_summary_is_not_believed_on_sqlite() {
    a_file_is_not_believed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_summary_is_not_believed_on_postgres() {
    a_file_is_not_believed(Backend::Postgres).await;
}

/// An entry changed while nothing runs: before the summary's end nothing is taken from it, and it is found beside the work; after it the start finds it;
/// with its leaf the sequencer does.
async fn changed_entries_are_found(backend: Backend) {
    let test = TestApp::start(backend).await;
    lengthen(&test, 100).await;
    let made = test.app.summaries.renew().await.unwrap();
    lengthen(&test, made + 100).await;
    settle(&test).await;
    for table in ["audit_entry", "audit_leaf"] {
        unlock(&test, table);
    }
    let (directory, settings) = test.rest().await;
    let sql = |statement: &str| database::run(&settings.database_url, statement).unwrap();
    let of_place = |place: u64| format!("id = (SELECT entry_id FROM audit_leaf WHERE sequence = {place})");
    let change = |place: u64, back: bool| {
        let subject = if back { "substr(subject, 2)" } else { "'x' || subject" };
        sql(&format!("UPDATE audit_entry SET subject = {subject} WHERE {}", of_place(place)));
    };
    // 1. After the summary.
    change(made + 5, false);
    let app = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    let error = worker::prepare(&app).await.unwrap_err();
    assert!(error.to_string().contains("not whole"), "{error}");
    close(app).await;
    change(made + 5, true);
    // 2. Before its end: the start goes by the summary, and the reading beside the work finds it.
    change(5, false);
    let app = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    let test = TestApp::around(app).await;
    for _ in 0..600 {
        if test.app.audit.row_versions().broken().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (status, ready) = test.get("/readyz", "").await;
    assert_eq!((status, &ready["audit"]["whole"]), (503, &json!(false)), "{ready}");
    let error = test.app.audit.row_versions().newest("account:x").await.unwrap_err();
    assert!(error.to_string().contains("not whole"), "{error}");
    let store = test.app.store.clone();
    test.stop().await;
    store.close().await;
    change(5, true);
    // 3. Its leaf with it: nothing is put on a log whose hashes make another root.
    let app = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    app.audit.row_versions().read().await.unwrap();
    covered(&app).await;
    close(app).await;
    let other = match backend {
        Backend::Sqlite => "zeroblob(32)".to_owned(),
        Backend::Postgres => format!("decode('{}', 'hex')", "00".repeat(32)),
    };
    sql(&format!("UPDATE audit_leaf SET hash = {other} WHERE sequence = 7"));
    let app = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
    let entry = recorded(&app).await;
    assert!(app.audit.wait(entry).await.is_err(), "nothing is signed on it");
    close(app).await;
    drop(directory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_entries_are_found_after_a_summary_on_sqlite() {
    changed_entries_are_found(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_entries_are_found_after_a_summary_on_postgres() {
    changed_entries_are_found(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_read_on_sqlite() {
    is_read(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_read_on_postgres() {
    is_read(Backend::Postgres).await;
}
