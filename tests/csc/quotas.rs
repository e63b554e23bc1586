//! Behind an application's address are all its users: one of them stops nobody else, and neither does the application itself.

use super::{
    client::{authorize, error, hash},
    oauth::{access, exchange, register, token},
};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, citizen, official},
};
use chuky::rates::Quota;
use serde_json::json;

/// Codes have 256 bits: a wrong one is no guess, and whoever sends an application many of them does not stop it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_stop_no_application() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    for _ in 0..31 {
        let (status, answer) = token(&test, &exchange(&client, "made-up")).await;
        assert_eq!((status, error(&answer).0), (400, "invalid_grant"));
    }
    access(&test, &client, &citizen).await;
}

/// Wrong secrets are told to wait in the end; the right one is let in from the same address all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_secrets_wait_and_right_ones_do_not() {
    let test = TestApp::with(|settings| settings.rates.client_address = Quota { count: 5, seconds: 600 }).await;
    let citizen = citizen(&test).await;
    let (client, other) = (register(&test, None).await, register(&test, None).await);
    let mut wrong = exchange(&client, "made-up");
    wrong.retain(|(name, _)| *name != "client_secret");
    wrong.push(("client_secret", "sai"));
    for _ in 0..5 {
        let (status, answer) = token(&test, &wrong).await;
        assert_eq!((status, error(&answer).0), (401, "invalid_client"));
    }
    let (status, answer) = token(&test, &wrong).await;
    assert_eq!((status, error(&answer).0), (429, "temporarily_unavailable"));
    access(&test, &client, &citizen).await;
    access(&test, &other, &citizen).await;
}

/// The wall clock has no say in quotas, and applications have theirs apart from people's log-ins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_under_a_wrong_clock_holds_no_log_in_up() {
    let test = TestApp::sqlite().await;
    let client = register(&test, None).await;
    let mut wrong = exchange(&client, "made-up");
    wrong.retain(|(name, _)| *name != "client_secret");
    test.app.clock.jump_seconds(86_400);
    assert_eq!(token(&test, &wrong).await.0, 401);
    test.app.clock.jump_seconds(-86_400);
    assert_eq!(token(&test, &wrong).await.0, 401);
    let body = json!({ "login": "duyet", "password": test.passwords["duyet"] });
    let (status, answer) = test.post("/api/v1/session", "", &body).await;
    assert_eq!(status, 200, "{answer}");
}

/// Wrong PINs through an application count against whoever they are of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_pins_of_one_user_stop_no_other() {
    let test = TestApp::with(|settings| settings.rates.pin_address = Quota { count: 3, seconds: 600 }).await;
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    let client = register(&test, None).await;
    let (one, other) = (access(&test, &client, &citizen).await, access(&test, &client, &official).await);
    let hashes = [hash("một")];
    for _ in 0..3 {
        let (status, answer) = authorize(&test, &citizen, &one, "không đúng đâu", &hashes).await;
        assert_eq!((status, error(&answer).0), (400, "invalid_pin"));
    }
    let (status, answer) = authorize(&test, &official, &other, PIN, &hashes).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(authorize(&test, &citizen, &one, PIN, &hashes).await.0, 429, "theirs alone");
    // At a browser an address is a person's place, and counts for whoever comes from it.
    for _ in 0..3 {
        authorize(&test, &official, &official.token, "không đúng đâu", &hashes).await;
    }
    assert_eq!(authorize(&test, &citizen, &citizen.token, PIN, &hashes).await.0, 429);
}
