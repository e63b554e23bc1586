//! The background round: what fails in one step keeps no other back, and is told where operators look.

use crate::harness::app::{EXECUTABLE, TestApp};
use chuky::worker;
use chuky_model::{
    id::MessageId,
    record::{state::MessageChannel, work::Message},
};
use serde_json::{Value, json};
use std::{fs, process::Command};
use uuid::Uuid;

async fn queue(test: &TestApp, recipient: Option<&str>) -> MessageId {
    let id = MessageId(Uuid::now_v7());
    let sealed = |place, text: &str| test.app.vault.seal(place, &id.to_string(), text.as_bytes()).unwrap();
    let message = Message {
        id,
        channel: MessageChannel::Sms,
        recipient: recipient.map_or_else(|| vec![0; 40], |number| sealed("message.recipient", number)),
        body: sealed("message.body", "Het han"),
        created_at: test.app.clock.now(),
        sent_at: None,
        tries: 0,
        next_at: None,
        failed_at: None,
    };
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.insert_message(&message).await.unwrap();
    transaction.commit().await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_fails_keeps_nothing_else_back() {
    let outside = tempfile::tempdir().unwrap();
    let spool = outside.path().join("spool");
    let test = TestApp::with(|settings| settings.spool_dir = Some(spool.clone())).await;
    let unreadable = queue(&test, None).await;
    let good = queue(&test, Some("0912345678")).await;
    // The directory is missing, and the lists are past half their life.
    let number = async || test.app.store.latest_crl_head("citizens-issuing").await.unwrap().unwrap().number;
    let before = number().await;
    test.app.clock.shift_seconds(13 * 3_600);
    worker::round(&test.app).await;
    assert_eq!(number().await, before + 1, "published though nothing can be handed over");
    let ready = async || test.get("/readyz", "").await;
    let (status, answer) = ready().await;
    assert_eq!((status, &answer["messages"]), (200, &json!(false)), "{answer}");
    let toml = outside.path().join("chuky.toml");
    fs::write(&toml, format!("[hsm]\nrsa_stock = 0\n[messages]\nspool_dir = \"{}\"\n", spool.display())).unwrap();
    let doctor = || {
        let mut command = Command::new(EXECUTABLE);
        command.args(["--lang", "en", "--config"]).arg(&toml).args(["doctor", "--data-dir"]).arg(test.data_dir());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let said = doctor();
    assert!(said.contains("✕ message spool: messages cannot be handed over:"), "{said}");
    // A file in its place.
    fs::write(&spool, b"").unwrap();
    assert!(doctor().contains("✕ message spool:"));
    fs::remove_file(&spool).unwrap();
    // Once it is there, what can be read is handed over, and what cannot stays where it is.
    fs::create_dir(&spool).unwrap();
    worker::round(&test.app).await;
    let files: Vec<_> = fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, [format!("{good}.json").as_str()]);
    let message: Value = serde_json::from_slice(&fs::read(spool.join(format!("{good}.json"))).unwrap()).unwrap();
    assert_eq!(message["to"], "0912345678");
    let waiting = test.app.store.unsent_messages(10).await.unwrap();
    assert_eq!(waiting.iter().map(|message| message.id).collect::<Vec<_>>(), [unreadable]);
    let (status, answer) = ready().await;
    assert_eq!((status, &answer["messages"]), (200, &json!(true)), "{answer}");
    assert!(doctor().contains("✓ message spool: messages can be handed over"), "{}", doctor());
}

/// Without a spool directory there is nothing to tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spool_is_no_fault() {
    let test = TestApp::sqlite().await;
    worker::round(&test.app).await;
    let (status, answer) = test.get("/readyz", "").await;
    assert_eq!((status, &answer["messages"]), (200, &Value::Null), "{answer}");
}
