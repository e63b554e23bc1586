//! The second factor of a signature in a real browser: an official signs a document with a passkey (a virtual authenticator) over exactly what
//! is shown, then a batch, then with a code; and is told what to do where there is no factor yet. Pictures of each step.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    outgoing::{Agency, short_road},
    signing::subscriber::{PASSWORD, PIN, plain_pdf},
};
use chuky::config::{FactorRule, Settings};

async fn service(alter: impl FnOnce(&mut Settings)) -> TestApp {
    crate::passkeys::service(alter).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_signs_with_a_passkey_and_with_a_code() {
    let test = service(|_| ()).await;
    let agency = Agency::new(&test).await;
    let leader = &agency.leader;
    let first = leader.upload(&test, &plain_pdf()).await;
    let mut roads = Vec::new();
    for subject in ["Về việc ban hành quy chế làm việc", "Về việc công khai dự toán ngân sách"] {
        let mut metadata = short_road();
        metadata["subject"] = subject.into();
        roads.push(agency.submitted(&test, &plain_pdf(), &metadata).await);
    }
    // 1. A passkey, confirmed by a security officer.
    let browser = Browser::open(&test.app.settings.public_url, Screen::Desk).await;
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
    crate::passkeys::confirmed(&test, &waiting["passkeys"][0]).await;
    // 2. A document: the PIN alone is told what is missing, then the passkey signs what is shown.
    browser.go(&format!("/sign/{first}")).await;
    browser.see("[data-factor-passkey]").await;
    browser.fill("pin", PIN).await;
    browser.press("form[data-sign] button.main").await;
    browser.see("#totp-problem, .problem").await;
    browser.picture("sign-factor-needed").await;
    browser.fill("pin", PIN).await;
    browser.press("[data-factor-passkey]").await;
    browser.see("a[download]").await;
    browser.picture("sign-factor-signed").await;
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1");
    // 3. A batch: one passkey for both.
    browser.go("/documents").await;
    for id in &roads {
        browser.press(&format!("input[name=document-{id}]")).await;
    }
    browser.press("form[action='/documents/sign'] summary").await;
    browser.fill("pin", PIN).await;
    browser.picture("documents-factor").await;
    browser.press("form[action='/documents/sign'] [data-factor-passkey]").await;
    browser.see("section.card[role=status]").await;
    browser.drawn("li.check-passed", 2).await;
    browser.picture("documents-factor-signed").await;
    let opened = crate::signing::factor::entries(&test, "activation.opened");
    assert!(opened[1].contains("content: 2 "), "{opened:?}");
    // 4. A code serves as well.
    let secret = crate::staff::second_factor::enrol(&test, &leader.token).await.0;
    test.app.clock.shift_seconds(30);
    let code = secret.code(crate::staff::second_factor::step(&test)).to_string();
    let third = leader.upload(&test, &plain_pdf()).await;
    browser.go(&format!("/sign/{third}")).await;
    browser.see("#totp").await;
    browser.fill("pin", PIN).await;
    browser.fill("totp", &code).await;
    browser.picture("sign-factor-code").await;
    browser.press("form[data-sign] button.main").await;
    browser.see("a[download]").await;
    assert_eq!(crate::signing::factor::entries(&test, "activation.opened").len(), 3);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_factor_is_told_where_to_set_one_up() {
    let test = service(|settings| settings.seal.second_factor_officials = FactorRule::Required).await;
    let official = crate::signing::subscriber::official(&test, "p256").await;
    let id = official.upload(&test, &plain_pdf()).await;
    let browser = Browser::open(&test.app.settings.public_url, Screen::Phone).await;
    browser.go("/login?next=/account").await;
    browser.log_in("can.bo", PASSWORD).await;
    browser.see("form[data-passkey-add]").await;
    browser.go(&format!("/sign/{id}")).await;
    assert!(browser.see("p.answer a[href='/second-factor']").await.contains("ứng dụng xác thực"));
    browser.picture("sign-factor-lacking").await;
    browser.fill("pin", PIN).await;
    browser.press("form[data-sign] button.main").await;
    browser.see(".problem").await;
    browser.picture("sign-factor-refused").await;
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
    browser.close().await;
}
