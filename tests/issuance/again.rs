//! A client that lost the answer to its redemption asks again and gets the same receipt; nobody else learns anything, and no second
//! key is made.

use super::{approved, citizen, redemption};
use crate::harness::app::{Backend, TestApp};
use serde_json::{Value, json};

/// A redemption under that key; status, whether it is a repetition, answer.
async fn redeem(test: &TestApp, key: &str, body: &Value) -> (u16, bool, Value) {
    let (url, key, body) = (format!("{}/api/v1/activations", test.url), key.to_owned(), body.clone());
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.post(&url);
        if !key.is_empty() {
            request = request.header("idempotency-key", &key);
        }
        let mut response = request.send_json(&body).unwrap();
        let again = response.headers().contains_key("idempotency-replayed");
        (response.status().as_u16(), again, response.body_mut().read_json().unwrap())
    })
    .await
    .unwrap()
}

async fn same_receipt(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let key = "0b1e66f0-2b86-4a0e-9f0c-3a4f7f1a1c55";
    let body = test.agreed("", &redemption(&code, "cong.dan")).await;
    let (status, _, refused) = redeem(&test, "12345678", &body).await;
    assert_eq!((status, refused["type"].as_str().unwrap()), (422, "urn:chuky:problem:idempotency_key_form"));
    let (status, again, receipt) = redeem(&test, key, &body).await;
    assert_eq!((status, again), (201, false), "{receipt}");
    // The same receipt, whatever PIN comes with it: nothing of the PIN was kept to compare.
    let other_pin =
        json!({ "code": code, "login": "ai.do", "password": "mật khẩu khác hẳn", "pin": "một mã khác hẳn" });
    for body in [&body, &other_pin] {
        let (status, again, repeated) = redeem(&test, key, body).await;
        assert_eq!((status, again), (201, true));
        assert_eq!(repeated, receipt);
    }
    assert_eq!(test.sql("SELECT count(*) FROM credential").trim(), "1");
    assert_eq!(test.sql("SELECT count(*) FROM certificate WHERE state = 'issued'").trim(), "1");
    // A used code with another key, without one, or the key with another code: as if there were none.
    let unknown = redeem(&test, key, &redemption("2222-2222-2222", "cong.dan")).await.2;
    let told = |answer: &Value| (answer["type"].clone(), answer["detail"].clone(), answer["status"].clone());
    for other in ["", "0b1e66f0-2b86-4a0e-9f0c-3a4f7f1a1c56"] {
        let (status, again, answer) = redeem(&test, other, &body).await;
        assert_eq!((status, again), (422, false));
        assert_eq!(told(&answer), told(&unknown));
    }
    // Not for ever.
    test.app.clock.shift_seconds(73 * 3_600);
    assert_eq!(redeem(&test, key, &body).await.0, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_given_again_on_sqlite() {
    same_receipt(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_given_again_on_postgres() {
    same_receipt(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_after_the_certificate_was_stored_loses_no_receipt() {
    use crate::signing::service::Served;
    let test = TestApp::sqlite().await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let key = "0b1e66f0-2b86-4a0e-9f0c-3a4f7f1a1c55";
    let body = test.agreed("", &redemption(&code, "cong.dan")).await;
    // Killed while the certificate is on its way: under way for the key's owner, nothing for others; then taken back and begun anew.
    let send = |served: &Served| {
        let request = ureq::post(format!("{}/api/v1/activations", served.url)).header("idempotency-key", key);
        request.send_json(&body).is_err()
    };
    let mut crashing = Served::start(&test, "issue.after_intent");
    assert!(send(&crashing));
    crashing.child.wait().unwrap();
    let (status, _, answer) = redeem(&test, key, &body).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (409, "urn:chuky:problem:request_under_way"), "{answer}");
    assert_eq!(redeem(&test, "", &body).await.0, 422);
    assert_eq!(chuky::issuance::recovery::at_start(&test.app).await.unwrap(), 1);
    let mut crashing = Served::start(&test, "issue.after_store");
    assert!(send(&crashing), "killed before it answered");
    crashing.child.wait().unwrap();
    let (status, again, receipt) = redeem(&test, key, &body).await;
    assert_eq!((status, again), (201, true), "{receipt}");
    assert_eq!(receipt["login"], "cong.dan");
    assert_eq!(test.sql("SELECT count(*) FROM credential").trim(), "1");
}
