//! Identity providers: what an operator's statement and a population database that is right, wrong, slow or down make of a request. The database is the
//! program's own simulator, a process beside the service.

mod simulator;

use crate::harness::app::{Backend, TestApp};
use chuky::config::{IdentityConfig, IdentityProvider, UnavailableRule};
use chuky_model::record::Cursor;
use serde_json::{Value, json};
use simulator::Database;

const NUMBER: &str = "001190012345";
const NAME: &str = "Nguyễn Thị Hồng Ưởng";

fn person() -> Value {
    json!({ "number": NUMBER, "name": NAME, "birth_date": "1990-03-05", "sex": "female" })
}

/// Women of that name and day, each with a number of her own: [`NUMBER`] and those after it.
fn people(count: u64) -> Value {
    (0..count)
        .map(|place| json!({ "number": number(place), "name": NAME, "birth_date": "1990-03-05", "sex": "female" }))
        .collect()
}

fn number(place: u64) -> String {
    format!("{:012}", NUMBER.parse::<u64>().unwrap() + place)
}

fn request(place: u64, ground: &str) -> Value {
    json!({
        "hierarchy": "citizens", "unit": "H26", "identity_ground": ground,
        "subscriber": {
            "full_name": NAME, "personal_number": number(place), "birth_date": "1990-03-05", "sex": "female",
            "province": "Hà Nội", "locality": "Phường Hoàn Kiếm"
        }
    })
}

fn settings(database: &Database, rule: UnavailableRule) -> IdentityConfig {
    IdentityConfig {
        provider: IdentityProvider::Population,
        url: Some(database.url.clone()),
        bearer_file: Some(database.bearer_file()),
        timeout_ms: 30_000,
        failures: 100,
        unavailable: rule,
        ..IdentityConfig::default()
    }
}

async fn service(backend: Backend, identity: IdentityConfig) -> TestApp {
    TestApp::start_with(backend, |settings| settings.identity = identity).await
}

/// Enters the citizen as the operator.
async fn enter(test: &TestApp, place: u64, ground: &str) -> (u16, Value) {
    let operator = test.log_in("gianhang").await;
    test.post("/api/v1/requests", &operator, &request(place, ground)).await
}

async fn approve(test: &TestApp, entered: &Value) -> (u16, Value) {
    let approver = test.log_in("duyet").await;
    let path = format!("/api/v1/requests/{}", entered["id"].as_str().unwrap());
    let (_, shown) = test.get(&path, &approver).await;
    let digest = json!({ "content_digest": shown["content_digest"] });
    test.post(&format!("{path}/approve"), &approver, &digest).await
}

fn check(view: &Value) -> (&str, &str) {
    let check = &view["identity_check"];
    (check["outcome"].as_str().unwrap_or_default(), check["finding"].as_str().unwrap_or_default())
}

/// The contents of the log's entries of a kind.
async fn entries(test: &TestApp, kind: &str) -> Vec<Value> {
    let mut rows = test.app.store.list_audit_entries(Cursor::NEWEST, 1_000).await.unwrap();
    rows.reverse();
    rows.iter().filter(|row| row.kind == kind).map(|row| serde_json::from_slice(&row.content).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_the_operators_statement_is_recorded_and_nothing_passes() {
    let test = TestApp::sqlite().await;
    let (status, view) = enter(&test, 0, "").await;
    assert_eq!((status, check(&view)), (201, ("not_done", "statement")), "{view}");
    let told = entries(&test, "request.submitted").await;
    assert_eq!(told[0]["identity"]["provider"], "manual", "{told:?}");
    assert_eq!(told[0]["identity"]["outcome"], "not_done");
    // Nobody brings a check of their own.
    let mut forged = request(0, "");
    forged["subscriber"]["identity"] = json!({ "finding": "matches", "at": 0 });
    let (status, refused) = test.post("/api/v1/requests", &test.log_in("gianhang").await, &forged).await;
    assert_eq!(status, 422, "{refused}");
}

async fn each_answer_is_recorded(backend: Backend) {
    let database = Database::start(&json!([person()]));
    let test = service(backend, settings(&database, UnavailableRule::Record)).await;
    // 1. It knows exactly this person.
    let (status, view) = enter(&test, 0, "").await;
    assert_eq!((status, check(&view)), (201, ("passed", "matches")), "{view}");
    let (status, approved) = approve(&test, &view).await;
    assert_eq!((status, check(&approved)), (200, ("passed", "matches")), "{approved}");
    let told = entries(&test, "request.submitted").await;
    assert_eq!(
        (&told[0]["identity"]["provider"], &told[0]["identity"]["outcome"]),
        (&json!("population"), &json!("passed"))
    );
    assert!(told.iter().all(|entry| !entry.to_string().contains(NUMBER) && !entry.to_string().contains(NAME)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_match_has_passed_on_sqlite() {
    each_answer_is_recorded(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_match_has_passed_on_postgres() {
    each_answer_is_recorded(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_differs_is_named_and_needs_a_ground_that_the_approver_reads() {
    let other = json!({ "number": NUMBER, "name": "Nguyễn Thị Hồng", "birth_date": "1990-03-06", "sex": "female" });
    let database = Database::start(&json!([other]));
    let test = service(Backend::Sqlite, settings(&database, UnavailableRule::Record)).await;
    let (status, refused) = enter(&test, 0, "").await;
    assert_eq!((status, refused["type"].as_str().unwrap().ends_with("identity_differs")), (422, true), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("ngày sinh, họ và tên") || said.contains("birth date, name"), "{said}");
    assert!(
        !said.contains(NUMBER) && !said.contains("1990-03-06"),
        "what the database has is nobody's to read: {said}"
    );
    let told = entries(&test, "identity.refused").await;
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("failed")), "{told:?}");
    // With a ground it is entered, and stays failed for whoever decides.
    let (status, view) = enter(&test, 0, "Đã xem quyết định cải chính hộ tịch.").await;
    assert_eq!((status, check(&view)), (201, ("failed", "differs")), "{view}");
    assert_eq!(view["identity_check"]["fields"], json!(["birth_date", "name"]));
    let id = view["id"].as_str().unwrap();
    let (_, shown) = test.get(&format!("/api/v1/requests/{id}"), &test.log_in("duyet").await).await;
    assert_eq!(shown["identity_check"]["ground"], "Đã xem quyết định cải chính hộ tịch.");
    let told = entries(&test, "request.submitted").await;
    assert_eq!((&told[0]["identity"]["outcome"], &told[0]["identity"]["despite"]), (&json!("failed"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_unknown_need_a_ground_and_the_deceased_get_nothing() {
    let mut dead = person();
    dead["deceased"] = json!(true);
    for (people, code, with_ground) in
        [(json!([]), "person_unknown_number", 201), (json!([dead]), "person_deceased", 422)]
    {
        let database = Database::start(&people);
        let test = service(Backend::Sqlite, settings(&database, UnavailableRule::Record)).await;
        let (status, refused) = enter(&test, 0, "").await;
        assert_eq!(status, 422, "{refused}");
        assert!(refused["type"].as_str().unwrap().ends_with(code), "{refused}");
        assert_eq!(enter(&test, 0, "Thẻ là thật.").await.0, with_ground, "{code}");
    }
}

/// Whatever is no answer of the contract is no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_not_answered_has_passed() {
    let database = Database::start(&people(6));
    let mut identity = settings(&database, UnavailableRule::Record);
    identity.timeout_ms = 1_000;
    let test = service(Backend::Sqlite, identity).await;
    let mut controls: Vec<Value> =
        ["nonsense", "other", "contradiction", "endless"].map(|wrong| json!({ "wrong": wrong })).to_vec();
    controls.push(json!({ "down": true }));
    controls.push(json!({ "slow_ms": 600_000 }));
    for (place, control) in (0_u64..).zip(controls) {
        database.control(&control);
        let (status, view) = enter(&test, place, "").await;
        assert_eq!((status, check(&view)), (201, ("not_done", "unavailable")), "{control}: {view}");
        // The statement of whoever entered it stands, and is approved as what it is.
        let (status, approved) = approve(&test, &view).await;
        assert_eq!((status, check(&approved)), (200, ("not_done", "unavailable")), "{approved}");
    }
    // One that shows another key gets nothing either.
    database.control(&json!({}));
    std::fs::write(database.bearer_file(), "another\n").unwrap();
    let stranger = service(Backend::Sqlite, settings(&database, UnavailableRule::Record)).await;
    assert_eq!(check(&enter(&stranger, 0, "").await.1), ("not_done", "unavailable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_failures_in_a_row_nothing_is_asked_for_a_while() {
    let database = Database::start(&people(4));
    let identity = IdentityConfig { failures: 2, pause_seconds: 60, ..settings(&database, UnavailableRule::Record) };
    let test = service(Backend::Sqlite, identity).await;
    database.control(&json!({ "down": true }));
    for place in 0..2 {
        assert_eq!(check(&enter(&test, place, "").await.1), ("not_done", "unavailable"));
    }
    // It is well again, and is not asked yet.
    database.control(&json!({}));
    assert_eq!(check(&enter(&test, 2, "").await.1), ("not_done", "unavailable"));
    test.app.clock.shift_seconds(61);
    assert_eq!(check(&enter(&test, 3, "").await.1), ("passed", "matches"));
}

async fn a_request_waits(backend: Backend) {
    let database = Database::start(&json!([person()]));
    let test = service(backend, settings(&database, UnavailableRule::Wait)).await;
    database.control(&json!({ "down": true }));
    let (status, view) = enter(&test, 0, "").await;
    assert_eq!((status, check(&view)), (201, ("not_done", "unavailable")), "{view}");
    let (status, waits) = approve(&test, &view).await;
    assert_eq!((status, waits["type"].as_str().unwrap().ends_with("identity_waits")), (409, true), "{waits}");
    database.control(&json!({}));
    let (status, answered) = approve(&test, &view).await;
    assert_eq!((status, answered["type"].as_str().unwrap().ends_with("identity_answered")), (409, true), "{answered}");
    let told = entries(&test, "request.identity_checked").await;
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("passed")));
    let (status, approved) = approve(&test, &view).await;
    assert_eq!((status, check(&approved)), (200, ("passed", "matches")), "{approved}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_set_a_request_waits_for_the_database_on_sqlite() {
    a_request_waits(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_set_a_request_waits_for_the_database_on_postgres() {
    a_request_waits(Backend::Postgres).await;
}
