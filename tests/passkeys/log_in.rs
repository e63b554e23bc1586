//! Logging in with a passkey: for whoever has one, whatever was asked of nobody in particular, and for nobody else.

use super::{added, authenticator::text, problem, service};
use chuky_model::role::Role;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_opens_a_session_and_nothing_else_does() {
    let test = service(|_| ()).await;
    let token = test.log_in("gianhang").await;
    let (mut passkey, view) = added(&test, "gianhang", &token).await;
    let ask = async || test.post("/api/v1/session/passkey/options", "", &json!({})).await.1;
    let enter = async |answer: &Value| test.post("/api/v1/session/passkey", "", answer).await;
    // What is asked names no account and no credential.
    let asked = ask().await;
    assert_eq!(asked["credentials"], json!([]), "{asked}");
    assert!(asked["statement"].as_str().unwrap().contains("\naccount: \n"), "{asked}");
    let answer = passkey.answer(&asked);
    let (status, session) = enter(&answer).await;
    assert_eq!(status, 200, "{session}");
    let who = test.get("/api/v1/session", session["token"].as_str().unwrap()).await.1;
    assert_eq!(who["login"], "gianhang");
    // Once, not without verification, not on another site, and one answer for whatever is wrong.
    assert_eq!(problem(&enter(&answer).await.1), "passkey_login_wrong", "its counter is used, too");
    let asked = ask().await;
    let unknown = passkey.answer_wrongly(&asked, |saying| saying.credential_id = vec![9; 32]);
    let unverified = passkey.answer_wrongly(&asked, |saying| saying.flags = 0x01);
    let elsewhere = passkey.answer_wrongly(&asked, |saying| saying.origin = "https://localhost".to_owned());
    let mut others = passkey.answer(&asked);
    others["user_handle"] = json!(text(&[0; 16]));
    let mut told = Vec::new();
    for wrong in [unknown, unverified, elsewhere, others] {
        let (status, answer) = enter(&wrong).await;
        assert_eq!((status, problem(&answer)), (401, "passkey_login_wrong"), "{answer}");
        told.push(answer["detail"].to_string());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    // An authenticator that does not count: the used challenge is what refuses the second.
    let (mut silent, _) = added(&test, "gianhang", &token).await;
    let answer = silent.answer_wrongly(&ask().await, |saying| saying.counter = 0);
    assert_eq!(enter(&answer).await.0, 200);
    assert_eq!(problem(&enter(&answer).await.1), "passkey_challenge_over");
    // Removed, it opens nothing.
    let path = format!("/api/v1/passkeys/{}/remove", view["id"].as_str().unwrap());
    let password = json!({ "password": test.passwords["gianhang"] });
    assert_eq!(test.post(&path, &token, &password).await.0, 204);
    let asked = ask().await;
    assert_eq!(enter(&passkey.answer(&asked)).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_a_reset_counter_and_an_address_without_passkeys() {
    let test = service(|_| ()).await;
    let token = test.log_in("gianhang").await;
    let (mut passkey, _) = added(&test, "gianhang", &token).await;
    let ask = async || test.post("/api/v1/session/passkey/options", "", &json!({})).await.1;
    let enter = async |answer: &Value| test.post("/api/v1/session/passkey", "", answer).await;
    let row = test.sql("SELECT hex(mac), counter, version FROM passkey");
    assert_eq!(enter(&passkey.answer(&ask().await)).await.0, 200);
    // The row of before put back, with its own MAC: the log knows a later one.
    let columns: Vec<&str> = row.trim().split('|').collect();
    test.sql(&format!(
        "UPDATE passkey SET mac = x'{}', counter = {}, version = {}, last_used_at = NULL",
        columns[0], columns[1], columns[2]
    ));
    let asked = ask().await;
    passkey.counter = 0;
    assert_eq!(enter(&passkey.answer(&asked)).await.0, 500);
    // An account that was disabled.
    let token = test.log_in("dangky").await;
    let (mut passkey, _) = added(&test, "dangky", &token).await;
    let officer = test.account("an.ninh", &[Role::SecurityOfficer], None).await.1;
    let id = test.app.store.account_by_login("dangky").await.unwrap().unwrap().id;
    let (status, answer) = test.post(&format!("/api/v1/accounts/{id}/disable"), &officer, &json!({})).await;
    assert!(status < 300, "{status} {answer}");
    assert_eq!(enter(&passkey.answer(&ask().await)).await.0, 401);
    // At an address that is a number browsers give no passkeys.
    let test = crate::harness::app::TestApp::sqlite().await;
    let (status, answer) = test.post("/api/v1/session/passkey/options", "", &json!({})).await;
    assert_eq!((status, problem(&answer)), (409, "passkeys_unavailable"), "{answer}");
}
