//! From upload to a signed document that foreign tools accept, at every level and look, and what is refused on the way.

use super::subscriber::{PIN, citizen, folder, judged_valid, letter_pdf, official, plain_pdf, present};
use crate::harness::app::{Backend, TestApp};
use serde_json::json;
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_level_and_look_is_accepted_by_foreign_tools() {
    let test = TestApp::start(Backend::Sqlite).await;
    let Some(letter) = letter_pdf(&test) else { return };
    let folder = folder("road");
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    for level in ["B", "T", "LT"] {
        let signed = official.sign(&test, &letter, json!({ "level": level, "look": "official" })).await;
        judged_valid(&test, &folder, &format!("official-{level}.pdf"), &signed, 1).await;
        // A second person signs what the first one signed; both stay valid.
        let both = citizen
            .sign(&test, &signed, json!({ "level": level, "look": "citizen", "reason": "Đã đọc và đồng ý" }))
            .await;
        assert!(both.starts_with(&signed), "a signature is appended");
        judged_valid(&test, &folder, &format!("both-{level}.pdf"), &both, 2).await;
    }
    // The same document twice by one person, at the head of the first page.
    let id = citizen.upload(&test, &letter).await;
    for look in ["citizen", "invisible"] {
        let (status, answer) = citizen
            .ask(&test, &id, PIN, json!({ "level": "LT", "look": look, "page": "first", "place": "top-left" }))
            .await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["report"]["integrity"], "intact", "{answer}");
    }
    judged_valid(&test, &folder, "twice.pdf", &citizen.content(&test, &id).await, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_with_cross_reference_streams_are_signed() {
    let test = TestApp::start(Backend::Sqlite).await;
    if !present("qpdf") {
        return;
    }
    let folder = folder("streams");
    let (source, packed) = (folder.join("source.pdf"), folder.join("packed.pdf"));
    std::fs::write(&source, plain_pdf()).unwrap();
    let status = Command::new("qpdf").arg("--object-streams=generate").arg(&source).arg(&packed).status().unwrap();
    assert!(status.success());
    let citizen = citizen(&test).await;
    let signed = citizen.sign(&test, &std::fs::read(&packed).unwrap(), json!({ "level": "LT" })).await;
    judged_valid(&test, &folder, "signed.pdf", &signed, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_signed_costs_no_try_and_leaves_nothing() {
    let test = TestApp::start(Backend::Postgres).await;
    let citizen = citizen(&test).await;
    let upload =
        async |path: &str, body: Vec<u8>| test.request("POST", path, &citizen.token, "application/pdf", body).await;
    // A classified document is refused before a byte is kept; anything but a PDF at once.
    let (status, answer) = upload("/api/v1/documents?secrecy=T%E1%BB%91i%20m%E1%BA%ADt", plain_pdf()).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (422, "urn:chuky:problem:document_secret"));
    let (status, answer) = upload("/api/v1/documents", vec![7; 100_000]).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (422, "urn:chuky:problem:not_pdf"));
    let (status, _) = upload("/api/v1/documents", Vec::new()).await;
    assert_eq!(status, 422);
    let documents = test.data_dir().join("documents");
    let files = || std::fs::read_dir(&documents).map_or(0, |entries| entries.count());
    // The last one's file was begun before it showed what it is, and is removed beside the answer.
    let since = std::time::Instant::now();
    while files() > 0 && since.elapsed() < std::time::Duration::from_secs(60) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(files(), 0);
    // A PDF by its head alone, a page that is not there, a picture that is none.
    let broken = citizen.upload(&test, b"%PDF-1.7\nand nothing else that a reader could use").await;
    let (status, answer) = citizen.ask(&test, &broken, PIN, json!({})).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (422, "urn:chuky:problem:document_unsuitable"));
    let id = citizen.upload(&test, &plain_pdf()).await;
    for more in [
        json!({ "look": "citizen", "page": 9 }),
        // What only an official or an agency is shown as.
        json!({ "look": "official" }),
        json!({ "look": "seal" }),
        json!({ "field": "no such field" }),
        json!({ "look": "citizen", "rectangle": [0, 0, 0, 0] }),
    ] {
        let (status, answer) = citizen.ask(&test, &id, PIN, more.clone()).await;
        assert_eq!(status, 422, "{more}: {answer}");
    }
    let (_, credentials) = test.get("/api/v1/credentials", &citizen.token).await;
    assert_eq!(credentials["credentials"][0]["tries_left"], 5, "no try was counted: {credentials}");
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'pin.tried'").trim(), "0");
    // Somebody else's document and credential are not found; a picture that is none, and a seal that is no official's.
    let official = official(&test, "p256").await;
    let letter = official.upload(&test, &plain_pdf()).await;
    for more in [json!({ "look": "official", "picture": "bm90IGEgcGljdHVyZQ==" }), json!({ "look": "seal" })] {
        let (status, answer) = official.ask(&test, &letter, PIN, more.clone()).await;
        assert_eq!(status, 422, "{more}: {answer}");
    }
    let (status, _) = test.get(&format!("/api/v1/documents/{id}"), &official.token).await;
    assert_eq!(status, 404);
    let foreign = json!({ "credential": citizen.credential });
    let own = official.upload(&test, &plain_pdf()).await;
    assert_eq!(official.ask(&test, &own, PIN, foreign).await.0, 404);
    // What is stored does not show in the files.
    for entry in std::fs::read_dir(&documents).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"%PDF-1.7\n"), "a document lies there in clear");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_pins_are_counted_then_lock() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let problem = |answer: &serde_json::Value| answer["type"].as_str().unwrap_or_default().to_owned();
    for left in [4, 3] {
        let (status, answer) = citizen.ask(&test, &id, "không đúng đâu", json!({})).await;
        assert_eq!((status, problem(&answer).as_str()), (403, "urn:chuky:problem:pin_wrong"), "{answer}");
        assert!(answer["detail"]["en"].as_str().unwrap().contains(&format!("{left} more tries")), "{answer}");
    }
    // The right one forgives.
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
    for _ in 0..4 {
        let (_, answer) = citizen.ask(&test, &id, "không đúng đâu", json!({})).await;
        assert_eq!(problem(&answer), "urn:chuky:problem:pin_wrong");
    }
    let (_, answer) = citizen.ask(&test, &id, "không đúng đâu", json!({})).await;
    assert_eq!(problem(&answer), "urn:chuky:problem:pin_locked", "{answer}");
    // Locked is locked, whatever is entered, and no further try is made.
    let tries = || test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'pin.tried'");
    let before = tries();
    let (_, answer) = citizen.ask(&test, &id, PIN, json!({})).await;
    assert_eq!(problem(&answer), "urn:chuky:problem:pin_locked", "{answer}");
    assert_eq!(tries(), before);
}
