//! The other decisions that authorise: revoking a list and unlocking a signature.

use super::{approver, asked, problem, service};
use crate::{
    issuance::{issued, revocation_orders::finished},
    signing::{
        subscriber::{PIN, citizen, plain_pdf},
        unlock::lock,
    },
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
