//! Callers who hang up while their PIN is tried or their document signed: the last wrong try locks, what is locked can be unlocked, and the
//! answer waits under its key.

use super::{
    service::Served,
    subscriber::{PIN, Subscriber, citizen, plain_pdf},
};
use crate::harness::app::TestApp;
use serde_json::{Value, json};
use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

const WRONG: &str = "không phải mã này";

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !done().await {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Begins to post; whoever drops what is given hangs up.
fn begin(test: &TestApp, path: &str, token: &str, key: &str, body: &Value) -> TcpStream {
    let (host, text) = (test.url.trim_start_matches("http://"), body.to_string());
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nidempotency-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        text.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
    stream
}

async fn standing(test: &TestApp, who: &Subscriber) -> (String, u64) {
    let (_, answer) = test.get("/api/v1/credentials", &who.token).await;
    let credential = &answer["credentials"][0];
    (credential["state"].as_str().unwrap().to_owned(), credential["tries_left"].as_u64().unwrap())
}

/// Two people unlock the citizen's signature, and its PIN signs.
async fn unlocked(test: &TestApp, who: &Subscriber, id: &str) {
    let (operator, approver) = (test.log_in("gianhang").await, test.log_in("duyet").await);
    let body = json!({ "whom": "001190012345", "reason": "Đối chiếu thẻ căn cước và khuôn mặt tại quầy." });
    let (status, asked) = test.post("/api/v1/unlocks", &operator, &body).await;
    assert_eq!(status, 201, "{asked}");
    let path = format!("/api/v1/unlocks/{}/approve", asked["id"].as_str().unwrap());
    let (status, answer) = test.post(&path, &approver, &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = who.ask(test, id, PIN, json!({})).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_wrong_try_locks_also_where_nobody_waits_for_it() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    for tried in 1..=5 {
        let body = json!({ "credential": citizen.credential, "pin": WRONG });
        let path = format!("/api/v1/documents/{id}/sign");
        let caller = begin(&test, &path, &citizen.token, &format!("hang-up-{tried}"), &body);
        until("a counted try", async || standing(&test, &citizen).await.1 == 5 - tried).await;
        drop(caller);
    }
    let stored = async || test.sql("SELECT state FROM credential").trim().to_owned();
    until("a locked credential", async || stored().await == "locked").await;
    unlocked(&test, &citizen, &id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_that_ended_with_their_process_can_be_unlocked() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    for _ in 0..4 {
        assert_eq!(citizen.ask(&test, &id, WRONG, json!({})).await.0, 403);
    }
    let mut crashing = Served::start(&test, "sign.after_count");
    assert_eq!(crashing.sign(&citizen, &id), None);
    crashing.child.wait().unwrap();
    assert_eq!(test.sql("SELECT state FROM credential").trim(), "active");
    assert_eq!(standing(&test, &citizen).await, ("locked".to_owned(), 0), "as it is shown");
    let (status, answer) = citizen.ask(&test, &id, PIN, json!({})).await;
    assert_eq!((status, &answer["type"]), (403, &json!("urn:chuky:problem:pin_locked")), "{answer}");
    unlocked(&test, &citizen, &id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_waited_for_is_kept_under_its_key() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let path = format!("/api/v1/documents/{id}/sign");
    let body = json!({ "credential": citizen.credential, "pin": PIN, "level": "B" });
    let key = "hang-up-while-signing";
    let caller = begin(&test, &path, &citizen.token, key, &body);
    until("a call under way", async || test.sql("SELECT count(*) FROM idempotency").trim() == "1").await;
    drop(caller);
    // The same key: under way for a moment, then what the first call gave.
    let again = async || {
        let headers = vec![
            ("authorization", format!("Bearer {}", citizen.token)),
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", key.to_owned()),
        ];
        test.exchange("POST", &path, headers, body.to_string().into_bytes()).await
    };
    let mut answer = again().await;
    let since = Instant::now();
    while answer.0 == 409 && since.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        answer = again().await;
    }
    assert_eq!(answer.0, 200, "{}", String::from_utf8_lossy(&answer.2));
    assert_eq!(answer.1.get("idempotency-replayed").unwrap(), "true");
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1", "signed once");
    let (_, view) = test.get(&format!("/api/v1/documents/{id}"), &citizen.token).await;
    assert_eq!(view["state"], "signed");
    // A flow that fails leaves its key free, also where nobody waits.
    let wrong = json!({ "credential": citizen.credential, "pin": WRONG });
    let other = citizen.upload(&test, &plain_pdf()).await;
    let path = format!("/api/v1/documents/{other}/sign");
    let rows = || test.sql("SELECT count(*) FROM idempotency").trim().to_owned();
    let before: usize = rows().parse().unwrap();
    let caller = begin(&test, &path, &citizen.token, "hang-up-with-a-wrong-pin", &wrong);
    until("a counted try", async || standing(&test, &citizen).await.1 == 4).await;
    drop(caller);
    until("a free key", async || rows() == before.to_string()).await;
}
