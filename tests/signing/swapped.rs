//! What SQL cannot make of documents: somebody else's, other content under a name that was shown, an earlier state; and rows from before
//! rows of documents had MACs.

use super::subscriber::{PIN, Subscriber, citizen, official, plain_pdf};
use crate::harness::app::{Backend, TestApp};
use chuky::{
    accounts,
    audit::{self, Actor, Entry, Kind},
    signing::Upload,
};
use chuky_model::{
    id::{AccountId, DocumentId},
    record::{document::Document, state::DocumentState},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TEXT: &[u8] = "Biên bản họp, không có gì.".as_bytes();
const DEBT: &[u8] = "Tôi nợ Kẻ Gian 10 tỷ đồng.".as_bytes();

async fn uploaded(test: &TestApp, by: &Subscriber, text: &[u8]) -> (String, String) {
    let (status, document) =
        test.request("POST", "/api/v1/documents?name=a.txt", &by.token, "text/plain", text.to_vec()).await;
    assert_eq!(status, 201, "{document}");
    (document["id"].as_str().unwrap().to_owned(), document["sha256"].as_str().unwrap().to_owned())
}

async fn fetched(test: &TestApp, by: &Subscriber, id: &str) -> (u16, Vec<u8>) {
    test.raw("GET", &format!("/api/v1/documents/{id}/content"), &by.token, "", Vec::new()).await
}

fn cades() -> Value {
    json!({ "format": "cades", "packaging": "attached" })
}

async fn nobody_signs_another_document(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (victim, thief) = (citizen(&test).await, official(&test, "p256").await);
    let ((a, _), (b, _)) = (uploaded(&test, &victim, TEXT).await, uploaded(&test, &thief, DEBT).await);
    assert_eq!(fetched(&test, &victim, &a).await, (200, TEXT.to_vec()));
    test.sql("CREATE TABLE kept AS SELECT * FROM document");
    let row = |id: &str| format!("stored_as = '{id}.original'");
    // The file of another document.
    test.sql(&format!("UPDATE document SET stored_as = 'x' WHERE {}", row(&b)));
    test.sql(&format!("UPDATE document SET stored_as = '{b}.original' WHERE {}", row(&a)));
    assert_eq!(victim.ask(&test, &a, PIN, cades()).await.0, 500);
    assert_eq!(fetched(&test, &victim, &a).await.0, 500);
    let put_back = "UPDATE document SET stored_as = k.stored_as, owner_id = k.owner_id, sha256 = k.sha256, \
         size = k.size, media_type = k.media_type FROM kept k WHERE k.id = document.id";
    test.sql("UPDATE document SET stored_as = 'y' WHERE stored_as <> 'x'");
    test.sql(put_back);
    // Each other column of the row from that of another document.
    for column in ["sha256", "size", "media_type", "owner_id"] {
        let value = match column {
            "media_type" => "'application/pdf'".to_owned(),
            _ => format!("(SELECT {column} FROM kept WHERE {})", row(&b)),
        };
        test.sql(&format!("UPDATE document SET {column} = {value} WHERE {}", row(&a)));
        let (by, status) = if column == "owner_id" { (&thief, 500) } else { (&victim, 500) };
        assert_eq!(fetched(&test, by, &a).await.0, status, "{column}");
        assert_eq!(by.ask(&test, &a, PIN, cades()).await.0, status, "{column}");
        assert_eq!(test.get("/api/v1/documents", &by.token).await.0, 500, "{column}");
        test.sql(put_back);
    }
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
    // As it really is, it is signed; the row from before that is not taken for the document any more.
    let (status, signed) = victim.ask(&test, &a, PIN, cades()).await;
    assert_eq!(status, 200, "{signed}");
    test.sql(&format!(
        "UPDATE document SET state = k.state, signed_sha256 = NULL, signed_size = NULL, signed_stored_as = NULL, signed_format = NULL, \
         updated_at = k.updated_at, version = k.version, mac = k.mac FROM kept k WHERE k.id = document.id AND document.{}",
        row(&a)
    ));
    assert_eq!(fetched(&test, &victim, &a).await.0, 500);
    assert_eq!(victim.ask(&test, &a, PIN, cades()).await.0, 500);
    assert_eq!(test.get("/api/v1/documents", &victim.token).await.0, 500);
    assert_eq!(test.get("/api/v1/documents", &thief.token).await.0, 200, "others are served");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_signs_another_document_on_sqlite() {
    nobody_signs_another_document(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_signs_another_document_on_postgres() {
    nobody_signs_another_document(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_was_shown_is_signed() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let view = async || test.get(&format!("/api/v1/documents/{id}"), &citizen.token).await.1;
    let original = view().await["sha256"].clone();
    let (status, refused) = citizen.ask(&test, &id, PIN, json!({ "sha256": "0".repeat(64) })).await;
    assert_eq!((status, refused["type"].as_str().unwrap().ends_with("document_another")), (409, true), "{refused}");
    for malformed in ["", "zz", "00"] {
        assert_eq!(citizen.ask(&test, &id, PIN, json!({ "sha256": malformed })).await.0, 422);
    }
    assert_eq!(test.sql("SELECT count(*) FROM activation").trim(), "0", "no PIN was tried for it");
    assert_eq!(citizen.ask(&test, &id, PIN, json!({ "sha256": original })).await.0, 200);
    // A further signature is on what is signed already.
    assert_eq!(citizen.ask(&test, &id, PIN, json!({ "sha256": original })).await.0, 409);
    let signed = view().await["signed_sha256"].clone();
    let upper = signed.as_str().unwrap().to_uppercase();
    assert_eq!(citizen.ask(&test, &id, PIN, json!({ "sha256": upper })).await.0, 200);
}

/// A document as a service stored it whose rows of documents had no MAC.
async fn earlier(test: &TestApp, owner: AccountId, told: AccountId) -> DocumentId {
    let files = || -> BTreeSet<String> {
        let Ok(entries) = std::fs::read_dir(test.data_dir().join("documents")) else { return BTreeSet::new() };
        entries.flatten().map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    let before = files();
    let mut upload = Upload::begin_of(&test.app, "text/plain").unwrap();
    upload.write(TEXT).await.unwrap();
    let sha256 = upload.complete().await.unwrap().sha256().to_vec();
    let stored_as = files().difference(&before).next().unwrap().clone();
    let id: DocumentId = stored_as.split('.').next().unwrap().parse().unwrap();
    let now = test.app.clock.now();
    let document = Document {
        id,
        owner_id: owner,
        name: test.app.vault.seal("document.name", &id.to_string(), b"a.txt").unwrap(),
        media_type: "text/plain".to_owned(),
        state: DocumentState::Ready,
        sha256: sha256.clone(),
        size: i64::try_from(TEXT.len()).unwrap(),
        stored_as,
        signed_sha256: None,
        signed_size: None,
        signed_stored_as: None,
        signed_format: None,
        created_at: now,
        updated_at: now,
        version: 1,
        mac: Vec::new(),
    };
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.insert_document(&document).await.unwrap();
    let entry = Entry::new(now, Kind::DocumentUploaded, Actor::Account(told), format!("document:{id}"));
    let content = json!({ "sha256": hex::encode(sha256), "size": TEXT.len() });
    audit::record(&mut transaction, entry.with(content)).await.unwrap();
    transaction.commit().await.unwrap();
    id
}

async fn rows_from_before(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (victim, thief) = (citizen(&test).await, official(&test, "p256").await);
    let account = async |by: &Subscriber| accounts::principal_of_bearer(&test.app, &by.token).await.unwrap().account;
    let (owner, other) = (account(&victim).await, account(&thief).await);
    let told = earlier(&test, owner, owner).await.to_string();
    let stolen = earlier(&test, other, owner).await.to_string();
    let altered = earlier(&test, owner, owner).await.to_string();
    let empty = if backend == Backend::Sqlite { "x''" } else { "''" };
    test.sql(&format!("UPDATE document SET sha256 = mac WHERE stored_as = '{altered}.original'"));
    // A row that had a MAC, and lost it.
    let (stripped, _) = uploaded(&test, &victim, DEBT).await;
    test.sql(&format!("UPDATE document SET mac = {empty} WHERE stored_as = '{stripped}.original'"));
    // A row without one, made by SQL with an entry in the queue, of a file that the thief has: too late, for the log knows documents with MACs.
    let queued = earlier(&test, other, other).await.to_string();
    let refused =
        |answer: (u16, Vec<u8>)| answer.0 == 409 && answer.1.windows(21).any(|w| w == b"document_not_attested");
    assert!(refused(fetched(&test, &victim, &told).await), "not before a start");
    let (directory, settings) = test.rest().await;
    let test = TestApp::wake(directory, settings).await;
    for id in [&altered, &stripped] {
        assert!(refused(fetched(&test, &victim, id).await), "{id}");
        assert_eq!(victim.ask(&test, id, PIN, cades()).await.0, 409);
    }
    for id in [&stolen, &queued] {
        assert!(refused(fetched(&test, &thief, id).await), "{id}");
    }
    assert_eq!(fetched(&test, &victim, &told).await, (200, TEXT.to_vec()));
    let (status, signed) = victim.ask(&test, &told, PIN, cades()).await;
    assert_eq!(status, 200, "{signed}");
    let list = test.get("/api/v1/documents", &victim.token).await.1;
    let listed: Vec<_> = list["documents"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(listed, [json!(told)]);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_from_before_are_attested_where_the_log_tells_of_them_on_sqlite() {
    rows_from_before(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_from_before_are_attested_where_the_log_tells_of_them_on_postgres() {
    rows_from_before(Backend::Postgres).await;
}
