//! An application sends its user to the page of consent: log-in, what is asked for, a wrong PIN, agreement, and back to the application,
//! which stands at another origin.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    signing::subscriber::{PASSWORD, PIN, citizen},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_asks_and_the_user_agrees() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    // The same port under another name is another origin.
    let back = format!("{}/tro-lai", test.url.replace("127.0.0.1", "localhost"));
    let administrator = test.log_in("quantri").await;
    let body = json!({ "name": "Quản lý văn bản Hà Nội", "redirect_uris": [back] });
    let (status, client) = test.post("/api/v1/oauth-clients", &administrator, &body).await;
    assert_eq!(status, 201, "{client}");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("v".repeat(43)));
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest("văn bản"));
    let asked = |scope: &str| {
        format!(
            "/csc/v2/oauth2/authorize?response_type=code&client_id={}&redirect_uri={back}&state=s1&scope={scope}\
             &code_challenge={challenge}&code_challenge_method=S256&credentialID={}&numSignatures=1&hashes={hash}\
             &description=Quy%E1%BA%BFt%20%C4%91%E1%BB%8Bnh%2012",
            client["client_id"].as_str().unwrap(),
            citizen.credential,
        )
    };
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go(&asked("service")).await;
        assert_eq!(browser.path().await, "/login");
        browser.log_in("cong.dan", PASSWORD).await;
        assert_eq!(browser.see("h1").await, "Ứng dụng xin phép");
        browser.picture("consent-service").await;
        browser.press("button[value=approve]").await;
        browser.see(".refusal-number").await;
        assert_eq!(browser.path().await, "/tro-lai");
        browser.go(&asked("service%20offline_access")).await;
        assert!(browser.see(".lead").await.contains("30 ngày"));
        browser.picture("consent-lasting").await;
        browser.go(&asked("credential")).await;
        browser.picture("consent-sign").await;
        // The other language is the same request.
        browser.press("a.language").await;
        assert_eq!(browser.see("html[lang=en] h1").await, "An application asks");
        browser.picture("consent-sign-english").await;
        browser.press("a.language").await;
        browser.see("html[lang=vi] h1").await;
        browser.fill("pin", "sai-hết-rồi").await;
        browser.press("button[value=approve]").await;
        assert!(browser.see("main .problem").await.contains("Mã PIN không đúng"));
        browser.picture("consent-pin-wrong").await;
        browser.fill("pin", PIN).await;
        browser.press("button[value=approve]").await;
        browser.see(".refusal-number").await;
        assert_eq!(browser.path().await, "/tro-lai");
        // Refused, it needs no PIN.
        browser.go(&asked("credential")).await;
        browser.press("button[value=refuse]").await;
        browser.see(".refusal-number").await;
        assert_eq!(browser.path().await, "/tro-lai");
        // What was agreed to is seen, and ended, beside the user's signatures.
        browser.go("/credentials").await;
        assert!(browser.see("main").await.contains("Quản lý văn bản Hà Nội"));
        browser.whole_picture("credentials-grants").await;
        browser.press("form[action^='/credentials/grants/'] button").await;
        assert!(browser.see("main .done").await.contains("không còn được làm gì thay bạn"));
        assert!(!browser.has("form[action^='/credentials/grants/']").await);
        browser.close().await;
    }
    let given = test.sql("SELECT count(*) FROM oauth_code");
    assert_eq!(given.trim(), "4", "two on each screen");
}
