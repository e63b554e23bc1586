//! What was given to an application is taken back: by a code that comes twice, by the application, by the user; and what nobody can
//! give in somebody else's name.

use super::{
    client::{error, hash, sad, sign},
    oauth::{Client, access, asked, challenge, code, consent, decide, exchange, form, register, token},
};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, Subscriber, citizen, official},
};
use chuky_model::role::Role;
use serde_json::{Value, json};

/// A code of scope `credential` for one hash.
async fn signature_code(test: &TestApp, client: &Client, who: &Subscriber, hash: &str) -> String {
    let challenge = challenge();
    let hash = hash.replace('+', "-").replace('/', "_");
    let mut fields = asked(client, &challenge);
    fields.retain(|(name, _)| *name != "scope");
    fields.extend([
        ("scope", "credential"),
        ("credentialID", who.credential.as_str()),
        ("numSignatures", "1"),
        ("hash", hash.as_str()),
    ]);
    code(test, &who.token, &fields, PIN).await
}

/// Activation data that was allowed on the page of consent, with its code.
async fn consented(test: &TestApp, client: &Client, who: &Subscriber, hash: &str) -> (String, String) {
    let code = signature_code(test, client, who, hash).await;
    let (status, answer) = token(test, &exchange(client, &code)).await;
    assert_eq!(status, 200, "{answer}");
    (answer["access_token"].as_str().unwrap().to_owned(), code)
}

async fn revoke(test: &TestApp, client: &Client, token: &str) -> u16 {
    let fields = [("token", token), ("client_id", &client.id), ("client_secret", &client.secret)];
    let kind = "application/x-www-form-urlencoded";
    test.request("POST", "/csc/v2/oauth2/revoke", "", kind, form(&fields).into_bytes()).await.0
}

fn states(test: &TestApp) -> String {
    test.sql("SELECT state FROM activation ORDER BY created_at").trim().replace('\n', " ")
}

/// RFC 6749 §4.1.2: what a replayed code gave is ended, activation data as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_comes_twice_closes_what_it_allowed() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let bearer = access(&test, &client, &citizen).await;
    let one = hash("một");
    let (data, code) = consented(&test, &client, &citizen, &one).await;
    // Without its verifier a stranger who saw the code ends nothing.
    let mut stranger = exchange(&client, &code);
    stranger.retain(|(name, _)| *name != "code_verifier");
    assert_eq!(token(&test, &stranger).await.0, 400);
    assert_eq!(states(&test), "open");
    test.sql("CREATE TABLE opened AS SELECT * FROM activation");
    let (status, answer) = token(&test, &exchange(&client, &code)).await;
    assert_eq!((status, error(&answer).0), (400, "invalid_grant"));
    assert_eq!(states(&test), "closed");
    assert_eq!(sign(&test, &citizen, &bearer, &data, std::slice::from_ref(&one)).await.0, 400);
    // The row as it was before, put back by SQL with its own MAC, opens nothing.
    test.sql("UPDATE activation SET state = o.state, sealed_key = o.sealed_key, version = o.version, mac = o.mac FROM opened o");
    assert_eq!(sign(&test, &citizen, &bearer, &data, &[one]).await.0, 500);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
}

/// Two exchanges of one code in the same moment are a replay, too: whoever was first keeps nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_comes_twice_at_once_gives_nothing_that_lasts() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let challenge = challenge();
    for _ in 0..4 {
        let code = code(&test, &citizen.token, &asked(&client, &challenge), "").await;
        let fields = exchange(&client, &code);
        let answers: [(u16, Value); 2] = tokio::join!(token(&test, &fields), token(&test, &fields)).into();
        let mut statuses = [answers[0].0, answers[1].0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{answers:?}");
        let given = answers.iter().find_map(|(_, answer)| answer["access_token"].as_str()).unwrap();
        assert_eq!(test.post("/csc/v1/credentials/list", given, &json!({})).await.0, 401);
    }
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'oauth_code.replayed'").trim(), "4");
}

/// RFC 7009: the application gives activation data back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activation_data_is_given_back_by_its_application() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (client, other) = (register(&test, None).await, register(&test, None).await);
    let bearer = access(&test, &client, &citizen).await;
    let (one, two) = (hash("một"), hash("hai"));
    let (consented, _) = consented(&test, &client, &citizen, &one).await;
    let authorized = sad(&test, &citizen, &bearer, std::slice::from_ref(&two)).await;
    // Another application ends neither, and what is nobody's is no error.
    for text in [&consented, &authorized, "không phải gì cả"] {
        assert_eq!(revoke(&test, &other, text).await, 204);
    }
    assert_eq!(states(&test), "open open");
    for (data, hash) in [(&consented, one), (&authorized, two)] {
        assert_eq!(revoke(&test, &client, data).await, 204);
        assert_eq!(revoke(&test, &client, data).await, 204, "once more");
        assert_eq!(sign(&test, &citizen, &bearer, data, &[hash]).await.0, 400);
    }
    assert_eq!(states(&test), "closed closed");
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
    assert_eq!(test.post("/csc/v1/credentials/list", &bearer, &json!({})).await.0, 200, "the token is another thing");
}

/// The user sees what applications may do, and ends it: tokens, codes that wait, and signatures that were allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_ends_what_an_application_may_do() {
    let test = TestApp::sqlite().await;
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    let (client, other) = (register(&test, None).await, register(&test, None).await);
    let bearer = access(&test, &client, &citizen).await;
    let (elsewhere, officials) = (access(&test, &other, &citizen).await, access(&test, &client, &official).await);
    let one = hash("một");
    let (data, _) = consented(&test, &client, &citizen, &one).await;
    let waiting = code(&test, &citizen.token, &asked(&client, &challenge()), "").await;
    let (status, list) = test.get("/api/v1/grants", &citizen.token).await;
    assert_eq!(status, 200, "{list}");
    let grants = list["grants"].as_array().unwrap();
    let ids: Vec<&str> = grants.iter().map(|grant| grant["client_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&client.id, &other.id]);
    assert_eq!((&grants[0]["service"], &grants[0]["signatures"]), (&json!(true), &json!(1)), "{list}");
    assert_eq!((&grants[1]["service"], &grants[1]["signatures"]), (&json!(true), &json!(0)), "{list}");
    // No application sees or ends anything here, and what is no application is not found.
    assert_eq!(test.get("/api/v1/grants", &bearer).await.0, 401);
    let end = async |id: &str, who: &str| test.post(&format!("/api/v1/grants/{id}/end"), who, &json!({})).await.0;
    assert_eq!([end("x", &citizen.token).await, end(&citizen.credential, &citizen.token).await], [404, 404]);
    assert_eq!(end(&client.id, &citizen.token).await, 204);
    let lives = async |bearer: &str| test.post("/csc/v1/credentials/list", bearer, &json!({})).await.0;
    assert_eq!([lives(&bearer).await, lives(&elsewhere).await, lives(&officials).await], [401, 200, 200]);
    let (status, answer) = token(&test, &exchange(&client, &waiting)).await;
    assert_eq!((status, error(&answer).0), (400, "invalid_grant"));
    // Another token of the application does not bring the signatures back.
    let again = access(&test, &client, &citizen).await;
    assert_eq!(sign(&test, &citizen, &again, &data, &[one]).await.0, 400);
    assert_eq!(states(&test), "closed");
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'oauth_grant.ended'").trim(), "1");
}

/// The same on the page of the user's signatures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_signatures_lists_applications() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let page = async || {
        let cookie = vec![("cookie", format!("chuky_session={}", citizen.token)), ("accept", "text/html".to_owned())];
        String::from_utf8(test.exchange("GET", "/credentials", cookie, Vec::new()).await.2).unwrap()
    };
    assert!(!page().await.contains("Ứng dụng đang được phép"));
    let bearer = access(&test, &client, &citizen).await;
    let shown = page().await;
    let action = format!("/credentials/grants/{}/end", client.id);
    assert!(shown.contains("Ứng dụng đang được phép") && shown.contains("Hệ thống văn bản"), "{shown}");
    let part = shown.split(&format!("action=\"{action}\"")).nth(1).unwrap();
    let csrf = part.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let post = async |csrf: &str| {
        let headers = vec![
            ("cookie", format!("chuky_session={}", citizen.token)),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        test.exchange("POST", &action, headers, form(&[("csrf", csrf)]).into_bytes()).await
    };
    assert_eq!(post("").await.0, 409, "without the form's token");
    let (status, headers, _) = post(&csrf).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (303, "/credentials?ended=1"));
    assert_eq!(test.post("/csc/v1/credentials/list", &bearer, &json!({})).await.0, 401);
    assert!(!page().await.contains("Hệ thống văn bản"));
}

/// Whoever registers an application speaks for no person: not for one with a certificate, nor for one who works here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_administrator_gives_an_application_somebody_elses_account() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let administrator = test.log_in("quantri").await;
    let (_, who) = test.get("/api/v1/session", &citizen.token).await;
    let named = test.account("to.chuc", &[Role::PaymentProvider], Some("001085070009")).await.0.to_string();
    let mut persons = vec![who["account"].as_str().unwrap().to_owned(), named];
    for role in [Role::Official, Role::Clerk, Role::Approver, Role::Administrator] {
        persons.push(test.account(&format!("vo.danh.{}", role.name()), &[role], None).await.0.to_string());
    }
    let ask = async |account: &str| {
        let body = json!({ "name": "Hệ thống", "confidential": true, "account": account });
        test.post("/api/v1/oauth-clients", &administrator, &body).await
    };
    for account in &persons {
        let (status, answer) = ask(account).await;
        let problem = "urn:chuky:problem:client_account_of_person";
        assert_eq!((status, answer["type"].as_str().unwrap()), (422, problem), "{answer}");
    }
    // A system's is taken, reaches no credential, and is a system's no more once a person is named.
    let (system, _) = test.account("he.thong", &[Role::RelyingParty], None).await;
    let client = register(&test, Some(&system.to_string())).await;
    let fields = [("grant_type", "client_credentials"), ("client_id", &client.id), ("client_secret", &client.secret)];
    let (status, answer) = token(&test, &fields).await;
    assert_eq!(status, 200, "{answer}");
    let bearer = answer["access_token"].as_str().unwrap().to_owned();
    let stamp = async || {
        let body = json!({ "hash": hash("một"), "hashAlgo": "2.16.840.1.101.3.4.2.1" });
        test.post("/csc/v1/signatures/timestamp", &bearer, &body).await.0
    };
    assert_eq!(stamp().await, 200);
    let (status, answer) = test.post("/csc/v1/credentials/list", &bearer, &json!({})).await;
    assert_eq!((status, error(&answer).0), (403, "access_denied"));
    let number = test.app.vault.lookup("person", "001085070010");
    chuky::accounts::name_person(&test.app, chuky::audit::Actor::Service, system, number).await.unwrap();
    assert_eq!(stamp().await, 401);
    let (status, answer) = token(&test, &fields).await;
    assert_eq!((status, error(&answer).0), (400, "unauthorized_client"));
}

/// RFC 8252 §7.3: a program on the user's device takes any port; RFC 9207: every answer names its issuer; RFC 6749 §5.2: who came with
/// `Authorization: Basic` is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_on_a_device_and_confused_ones_are_served_by_the_standards() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let administrator = test.log_in("quantri").await;
    let body = json!({ "name": "Ứng dụng để bàn", "redirect_uris": ["http://127.0.0.1/cb"] });
    let (status, answer) = test.post("/api/v1/oauth-clients", &administrator, &body).await;
    assert_eq!(status, 201, "{answer}");
    let native = Client { id: answer["client_id"].as_str().unwrap().to_owned(), secret: String::new() };
    let challenge = challenge();
    let at = |client: &Client, redirect: &'static str| {
        let fields = asked(client, &challenge).into_iter().filter(|(name, _)| *name != "redirect_uri");
        let fields: Vec<(String, String)> = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        [fields, vec![("redirect_uri".to_owned(), redirect.to_owned())]].concat()
    };
    let look = async |client: &Client, redirect: &'static str| {
        let fields = at(client, redirect);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        consent(&test, &citizen.token, &fields).await
    };
    let (status, _, page) = look(&native, "http://127.0.0.1:51004/cb").await;
    assert!(status == 200 && page.contains("http://127.0.0.1:51004"), "{page}");
    assert_eq!(look(&native, "http://127.0.0.1:51004/khac").await.0, 422);
    assert_eq!(look(&native, "http://localhost:51004/cb").await.0, 422);
    // The answer of a refusal and of an agreement names the issuer.
    let client = register(&test, None).await;
    let issuer: String = test.url.replace(':', "%3A").replace('/', "%2F");
    let mut wrong = asked(&client, &challenge);
    wrong.retain(|(name, _)| *name != "scope");
    wrong.push(("scope", "everything"));
    let (_, location, _) = consent(&test, &citizen.token, &wrong).await;
    assert!(location.ends_with(&format!("&iss={issuer}")), "{location}");
    let (_, location) = decide(&test, &citizen.token, &asked(&client, &challenge), &[("decision", "approve")]).await;
    assert!(location.ends_with(&format!("&iss={issuer}")), "{location}");
    // A wrong secret, and one that cannot be read, in the header; in the form no challenge is due.
    let kind = ("content-type", "application/x-www-form-urlencoded".to_owned());
    let body = form(&[("grant_type", "client_credentials"), ("client_id", "x"), ("client_secret", "y")]).into_bytes();
    for header in ["Basic eDp5", "basic eDp5", "Basic !!!", "Basic eHk="] {
        let headers = vec![("authorization", header.to_owned()), kind.clone()];
        let (status, headers, answer) = test.exchange("POST", "/csc/v2/oauth2/token", headers, body.clone()).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((status, error(&answer).0), (401, "invalid_client"), "{header}");
        assert!(headers["www-authenticate"].to_str().unwrap().starts_with("Basic realm="), "{header}");
    }
    let (status, headers, _) = test.exchange("POST", "/csc/v2/oauth2/token", vec![kind], body).await;
    assert!(status == 401 && !headers.contains_key("www-authenticate"));
}

/// A form of consent that is refused is a page with words, in whichever version's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_of_consent_is_refused_in_words() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let challenge = challenge();
    let post = async |path: &'static str, fields: &[(&str, &str)]| {
        let headers = vec![
            ("cookie", format!("chuky_session={}", citizen.token)),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "text/html,application/xhtml+xml".to_owned()),
        ];
        let (status, _, page) = test.exchange("POST", path, headers, form(fields).into_bytes()).await;
        (status, String::from_utf8(page).unwrap())
    };
    let mut stale = asked(&client, &challenge);
    stale.extend([("decision", "approve"), ("csrf", "cũ")]);
    let mut foreign = stale.clone();
    foreign.retain(|(name, _)| *name != "redirect_uri");
    foreign.push(("redirect_uri", "https://evil.example/"));
    for path in ["/csc/v1/oauth2/authorize", "/csc/v2/oauth2/authorize"] {
        let (status, page) = post(path, &stale).await;
        assert!(status == 409 && page.contains("Trang này đã mở từ một phiên trước"), "{page}");
        assert!(page.contains("/logout"), "and says who is logged in: {page}");
        let (status, page) = post(path, &foreign).await;
        assert!(status == 422 && page.contains("một địa chỉ chưa đăng ký"), "{page}");
    }
}
