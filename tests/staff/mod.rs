//! Staff accounts: the founding of an installation, orders with four eyes, invitations, the second factor, and what neither one person nor
//! SQL can do about them. Every road on SQLite and PostgreSQL.

mod attacks;
mod command;
pub mod founding;
mod invitations;
mod keys;
mod orders;
mod quorum;
pub mod second_factor;
mod sight;

use crate::harness::app::{ACCOUNT_PASSWORD, TestApp};
use chuky::accounts::{self, NewAccount, Password};
use chuky::audit::Actor;
use chuky_model::{id::AccountId, role::Role};
use serde_json::{Value, json};

pub const PASSWORD: &str = "cá chép hóa rồng";

/// Persons with numbers that fit.
pub const FIRST: &str = "001080000101";
pub const SECOND: &str = "001180000102";
pub const THIRD: &str = "001080000103";
pub const NEWCOMER: &str = "001190000104";

/// The last part of a problem's type.
pub fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

/// An account of that person, perhaps of nobody known, with a session.
pub async fn member(test: &TestApp, login: &str, roles: &[Role], number: Option<&str>) -> (AccountId, String) {
    let new = NewAccount {
        login: login.to_owned(),
        password: Password::choose(ACCOUNT_PASSWORD).unwrap(),
        roles: roles.to_vec(),
        display_name: login.to_owned(),
        unit: "H26".to_owned(),
        person_lookup: number.map(|number| test.app.vault.lookup("person", number)),
    };
    let account = accounts::create_account(&test.app, Actor::Service, new).await.unwrap();
    (account, session(test, account).await)
}

pub async fn session(test: &TestApp, account: AccountId) -> String {
    accounts::open_session(&test.app, account).await.unwrap().reveal().to_owned()
}

/// An administrator and a security officer, two people, with a session each.
pub async fn pair(test: &TestApp) -> (String, String) {
    let (_, administrator) = member(test, "quan.tri", &[Role::Administrator], Some(FIRST)).await;
    let (_, officer) = member(test, "an.ninh", &[Role::SecurityOfficer], Some(SECOND)).await;
    (administrator, officer)
}

/// An order to open an account for [`NEWCOMER`].
pub fn opening(login: &str, roles: &[&str]) -> Value {
    json!({
        "kind": "open", "login": login, "full_name": "Lê Thị Bích", "personal_number": NEWCOMER, "phone": "0912345678",
        "unit": "H26", "roles": roles,
    })
}

pub async fn enter(test: &TestApp, token: &str, order: &Value) -> (u16, Value) {
    test.post("/api/v1/staff/orders", token, order).await
}

pub async fn entered(test: &TestApp, token: &str, order: &Value) -> Value {
    let (status, answer) = enter(test, token, order).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

pub async fn act(test: &TestApp, token: &str, order: &Value, what: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/v1/staff/orders/{}/{what}", order["id"].as_str().unwrap());
    test.post(&path, token, &body).await
}

/// Looks at the order and approves what is shown.
pub async fn approve(test: &TestApp, token: &str, order: &Value) -> (u16, Value) {
    let path = format!("/api/v1/staff/orders/{}", order["id"].as_str().unwrap());
    let (status, seen) = test.get(&path, token).await;
    assert_eq!(status, 200, "{seen}");
    act(test, token, order, "approve", json!({ "content_digest": seen["content_digest"] })).await
}

pub async fn approved(test: &TestApp, token: &str, order: &Value) -> Value {
    let (status, answer) = approve(test, token, order).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The code of an approved order.
pub async fn invited(test: &TestApp, token: &str, order: &Value) -> String {
    let (status, answer) = act(test, token, order, "invitation", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    answer["invitation_code"].as_str().unwrap().to_owned()
}

pub async fn welcome(test: &TestApp, login: &str, code: &str, second: &str) -> (u16, Value) {
    let body = json!({ "login": login, "code": code, "second_secret": second, "password": PASSWORD });
    test.post("/api/v1/staff/welcome", "", &body).await
}

pub async fn log_in(test: &TestApp, login: &str, password: &str, totp: &str) -> (u16, Value) {
    let body = json!({ "login": login, "password": password, "totp": totp });
    test.post("/api/v1/session", "", &body).await
}

/// An account with [`PASSWORD`] for [`NEWCOMER`], by the whole road; and a session of it.
pub async fn newcomer(test: &TestApp, (entering, deciding): (&str, &str), login: &str, roles: &[&str]) -> String {
    let order = entered(test, entering, &opening(login, roles)).await;
    approved(test, deciding, &order).await;
    let code = invited(test, entering, &order).await;
    let (status, answer) = welcome(test, login, &code, "").await;
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}
