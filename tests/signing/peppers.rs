//! Peppers by version: a key follows the newest at the next right PIN, the old one goes only when it may, and an old backup with it.

use super::subscriber::{PIN, citizen, official, plain_pdf};
use crate::harness::app::{EXECUTABLE, TestApp};
use chuky::{audit, custody::pepper, error::Error};
use chuky_hsm::Secret32;
use chuky_model::id::AuditEntryId;
use serde_json::json;
use std::process::Command;

/// An entry that says that the second pepper was made long ago.
async fn queued(test: &TestApp) -> AuditEntryId {
    let mut transaction = test.app.store.begin().await.unwrap();
    let long_ago = test.app.clock.now().plus_seconds(-400 * 86_400);
    let made = audit::Entry::new(long_ago, audit::Kind::PepperMade, audit::Actor::Service, "pepper:2");
    let entry = audit::record(&mut transaction, made).await.unwrap();
    transaction.commit().await.unwrap();
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_follow_the_newest_pepper_and_the_old_one_dies() {
    let test = TestApp::sqlite().await;
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    let id = citizen.upload(&test, &plain_pdf()).await;
    test.sql("CREATE TABLE backup AS SELECT * FROM credential");
    assert_eq!(pepper::add_pepper(&test.app, &Secret32::random()).await.unwrap(), 2);
    let seals = async || {
        let peppers = pepper::peppers(&test.app).await.unwrap();
        peppers.iter().map(|pepper| (pepper.version, pepper.used)).collect::<Vec<_>>()
    };
    assert_eq!(seals().await, [(1, 2), (2, 0)]);
    // Within half a minute each worker knows it; a wrong PIN moves nothing, a right one the key.
    let mut moved = false;
    for _ in 0..20 {
        assert_eq!(citizen.ask(&test, &id, "không phải mã này", json!({})).await.0, 403);
        assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
        moved = seals().await == [(1, 1), (2, 1)];
        if moved {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    assert!(moved, "{:?}", seals().await);
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200, "under the new one");
    // Not the newest, not too early, not with somebody's key unawares.
    let refused = async |version, lost| match pepper::destroy_pepper(&test.app, version, lost).await {
        Err(Error::Request(error)) => error.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(2, 0).await, "pepper_newest");
    assert_eq!(refused(3, 0).await, "not_found");
    assert_eq!(refused(1, 1).await, "pepper_too_early");
    // An entry that SQL queues with an earlier time makes it no older.
    let forged = queued(&test).await;
    assert_eq!(refused(1, 1).await, "pepper_too_early", "while it waits");
    test.app.audit.wait(forged).await.unwrap();
    assert_eq!(refused(1, 1).await, "pepper_too_early", "once it is appended");
    // The command says the same.
    let run = |arguments: &[&str]| {
        let mut command = Command::new(EXECUTABLE);
        command.args(["--lang", "en", "pepper"]).args(arguments).arg("--data-dir").arg(test.data_dir());
        let output = command.env("CHUKY__HSM__RSA_STOCK", "0").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = run(&["list"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("pepper 1: 1 usable keys, 0 others; may be destroyed from"), "{said}");
    assert!(said.contains("pepper 2: 1 usable keys, 0 others; newest, in use"), "{said}");
    assert_eq!(run(&["destroy", "1"]).0, Some(1));
    test.app.clock.shift_seconds(91 * 86_400);
    assert_eq!(refused(1, 0).await, "pepper_in_use");
    assert_eq!(pepper::destroy_pepper(&test.app, 1, 1).await.unwrap(), 1);
    assert_eq!(seals().await, [(2, 1)]);
    // The official's key is gone and said to be; the citizen's signs on. Sessions have ended meanwhile.
    assert_eq!(test.sql("SELECT count(*) FROM credential WHERE state = 'closed'").trim(), "1");
    let login = json!({ "login": "cong.dan", "password": super::subscriber::PASSWORD });
    let token = test.post("/api/v1/session", "", &login).await.1["token"].as_str().unwrap().to_owned();
    let body = json!({ "credential": citizen.credential, "pin": PIN });
    let signed = test.post(&format!("/api/v1/documents/{id}/sign"), &token, &body).await;
    assert_eq!(signed.0, 200, "{}", signed.1);
    // The seal of an old backup, even with the log's consent, opens nothing: whatever the PIN, its pepper is no more.
    let sealed = test.app.store.credential_by_id(official.credential.parse().unwrap()).await.unwrap().unwrap();
    let context = chuky_hsm::KeyContext { key_id: sealed.id, owner: sealed.account_id };
    let dead = resealed(&test, &sealed.sealed_key, &context, &Secret32::random()).await;
    assert!(matches!(dead, Err(chuky_hsm::Error::UnknownKey { .. })), "{dead:?}");
}

/// Asks for another seal. SoftHSM may end a worker while another process opens its directory, as the command did; the next worker answers.
async fn resealed(
    test: &TestApp,
    sealed: &[u8],
    context: &chuky_hsm::KeyContext,
    secret: &Secret32,
) -> Result<chuky_hsm::SealedKey, chuky_hsm::Error> {
    let tokens = &test.app.tokens.subscribers;
    for _ in 0..300 {
        let answer = tokens.reseal(sealed, context, secret, context, secret).await;
        if !matches!(answer, Err(chuky_hsm::Error::Unavailable { .. })) {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    tokens.reseal(sealed, context, secret, context, secret).await
}
