//! Fifty documents with one PIN and one activation; one that fails does not spoil the rest.

use super::{Agency, ROAD, act, content, short_road};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PASSWORD, PIN, folder, judged_valid, plain_pdf},
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

/// One activation takes one code, and one passkey's answer: for the documents that it names and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_takes_one_factor() {
    let test = crate::passkeys::service(|_| ()).await;
    let agency = Agency::new(&test).await;
    let leader = &agency.leader;
    let mut documents: Vec<Value> = Vec::new();
    for number in 0..4 {
        let mut metadata = short_road();
        metadata["subject"] = json!(format!("Quyết định thứ {number}"));
        let id = agency.submitted(&test, &plain_pdf(), &metadata).await;
        let sha256 = super::shown(&test, &id, &leader.token).await["content_sha256"].clone();
        documents.push(json!({ "id": id, "content_sha256": sha256 }));
    }
    let (secret, _) = crate::staff::second_factor::enrol(&test, &leader.token).await;
    let (mut passkey, view) = crate::passkeys::added_by(&test, &leader.token, PASSWORD).await;
    crate::passkeys::confirmed(&test, &view).await;
    let sign = async |wanted: &[Value], more: Value| {
        let mut body = json!({ "credential": leader.credential, "pin": PIN, "documents": wanted });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        test.post(&format!("{ROAD}/sign"), &leader.token, &body).await
    };
    let (status, answer) = sign(&documents[..1], json!({})).await;
    assert_eq!((status, super::problem(&answer)), (403, "factor_needed"), "{answer}");
    test.app.clock.shift_seconds(30);
    let code = secret.code(crate::staff::second_factor::step(&test)).to_string();
    let (status, answer) = sign(&documents[..2], json!({ "totp": code })).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["documents"].as_array().unwrap().iter().all(|line| line["signed"] == json!(true)), "{answer}");
    assert_eq!(super::problem(&sign(&documents[2..], json!({ "totp": code })).await.1), "factor_used");
    // The passkey names one of them: the other is not signed with it, nor is any.
    let ask = async |shown: Vec<&Value>| {
        let body = json!({ "credential": leader.credential, "shown": shown });
        let (status, asked) = test.post("/api/v1/activation-challenge", &leader.token, &body).await;
        assert_eq!(status, 200, "{asked}");
        asked
    };
    let given = passkey.answer(&ask(vec![&documents[2]["content_sha256"]]).await);
    let (status, answer) = sign(&documents[2..], json!({ "assertion": given })).await;
    assert_eq!((status, super::problem(&answer)), (409, "passkey_other_content"), "{answer}");
    let asked = ask(vec![&documents[2]["content_sha256"], &documents[3]["content_sha256"]]).await;
    let given = passkey.answer(&asked);
    // One of those that were named is withdrawn meanwhile: the rest is signed.
    let id = documents[2]["id"].as_str().unwrap();
    assert_eq!(act(&test, id, "withdraw", &agency.drafter, &json!({ "reason": "đổi ý" })).await.0, 200);
    let (status, answer) = sign(&documents[2..], json!({ "assertion": given })).await;
    assert_eq!(status, 200, "{answer}");
    let signed: Vec<&Value> = answer["documents"].as_array().unwrap().iter().map(|line| &line["signed"]).collect();
    assert_eq!(signed, [&json!(false), &json!(true)], "{answer}");
    assert_eq!(test.sql("SELECT count(*) FROM activation").trim(), "2");
}
