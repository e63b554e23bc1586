//! Nothing that takes from accounts ends the possibility that one person enters an order and another approves it; and where it ended all the
//! same, whoever stands at the machine brings it back.

use super::{
    founding::{FILE, found, renewed},
    *,
};
use crate::harness::app::{Backend, EXECUTABLE};
use chuky::{
    accounts::quorum,
    app::App,
    attestation,
    audit::{self, Entry, Kind},
};
use chuky_model::instant::Instant;
use std::collections::BTreeMap;

async fn disable(test: &TestApp, token: &str, account: AccountId) -> (u16, Value) {
    test.post(&format!("/api/v1/accounts/{account}/disable"), token, &json!({})).await
}

async fn can_work(test: &TestApp) -> bool {
    quorum::can_work(&quorum::accounts(&test.app).await.unwrap())
}

/// Two officers and an administrator, and no others who enter or approve.
async fn three(test: &TestApp) -> [(AccountId, String); 3] {
    let administrator = member(test, "quan.tri", &[Role::Administrator], Some(FIRST)).await;
    let one = member(test, "an.ninh", &[Role::SecurityOfficer], Some(SECOND)).await;
    let two = member(test, "an.ninh.2", &[Role::SecurityOfficer], Some(THIRD)).await;
    let demonstration = orders::account(test, "quantri").await;
    assert_eq!(disable(test, &one.1, demonstration).await.0, 204);
    [administrator, one, two]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_officer_cannot_end_the_administration_of_staff() {
    let test = TestApp::sqlite().await;
    let [administrator, one, two] = three(&test).await;
    // Others are there, but nobody knows whose they are, or nobody has a password for them.
    member(&test, "vo.danh", &[Role::SecurityOfficer], None).await;
    member(&test, "cung.nguoi", &[Role::Administrator], Some(SECOND)).await;
    let order = entered(&test, &administrator.1, &opening("bich.le", &["security_officer"])).await;
    approved(&test, &one.1, &order).await;
    assert_eq!(disable(&test, &one.1, two.0).await.0, 204);
    let (status, answer) = disable(&test, &one.1, administrator.0).await;
    assert_eq!((status, problem(&answer)), (409, "nobody_could_approve"));
    let role = format!("/api/v1/accounts/{}/roles/administrator", administrator.0);
    let (status, answer) = test.request("DELETE", &role, &one.1, "", Vec::new()).await;
    assert_eq!((status, problem(&answer)), (409, "nobody_could_approve"));
    assert!(can_work(&test).await);
    let code = invited(&test, &administrator.1, &order).await;
    assert_eq!(welcome(&test, "bich.le", &code, "").await.0, 200);
    assert_eq!(disable(&test, &one.1, administrator.0).await.0, 204, "two officers are left");
}

/// A recovery takes the password until its holder redeems the invitation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_leaves_two_who_can_work() {
    let test = TestApp::sqlite().await;
    let [administrator, one, two] = three(&test).await;
    let order = json!({ "kind": "recover", "account": "an.ninh.2" });
    let order = entered(&test, &administrator.1, &order).await;
    assert_eq!(disable(&test, &one.1, administrator.0).await.0, 204);
    let (status, answer) = approve(&test, &one.1, &order).await;
    assert_eq!((status, problem(&answer)), (409, "nobody_could_approve"));
    assert_eq!(test.get("/api/v1/session", &two.1).await.0, 200, "nothing was taken");
    assert!(can_work(&test).await);
}

/// Whether that node let the holder of a session disable an account.
async fn disabled(node: &App, token: &str, account: AccountId) -> bool {
    let by = accounts::principal_of_bearer(node, token).await.unwrap();
    accounts::disable_account(node, &by, account).await.is_ok()
}

/// Two officers disable each other at the same moment, on two nodes where the database has more than one.
async fn each_other(backend: Backend) {
    let test = TestApp::start(backend).await;
    let [administrator, one, two] = three(&test).await;
    assert_eq!(disable(&test, &one.1, administrator.0).await.0, 204);
    let node = match backend {
        Backend::Sqlite => test.app.clone(),
        Backend::Postgres => {
            App::open(test.app.settings.clone(), test.app.clock.clone(), EXECUTABLE.into()).await.unwrap()
        }
    };
    let both = tokio::join!(disabled(&test.app, &one.1, two.0), disabled(&node, &two.1, one.0));
    assert_eq!(both, (false, false), "the other one is needed");
    assert!(can_work(&test).await);
    // With a third one it is either of them, never both.
    let third = member(&test, "an.ninh.3", &[Role::SecurityOfficer], Some(NEWCOMER)).await;
    tokio::join!(disabled(&test.app, &one.1, two.0), disabled(&node, &two.1, one.0));
    assert!(can_work(&test).await);
    assert_eq!(test.get("/api/v1/session", &third.1).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_officers_do_not_disable_each_other_on_sqlite() {
    each_other(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_officers_do_not_disable_each_other_on_postgres() {
    each_other(Backend::Postgres).await;
}

/// As an earlier version let it be done, and as people lose each other: straight into the row.
async fn lost(test: &TestApp, login: &str, alter: impl Fn(&mut chuky_model::record::account::Account, Instant)) {
    let now = test.app.clock.now();
    let mut account = test.app.store.account_by_login(login).await.unwrap().unwrap();
    alter(&mut account, now);
    attestation::attest_change(&*test.app.tokens.subscribers, &mut account).await.unwrap();
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.update_account(&account).await.unwrap();
    audit::record(&mut transaction, Entry::of_row(now, Kind::AccountDisabled, Actor::Service, &account)).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn brought_back(backend: Backend) {
    let test = TestApp::bare(backend, |settings| {
        settings.accounts.second_factor = Some(chuky::config::SecondFactorRule::WhereEnrolled);
    })
    .await;
    let codes = found(&test.app, FILE).await.unwrap();
    let mut sessions = BTreeMap::new();
    for (login, code) in &codes {
        let (status, answer) = welcome(&test, login, code, "").await;
        assert_eq!(status, 200, "{answer}");
        sessions.insert(login.clone(), answer["token"].as_str().unwrap().to_owned());
    }
    assert!(renewed(&test.app, &[]).await.is_err(), "they can work");
    lost(&test, "an.ninh.2", |account, now| account.disabled_at = Some(now)).await;
    lost(&test, "quan.tri", |account, _| account.roles.clear()).await;
    assert!(!can_work(&test).await);
    let order = enter(&test, &sessions["an.ninh.1"], &json!({ "kind": "enable", "account": "an.ninh.2" })).await.1;
    assert_eq!(problem(&approve(&test, &sessions["an.ninh.1"], &order).await.1), "own_order");
    // At the machine: both of them, or whoever is named.
    let all = renewed(&test.app, &[]).await.unwrap();
    assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["an.ninh.2", "quan.tri"]);
    assert!(renewed(&test.app, &["an.ninh.1"]).await.is_err(), "who can log in is not recovered");
    let fresh = renewed(&test.app, &["quan.tri"]).await.unwrap();
    assert_eq!(problem(&welcome(&test, "quan.tri", &all["quan.tri"], "").await.1), "invitation_invalid");
    let (status, answer) = welcome(&test, "quan.tri", &fresh["quan.tri"], "").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(test.get("/api/v1/session", &sessions["quan.tri"]).await.0, 401, "what was open before is ended");
    let administrator = answer["token"].as_str().unwrap();
    assert!(can_work(&test).await && renewed(&test.app, &[]).await.is_err());
    let order = entered(&test, administrator, &opening("bich.le", &["operator"])).await;
    approved(&test, &sessions["an.ninh.1"], &order).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machine_brings_the_administration_of_staff_back_on_sqlite() {
    brought_back(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machine_brings_the_administration_of_staff_back_on_postgres() {
    brought_back(Backend::Postgres).await;
}
