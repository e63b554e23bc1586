//! Rows that authorise and are hidden by SQL: what the audit log knows of and the database does not show is an alarm, and never "there is
//! none".

use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    issuance::{approved, citizen, issued, redemption},
};
use chuky::{
    accounts,
    app::App,
    clock::Clock,
    error::{Error, InternalError},
    units,
};
use chuky_model::role::Role;
use serde_json::json;
use std::path::Path;

fn is_forged<T>(outcome: &Result<T, Error>, of: &str) -> bool {
    matches!(outcome, Err(Error::Internal(InternalError::RowForged { table })) if *table == of)
}

/// One person has two accounts of the staff, both naming them. While they approve, the account that entered is moved out of sight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_account_is_no_second_pair_of_eyes() {
    const STAFF: &str = "001085070001";
    let test = TestApp::sqlite().await;
    let (entering, enters) = test.account("nhap.lieu", &[Role::Operator], Some(STAFF)).await;
    let (approving, approves) = test.account("duyet.cung.nguoi", &[Role::Approver], Some(STAFF)).await;
    let (status, request) = test.post("/api/v1/requests", &enters, &citizen()).await;
    assert_eq!(status, 201, "{request}");
    let path = format!("/api/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let digest = json!({ "content_digest": request["content_digest"] });
    assert_eq!(test.post(&path, &approves, &digest).await.0, 403);
    test.sql("UPDATE account SET id = x'00000000000070008000000000000001' WHERE login = 'nhap.lieu'");
    assert_eq!(test.post(&path, &approves, &digest).await.0, 500);
    assert!(is_forged(&accounts::same_person(&test.app, approving, entering).await, "account"));
    assert_eq!(test.sql("SELECT COUNT(*) FROM approval").trim(), "0");
    // An account that never was is nobody's, and no alarm.
    let nobody = "00000000-0000-7000-8000-000000000009".parse().unwrap();
    assert_eq!(accounts::person_of(&test.app, nobody).await.unwrap(), None);
}

/// The account of a subscriber is made nobody's, so that a code could be redeemed into a new account.
async fn hidden_holder(backend: Backend) {
    let test = TestApp::start(backend).await;
    let receipt = issued(&test, "citizen").await;
    let person = test.app.vault.lookup("person", "001190012345");
    assert_eq!(accounts::of_person(&test.app, &person).await.unwrap().len(), 1);
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let thief = test.agreed("", &redemption(&code, "ke.trom")).await;
    assert_eq!(test.redeem("", &thief).await.0, 401);
    let garbage = if backend == Backend::Sqlite { "x'00'" } else { "'\\x00'" };
    for hidden in [garbage, "NULL"] {
        test.sql(&format!("UPDATE account SET person_lookup = {hidden} WHERE login = 'citizen'"));
        let (status, answer) = test.post("/api/v1/activations", "", &thief).await;
        assert_eq!(status, 500, "{answer}");
        let (status, _) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
        assert_eq!(status, 500);
    }
    assert!(is_forged(&accounts::of_person(&test.app, &person).await, "account"));
    assert_eq!(test.sql("SELECT COUNT(*) FROM credential").trim(), "1");
    assert_eq!(test.sql("SELECT COUNT(*) FROM account WHERE login = 'ke.trom'").trim(), "0");
    assert!(receipt["account"].is_string());
    // The log tells which accounts are one person's, and not whose.
    let told = test.sql("SELECT subject FROM audit_entry WHERE kind = 'person.named'");
    assert!(told.contains("person:") && !told.contains(&hex::encode(person)), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_holder_makes_nobody_new_on_sqlite() {
    hidden_holder(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_holder_makes_nobody_new_on_postgres() {
    hidden_holder(Backend::Postgres).await;
}

/// Accounts from before the log told whose they are: the next start records them, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn earlier_accounts_are_recorded_at_the_next_start() {
    let test = TestApp::sqlite().await;
    test.account("nhap.lieu", &[Role::Operator], Some("001085070001")).await;
    let told = || test.sql("SELECT COUNT(*) FROM audit_entry WHERE kind = 'person.named'").trim().to_owned();
    // As a database from before would be: the history's triggers go with what they keep.
    test.sql(
        "DROP TRIGGER audit_entry_no_delete; DROP TRIGGER audit_leaf_no_delete; PRAGMA foreign_keys = OFF;
        DELETE FROM audit_pending WHERE entry_id IN (SELECT id FROM audit_entry WHERE kind = 'person.named');
        DELETE FROM audit_entry WHERE kind = 'person.named'",
    );
    assert_eq!(told(), "0");
    accounts::record_earlier_persons(&test.app).await.unwrap();
    let recorded = told();
    assert_ne!(recorded, "0");
    accounts::record_earlier_persons(&test.app).await.unwrap();
    assert_eq!(told(), recorded);
    test.sql("UPDATE account SET person_lookup = NULL WHERE login = 'nhap.lieu'");
    let person = test.app.vault.lookup("person", "001085070001");
    assert!(is_forged(&accounts::of_person(&test.app, &person).await, "account"));
}

/// A loaded list of units that is taken away, or replaced, is missed: at once by a service that runs, and by one that starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_units_that_is_gone_is_missed() {
    let test = TestApp::start(Backend::Postgres).await;
    let (_, administrator) = test.account("only.administrator", &[Role::Administrator], None).await;
    let list = "code,name,kind,parent,agency_code,predecessors\nH26,Thành phố Hà Nội,city,,H26,\n\
        00004,Phường Ba Đình,commune,H26,,\n00005,Phường Mới,commune,H26,H26.05,00008\n";
    let body = json!({ "from": "2030-01-01", "list": list, "dry_run": false });
    assert_eq!(test.post("/api/v1/units", &administrator, &body).await.1["stored"], true);
    assert!(units::known(&test.app).await.is_ok());
    let restarted = async || {
        let settings = test.app.settings.clone();
        App::open(settings, Clock::default(), Path::new(EXECUTABLE).to_owned()).await.unwrap()
    };
    assert_eq!(units::known(&restarted().await).await.unwrap().lists().len(), 3);
    // Another day in its row: a service that starts reads it and finds its MAC wrong.
    test.sql("UPDATE unit_list SET valid_from = '2031-01-01'");
    assert!(is_forged(&units::known(&restarted().await).await, "unit_list"));
    test.sql("UPDATE unit_list SET valid_from = '2030-01-01'");
    assert!(units::known(&restarted().await).await.is_ok());
    test.sql("DELETE FROM unit_list");
    assert!(is_forged(&units::known(&test.app).await, "unit_list"));
    assert!(is_forged(&units::known(&restarted().await).await, "unit_list"));
    let (status, _) = test.get("/api/v1/units/00008?at=2030-02-01", &administrator).await;
    assert_eq!(status, 500);
}
