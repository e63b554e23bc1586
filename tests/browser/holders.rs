//! A subscriber suspends the own certificate on a phone; the hotline operator does it for somebody who calls. Pictures of each step.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    signing::subscriber::{PASSWORD, citizen},
};
use serde_json::json;

async fn state(test: &TestApp, serial: &str) -> String {
    let officer = test.log_in("quantri").await;
    let (_, view) = test.get(&format!("/api/v1/certificates/{serial}"), &officer).await;
    view["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_suspends_and_staff_resumes() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (_, list) = test.get("/api/v1/credentials", &citizen.token).await;
    let serial = list["credentials"][0]["serial"].as_str().unwrap();
    let officer = test.log_in("quantri").await;
    for screen in [Screen::Phone, Screen::Desk] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/certificates").await;
        browser.log_in("cong.dan", PASSWORD).await;
        assert_eq!(browser.see("h1").await, "Chứng thư của tôi");
        assert_eq!(browser.see(".state").await, "Đang có hiệu lực");
        assert!(!browser.has("form[action$='/renew']").await, "it is too early");
        browser.picture("certificates").await;
        browser.press("a[href$='/suspend']").await;
        browser.see("[name=ground]").await;
        browser.picture("certificate-suspend").await;
        assert_eq!(state(&test, serial).await, "issued", "nothing is done before it is confirmed");
        browser.press("main form button.main").await;
        assert!(browser.see(".done").await.contains("Đã tạm dừng"));
        assert_eq!(browser.see(".state").await, "Đang tạm dừng");
        assert!(!browser.has("a[href$='/suspend']").await);
        browser.picture("certificates-suspended").await;
        assert_eq!(state(&test, serial).await, "suspended");
        // Only staff resume it.
        let path = format!("/api/v1/certificates/{serial}/resume");
        assert_eq!(test.post(&path, &citizen.token, &json!({})).await.0, 403);
        assert_eq!(test.post(&path, &officer, &json!({ "ground": "settled" })).await.0, 200);
        browser.close().await;
    }
    assert!(test.sql("SELECT CAST(content AS TEXT) FROM audit_entry").contains("device_lost"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hotline_suspends_for_a_caller_who_was_asked() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (_, list) = test.get("/api/v1/credentials", &citizen.token).await;
    let serial = list["credentials"][0]["serial"].as_str().unwrap();
    let browser = Browser::open(&test.url, Screen::Desk).await;
    browser.go("/hotline").await;
    browser.log_in("gianhang", &test.passwords["gianhang"]).await;
    browser.fill("whom", "001190012399").await;
    browser.press("main form button.main").await;
    assert!(browser.see("#whom-problem").await.contains("Không tìm thấy"));
    browser.fill("whom", "001190012345").await;
    browser.press("main form button.main").await;
    assert_eq!(browser.see(".card h2").await, "Nguyễn Thị Hồng Ưởng");
    assert_eq!(browser.path().await, "/hotline", "the number stands in no address");
    // One question is not enough.
    browser.press("[name=asked_birth_date]").await;
    browser.press(".card form button.main").await;
    assert!(browser.see("#asked-problem").await.contains("ít nhất 2"));
    browser.picture("hotline-asked").await;
    assert_eq!(state(&test, serial).await, "issued");
    browser.press("[name=asked_birth_date]").await;
    browser.press("[name=asked_called_back]").await;
    browser.press(".card form button.main").await;
    assert!(browser.see(".done").await.contains("Đã tạm dừng"));
    browser.picture("hotline-done").await;
    browser.close().await;
    assert_eq!(state(&test, serial).await, "suspended");
    let entries = test.sql("SELECT CAST(content AS TEXT) FROM audit_entry WHERE kind = 'certificate.suspended'");
    assert!(entries.contains("birth_date") && entries.contains("called_back"), "{entries}");
    assert!(!entries.contains("001190012345"), "{entries}");
}
