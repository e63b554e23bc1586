//! The whole road on both databases, and what foreign tools say of each document on the way.

use super::{Agency, ROAD, act, content, draft, key, register, shown};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::{PIN, folder, judged_valid, letter_pdf, plain_pdf},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

async fn whole_road(backend: Backend) {
    let delivery = tempfile::tempdir().unwrap();
    let into = delivery.path().to_owned();
    let test = TestApp::start_with(backend, |settings| settings.documents.delivery_dir = Some(into)).await;
    let agency = Agency::new(&test).await;
    let Agency { drafter, colleague, leader, deputy, clerk } = &agency;
    let pdf = letter_pdf(&test).unwrap_or_else(plain_pdf);
    // Drafted with one who agrees, then two who sign in any order.
    let mut metadata = super::short_road();
    metadata["steps"] = json!([
        { "kind": "initials", "account": "truong.phong", "stage": 1 },
        { "kind": "sign", "account": "pho.chu.tich", "stage": 2 }, { "kind": "sign", "account": "chu.tich", "stage": 2 },
    ]);
    let (status, drafted) = draft(&test, drafter, Some("Thường"), &metadata, &pdf).await;
    assert_eq!((status, &drafted["action"]), (201, &json!("submit")), "{drafted}");
    let id = drafted["id"].as_str().unwrap();
    assert!(content(&test, id, drafter).await.starts_with(&pdf), "fields are appended, nothing is rewritten");
    let (status, view) = act(&test, id, "submit", drafter, &json!({})).await;
    assert_eq!((status, &view["state"]), (200, &json!("initials")), "{view}");
    let inbox = inbox(&test, colleague, "to_initial").await;
    assert_eq!((inbox.len(), &inbox[0]["action"]), (1, &json!("initial")));
    let (status, view) = act(&test, id, "initials", colleague, &json!({ "note": "Đồng ý trình" })).await;
    assert_eq!((status, &view["state"]), (200, &json!("signing")), "{view}");
    // Both sign; the leader repeats what was shown.
    for signer in [leader, deputy] {
        let waiting = super::road::inbox(&test, &signer.token, "to_sign").await;
        let mut body = key(signer);
        body["content_sha256"] = waiting[0]["content_sha256"].clone();
        let (status, line) = act(&test, id, "sign", &signer.token, &body).await;
        assert_eq!((status, &line["signed"]), (200, &json!(true)), "{line}");
    }
    let before = content(&test, id, drafter).await;
    judged_valid(&test, &folder("outgoing"), &format!("{backend:?}-signed.pdf"), &before, 2).await;
    // Number and date by the clerk, into the fields that were left open.
    assert_eq!(super::road::inbox(&test, &clerk.token, "to_number").await.len(), 1);
    let (status, view) = act(&test, id, "number", &clerk.token, &json!({})).await;
    assert_eq!((status, &view["code"], &view["state"]), (200, &json!("01/QĐ-UBND"), &json!("sealing")), "{view}");
    let numbered = content(&test, id, drafter).await;
    assert!(numbered.starts_with(&before));
    let (status, view) = act(&test, id, "seal", &clerk.token, &key(clerk)).await;
    assert_eq!((status, &view["state"]), (200, &json!("sealed")), "{view}");
    let sealed = content(&test, id, drafter).await;
    assert!(sealed.starts_with(&numbered));
    judged_valid(&test, &folder("outgoing"), &format!("{backend:?}-sealed.pdf"), &sealed, 3).await;
    let (status, report) =
        test.request("POST", "/api/v1/documents/verify", "", "application/pdf", sealed.clone()).await;
    assert_eq!((status, &report["integrity"], &report["indication"]), (200, &json!("intact"), &json!("TOTAL_PASSED")));
    sent_and_recalled(&test, &agency, id, &sealed, delivery.path()).await;
}

async fn sent_and_recalled(test: &TestApp, agency: &Agency, id: &str, sealed: &[u8], delivery: &std::path::Path) {
    let clerk = &agency.clerk.token;
    let (status, view) = act(test, id, "send", clerk, &json!({})).await;
    assert_eq!((status, &view["state"]), (200, &json!("sent")), "{view}");
    // Each recipient finds the package under its code, with exactly the sealed bytes in it, and their archive timestamp.
    let archived = content(test, id, clerk).await;
    assert!(archived.starts_with(sealed) && archived.windows(12).any(|window| window == b"ETSI.RFC3161"));
    for recipient in ["H26.18", "000.00.00.H49"] {
        let text = std::fs::read_to_string(delivery.join(recipient).join(format!("{id}.edxml"))).unwrap();
        let start = text.find("<edXML:ContentTransferEncoded>").unwrap() + "<edXML:ContentTransferEncoded>".len();
        let end = text.find("</edXML:ContentTransferEncoded>").unwrap();
        assert!(STANDARD.decode(&text[start..end]).unwrap() == archived);
        assert!(text.contains("<edXML:OrganName>Ủy ban nhân dân phường Hoa Sữa</edXML:OrganName>"), "{}", &text[..900]);
        assert!(text.contains("<edXML:BussinessDocType>0<") && text.contains("<edXML:CodeNumber>01<"));
        let (status, downloaded) = test.raw("GET", &format!("{ROAD}/{id}/package"), clerk, "", vec![]).await;
        assert!(status == 200 && downloaded == text.as_bytes());
    }
    for (status, code) in [("01", 200), ("03", 200), ("07", 422)] {
        let body = json!({ "organ_id": "H26.18", "status": status, "note": "Đã tiếp nhận" });
        assert_eq!(act(test, id, "status", clerk, &body).await.0, code, "{status}");
    }
    let foreign = json!({ "organ_id": "H99", "status": "01" });
    assert_eq!(act(test, id, "status", clerk, &foreign).await.0, 404);
    let (status, view) = act(test, id, "recall", clerk, &json!({ "reason": "Sai thẩm quyền" })).await;
    assert_eq!((status, &view["state"]), (200, &json!("recalled")), "{view}");
    let text = std::fs::read_to_string(delivery.join("H26.18").join(format!("{id}.recall.edxml"))).unwrap();
    assert!(text.contains("<edXML:BussinessDocType>1<") && text.contains("Sai thẩm quyền") && !text.contains("JVBERi"));
    // The road as anybody of it sees it: each step with who and when, and the number still the document's.
    let shown = shown(test, id, &agency.drafter).await;
    let kinds: Vec<&str> =
        shown["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let wanted = ["drafted", "submitted", "initialled", "signed", "signed", "numbered", "sealed", "sent", "recalled"];
    assert_eq!(kinds, wanted.map(|kind| format!("outgoing.{kind}")));
    assert_eq!(shown["events"][2]["note"], "Đồng ý trình");
    assert_eq!(shown["recipients"][0]["status"], "03");
    assert!(shown["steps"].as_array().unwrap().iter().all(|step| step["state"] == "done"), "{shown}");
    assert_eq!(register(test, clerk, "Q%C4%90").await, [(1, "given".to_owned())]);
    // Nothing of the subject stands readable in the database.
    if matches!(test.app.settings.database_url.split(':').next(), Some("sqlite")) {
        let dump = test.sql("SELECT * FROM outgoing_document");
        assert!(!dump.contains("quy chế") && !test.sql("SELECT * FROM outgoing_event").contains("thẩm quyền"));
    }
}

async fn inbox(test: &TestApp, token: &str, name: &str) -> Vec<Value> {
    let (status, inboxes) = test.get(&format!("{ROAD}/inboxes"), token).await;
    assert_eq!(status, 200, "{inboxes}");
    inboxes[name].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_draft_to_recall_on_sqlite() {
    whole_road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_draft_to_recall_on_postgres() {
    whole_road(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_pin_signs_and_moves_nothing() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let id = agency.submitted(&test, &plain_pdf(), &super::short_road()).await;
    let before = content(&test, &id, &agency.drafter).await;
    let body = json!({ "credential": agency.leader.credential, "pin": "không đúng đâu" });
    let (status, answer) = act(&test, &id, "sign", &agency.leader.token, &body).await;
    assert_eq!((status, super::problem(&answer)), (403, "pin_wrong"), "{answer}");
    assert!(content(&test, &id, &agency.drafter).await == before && PIN.len() > 8);
    assert_eq!(shown(&test, &id, &agency.drafter).await["document"], Value::Null);
    assert_eq!(shown(&test, &id, &agency.drafter).await["state"], "signing");
}
