//! Staff: orders and invitations, roles that are taken away while their holder works, keys, applications and second factors.

use super::{Scene, post};
use crate::harness::app::ACCOUNT_PASSWORD;
use chuky_model::role::Role;
use serde_json::{Value, json};

const ORDERS: &str = "/api/v1/staff/orders";
const PASSWORD: &str = "cá chép hóa rồng";

pub async fn round(scene: &Scene, round: usize) {
    let (administrator, other) = (scene.token("mot.quan.tri").await, scene.token("hai.quan.tri").await);
    let (officer, second) = (scene.token("mot.an.ninh").await, scene.token("hai.an.ninh").await);
    orders(scene, (&administrator, &other), (&officer, &second), round).await;
    withdrawals(scene, (&administrator, &officer, &second), round).await;
    keys(scene, (&administrator, &other), round).await;
}

fn opening(login: &str, number: usize) -> Value {
    json!({
        "kind": "open", "login": login, "full_name": "Lê Thị Bích", "personal_number": format!("0010800{number:05}"),
        "phone": "0912345678", "unit": "H26", "roles": ["operator"],
    })
}

/// Two orders for the same person, of which one becomes an account; decided, and its invitation taken up, from two places.
async fn orders(scene: &Scene, (administrator, other): (&str, &str), (officer, second): (&str, &str), round: usize) {
    let watched = [(ORDERS.to_owned(), officer), ("/staff".to_owned(), administrator)];
    let number = 50_000 + round * 10;
    let enter = |login: String, token: &str| post(ORDERS, token, &opening(&login, number));
    let both = vec![enter(format!("moi.{round}"), administrator), enter(format!("moi.khac.{round}"), other)];
    let entered = scene.some_of("orders for one person are entered", both, &watched).await;
    let mut approvals = Vec::new();
    let mut orders = Vec::new();
    for (_, order) in entered.into_iter().filter(|(status, _)| *status == 201) {
        let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
        let seen = scene.get(&path, officer).await;
        let deciding = if approvals.is_empty() { officer } else { second };
        approvals.push(post(format!("{path}/approve"), deciding, &json!({ "content_digest": seen["content_digest"] })));
        orders.push((path, order));
    }
    if approvals.len() == 1 {
        let (path, _) = &orders[0];
        approvals.push(post(format!("{path}/refuse"), second, &json!({ "reason": "Không cần" })));
    }
    let first = scene.one_of("orders are decided", approvals, &watched).await;
    let (path, order) = orders.get(first).unwrap_or(&orders[0]);
    let state = scene.get(path, administrator).await["state"].clone();
    if state != "approved" {
        return;
    }
    let entering = if order["login"] == format!("moi.{round}") { administrator } else { other };
    let invite = || post(format!("{path}/invitation"), entering, &json!({}));
    scene.some_of("an invitation is made", vec![invite(), invite()], &watched).await;
    let invited = scene.done(invite()).await;
    let body = json!({
        "login": invited["login"], "code": invited["invitation_code"], "second_secret": "", "password": PASSWORD,
    });
    let welcome = || post("/api/v1/staff/welcome", "", &body);
    scene.one_of("an invitation is taken up", vec![welcome(), welcome()], &watched).await;
}

/// A role is taken away, an account closed, while their holder logs in and works.
async fn withdrawals(scene: &Scene, (administrator, officer, second): (&str, &str, &str), round: usize) {
    let login = format!("sap.nghi.{round}");
    let number = format!("0010800{:05}", 50_001 + round * 10);
    let (account, key) = scene.test().account(&login, &[Role::Operator, Role::Registrar], Some(&number)).await;
    let session = || post("/api/v1/session", "", &json!({ "login": login, "password": ACCOUNT_PASSWORD }));
    let watched = [("/api/v1/requests?state=submitted".to_owned(), key.as_str()), ("/staff".to_owned(), administrator)];
    let role = |token: &str, role: &str| super::Call {
        method: "DELETE",
        ..post(format!("/api/v1/accounts/{account}/roles/{role}"), token, &json!({}))
    };
    let calls = vec![role(officer, "registrar"), session(), role(second, "registrar"), session()];
    scene.all_of("a role is taken away", calls, &watched).await;
    // An order for the account is entered while a role goes; both are done or one of them is told to look again.
    let order = json!({ "kind": "grant", "account": login, "roles": ["registrar"] });
    scene.meet("an order meets", vec![post(ORDERS, administrator, &order), role(officer, "operator")], &watched).await;
    let disable = |token: &str| post(format!("/api/v1/accounts/{account}/disable"), token, &json!({}));
    let answers =
        scene.meet("an account is closed", vec![disable(officer), session(), disable(second)], &watched).await;
    assert!(answers.iter().step_by(2).all(|(status, _)| *status < 300), "{answers:?}");
    assert_eq!(session().at(scene.test()).await.0, 401);
}

/// API keys, applications and the second factor.
async fn keys(scene: &Scene, (administrator, other): (&str, &str), round: usize) {
    let test = scene.test();
    let (account, _) = test.account(&format!("co.khoa.{round}"), &[Role::Registrar], None).await;
    let own = chuky::accounts::open_session(&test.app, account).await.unwrap().reveal().to_owned();
    let own = own.as_str();
    let watched = [("/api/v1/api-keys".to_owned(), own), ("/account".to_owned(), own)];
    let make = || post("/api/v1/api-keys", own, &json!({ "label": "hệ thống", "days": 30 }));
    let made = scene.all_of("keys are made", vec![make(), make()], &watched).await;
    let id = made[0].1["id"].as_str().unwrap();
    let revoke = |token: &str| post(format!("/api/v1/api-keys/{id}/revoke"), token, &json!({}));
    scene.all_of("a key is revoked", vec![revoke(own), revoke(administrator), revoke(own)], &watched).await;
    let begin = || post("/api/v1/second-factor", own, &json!({}));
    scene.some_of("a second factor is begun", vec![begin(), begin()], &watched).await;
    let client = json!({ "name": "Hệ thống văn bản", "redirect_uris": ["https://ung-dung.example/tro-lai"], "confidential": true });
    let client = scene.done(post("/api/v1/oauth-clients", administrator, &client)).await;
    let path = format!("/api/v1/oauth-clients/{}/end", client["client_id"].as_str().unwrap());
    let end = |token: &str| post(path.clone(), token, &json!({}));
    let watched = [("/api/v1/oauth-clients".to_owned(), administrator)];
    scene.all_of("an application is ended", vec![end(administrator), end(other)], &watched).await;
}
