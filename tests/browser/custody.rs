//! A subscriber changes the PIN on a phone and at a desk; a locked signature is unlocked by two people with a browser each. Pictures of
//! each step are kept.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    signing::subscriber::{PASSWORD, PIN, citizen, plain_pdf},
};
use serde_json::json;

const NEW: &str = "cá vàng thích đọc báo";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_is_changed_on_phone_and_desk() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (mut old, mut new) = (PIN, NEW);
    for screen in [Screen::Phone, Screen::Desk] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/credentials").await;
        browser.log_in("cong.dan", PASSWORD).await;
        assert_eq!(browser.see("h1").await, "Chữ ký của tôi");
        assert_eq!(browser.see(".state").await, "Đang dùng được");
        browser.picture("credentials").await;
        browser.press("a[href$='/pin']").await;
        browser.see("[name=old_pin]").await;
        browser.picture("pin-empty").await;
        // What differs is said before anything is sent.
        browser.fill("old_pin", "không phải mã này").await;
        browser.fill("new_pin", new).await;
        browser.fill("new_pin_again", "khác hẳn rồi").await;
        browser.press("main form button.main").await;
        assert!(browser.see("[data-differs]").await.contains("không giống nhau"));
        browser.picture("pin-differs").await;
        browser.fill("new_pin_again", new).await;
        browser.press("main form button.main").await;
        assert!(browser.see("#old_pin-problem").await.contains("Còn 4 lần thử"));
        browser.picture("pin-wrong").await;
        // No PIN comes back with the page, nor stands in an address.
        let page = browser.client.source().await.unwrap();
        assert!(!page.contains(new) && !page.contains("không phải mã này"));
        browser.fill("old_pin", old).await;
        browser.fill("new_pin", new).await;
        browser.fill("new_pin_again", new).await;
        browser.press("main form button.main").await;
        assert!(browser.see(".done").await.contains("đã được đổi"));
        assert_eq!(browser.path().await, "/credentials");
        browser.picture("credentials-changed").await;
        browser.close().await;
        std::mem::swap(&mut old, &mut new);
    }
    let id = citizen.upload(&test, &plain_pdf()).await;
    assert_eq!(citizen.ask(&test, &id, old, json!({})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_unlock_a_signature() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    for _ in 0..5 {
        citizen.ask(&test, &id, "không phải mã này", json!({})).await;
    }
    let holder = Browser::open(&test.url, Screen::Phone).await;
    holder.go("/credentials").await;
    holder.log_in("cong.dan", PASSWORD).await;
    assert_eq!(holder.see(".state").await, "Mã PIN bị khóa");
    holder.picture("credentials-locked").await;
    holder.close().await;

    let operator = Browser::open(&test.url, Screen::Desk).await;
    operator.go("/unlocks").await;
    operator.log_in("gianhang", &test.passwords["gianhang"]).await;
    operator.fill("whom", "001190012399").await;
    operator.fill("reason", "Đối chiếu thẻ căn cước và khuôn mặt.").await;
    operator.press("main form button.main").await;
    assert!(operator.see("#whom-problem").await.contains("Không tìm thấy"));
    operator.fill("whom", "001190012345").await;
    operator.press("main form button.main").await;
    assert!(operator.see(".done").await.contains("Một người khác cần duyệt"));
    assert!(!operator.has("form[action$='/approve']").await, "not by whoever asked");
    operator.picture("unlocks-asked").await;
    operator.close().await;

    let approver = Browser::open(&test.url, Screen::Phone).await;
    approver.go("/unlocks").await;
    approver.log_in("duyet", &test.passwords["duyet"]).await;
    assert_eq!(approver.see(".card h2").await, "Nguyễn Thị Hồng Ưởng");
    approver.picture("unlocks-decide").await;
    approver.press("form[action$='/approve'] button").await;
    assert!(approver.see(".done").await.contains("Đã mở khóa"));
    approver.picture("unlocks-approved").await;
    approver.close().await;
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
}
