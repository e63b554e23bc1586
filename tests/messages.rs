//! Messages on their way out of several nodes: each is written by one of them, whatever directories they have.

use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{app::App, clock::Clock, outbox};
use chuky_model::{
    id::MessageId,
    instant::Instant,
    record::{state::MessageChannel, work::Message},
};
use std::{collections::BTreeSet, fs, path::Path};
use uuid::Uuid;

/// Puts so many messages where they wait.
async fn waiting(test: &TestApp, count: usize) {
    let mut transaction = test.app.store.begin().await.unwrap();
    for _ in 0..count {
        let id = MessageId(Uuid::now_v7());
        let seal = |name: &str, text: &str| test.app.vault.seal(name, &id.to_string(), text.as_bytes()).unwrap();
        let message = Message {
            id,
            channel: MessageChannel::Sms,
            recipient: seal("message.recipient", "0912345678"),
            body: seal("message.body", "Ma xac nhan"),
            created_at: Instant::from_unix_seconds(test.app.clock.now().unix_seconds()),
            sent_at: None,
            tries: 0,
            next_at: None,
            failed_at: None,
        };
        transaction.insert_message(&message).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

fn names(spool: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.collect()
}

/// A node over the same database.
async fn node(test: &TestApp, spool: &Path) -> App {
    let mut settings = test.app.settings.clone();
    settings.spool_dir = Some(spool.to_owned());
    App::open(settings, Clock::default(), Path::new(EXECUTABLE).to_owned()).await.unwrap()
}

/// Until nothing waits, each node as often as it takes.
async fn handed_over(app: &App) {
    while outbox::waiting(app).await.unwrap() > 0 {
        outbox::hand_over(app).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_with_two_spools_write_each_message_once() {
    const COUNT: usize = 60;
    let test = TestApp::start(Backend::Postgres).await;
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (node(&test, one.path()).await, node(&test, other.path()).await);
    waiting(&test, COUNT).await;
    tokio::join!(handed_over(&first), handed_over(&second));
    let (written, also) = (names(one.path()), names(other.path()));
    assert_eq!(written.len() + also.len(), COUNT, "each once: {} and {}", written.len(), also.len());
    assert!(written.is_disjoint(&also));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_one_spool_leave_whole_files() {
    const COUNT: usize = 60;
    let test = TestApp::start(Backend::Postgres).await;
    let spool = tempfile::tempdir().unwrap();
    let (first, second) = (node(&test, spool.path()).await, node(&test, spool.path()).await);
    // What a writer left that died is no message, and goes in time; what another writes in this moment stays.
    let (left, fresh) = (spool.path().join(".a.json.b.half"), spool.path().join(".c.json.d.half"));
    for file in [&left, &fresh] {
        fs::write(file, "{").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    fs::File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
    waiting(&test, COUNT).await;
    tokio::join!(handed_over(&first), handed_over(&second));
    assert!(!left.exists() && fresh.exists());
    fs::remove_file(fresh).unwrap();
    assert_eq!(names(spool.path()).len(), COUNT);
    for name in names(spool.path()) {
        let text = fs::read(spool.path().join(&name)).unwrap();
        let message: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(message["to"], "0912345678", "{name}");
    }
}

/// A node that died in the middle keeps the others back for a minute, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_died_leaves_its_messages_to_the_next() {
    let spool = tempfile::tempdir().unwrap();
    let test = TestApp::sqlite().await;
    let node = node(&test, spool.path()).await;
    waiting(&test, 1).await;
    let away = spool.path().with_extension("away");
    fs::rename(spool.path(), &away).unwrap();
    assert!(outbox::hand_over(&node).await.is_err() && !node.spooling.is_well());
    fs::rename(&away, spool.path()).unwrap();
    let now = node.clock.now();
    let mut transaction = node.store.begin().await.unwrap();
    transaction.take_lease("messages", "died", now, now.plus_seconds(60)).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(outbox::hand_over(&node).await.unwrap(), outbox::Round::Another);
    // What failed here before is the other's to tell of, as long as it hands over.
    assert!(names(spool.path()).is_empty() && node.spooling.is_well());
    node.clock.shift_seconds(61);
    assert_eq!(outbox::hand_over(&node).await.unwrap(), outbox::Round::Mine(1));
    assert_eq!(names(spool.path()).len(), 1);
}
