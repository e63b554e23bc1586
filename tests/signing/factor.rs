//! The second factor at the activation: a code beside the PIN, counted with it, taken once on all nodes, telling nothing of the PIN, and
//! not to be got rid of by SQL, by a recovery or by asking elsewhere.

use super::subscriber::{PIN, Subscriber, citizen, official, plain_pdf};
use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    staff::{
        self,
        second_factor::{enrol, step},
    },
};
use chuky::{
    accounts::TotpSecret,
    bootstrap,
    clock::Clock,
    config::{FactorRule, Settings},
};
use serde_json::{Value, json};
use std::path::Path;

const WRONG_PIN: &str = "khong phai ma nay";

pub fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:")
}

pub async fn another_node(test: &TestApp) -> TestApp {
    let settings = test.app.settings.clone();
    TestApp::around(bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap()).await
}

/// What the caller is told of the tries that are left.
pub async fn tries_left(test: &TestApp, who: &Subscriber) -> i64 {
    let (_, answer) = test.get("/api/v1/credentials", &who.token).await;
    answer["credentials"][0]["tries_left"].as_i64().unwrap()
}

/// The next code that was not used: a time step later.
fn next(test: &TestApp, secret: &TotpSecret) -> String {
    test.app.clock.shift_seconds(30);
    secret.code(step(test)).to_string()
}

/// What the log says with each entry of that kind, oldest first.
pub fn entries(test: &TestApp, kind: &str) -> Vec<String> {
    let told = test.sql(&format!("SELECT content FROM audit_entry WHERE kind = '{kind}' ORDER BY id"));
    let text = |line: &str| match line.strip_prefix("\\x") {
        Some(octets) => String::from_utf8(hex::decode(octets).unwrap()).unwrap(),
        None => line.to_owned(),
    };
    told.lines().map(|line| text(line.trim())).collect()
}

async fn ask(test: &TestApp, who: &Subscriber, id: &str, pin: &str, code: &str) -> (u16, Value) {
    who.ask(test, id, pin, json!({ "totp": code })).await
}

async fn a_code_is_asked_for_once_it_is_owned(backend: Backend) {
    let test = TestApp::start(backend).await;
    let official = official(&test, "p256").await;
    let id = official.upload(&test, &plain_pdf()).await;
    // Without a factor the PIN alone signs; a code is of nothing then, and nothing is tried.
    let (status, signed) = official.ask(&test, &id, PIN, json!({})).await;
    assert_eq!(status, 200, "{signed}");
    let (status, answer) = ask(&test, &official, &id, PIN, "123456").await;
    assert_eq!((status, problem(&answer)), (403, "factor_not_enrolled"), "{answer}");
    // From its enrolment on the PIN alone is told to bring it, whether it is right or not, and no try is counted.
    let (secret, _) = enrol(&test, &official.token).await;
    let (_, right) = official.ask(&test, &id, PIN, json!({})).await;
    let (status, wrong) = official.ask(&test, &id, WRONG_PIN, json!({})).await;
    assert_eq!((status, problem(&wrong), &wrong["detail"]), (403, "factor_needed", &right["detail"]));
    assert_eq!(tries_left(&test, &official).await, 5);
    // Every way of being wrong has the same answer but for the count.
    let mut said = Vec::new();
    let used = next(&test, &secret);
    for (left, pin, code) in
        [(4, PIN, "000000".to_owned()), (3, WRONG_PIN, "000000".to_owned()), (2, WRONG_PIN, used.clone())]
    {
        let (status, answer) = ask(&test, &official, &id, pin, &code).await;
        assert_eq!((status, problem(&answer)), (403, "pin_wrong"), "{answer}");
        said.push(answer["detail"]["en"].as_str().unwrap().replace(&left.to_string(), "N"));
        assert_eq!(tries_left(&test, &official).await, left);
    }
    said.dedup();
    assert_eq!(said, ["The PIN or the code is wrong. N more tries before it is locked."]);
    // The right code of the wrong PIN is used up with it.
    let (status, answer) = ask(&test, &official, &id, PIN, &used).await;
    assert_eq!((status, problem(&answer)), (403, "factor_used"), "{answer}");
    let code = next(&test, &secret);
    let (status, signed) = ask(&test, &official, &id, PIN, &code).await;
    assert_eq!(status, 200, "{signed}");
    assert_eq!(tries_left(&test, &official).await, 5, "forgiven");
    assert_eq!(problem(&ask(&test, &official, &id, PIN, &code).await.1), "factor_used");
    // Each try says what came with it, and none what it was.
    let told = entries(&test, "pin.tried");
    let told: Vec<&String> = told.iter().filter(|content| content.contains("\"factor\"")).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].contains("wrong") && told[1].contains("wrong"), "{told:?}");
    assert!(told[2].contains("totp") && told[3].contains("totp"), "{told:?}");
    // Wrong codes lock as wrong PINs do.
    for _ in 0..4 {
        ask(&test, &official, &id, PIN, "000000").await;
    }
    assert_eq!(problem(&ask(&test, &official, &id, PIN, "000000").await.1), "pin_locked");
    let code = next(&test, &secret);
    assert_eq!(problem(&ask(&test, &official, &id, PIN, &code).await.1), "pin_locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_asked_for_once_it_is_owned_on_sqlite() {
    a_code_is_asked_for_once_it_is_owned(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_asked_for_once_it_is_owned_on_postgres() {
    a_code_is_asked_for_once_it_is_owned(Backend::Postgres).await;
}

/// One code, two nodes, one moment: one signature.
async fn a_code_signs_once_on_all_nodes(backend: Backend) {
    let test = TestApp::start(backend).await;
    let official = official(&test, "p256").await;
    let ids = [official.upload(&test, &plain_pdf()).await, official.upload(&test, &plain_pdf()).await];
    let (secret, used) = enrol(&test, &official.token).await;
    let other = another_node(&test).await;
    let code = secret.code(step(&test).max(used + 1)).to_string();
    let (one, another) =
        tokio::join!(ask(&test, &official, &ids[0], PIN, &code), ask(&other, &official, &ids[1], PIN, &code));
    let signed = [one.0, another.0].iter().filter(|status| **status == 200).count();
    let mut all = signed;
    for node in [&other, &test] {
        all += usize::from(ask(node, &official, &ids[0], PIN, &code).await.0 == 200);
    }
    assert_eq!(all, 1, "{one:?} {another:?}");
    // Nor does a log-in take what a signature took.
    let body = json!({ "login": "can.bo", "password": super::subscriber::PASSWORD, "totp": code });
    assert_eq!(other.post("/api/v1/session", "", &body).await.0, 401);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_signs_once_on_all_nodes_on_sqlite() {
    a_code_signs_once_on_all_nodes(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_signs_once_on_all_nodes_on_postgres() {
    a_code_signs_once_on_all_nodes(Backend::Postgres).await;
}

/// Whoever writes to the database gets neither rid of the factor nor a used code back.
async fn a_factor_taken_away_by_sql_is_missed(backend: Backend) {
    let test = TestApp::start(backend).await;
    let official = official(&test, "p256").await;
    let id = official.upload(&test, &plain_pdf()).await;
    test.sql("CREATE TABLE before_factor AS SELECT * FROM account");
    let (secret, _) = enrol(&test, &official.token).await;
    test.sql("CREATE TABLE enrolled AS SELECT * FROM account");
    let columns = ["totp_secret", "totp_step", "version", "mac", "failed_logins", "locked_until"];
    let columns: Vec<String> = columns.iter().map(|column| format!("{column} = k.{column}")).collect();
    let put_back = |table: &str| {
        test.sql(&format!("UPDATE account SET {} FROM {table} k WHERE k.id = account.id", columns.join(", ")));
    };
    let code = next(&test, &secret);
    assert_eq!(ask(&test, &official, &id, PIN, &code).await.0, 200);
    test.sql("CREATE TABLE signed AS SELECT * FROM account");
    // The secret alone, the row of before the enrolment, the row of before the code was used.
    test.sql("UPDATE account SET totp_secret = NULL, totp_step = NULL WHERE login = 'can.bo'");
    assert_eq!(official.ask(&test, &id, PIN, json!({})).await.0, 500);
    put_back("before_factor");
    assert_eq!(official.ask(&test, &id, PIN, json!({})).await.0, 500);
    put_back("enrolled");
    assert_eq!(ask(&test, &official, &id, PIN, &code).await.0, 500);
    // As it really is, it serves again.
    put_back("signed");
    let code = next(&test, &secret);
    assert_eq!(ask(&test, &official, &id, PIN, &code).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_factor_taken_away_by_sql_is_missed_on_sqlite() {
    a_factor_taken_away_by_sql_is_missed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_factor_taken_away_by_sql_is_missed_on_postgres() {
    a_factor_taken_away_by_sql_is_missed(Backend::Postgres).await;
}

fn required(settings: &mut Settings) {
    settings.seal.second_factor_officials = FactorRule::Required;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_required_nobody_signs_without() {
    let test = TestApp::with(required).await;
    let official = official(&test, "p256").await;
    let id = official.upload(&test, &plain_pdf()).await;
    let (status, answer) = official.ask(&test, &id, PIN, json!({})).await;
    assert_eq!((status, problem(&answer)), (403, "factor_not_enrolled"), "{answer}");
    assert!(answer["detail"]["vi"].as_str().unwrap().contains("/second-factor"), "{answer}");
    let csc = json!({ "credentialID": official.credential, "numSignatures": 1, "hash": [crate::csc::client::hash("một")], "PIN": PIN });
    let (status, answer) = test.post("/csc/v1/credentials/authorize", &official.token, &csc).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "{answer}");
    assert_eq!(test.sql("SELECT count(*) FROM activation").trim(), "0");
    let (secret, _) = enrol(&test, &official.token).await;
    let code = next(&test, &secret);
    assert_eq!(ask(&test, &official, &id, PIN, &code).await.0, 200);
    // A citizen is another hierarchy: the PIN alone, and a factor that is owned all the same is not asked for.
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
    let (secret, _) = enrol(&test, &citizen.token).await;
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
    // What is given is judged.
    assert_eq!(problem(&ask(&test, &citizen, &id, PIN, "000000").await.1), "pin_wrong");
    let code = next(&test, &secret);
    assert_eq!(ask(&test, &citizen, &id, PIN, &code).await.0, 200);
}

/// Two people recover the account of an official who lost the telephone: nothing is signed before a factor is enrolled anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovered_official_enrols_anew() {
    let test = TestApp::sqlite().await;
    let official = official(&test, "p256").await;
    let (_, _) = enrol(&test, &official.token).await;
    let (entering, deciding) = staff::pair(&test).await;
    let order = json!({ "kind": "recover", "account": "can.bo", "phone": "" });
    let order = staff::entered(&test, &entering, &order).await;
    staff::approved(&test, &deciding, &order).await;
    let invitation = staff::invited(&test, &entering, &order).await;
    let (status, welcomed) = staff::welcome(&test, "can.bo", &invitation, "").await;
    assert_eq!(status, 200, "{welcomed}");
    let token = welcomed["token"].as_str().unwrap().to_owned();
    let official = Subscriber { token, credential: official.credential };
    let id = official.upload(&test, &plain_pdf()).await;
    let (status, answer) = official.ask(&test, &id, PIN, json!({})).await;
    assert_eq!((status, problem(&answer)), (403, "factor_not_enrolled"), "{answer}");
    let (secret, _) = enrol(&test, &official.token).await;
    let code = next(&test, &secret);
    let (status, signed) = ask(&test, &official, &id, PIN, &code).await;
    assert_eq!(status, 200, "{signed}");
}
