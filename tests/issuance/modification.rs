//! A change of information: the new certificate and the revocation of the old one, both or neither, whenever the process dies.

use super::{PASSWORD, crash::Service, fetch, issued, official, redemption, run};
use crate::harness::app::TestApp;
use serde_json::{Value, json};

const NEW_PIN: &str = "cá-vàng-bơi-ngược";

async fn log_in(test: &TestApp, login: &str) -> String {
    let (status, session) = test.post("/api/v1/session", "", &json!({ "login": login, "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    session["token"].as_str().unwrap().to_owned()
}

/// Asks for a change as that caller and has it approved; request and the code that the caller gets.
async fn changed(test: &TestApp, token: &str, serial: &str, changes: &Value) -> (Value, Value) {
    let (status, request) = test.post(&format!("/api/v1/certificates/{serial}/modify"), token, changes).await;
    assert_eq!(status, 201, "{request}");
    test.approve(&request).await;
    let code = test.code(&request, token).await;
    (request, json!(code))
}

fn states(test: &TestApp) -> Vec<String> {
    let text = test.sql("SELECT state FROM certificate WHERE state IN ('issued', 'revoked') ORDER BY created_at");
    text.trim().lines().skip_while(|line| *line == "state").map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_unit_brings_a_new_certificate_and_revokes_the_old_one() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let old = issued(&test, "official").await;
    let serial = old["serial"].as_str().unwrap();
    let (registrar, holder, operator) =
        (test.log_in("dangky").await, log_in(&test, "official").await, test.log_in("gianhang").await);
    let path = format!("/api/v1/certificates/{serial}/modify");
    let unit = json!({ "organizational_unit": "Phòng Nội vụ" });
    // Nothing changed, a field that is none of it, somebody else's business.
    assert_eq!(test.post(&path, &holder, &json!({ "title": "Chuyên viên" })).await.0, 422);
    assert_eq!(test.post(&path, &holder, &json!({ "personal_number": "001085012347" })).await.0, 422);
    assert_eq!(test.post(&path, &holder, &json!({ "title": "" })).await.0, 422);
    assert_eq!(test.post(&path, &operator, &unit).await.0, 404);
    test.app.clock.shift_seconds(86_400);
    let registrar =
        if test.get("/api/v1/session", &registrar).await.0 == 200 { registrar } else { test.log_in("dangky").await };
    let (request, code) = changed(&test, &registrar, serial, &unit).await;
    assert_eq!(
        (&request["replaces"], request["follows"].is_string()),
        (&json!("affiliation_changed"), true),
        "{request}"
    );
    // Until the subscriber confirms nothing happens to the old one.
    assert_eq!(states(&test), ["issued"]);
    let (_, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!(
        (&preview["replaces"], &preview["organizational_unit"]),
        (&json!(true), &json!("Phòng Nội vụ")),
        "{preview}"
    );
    let body = json!({ "code": code, "pin": NEW_PIN, "confirmed": preview["content_digest"] });
    let holder = log_in(&test, "official").await;
    let (status, new) = test.redeem(&holder, &body).await;
    assert_eq!(status, 201, "{new}");
    assert_eq!(states(&test), ["revoked", "issued"]);
    // It ends when the old one would have.
    assert_eq!(new["not_after"], old["not_after"]);
    fetch(&test, at, "officials", &new).await;
    assert!(run(at, "openssl x509 -in subscriber.pem -noout -subject -nameopt utf8").contains("Phòng Nội vụ"));
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").contains("Affiliation Changed"));
    // The old key never signs again, and the log says by which request.
    let credentials = test.sql("SELECT state FROM credential ORDER BY created_at");
    assert!(credentials.contains("closed") && credentials.contains("active"), "{credentials}");
    let entries = test.sql("SELECT CAST(content AS TEXT) FROM audit_entry WHERE kind = 'certificate.revoked'");
    assert!(entries.contains("replaced_by") && entries.contains("information_wrong"), "{entries}");
    // What was revoked is not changed again.
    assert_eq!(test.post(&path, &registrar, &unit).await.0, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_revoked_meanwhile_is_not_replaced() {
    let test = TestApp::sqlite().await;
    let old = issued(&test, "official").await;
    let serial = old["serial"].as_str().unwrap();
    let holder = log_in(&test, "official").await;
    let (request, code) = changed(&test, &holder, serial, &json!({ "full_name": "Trần Đức" })).await;
    assert_eq!(request["replaces"], "superseded", "{request}");
    let path = format!("/api/v1/certificates/{serial}/revoke");
    assert_eq!(test.post(&path, &holder, &json!({ "reason": "key_compromise" })).await.0, 200);
    let body = json!({ "code": code, "pin": NEW_PIN });
    let (status, answer) = test.redeem(&holder, &body).await;
    assert_eq!((status, &answer["type"]), (409, &json!("urn:chuky:problem:certificate_state")), "{answer}");
    assert_eq!(states(&test), ["revoked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_dies_leaves_both_or_neither() {
    let test = TestApp::sqlite().await;
    let old = issued(&test, "official").await;
    let holder = log_in(&test, "official").await;
    let unit = json!({ "organizational_unit": "Phòng Nội vụ" });
    let (_, code) = changed(&test, &holder, old["serial"].as_str().unwrap(), &unit).await;
    let mut body = redemption(code.as_str().unwrap(), "");
    body["pin"] = json!(NEW_PIN);
    let body = test.agreed(&holder, &body).await;
    for (point, after) in [
        ("issue.after_signing", vec!["issued"]),
        ("issue.after_signature", vec!["issued"]),
        ("issue.after_replacement", vec!["revoked", "issued"]),
    ] {
        let mut service = Service::start(&test, point).await;
        assert_eq!(service.redeem_in(&holder, &body).await, None, "{point}: the service lives");
        service.end();
        let mut service = Service::start(&test, "").await;
        service.end();
        assert_eq!(states(&test), after, "{point}");
    }
    // The next start told the lists what the last one had not.
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fetch(&test, at, "officials", &old).await;
    let list = run(at, "openssl crl -in issuing.crl -noout -text");
    assert!(list.contains("Affiliation Changed"), "{list}");
    assert!(official()["subscriber"].is_object());
}
