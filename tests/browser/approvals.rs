//! A signature that an application asks for is approved on the signer's own device, in a real browser on a desk and a telephone: what waits,
//! a wrong number, the right one with the PIN, a refusal. The application polls meanwhile.

use crate::{
    csc::oauth::{access, register},
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    signing::subscriber::{PASSWORD, PIN, Subscriber, citizen},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub async fn ask(test: &TestApp, who: &Subscriber, token: &str, names: &[&str]) -> (String, String) {
    let named: Vec<Value> =
        names.iter().map(|name| json!({ "hash": STANDARD.encode(Sha256::digest(name)), "label": name })).collect();
    let body = json!({
        "credentialID": who.credential, "numSignatures": names.len(), "documentDigests": named,
        "authData": [{ "id": "APPROVAL" }], "description": "Hợp đồng thuê nhà số 12/2026 và phụ lục",
    });
    let (status, answer) = test.post("/csc/v2/credentials/authorize", token, &body).await;
    assert_eq!(status, 202, "{answer}");
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("handle"), text("number"))
}

pub async fn poll(test: &TestApp, token: &str, handle: &str) -> (u16, Value) {
    test.post("/csc/v2/credentials/authorizeCheck", token, &json!({ "handle": handle })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signer_approves_on_another_device() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let client = register(&test, None).await;
    let bearer = access(&test, &client, &citizen).await;
    for screen in [Screen::Desk, Screen::Phone] {
        let (handle, number) = ask(&test, &citizen, &bearer, &["Hợp đồng thuê nhà.pdf", "Phụ lục.pdf"]).await;
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/approvals").await;
        assert_eq!(browser.path().await, "/login");
        browser.log_in("cong.dan", PASSWORD).await;
        assert_eq!(browser.see("h1").await, "Chờ bạn xác nhận ký");
        assert_eq!(browser.see("main h2").await, "Hệ thống văn bản");
        browser.whole_picture("approvals").await;
        browser.press("a.main.button").await;
        assert!(browser.see("ol.hashes").await.contains("Phụ lục.pdf"));
        browser.whole_picture("approval").await;
        browser.press("a.language").await;
        assert_eq!(browser.see("html[lang=en] h1").await, "Approve a signature");
        browser.whole_picture("approval-english").await;
        browser.press("a.language").await;
        browser.see("html[lang=vi] h1").await;
        // Another number is said beside the field; the PIN is typed again.
        browser.fill("number", if number == "10" { "11" } else { "10" }).await;
        browser.fill("pin", PIN).await;
        browser.press("form[action$='/approve'] button.main").await;
        assert!(browser.see("#number-problem").await.contains("còn 2 lần"));
        browser.whole_picture("approval-number-wrong").await;
        assert_eq!(poll(&test, &bearer, &handle).await.0, 202);
        browser.fill("number", &number).await;
        browser.fill("pin", PIN).await;
        browser.press("form[action$='/approve'] button.main").await;
        assert!(browser.see("main .done").await.contains("Đã cho phép ký"));
        browser.picture("approval-done").await;
        let (status, answer) = poll(&test, &bearer, &handle).await;
        assert_eq!(status, 200, "{answer}");
        // The next one is refused, which needs neither number nor PIN.
        let (handle, _) = ask(&test, &citizen, &bearer, &["Hợp đồng khác.pdf"]).await;
        browser.go("/approvals").await;
        browser.press("a.main.button").await;
        browser.see("form[action$='/refuse']").await;
        browser.value("document.querySelector('input[value=not_now]').click(); return true").await;
        browser.press("form[action$='/refuse'] button").await;
        assert!(browser.see("main .done").await.contains("Đã từ chối"));
        let (status, answer) = poll(&test, &bearer, &handle).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some("access_denied")), "{answer}");
        browser.close().await;
    }
}
