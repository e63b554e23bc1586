//! The other decisions that authorise: revoking a list, unlocking a signature, changing an account of staff.

use super::{added, approver, asked, problem, service};
use crate::{
    issuance::{issued, revocation_orders::finished},
    signing::{
        subscriber::{PIN, citizen, plain_pdf},
        unlock::lock,
    },
    staff,
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_to_revoke_is_bound_to_an_assertion() {
    const PATH: &str = "/api/v1/revocation-orders";
    let test = service(|_| ()).await;
    let citizen = issued(&test, "citizen").await;
    let officer = test.log_in("quantri").await;
    let wanted = json!({ "serials": [citizen["serial"]], "reason": "key_compromise", "ground": "key_exposed" });
    let (_, preview) = test.post(&format!("{PATH}/preview"), &officer, &wanted).await;
    let mut body: Value = wanted.clone();
    body["content_digest"] = preview["content_digest"].clone();
    let (status, order) = test.post(PATH, &officer, &body).await;
    assert_eq!(status, 201, "{order}");
    let (token, mut passkey, _) = approver(&test).await;
    let id = order["id"].as_str().unwrap();
    let path = format!("{PATH}/{id}/approve");
    let without = json!({ "content_digest": order["content_digest"] });
    assert_eq!(problem(&test.post(&path, &token, &without).await.1), "passkey_needed");
    let ask = asked(&test, &token, &format!("revocation_order:{id}"), &order["content_digest"]).await;
    let body = json!({ "content_digest": order["content_digest"], "assertion": passkey.answer(&ask) });
    assert_eq!(test.post(&path, &token, &body).await.0, 200);
    finished(&test, id).await;
    let entry = test.sql("SELECT CAST(content AS TEXT) FROM audit_entry WHERE kind = 'revocation.approved'");
    assert!(entry.contains("authenticator_data") && entry.contains(id), "{entry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlock_is_bound_to_an_assertion() {
    let test = service(|_| ()).await;
    let holder = citizen(&test).await;
    let document = holder.upload(&test, &plain_pdf()).await;
    lock(&test, &holder, &document).await;
    let operator = test.log_in("gianhang").await;
    let ask = json!({ "whom": "001190012345", "reason": "Đối chiếu thẻ căn cước tại quầy." });
    let (status, unlock) = test.post("/api/v1/unlocks", &operator, &ask).await;
    assert_eq!(status, 201, "{unlock}");
    let (token, mut passkey, _) = approver(&test).await;
    let id = unlock["id"].as_str().unwrap();
    let path = format!("/api/v1/unlocks/{id}/approve");
    for without in [Vec::new(), b"{}".to_vec()] {
        let (status, answer) = test.request("POST", &path, &token, "application/json", without).await;
        assert_eq!((status, problem(&answer)), (409, "passkey_needed"), "{answer}");
    }
    let ask = asked(&test, &token, &format!("unlock:{id}"), &unlock["content_digest"]).await;
    let (status, answer) = test.post(&path, &token, &json!({ "assertion": passkey.answer(&ask) })).await;
    assert_eq!((status, &answer["state"]), (200, &json!("approved")), "{answer}");
    assert_eq!(holder.ask(&test, &document, PIN, json!({})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_about_an_account_is_bound_to_an_assertion() {
    let test = service(|_| ()).await;
    let (administrator, other) = staff::pair(&test).await;
    let officer = test.log_in("quantri").await;
    let (mut passkey, view) = added(&test, "quantri", &officer).await;
    let path = format!("/api/v1/passkeys/{}/confirm", view["id"].as_str().unwrap());
    assert_eq!(test.post(&path, &other, &json!({ "content_digest": view["content_digest"] })).await.0, 204);
    let order = staff::entered(&test, &administrator, &staff::opening("bich.le", &["registrar"])).await;
    let (status, answer) = staff::approve(&test, &officer, &order).await;
    assert_eq!((status, problem(&answer)), (409, "passkey_needed"), "{answer}");
    let id = order["id"].as_str().unwrap();
    let (_, seen) = test.get(&format!("/api/v1/staff/orders/{id}"), &officer).await;
    let ask = asked(&test, &officer, &format!("staff_order:{id}"), &seen["content_digest"]).await;
    let body = json!({ "content_digest": seen["content_digest"], "assertion": passkey.answer(&ask) });
    // Of another order, the answer says nothing.
    let wanted = json!({ "kind": "grant", "account": "bich.le", "roles": ["clerk"] });
    let (status, answer) = staff::act(&test, &officer, &order, "approve", body.clone()).await;
    assert_eq!((status, &answer["state"]), (200, &json!("approved")), "{answer}");
    let later = staff::entered(&test, &administrator, &wanted).await;
    let (status, answer) = staff::act(&test, &officer, &later, "approve", body).await;
    assert_eq!(status, 409, "{answer}");
    let entry = test.sql("SELECT CAST(content AS TEXT) FROM audit_entry WHERE kind = 'staff_order.approved'");
    assert!(entry.contains("authenticator_data") && entry.contains(id), "{entry}");
}
