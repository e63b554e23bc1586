//! A code on an outgoing document: put there by the first signature, intact to the end of the road, and telling number, subject and agency
//! once the document is issued, and that it was recalled.

use super::{Agency, act, content, draft, key};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{folder, judged_valid, letter_pdf, plain_pdf},
};
use serde_json::{Value, json};

async fn page(test: &TestApp, path: &str) -> String {
    let (status, page) = test.raw("GET", path, "", "", Vec::new()).await;
    assert_eq!(status, 200);
    String::from_utf8(page).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_tells_an_outgoing_document_from_its_forgery() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let pdf = letter_pdf(&test).unwrap_or_else(plain_pdf);
    let mut metadata = super::short_road();
    metadata["steps"] =
        json!([{ "kind": "sign", "account": "pho.chu.tich" }, { "kind": "sign", "account": "chu.tich" }]);
    metadata["verification_code"] = json!(true);
    let (status, drafted) = draft(&test, &agency.drafter, Some("Thường"), &metadata, &pdf).await;
    assert_eq!(status, 201, "{drafted}");
    let id = drafted["id"].as_str().unwrap();
    assert_eq!(act(&test, id, "submit", &agency.drafter, &json!({})).await.0, 200);
    for signer in [&agency.deputy, &agency.leader] {
        let (status, line) = act(&test, id, "sign", &signer.token, &key(signer)).await;
        assert_eq!((status, &line["signed"]), (200, &json!(true)), "{line}");
    }
    // One code, by the first who signed.
    let document = test.app.store.outgoing_by_id(id.parse().unwrap()).await.unwrap().unwrap().document_id;
    let (status, list) = test.get(&format!("/api/v1/documents/{document}/codes"), &agency.drafter).await;
    assert_eq!((status, list["codes"].as_array().map(Vec::len)), (200, Some(1)), "{list}");
    let path = format!("/k/{}", list["codes"][0]["code"].as_str().unwrap());
    let before = page(&test, &path).await;
    assert!(before.contains("Chưa ban hành") && !before.contains("QĐ-UBND"), "{before}");
    assert!(!before.contains(metadata["subject"].as_str().unwrap()));
    let clerk = &agency.clerk;
    assert_eq!(act(&test, id, "number", &clerk.token, &json!({})).await.0, 200);
    let (status, view) = act(&test, id, "seal", &clerk.token, &key(clerk)).await;
    assert_eq!((status, &view["state"]), (200, &json!("sealed")), "{view}");
    let sealed = content(&test, id, &agency.drafter).await;
    judged_valid(&test, &folder("outgoing"), "code-sealed.pdf", &sealed, 3).await;
    let (_, report): (_, Value) =
        test.request("POST", "/api/v1/documents/verify", "", "application/pdf", sealed.clone()).await;
    assert_eq!((&report["integrity"], &report["indication"]), (&json!("intact"), &json!("TOTAL_PASSED")), "{report}");
    let issued = page(&test, &path).await;
    for told in ["Đã ban hành", "01/QĐ-UBND", metadata["subject"].as_str().unwrap(), "Ủy ban nhân dân phường Hoa Sữa"]
    {
        assert!(issued.contains(told), "{told}: {issued}");
    }
    // An archive timestamp may have come meanwhile.
    let newest = content(&test, id, &agency.drafter).await;
    let digest = hex::encode(chuky_pki::crypto::sha256(&newest));
    assert!(issued.contains(&digest), "the digest is the newest file's");
    assert_eq!(act(&test, id, "send", &clerk.token, &json!({})).await.0, 200);
    assert_eq!(act(&test, id, "recall", &clerk.token, &json!({ "reason": "Sai thẩm quyền" })).await.0, 200);
    assert!(page(&test, &path).await.contains("không còn hiệu lực"));
}
