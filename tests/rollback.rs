//! Old rows that were genuine once, put back by SQL with their own MACs: what was revoked, removed, ended or used stays so, on this node,
//! on another, and after a restart.

use crate::{
    harness::app::{ACCOUNT_PASSWORD, Backend, EXECUTABLE, TestApp},
    issuance::{approved, redemption},
};
use chuky::{
    accounts,
    app::App,
    clock::Clock,
    error::{Error, InternalError},
};
use chuky_model::{id::AccountId, role::Role};
use serde_json::json;
use std::{path::Path, time::Duration};

fn keep(test: &TestApp, table: &str) {
    test.sql(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
}

/// Every row of the table as it was kept, its MAC and version with it.
fn put_back(test: &TestApp, table: &str, key: &str, columns: &[&str]) {
    let set: Vec<String> = columns.iter().chain(&["version", "mac"]).map(|c| format!("{c} = k.{c}")).collect();
    test.sql(&format!("UPDATE {table} SET {} FROM kept_{table} k WHERE k.{key} = {table}.{key}", set.join(", ")));
}

/// The identifier in a key's text.
fn key_id(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

async fn what_was_taken_back_stays_taken(backend: Backend) {
    let test = TestApp::start(backend).await;
    let officer = test.log_in("quantri").await;
    let (account, key) = test.account("ngan.hang", &[Role::PaymentProvider, Role::Auditor], None).await;
    let session = {
        let body = json!({ "login": "ngan.hang", "password": ACCOUNT_PASSWORD });
        test.post("/api/v1/session", "", &body).await.1["token"].as_str().unwrap().to_owned()
    };
    let who = async |token: &str| test.get("/api/v1/session", token).await;
    assert_eq!(who(&session).await.0, 200);
    for table in ["api_key", "account", "session"] {
        keep(&test, table);
    }
    let account_columns = ["roles", "disabled_at", "failed_logins", "locked_until"];

    // A revoked key.
    assert_eq!(test.post(&format!("/api/v1/api-keys/{}/revoke", key_id(&key)), &officer, &json!({})).await.0, 204);
    assert_eq!(who(&key).await.0, 401);
    put_back(&test, "api_key", "id", &["revoked_at"]);
    assert_eq!(who(&key).await.0, 500);
    // Deleted and made anew as it was.
    test.sql("DELETE FROM api_key");
    assert_eq!(who(&key).await.0, 401);
    test.sql("INSERT INTO api_key SELECT * FROM kept_api_key");
    assert_eq!(who(&key).await.0, 500);

    // A role that was taken; nobody looked at the row in between.
    let path = format!("/api/v1/accounts/{account}/roles/auditor");
    assert_eq!(test.request("DELETE", &path, &officer, "", vec![]).await.0, 204);
    settle(&test).await;
    put_back(&test, "account", "id", &account_columns);
    assert_eq!(who(&session).await.0, 500);
    test.sql("DROP TABLE kept_account");
    // As the service would have it, it serves again; then the whole account is closed.
    restore_newest(&test, account).await;
    assert_eq!(who(&session).await.1["roles"], json!(["payment_provider"]));
    keep(&test, "account");
    assert_eq!(test.post(&format!("/api/v1/accounts/{account}/disable"), &officer, &json!({})).await.0, 204);
    assert_eq!(who(&session).await.0, 401);
    put_back(&test, "account", "id", &account_columns);
    assert_eq!(who(&session).await.0, 500);
    let body = json!({ "login": "ngan.hang", "password": ACCOUNT_PASSWORD });
    assert_eq!(test.post("/api/v1/session", "", &body).await.0, 500, "nor does it log in");

    // An ended session.
    test.sql("DROP TABLE kept_session");
    let token = test.log_in("kiemtoan").await;
    keep(&test, "session");
    assert_eq!(test.request("DELETE", "/api/v1/session", &token, "", vec![]).await.0, 204);
    put_back(&test, "session", "token_hash", &["ended_at"]);
    assert_eq!(who(&token).await.0, 500);
    // Nobody narrows their own account.
    let own = test.get("/api/v1/session", &officer).await.1["account"].as_str().unwrap().to_owned();
    assert_eq!(test.post(&format!("/api/v1/accounts/{own}/disable"), &officer, &json!({})).await.0, 409);
}

/// Everything recorded so far is in the log, and every node has had the time to follow it.
async fn settle(test: &TestApp) {
    for _ in 0..1_200 {
        if test.app.store.pending_audit_entries(1).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
}

/// Waits until a node that only follows the log has read what it says of a row.
async fn followed(app: &App, follower: &App, subject: &str) {
    let newest = app.audit.row_versions().newest(subject).await.unwrap();
    for _ in 0..1_200 {
        if follower.audit.row_versions().newest(subject).await.unwrap() >= newest {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{subject} is not followed");
}

/// The account without the role again, by the service's own hand: version and MAC of an attacker's guess would not fit.
async fn restore_newest(test: &TestApp, account: AccountId) {
    use chuky::attestation;
    let mut row = test.app.store.account_by_id(account).await.unwrap().unwrap();
    let newest = test.app.store.newest_row_version(&format!("account:{account}")).await.unwrap().unwrap();
    row.roles.retain(|role| *role != Role::Auditor);
    let old = row.version;
    row.version = newest;
    attestation::attest(&*test.app.tokens.subscribers, &mut row).await.unwrap();
    test.sql(&format!("UPDATE account SET version = {} WHERE version = {old} AND login = 'ngan.hang'", newest - 1));
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.update_account(&row).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_stays_taken_on_sqlite() {
    what_was_taken_back_stays_taken(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_stays_taken_on_postgres() {
    what_was_taken_back_stays_taken(Backend::Postgres).await;
}

async fn a_code_is_redeemed_once(backend: Backend) {
    let test = TestApp::start(backend).await;
    let request = json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } });
    let (id, code) = approved(&test, "gianhang", &request).await;
    keep(&test, "activation_code");
    keep(&test, "registration_request");
    let redeem = redemption(&code, "cong.dan");
    let (status, receipt) = test.redeem("", &redeem).await;
    assert_eq!(status, 201, "{receipt}");
    // Code and request as they were before: a second certificate would be nobody's.
    put_back(&test, "registration_request", "id", &["state", "account_id", "certificate_id", "updated_at"]);
    assert_eq!(test.redeem("", &redeem).await.0, 422, "the code is used");
    put_back(&test, "activation_code", "request_id", &["code_hash", "tries", "redeemed_at"]);
    assert_eq!(test.redeem("", &redeem).await.0, 500);
    assert_eq!(test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await.0, 500);
    assert_eq!(test.sql("SELECT count(*) FROM credential").trim(), "1");
    let operator = test.log_in("gianhang").await;
    assert_eq!(test.post(&format!("/api/v1/requests/{id}/code"), &operator, &json!({})).await.0, 500);
    assert_eq!(test.get(&format!("/api/v1/requests/{id}"), &operator).await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_redeemed_once_on_sqlite() {
    a_code_is_redeemed_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_redeemed_once_on_postgres() {
    a_code_is_redeemed_once(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_stay_counted() {
    let test = TestApp::sqlite().await;
    let wrong = json!({ "login": "duyet", "password": "sai-sai-sai-sai" });
    keep(&test, "account");
    for _ in 0..4 {
        assert_eq!(test.post("/api/v1/session", "", &wrong).await.0, 401);
        settle(&test).await;
    }
    put_back(&test, "account", "id", &["failed_logins", "locked_until"]);
    assert_eq!(test.post("/api/v1/session", "", &wrong).await.0, 500, "four more tries were to be had");
}

/// Another node over the same database and tokens, which only follows the log; and one that is started after the rollback.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_and_a_restarted_one_know_it_too() {
    let test = TestApp::start(Backend::Postgres).await;
    let other = App::open(test.app.settings.clone(), Clock::default(), Path::new(EXECUTABLE).to_owned()).await.unwrap();
    let (_, key) = test.account("ngan.hang", &[Role::PaymentProvider], None).await;
    // The other node has seen the key as it is good.
    accounts::principal_of_bearer(&other, &key).await.unwrap();
    keep(&test, "api_key");
    let officer = test.log_in("quantri").await;
    assert_eq!(test.post(&format!("/api/v1/api-keys/{}/revoke", key_id(&key)), &officer, &json!({})).await.0, 204);
    settle(&test).await;
    followed(&test.app, &other, &format!("api_key:{}", key_id(&key).parse::<uuid::Uuid>().unwrap())).await;
    put_back(&test, "api_key", "id", &["revoked_at"]);
    let forged =
        |answer| matches!(answer, Err::<accounts::Principal, _>(Error::Internal(InternalError::RowForged { .. })));
    assert!(forged(accounts::principal_of_bearer(&other, &key).await), "a node that follows");
    let fresh = App::open(test.app.settings.clone(), Clock::default(), Path::new(EXECUTABLE).to_owned()).await.unwrap();
    assert!(forged(accounts::principal_of_bearer(&fresh, &key).await), "a node that has just been started");
    assert!(forged(accounts::principal_of_bearer(&test.app, &key).await), "the node that appends");
}

/// Every row that authorises has the version that the newest entry about it tells of: no change goes unrecorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_recorded_with_its_version() {
    let test = TestApp::sqlite().await;
    let citizen = crate::signing::subscriber::citizen(&test).await;
    let pdf = crate::signing::subscriber::plain_pdf();
    let id = citizen.upload(&test, &pdf).await;
    assert_eq!(citizen.ask(&test, &id, "khong dung dau", json!({})).await.0, 403);
    assert_eq!(citizen.ask(&test, &id, crate::signing::subscriber::PIN, json!({})).await.0, 200);
    let (_, list) = test.get("/api/v1/credentials", &citizen.token).await;
    let serial = list["credentials"][0]["serial"].as_str().unwrap();
    let operator = test.log_in("gianhang").await;
    for (act, body) in [("suspend", json!({})), ("resume", json!({})), ("revoke", json!({ "reason": "superseded" }))] {
        let (status, answer) = test.post(&format!("/api/v1/certificates/{serial}/{act}"), &operator, &body).await;
        assert_eq!(status, 200, "{act}: {answer}");
    }
    let uuid = |column: &str| {
        let part = |from: u8, count: u8| format!("substr(lower(hex(r.{column})), {from}, {count})");
        [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ")
    };
    for (table, noun, key) in [
        ("account", "account", uuid("id")),
        ("api_key", "api_key", uuid("id")),
        ("session", "session", "lower(hex(r.token_hash))".to_owned()),
        ("registration_request", "request", uuid("id")),
        ("activation_code", "activation_code", uuid("request_id")),
        ("certificate", "certificate", uuid("id")),
        ("credential", "credential", uuid("id")),
        ("activation", "activation", uuid("id")),
    ] {
        let newest = format!("(SELECT max(e.row_version) FROM audit_entry e WHERE e.subject = '{noun}:' || {key})");
        let found = test
            .sql(&format!("SELECT r.version, {newest} FROM {table} r WHERE {newest} IS NULL OR {newest} <> r.version"));
        assert_eq!(found.trim(), "", "{table}: version and what the log knows");
    }
    assert_eq!(test.sql("SELECT state FROM credential").trim(), "closed");
    assert_ne!(test.sql("SELECT count(*) FROM session").trim(), "0");
}

/// Entries about later versions are given another subject, so that a query by subject finds the old version only.
fn hide(test: &TestApp, subject: &str, after: i64) {
    test.sql(&format!(
        "UPDATE audit_entry SET subject = 'account:hidden' WHERE subject = '{subject}' AND row_version > {after}"
    ));
}

/// The log is rewritten for as long as the old row is used, and put back as it was.
async fn a_hidden_entry_gives_nothing_back(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (account, key) = test.account("ngan.hang", &[Role::PaymentProvider], None).await;
    let officer = test.log_in("quantri").await;
    keep(&test, "account");
    let old = test.app.store.account_by_id(account).await.unwrap().unwrap().version;
    assert_eq!(test.post(&format!("/api/v1/accounts/{account}/disable"), &officer, &json!({})).await.0, 204);
    crate::audit::settle(&test).await;
    let open = async || App::open(test.app.settings.clone(), Clock::default(), Path::new(EXECUTABLE).to_owned()).await;
    let subject = format!("account:{account}");
    let newest = test.app.store.newest_row_version(&subject).await.unwrap().unwrap();
    // A node that has read the log, and was never asked for this account.
    let follower = open().await.unwrap();
    follower.audit.row_versions().read().await.unwrap();

    crate::audit::unlock(&test, "audit_entry");
    hide(&test, &subject, old);
    put_back(&test, "account", "id", &["roles", "disabled_at", "failed_logins", "locked_until"]);
    assert!(test.app.store.newest_row_version(&subject).await.unwrap().unwrap() < newest, "the query is deceived");
    assert_eq!(follower.audit.row_versions().newest_by_log(&subject).await.unwrap(), newest);
    let answer = accounts::principal_of_bearer(&follower, &key).await;
    assert!(matches!(answer, Err(Error::Internal(InternalError::RowForged { .. }))), "a node that read it before");
    assert_eq!(test.get("/api/v1/session", &key).await.0, 500, "the node that appends");
    // A node that starts while it lasts believes nothing, now or after it was put back.
    let fresh = open().await.unwrap();
    let not_whole = |answer| matches!(answer, Err(Error::Internal(InternalError::LogNotWhole(_))));
    assert!(not_whole(accounts::principal_of_bearer(&fresh, &key).await.map(drop)));
    test.sql(&format!("UPDATE audit_entry SET subject = '{subject}' WHERE subject = 'account:hidden'"));
    assert!(not_whole(accounts::principal_of_bearer(&fresh, &key).await.map(drop)));
    let after = open().await.unwrap();
    let answer = accounts::principal_of_bearer(&after, &key).await;
    assert!(matches!(answer, Err(Error::Internal(InternalError::RowForged { .. }))), "a node that starts afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_entry_gives_nothing_back_on_sqlite() {
    a_hidden_entry_gives_nothing_back(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_entry_gives_nothing_back_on_postgres() {
    a_hidden_entry_gives_nothing_back(Backend::Postgres).await;
}

/// After a restart nobody has asked for the credential, the enrolment or the person yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_service_counts_tries_from_the_log_it_read() {
    use crate::signing::subscriber::{PIN, citizen, plain_pdf};
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    keep(&test, "credential");
    let old: i64 = test.sql("SELECT version FROM credential").trim().parse().unwrap();
    for _ in 0..2 {
        assert_eq!(citizen.ask(&test, &id, "khong dung dau", json!({})).await.0, 403);
    }
    crate::audit::settle(&test).await;
    let (directory, settings) = test.rest().await;
    let test = TestApp::wake(directory, settings).await;
    test.app.audit.row_versions().read().await.unwrap();
    crate::audit::unlock(&test, "audit_entry");
    hide(&test, &format!("credential:{}", citizen.credential), old);
    put_back(&test, "credential", "id", &["tries", "state", "updated_at"]);
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 500);
    // What the log said of accounts' persons and of any other row stays, too.
    let named =
        test.sql("SELECT subject FROM audit_entry WHERE kind = 'person.named' AND subject <> 'person:earlier' LIMIT 1");
    let named = named.trim();
    assert!(!test.app.audit.row_versions().accounts_named(named).await.unwrap().is_empty(), "{named}");
    test.sql("UPDATE audit_entry SET subject = 'account:hidden' WHERE kind = 'person.named'");
    assert!(!test.app.audit.row_versions().accounts_named(named).await.unwrap().is_empty());
}
