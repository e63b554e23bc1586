//! A payroll from file to signed orders, at both widths: a wrong row is corrected in place, the total and the digest are shown, a wrong PIN is
//! told beside its field, and what was downloaded is accepted order by order.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    payments::{key_of, outcome, send},
    signing::subscriber::{PASSWORD, PIN, citizen},
};
use chuky_model::role::Role;

async fn signed_at(screen: Screen) {
    let test = TestApp::sqlite().await;
    citizen(&test).await;
    let provider = key_of(&test, "ngan.hang", Role::PaymentProvider).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("luong.csv");
    std::fs::write(
        &file,
        "id,payee,amount,reference\nL-1,account:970436:1,1.000.000,Lương\nL-2,account:970436:2,1.5,\n",
    )
    .unwrap();

    let browser = Browser::open(&test.url, screen).await;
    browser.go("/payroll").await;
    browser.log_in("cong.dan", PASSWORD).await;
    browser.go("/payroll").await;
    browser.picture("payroll").await;
    browser.choose_file("#file", &file).await;
    browser.press("main form button.main").await;
    assert_eq!(browser.see("#wrong-title").await, "1 dòng cần sửa");
    browser.see("#amount-3-problem").await;
    assert!(!browser.has("#pin").await, "nothing to sign while a row is wrong");
    browser.picture("payroll-wrong").await;
    browser.fill("amount-3", "1.500.000").await;
    browser.press("form[action='/payroll/check-again'] button.main").await;
    browser.see("#pin").await;
    let shown = browser.see("main section.card").await;
    assert!(shown.contains("2.500.000 VND"), "{shown}");
    browser.picture("payroll-ready").await;
    browser.fill("pin", "sai-sai-sai-sai").await;
    browser.press("form[action='/payroll/sign'] button.main").await;
    browser.see("#pin-problem").await;
    let digest = browser.value("return document.querySelector('[name=sha256]').value").await;
    browser.fill("pin", PIN).await;
    browser.press("form[action='/payroll/sign'] button.main").await;
    browser.see("p.done").await;
    let shown = browser.see("main section.card").await;
    assert!(shown.contains(digest.as_str().unwrap()), "{shown}");
    browser.picture("payroll-signed").await;
    // What the first button downloads.
    let fetched = browser
        .value(
            "const form = document.querySelector('form[action=\"/payroll/result\"]');
             const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
             return answer.text();",
        )
        .await;
    let lines: Vec<&str> = fetched.as_str().unwrap().lines().collect();
    assert_eq!(lines.len(), 2, "{fetched}");
    for line in lines {
        assert_eq!(outcome(&send(&test, &provider, line).await), ("accepted", "first"));
    }
    browser.close().await;
    test.stop().await;
}

/// One payment that is typed goes the same road.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_payment_is_typed_looked_at_and_signed_on_a_telephone() {
    let test = TestApp::sqlite().await;
    citizen(&test).await;
    let browser = Browser::open(&test.url, Screen::Phone).await;
    browser.go("/payroll").await;
    browser.log_in("cong.dan", PASSWORD).await;
    browser.go("/payroll").await;
    browser.whole_picture("payment-order").await;
    browser.fill("id-1", "HD-2026-118").await;
    browser.fill("payee-1", "MST:0100109106").await;
    browser.fill("amount-1", "1.5").await;
    browser.press("form[action='/payroll/check-again'] button.second").await;
    browser.see("#amount-1-problem").await;
    browser.fill("amount-1", "150.000").await;
    browser.press("form[action='/payroll/check-again'] button.main").await;
    browser.see("#pin").await;
    let shown = browser.see("table.list").await;
    assert!(shown.contains("MST:0100109106") && shown.contains("HD-2026-118"), "{shown}");
    browser.whole_picture("payment-order-ready").await;
    browser.fill("pin", PIN).await;
    browser.press("form[action='/payroll/sign'] button.main").await;
    browser.see("p.done").await;
    assert_eq!(test.sql("SELECT COUNT(*) FROM signature").trim(), "1");
    browser.close().await;
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payroll_is_signed_at_a_desk() {
    signed_at(Screen::Desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payroll_is_signed_on_a_telephone() {
    signed_at(Screen::Phone).await;
}
