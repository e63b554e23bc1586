//! Delegation for a time: the colleague acts with an own name, only within the time, only until it is taken back.

use super::{Agency, ROAD, act, key, package, problem, short_road, shown};
use crate::{
    harness::app::{Backend, TestApp},
    issuance::crash::Service,
    signing::subscriber::plain_pdf,
};
use chuky::accounts;
use serde_json::{Value, json};

const DELEGATIONS: &str = "/api/v1/documents/delegations";

async fn for_a_time(backend: Backend) {
    let test = TestApp::start(backend).await;
    let agency = Agency::new(&test).await;
    let (leader, deputy) = (&agency.leader, &agency.deputy);
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    assert_eq!(test.get(&format!("{ROAD}/{id}"), &deputy.token).await.0, 404);
    let now = test.app.clock.now();
    let until = |hours: i64| now.plus_seconds(hours * 3_600).rfc3339();
    // Not to oneself, not for ever, not to another agency, not into the past.
    for (to, ends) in
        [("chu.tich", until(2)), ("pho.chu.tich", until(24 * 400)), ("gianhang", until(2)), ("pho.chu.tich", until(-1))]
    {
        let (status, answer) = test.post(DELEGATIONS, &leader.token, &json!({ "to": to, "ends": ends })).await;
        assert_eq!(status, 422, "{to} {ends}: {answer}");
    }
    let body = json!({ "to": "pho.chu.tich", "ends": until(2) });
    let (status, made) = test.post(DELEGATIONS, &leader.token, &body).await;
    assert_eq!((status, &made["own"]), (201, &json!(true)), "{made}");
    // The deputy finds it and signs with an own certificate; the road says who, in whose place.
    let (_, inboxes) = test.get(&format!("{ROAD}/inboxes"), &deputy.token).await;
    assert_eq!(inboxes["to_sign"].as_array().unwrap().len(), 1, "{inboxes}");
    let (_, line) = act(&test, &id, "sign", &deputy.token, &key(deputy)).await;
    assert_eq!(line["signed"], true, "{line}");
    let seen = shown(&test, &id, &agency.drafter).await;
    assert_eq!((seen["steps"][0]["state"].as_str().unwrap(), seen["state"].as_str().unwrap()), ("done", "numbering"));
    assert!(seen["steps"][0]["acted_by"].as_str().unwrap().contains("Lê Minh Đức"), "{seen}");
    // Taken back, and over: nothing more.
    let second = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let end = format!("{DELEGATIONS}/{}/end", made["id"].as_str().unwrap());
    assert_eq!(test.post(&end, &deputy.token, &json!({})).await.0, 404, "only who gave it");
    assert_eq!(test.post(&end, &leader.token, &json!({})).await.0, 200);
    assert_eq!(test.post(&end, &leader.token, &json!({})).await.0, 404);
    let (_, line) = act(&test, &second, "sign", &deputy.token, &key(deputy)).await;
    assert_eq!(line["signed"], false, "{line}");
    let (status, _) = test.post(DELEGATIONS, &leader.token, &body).await;
    assert_eq!(status, 201);
    test.app.clock.shift_seconds(2 * 3_600 + 1);
    let (status, answer) =
        test.post(&format!("{ROAD}/{second}/refuse"), &deputy.token, &json!({ "reason": "x" })).await;
    assert!(status == 404 || problem(&answer) == "unauthenticated", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_colleague_signs_for_a_time_on_sqlite() {
    for_a_time(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_colleague_signs_for_a_time_on_postgres() {
    for_a_time(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegation_that_sql_made_or_brought_back_opens_nothing() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let ends = test.app.clock.now().plus_seconds(7_200).rfc3339();
    let body = json!({ "to": "pho.chu.tich", "ends": ends });
    let (_, made) = test.post(DELEGATIONS, &agency.leader.token, &body).await;
    test.sql("CREATE TABLE kept AS SELECT * FROM delegation");
    let end = format!("{DELEGATIONS}/{}/end", made["id"].as_str().unwrap());
    assert_eq!(test.post(&end, &agency.leader.token, &json!({})).await.0, 200);
    test.sql("UPDATE delegation SET (ended_at, version, mac) = (SELECT ended_at, version, mac FROM kept)");
    let (status, answer) = act(&test, &id, "sign", &agency.deputy.token, &key(&agency.deputy)).await;
    assert!(status == 500, "{answer}");
    test.sql("UPDATE delegation SET version = 3");
    let (status, answer) = act(&test, &id, "sign", &agency.deputy.token, &key(&agency.deputy)).await;
    assert!(status == 500, "{answer}");
}

/// The leader lets the deputy act for two hours; the delegation's identifier.
async fn delegated(test: &TestApp, agency: &Agency) -> String {
    let ends = test.app.clock.now().plus_seconds(7_200).rfc3339();
    let body = json!({ "to": "pho.chu.tich", "ends": ends });
    let (status, made) = test.post(DELEGATIONS, &agency.leader.token, &body).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_package_names_who_signed_and_not_who_delegated() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    delegated(&test, &agency).await;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let (_, line) = act(&test, &id, "sign", &agency.deputy.token, &key(&agency.deputy)).await;
    assert_eq!(line["signed"], true, "{line}");
    for (what, body) in [("number", json!({})), ("seal", key(&agency.clerk)), ("send", json!({}))] {
        let (status, answer) = act(&test, &id, what, &agency.clerk.token, &body).await;
        assert_eq!(status, 200, "{what}: {answer}");
    }
    let package = package(&test, &agency, &id).await;
    assert!(
        package.contains("<edXML:FullName>Lê Minh Đức<") && !package.contains("Trần Văn Khương"),
        "{}",
        &package[..1_500]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegation_ends_with_its_giver() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    delegated(&test, &agency).await;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    assert_eq!(test.get(&format!("{ROAD}/{id}"), &agency.deputy.token).await.0, 200);
    let giver = test.app.store.account_by_login("chu.tich").await.unwrap().unwrap();
    let officer = test.app.store.account_by_login("dangky").await.unwrap().unwrap();
    let officer =
        accounts::acting_account(&test.app, officer.id, "session:test".to_owned(), test.app.clock.now()).await.unwrap();
    accounts::disable_account(&test.app, &officer, giver.id).await.unwrap();
    assert_eq!(test.get(&format!("{ROAD}/{id}"), &agency.deputy.token).await.0, 404);
    let (_, line) = act(&test, &id, "sign", &agency.deputy.token, &key(&agency.deputy)).await;
    assert_eq!(line["signed"], false, "{line}");
    let (_, inboxes) = test.get(&format!("{ROAD}/inboxes"), &agency.deputy.token).await;
    assert_eq!(inboxes["to_sign"], json!([]), "{inboxes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_signatures_are_two_persons() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let (leader, deputy) = (&agency.leader, &agency.deputy);
    delegated(&test, &agency).await;
    let mut metadata = short_road();
    metadata["steps"] = json!([
        { "kind": "sign", "account": "chu.tich", "stage": 1 }, { "kind": "sign", "account": "pho.chu.tich", "stage": 1 },
    ]);
    let id = agency.submitted(&test, &plain_pdf(), &metadata).await;
    let (_, line) = act(&test, &id, "sign", &deputy.token, &key(deputy)).await;
    assert_eq!(line["signed"], true, "{line}");
    let seen = shown(&test, &id, &deputy.token).await;
    let state = |at: usize| seen["steps"][at]["state"].as_str().unwrap();
    assert_eq!(
        (state(0), state(1), &seen["action"], &seen["may_refuse"]),
        ("waiting", "done", &Value::Null, &json!(false))
    );
    let (_, line) = act(&test, &id, "sign", &deputy.token, &key(deputy)).await;
    assert_eq!(line["signed"], false, "{line}");
    let (_, inboxes) = test.get(&format!("{ROAD}/inboxes"), &deputy.token).await;
    assert_eq!(inboxes["to_sign"], json!([]), "{inboxes}");
    let (_, line) = act(&test, &id, "sign", &leader.token, &key(leader)).await;
    assert_eq!((&line["signed"], &line["document"]["state"]), (&json!(true), &json!("numbering")), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegation_taken_back_while_signing_stores_no_signature() {
    let test = TestApp::start(Backend::Postgres).await;
    let agency = Agency::new(&test).await;
    let made = delegated(&test, &agency).await;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    // The signature is made, and not stored yet.
    let mut service = Service::start(&test, "stop:document.signed_stored").await;
    let (url, path) = (service.url.clone(), format!("{ROAD}/{id}/sign"));
    let (token, body) = (agency.deputy.token.clone(), key(&agency.deputy).to_string());
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("{url}{path}")).header("authorization", format!("Bearer {token}"));
        request.content_type("application/json").send(body).unwrap().body_mut().read_json::<Value>().unwrap()
    });
    service.until_stopped().await;
    let end = format!("{DELEGATIONS}/{made}/end");
    assert_eq!(test.post(&end, &agency.leader.token, &json!({})).await.0, 200);
    service.goes_on();
    let line = asked.await.unwrap();
    service.end();
    assert_eq!(line["signed"], false, "{line}");
    let seen = shown(&test, &id, &agency.drafter).await;
    assert_eq!((&seen["state"], &seen["steps"][0]["state"]), (&json!("signing"), &json!("waiting")), "{seen}");
    // The leader signs it himself.
    let (_, line) = act(&test, &id, "sign", &agency.leader.token, &key(&agency.leader)).await;
    assert_eq!(line["signed"], true, "{line}");
}
