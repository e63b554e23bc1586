//! The service is killed before and after each effect of uploading and signing: nothing is lost, and nothing is signed unasked.

use super::{
    service::Served,
    subscriber::{PIN, citizen, plain_pdf},
};
use crate::harness::app::TestApp;
use serde_json::json;

/// Each point with how many signatures are on record after the kill, and whether the document is signed.
const POINTS: &[(&str, usize, bool)] = &[
    ("sign.before_count", 0, false),
    ("sign.after_count", 0, false),
    ("sign.pin_checked", 0, false),
    ("sign.activated", 0, false),
    ("sign.used", 0, false),
    ("sign.signed", 0, false),
    ("sign.recorded", 1, false),
    ("document.signed", 1, false),
    ("document.signed_stored", 1, false),
    ("document.signed_recorded", 1, true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_effect_loses_nothing_and_signs_nothing_unasked() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let source = plain_pdf();
    for (point, signatures, signed) in POINTS {
        let id = citizen.upload(&test, &source).await;
        let mut crashing = Served::start(&test, point);
        assert_eq!(crashing.sign(&citizen, &id), None, "{point}");
        assert_eq!(crashing.child.wait().unwrap().code(), None, "{point}: ended by a signal");
        let hex = id.replace('-', "");
        let count = || test.sql(&format!("SELECT count(*) FROM signature WHERE hex(document_id) = upper('{hex}')"));
        assert_eq!(count().trim(), signatures.to_string(), "{point}");
        let (_, view) = test.get(&format!("/api/v1/documents/{id}"), &citizen.token).await;
        assert_eq!(view["state"], if *signed { "signed" } else { "ready" }, "{point}");
        let kept = citizen.content(&test, &id).await;
        assert!(
            if *signed { kept.starts_with(&source) && kept.len() > source.len() } else { kept == source },
            "{point}"
        );
        // Asked again, it is signed, and only then.
        let (status, answer) = citizen.ask(&test, &id, PIN, json!({ "level": "LT" })).await;
        assert_eq!(status, 200, "{point}: {answer}");
        assert_eq!(count().trim(), (signatures + 1).to_string(), "{point}");
        assert_eq!(answer["report"]["indication"], "TOTAL_PASSED", "{point}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_uploading_leaves_a_document_or_none() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    for (point, documents) in [("document.stored", 0), ("document.recorded", 1)] {
        let mut crashing = Served::start(&test, point);
        assert_eq!(crashing.upload(&citizen, &plain_pdf()), None, "{point}");
        assert_eq!(crashing.child.wait().unwrap().code(), None, "{point}: ended by a signal");
        let (_, list) = test.get("/api/v1/documents", &citizen.token).await;
        assert_eq!(list["documents"].as_array().unwrap().len(), documents, "{point}: {list}");
    }
}
