//! Passkeys: enrolling one with a second person, logging in, and decisions that are bound to an assertion, which issuing verifies again.

mod attacks;
pub mod authenticator;
mod lists;
mod log_in;
mod lost;
mod orders;
mod road;

use crate::harness::app::TestApp;
use authenticator::Authenticator;
use chuky::config::Settings;
use serde_json::{Value, json};

/// A service at a host name that browsers give passkeys to.
pub async fn service(alter: impl FnOnce(&mut Settings)) -> TestApp {
    TestApp::with(|settings| {
        settings.public_url = settings.public_url.replace("127.0.0.1", "localhost");
        alter(settings);
    })
    .await
}

/// The last part of a problem's type.
pub fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

/// Adds a passkey to an account by its password; nobody has confirmed it.
pub async fn added(test: &TestApp, login: &str, token: &str) -> (Authenticator, Value) {
    added_by(test, token, &test.passwords[login]).await
}

/// The same with that password.
pub async fn added_by(test: &TestApp, token: &str, password: &str) -> (Authenticator, Value) {
    let proof = json!({ "password": password });
    let (status, asked) = test.post("/api/v1/passkeys/options", token, &proof).await;
    assert_eq!(status, 200, "{asked}");
    let (made, answer) = Authenticator::register(&test.app.settings.public_url, &asked, "Điện thoại cơ quan");
    let (status, view) = test.post("/api/v1/passkeys", token, &answer).await;
    assert_eq!((status, &view["confirmed"]), (201, &json!(false)), "{view}");
    (made, view)
}

/// Confirms a passkey as the demonstration's security officer, who has none.
pub async fn confirmed(test: &TestApp, view: &Value) {
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/passkeys/{}/confirm", view["id"].as_str().unwrap());
    let (status, answer) = test.post(&path, &officer, &json!({ "content_digest": view["content_digest"] })).await;
    assert_eq!(status, 204, "{answer}");
}

/// The approver of the demonstration with a confirmed passkey: session, passkey, and how it is shown.
pub async fn approver(test: &TestApp) -> (String, Authenticator, Value) {
    let token = test.log_in("duyet").await;
    let (made, view) = added(test, "duyet", &token).await;
    confirmed(test, &view).await;
    (token, made, view)
}

/// What is to be signed for a decision.
pub async fn asked(test: &TestApp, token: &str, subject: &str, content: &Value) -> Value {
    let body = json!({ "subject": subject, "content_digest": content });
    let (status, asked) = test.post("/api/v1/approval-challenge", token, &body).await;
    assert_eq!(status, 200, "{asked}");
    asked
}

pub fn citizen(number: usize) -> Value {
    json!({
        "hierarchy": "citizens", "unit": "H26",
        "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": format!("00119001{number:04}"),
            "birth_date": "1990-03-05", "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm"
        }
    })
}

/// Enters a request as the booth.
pub async fn entered(test: &TestApp, number: usize) -> Value {
    let operator = test.log_in("gianhang").await;
    let (status, request) = test.post("/api/v1/requests", &operator, &citizen(number)).await;
    assert_eq!(status, 201, "{request}");
    request
}

pub fn path_of(request: &Value, what: &str) -> String {
    format!("/api/v1/requests/{}/{what}", request["id"].as_str().unwrap())
}

/// Approves a request with a passkey.
pub async fn approved(test: &TestApp, token: &str, passkey: &mut Authenticator, request: &Value) {
    let subject = format!("request:{}", request["id"].as_str().unwrap());
    let asked = asked(test, token, &subject, &request["content_digest"]).await;
    assert_eq!(asked["needed"], json!(true), "{asked}");
    let body = json!({ "content_digest": request["content_digest"], "assertion": passkey.answer(&asked) });
    let (status, answer) = test.post(&path_of(request, "approve"), token, &body).await;
    assert_eq!((status, &answer["state"]), (200, &json!("approved")), "{answer}");
}

/// Redeems the code of an approved request.
pub async fn redeemed(test: &TestApp, request: &Value, login: &str) -> (u16, Value) {
    let operator = test.log_in("gianhang").await;
    let code = test.code(request, &operator).await;
    let body = json!({
        "code": code, "login": login, "password": crate::harness::app::ACCOUNT_PASSWORD, "pin": "mèo-xanh-ăn-phở",
    });
    test.redeem("", &body).await
}
