//! The second factor of a log-in: enrolled, asked for, used once on all nodes, and required of staff; and sessions that end when nobody uses
//! them.

use super::*;
use crate::harness::app::{Backend, EXECUTABLE};
use chuky::{accounts::TotpSecret, app::App, clock::Clock, config::SecondFactorRule};

/// The secret of an enrolment's answer, as an app takes it out of base32.
pub fn secret(answer: &Value) -> TotpSecret {
    let text = answer["totp_secret"].as_str().unwrap();
    assert!(answer["address"].as_str().unwrap().contains(&format!("secret={text}&")), "{answer}");
    let (mut bits, mut count, mut octets) = (0_u32, 0, Vec::new());
    for letter in text.bytes() {
        let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            octets.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    TotpSecret::from_octets(&octets).unwrap()
}

pub fn step(test: &TestApp) -> i64 {
    test.app.clock.now().unix_seconds() / 30
}

/// Enrols in that session; the step of the code that was used.
pub async fn enrol(test: &TestApp, token: &str) -> (TotpSecret, i64) {
    let (status, answer) = test.post("/api/v1/second-factor", token, &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let (secret, step) = (secret(&answer), step(test));
    let body = json!({ "totp": secret.code(step).as_str() });
    let (status, answer) = test.post("/api/v1/second-factor/confirm", token, &body).await;
    assert_eq!(status, 204, "{answer}");
    (secret, step)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_asked_for_and_tells_nothing_about_the_password() {
    let test = TestApp::sqlite().await;
    let (_, token) = member(&test, "bich.le", &[Role::Operator], Some(NEWCOMER)).await;
    let wrong = json!({ "totp": "000000" });
    assert_eq!(problem(&test.post("/api/v1/second-factor/confirm", &token, &wrong).await.1), "second_factor_not_begun");
    let (_, first) = test.post("/api/v1/second-factor", &token, &json!({})).await;
    assert_eq!(log_in(&test, "bich.le", ACCOUNT_PASSWORD, "").await.0, 200, "not before it is confirmed");
    let (status, again) = test.post("/api/v1/second-factor", &token, &json!({})).await;
    assert_eq!(status, 200);
    let stale = json!({ "totp": secret(&first).code(step(&test)).as_str() });
    assert_eq!(problem(&test.post("/api/v1/second-factor/confirm", &token, &stale).await.1), "second_factor_wrong");
    let (secret, step) = (secret(&again), step(&test));
    let right = json!({ "totp": secret.code(step).as_str() });
    assert_eq!(test.post("/api/v1/second-factor/confirm", &token, &right).await.0, 204);
    // From now on: every way of being wrong gives one answer.
    let (status, no_code) = log_in(&test, "bich.le", ACCOUNT_PASSWORD, "").await;
    assert_eq!(status, 401);
    let next = secret.code(step + 1);
    let (_, wrong_password) = log_in(&test, "bich.le", "sai-sai-sai-sai", &next).await;
    let (_, wrong_code) = log_in(&test, "bich.le", ACCOUNT_PASSWORD, "000000").await;
    let (_, nobody) = log_in(&test, "khong.co", ACCOUNT_PASSWORD, &next).await;
    for answer in [wrong_password, wrong_code, nobody] {
        assert_eq!((&answer["type"], &answer["detail"]), (&no_code["type"], &no_code["detail"]));
    }
    // The code of the confirmation was used; the next one serves once.
    test.app.clock.shift_seconds(300);
    let step = super::second_factor::step(&test);
    let (status, answer) = log_in(&test, "bich.le", ACCOUNT_PASSWORD, &secret.code(step)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(log_in(&test, "bich.le", ACCOUNT_PASSWORD, &secret.code(step)).await.0, 401, "used");
    assert_eq!(log_in(&test, "bich.le", ACCOUNT_PASSWORD, &secret.code(step - 1)).await.0, 401, "older than used");
    assert_eq!(log_in(&test, "bich.le", ACCOUNT_PASSWORD, &secret.code(step + 1)).await.0, 200);
    // Enrolled is enrolled: another secret takes two people.
    let token = session(&test, orders::account(&test, "bich.le").await).await;
    assert_eq!(problem(&test.post("/api/v1/second-factor", &token, &json!({})).await.1), "second_factor_enrolled");
    assert_eq!(test.sql("SELECT count(*) FROM account WHERE totp_secret IS NOT NULL").trim(), "1");
}

/// One code, two nodes, one moment: one log-in. Nor does SQL bring a used step or an enrolment back to what they were.
async fn a_code_serves_once_on_all_nodes(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (_, token) = member(&test, "bich.le", &[Role::Operator], Some(NEWCOMER)).await;
    test.sql("CREATE TABLE before_factor AS SELECT * FROM account");
    let (secret, step) = enrol(&test, &token).await;
    let settings = test.app.settings.clone();
    let other = App::open(settings, Clock::default(), EXECUTABLE.into()).await.unwrap();
    let other = TestApp::around(other).await;
    let code = secret.code(self::step(&test).max(step + 1)).to_string();
    let (one, another) = tokio::join!(
        log_in(&test, "bich.le", ACCOUNT_PASSWORD, &code),
        log_in(&other, "bich.le", ACCOUNT_PASSWORD, &code)
    );
    let opened = [one.0, another.0].iter().filter(|status| **status == 200).count();
    assert!(opened <= 1, "{one:?} {another:?}");
    let mut all = opened;
    for node in [&test, &other, &test, &other] {
        all += usize::from(log_in(node, "bich.le", ACCOUNT_PASSWORD, &code).await.0 == 200);
    }
    assert_eq!(all, 1, "once, on whichever node");
    // The row before the log-in, before the enrolment, or without the secret.
    let columns = ["failed_logins", "locked_until", "totp_secret", "totp_step", "version", "mac"];
    let columns: Vec<String> = columns.iter().map(|column| format!("{column} = k.{column}")).collect();
    test.sql(&format!(
        "UPDATE account SET {} FROM before_factor k WHERE k.id = account.id AND k.login = 'bich.le'",
        columns.join(", ")
    ));
    test.app.clock.shift_seconds(400);
    assert_eq!(log_in(&test, "bich.le", ACCOUNT_PASSWORD, "").await.0, 500);
    other.app.clock.shift_seconds(400);
    assert_eq!(log_in(&other, "bich.le", ACCOUNT_PASSWORD, "").await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_serves_once_on_all_nodes_on_sqlite() {
    a_code_serves_once_on_all_nodes(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_serves_once_on_all_nodes_on_postgres() {
    a_code_serves_once_on_all_nodes(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_required_staff_enrol_before_anything_else() {
    let test = TestApp::with(|settings| settings.accounts.second_factor = Some(SecondFactorRule::Required)).await;
    let (_, token) = member(&test, "bich.le", &[Role::Operator], Some(NEWCOMER)).await;
    let (_, who) = test.get("/api/v1/session", &token).await;
    assert_eq!(who["second_factor_due"], json!(true));
    assert_eq!(problem(&test.get("/api/v1/requests", &token).await.1), "second_factor_required");
    assert_eq!(test.get("/csc/v2/credentials/list", &token).await.0 / 100, 4);
    let page = async |path: &str| {
        let headers = vec![("authorization", format!("Bearer {token}")), ("accept", "text/html".to_owned())];
        let (status, headers, body) = test.exchange("GET", path, headers, vec![]).await;
        let to = headers.get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        (status, to, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, to, _) = page("/booth").await;
    assert_eq!((status, to.as_str()), (303, "/second-factor?next=/booth"));
    let (status, _, body) = page("/second-factor").await;
    assert!(status == 200 && body.contains("cần thêm mã xác thực"), "{body}");
    // A public page sees nobody.
    let (status, _, body) = page("/").await;
    assert!(status == 200 && !body.contains("/logout"), "{body}");
    enrol(&test, &token).await;
    assert_eq!(test.get("/api/v1/session", &token).await.1["second_factor_due"], json!(false));
    assert_eq!(test.get("/api/v1/requests", &token).await.0, 200);
    // Another session that knows the password only is told to log in anew.
    let other = session(&test, orders::account(&test, "bich.le").await).await;
    assert_eq!(problem(&test.get("/api/v1/requests", &other).await.1), "second_factor_required");
    assert_eq!(problem(&test.post("/api/v1/second-factor", &other, &json!({})).await.1), "second_factor_enrolled");
    // Subscribers are asked for none.
    let (_, citizen) = member(&test, "cong.dan", &[Role::Citizen], Some(THIRD)).await;
    assert_eq!(test.get("/api/v1/credentials", &citizen).await.0, 200);
}

async fn an_idle_session_ends(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (account, idle) = member(&test, "bich.le", &[Role::Operator], Some(NEWCOMER)).await;
    let used = session(&test, account).await;
    let (_, citizen) = member(&test, "cong.dan", &[Role::Citizen], Some(THIRD)).await;
    for _ in 0..6 {
        test.app.clock.shift_seconds(10 * 60);
        assert_eq!(test.get("/api/v1/session", &used).await.0, 200, "in use");
    }
    assert_eq!(test.get("/api/v1/session", &idle).await.0, 401, "an hour without use");
    assert_eq!(test.get("/api/v1/session", &citizen).await.0, 200, "subscribers' sessions last");
    let noted = test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'session.seen'");
    assert!((1..=6).contains(&noted.trim().parse::<i64>().unwrap()), "{noted}");
    // SQL does not make it younger.
    test.sql("UPDATE session SET seen_at = seen_at + 3600000000 WHERE seen_at IS NOT NULL");
    assert_eq!(test.get("/api/v1/session", &used).await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_session_of_staff_ends_on_sqlite() {
    an_idle_session_ends(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_session_of_staff_ends_on_postgres() {
    an_idle_session_ends(Backend::Postgres).await;
}

/// Wrong codes count for all nodes together and over a start; the next day they are forgotten.
async fn wrong_codes_are_counted_for_all_nodes(backend: Backend) {
    let test = TestApp::start_with(backend, |settings| {
        let many = chuky::rates::Quota { count: 1_000, seconds: 60 };
        let rates = &mut settings.rates;
        (rates.login, rates.login_day, rates.login_address) = (many, many, many);
    })
    .await;
    let (_, token) = member(&test, "bich.le", &[Role::Operator], Some(NEWCOMER)).await;
    let (secret, step) = enrol(&test, &token).await;
    let opened = async || {
        let other = App::open(test.app.settings.clone(), Clock::default(), EXECUTABLE.into()).await.unwrap();
        TestApp::around(other).await
    };
    let other = opened().await;
    for number in 0..20 {
        let node = if number % 2 == 0 { &test } else { &other };
        assert_eq!(log_in(node, "bich.le", ACCOUNT_PASSWORD, "000000").await.0, 401);
    }
    let fresh = opened().await;
    for node in [&test, &other, &fresh] {
        let code = secret.code(step + 1).to_string();
        assert_eq!(log_in(node, "bich.le", ACCOUNT_PASSWORD, &code).await.0, 401, "a right code is none any more");
    }
    // The next day begins anew.
    fresh.app.clock.shift_seconds(86_400);
    let step = super::second_factor::step(&fresh);
    assert_eq!(log_in(&fresh, "bich.le", ACCOUNT_PASSWORD, secret.code(step).as_ref()).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_are_counted_for_all_nodes_on_sqlite() {
    wrong_codes_are_counted_for_all_nodes(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_are_counted_for_all_nodes_on_postgres() {
    wrong_codes_are_counted_for_all_nodes(Backend::Postgres).await;
}
