//! The second factor of a signature in a real browser: an official signs a document with a passkey (a virtual authenticator) over exactly what
//! is shown, then a batch, then with a code; and is told what to do where there is no factor yet. Pictures of each step.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    outgoing::{Agency, short_road},
    signing::{
        factor::entries,
        subscriber::{PASSWORD, PIN, Subscriber, plain_pdf},
    },
    staff::second_factor::{enrol, step},
};
use chuky::config::{FactorRule, Settings};

async fn service(alter: impl FnOnce(&mut Settings)) -> TestApp {
    crate::passkeys::service(alter).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_signs_with_a_passkey_and_with_a_code() {
    let test = Box::pin(service(|_| ())).await;
    let agency = Box::pin(Agency::new(&test)).await;
    let leader = &agency.leader;
    let browser = Browser::open(&test.app.settings.public_url, Screen::Desk).await;
    Box::pin(passkey_of_the_leader(&test, &browser)).await;
    Box::pin(one_document(&test, &browser, leader)).await;
    Box::pin(a_batch(&test, &browser, &agency)).await;
    Box::pin(with_a_code(&test, &browser, leader)).await;
    Box::pin(for_an_application(&test, &browser, leader)).await;
    browser.close().await;
}

/// A picture of where the PIN and what stands beside it are entered.
async fn at_the_pin(browser: &Browser, name: &str) {
    browser.value("document.querySelector('#pin').scrollIntoView({ block: 'center' }); return true").await;
    browser.picture(name).await;
}

/// A passkey, confirmed by a security officer.
async fn passkey_of_the_leader(test: &TestApp, browser: &Browser) {
    browser.authenticator().await;
    browser.go("/account").await;
    browser.log_in("chu.tich", PASSWORD).await;
    browser.see("form[data-passkey-add]").await;
    browser.fill("name", "Khóa bảo mật").await;
    browser.fill("password", PASSWORD).await;
    browser.press("form[data-passkey-add] button.main").await;
    browser.see(".done").await;
    let officer = test.log_in("quantri").await;
    let (status, waiting) = test.get("/api/v1/passkeys/waiting", &officer).await;
    assert_eq!(status, 200, "{waiting}");
    crate::passkeys::confirmed(test, &waiting["passkeys"][0]).await;
}

/// The PIN alone is told what is missing, then the passkey signs what is shown.
async fn one_document(test: &TestApp, browser: &Browser, leader: &Subscriber) {
    let id = leader.upload(test, &plain_pdf()).await;
    browser.go(&format!("/sign/{id}")).await;
    browser.see("[data-factor-passkey]").await;
    browser.fill("pin", PIN).await;
    browser.press("form[data-sign] button.second:not([data-factor-passkey])").await;
    browser.see("#totp-problem").await;
    at_the_pin(browser, "sign-factor-needed").await;
    browser.fill("pin", PIN).await;
    browser.press("[data-factor-passkey]").await;
    browser.see("a[download]").await;
    browser.picture("sign-factor-signed").await;
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1");
}

/// One passkey for both.
async fn a_batch(test: &TestApp, browser: &Browser, agency: &Agency) {
    let mut roads = Vec::new();
    for subject in ["Về việc ban hành quy chế làm việc", "Về việc công khai dự toán ngân sách"] {
        let mut metadata = short_road();
        metadata["subject"] = subject.into();
        roads.push(agency.submitted(test, &plain_pdf(), &metadata).await);
    }
    browser.go("/documents").await;
    browser.press("form[action='/documents/sign'] summary").await;
    for id in &roads {
        browser.press(&format!("input[name='document-{id}']")).await;
    }
    browser.fill("pin", PIN).await;
    at_the_pin(browser, "documents-factor").await;
    browser.press("form[action='/documents/sign'] [data-factor-passkey]").await;
    browser.see("section.card[role=status]").await;
    assert_eq!(browser.count("li.check-passed").await, 2);
    browser.picture("documents-factor-signed").await;
    let opened = entries(test, "activation.opened");
    assert!(opened[1].contains("content: 2 "), "{opened:?}");
}

/// A code serves as well.
async fn with_a_code(test: &TestApp, browser: &Browser, leader: &Subscriber) {
    let (secret, _) = enrol(test, &leader.token).await;
    test.app.clock.shift_seconds(30);
    let id = leader.upload(test, &plain_pdf()).await;
    browser.go(&format!("/sign/{id}")).await;
    browser.see("#totp").await;
    at_the_pin(browser, "sign-factor-code").await;
    browser.fill("pin", PIN).await;
    // Typed last, as by a person: a code is good for a minute.
    browser.fill("totp", secret.code(step(test)).as_ref()).await;
    browser.press("form[data-sign] button.main").await;
    browser.see("a[download]").await;
    assert_eq!(entries(test, "activation.opened").len(), 3);
}

/// What an application asks for is approved with the passkey, over the hashes that it wants signed and in its name.
async fn for_an_application(test: &TestApp, browser: &Browser, leader: &Subscriber) {
    let (handle, number) = super::approvals::ask(test, leader, &leader.token, &["Hợp đồng.pdf", "Phụ lục.pdf"]).await;
    browser.go("/approvals").await;
    browser.press("a.main.button").await;
    browser.see("[data-factor-passkey]").await;
    browser.fill("number", &number).await;
    browser.fill("pin", PIN).await;
    at_the_pin(browser, "approval-factor").await;
    browser.press("[data-factor-passkey]").await;
    browser.see("main .done").await;
    let (status, answer) = super::approvals::poll(test, &leader.token, &handle).await;
    assert_eq!(status, 200, "{answer}");
    let opened = entries(test, "activation.opened");
    assert!(opened[3].contains("content: 2 "), "{opened:?}");
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
    at_the_pin(&browser, "sign-factor-lacking").await;
    browser.fill("pin", PIN).await;
    browser.press("form[data-sign] button.main").await;
    browser.see("#totp-problem").await;
    at_the_pin(&browser, "sign-factor-refused").await;
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
    browser.close().await;
}
