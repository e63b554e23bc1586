//! The subscriber confirms the content before anything is made of it, or refuses it.

use super::{approved, citizen, redemption};
use crate::harness::app::TestApp;
use chuky_model::request::RequestState;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_confirmed_is_what_the_certificate_says() {
    let test = TestApp::sqlite().await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let (_, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    let digest = preview["content_digest"].as_str().unwrap().to_owned();
    // Another content than the one that was shown: nothing is made.
    let mut body = redemption(&code, "citizen");
    body["confirmed"] = json!(digest.replace(|c: char| c.is_ascii_digit(), "a"));
    let (status, answer) = test.redeem("", &body).await;
    assert_eq!((status, answer["type"].as_str()), (409, Some("urn:chuky:problem:content_differs")), "{answer}");
    assert!(test.app.store.certificates_of_request(id.parse().unwrap()).await.unwrap().is_empty());
    body["confirmed"] = json!(digest);
    let (status, receipt) = test.redeem("", &body).await;
    assert_eq!(status, 201, "{receipt}");
    // That it was confirmed, and under which words, stands in the log before the issue.
    let entry = test.sql("SELECT CAST(content AS TEXT) FROM audit_entry WHERE kind = 'request.issuing'");
    let text = preview["consent"]["sha256"].as_str().unwrap();
    assert!(entry.contains(&digest) && entry.contains("kept-here-1") && entry.contains(text), "{entry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_without_confirmation_and_consent() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let (_, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    let mut own = redemption(&code, "citizen");
    own.as_object_mut().unwrap().remove("pin");
    own["request"] = json!(super::own_key::request(directory.path(), super::own_key::P256, ""));
    let roads = [
        ("/api/v1/activations", redemption(&code, "citizen"), "consent", "consent_own_key"),
        ("/api/v1/activations/own-key", own, "consent_own_key", "consent"),
    ];
    let (digest, old) = (&preview["content_digest"], json!("kept-here-0"));
    for (path, body, right, other) in roads {
        let (right, other) = (&preview[right]["version"], &preview[other]["version"]);
        let nothing = serde_json::Value::Null;
        let tries = [
            (&nothing, &nothing, 422, "confirmation_missing"),
            (&nothing, right, 422, "confirmation_missing"),
            (digest, &nothing, 422, "consent_missing"),
            (digest, &old, 409, "consent_outdated"),
            (digest, other, 409, "consent_outdated"),
        ];
        for (confirmed, consent, refused, why) in tries {
            let mut body = body.clone();
            for (field, value) in [("confirmed", confirmed), ("consent", consent)] {
                if value.is_string() {
                    body[field] = value.clone();
                }
            }
            let (status, answer) = test.post(path, "", &body).await;
            let problem = json!(format!("urn:chuky:problem:{why}"));
            assert_eq!((status, &answer["type"]), (refused, &problem), "{path}: {answer}");
        }
    }
    assert_eq!(test.sql("SELECT count(*) FROM certificate").trim().lines().last(), Some("0"));
    let (status, receipt) = test.redeem("", &redemption(&code, "citizen")).await;
    assert_eq!(status, 201, "{receipt}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_certificate_is_never_made() {
    let test = TestApp::sqlite().await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let path = "/api/v1/activations/refuse";
    for (code, reason, problem) in
        [(code.as_str(), " ", "reason_missing"), ("AAAA-AAAA-AAAA", "Sai tên", "code_invalid")]
    {
        let (status, answer) = test.post(path, "", &json!({ "code": code, "reason": reason })).await;
        assert_eq!((status, &answer["type"]), (422, &json!(format!("urn:chuky:problem:{problem}"))), "{answer}");
    }
    let (status, _) = test.post(path, "", &json!({ "code": code, "reason": "Tên đệm viết sai" })).await;
    assert_eq!(status, 204);
    // The code opens nothing any more; who entered the request reads why.
    assert_eq!(test.redeem("", &redemption(&code, "citizen")).await.0, 422);
    assert_eq!(test.post(path, "", &json!({ "code": code, "reason": "Lần nữa" })).await.0, 422);
    let request = test.app.store.request_by_id(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(request.state, RequestState::Rejected);
    assert_eq!(request.rejection_reason.as_deref(), Some("Tên đệm viết sai"));
    assert!(test.app.store.certificates_of_request(request.id).await.unwrap().is_empty());
    assert!(test.sql("SELECT kind FROM audit_entry").contains("request.refused"));
    // The request is entered anew.
    approved(&test, "gianhang", &citizen()).await;
}
