//! Orders to revoke a list: what is shown is what is entered, approved by another account and carried out, also where the process dies.

use super::{approved, citizen, crash::Service, fetch, issued, kinds::issued_of, lists, redemption, run};
use crate::harness::app::{Backend, TestApp};
use chuky_model::role::Role;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/v1/revocation-orders";

/// Waits until an order is carried out.
pub async fn finished(test: &TestApp, id: &str) -> Value {
    let officer = test.log_in("quantri").await;
    for _ in 0..1_800 {
        let (status, order) = test.get(&format!("{PATH}/{id}"), &officer).await;
        assert_eq!(status, 200, "{order}");
        if order["state"] == "done" {
            return order;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("order {id} is not carried out");
}

/// Enters an order for what the preview shows.
async fn entered(test: &TestApp, token: &str, wanted: &Value) -> Value {
    let (status, preview) = test.post(&format!("{PATH}/preview"), token, wanted).await;
    assert_eq!(status, 200, "{preview}");
    let mut body = wanted.clone();
    body["content_digest"] = preview["content_digest"].clone();
    let (status, order) = test.post(PATH, token, &body).await;
    assert_eq!(status, 201, "{order}");
    order
}

async fn ordered(backend: Backend) {
    let test = TestApp::start(backend).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (citizen, official) = (issued(&test, "citizen").await, issued(&test, "official").await);
    let (operator, officer, approver) =
        (test.log_in("gianhang").await, test.log_in("quantri").await, test.log_in("duyet").await);
    let serials = json!([citizen["serial"], official["serial"], citizen["serial"], "00ff"]);
    let wanted = json!({ "serials": serials, "reason": "key_compromise", "ground": "key_exposed" });
    // What would be revoked: once each, and what is not found is said.
    let (status, preview) = test.post(&format!("{PATH}/preview"), &officer, &wanted).await;
    assert_eq!((status, &preview["size"]), (200, &json!(2)), "{preview}");
    assert_eq!(preview["certificates"][0]["common_name"], "Nguyễn Thị Hồng Ưởng");
    assert_eq!(preview["certificates"][2]["problem"], "listed_twice");
    assert_eq!(preview["certificates"][3]["problem"], "not_found");
    // An operator's list holds citizens only.
    let (_, less) = test.post(&format!("{PATH}/preview"), &operator, &wanted).await;
    assert_eq!(less["size"], 1, "{less}");
    // Only what was shown is entered.
    for digest in [json!(""), less["content_digest"].clone()] {
        let mut body = wanted.clone();
        body["content_digest"] = digest;
        let (status, answer) = test.post(PATH, &officer, &body).await;
        assert_eq!((status, &answer["type"]), (409, &json!("urn:chuky:problem:content_differs")), "{answer}");
    }
    let order = entered(&test, &officer, &wanted).await;
    let path = format!("{PATH}/{}", order["id"].as_str().unwrap());
    let digest = json!({ "content_digest": order["content_digest"] });
    // Never by who entered it, never something else, and operators learn nothing of it.
    assert_eq!(test.post(&format!("{path}/approve"), &officer, &digest).await.0, 403);
    assert_eq!(test.post(&format!("{path}/approve"), &operator, &digest).await.0, 403);
    // Nor by the same person in another account.
    let person = test.app.store.account_by_login("quantri").await.unwrap().unwrap().person_lookup.unwrap();
    let twin = test.account_of("quantri.duyet", &[Role::Approver], Some(person.try_into().unwrap())).await.1;
    let (status, answer) = test.post(&format!("{path}/approve"), &twin, &digest).await;
    assert_eq!((status, &answer["type"]), (403, &json!("urn:chuky:problem:own_request")), "{answer}");
    assert_eq!(test.get(&path, &twin).await.1["decidable"], json!(false));
    assert_eq!(test.get(&path, &operator).await.0, 404);
    let other = json!({ "content_digest": "00" });
    assert_eq!(test.post(&format!("{path}/approve"), &approver, &other).await.0, 409);
    assert_eq!(test.get(&path, &approver).await.1["lines"][0]["outcome"], Value::Null);
    let (status, answer) = test.post(&format!("{path}/approve"), &approver, &digest).await;
    assert_eq!(status, 200, "{answer}");
    let done = finished(&test, order["id"].as_str().unwrap()).await;
    assert_eq!((&done["done"], &done["size"]), (&json!(2), &json!(2)), "{done}");
    assert!(done["lines"][1]["done_at"].is_string() && done["lines"][1]["outcome"] == "revoked", "{done}");
    assert_eq!(test.post(&format!("{path}/approve"), &approver, &digest).await.0, 409);
    // Each with who, when and why; both lists tell it.
    let entries = test.sql("SELECT CAST(content AS TEXT) FROM audit_entry WHERE kind = 'certificate.revoked'");
    // PostgreSQL shows octets in hexadecimal.
    for word in ["approved_by", "key_exposed"] {
        let shown = entries.matches(word).count() + entries.matches(&hex::encode(word)).count();
        assert_eq!(shown, 2, "{word}: {entries}");
    }
    fetch(&test, at, "officials", &official).await;
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").contains("Key Compromise"));
    lists(&test, at, "citizens").await;
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").contains("Key Compromise"));
    // There is nothing left to revoke.
    let (_, preview) = test.post(&format!("{PATH}/preview"), &officer, &wanted).await;
    let mut body = wanted.clone();
    body["content_digest"] = preview["content_digest"].clone();
    assert_eq!(test.post(PATH, &officer, &body).await.1["type"], "urn:chuky:problem:nothing_to_revoke");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_revoked_by_two_people_on_sqlite() {
    ordered(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_revoked_by_two_people_on_postgres() {
    ordered(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_units_devices_are_revoked_and_its_staff_is_not() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let device = issued_of(&test, "device", directory.path()).await;
    let seal = issued_of(&test, "seal", directory.path()).await;
    let (registrar, officer) = (test.log_in("dangky").await, test.log_in("quantri").await);
    let wanted = json!({ "unit": "H26", "hierarchy": "officials", "kind": "device", "reason": "key_compromise" });
    let order = entered(&test, &registrar, &wanted).await;
    assert_eq!(order["size"], 1, "{order}");
    let path = format!("{PATH}/{}", order["id"].as_str().unwrap());
    // Rejected with a reason nothing is revoked, and it is decided once.
    assert_eq!(test.post(&format!("{path}/reject"), &officer, &json!({ "reason": " " })).await.0, 422);
    let (status, rejected) = test.post(&format!("{path}/reject"), &officer, &json!({ "reason": "Nhầm lô" })).await;
    assert_eq!((status, &rejected["state"]), (200, &json!("rejected")), "{rejected}");
    let order = entered(&test, &registrar, &wanted).await;
    let path = format!("{PATH}/{}", order["id"].as_str().unwrap());
    let digest = json!({ "content_digest": order["content_digest"] });
    assert_eq!(test.post(&format!("{path}/approve"), &officer, &digest).await.0, 200);
    finished(&test, order["id"].as_str().unwrap()).await;
    let state = async |receipt: &Value| {
        let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
        test.get(&path, &officer).await.1["state"].clone()
    };
    assert_eq!((state(&device).await, state(&seal).await), (json!("revoked"), json!("issued")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_goes_on_where_a_killed_service_stopped() {
    let test = TestApp::sqlite().await;
    let one = issued(&test, "citizen").await;
    let mut second = citizen();
    second["subscriber"]["personal_number"] = json!("001190012346");
    let (_, code) = approved(&test, "gianhang", &second).await;
    let (status, two) = test.redeem("", &redemption(&code, "second")).await;
    assert_eq!(status, 201, "{two}");
    let (officer, approver) = (test.log_in("quantri").await, test.log_in("duyet").await);
    let wanted = json!({ "serials": [one["serial"], two["serial"]], "reason": "cessation_of_operation" });
    let order = entered(&test, &officer, &wanted).await;
    let path = format!("{PATH}/{}/approve", order["id"].as_str().unwrap());
    // A service of its own approves it, and dies after the first certificate.
    let mut service = Service::start(&test, "order.after_line").await;
    service.post(&path, &approver, &json!({ "content_digest": order["content_digest"] })).await;
    service.died().await;
    assert_eq!(test.sql("SELECT state FROM certificate").matches("revoked").count(), 1);
    // Its lease ends, and whoever is there goes on.
    test.app.clock.shift_seconds(200);
    chuky::issuance::revocation::run_due(&test.app).await.unwrap();
    let done = finished(&test, order["id"].as_str().unwrap()).await;
    assert_eq!(done["done"], 2, "{done}");
    assert_eq!(test.sql("SELECT state FROM certificate").matches("revoked").count(), 2);
    let entries = test.sql("SELECT kind FROM audit_entry WHERE kind = 'certificate.revoked'");
    assert_eq!(entries.matches("certificate.revoked").count(), 2, "{entries}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_was_changed_behind_the_service_revokes_nothing() {
    let test = TestApp::sqlite().await;
    let (citizen, official) = (issued(&test, "citizen").await, issued(&test, "official").await);
    let (officer, approver) = (test.log_in("quantri").await, test.log_in("duyet").await);
    let order = entered(&test, &officer, &json!({ "serials": [citizen["serial"]], "reason": "superseded" })).await;
    // An administrator's SQL puts another certificate into the list.
    let other = "SELECT id FROM certificate WHERE hierarchy = 'officials' AND state = 'issued'";
    test.sql(&format!("UPDATE revocation_line SET certificate_id = ({other})"));
    let path = format!("{PATH}/{}/approve", order["id"].as_str().unwrap());
    test.post(&path, &approver, &json!({ "content_digest": order["content_digest"] })).await;
    // The run that the approval started may hold the order still.
    let since = std::time::Instant::now();
    while chuky::issuance::revocation::run_due(&test.app).await.is_ok() {
        assert!(since.elapsed() < Duration::from_secs(60), "it is refused");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(test.sql("SELECT state FROM certificate").matches("revoked").count(), 0);
    assert!(official["serial"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_that_nobody_lifts_ends_where_a_number_is_set() {
    let test = TestApp::with(|settings| settings.authority.suspension_days = 30).await;
    let receipt = issued(&test, "official").await;
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
    assert_eq!(test.post(&format!("{path}/suspend"), &officer, &json!({})).await.0, 200);
    assert_eq!(chuky::issuance::revocation::end_suspensions(&test.app).await.unwrap(), 0);
    test.app.clock.shift_seconds(31 * 86_400);
    assert_eq!(chuky::issuance::revocation::end_suspensions(&test.app).await.unwrap(), 1);
    let officer = test.log_in("quantri").await;
    let (_, view) = test.get(&path, &officer).await;
    assert_eq!((&view["state"], &view["reason"]), (&json!("revoked"), &json!("unspecified")), "{view}");
}
