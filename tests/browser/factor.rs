//! The second factor of a signature in a real browser: an official without one is told where to set it up, and signs nothing.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    signing::subscriber::{PASSWORD, PIN, plain_pdf},
};
use chuky::config::{FactorRule, Settings};

async fn service(alter: impl FnOnce(&mut Settings)) -> TestApp {
    crate::passkeys::service(alter).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_factor_is_told_where_to_set_one_up() {
    let test = Box::pin(service(|settings| settings.seal.second_factor_officials = FactorRule::Required)).await;
    let official = Box::pin(crate::signing::subscriber::official(&test, "p256")).await;
    let id = official.upload(&test, &plain_pdf()).await;
    let browser = Browser::open(&test.app.settings.public_url, Screen::Phone).await;
    browser.go("/login?next=/account").await;
    browser.log_in("can.bo", PASSWORD).await;
    browser.see("form[data-passkey-add]").await;
    browser.go(&format!("/sign/{id}")).await;
    assert!(browser.see("p.answer a[href='/second-factor']").await.contains("ứng dụng xác thực"));
    browser.whole_picture("sign-factor-lacking").await;
    browser.fill("pin", PIN).await;
    browser.press("form[data-sign] button.main").await;
    browser.see(".problem").await;
    browser.whole_picture("sign-factor-refused").await;
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
    browser.close().await;
}
