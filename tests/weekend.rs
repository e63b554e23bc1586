//! A booth weekend as it comes: twelve operators of six wards, citizens by the hundred, networks that go in the middle of a request or before its
//! answer, drafts that are sent later, and two operators who enter the same citizen in the same moment. A slice in `make test`, all
//! 1,100 in `make soak`; `CHUKY_SOAK_SEED` repeats a run's choices.

use crate::{
    agency::units::key,
    browser::CARD,
    harness::app::{Backend, TestApp},
    issuance::redemption,
};
use chuky::{
    accounts::{self, NewAccount, Password},
    audit::Actor,
};
use chuky_model::role::Role;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

const ALL: usize = 1_100;
const SLICE: usize = 24;
const OPERATORS: usize = 12;
const WARDS: [&str; 6] = ["00004", "00008", "00025", "00070", "00082", "00091"];
/// Within which every request is answered at last.
const PATIENCE: Duration = Duration::from_secs(120);

struct Operator {
    unit: &'static str,
    token: String,
}

/// Where the network goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    /// Half of the request arrives.
    Within,
    /// The request arrives, its answer does not.
    BeforeAnswer,
}

/// One citizen at a booth.
#[derive(Clone, Debug)]
struct Visit {
    at: usize,
    operator: usize,
    /// As a draft that is sent later, or at once.
    draft: bool,
    cut: Cut,
    /// Another operator enters the same citizen in the same moment.
    rival: Option<usize>,
}

fn visits(count: usize, seed: u64) -> Vec<Visit> {
    let mut random = StdRng::seed_from_u64(seed);
    let visit = |at: usize| {
        let operator = at % OPERATORS;
        let cut = match random.random_range(0..4) {
            0 => Cut::Within,
            1 => Cut::BeforeAnswer,
            _ => Cut::Never,
        };
        let rival = random.random_range(0..6) == 0;
        let other = (operator + random.random_range(1..OPERATORS)) % OPERATORS;
        Visit { at, operator, draft: random.random(), cut, rival: rival.then_some(other) }
    };
    (0..count).map(visit).collect()
}

fn number(at: usize) -> String {
    format!("001190{:06}", at + 1)
}

/// The request to a service, as octets, and by `exchange`: under that key, as a draft or through the API.
struct Sending {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn sending(visit: &Visit, operator: &Operator, key: &str) -> Sending {
    let authorization = ("authorization", format!("Bearer {}", operator.token));
    if visit.draft {
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let card = CARD.replace("001190012345", &number(visit.at));
        let body = format!("card_text={}&card_compared=1&face_compared=1&idempotency_key={key}", escape(&card));
        let kind = ("content-type", "application/x-www-form-urlencoded".to_owned());
        return Sending { path: "/booth/drafts", headers: vec![authorization, kind], body: body.into_bytes() };
    }
    let body = json!({ "hierarchy": "citizens", "unit": operator.unit, "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": number(visit.at), "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } });
    let kind = ("content-type", "application/json".to_owned());
    let headers = vec![authorization, kind, ("idempotency-key", key.to_owned())];
    Sending { path: "/api/v1/requests", headers, body: body.to_string().into_bytes() }
}

/// Sends it over a connection that breaks off.
async fn broken_off(test: &TestApp, sending: &Sending, cut: Cut) {
    let host = test.url.trim_start_matches("http://");
    let mut request =
        format!("POST {} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", sending.path, sending.body.len());
    for (name, value) in &sending.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = format!("{request}\r\n").into_bytes();
    bytes.extend_from_slice(&sending.body);
    if cut == Cut::Within {
        bytes.truncate(bytes.len() - sending.body.len() / 2);
    }
    let mut connection = TcpStream::connect(host).await.unwrap();
    connection.write_all(&bytes).await.unwrap();
    drop(connection);
}

/// Enters a citizen under one key until there is an answer: the request, or why not.
async fn entered(test: &TestApp, visit: &Visit, operator: &Operator) -> Result<String, String> {
    let key = format!("cuoi-tuan-{}", visit.at);
    let sending = sending(visit, operator, &key);
    if visit.cut != Cut::Never {
        broken_off(test, &sending, visit.cut).await;
    }
    let began = Instant::now();
    loop {
        let (status, _, body) =
            test.exchange("POST", sending.path, sending.headers.clone(), sending.body.clone()).await;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let code = answer["code"].as_str().or(answer["type"].as_str()).unwrap_or_default();
        let code = code.trim_start_matches("urn:chuky:problem:").to_owned();
        match (status, code.as_str()) {
            (200 | 201, _) => {
                let id = answer["request"].as_str().or(answer["id"].as_str());
                return Ok(id.unwrap().to_owned());
            }
            (409, "request_open") => return Err(code),
            (409, "request_under_way") | (503, _) if began.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            _ => panic!("{visit:?}: {status} {answer}"),
        }
    }
}

/// From the card to the certificate: who entered the citizen in the end, and under which request.
async fn served(test: &TestApp, operators: &[Operator], approver: &str, visit: &Visit) -> (usize, String) {
    let first = entered(test, visit, &operators[visit.operator]);
    let (winner, id) = match visit.rival {
        None => (visit.operator, first.await.unwrap()),
        Some(rival) => match tokio::join!(first, entered(test, visit, &operators[rival])) {
            (Ok(id), Err(_)) => (visit.operator, id),
            (Err(_), Ok(id)) => (rival, id),
            both => panic!("{visit:?}: {both:?}"),
        },
    };
    let path = format!("/api/v1/requests/{id}");
    let (_, shown) = test.get(&path, approver).await;
    let digest = json!({ "content_digest": shown["content_digest"] });
    let (status, answer) = test.post(&format!("{path}/approve"), approver, &digest).await;
    assert_eq!(status, 200, "{visit:?}: {answer}");
    let code = test.code(&shown, &operators[winner].token).await;
    let (status, receipt) = test.redeem("", &redemption(&code, &format!("cong.dan.{}", visit.at))).await;
    assert_eq!(status, 201, "{visit:?}: {receipt}");
    (winner, id)
}

async fn operators(test: &TestApp) -> Vec<Operator> {
    let mut operators = Vec::new();
    for at in 0..OPERATORS {
        let unit = WARDS[at % WARDS.len()];
        let new = NewAccount {
            login: format!("quay.so.{at}"),
            password: Password::choose("một mật khẩu dài và riêng").unwrap(),
            roles: vec![Role::Operator],
            display_name: format!("Quầy {at}"),
            unit: unit.to_owned(),
            person_lookup: None,
        };
        let account = accounts::create_account(&test.app, Actor::Service, new).await.unwrap();
        operators.push(Operator { unit, token: key(test, account).await });
    }
    operators
}

/// What the service's own report counts by ward.
async fn reported(test: &TestApp) -> BTreeMap<String, u64> {
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    let today = test.app.clock.now().in_vietnam().unwrap().date();
    let month = format!("{:04}-{:02}", today.year(), u8::from(today.month()));
    let (status, report) = test.get(&format!("/api/v1/reports?from={month}&until={today}"), &auditor).await;
    assert_eq!(status, 200, "{report}");
    let total = |row: &Value| {
        let all = row["types"].as_array().unwrap().iter().find(|row| row["type"] == "all").cloned();
        all.unwrap_or_default()["total"].as_u64().unwrap_or_default()
    };
    let rows = report["units"].as_array().unwrap().iter();
    let rows = rows.map(|row| (row["unit"]["code"].as_str().unwrap_or_default().to_owned(), total(row)));
    rows.filter(|(unit, total)| WARDS.contains(&unit.as_str()) && *total > 0).collect()
}

async fn weekend(backend: Backend) {
    let long = std::env::var("CHUKY_SOAK_SECONDS").is_ok();
    let count = if long { ALL } else { SLICE };
    let seed = std::env::var("CHUKY_SOAK_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().next_u64() % 1_000_000);
    println!("booth weekend on {backend:?}: {count} citizens, CHUKY_SOAK_SEED={seed}");
    let test = Arc::new(TestApp::start(backend).await);
    let operators = Arc::new(operators(&test).await);
    let approver = test.log_in("duyet").await;
    let visits = visits(count, seed);
    let rivals = visits.iter().filter(|visit| visit.rival.is_some()).count();
    let cuts = visits.iter().filter(|visit| visit.cut != Cut::Never).count();
    let began = Instant::now();
    // Each operator has a queue of their own.
    let mut booths = JoinSet::new();
    for at in 0..OPERATORS {
        let queue: Vec<Visit> = visits.iter().filter(|visit| visit.operator == at).cloned().collect();
        let (test, operators, approver) = (test.clone(), operators.clone(), approver.clone());
        booths.spawn(async move {
            let mut done = Vec::new();
            for visit in queue {
                done.push(served(&test, &operators, &approver, &visit).await);
            }
            done
        });
    }
    let done: Vec<(usize, String)> = booths.join_all().await.into_iter().flatten().collect();
    // Nothing lost, none twice.
    for counted in [
        "COUNT(*) FROM registration_request",
        "COUNT(*) FROM registration_request WHERE state = 'issued'",
        "COUNT(DISTINCT person_lookup) FROM registration_request",
        "COUNT(*) FROM certificate WHERE state = 'issued' AND account_id IS NOT NULL",
        "COUNT(DISTINCT account_id) FROM certificate WHERE state = 'issued' AND account_id IS NOT NULL",
    ] {
        assert_eq!(test.sql(&format!("SELECT {counted}")).trim(), count.to_string(), "{counted}, seed {seed}");
    }
    // Totals by ward: as the booths count, as the rows stand, as the service reports.
    let mut expected = BTreeMap::new();
    for (operator, id) in &done {
        *expected.entry(operators[*operator].unit.to_owned()).or_insert(0_u64) += 1;
        assert_eq!(done.iter().filter(|other| other.1 == *id).count(), 1, "{id} twice");
    }
    for (unit, total) in &expected {
        let rows = test.sql(&format!("SELECT COUNT(*) FROM registration_request WHERE unit = '{unit}'"));
        assert_eq!(rows.trim(), total.to_string(), "{unit}, seed {seed}");
    }
    assert_eq!(reported(&test).await, expected, "seed {seed}");
    println!(
        "soak: weekend on {backend:?}: {count} citizens at {OPERATORS} booths in {:?}, {cuts} networks cut, {rivals} entered by two, seed {seed}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_booth_weekend_loses_and_doubles_nobody_on_postgres() {
    weekend(Backend::Postgres).await;
}
