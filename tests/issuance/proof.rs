//! Who may redeem: a code alone makes nobody somebody else's certificate, whoever of the staff holds it. Tried as staff would: with codes that
//! they make or were shown, their own sessions and keys of their own.

use super::{PASSWORD, PIN, approved, citizen, issued, official, own_key, redemption};
use crate::harness::app::TestApp;
use chuky::config::SecondSecretRule;
use chuky_model::role::Role;
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};

const HELD_HERE: &str = "/api/v1/activations";
const OWN_KEY: &str = "/api/v1/activations/own-key";
const CONTACT: &str = "0912345678";

async fn log_in(test: &TestApp, login: &str) -> String {
    let (status, session) = test.post("/api/v1/session", "", &json!({ "login": login, "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    session["token"].as_str().unwrap().to_owned()
}

/// The digits of the newest message to that contact, as its telephone shows them.
pub async fn second_secret(spool: &Path, contact: &str) -> String {
    for _ in 0..1_200 {
        let mut files: Vec<_> = fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| !file.file_name().unwrap().to_string_lossy().starts_with('.'));
        // Names are UUIDs of version 7: in the order of their making.
        files.sort();
        if let Some(newest) = files.last() {
            let message: Value = serde_json::from_slice(&fs::read(newest).unwrap()).unwrap();
            assert_eq!(message["to"], contact, "{message}");
            let text = message["text"].as_str().unwrap();
            return text.chars().filter(char::is_ascii_digit).collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no message came");
}

/// The type of a refusal without what all have in common.
fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:")
}

async fn made(test: &TestApp, request: &Value, token: &str) -> (u16, Value) {
    test.post(&format!("/api/v1/requests/{}/code", request["id"].as_str().unwrap()), token, &json!({})).await
}

/// Both roads refuse that code to whoever comes with that token.
async fn opens_nothing(test: &TestApp, code: &str, token: &str, why: &str) {
    let directory = tempfile::tempdir().unwrap();
    let thief = own_key::request(directory.path(), own_key::P256, "");
    let bodies = [
        (HELD_HERE, json!({ "code": code, "login": "ke.trom", "password": PASSWORD, "pin": PIN })),
        (OWN_KEY, json!({ "code": code, "login": "ke.trom", "password": PASSWORD, "request": thief })),
    ];
    for (road, body) in bodies {
        let (status, answer) = test.redeem(token, &body).await;
        assert_eq!((status, problem(&answer)), (401, why), "{road}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_the_subscriber_redeems_what_the_subscriber_asked_for() {
    let test = TestApp::sqlite().await;
    let receipt = issued(&test, "citizen").await;
    let victim = log_in(&test, "citizen").await;
    let path = format!("/api/v1/certificates/{}/modify", receipt["serial"].as_str().unwrap());
    let (status, request) = test.post(&path, &victim, &json!({ "locality": "Phường Cửa Nam" })).await;
    assert_eq!(status, 201, "{request}");
    test.approve(&request).await;
    // No member of staff gets its code.
    for staff in ["gianhang", "duyet", "quantri"] {
        let (status, answer) = made(&test, &request, &test.log_in(staff).await).await;
        let refused = matches!((status, problem(&answer)), (403, "code_of_subscriber") | (404, "not_found"));
        assert!(refused, "{staff}: {status} {answer}");
    }
    // Nor does the subscriber without being logged in, by whatever key.
    let end = test.app.clock.now().plus_seconds(3_600);
    let account = receipt["account"].as_str().unwrap().parse().unwrap();
    let key =
        chuky::accounts::create_api_key(&test.app, chuky::audit::Actor::Service, account, "test", end).await.unwrap();
    assert_eq!(made(&test, &request, &key).await.0, 404);
    // Whoever has it all the same, read over a shoulder, is told to log in.
    let code = test.code(&request, &victim).await;
    let (_, stranger) = approved(&test, "dangky", &official()).await;
    assert_eq!(test.redeem("", &redemption(&stranger, "nguoi.khac")).await.0, 201);
    let stranger = log_in(&test, "nguoi.khac").await;
    for token in ["", &test.log_in("gianhang").await, &test.log_in("duyet").await, &stranger, &key] {
        opens_nothing(&test, &code, token, "log_in_first").await;
        let (_, preview) = test.post("/api/v1/activations/preview", token, &json!({ "code": code })).await;
        assert_eq!((&preview["has_account"], &preview["log_in_first"]), (&json!(true), &json!(true)), "{preview}");
    }
    let credentials = test.get("/api/v1/credentials", &victim).await.1;
    assert_eq!(credentials["credentials"][0]["state"], "active", "{credentials}");
    assert_eq!(test.sql("SELECT count(*) FROM certificate WHERE state = 'revoked'").trim(), "0");
    // The subscriber does, logged in.
    let body = json!({ "code": code, "pin": "cá-vàng-bơi-ngược" });
    let (status, answer) = test.redeem(&victim, &body).await;
    assert_eq!((status, &answer["new_account"]), (201, &json!(false)), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_hand_on_a_code_of_somebody_with_an_account_and_cannot_use_it() {
    let test = TestApp::sqlite().await;
    let receipt = issued(&test, "official").await;
    let registrar = test.log_in("dangky").await;
    let path = format!("/api/v1/certificates/{}/modify", receipt["serial"].as_str().unwrap());
    let (status, request) = test.post(&path, &registrar, &json!({ "title": "Phó Chánh Văn phòng" })).await;
    assert_eq!(status, 201, "{request}");
    test.approve(&request).await;
    let (status, answer) = made(&test, &request, &test.log_in("duyet").await).await;
    assert_eq!((status, problem(&answer)), (403, "code_not_yours"), "{answer}");
    let code = test.code(&request, &registrar).await;
    opens_nothing(&test, &code, &registrar, "log_in_first").await;
    // Closing the account makes nobody new of its holder.
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/accounts/{}/disable", receipt["account"].as_str().unwrap());
    assert_eq!(test.post(&path, &officer, &json!({})).await.0, 204);
    opens_nothing(&test, &code, "", "log_in_first").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_code_goes_to_where_the_request_was_entered() {
    let test = TestApp::sqlite().await;
    let operator = test.log_in("gianhang").await;
    let (_, request) = test.post("/api/v1/requests", &operator, &citizen()).await;
    test.approve(&request).await;
    let elsewhere = test.account("gian.khac", &[Role::Operator], None).await.1;
    let both = test.account("hai.vai", &[Role::Operator, Role::Approver], None).await.1;
    for (token, who) in [
        (&test.log_in("duyet").await, "who approved"),
        (&elsewhere, "a booth of another unit"),
        (&both, "an approver of no unit"),
        (&test.log_in("quantri").await, "an administrator"),
    ] {
        let (status, answer) = made(&test, &request, token).await;
        assert!(status == 403 || status == 404, "{who}: {status} {answer}");
    }
    assert_eq!(test.code(&request, &operator).await.len(), "ABCD-EFGH-JKLM".len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_person_gives_the_second_secret_that_no_staff_saw() {
    let spool = tempfile::tempdir().unwrap();
    let test = TestApp::with(|settings| settings.spool_dir = Some(spool.path().to_owned())).await;
    let operator = test.log_in("gianhang").await;
    let mut person = citizen();
    person["subscriber"]["phone"] = json!("0912 345 678");
    let (status, request) = test.post("/api/v1/requests", &operator, &person).await;
    assert_eq!((status, &request["contact"]), (201, &json!("•••• 678")), "{request}");
    test.approve(&request).await;
    let (_, first) = made(&test, &request, &operator).await;
    assert_eq!(first["second_secret_sent_to"], "•••• 678", "{first}");
    let digits = second_secret(spool.path(), CONTACT).await;
    assert_eq!(digits.len(), 8);
    assert!(!first.to_string().contains(&digits) && !test.sql("SELECT * FROM activation_code").contains(&digits));
    let code = first["activation_code"].as_str().unwrap();
    let (_, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!(preview["second_secret_sent_to"], "•••• 678", "{preview}");
    // The code alone, as whoever hands it on has it.
    let redeem = async |road: &str, code: &str, second: &str| {
        let directory = tempfile::tempdir().unwrap();
        let mut body = json!({ "code": code, "login": "hong.uong", "password": PASSWORD, "second_secret": second });
        match road {
            OWN_KEY => body["request"] = json!(own_key::request(directory.path(), own_key::P256, "")),
            _ => body["pin"] = json!(PIN),
        }
        let (status, answer) = test.redeem(&operator, &body).await;
        (status, problem(&answer).to_owned())
    };
    for road in [HELD_HERE, OWN_KEY] {
        assert_eq!(redeem(road, code, "").await, (422, "second_secret_missing".to_owned()), "{road}");
    }
    let first = if digits.starts_with('0') { '1' } else { '0' };
    let wrong = format!("{first}{}", &digits[1..]);
    for road in [HELD_HERE, OWN_KEY, HELD_HERE, OWN_KEY] {
        assert_eq!(redeem(road, code, &wrong).await, (422, "second_secret_wrong".to_owned()), "{road}");
    }
    // The fifth is the last; the right one comes too late, and a row put back is a forged one.
    assert_eq!(redeem(HELD_HERE, code, &wrong).await, (422, "second_secret_used_up".to_owned()));
    assert_eq!(redeem(HELD_HERE, code, &digits).await, (422, "second_secret_used_up".to_owned()));
    assert!(test.sql("SELECT kind FROM audit_entry").contains("code.tried"));
    // A new code comes with a new secret; the one before opens nothing.
    fs::remove_dir_all(spool.path()).unwrap();
    fs::create_dir(spool.path()).unwrap();
    let code = test.code(&request, &operator).await;
    let fresh = second_secret(spool.path(), CONTACT).await;
    assert_eq!(redeem(HELD_HERE, &code, &digits).await, (422, "second_secret_wrong".to_owned()));
    let spaced = format!("{} {}", &fresh[..4], &fresh[4..]);
    assert_eq!(redeem(HELD_HERE, &code, &spaced).await.0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_sends_so_many_messages_and_no_more() {
    let spool = tempfile::tempdir().unwrap();
    let test = TestApp::with(|settings| settings.spool_dir = Some(spool.path().to_owned())).await;
    let operator = test.log_in("gianhang").await;
    let mut person = citizen();
    person["subscriber"]["phone"] = json!("sai");
    let (status, answer) = test.post("/api/v1/requests", &operator, &person).await;
    assert_eq!((status, problem(&answer)), (422, "phone_form"), "{answer}");
    person["subscriber"]["phone"] = json!(CONTACT);
    let (_, request) = test.post("/api/v1/requests", &operator, &person).await;
    test.approve(&request).await;
    for _ in 0..5 {
        test.code(&request, &operator).await;
    }
    let (status, answer) = made(&test, &request, &operator).await;
    assert_eq!((status, problem(&answer)), (409, "messages_used_up"), "{answer}");
    assert_eq!(test.sql("SELECT count(*) FROM message").trim(), "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_second_secret_is_required_nobody_is_approved_without_a_contact() {
    let spool = tempfile::tempdir().unwrap();
    let test = TestApp::with(|settings| {
        settings.spool_dir = Some(spool.path().to_owned());
        settings.registration.second_secret = SecondSecretRule::Required;
    })
    .await;
    let (operator, approver) = (test.log_in("gianhang").await, test.log_in("duyet").await);
    let (_, request) = test.post("/api/v1/requests", &operator, &citizen()).await;
    let path = format!("/api/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let digest = json!({ "content_digest": request["content_digest"] });
    let (status, answer) = test.post(&path, &approver, &digest).await;
    assert_eq!((status, problem(&answer)), (409, "contact_missing"), "{answer}");
    let mut person = citizen();
    person["subscriber"]["personal_number"] = json!("001190012346");
    person["subscriber"]["phone"] = json!(CONTACT);
    let (_, code) = approved(&test, "gianhang", &person).await;
    let (status, answer) = test.redeem("", &redemption(&code, "hong.uong")).await;
    assert_eq!((status, problem(&answer)), (422, "second_secret_missing"), "{answer}");
}
