//! Unlocking with four eyes: who may ask and decide, twice and no more, and what SQL cannot do about the count.

use super::subscriber::{PIN, Subscriber, citizen, official, plain_pdf};
use crate::harness::app::{Backend, TestApp};
use chuky_model::role::Role;
use serde_json::{Value, json};

const REASON: &str = "Đối chiếu thẻ căn cước và khuôn mặt tại quầy.";

fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

pub async fn lock(test: &TestApp, who: &Subscriber, id: &str) {
    for _ in 0..5 {
        assert_eq!(who.ask(test, id, "không phải mã này", json!({})).await.0, 403);
    }
    assert_eq!(problem(&who.ask(test, id, PIN, json!({})).await.1), "pin_locked");
}

async fn ask(test: &TestApp, token: &str, whom: &str) -> (u16, Value) {
    test.post("/api/v1/unlocks", token, &json!({ "whom": whom, "reason": REASON })).await
}

async fn decide(test: &TestApp, token: &str, asked: &Value, what: &str) -> (u16, Value) {
    let path = format!("/api/v1/unlocks/{}/{what}", asked["id"].as_str().unwrap());
    test.post(&path, token, &json!({})).await
}

async fn twice_and_no_more(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let (operator, approver) = (test.log_in("gianhang").await, test.log_in("duyet").await);
    let registrar = test.log_in("dangky").await;
    assert_eq!(problem(&ask(&test, &operator, "001190012345").await.1), "not_locked");
    lock(&test, &citizen, &id).await;
    // Whose it is, and whose business.
    assert_eq!(problem(&ask(&test, &operator, "001190012346").await.1), "unlock_unknown");
    assert_eq!(
        problem(&ask(&test, &registrar, "001190012345").await.1),
        "unlock_unknown",
        "a citizen's, not an official's"
    );
    assert_eq!(ask(&test, &approver, "001190012345").await.0, 403);
    let own = test.account("nguoi.nha", &[Role::Operator, Role::Approver], Some("001190012345")).await.1;
    assert_eq!(problem(&ask(&test, &own, "001190012345").await.1), "own_credential");
    let both = test.account("hai.vai", &[Role::Operator, Role::Approver], None).await.1;
    for round in 1..=2 {
        let asking = if round == 1 { &operator } else { &both };
        let whom = if round == 1 { "001 190 012 345".to_owned() } else { serial(&test, &citizen).await };
        let (status, asked) = ask(&test, asking, &whom).await;
        assert_eq!((status, &asked["number"]), (201, &json!(round)), "{asked}");
        assert_eq!(asked["personal_number"], "001•••••2345");
        assert_eq!(problem(&ask(&test, &operator, &whom).await.1), "unlock_open");
        // Still locked until a second pair of eyes; not by whoever asked, nor by the holder in another role.
        assert_eq!(problem(&citizen.ask(&test, &id, PIN, json!({})).await.1), "pin_locked");
        let (status, refused) = decide(&test, asking, &asked, "approve").await;
        assert!(status == 403 || problem(&refused) == "own_request", "{refused}");
        assert_eq!(problem(&decide(&test, &own, &asked, "approve").await.1), "own_credential");
        let listed = test.get("/api/v1/unlocks", &approver).await.1;
        assert_eq!(
            (listed["unlocks"][0]["id"].clone(), &listed["unlocks"][0]["decidable"]),
            (asked["id"].clone(), &json!(true))
        );
        let (status, answer) = decide(&test, &approver, &asked, "approve").await;
        assert_eq!((status, &answer["state"]), (200, &json!("approved")), "{answer}");
        assert_eq!(decide(&test, &approver, &asked, "approve").await.0, 409, "once");
        assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200, "the PIN is what it was");
        lock(&test, &citizen, &id).await;
    }
    // The third time means a new key.
    assert_eq!(problem(&ask(&test, &operator, "001190012345").await.1), "unlocks_used_up");
    // Whoever brings the counter back finds that the log remembers.
    test.sql("CREATE TABLE counted AS SELECT * FROM credential");
    test.sql("UPDATE credential SET unlocks = 0");
    assert_eq!(ask(&test, &operator, "001190012345").await.0, 500);
    test.sql("UPDATE credential SET unlocks = 2");
    assert_eq!(problem(&ask(&test, &operator, "001190012345").await.1), "unlocks_used_up");
    assert_eq!(problem(&citizen.ask(&test, &id, PIN, json!({})).await.1), "pin_locked");
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'credential.unlocked'").trim(), "2");
}

async fn serial(test: &TestApp, who: &Subscriber) -> String {
    let (_, list) = test.get("/api/v1/credentials", &who.token).await;
    list["credentials"][0]["serial"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_eyes_unlock_twice_and_no_more_on_sqlite() {
    twice_and_no_more(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_eyes_unlock_twice_and_no_more_on_postgres() {
    twice_and_no_more(Backend::Postgres).await;
}

async fn sql_unlocks_nothing(backend: Backend) {
    let test = TestApp::start(backend).await;
    let official = official(&test, "p256").await;
    let id = official.upload(&test, &plain_pdf()).await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    test.sql("CREATE TABLE unlocked AS SELECT * FROM credential");
    lock(&test, &official, &id).await;
    let put_back = |table: &str, from: &str, columns: &str| {
        let set: Vec<String> = columns.split(' ').map(|column| format!("{column} = k.{column}")).collect();
        test.sql(&format!("UPDATE {table} SET {} FROM {from} k WHERE k.id = {table}.id", set.join(", ")));
    };
    // Set by hand, and put back whole.
    test.sql("CREATE TABLE locked AS SELECT * FROM credential");
    test.sql("UPDATE credential SET state = 'active', tries = 0");
    assert_eq!(official.ask(&test, &id, PIN, json!({})).await.0, 500);
    put_back("credential", "unlocked", "state tries unlocks updated_at version mac");
    assert_eq!(official.ask(&test, &id, PIN, json!({})).await.0, 500);
    put_back("credential", "locked", "state tries unlocks updated_at version mac");
    // A request approved by SQL opens nothing, and one that was refused cannot be brought back to be approved.
    let (_, asked) = ask(&test, &registrar, "001080054321").await;
    test.sql("CREATE TABLE asked AS SELECT * FROM unlock_request");
    test.sql("UPDATE unlock_request SET state = 'approved'");
    assert_eq!(decide(&test, &approver, &asked, "approve").await.0, 500);
    test.sql("UPDATE unlock_request SET state = 'asked'");
    assert_eq!(decide(&test, &approver, &asked, "refuse").await.0, 200);
    assert_eq!(problem(&official.ask(&test, &id, PIN, json!({})).await.1), "pin_locked");
    put_back("unlock_request", "asked", "state decided_by decided_at version mac");
    assert_eq!(decide(&test, &approver, &asked, "approve").await.0, 500);
    test.sql("DELETE FROM unlock_request");
    // The same approval twice: first unlock, then the row before it with the request that is still there.
    let (status, asked) = ask(&test, &registrar, "001080054321").await;
    assert_eq!(status, 201, "{asked}");
    test.sql("DROP TABLE asked");
    test.sql("CREATE TABLE asked AS SELECT * FROM unlock_request");
    assert_eq!(decide(&test, &approver, &asked, "approve").await.0, 200);
    put_back("unlock_request", "asked", "state decided_by decided_at version mac");
    put_back("credential", "locked", "state tries unlocks updated_at version mac");
    assert_eq!(decide(&test, &approver, &asked, "approve").await.0, 500);
    assert_eq!(official.ask(&test, &id, PIN, json!({})).await.0, 500);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_unlocks_nothing_on_sqlite() {
    sql_unlocks_nothing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_unlocks_nothing_on_postgres() {
    sql_unlocks_nothing(Backend::Postgres).await;
}
