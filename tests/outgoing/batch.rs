//! Fifty documents with one PIN and one activation; one that fails does not spoil the rest.

use super::{Agency, ROAD, act, content, short_road};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, folder, judged_valid, plain_pdf},
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_signs_fifty_documents_with_one_activation() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let leader = &agency.leader;
    let mut documents: Vec<Value> = Vec::new();
    for number in 0..50 {
        let mut metadata = short_road();
        metadata["subject"] = json!(format!("Quyết định thứ {number}"));
        let id = agency.submitted(&test, &plain_pdf(), &metadata).await;
        documents.push(json!({ "id": id }));
    }
    // One was withdrawn meanwhile, one is shown otherwise than it is, one is nobody's.
    let id = |at: usize| documents[at]["id"].as_str().unwrap().to_owned();
    assert_eq!(act(&test, &id(7), "withdraw", &agency.drafter, &json!({ "reason": "đổi ý" })).await.0, 200);
    let mut wanted = documents.clone();
    wanted[21]["content_sha256"] = json!("00".repeat(32));
    wanted[33]["id"] = json!("00000000-0000-7000-8000-000000000000");
    let activations = || test.sql("SELECT count(*) FROM activation").trim().lines().last().unwrap().to_owned();
    let body = json!({ "credential": leader.credential, "pin": PIN, "documents": wanted });
    let begun = std::time::Instant::now();
    let (status, answer) = test.post(&format!("{ROAD}/sign"), &leader.token, &body).await;
    println!("50 documents in {:?}", begun.elapsed());
    assert_eq!(status, 200, "{answer}");
    let lines = answer["documents"].as_array().unwrap();
    assert_eq!(lines.len(), 50);
    for (at, line) in lines.iter().enumerate() {
        let failed = [7, 21, 33].contains(&at);
        assert_eq!((line["id"] == wanted[at]["id"], line["signed"] == json!(!failed)), (true, true), "{at}: {line}");
        assert_eq!(line["detail"].is_null(), !failed, "{line}");
    }
    assert_eq!(activations(), "1");
    let signed = content(&test, &id(12), &agency.drafter).await;
    judged_valid(&test, &folder("outgoing"), "batch.pdf", &signed, 1).await;
    // Too many, none, or one twice: nothing is tried.
    let tries = || test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'pin.tried'");
    let before = tries();
    let double = vec![json!({ "id": id(21) }), json!({ "id": id(21) })];
    let many: Vec<Value> = (0..51).map(|_| json!({ "id": uuid::Uuid::now_v7() })).collect();
    for documents in [vec![], double, many] {
        let body = json!({ "credential": leader.credential, "pin": PIN, "documents": documents });
        let (status, answer) = test.post(&format!("{ROAD}/sign"), &leader.token, &body).await;
        assert_eq!((status, super::problem(&answer)), (422, "batch_size"), "{answer}");
    }
    assert_eq!(tries(), before);
}
