//! The guided page: what happened, its effect, the order, and the other person's decision; at the widths of a desk and of a phone.

use super::two;
use crate::{
    harness::{
        app::{ACCOUNT_PASSWORD, TestApp},
        browser::{Browser, Screen},
    },
    issuance::issued,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_entered_and_decided_on_pages() {
    let test = TestApp::sqlite().await;
    two(&test).await;
    issued(&test, "official").await;
    let registrar = Browser::open(&test.url, Screen::Desk).await;
    registrar.go("/personnel").await;
    registrar.log_in("dang.ky", ACCOUNT_PASSWORD).await;
    registrar.go("/personnel").await;
    registrar.whole_picture("personnel-none").await;
    registrar.press("main a.main").await;
    registrar.see("[name=unit]").await;
    registrar.whole_picture("personnel-new").await;
    registrar.fill("account", "official").await;
    registrar.fill("unit", "khong-co").await;
    registrar.fill("ground", "QĐ 12/QĐ-UBND ngày 20/11/2026").await;
    registrar.press("main form button.main").await;
    assert!(registrar.see("#unit-problem").await.contains("Không có đơn vị nào"));
    registrar.whole_picture("personnel-new-wrong").await;
    registrar.fill("unit", "00004").await;
    registrar.press("main form button.main").await;
    registrar.see("main form[action='/personnel'] button.main").await;
    assert!(registrar.see("section.card ul").await.contains("Thu hồi chứng thư"));
    registrar.whole_picture("personnel-effect").await;
    registrar.press("main form[action='/personnel'] button.main").await;
    registrar.see("main .state-submitted").await;
    registrar.whole_picture("personnel-waits").await;
    let path = registrar.path().await;
    registrar.close().await;

    let officer = Browser::open(&test.url, Screen::Phone).await;
    officer.go("/personnel").await;
    officer.log_in("an.ninh", ACCOUNT_PASSWORD).await;
    for kind in ["transfer", "title", "resignation", "death", "merger"] {
        officer.go(&format!("/personnel/new?kind={kind}")).await;
        officer.see("main form button.main").await;
        officer.whole_picture(&format!("personnel-new-{kind}")).await;
    }
    officer.go("/personnel").await;
    officer.see("li.line a").await;
    officer.whole_picture("personnel").await;
    officer.go(&path).await;
    officer.see("section.decision").await;
    officer.whole_picture("personnel-decide").await;
    officer.press("section.decision form button.main").await;
    officer.see("main .state-issued").await;
    officer.whole_picture("personnel-done").await;
    officer.close().await;
}
