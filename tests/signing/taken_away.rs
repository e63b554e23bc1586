//! A document that was handed in and is not to be signed after all: taken away by its owner alone, at once, and never once it is signed.

use super::subscriber::{PASSWORD, PIN, citizen, folder, official, plain_pdf};
use crate::harness::{
    app::{Backend, TestApp},
    browser::{Browser, Screen},
};
use serde_json::json;
use std::path::Path;

/// How many encrypted files of documents there are; their directory is made with the first.
fn files(test: &TestApp) -> usize {
    std::fs::read_dir(Path::new(&test.app.settings.data_dir).join("documents")).map_or(0, Iterator::count)
}

async fn an_unsigned_document_is_taken_away(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (owner, stranger) = (citizen(&test).await, official(&test, "p256").await);
    let before = files(&test);
    let id = owner.upload(&test, &plain_pdf()).await;
    assert!(files(&test) > before);
    let path = format!("/api/v1/documents/{id}");
    let remove = async |token: &str| test.request("DELETE", &path, token, "", Vec::new()).await.0;
    assert_eq!(remove(&stranger.token).await, 404);
    assert_eq!(test.get(&path, &owner.token).await.0, 200);
    assert_eq!(remove(&owner.token).await, 204);
    // Row, bytes and road are gone; so is it for whoever asks again.
    assert_eq!(files(&test), before);
    assert_eq!(test.get(&path, &owner.token).await.0, 404);
    assert_eq!(remove(&owner.token).await, 404);
    assert_eq!(owner.ask(&test, &id, PIN, json!({ "look": "citizen" })).await.0, 404);
    let removed = test.sql("SELECT actor FROM audit_entry WHERE kind = 'document.removed'");
    assert!(removed.trim().starts_with("account:"), "{removed}");
    // SQL that puts the row back as it was brings nothing back.
    test.sql("UPDATE document SET state = 'ready'");
    assert_eq!(test.get(&path, &owner.token).await.0, 500);
    // What is signed stays.
    test.sql("DELETE FROM document");
    let id = owner.upload(&test, &plain_pdf()).await;
    assert_eq!(owner.ask(&test, &id, PIN, json!({ "look": "citizen" })).await.0, 200);
    let (status, answer) = test.request("DELETE", &format!("/api/v1/documents/{id}"), &owner.token, "", vec![]).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (409, "urn:chuky:problem:document_signed"));
    assert!(!owner.content(&test, &id).await.is_empty());
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_document_is_taken_away_on_sqlite() {
    an_unsigned_document_is_taken_away(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_document_is_taken_away_on_postgres() {
    an_unsigned_document_is_taken_away(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_file_is_taken_away_on_the_page() {
    let test = TestApp::sqlite().await;
    official(&test, "p256").await;
    let pdf = folder("taken-away").join("wrong.pdf");
    std::fs::write(&pdf, plain_pdf()).unwrap();
    let browser = Browser::open(&test.url, Screen::Phone).await;
    browser.go("/login").await;
    browser.log_in("can.bo", PASSWORD).await;
    browser.go("/sign").await;
    browser.press("[name=secrecy][value=none]").await;
    browser.choose_file("#document", &pdf).await;
    browser.press("[data-sign] button.main").await;
    browser.see("#sheets").await;
    browser.drawn("img[data-sheet]", 1).await;
    browser.whole_picture("sign-take-away").await;
    browser.press("form[action$='/remove'] button").await;
    browser.see("#document").await;
    assert_eq!(test.sql("SELECT count(*) FROM document WHERE state = 'removed'").trim(), "1");
    browser.close().await;
}
