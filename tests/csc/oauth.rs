//! OAuth 2.0: consent at a browser, codes with PKCE, tokens; and what an attacker tries with each of them.

use super::client::{authorize, error, hash, sad, sign};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::{PIN, Subscriber, citizen, official},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky_model::role::Role;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const REDIRECT: &str = "https://ung-dung.example/tro-lai";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A registered application.
pub struct Client {
    pub(super) id: String,
    pub(super) secret: String,
}

pub async fn register(test: &TestApp, account: Option<&str>) -> Client {
    let administrator = test.log_in("quantri").await;
    let body = json!({
        "name": "Hệ thống văn bản", "redirect_uris": [REDIRECT], "confidential": true, "account": account,
    });
    let (status, answer) = test.post("/api/v1/oauth-clients", &administrator, &body).await;
    assert_eq!(status, 201, "{answer}");
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Client { id: text("client_id"), secret: text("client_secret") }
}

pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    fields.join("&")
}

pub(super) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// The parameters of a plain request for scope `service`.
pub(super) fn asked<'a>(client: &'a Client, challenge: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("response_type", "code"),
        ("client_id", &client.id),
        ("redirect_uri", REDIRECT),
        ("scope", "service"),
        ("state", "xyz 1"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

/// The page of consent as somebody with this session sees it: status, where it leads, the page.
pub(super) async fn consent(test: &TestApp, session: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
    let path = format!("/csc/v1/oauth2/authorize?{}", form(fields));
    let cookie = vec![("cookie", format!("chuky_session={session}")), ("accept", "text/html".to_owned())];
    let (status, headers, body) = test.exchange("GET", &path, cookie, Vec::new()).await;
    let location = headers.get("location").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (status, location, String::from_utf8_lossy(&body).into_owned())
}

/// Posts the form of consent.
pub(super) async fn decide(
    test: &TestApp,
    session: &str,
    fields: &[(&str, &str)],
    more: &[(&str, &str)],
) -> (u16, String) {
    let (_, _, page) = consent(test, session, fields).await;
    let csrf = page.split("name=\"csrf\" value=\"").nth(2).or(page.split("name=\"csrf\" value=\"").nth(1));
    let csrf = csrf.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned();
    let mut all = fields.to_vec();
    all.push(("csrf", &csrf));
    all.extend(more);
    let headers = vec![
        ("cookie", format!("chuky_session={session}")),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let (status, headers, _) =
        test.exchange("POST", "/csc/v1/oauth2/authorize", headers, form(&all).into_bytes()).await;
    let location = headers.get("location").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (status, location)
}

/// The value of a parameter of an address.
fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.unwrap_or_default().to_owned()
}

pub(super) async fn code(test: &TestApp, session: &str, fields: &[(&str, &str)], pin: &str) -> String {
    let (status, location) = decide(test, session, fields, &[("decision", "approve"), ("pin", pin)]).await;
    assert_eq!(status, 303, "{location}");
    assert!(location.starts_with(&format!("{REDIRECT}?code=")), "{location}");
    assert_eq!(parameter(&location, "state"), "xyz%201");
    parameter(&location, "code")
}

pub(super) async fn token(test: &TestApp, fields: &[(&str, &str)]) -> (u16, Value) {
    let kind = "application/x-www-form-urlencoded";
    test.request("POST", "/csc/v1/oauth2/token", "", kind, form(fields).into_bytes()).await
}

pub(super) fn exchange<'a>(client: &'a Client, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
    ]
}

/// An access token of scope `service` for this user.
pub async fn access(test: &TestApp, client: &Client, user: &Subscriber) -> String {
    let challenge = challenge();
    let code = code(test, &user.token, &asked(client, &challenge), "").await;
    let (status, answer) = token(test, &exchange(client, &code)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["token_type"], "Bearer");
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let challenge = challenge();
    // Nobody is logged in: to the log-in page and back here.
    let (status, location, _) = consent(&test, "", &asked(&client, &challenge)).await;
    assert_eq!(status, 303);
    assert!(location.starts_with("/login?next=/csc/v1/oauth2/authorize%3F"), "{location}");
    let (status, _, page) = consent(&test, &citizen.token, &asked(&client, &challenge)).await;
    assert_eq!(status, 200);
    assert!(page.contains("Hệ thống văn bản") && page.contains("https://ung-dung.example"), "{page}");
    // Refused by the user.
    let (status, location) =
        decide(&test, &citizen.token, &asked(&client, &challenge), &[("decision", "refuse")]).await;
    assert_eq!((status, parameter(&location, "error").as_str()), (303, "access_denied"));
    // A token signs for the user with their PIN, in this application's name.
    let bearer = access(&test, &client, &citizen).await;
    let (status, list) = test.post("/csc/v1/credentials/list", &bearer, &json!({})).await;
    assert_eq!((status, &list["credentialIDs"][0]), (200, &json!(citizen.credential)));
    let one = hash("một");
    let data = sad(&test, &citizen, &bearer, std::slice::from_ref(&one)).await;
    // Not the user's own session: the data is the application's.
    assert_eq!(sign(&test, &citizen, &citizen.token, &data, std::slice::from_ref(&one)).await.0, 400);
    assert_eq!(sign(&test, &citizen, &bearer, &data, std::slice::from_ref(&one)).await.0, 200);
    // A token opens the signing API only.
    for path in ["/api/v1/session", "/api/v1/credentials", "/api/v1/documents"] {
        assert_eq!(test.get(path, &bearer).await.0, 401, "{path}");
    }
    // It ends when the application gives it back, and after an hour.
    let fields = [("token", bearer.as_str()), ("client_id", &client.id), ("client_secret", &client.secret)];
    let kind = "application/x-www-form-urlencoded";
    let (status, _) = test.request("POST", "/csc/v1/oauth2/revoke", "", kind, form(&fields).into_bytes()).await;
    assert_eq!(status, 204);
    let (status, answer) = test.post("/csc/v1/credentials/list", &bearer, &json!({})).await;
    assert_eq!((status, error(&answer).0), (401, "invalid_token"));
    let bearer = access(&test, &client, &citizen).await;
    test.app.clock.shift_seconds(3_601);
    assert_eq!(test.post("/csc/v1/credentials/list", &bearer, &json!({})).await.0, 401);
    // Neither tokens nor the secret lie in the database.
    let dump = ["oauth_client", "oauth_code", "oauth_token"].map(|table| test.sql(&format!("SELECT * FROM {table}")));
    assert!(!dump.concat().contains(&client.secret) && !dump.concat().contains(&bearer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_consents_and_an_application_signs_on_sqlite() {
    road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_consents_and_an_application_signs_on_postgres() {
    road(Backend::Postgres).await;
}

/// Scope `credential`: the PIN is entered on our page, and the application gets activation data for exactly the hashes that were shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_are_allowed_on_the_page() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let bearer = access(&test, &client, &citizen).await;
    let (one, two, challenge) = (hash("một"), hash("hai"), challenge());
    let both = format!("{},{}", one.replace('+', "-").replace('/', "_"), two.replace('+', "-").replace('/', "_"));
    let mut fields = asked(&client, &challenge);
    fields.retain(|(name, _)| *name != "scope");
    fields.extend([
        ("scope", "credential"),
        ("credentialID", &citizen.credential),
        ("numSignatures", "2"),
        ("hash", &both),
        ("description", "Hai hợp đồng"),
    ]);
    let (_, _, page) = consent(&test, &citizen.token, &fields).await;
    let shown = hex::encode(&Sha256::digest("một")[..4]);
    assert!(page.contains(&shown) && page.contains("Hai hợp đồng") && page.contains("name=\"pin\""), "{page}");
    // A wrong PIN is counted and stays on the page.
    let (status, _) = decide(&test, &citizen.token, &fields, &[("decision", "approve"), ("pin", "sai-hết-rồi")]).await;
    assert_eq!(status, 403);
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'pin.tried'").trim(), "1");
    let code = code(&test, &citizen.token, &fields, PIN).await;
    let (status, answer) = token(&test, &exchange(&client, &code)).await;
    assert_eq!((status, &answer["token_type"]), (200, &json!("SAD")), "{answer}");
    let data = answer["access_token"].as_str().unwrap();
    let (status, signed) = sign(&test, &citizen, &bearer, data, &[two, one.clone()]).await;
    assert_eq!(status, 200, "{signed}");
    assert_eq!(sign(&test, &citizen, &bearer, data, &[one]).await.0, 400);
    // It is no access token.
    assert_eq!(test.post("/csc/v1/credentials/list", data, &json!({})).await.0, 401);
    // Somebody else's credential is not offered.
    let official = official(&test, "p256").await;
    let (status, location, _) = consent(&test, &official.token, &fields).await;
    assert_eq!((status, parameter(&location, "error").as_str()), (303, "invalid_request"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_good_once_for_whoever_asked() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (client, other) = (register(&test, None).await, register(&test, None).await);
    let challenge = challenge();
    let fresh = async || code(&test, &citizen.token, &asked(&client, &challenge), "").await;
    let invalid_grant =
        |(status, answer): (u16, Value)| (status, error(&answer).0.to_owned()) == (400, "invalid_grant".to_owned());
    // With another verifier, for another address, by another application, made up.
    let given = fresh().await;
    let altered = |name: &str, value: &'static str| {
        let mut fields = exchange(&client, &given);
        fields.retain(|(known, _)| *known != name);
        fields.push((Box::leak(name.to_owned().into_boxed_str()), value));
        fields
    };
    assert!(invalid_grant(
        token(&test, &altered("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")).await
    ));
    assert!(invalid_grant(token(&test, &altered("code_verifier", "")).await));
    assert!(invalid_grant(token(&test, &altered("redirect_uri", "https://ung-dung.example/khac")).await));
    assert!(invalid_grant(token(&test, &altered("code", "made-up")).await));
    assert!(invalid_grant(token(&test, &exchange(&other, &given)).await));
    let (status, answer) = token(&test, &altered("client_secret", "wrong")).await;
    assert_eq!((status, error(&answer).0), (401, "invalid_client"));
    let (status, answer) = token(&test, &altered("grant_type", "password")).await;
    assert_eq!((status, error(&answer).0), (400, "unsupported_grant_type"));
    // Once it is right; a second time ends what it gave.
    let (status, answer) = token(&test, &exchange(&client, &given)).await;
    assert_eq!(status, 200, "{answer}");
    let bearer = answer["access_token"].as_str().unwrap().to_owned();
    assert_eq!(test.post("/csc/v1/credentials/list", &bearer, &json!({})).await.0, 200);
    assert!(invalid_grant(token(&test, &exchange(&client, &given)).await));
    assert_eq!(test.post("/csc/v1/credentials/list", &bearer, &json!({})).await.0, 401);
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'oauth_code.replayed'").trim(), "1");
    // Put back by SQL it gives nothing.
    test.sql("UPDATE oauth_code SET used_at = NULL");
    assert_eq!(token(&test, &exchange(&client, &given)).await.0, 500);
    // A minute later it is over.
    let late = fresh().await;
    test.app.clock.shift_seconds(61);
    assert!(invalid_grant(token(&test, &exchange(&client, &late)).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_sent_where_no_application_is() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let challenge = challenge();
    let altered = |name: &'static str, value: &'static str| {
        let mut fields = asked(&client, &challenge);
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value));
        fields
    };
    // The address must be exactly one that is registered; otherwise a page says so, and nobody is redirected.
    for address in [
        "",
        "https://evil.example/",
        "https://ung-dung.example/tro-lai/",
        "https://ung-dung.example/tro-lai?x=1",
        "https://ung-dung.example/tro-lai#x",
        "https://ung-dung.example/tro-lai/../khac",
        "https://ung-dung.example.evil.example/tro-lai",
        "https://UNG-DUNG.example/tro-lai",
        "http://ung-dung.example/tro-lai",
    ] {
        let (status, location, _) = consent(&test, &citizen.token, &altered("redirect_uri", address)).await;
        assert_eq!((status, location.as_str()), (422, ""), "{address}");
        let (status, location) =
            decide(&test, &citizen.token, &altered("redirect_uri", address), &[("decision", "approve")]).await;
        assert_eq!((status, location.as_str()), (422, ""), "{address}");
    }
    let (status, location, _) = consent(&test, &citizen.token, &altered("client_id", "unknown")).await;
    assert_eq!((status, location.as_str()), (422, ""));
    let mut twice = asked(&client, &challenge);
    twice.push(("redirect_uri", "https://evil.example/"));
    assert_eq!(consent(&test, &citizen.token, &twice).await.0, 422);
    // What else is wrong is told to the application.
    for (name, value, told) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("scope", "everything", "invalid_scope"),
    ] {
        let (status, location, _) = consent(&test, &citizen.token, &altered(name, value)).await;
        assert_eq!((status, parameter(&location, "error").as_str()), (303, told), "{name}");
        assert!(location.starts_with(REDIRECT), "{location}");
    }
    // Without the form's token nothing is agreed to.
    let mut fields = asked(&client, &challenge);
    fields.push(("decision", "approve"));
    let headers = vec![
        ("cookie", format!("chuky_session={}", citizen.token)),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let body = form(&fields).into_bytes();
    assert_eq!(test.exchange("POST", "/csc/v1/oauth2/authorize", headers, body).await.0, 409);
    assert_eq!(test.sql("SELECT count(*) FROM oauth_code").trim(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_acts_for_its_own_account_and_ends() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (account, _) = test.account("he.thong", &[Role::RelyingParty], None).await;
    let (own, without) = (register(&test, Some(&account.to_string())).await, register(&test, None).await);
    let credentials = async |client: &Client| {
        let fields =
            [("grant_type", "client_credentials"), ("client_id", &client.id), ("client_secret", &client.secret)];
        token(&test, &fields).await
    };
    let (status, answer) = credentials(&without).await;
    assert_eq!((status, error(&answer).0), (400, "unauthorized_client"));
    let (status, answer) = credentials(&own).await;
    assert_eq!(status, 200, "{answer}");
    let bearer = answer["access_token"].as_str().unwrap().to_owned();
    // It stamps; credentials are people's.
    let stamp = async || {
        let body = json!({ "hash": hash("một"), "hashAlgo": "2.16.840.1.101.3.4.2.1" });
        test.post("/csc/v2/signatures/timestamp", &bearer, &body).await.0
    };
    assert_eq!(stamp().await, 200);
    let (status, answer) = authorize(&test, &citizen, &bearer, PIN, &[hash("một")]).await;
    assert_eq!((status, error(&answer).0), (403, "access_denied"));
    // Registered by administrators only; what makes no sense is refused.
    let (status, _) = test.post("/api/v1/oauth-clients", &citizen.token, &json!({ "name": "x" })).await;
    assert_eq!(status, 403);
    let administrator = test.log_in("quantri").await;
    for body in [
        json!({ "name": "", "redirect_uris": [REDIRECT] }),
        json!({ "name": "x", "redirect_uris": ["http://ung-dung.example/"] }),
        json!({ "name": "x" }),
        json!({ "name": "x", "account": account, "redirect_uris": [REDIRECT] }),
    ] {
        assert_eq!(test.post("/api/v1/oauth-clients", &administrator, &body).await.0, 422, "{body}");
    }
    // Ended, its tokens open nothing and its secret gives none.
    let (status, _) = test.post(&format!("/api/v1/oauth-clients/{}/end", own.id), &administrator, &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(stamp().await, 401);
    let (status, answer) = credentials(&own).await;
    assert_eq!((status, error(&answer).0), (401, "invalid_client"));
    let (_, list) = test.get("/api/v1/oauth-clients", &administrator).await;
    assert!(list["clients"].as_array().unwrap().iter().any(|client| client["ended_at"].is_string()), "{list}");
}
