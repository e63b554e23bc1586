//! Every error of the API has one shape, whoever finds it: a flow, an extractor, the router or the layers around it.

use crate::harness::app::TestApp;
use chuky::http;
use chuky_model::role::Role;
use serde_json::Value;

struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    token: &'a str,
    headers: &'a [(&'static str, &'a str)],
    body: Vec<u8>,
}

const PLAIN: Asked<'_> = Asked { method: "GET", path: "", token: "", headers: &[], body: Vec::new() };

/// Sends it; the status, the code and what `Allow` says. Whatever refuses, the answer is a problem in both languages with the request's id.
async fn refused(test: &TestApp, asked: &Asked<'_>) -> (u16, String, String) {
    let mut headers: Vec<(&'static str, String)> =
        asked.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    if !asked.token.is_empty() {
        headers.push(("authorization", format!("Bearer {}", asked.token)));
    }
    let (status, headers, body) = test.exchange(asked.method, asked.path, headers, asked.body.clone()).await;
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let shown = format!("{} {}: {status} {}", asked.method, asked.path, String::from_utf8_lossy(&body));
    assert!(status >= 400, "{shown}");
    assert_eq!(header("content-type"), "application/problem+json", "{shown}");
    assert_eq!(header("cache-control"), "no-store", "{shown}");
    let problem: Value = serde_json::from_slice(&body).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(problem["status"], status, "{shown}");
    assert_eq!(text(&problem["request_id"]), header("x-request-id"), "{shown}");
    let (vietnamese, english) = (text(&problem["detail"]["vi"]), text(&problem["detail"]["en"]));
    assert!(!text(&problem["title"]).is_empty() && !vietnamese.is_empty() && !english.is_empty(), "{shown}");
    assert_ne!(vietnamese, english, "{shown}");
    let code = text(&problem["type"]).strip_prefix("urn:chuky:problem:").expect(&shown).to_owned();
    (status, code, header("allow"))
}

/// Asks each and compares the status and the code; whoever is refused for the method is told which there are.
async fn compare(test: &TestApp, cases: &[(Asked<'_>, u16, &str)]) {
    for (asked, status, code) in cases {
        let (found, said, allow) = refused(test, asked).await;
        assert_eq!((found, said.as_str()), (*status, *code), "{} {}", asked.method, asked.path);
        assert_eq!(!allow.is_empty(), *status == 405, "{} {}: {allow}", asked.method, asked.path);
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn to<'a>(method: &'a str, path: &'a str) -> Asked<'a> {
    Asked { method, path, ..PLAIN }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_wrong_is_refused_in_the_one_shape() {
    let test = TestApp::sqlite().await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    let audit = |path| Asked { token: &auditor, ..to("GET", path) };
    let cases = [
        // The query: of another type, absent, twice.
        (audit("/api/v1/audit/consistency?old=x&size=1"), 422, "query_invalid"),
        (audit("/api/v1/audit/consistency"), 422, "query_invalid"),
        (audit("/api/v1/audit/consistency?old=1&old=2&size=3"), 422, "query_invalid"),
        (to("POST", "/api/v1/documents/verify?pictures=perhaps"), 422, "query_invalid"),
        (to("POST", "/api/v1/documents/verify?policy=nobodys"), 422, "policy_unknown"),
        // The path: no text, no number, no route.
        (audit("/api/v1/audit/entries/%FF/proof"), 404, "not_found"),
        (audit("/api/v1/audit/entries/-1/proof"), 404, "not_found"),
        (to("GET", "/api/v1/nothing"), 404, "not_found"),
        (to("POST", "/api/v2/session"), 404, "not_found"),
        (to("GET", "/api/"), 404, "not_found"),
        // The method.
        (to("PATCH", "/api/v1/session"), 405, "method_not_allowed"),
        (to("GET", "/api/v1/transactions/verify"), 405, "method_not_allowed"),
    ];
    compare(&test, &cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_or_a_caller_that_is_wrong_is_refused_in_the_one_shape() {
    let test = TestApp::sqlite().await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    let session = |headers, body: &[u8]| Asked { headers, body: body.to_vec(), ..to("POST", "/api/v1/session") };
    let large = vec![b' '; (1 << 20) + 1];
    let form = Asked { headers: &[("content-type", "multipart/form-data")], ..to("POST", "/api/v1/documents/verify") };
    let elsewhere = [JSON, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    let cases = [
        (session(&[JSON], b"{"), 422, "json_invalid"),
        (session(&[JSON, ("accept", "text/html")], b"{"), 422, "json_invalid"),
        (session(&[JSON], &large), 413, "body_too_large"),
        (session(&[("content-type", "application/jose")], b"{}"), 415, "content_type_unsupported"),
        (session(&[("content-type", "application/x-www-form-urlencoded")], b"{}"), 415, "content_type_unsupported"),
        (form, 422, "form_malformed"),
        (to("GET", "/api/v1/session"), 401, "unauthenticated"),
        (Asked { token: "chuky_made_up", ..to("GET", "/api/v1/requests") }, 401, "unauthenticated"),
        (Asked { token: &auditor, ..to("GET", "/api/v1/requests/x") }, 403, "forbidden"),
        (session(&elsewhere, b"{}"), 403, "other_site"),
    ];
    compare(&test, &cases).await;
    // JSON by any of its names, and where nothing is said.
    let body = br#"{"login":"nobody","password":"sai-sai-sai-sai"}"#;
    let names: [&[(&str, &str)]; 3] = [
        &[],
        &[("content-type", "application/json; charset=utf-8")],
        &[("content-type", "Application/Merge-Patch+JSON")],
    ];
    for headers in names {
        assert_eq!(refused(&test, &session(headers, body)).await.0, 401, "{headers:?}");
    }
}

/// Whatever route: a method that it does not take, an address that cannot be read, a body that is too large or of another type.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_of_the_api_answers_an_error_in_another_shape() {
    let test = TestApp::sqlite().await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, test.account(&format!("only.{}", role.name()), &[role], None).await.1));
    }
    let (mut looked_at, mut errors) = (0, 0);
    for route in http::routes().into_iter().filter(|route| route.path.starts_with("/api/")) {
        let path = route.path.replace("{id}", "%FF").replace(['{', '}', '*'], "");
        let admitted = tokens.iter().find(|(role, _)| route.access.admits(Some(&[*role])));
        let token = admitted.map_or("", |(_, token)| token);
        let method = route.method.as_str();
        let (.., allow) = refused(&test, &Asked { method: "PATCH", path: &path, token, ..PLAIN }).await;
        assert!(allow.split(',').any(|allowed| allowed == method), "{method} {path}: {allow}");
        if (method, route.path) == ("DELETE", "/api/v1/session") {
            continue;
        }
        looked_at += 1;
        let broken = format!("{path}?after=%FF&limit=x&limit=y&at=%FF&dry_run=x");
        let kinds: &[(&str, &str)] = &[("content-type", "text/vnd.nothing")];
        let asked = [
            Asked { method, path: &broken, token, ..PLAIN },
            Asked { method, path: &path, token, headers: kinds, body: b"\xff".to_vec() },
        ];
        for asked in asked {
            let headers = asked.headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
            let bearer = (!token.is_empty()).then(|| ("authorization", format!("Bearer {token}")));
            let (status, ..) =
                test.exchange(method, asked.path, headers.chain(bearer).collect(), asked.body.clone()).await;
            assert!(status < 500, "{method} {}: {status}", asked.path);
            if status >= 400 {
                errors += 1;
                refused(&test, &asked).await;
            }
        }
    }
    assert!(looked_at > 150 && errors > looked_at, "{looked_at} routes, {errors} errors");
}
