//! Who may do what: the whole table of route × role against a running service, log-in, and the road of a request.

use crate::harness::app::{ACCOUNT_PASSWORD, Backend, TestApp};
use chuky::http;
use chuky_model::role::Role;
use serde_json::{Value, json};

const CITIZEN: &str = "001190012345";

fn citizen() -> Value {
    json!({
        "hierarchy": "citizens", "unit": "H26",
        "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": CITIZEN, "birth_date": "1990-03-05",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm"
        }
    })
}

/// One API key or session for each role, of an account that holds this role alone.
async fn keys(test: &TestApp) -> Vec<(Role, String)> {
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push((role, test.account(&format!("only.{}", role.name()), &[role], None).await.1));
    }
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_admits_exactly_its_roles() {
    let test = TestApp::sqlite().await;
    let keys = keys(&test).await;
    let mut wrong = Vec::new();
    for route in http::routes() {
        let path = route.path.replace("{id}", "00000000-0000-7000-8000-000000000000").replace(['{', '}', '*'], "");
        let method = route.method.as_str();
        let (nobody, _) = test.raw(method, &path, "", "application/json", b"{}".to_vec()).await;
        let refused = |status: u16| status == 401 || (status == 303 && !path.starts_with("/api/"));
        if refused(nobody) == route.access.admits(None) && path != "/api/v1/session" {
            wrong.push(format!("{method} {path}: nobody got {nobody}"));
        }
        for (role, key) in &keys {
            // Would end a session for the routes that follow.
            if route.method == "DELETE" && path == "/api/v1/session" {
                continue;
            }
            let (status, _) = test.raw(method, &path, key, "application/json", b"{}".to_vec()).await;
            if (status == 403) == route.access.admits(Some(&[*role])) {
                wrong.push(format!("{method} {path}: {} got {status}", role.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_key_session_or_role_opens_nothing() {
    let test = TestApp::sqlite().await;
    let token = test.log_in("gianhang").await;
    assert_eq!(test.get("/api/v1/session", &token).await.0, 200);
    assert_eq!(test.get("/api/v1/session", "chuky_made_up").await.0, 401);
    // An administrator's SQL gives the operator another role: the row's MAC no longer fits, and the service says so to nobody.
    test.sql("UPDATE account SET roles = 'approver' WHERE login = 'gianhang'");
    assert_eq!(test.get("/api/v1/session", &token).await.0, 500);
    test.sql("UPDATE account SET roles = 'operator' WHERE login = 'gianhang'");
    assert_eq!(test.get("/api/v1/session", &token).await.0, 200);
    assert_eq!(test.request("DELETE", "/api/v1/session", &token, "", vec![]).await.0, 204);
    assert_eq!(test.get("/api/v1/session", &token).await.0, 401);
    // Taken back to life by SQL it stays dead.
    test.sql("UPDATE session SET ended_at = NULL");
    assert_eq!(test.get("/api/v1/session", &token).await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_are_counted_and_the_account_waits() {
    let test = TestApp::sqlite().await;
    let body = json!({ "login": "duyet", "password": "sai-sai-sai-sai" });
    for _ in 0..5 {
        assert_eq!(test.post("/api/v1/session", "", &body).await.0, 401);
    }
    assert_eq!(test.post("/api/v1/session", "", &body).await.0, 429);
    let right = json!({ "login": "duyet", "password": test.passwords["duyet"] });
    assert_eq!(test.post("/api/v1/session", "", &right).await.0, 429);
    test.app.clock.shift_seconds(301);
    assert_eq!(test.post("/api/v1/session", "", &right).await.0, 200);
}

/// What was taken back stays so where the clock is set back to before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_revives_nothing() {
    let test = TestApp::sqlite().await;
    let officer = test.log_in("quantri").await;
    let (account, key) = test.account("ngan.hang", &[Role::PaymentProvider], None).await;
    let (_, other) = test.account("doi.tac", &[Role::RelyingParty], None).await;
    let who = async |token: &str| test.get("/api/v1/session", token).await.0;
    assert_eq!([who(&key).await, who(&other).await], [200, 200]);
    let revoke = format!("/api/v1/api-keys/{}/revoke", other.split('_').nth(1).unwrap());
    assert_eq!(test.post(&revoke, &officer, &json!({})).await.0, 204);
    assert_eq!(test.post(&format!("/api/v1/accounts/{account}/disable"), &officer, &json!({})).await.0, 204);
    test.app.clock.jump_seconds(-3_600);
    assert_eq!([who(&key).await, who(&other).await], [401, 401]);
}

/// Behind TLS cookies have names that no other host of the domain can set, and no others are read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_behind_tls_are_of_this_host_alone() {
    let test = TestApp::with(|settings| settings.public_url = "https://chuky.hanoi.example".into()).await;
    let password: String = test.passwords["quantri"].bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("login=quantri&password={password}&next=%2F");
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    let (status, headers, _) = test.exchange("POST", "/login", headers, body.into_bytes()).await;
    assert_eq!(status, 303);
    let cookies: Vec<&str> = headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let given = |name: &str| cookies.iter().find_map(|cookie| cookie.strip_prefix(name)).unwrap();
    for cookie in [given("__Host-chuky_session="), given("__Host-chuky_device=")] {
        assert!(cookie.contains("Secure") && cookie.contains("Path=/") && cookie.contains("HttpOnly"), "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    let token = given("__Host-chuky_session=").split(';').next().unwrap();
    let with = async |name: &str| {
        let cookie = vec![("cookie", format!("{name}={token}"))];
        test.exchange("GET", "/api/v1/session", cookie, Vec::new()).await.0
    };
    assert_eq!([with("__Host-chuky_session").await, with("chuky_session").await], [200, 401]);
    let cookie = vec![("cookie", format!("__Host-chuky_session={token}"))];
    assert_eq!(test.exchange("DELETE", "/api/v1/session", cookie, Vec::new()).await.0, 204);
    assert_eq!(with("__Host-chuky_session").await, 401);
}

async fn request_road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (operator, approver) = (test.log_in("gianhang").await, test.log_in("duyet").await);
    let (status, request) = test.post("/api/v1/requests", &operator, &citizen()).await;
    assert_eq!(status, 201, "{request}");
    assert_eq!(request["personal_number"], "001•••••2345");
    // A second open request of the same person is refused.
    assert_eq!(test.post("/api/v1/requests", &operator, &citizen()).await.0, 409);
    let path = format!("/api/v1/requests/{}", request["id"].as_str().unwrap());
    // Only what was seen is approved, and only by an approver.
    let digest = json!({ "content_digest": request["content_digest"] });
    assert_eq!(test.post(&format!("{path}/approve"), &operator, &digest).await.0, 403);
    let other = json!({ "content_digest": "00" });
    assert_eq!(test.post(&format!("{path}/approve"), &approver, &other).await.0, 409);
    let (status, approved) = test.post(&format!("{path}/approve"), &approver, &digest).await;
    assert_eq!(status, 200, "{approved}");
    assert_eq!((&approved["state"], &approved["activation_code"]), (&json!("approved"), &Value::Null));
    assert_eq!(test.code(&request, &operator).await.len(), 14);
    assert_eq!(test.post(&format!("{path}/approve"), &approver, &digest).await.0, 409);
    // Nothing personal lies readable in the database.
    let dump = test.sql("SELECT * FROM registration_request");
    assert!(!dump.contains(CITIZEN) && !dump.contains("Hồng"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_entered_seen_and_approved_on_sqlite() {
    request_road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_entered_seen_and_approved_on_postgres() {
    request_road(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_approves_what_they_entered() {
    let test = TestApp::sqlite().await;
    let (_, key) = test.account("ca.hai", &[Role::Operator, Role::Approver], None).await;
    let (_, request) = test.post("/api/v1/requests", &key, &citizen()).await;
    let path = format!("/api/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let (status, answer) = test.post(&path, &key, &json!({ "content_digest": request["content_digest"] })).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (403, "urn:chuky:problem:own_request"));
}

/// One person with several accounts is one pair of eyes, and nobody decides about themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_eyes_are_two_people() {
    const STAFF: &str = "001085070001";
    let test = TestApp::sqlite().await;
    let enters = test.account("nhap.lieu", &[Role::Operator], Some(STAFF)).await.1;
    let (same, same_key) = test.account("duyet.cung.nguoi", &[Role::Approver], Some(STAFF)).await;
    let (_, subject) = test.account("duyet.cho.minh", &[Role::Approver], Some(CITIZEN)).await;
    let (_, unknown) = test.account("duyet.vo.danh", &[Role::Approver], None).await;
    let decided = async |request: &Value, token: &str, what: &str| {
        let path = format!("/api/v1/requests/{}/{what}", request["id"].as_str().unwrap());
        let body = match what {
            "approve" => json!({ "content_digest": request["content_digest"] }),
            _ => json!({ "reason": "Thiếu giấy tờ" }),
        };
        let (status, answer) = test.post(&path, token, &body).await;
        (status, answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:").to_owned())
    };
    let refused = |code: &str| (403, code.to_owned());
    let (_, request) = test.post("/api/v1/requests", &enters, &citizen()).await;
    for what in ["approve", "reject"] {
        assert_eq!(decided(&request, &same_key, what).await, refused("own_request"), "{what}");
        assert_eq!(decided(&request, &subject, what).await, refused("own_certificate"), "{what}");
    }
    // An approval that was given before anybody knew that the two are one opens nothing once it is known.
    let (late, late_key) = test.account("duyet.truoc.do", &[Role::Approver], None).await;
    assert_eq!(decided(&request, &late_key, "approve").await.0, 200);
    let code = test.code(&request, &enters).await;
    let number = test.app.vault.lookup("person", STAFF);
    chuky::accounts::name_person(&test.app, chuky::audit::Actor::Service, late, number).await.unwrap();
    let body = json!({ "code": code, "login": "hong.uong", "password": ACCOUNT_PASSWORD, "pin": "mèo-xanh-ăn-phở" });
    assert_eq!(test.redeem("", &body).await.0, 500);
    // The holder of a certificate changes it from one account and cannot approve that from another, known or not.
    let mut other = citizen();
    other["subscriber"]["personal_number"] = json!("001190012346");
    let operator = test.log_in("gianhang").await;
    let (_, first) = test.post("/api/v1/requests", &operator, &other).await;
    test.approve(&first).await;
    let body = json!({ "code": test.code(&first, &operator).await, "login": "hai.vai", "password": ACCOUNT_PASSWORD, "pin": "mèo-xanh-ăn-phở" });
    let (status, receipt) = test.redeem("", &body).await;
    assert_eq!(status, 201, "{receipt}");
    let holder = test.session_of("001190012346").await;
    let (_, own) = test.account("hai.vai.duyet", &[Role::Approver], Some("001190012346")).await;
    let path = format!("/api/v1/certificates/{}/modify", receipt["serial"].as_str().unwrap());
    let (status, changed) = test.post(&path, &holder, &json!({ "full_name": "Phạm Khác Hẳn" })).await;
    assert_eq!(status, 201, "{changed}");
    assert_eq!(decided(&changed, &own, "approve").await, refused("own_request"));
    assert_eq!(decided(&changed, &unknown, "approve").await, refused("approver_unknown"));
    test.approve(&changed).await;
    assert!(same != late);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_answers_again_and_refuses_another_body() {
    let test = TestApp::sqlite().await;
    let operator = test.log_in("gianhang").await;
    let send = |body: Value| {
        let (url, token) = (format!("{}/api/v1/requests", test.url), operator.clone());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let request = agent.post(&url).header("authorization", format!("Bearer {token}"));
            let request = request.header("idempotency-key", "booth-1-request-1");
            let mut response = request.send_json(body).unwrap();
            (response.status().as_u16(), response.body_mut().read_json::<Value>().unwrap())
        })
    };
    let (status, first) = send(citizen()).await.unwrap();
    assert_eq!(status, 201);
    let (status, again) = send(citizen()).await.unwrap();
    assert_eq!((status, &again["id"]), (201, &first["id"]));
    let mut other = citizen();
    other["unit"] = "H27".into();
    assert_eq!(send(other).await.unwrap().0, 409);
}
