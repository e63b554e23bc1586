//! Orders: who enters and decides, what they change, what ends them, and what happens at the same moment or in the middle.

use super::*;
use crate::{harness::app::Backend, issuance::crash::Service};

async fn the_road_of_an_account(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (administrator, officer) = pair(&test).await;
    // 1. Opened by two people; the approver gets no code.
    let order = entered(&test, &administrator, &opening("bich.le", &["operator"])).await;
    assert_eq!((&order["personal_number"], &order["phone"]), (&json!("001•••••0104"), &json!("•••• 678")));
    assert_eq!((&order["decidable"], &order["state"]), (&json!(false), &json!("open")));
    assert_eq!(approve(&test, &administrator, &order).await.0, 403, "an administrator decides nothing");
    let wrong = json!({ "content_digest": "00".repeat(32) });
    assert_eq!(problem(&act(&test, &officer, &order, "approve", wrong).await.1), "content_differs");
    assert_eq!(log_in(&test, "bich.le", PASSWORD, "").await.0, 401);
    let done = approved(&test, &officer, &order).await;
    assert_eq!((&done["state"], &done["invitable"]), (&json!("approved"), &json!(false)));
    assert_eq!(problem(&act(&test, &officer, &order, "invitation", json!({})).await.1), "invitation_not_yours");
    assert_eq!(problem(&approve(&test, &officer, &order).await.1), "order_moved_on", "once");
    let code = invited(&test, &administrator, &order).await;
    let (status, answer) = welcome(&test, "BICH.LE", &code.to_lowercase().replace('-', " "), "").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(problem(&act(&test, &administrator, &order, "invitation", json!({})).await.1), "order_moved_on");
    let token = log_in(&test, "bich.le", PASSWORD, "").await.1["token"].as_str().unwrap().to_owned();
    assert_eq!(test.get("/api/v1/session", &token).await.1["roles"], json!(["operator"]));
    assert_eq!(test.get("/api/v1/requests", &token).await.0, 200);

    // 2. One person has one account: a second is refused with the first one's name.
    let (_, second) = enter(&test, &administrator, &opening("bich.hai", &["auditor"])).await;
    assert_eq!(problem(&second), "person_has_account");
    assert!(second["detail"]["en"].as_str().unwrap().contains("bich.le (Lê Thị Bích"), "{second}");

    // 3. Further roles, none that exclude each other.
    let grant = |roles: &[&str]| json!({ "kind": "grant", "account": "bich.le", "roles": roles });
    assert_eq!(problem(&enter(&test, &administrator, &grant(&["approver"])).await.1), "roles_exclude");
    assert_eq!(problem(&enter(&test, &administrator, &grant(&["operator"])).await.1), "changes_nothing");
    assert_eq!(problem(&enter(&test, &administrator, &grant(&["citizen"])).await.1), "roles_missing");
    let more = entered(&test, &administrator, &grant(&["registrar"])).await;
    assert_eq!(problem(&enter(&test, &administrator, &grant(&["clerk"])).await.1), "order_open");
    assert_eq!((&more["roles_before"], &more["roles"]), (&json!(["operator"]), &json!(["operator", "registrar"])));
    approved(&test, &officer, &more).await;
    assert_eq!(test.get("/api/v1/session", &token).await.1["roles"], json!(["operator", "registrar"]));

    // 4. Another unit.
    let moving = json!({ "kind": "move", "account": "bich.le", "unit": "00004" });
    let moving = entered(&test, &administrator, &moving).await;
    assert_eq!((&moving["unit_before"], &moving["unit"]), (&json!("H26"), &json!("00004")));
    approved(&test, &officer, &moving).await;
    assert!(test.sql("SELECT unit FROM account WHERE login = 'bich.le'").contains("00004"));

    // The last who approves stays.
    let officer_id = account_id(&test, &administrator, "an.ninh").await;
    let quantri = account_id(&test, &administrator, "quantri").await;
    let disable =
        async |id: &str| test.post(&format!("/api/v1/accounts/{id}/disable"), &administrator, &json!({})).await;
    assert_eq!(disable(&quantri).await.0, 204);
    assert_eq!(problem(&disable(&officer_id).await.1), "nobody_could_approve");
    let role = format!("/api/v1/accounts/{officer_id}/roles/security_officer");
    assert_eq!(test.request("DELETE", &role, &administrator, "", vec![]).await.0, 409);

    // 5. Disabled by one, enabled by two; what was open before stays ended.
    let id = account_id(&test, &administrator, "bich.le").await;
    assert_eq!(test.post(&format!("/api/v1/accounts/{id}/disable"), &administrator, &json!({})).await.0, 204);
    assert_eq!(test.get("/api/v1/session", &token).await.0, 401);
    assert_eq!(problem(&enter(&test, &administrator, &grant(&["clerk"])).await.1), "changes_nothing");
    let enable = entered(&test, &administrator, &json!({ "kind": "enable", "account": "bich.le" })).await;
    approved(&test, &officer, &enable).await;
    assert_eq!(test.get("/api/v1/session", &token).await.0, 401, "an old session does not come back to life");
    assert_eq!(log_in(&test, "bich.le", PASSWORD, "").await.0, 200);
    for kind in ["entered", "approved"] {
        let count = test.sql(&format!("SELECT count(*) FROM audit_entry WHERE kind = 'staff_order.{kind}'"));
        assert_eq!(count.trim(), "4", "{kind}");
    }
}

pub(super) async fn account_id(test: &TestApp, token: &str, login: &str) -> String {
    let (_, list) = test.get("/api/v1/staff", token).await;
    let found = list["staff"].as_array().unwrap().iter().find(|one| one["login"] == login).unwrap().clone();
    found["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_road_of_an_account_on_sqlite() {
    the_road_of_an_account(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_road_of_an_account_on_postgres() {
    the_road_of_an_account(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_refused_withdrawn_and_expire() {
    let test = TestApp::sqlite().await.without_background();
    let (administrator, officer) = pair(&test).await;
    let order = opening("bich.le", &["auditor"]);
    let first = entered(&test, &administrator, &order).await;
    assert_eq!(problem(&act(&test, &officer, &first, "refuse", json!({ "reason": " " })).await.1), "reason_missing");
    let (_, refused) = act(&test, &officer, &first, "refuse", json!({ "reason": "Không có quyết định." })).await;
    assert_eq!((&refused["state"], &refused["refusal_reason"]), (&json!("refused"), &json!("Không có quyết định.")));
    assert_eq!(problem(&approve(&test, &officer, &first).await.1), "order_moved_on");
    let second = entered(&test, &administrator, &order).await;
    assert_eq!(problem(&act(&test, &officer, &second, "withdraw", json!({})).await.1), "order_not_yours");
    assert_eq!(act(&test, &administrator, &second, "withdraw", json!({})).await.1["state"], json!("withdrawn"));
    assert_eq!(problem(&approve(&test, &officer, &second).await.1), "order_moved_on");
    let third = entered(&test, &administrator, &order).await;
    test.app.clock.shift_seconds(7 * 86_400 + 1);
    let officer = session(&test, account(&test, "an.ninh").await).await;
    assert_eq!(problem(&approve(&test, &officer, &third).await.1), "order_expired");
    assert_eq!(chuky::staff::expire_due(&test.app).await.unwrap(), 1);
    assert_eq!(chuky::staff::expire_due(&test.app).await.unwrap(), 0);
    let (_, list) = test.get("/api/v1/staff/orders", &officer).await;
    let states: Vec<&str> = list["orders"].as_array().unwrap().iter().map(|o| o["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["expired", "withdrawn", "refused"]);
    for kind in ["refused", "withdrawn", "expired"] {
        let count = test.sql(&format!("SELECT count(*) FROM audit_entry WHERE kind = 'staff_order.{kind}'"));
        assert_eq!(count.trim(), "1", "{kind}");
    }
    assert_eq!(test.sql("SELECT count(*) FROM account WHERE login = 'bich.le'").trim(), "0");
}

pub(super) async fn account(test: &TestApp, login: &str) -> AccountId {
    test.app.store.account_by_login(login).await.unwrap().unwrap().id
}

/// Two approvals in one moment: of one order one succeeds, and two orders for one person make one account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvals_at_once_make_one_account() {
    let test = TestApp::start(Backend::Postgres).await;
    let (administrator, officer) = pair(&test).await;
    let (_, another) = member(&test, "an.ninh.2", &[Role::SecurityOfficer], Some(THIRD)).await;
    let one = entered(&test, &administrator, &opening("bich.mot", &["operator"])).await;
    let other = entered(&test, &administrator, &opening("bich.hai", &["operator"])).await;
    let (first, second, third) =
        tokio::join!(approve(&test, &officer, &one), approve(&test, &another, &other), approve(&test, &another, &one));
    let all = [first, second, third];
    assert_eq!(all.iter().filter(|(status, _)| *status == 200).count(), 1, "{all:?}");
    assert!(all.iter().all(|(status, _)| [200, 409, 422, 503].contains(status)), "{all:?}");
    assert_eq!(test.sql("SELECT count(*) FROM account WHERE login LIKE 'bich.%'").trim(), "1");
    assert_eq!(test.sql("SELECT count(*) FROM staff_invitation").trim(), "1");
    // The order that lost finds that the person has an account.
    let left = if test.sql("SELECT login FROM account WHERE login LIKE 'bich.%'").trim() == "bich.mot" {
        &other
    } else {
        &one
    };
    assert_eq!(problem(&approve(&test, &another, left).await.1), "person_has_account");
}

/// Killed before an approval is stored, or after: the order waits with no account made, or all of it is there.
async fn killed_in_the_middle(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (administrator, officer) = pair(&test).await;
    let order = entered(&test, &administrator, &opening("bich.le", &["operator"])).await;
    let path = format!("/api/v1/staff/orders/{}/approve", order["id"].as_str().unwrap());
    for (point, accounts, state) in
        [("staff_order_before_commit", "0", "open"), ("staff_order_after_commit", "1", "approved")]
    {
        let mut service = Service::start(&test, point).await;
        let (address, token) = (format!("{}{path}", service.url), format!("Bearer {officer}"));
        let body = json!({ "content_digest": order["content_digest"] }).to_string();
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let request = agent.post(&address).content_type("application/json").header("authorization", token);
            request.send(body).is_ok()
        });
        assert!(!sent.await.unwrap(), "{point}: it answered");
        service.process.wait().unwrap();
        assert_eq!(test.sql("SELECT count(*) FROM account WHERE login = 'bich.le'").trim(), accounts, "{point}");
        assert_eq!(test.sql("SELECT count(*) FROM staff_invitation").trim(), accounts, "{point}");
        let (_, now) = test.get(path.trim_end_matches("/approve"), &officer).await;
        assert_eq!(now["state"], json!(state), "{point}");
    }
    let code = invited(&test, &administrator, &order).await;
    assert_eq!(welcome(&test, "bich.le", &code, "").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_is_killed_is_whole_or_nothing_on_sqlite() {
    killed_in_the_middle(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_is_killed_is_whole_or_nothing_on_postgres() {
    killed_in_the_middle(Backend::Postgres).await;
}
