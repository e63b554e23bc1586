//! Quotas: so many tries by address and by account, told with a time to wait; a stranger's wrong tries lock nobody out; payment
//! providers are not held up.

use crate::{
    harness::app::{ACCOUNT_PASSWORD, TestApp},
    issuance::{approved, redemption},
    staff,
};
use chuky::verification::limits::UNDER_WAY;
use chuky_model::role::Role;
use serde_json::{Value, json};
use std::io::Write;

/// A request as from another address, through the proxy that the settings trust; status, `Retry-After`, answer.
async fn from(test: &TestApp, address: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, u64, Value) {
    let (url, body) = (format!("{}{path}", test.url), body.clone());
    let mut all: Vec<(String, String)> = vec![("x-forwarded-for".into(), address.into())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.post(&url);
        for (name, value) in &all {
            request = request.header(name, value);
        }
        let mut response = request.send_json(&body).unwrap();
        let wait = response.headers().get("retry-after").map_or(0, |wait| wait.to_str().unwrap().parse().unwrap());
        (response.status().as_u16(), wait, response.body_mut().read_json().unwrap_or(Value::Null))
    })
    .await
    .unwrap()
}

async fn behind_a_proxy() -> TestApp {
    TestApp::with(|settings| {
        settings.trusted_proxies = vec![chuky::config::Network::parse("127.0.0.1").unwrap()];
        settings.rates.activation_address = chuky::rates::Quota { count: 3, seconds: 600 };
        settings.rates.verify_address = chuky::rates::Quota { count: 4, seconds: 600 };
        settings.rates.verify = chuky::rates::Quota { count: 6, seconds: 600 };
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_locks_nobody_out() {
    let test = behind_a_proxy().await;
    let wrong = json!({ "login": "duyet", "password": "sai-sai-sai-sai" });
    let right = json!({ "login": "duyet", "password": test.passwords["duyet"] });
    let log_in = async |address: &str, body: &Value| from(&test, address, "/api/v1/session", &[], body).await;
    for _ in 0..5 {
        assert_eq!(log_in("198.51.100.7", &wrong).await.0, 401);
    }
    let (status, wait, answer) = log_in("198.51.100.7", &right).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (429, "urn:chuky:problem:too_many_tries"));
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(
        answer["detail"]["vi"].as_str().unwrap().contains("giây")
            && answer["detail"]["en"].as_str().unwrap().contains("seconds")
    );
    // The holder comes from elsewhere, and is known from then on.
    let (status, _, answer) = log_in("203.0.113.20", &right).await;
    assert_eq!(status, 200, "{answer}");
    let device = answer["device"].as_str().unwrap().to_owned();
    // Many addresses together exhaust what strangers have, and still not what the holder's own device has.
    for address in 0..25 {
        for _ in 0..5 {
            let (status, ..) = log_in(&format!("192.0.2.{address}"), &wrong).await;
            assert!(status == 401 || status == 429, "{status}");
        }
    }
    let (status, wait, answer) = log_in("203.0.113.21", &right).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (429, "urn:chuky:problem:login_locked"));
    assert!((200..=300).contains(&wait), "{wait}");
    let known = json!({ "login": "duyet", "password": test.passwords["duyet"], "device": device });
    assert_eq!(log_in("192.0.2.3", &known).await.0, 200, "from a hostile address, too");
    // What proves one account proves no other, and nothing made up proves anything.
    let (nonce, proof) = device.split_once('.').unwrap();
    for (login, device) in
        [("gianhang", device.clone()), ("duyet", format!("{nonce}.{}", proof.replace(['0', '1'], "2")))]
    {
        for _ in 0..6 {
            let body = json!({ "login": login, "password": "sai-sai-sai-sai", "device": device });
            log_in("198.51.100.99", &body).await;
        }
        let body = json!({ "login": login, "password": test.passwords[login], "device": device });
        assert_eq!(log_in("198.51.100.99", &body).await.0, 429, "{login}");
    }
}

/// Tries that meet, and tries that are too many, are answered alike at a name that there is and at one that there is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_do_not_tell_which_names_there_are() {
    let test = behind_a_proxy().await;
    let kind = |answer: &Value| answer["type"].as_str().unwrap_or_default().to_owned();
    for login in ["gianhang", "khong.co.ai"] {
        let wrong = json!({ "login": login, "password": "sai-sai-sai-sai" });
        let mut tried = 0;
        for address in 0..25 {
            let address = format!("192.0.2.{address}");
            let at_once = || from(&test, &address, "/api/v1/session", &[], &wrong);
            let (a, b, c, d, e) = tokio::join!(at_once(), at_once(), at_once(), at_once(), at_once());
            for (status, _, answer) in [a, b, c, d, e] {
                assert!(status == 401 || (status == 429 && tried > 90), "{login}: {status} {answer}");
                tried += u32::from(status == 401);
            }
        }
        assert!((100..=104).contains(&tried), "{login}: {tried}");
        let (status, wait, answer) = from(&test, "203.0.113.21", "/api/v1/session", &[], &wrong).await;
        assert_eq!((status, kind(&answer).as_str()), (429, "urn:chuky:problem:login_locked"), "{login}");
        assert!((200..=300).contains(&wait), "{login}: {wait}");
    }
}

/// Behind the right password codes are guessed no more than twenty times a day, from wherever; the holder's own device goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_guessed_twenty_times_a_day() {
    let test = behind_a_proxy().await;
    let (_, token) = staff::member(&test, "bich.le", &[Role::Operator], Some(staff::NEWCOMER)).await;
    let (secret, _) = staff::second_factor::enrol(&test, &token).await;
    test.app.clock.shift_seconds(300);
    let log_in = async |address: &str, code: &str, device: &str| {
        let body = json!({ "login": "bich.le", "password": ACCOUNT_PASSWORD, "totp": code, "device": device });
        from(&test, address, "/api/v1/session", &[], &body).await
    };
    let code = |ahead: i64| secret.code(staff::second_factor::step(&test) + ahead);
    let (status, _, answer) = log_in("203.0.113.1", &code(0), "").await;
    assert_eq!(status, 200, "{answer}");
    let device = answer["device"].as_str().unwrap().to_owned();
    test.app.clock.shift_seconds(30);
    for address in 0..5 {
        for _ in 0..4 {
            let wrong = if *code(0) == "000000" || *code(1) == "000000" { "111111" } else { "000000" };
            assert_eq!(log_in(&format!("192.0.2.{address}"), wrong, "").await.0, 401);
        }
    }
    let (status, _, answer) = log_in("203.0.113.2", &code(0), "").await;
    assert_eq!(
        (status, answer["type"].as_str().unwrap()),
        (401, "urn:chuky:problem:login_wrong"),
        "though it is right"
    );
    assert_eq!(log_in("203.0.113.2", &code(0), &device).await.0, 200, "the holder's device");
    assert_eq!(log_in("203.0.113.2", &code(1), "").await.0, 401, "which forgives nothing");
    test.app.clock.shift_seconds(86_400);
    assert_eq!(log_in("203.0.113.2", &code(0), "").await.0, 200);
}

/// Whoever has 48 bits of IPv6 has 65,536 networks, and the tries of one customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_with_many_networks_is_one() {
    let test = behind_a_proxy().await;
    let wrong = json!({ "login": "duyet", "password": "sai-sai-sai-sai" });
    let mut tried = 0;
    for network in 0..40 {
        let (status, ..) = from(&test, &format!("2001:db8:7:{network:x}::1"), "/api/v1/session", &[], &wrong).await;
        assert!(status == 401 || status == 429, "{status}");
        tried += u32::from(status == 401);
    }
    assert_eq!(tried, 5);
    assert_eq!(from(&test, "2001:db8:8::1", "/api/v1/session", &[], &wrong).await.0, 401, "another customer");
}

/// One address that goes on all day keeps nobody out who comes from elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stranger_keeps_nobody_out_by_going_on() {
    let test = behind_a_proxy().await;
    let wrong = json!({ "login": "duyet", "password": "sai-sai-sai-sai" });
    let right = json!({ "login": "duyet", "password": test.passwords["duyet"] });
    let mut tried = 0;
    for _ in 0..150 {
        let (status, ..) = from(&test, "198.51.100.7", "/api/v1/session", &[], &wrong).await;
        assert!(status == 401 || status == 429, "{status}");
        tried += u32::from(status == 401);
        test.app.clock.shift_seconds(60);
    }
    assert!((30..=40).contains(&tried), "{tried}");
    let (status, _, answer) = from(&test, "203.0.113.20", "/api/v1/session", &[], &right).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_count_by_address() {
    let test = behind_a_proxy().await;
    let request = json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } });
    let (_, code) = approved(&test, "gianhang", &request).await;
    let preview = async |address: &str, code: &str| {
        from(&test, address, "/api/v1/activations/preview", &[], &json!({ "code": code })).await
    };
    for _ in 0..10 {
        assert_eq!(preview("198.51.100.7", &code).await.0, 200, "right ones are not counted");
    }
    for _ in 0..3 {
        assert_eq!(preview("198.51.100.7", "2222-2222-2222").await.0, 422);
    }
    assert_eq!(preview("198.51.100.7", &code).await.0, 429);
    let redeem = test.agreed("", &redemption(&code, "cong.dan")).await;
    assert_eq!(from(&test, "198.51.100.7", "/api/v1/activations", &[], &redeem).await.0, 429);
    assert_eq!(from(&test, "203.0.113.20", "/api/v1/activations", &[], &redeem).await.0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verification_has_quotas_and_payments_have_none_of_them() {
    let test = behind_a_proxy().await;
    let verify = async |address: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if token.is_empty() { &headers[..0] } else { &headers[..] };
        from(&test, address, "/api/v1/documents/verify", headers, &json!({})).await.0
    };
    for _ in 0..4 {
        assert_eq!(verify("198.51.100.7", "").await, 200);
    }
    assert_eq!(verify("198.51.100.7", "").await, 429);
    assert_eq!(verify("198.51.100.8", "").await, 200);
    let auditor = test.log_in("kiemtoan").await;
    for _ in 0..6 {
        assert_eq!(verify("198.51.100.7", &auditor).await, 200, "an account has its own");
    }
    assert_eq!(verify("198.51.100.9", &auditor).await, 429);
    let provider = test.log_in("thanhtoan").await;
    for _ in 0..100 {
        let (status, _) = test.post("/api/v1/transactions/verify", &provider, &json!({})).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_of_a_stranger_is_not_believed() {
    let test = TestApp::sqlite().await;
    let wrong = json!({ "login": "duyet", "password": "sai-sai-sai-sai" });
    for address in 0..5 {
        assert_eq!(from(&test, &format!("192.0.2.{address}"), "/api/v1/session", &[], &wrong).await.0, 401);
    }
    assert_eq!(from(&test, "192.0.2.200", "/api/v1/session", &[], &wrong).await.0, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pins_have_a_quota_by_account() {
    use crate::signing::subscriber::{PIN, citizen, plain_pdf};
    let test = TestApp::with(|settings| settings.rates.pin = chuky::rates::Quota { count: 2, seconds: 600 }).await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    for _ in 0..2 {
        assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
    }
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 429);
    assert_eq!(
        test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'pin.tried'").trim(),
        "2",
        "nothing is counted for it"
    );
}

/// A browser that has logged in before keeps a cookie that no script reads, and is not held up by strangers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_known_by_its_cookie() {
    let test = behind_a_proxy().await;
    let log_in = |address: &str, password: &str, cookie: &str| {
        let form: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (url, body) = (format!("{}/login", test.url), format!("login=duyet&password={form}&next=%2F"));
        let (address, cookie) = (address.to_owned(), cookie.to_owned());
        async move {
            let answer = tokio::task::spawn_blocking(move || {
                let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
                let request = ureq::Agent::from(agent).post(&url).header("x-forwarded-for", &address);
                let request = request.header("cookie", &cookie).content_type("application/x-www-form-urlencoded");
                let response = request.send(body.as_bytes()).unwrap();
                let cookies = response.headers().get_all("set-cookie").iter();
                let cookies: Vec<String> = cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
                (response.status().as_u16(), cookies)
            });
            answer.await.unwrap()
        }
    };
    let right = test.passwords["duyet"].clone();
    let (status, cookies) = log_in("203.0.113.20", &right, "").await;
    assert_eq!(status, 303);
    let device = cookies.iter().find(|cookie| cookie.starts_with("chuky_device=")).unwrap();
    assert!(device.contains("HttpOnly") && device.contains("SameSite=Strict"), "{device}");
    let device = device.split(';').next().unwrap();
    for _ in 0..6 {
        log_in("203.0.113.20", "sai-sai-sai-sai", "").await;
    }
    assert_eq!(log_in("203.0.113.20", &right, "").await.0, 429);
    assert_eq!(log_in("203.0.113.20", &right, device).await.0, 303);
}

/// Uploads that a stranger never ends take the stranger's share of the places, and no place of those who are judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_slowly_keeps_nobody_from_being_judged() {
    let test = TestApp::with(|settings| {
        settings.rates.verify_address = chuky::rates::Quota { count: 10_000, seconds: 60 };
    })
    .await;
    let token = test.log_in("gianhang").await;
    let address = test.url.trim_start_matches("http://").to_owned();
    let begin = || {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let head =
            format!("POST /api/v1/documents/verify-batch HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100000\r\n");
        let kind = "content-type: multipart/form-data; boundary=grenze\r\n\r\n--grenze\r\n";
        stream.write_all(format!("{head}{kind}").as_bytes()).unwrap();
        stream
    };
    let mut strangers: Vec<std::net::TcpStream> = (0..2 * UNDER_WAY).map(|_| begin()).collect();
    let verify = async |token: &str| {
        test.request("POST", "/api/v1/documents/verify", token, "application/pdf", b"text".to_vec()).await.0
    };
    let mut tries = 0;
    while verify("").await != 503 {
        tries += 1;
        assert!(tries < 600, "the address has its share");
        // One of them may have found the place taken by what is asked here.
        strangers.push(begin());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(verify(&token).await, 200);
    drop(strangers);
    while verify("").await != 200 {
        tries += 1;
        assert!(tries < 1_200, "the places are given back");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
