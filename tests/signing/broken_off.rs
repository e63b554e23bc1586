//! A node that carries a request with an idempotency key out is killed: whoever asks again is told that it was broken off, at once and not
//! after a day, and nothing is done a second time by itself.

use super::{
    service::Served,
    subscriber::{PIN, citizen, plain_pdf},
};
use crate::harness::app::{Backend, TestApp};
use serde_json::{Value, json};

/// Asks for a signature under that key; status and answer, or none where the service went away.
async fn ask(url: &str, document: &str, token: &str, (key, order): (&str, &Value)) -> Option<(u16, Value)> {
    let url = format!("{url}/api/v1/documents/{document}/sign");
    let (token, key, order) = (token.to_owned(), key.to_owned(), order.clone());
    let work = move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(url).header("authorization", format!("Bearer {token}"));
        let mut response = request.header("idempotency-key", key).send_json(order).ok()?;
        Some((response.status().as_u16(), response.body_mut().read_json().ok()?))
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn broken_off(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    // Killed after the document was signed and stored, and before; the answer was never recorded.
    for (point, signed) in [("document.signed_recorded", true), ("sign.activated", false)] {
        let document = citizen.upload(&test, &plain_pdf()).await;
        let (_, seen) = test.get(&format!("/api/v1/documents/{document}"), &citizen.token).await;
        let order = json!({ "credential": citizen.credential, "pin": PIN, "sha256": seen["sha256"] });
        let mut killed = Served::start(&test, point);
        let first = ask(&killed.url, &document, &citizen.token, ("first-key", &order)).await;
        assert_eq!((first, killed.child.wait().unwrap().code()), (None, None), "{point}: ended by a signal");
        // PostgreSQL notices the end of a node a moment later.
        let mut again = Value::Null;
        for _ in 0..1_200 {
            let (status, answer) = ask(&test.url, &document, &citizen.token, ("first-key", &order)).await.unwrap();
            assert_eq!(status, 409, "{point}: {answer}");
            again = answer;
            if again["type"] == "urn:chuky:problem:request_broken_off" {
                break;
            }
            assert_eq!(again["type"], "urn:chuky:problem:request_under_way", "{point}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(again["type"], "urn:chuky:problem:request_broken_off", "{point}");
        // Looked at, and sent again under a new key.
        let (_, seen) = test.get(&format!("/api/v1/documents/{document}"), &citizen.token).await;
        assert_eq!(seen["state"], if signed { "signed" } else { "ready" }, "{point}: {seen}");
        let key = format!("second-key-{point}");
        let (status, answer) = ask(&test.url, &document, &citizen.token, (&key, &order)).await.unwrap();
        assert_eq!(status, if signed { 409 } else { 200 }, "{point}: {answer}");
        // The same answer as often as it is asked, also by two at once.
        if !signed {
            let both = [0, 1].map(|_| ask(&test.url, &document, &citizen.token, (&key, &order)));
            let [one, two] = both;
            let (one, two) = tokio::join!(one, two);
            assert_eq!((one.as_ref(), two.as_ref()), (Some(&(200, answer.clone())), Some(&(200, answer))));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_broken_off_is_told_on_sqlite() {
    broken_off(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_broken_off_is_told_on_postgres() {
    broken_off(Backend::Postgres).await;
}
