//! A person's data: given out as one file, and erased by two people once certificates have ended, while proofs stay. Each step of an erasure is made to
//! fail, and goes on where it stopped; what is searched for afterwards is nowhere in the database's files.

mod commitment;

use crate::{
    audit,
    harness::app::{Backend, TestApp},
    issuance::{PIN, citizen, redemption},
    signing::subscriber::plain_pdf,
    staff::{self, problem},
};
use chuky::{accounts, subject};
use chuky_model::{
    id::MessageId,
    record::{Cursor, state::MessageChannel, work::Message},
};
use serde_json::{Value, json};
use std::{fs, path::Path};
use uuid::Uuid;

const NUMBER: &str = "001190012345";
const NAME: &str = "Nguyễn Thị Hồng Ưởng";
const PHONE: &str = "0987654321";

/// A citizen with a certificate, a document and a message; log-in `cong.dan`.
struct Holder {
    token: String,
    serial: String,
}

async fn holder(test: &TestApp) -> Holder {
    let mut request = citizen();
    request["subscriber"]["phone"] = json!(PHONE);
    let operator = test.log_in("gianhang").await;
    let (status, view) = test.post("/api/v1/requests", &operator, &request).await;
    assert_eq!(status, 201, "{view}");
    test.approve(&view).await;
    let code = test.code(&view, &operator).await;
    let (status, receipt) = test.redeem("", &redemption(&code, "cong.dan")).await;
    assert_eq!(status, 201, "{receipt}");
    let token = test.session_of(NUMBER).await;
    let path = "/api/v1/documents?name=don-xin-phep.pdf";
    let (status, document) = test.request("POST", path, &token, "application/pdf", plain_pdf()).await;
    assert_eq!(status, 201, "{document}");
    let id = MessageId(Uuid::now_v7());
    let seal = |name: &str, text: &str| test.app.vault.seal(name, &id.to_string(), text.as_bytes()).unwrap();
    let message = Message {
        id,
        channel: MessageChannel::Sms,
        recipient: seal("message.recipient", PHONE),
        body: seal("message.body", "Ma xac nhan"),
        created_at: test.app.clock.now(),
        sent_at: None,
        tries: 0,
        next_at: None,
        failed_at: None,
    };
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.insert_message(&message).await.unwrap();
    transaction.commit().await.unwrap();
    Holder { token, serial: receipt["serial"].as_str().unwrap().to_owned() }
}

async fn revoke(test: &TestApp, serial: &str) {
    let path = format!("/api/v1/certificates/{serial}/revoke");
    let body = json!({ "reason": "key_compromise", "ground": "key_exposed" });
    let (status, answer) = test.post(&path, &test.log_in("gianhang").await, &body).await;
    assert_eq!(status, 200, "{answer}");
}

async fn an_export_holds_everything_and_no_secret(backend: Backend) {
    let test = TestApp::start(backend).await;
    let holder = holder(&test).await;
    let (status, held) = test.get("/api/v1/subject", &holder.token).await;
    assert_eq!(status, 200, "{held}");
    let details = &held["requests"][0]["details"];
    assert_eq!((details["personal_number"].as_str(), details["phone"].as_str()), (Some(NUMBER), Some(PHONE)));
    let account = &held["accounts"][0];
    assert_eq!((&account["login"], &account["name"]), (&json!("cong.dan"), &json!(NAME)));
    assert_eq!(account["certificates"][0]["serial"], holder.serial.as_str());
    assert!(account["certificates"][0]["certificate"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE"));
    assert_eq!(account["documents"][0]["name"], "don-xin-phep.pdf");
    let history = held["requests"][0]["history"].as_array().unwrap();
    assert!(history.iter().any(|entry| entry["what"] == "request.issued"), "{history:?}");
    let text = held.to_string();
    for secret in ["sealed_key", "password_hash", "totp", "pin_salt", "mac\"", PIN] {
        assert!(!text.contains(secret), "{secret}");
    }
    // Nobody else's: an officer with a ground, and it is on record; an operator never.
    let (_, officer) = staff::pair(&test).await;
    let wanted = |ground: &str| json!({ "account": "cong.dan", "ground": ground });
    assert_eq!(problem(&test.post("/api/v1/subjects/export", &officer, &wanted(" ")).await.1), "ground_missing");
    let (status, same) = test.post("/api/v1/subjects/export", &officer, &wanted("Đơn số 12")).await;
    assert_eq!((status, &same["accounts"][0]["certificates"]), (200, &account["certificates"]), "{same}");
    let operator = test.log_in("gianhang").await;
    assert_eq!(test.post("/api/v1/subjects/export", &operator, &wanted("Đơn số 12")).await.0, 403);
    let count = test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'subject.exported'");
    assert_eq!(count.trim(), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_holds_everything_and_no_secret_on_sqlite() {
    an_export_holds_everything_and_no_secret(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_holds_everything_and_no_secret_on_postgres() {
    an_export_holds_everything_and_no_secret(Backend::Postgres).await;
}

/// Until the person's account is nobody's; each try is a later one, as after a claim ran out.
async fn erased(test: &TestApp) {
    for _ in 0..1_200 {
        subject::run_due(&test.app).await.unwrap();
        if test.sql("SELECT count(*) FROM job WHERE kind = 'subject_erasure' AND state = 'done'").trim() == "1" {
            return;
        }
        test.app.clock.shift_seconds(601);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it is not erased");
}

async fn ordered(test: &TestApp, holder: &Holder) -> Value {
    let (administrator, officer) = staff::pair(test).await;
    let order = json!({ "kind": "erase", "account": "cong.dan" });
    assert_eq!(problem(&staff::enter(test, &administrator, &order).await.1), "certificate_not_ended");
    revoke(test, &holder.serial).await;
    // Never staff: the log has to say who did what.
    let of_staff = json!({ "kind": "erase", "account": "an.ninh" });
    assert_eq!(problem(&staff::enter(test, &administrator, &of_staff).await.1), "subject_of_staff");
    let order = staff::entered(test, &administrator, &order).await;
    assert_eq!(order["keeps"][0]["serial"], holder.serial.as_str(), "{order}");
    assert_eq!(staff::approve(test, &administrator, &order).await.0, 403, "one person erases nobody");
    staff::approved(test, &officer, &order).await
}

/// What of the person lies in the rows now, as stored.
async fn stored(test: &TestApp) -> Vec<Vec<u8>> {
    let person = test.app.vault.lookup("person", NUMBER);
    let request = test.app.store.requests_of_person(&person).await.unwrap().remove(0);
    let account = test.app.store.accounts_of_person(&person).await.unwrap().remove(0);
    let credential = test.app.store.credentials_of_account(account.id).await.unwrap().remove(0);
    let document = test.app.store.list_documents(account.id, Cursor::NEWEST, 10).await.unwrap().remove(0);
    let messages = test.app.store.messages_after(Cursor::OLDEST, 100).await.unwrap();
    let mut all = vec![request.details, account.display_name, credential.sealed_key, document.name, person.to_vec()];
    all.extend(messages.into_iter().map(|message| message.recipient));
    all
}

fn holds(file: &Path, wanted: &[u8]) -> bool {
    let content = fs::read(file).unwrap_or_default();
    content.windows(wanted.len()).any(|window| window == wanted)
}

async fn nothing_is_left(test: &TestApp, before: &[Vec<u8>]) {
    let person = test.app.vault.lookup("person", NUMBER);
    assert!(test.app.store.requests_of_person(&person).await.unwrap().is_empty());
    assert!(accounts::of_person(&test.app, &person).await.unwrap().is_empty());
    let documents = fs::read_dir(test.data_dir().join("documents")).unwrap().count();
    assert_eq!(documents, 0, "the document's bytes are gone");
    // The log is whole, and knows of it.
    audit::settle(test).await;
    assert!(audit::faults(test).await.is_empty());
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'account.erased'").trim(), "1");
    if !test.app.settings.database_url.starts_with("sqlite") {
        return;
    }
    let file = test.data_dir().join("chuky.db");
    let copy = test.data_dir().join("copy.db");
    assert!(test.app.store.snapshot(copy.to_str().unwrap()).await.unwrap());
    for at in [file.clone(), file.with_extension("db-wal"), copy] {
        for wanted in before.iter().map(Vec::as_slice).chain([NUMBER, NAME, PHONE].map(str::as_bytes)) {
            assert!(!holds(&at, wanted), "{}: {}", at.display(), hex::encode(wanted));
        }
    }
}

async fn erasing(backend: Backend) {
    let test = TestApp::start(backend).await;
    let holder = holder(&test).await;
    let before = stored(&test).await;
    assert!(
        backend == Backend::Postgres
            || holds(&test.data_dir().join("chuky.db-wal"), &before[0])
            || holds(&test.data_dir().join("chuky.db"), &before[0])
    );
    let order = ordered(&test, &holder).await;
    assert_eq!(order["state"], "approved");
    assert_eq!(test.get("/api/v1/session", &holder.token).await.0, 401, "the account is closed at once");
    erased(&test).await;
    nothing_is_left(&test, &before).await;
    // The certificate stays, with its status.
    let serial = test.sql("SELECT count(*) FROM certificate WHERE state = 'revoked' AND certificate IS NOT NULL");
    assert_eq!(serial.trim(), "1");
    // The same person comes again as a new one.
    let operator = test.log_in("gianhang").await;
    let (status, again) = test.post("/api/v1/requests", &operator, &citizen()).await;
    assert_eq!(status, 201, "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_is_nowhere_and_proofs_stay_on_sqlite() {
    erasing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_is_nowhere_and_proofs_stay_on_postgres() {
    erasing(Backend::Postgres).await;
}

/// Every table's change fails once; what was done before stays done, and the rest is done later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_stops_anywhere_goes_on_there() {
    let test = TestApp::sqlite().await;
    let holder = holder(&test).await;
    let before = stored(&test).await;
    for (table, change) in [
        ("message", "DELETE"),
        ("document", "UPDATE"),
        ("credential", "UPDATE"),
        ("registration_request", "UPDATE"),
        ("account", "UPDATE"),
    ] {
        test.sql(&format!(
            "CREATE TABLE IF NOT EXISTS stop (name TEXT); INSERT INTO stop VALUES ('{table}');
            CREATE TRIGGER stop_{table} BEFORE {change} ON {table}
            WHEN EXISTS (SELECT 1 FROM job WHERE kind = 'subject_erasure') AND EXISTS (SELECT 1 FROM stop WHERE name = '{table}')
            BEGIN SELECT RAISE(ABORT, 'stopped by the test'); END;"
        ));
    }
    ordered(&test, &holder).await;
    for table in ["message", "document", "credential", "registration_request", "account"] {
        subject::run_due(&test.app).await.unwrap();
        assert_eq!(
            test.sql("SELECT count(*) FROM job WHERE kind = 'subject_erasure' AND state = 'queued'").trim(),
            "1",
            "{table}"
        );
        test.sql(&format!("DELETE FROM stop WHERE name = '{table}'"));
        test.app.clock.shift_seconds(601);
    }
    erased(&test).await;
    test.sql("DROP TABLE stop");
    nothing_is_left(&test, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_request_names_nobody_after_its_time() {
    let test = TestApp::sqlite().await;
    let operator = test.log_in("gianhang").await;
    let (_, view) = test.post("/api/v1/requests", &operator, &citizen()).await;
    let path = format!("/api/v1/requests/{}/reject", view["id"].as_str().unwrap());
    let (status, rejected) =
        test.post(&path, &test.log_in("duyet").await, &json!({ "reason": "Thẻ đã hết hạn." })).await;
    assert_eq!(status, 200, "{rejected}");
    let person = test.app.vault.lookup("person", NUMBER);
    subject::clear_up(&test.app).await.unwrap();
    assert_eq!(test.app.store.requests_of_person(&person).await.unwrap().len(), 1, "it is kept for its time");
    test.app.clock.shift_seconds(366 * 86_400);
    for _ in 0..1_200 {
        subject::clear_up(&test.app).await.unwrap();
        if test.app.store.requests_of_person(&person).await.unwrap().is_empty() {
            let (status, shown) = test.get(path.trim_end_matches("/reject"), &test.log_in("duyet").await).await;
            assert_eq!(
                (status, &shown["full_name"], &shown["state"]),
                (200, &json!("(đã xóa)"), &json!("rejected")),
                "{shown}"
            );
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it names somebody still");
}
