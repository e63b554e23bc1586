//! Refresh tokens: a consent that says thirty days, each token good once, and nothing left of a consent whose token came twice.

use super::{
    client::{authorize, error, hash},
    oauth::{Client, asked, challenge, code, consent, exchange, form, register, token},
};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::{PIN, Subscriber, citizen},
};
use serde_json::{Value, json};

/// What a consent of thirty days gives.
async fn lasting(test: &TestApp, client: &Client, who: &Subscriber) -> Value {
    let challenge = challenge();
    let mut fields = asked(client, &challenge);
    fields.retain(|(name, _)| *name != "scope");
    fields.push(("scope", "service offline_access"));
    let (_, _, page) = consent(test, &who.token, &fields).await;
    assert!(page.contains("30 ngày") && page.contains("Chữ ký của tôi"), "{page}");
    let code = code(test, &who.token, &fields, "").await;
    let (status, answer) = token(test, &exchange(client, &code)).await;
    assert_eq!((status, &answer["scope"]), (200, &json!("service offline_access")), "{answer}");
    answer
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("{answer}"))
}

async fn refresh(test: &TestApp, client: &Client, with: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", with),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
    ];
    token(test, &fields).await
}

async fn refreshed(test: &TestApp, client: &Client, with: &str) -> Value {
    let (status, answer) = refresh(test, client, with).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn lives(test: &TestApp, bearer: &str) -> bool {
    test.post("/csc/v1/credentials/list", bearer, &json!({})).await.0 == 200
}

async fn refused(test: &TestApp, client: &Client, with: &str) {
    let (status, answer) = refresh(test, client, with).await;
    assert_eq!((status, error(&answer).0), (400, "invalid_grant"));
}

async fn road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let (client, other) = (register(&test, None).await, register(&test, None).await);
    let first = lasting(&test, &client, &citizen).await;
    // A consent of an hour gives none.
    let challenge = challenge();
    let hourly = code(&test, &citizen.token, &asked(&client, &challenge), "").await;
    let (_, hourly) = token(&test, &exchange(&client, &hourly)).await;
    assert!(hourly["refresh_token"].is_null() && hourly["scope"] == "service", "{hourly}");
    // Hours later the application goes on, still with the PIN for each signature.
    test.app.clock.shift_seconds(7_200);
    assert!(!lives(&test, text(&first, "access_token")).await);
    refused(&test, &other, text(&first, "refresh_token")).await;
    refused(&test, &client, text(&first, "access_token")).await;
    let second = refreshed(&test, &client, text(&first, "refresh_token")).await;
    let bearer = text(&second, "access_token");
    assert_eq!(authorize(&test, &citizen, bearer, PIN, &[hash("một")]).await.0, 200);
    assert_eq!(authorize(&test, &citizen, bearer, "không đúng đâu", &[hash("một")]).await.0, 400);
    // A refresh token opens nothing by itself.
    assert!(!lives(&test, text(&second, "refresh_token")).await);
    // Neither is in the database, and what SQL brings back is seen.
    let dump = format!("{}{}", test.sql("SELECT * FROM oauth_refresh"), test.sql("SELECT * FROM oauth_token"));
    assert!(!dump.contains(text(&second, "refresh_token")) && !dump.contains(bearer));
    // The first one comes again: somebody else has it, too. All that came of the consent is over, another consent is not.
    let apart = lasting(&test, &client, &citizen).await;
    refused(&test, &client, text(&first, "refresh_token")).await;
    refused(&test, &client, text(&second, "refresh_token")).await;
    assert!(!lives(&test, bearer).await && lives(&test, text(&apart, "access_token")).await);
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'oauth_refresh.replayed'").trim(), "1");
    test.sql("UPDATE oauth_refresh SET used_at = NULL, ended_at = NULL");
    assert_eq!(refresh(&test, &client, text(&second, "refresh_token")).await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_goes_on_until_a_token_comes_twice_on_sqlite() {
    road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_goes_on_until_a_token_comes_twice_on_postgres() {
    road(Backend::Postgres).await;
}

/// The thirty days are the consent's: no use renews them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_days_are_thirty_days() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let first = lasting(&test, &client, &citizen).await;
    test.app.clock.shift_seconds(29 * 86_400);
    let second = refreshed(&test, &client, text(&first, "refresh_token")).await;
    assert!(lives(&test, text(&second, "access_token")).await);
    test.app.clock.shift_seconds(86_400);
    refused(&test, &client, text(&second, "refresh_token")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_comes_twice_at_once_gives_nothing_that_lasts() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    for _ in 0..4 {
        let first = lasting(&test, &client, &citizen).await;
        let with = text(&first, "refresh_token");
        let answers: [(u16, Value); 2] =
            tokio::join!(refresh(&test, &client, with), refresh(&test, &client, with)).into();
        let mut statuses = [answers[0].0, answers[1].0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{answers:?}");
        let given = answers.iter().find(|(status, _)| *status == 200).map(|(_, answer)| answer).unwrap();
        assert!(!lives(&test, text(given, "access_token")).await && !lives(&test, text(&first, "access_token")).await);
        refused(&test, &client, text(given, "refresh_token")).await;
    }
}

/// Given back by the application, ended by the user, by the end of the application, and by a code that comes twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_consent_is_taken_back() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (client, other) = (register(&test, None).await, register(&test, None).await);
    let revoke = async |by: &Client, what: &str| {
        let fields = [("token", what), ("client_id", &by.id), ("client_secret", &by.secret)];
        let kind = "application/x-www-form-urlencoded";
        test.request("POST", "/csc/v1/oauth2/revoke", "", kind, form(&fields).into_bytes()).await.0
    };
    let given = lasting(&test, &client, &citizen).await;
    assert_eq!(revoke(&other, text(&given, "refresh_token")).await, 204);
    assert!(lives(&test, text(&given, "access_token")).await);
    assert_eq!(revoke(&client, text(&given, "refresh_token")).await, 204);
    assert!(!lives(&test, text(&given, "access_token")).await);
    refused(&test, &client, text(&given, "refresh_token")).await;
    // By the user, who sees until when it would last.
    let given = lasting(&test, &client, &citizen).await;
    let (_, list) = test.get("/api/v1/grants", &citizen.token).await;
    let end = test.app.clock.now().plus_seconds(29 * 86_400).rfc3339();
    assert!(text(&list["grants"][0], "until") > end.as_str(), "{list}");
    let path = format!("/api/v1/grants/{}/end", client.id);
    assert_eq!(test.post(&path, &citizen.token, &json!({})).await.0, 204);
    assert!(!lives(&test, text(&given, "access_token")).await);
    refused(&test, &client, text(&given, "refresh_token")).await;
    assert_eq!(test.get("/api/v1/grants", &citizen.token).await.1["grants"], json!([]));
    // By its end.
    let given = lasting(&test, &other, &citizen).await;
    let administrator = test.log_in("quantri").await;
    let path = format!("/api/v1/oauth-clients/{}/end", other.id);
    assert_eq!(test.post(&path, &administrator, &json!({})).await.0, 200);
    let (status, answer) = refresh(&test, &other, text(&given, "refresh_token")).await;
    assert_eq!((status, error(&answer).0), (401, "invalid_client"));
    // By a code that comes twice.
    let challenge = challenge();
    let mut fields = asked(&client, &challenge);
    fields.retain(|(name, _)| *name != "scope");
    fields.push(("scope", "offline_access service"));
    let code = code(&test, &citizen.token, &fields, "").await;
    let (_, given) = token(&test, &exchange(&client, &code)).await;
    assert_eq!(token(&test, &exchange(&client, &code)).await.0, 400);
    assert!(!lives(&test, text(&given, "access_token")).await);
    refused(&test, &client, text(&given, "refresh_token")).await;
}
