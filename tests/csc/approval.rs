//! Approval on another device: an application asks and polls, the signer decides on a page; what neither another application, nor a wrong
//! number, nor SQL makes of it.

use super::{
    client::{ECDSA_SHA256, error, hash},
    oauth::{access, form, register},
};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::{PASSWORD, PIN, Subscriber, citizen, official},
    staff::second_factor::{enrol, step},
};
use serde_json::{Value, json};

const AUTHORIZE: &str = "/csc/v2/credentials/authorize";
const HANDLE: (u16, (&str, &str)) = (400, ("invalid_request", "Invalid parameter handle"));

/// What an application has in hand.
struct Asked {
    handle: String,
    number: String,
}

fn told((status, answer): &(u16, Value)) -> (u16, (&str, &str)) {
    (*status, error(answer))
}

fn order(who: &Subscriber, hashes: &[String]) -> Value {
    let named: Vec<Value> = hashes
        .iter()
        .enumerate()
        .map(|(at, hash)| json!({ "hash": hash, "label": format!("văn bản {at}.pdf") }))
        .collect();
    json!({
        "credentialID": who.credential, "numSignatures": hashes.len(), "documentDigests": named,
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1", "authData": [{ "id": "APPROVAL" }], "description": "Hồ sơ số 12",
    })
}

async fn ask(test: &TestApp, who: &Subscriber, token: &str, hashes: &[String]) -> Asked {
    let (status, answer) = test.post(AUTHORIZE, token, &order(who, hashes)).await;
    assert_eq!((status, &answer["SAD"]), (202, &Value::Null), "{answer}");
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Asked { handle: text("handle"), number: text("number") }
}

async fn poll(test: &TestApp, token: &str, asked: &Asked) -> (u16, Value) {
    test.post("/csc/v2/credentials/authorizeCheck", token, &json!({ "handle": asked.handle })).await
}

/// A page as the signer sees it.
async fn page(test: &TestApp, session: &str, path: &str) -> (u16, String) {
    let headers = vec![("cookie", format!("chuky_session={session}")), ("accept", "text/html".to_owned())];
    let (status, _, body) = test.exchange("GET", path, headers, Vec::new()).await;
    (status, String::from_utf8(body).unwrap())
}

/// What waits, oldest first.
async fn waiting(test: &TestApp, session: &str) -> Vec<String> {
    let (status, list) = page(test, session, "/approvals").await;
    assert_eq!(status, 200, "{list}");
    list.split("href=\"/approvals/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The token of the forms of whoever has this session.
async fn form_token(test: &TestApp, session: &str) -> String {
    let (_, shown) = page(test, session, "/approvals").await;
    shown.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Status, where it leads, the page.
async fn post(test: &TestApp, session: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
    let csrf = form_token(test, session).await;
    let headers = vec![
        ("cookie", format!("chuky_session={session}")),
        ("accept", "text/html".to_owned()),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let body = form(&[fields, &[("csrf", csrf.as_str())]].concat());
    let (status, headers, body) = test.exchange("POST", path, headers, body.into_bytes()).await;
    let location = headers.get("location").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (status, location, String::from_utf8(body).unwrap())
}

async fn approve(test: &TestApp, session: &str, id: &str, number: &str, pin: &str) -> (u16, String, String) {
    post(test, session, &format!("/approvals/{id}/approve"), &[("number", number), ("pin", pin)]).await
}

async fn refuse(test: &TestApp, session: &str, id: &str, why: &str) -> u16 {
    post(test, session, &format!("/approvals/{id}/refuse"), &[("why", why)]).await.0
}

async fn sign(test: &TestApp, who: &Subscriber, token: &str, sad: &str, hashes: &[String]) -> (u16, Value) {
    let body = json!({ "credentialID": who.credential, "SAD": sad, "hashes": hashes, "signAlgo": ECDSA_SHA256 });
    test.post("/csc/v2/signatures/signHash", token, &body).await
}

/// Another number of two digits.
fn other_than(number: &str) -> &'static str {
    if number == "10" { "11" } else { "10" }
}

fn signatures(test: &TestApp) -> String {
    test.sql("SELECT count(*) FROM signature").trim().to_owned()
}

fn kinds(test: &TestApp) -> String {
    test.sql("SELECT kind FROM audit_entry WHERE kind LIKE 'signing_approval.%' ORDER BY recorded_at, id")
}

async fn road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let bearer = access(&test, &client, &citizen).await;
    let hashes = [hash("một"), hash("hai")];
    let body = json!({ "credentialID": citizen.credential, "authInfo": true });
    let (_, info) = test.post("/csc/v2/credentials/info", &bearer, &body).await;
    assert_eq!(info["auth"]["expression"], json!("PIN OR APPROVAL"), "{info}");
    assert_eq!(info["auth"]["objects"][1]["type"], json!("ChallengeResponseOOB"), "{info}");
    let asked = ask(&test, &citizen, &bearer, &hashes).await;
    let (status, answer) = poll(&test, &bearer, &asked).await;
    assert_eq!((status, &answer), (202, &json!({ "handle": asked.handle })));
    // What the signer sees: who asks, for what; and not the number.
    let ids = waiting(&test, &citizen.token).await;
    assert_eq!(ids.len(), 1);
    let (_, shown) = page(&test, &citizen.token, &format!("/approvals/{}", ids[0])).await;
    for text in ["Hệ thống văn bản", "Hồ sơ số 12", "văn bản 0.pdf", "văn bản 1.pdf"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    for around in ["<>", "\"\"", "> <", "  "] {
        let (before, after) = around.split_at(1);
        assert!(!shown.contains(&format!("{before}{}{after}", asked.number)), "the number is on the page");
    }
    // Another number and another PIN: nothing is allowed, and behind a wrong number no PIN is tried.
    let (status, _, shown) = approve(&test, &citizen.token, &ids[0], other_than(&asked.number), "khong phai pin").await;
    assert_eq!(status, 422);
    assert!(shown.contains("Số không đúng") && !shown.contains("Mã PIN không đúng"), "{shown}");
    assert_eq!(test.sql("SELECT tries FROM credential").trim(), "0");
    let (_, _, shown) = approve(&test, &citizen.token, &ids[0], &asked.number, "khong phai pin").await;
    assert!(shown.contains("Mã PIN không đúng"), "{shown}");
    assert_eq!(poll(&test, &bearer, &asked).await.0, 202);
    let (status, location, shown) = approve(&test, &citizen.token, &ids[0], &asked.number, PIN).await;
    assert_eq!((status, location.as_str()), (303, "/approvals?done=approved"), "{shown}");
    assert!(waiting(&test, &citizen.token).await.is_empty());
    assert_eq!(approve(&test, &citizen.token, &ids[0], &asked.number, PIN).await.0, 409, "once");
    // Given once, to the application that asked, and good for it alone.
    assert_eq!(told(&poll(&test, &citizen.token, &asked).await), HANDLE);
    let (status, answer) = poll(&test, &bearer, &asked).await;
    let left = answer["expiresIn"].as_i64().unwrap();
    assert!(status == 200 && left > 0 && left <= 300, "{answer}");
    assert_eq!(told(&poll(&test, &bearer, &asked).await), HANDLE);
    let sad = answer["SAD"].as_str().unwrap();
    assert_eq!(sign(&test, &citizen, &citizen.token, sad, &hashes).await.0, 400);
    assert_eq!(sign(&test, &citizen, &bearer, sad, &[hash("ba")]).await.0, 400);
    let (status, signed) = sign(&test, &citizen, &bearer, sad, &hashes).await;
    assert_eq!((status, signed["signatures"].as_array().map(Vec::len)), (200, Some(2)), "{signed}");
    assert_eq!(sign(&test, &citizen, &bearer, sad, &hashes).await.0, 400);
    let kinds = kinds(&test);
    let kinds: Vec<&str> = kinds.lines().map(|line| line.trim().trim_start_matches("signing_approval.")).collect();
    assert_eq!(kinds, ["asked", "number_wrong", "given", "delivered"]);
    // Nothing of it is kept for long.
    test.app.clock.shift_seconds(90_000);
    let mut transaction = test.app.store.begin().await.unwrap();
    let before = test.app.clock.now().plus_seconds(-86_400);
    transaction.remove_old_signing_approvals(before).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(test.sql("SELECT count(*) FROM signing_approval").trim(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_approves_sqlite() {
    Box::pin(road(Backend::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_approves_postgres() {
    Box::pin(road(Backend::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_or_over_signs_nothing() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let session = citizen.token.as_str();
    let (client, other) = (register(&test, None).await, register(&test, None).await);
    let bearer = access(&test, &client, &citizen).await;
    let one = [hash("một")];
    // Refused by the signer.
    let asked = ask(&test, &citizen, &bearer, &one).await;
    let id = waiting(&test, session).await.remove(0);
    assert_eq!(refuse(&test, session, &id, "not_right").await, 303);
    let refused = poll(&test, &bearer, &asked).await;
    assert_eq!(told(&refused), (400, ("access_denied", "The signer refused: not what the signer wants signed")));
    assert_eq!(approve(&test, session, &id, &asked.number, PIN).await.0, 409);
    // Over.
    let asked = ask(&test, &citizen, &bearer, &one).await;
    let id = waiting(&test, session).await.remove(0);
    test.app.clock.shift_seconds(301);
    assert_eq!(told(&poll(&test, &bearer, &asked).await).1.0, "expired_token");
    assert!(waiting(&test, session).await.is_empty());
    assert_eq!(approve(&test, session, &id, &asked.number, PIN).await.0, 409);
    // Approved, and not fetched in time.
    let asked = ask(&test, &citizen, &bearer, &one).await;
    let id = waiting(&test, session).await.remove(0);
    assert_eq!(approve(&test, session, &id, &asked.number, PIN).await.0, 303);
    test.app.clock.shift_seconds(301);
    assert_eq!(told(&poll(&test, &bearer, &asked).await).1.0, "expired_token");
    // The application is ended by its user while it waits.
    let asked = ask(&test, &citizen, &bearer, &one).await;
    assert_eq!(test.post(&format!("/api/v1/grants/{}/end", client.id), session, &json!({})).await.0, 204);
    assert!(waiting(&test, session).await.is_empty());
    assert_eq!(poll(&test, &bearer, &asked).await.0, 401);
    // The number wrong three times: refused, and the application waits, while others do not.
    let bearer = access(&test, &client, &citizen).await;
    let asked = ask(&test, &citizen, &bearer, &one).await;
    let id = waiting(&test, session).await.remove(0);
    for (number, status) in [("", 422), ("7", 422), (other_than(&asked.number), 422), (other_than(&asked.number), 422)]
    {
        assert_eq!(approve(&test, session, &id, number, PIN).await.0, status, "{number}");
    }
    assert_eq!(approve(&test, session, &id, other_than(&asked.number), PIN).await.0, 409);
    assert_eq!(approve(&test, session, &id, &asked.number, PIN).await.0, 409);
    assert_eq!(told(&poll(&test, &bearer, &asked).await).1.0, "access_denied");
    let again = test.post(AUTHORIZE, &bearer, &order(&citizen, &one)).await;
    assert_eq!(told(&again), (429, ("temporarily_unavailable", error(&again.1).1)));
    let bearer = access(&test, &other, &citizen).await;
    ask(&test, &citizen, &bearer, &one).await;
    assert_eq!(signatures(&test), "0");
}

/// Requests that are put to nobody, and decisions that are nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_can_be_signed_is_asked_and_only_its_signer_decides() {
    let test = TestApp::sqlite().await;
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    let client = register(&test, None).await;
    let bearer = access(&test, &client, &citizen).await;
    let one = [hash("một")];
    let good = order(&citizen, &one);
    let altered = |name: &str, value: Value| {
        let mut order = good.clone();
        order[name] = value;
        order
    };
    let twice = json!([{ "hash": one[0] }, { "hash": one[0] }]);
    let mut doubled = altered("documentDigests", twice);
    doubled["numSignatures"] = json!(2);
    for bad in [
        altered("documentDigests", json!([{ "hash": "AQI=" }])),
        altered("documentDigests", json!([{ "hash": one[0], "label": "a\u{202E}b" }])),
        altered("description", json!("x".repeat(501))),
        altered("numSignatures", json!(2)),
        altered("credentialID", json!(official.credential)),
        altered("authData", json!([{ "id": "APPROVAL" }, { "id": "PIN", "value": PIN }])),
        altered("authData", json!([{ "id": "APPROVAL", "value": "x" }])),
        doubled,
    ] {
        let (status, answer) = test.post(AUTHORIZE, &bearer, &bad).await;
        assert_eq!((status, error(&answer).0), (400, "invalid_request"), "{bad}");
    }
    let (status, _) = test.post("/csc/v1/credentials/authorize", &bearer, &good).await;
    assert_eq!(status, 400, "version 1 knows no handle");
    // Five wait at most.
    for _ in 0..5 {
        ask(&test, &citizen, &bearer, &one).await;
    }
    assert_eq!(test.post(AUTHORIZE, &bearer, &good).await.0, 429);
    let (status, shown) = page(&test, &citizen.token, "/approvals").await;
    assert_eq!((status, shown.matches("href=\"/approvals/").count()), (200, 5));
    // Nobody else sees one of them or decides.
    let id = waiting(&test, &citizen.token).await.remove(0);
    assert_eq!(page(&test, &official.token, &format!("/approvals/{id}")).await.0, 404);
    assert_eq!(approve(&test, &official.token, &id, "47", PIN).await.0, 404);
    assert_eq!(refuse(&test, &official.token, &id, "not_now").await, 404);
    let stale = vec![
        ("cookie", format!("chuky_session={}", citizen.token)),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let path = format!("/approvals/{id}/refuse");
    assert_eq!(test.exchange("POST", &path, stale, form(&[("why", "not_now")]).into_bytes()).await.0, 409);
    assert_eq!(waiting(&test, &citizen.token).await.len(), 5);
    // No code is sent for any credential, and the answer says why.
    for path in ["/csc/v1/credentials/sendOTP", "/csc/v2/credentials/sendOTP", "/csc/v2/credentials/getChallenge"] {
        let (status, answer) = test.post(path, &bearer, &json!({ "credentialID": citizen.credential })).await;
        assert!(status == 400 && error(&answer).1.contains("offline"), "{answer}");
        let (status, answer) = test.post(path, &bearer, &json!({ "credentialID": official.credential })).await;
        assert_eq!((status, error(&answer).1), (400, "Invalid parameter credentialID"));
    }
}

/// An official's approval takes the second factor as every signature does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_approves_with_the_second_factor() {
    let test = TestApp::sqlite().await;
    let official = official(&test, "p256").await;
    let (secret, _) = enrol(&test, &official.token).await;
    let one = [hash("một")];
    let asked = ask(&test, &official, &official.token, &one).await;
    let id = waiting(&test, &official.token).await.remove(0);
    let (status, _, shown) = approve(&test, &official.token, &id, &asked.number, PIN).await;
    assert_eq!(status, 403);
    assert!(shown.contains("yếu tố xác thực thứ hai"), "{shown}");
    test.app.clock.shift_seconds(30);
    let code = secret.code(step(&test)).to_string();
    let fields = [("number", asked.number.as_str()), ("pin", PIN), ("totp", &code)];
    let (status, _, shown) = post(&test, &official.token, &format!("/approvals/{id}/approve"), &fields).await;
    assert_eq!(status, 303, "{shown}");
    let (status, answer) = poll(&test, &official.token, &asked).await;
    assert_eq!(status, 200, "{answer}");
    let sad = answer["SAD"].as_str().unwrap();
    assert_eq!(sign(&test, &official, &official.token, sad, &one).await.0, 200);
}

/// Two who approve at once, and two who fetch at once: one of each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_approve_and_deliver_once() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let asked = ask(&test, &citizen, &citizen.token, &[hash("một")]).await;
    let id = waiting(&test, &citizen.token).await.remove(0);
    let csrf = form_token(&test, &citizen.token).await;
    let approving = async || {
        let headers = vec![
            ("cookie", format!("chuky_session={}", citizen.token)),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let body = form(&[("number", &asked.number), ("pin", PIN), ("csrf", &csrf)]);
        test.exchange("POST", &format!("/approvals/{id}/approve"), headers, body.into_bytes()).await.0
    };
    let mut statuses: [u16; 2] = tokio::join!(approving(), approving()).into();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    let (first, second) = tokio::join!(poll(&test, &citizen.token, &asked), poll(&test, &citizen.token, &asked));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    // The activation of whoever came second is closed: one is open at most.
    assert_eq!(test.sql("SELECT count(*) FROM activation WHERE state = 'open'").trim(), "1");
}

/// A holder with a telephone is told once in ten minutes, however much is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_holder_is_told_and_nobody_is_flooded() {
    let test = TestApp::sqlite().await;
    let request = json!({
        "hierarchy": "citizens", "unit": "H26",
        "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm", "phone": "0912345678"
        }
    });
    let citizen = crate::signing::subscriber::enrol(&test, "gianhang", request, "cong.dan", "p256").await;
    let told = || test.sql("SELECT count(*) FROM signing_approval WHERE told_at IS NOT NULL").trim().to_owned();
    let messages = || test.sql("SELECT count(*) FROM message").trim().parse::<i64>().unwrap();
    let before = messages();
    for number in 0..3 {
        ask(&test, &citizen, &citizen.token, &[hash(&number.to_string())]).await;
    }
    assert_eq!((told().as_str(), messages() - before), ("1", 1));
    // At most ten in a day.
    for round in 0..12 {
        test.app.clock.shift_seconds(601);
        let body = json!({ "login": "cong.dan", "password": PASSWORD });
        let (_, session) = test.post("/api/v1/session", "", &body).await;
        ask(&test, &citizen, session["token"].as_str().unwrap(), &[hash(&round.to_string())]).await;
    }
    assert_eq!((told().as_str(), messages() - before), ("10", 10));
}

/// A signer whose form was looked at before somebody touched the database.
struct Signer<'a> {
    test: &'a TestApp,
    session: &'a str,
    csrf: String,
}

impl Signer<'_> {
    async fn approve(&self, id: &str, number: &str) -> u16 {
        let headers = vec![
            ("cookie", format!("chuky_session={}", self.session)),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let body = form(&[("number", number), ("pin", PIN), ("csrf", &self.csrf)]);
        self.test.exchange("POST", &format!("/approvals/{id}/approve"), headers, body.into_bytes()).await.0
    }
}

/// Rows that an administrator of the database changed, exchanged or put back.
async fn sql(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let bearer = access(&test, &client, &citizen).await;
    let csrf = form_token(&test, &citizen.token).await;
    let signer = Signer { test: &test, session: &citizen.token, csrf };
    Box::pin(changed_by_sql(&signer, &citizen, &bearer)).await;
    test.sql("DELETE FROM signing_approval");
    Box::pin(put_back_by_sql(&signer, &citizen, &bearer)).await;
}

/// Something else, more, for somebody else, with another number, or approved by nobody; and wrong numbers forgotten.
async fn changed_by_sql(signer: &Signer<'_>, citizen: &Subscriber, bearer: &str) {
    let test = signer.test;
    let asked = ask(test, citizen, bearer, &[hash("một"), hash("hai")]).await;
    let id = waiting(test, signer.session).await.remove(0);
    test.sql("CREATE TABLE asked AS SELECT * FROM signing_approval");
    for change in [
        "hashes = handle_hash",
        "hash_count = 1",
        "client = 'api_key:1'",
        "number = CASE WHEN number = 47 THEN 48 ELSE 47 END",
        "wrong_numbers = -9",
        "state = 'approved', sealed_activation = recipient",
        "recipient = handle_hash",
        "expires_at = expires_at + 900000000",
        "said = recipient",
        "created_at = created_at + 1",
        "version = 2",
    ] {
        test.sql(&format!("UPDATE signing_approval SET {change}"));
        assert_eq!(signer.approve(&id, &asked.number).await, 500, "{change}");
        assert_eq!(poll(test, bearer, &asked).await.0, 500, "{change}");
        test.sql(
            "UPDATE signing_approval SET hashes = a.hashes, hash_count = a.hash_count, client = a.client, number = a.number, \
             wrong_numbers = a.wrong_numbers, state = a.state, sealed_activation = a.sealed_activation, recipient = a.recipient, \
             expires_at = a.expires_at, said = a.said, created_at = a.created_at, version = a.version FROM asked a",
        );
        assert_eq!(poll(test, bearer, &asked).await.0, 202, "{change}");
    }
    assert_eq!(signer.approve(&id, other_than(&asked.number)).await, 422);
    test.sql(
        "UPDATE signing_approval SET wrong_numbers = a.wrong_numbers, version = a.version, mac = a.mac FROM asked a",
    );
    assert_eq!(signer.approve(&id, &asked.number).await, 500, "wrong numbers forgotten");
    assert_eq!(test.sql("SELECT count(*) FROM activation").trim(), "0");
}

/// What was approved, asked again by its old row; its data exchanged for another's; and delivered once more.
async fn put_back_by_sql(signer: &Signer<'_>, citizen: &Subscriber, bearer: &str) {
    let (test, hashes) = (signer.test, [hash("một"), hash("hai")]);
    let first = ask(test, citizen, bearer, &hashes).await;
    let id = waiting(test, signer.session).await.remove(0);
    test.sql("CREATE TABLE waited AS SELECT * FROM signing_approval");
    assert_eq!(signer.approve(&id, &first.number).await, 303);
    let second = ask(test, citizen, bearer, &[hash("ba")]).await;
    let other = waiting(test, signer.session).await.remove(0);
    assert_eq!(signer.approve(&other, &second.number).await, 303);
    test.sql("CREATE TABLE given AS SELECT * FROM signing_approval");
    let back = "UPDATE signing_approval SET state = k.state, sealed_activation = k.sealed_activation, activation_id = k.activation_id, \
                decided_at = k.decided_at, expires_at = k.expires_at, version = k.version, mac = k.mac";
    test.sql(&format!("{back} FROM waited k WHERE k.id = signing_approval.id"));
    assert_eq!(signer.approve(&id, &first.number).await, 500, "put back as it waited");
    assert_eq!(poll(test, bearer, &first).await.0, 500);
    test.sql(&format!("{back} FROM given k WHERE k.id <> signing_approval.id"));
    assert_eq!([poll(test, bearer, &first).await.0, poll(test, bearer, &second).await.0], [500, 500], "exchanged");
    test.sql(&format!("{back} FROM given k WHERE k.id = signing_approval.id"));
    let (status, answer) = poll(test, bearer, &first).await;
    assert_eq!(status, 200, "{answer}");
    test.sql(&format!("{back} FROM given k WHERE k.id = signing_approval.id"));
    assert_eq!(poll(test, bearer, &first).await.0, 500, "delivered twice");
    // What was approved is signed, and nothing else ever was.
    assert_eq!(signatures(test), "0");
    let sad = answer["SAD"].as_str().unwrap();
    assert_eq!(sign(test, citizen, bearer, sad, &[hash("ba")]).await.0, 400);
    assert_eq!(sign(test, citizen, bearer, sad, &hashes).await.0, 200);
    assert_eq!(signatures(test), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_approves_nothing_sqlite() {
    Box::pin(sql(Backend::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_approves_nothing_postgres() {
    Box::pin(sql(Backend::Postgres)).await;
}
