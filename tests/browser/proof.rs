//! Who redeems, on the pages: a new person with the second secret from their telephone, a holder in their own session, and nobody else.

use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    issuance::{citizen, proof::second_secret},
};
use serde_json::json;

const PIN: &str = "lúa nếp 4719";
const CONTACT: &str = "0912345678";

/// Types what a new holder chooses.
async fn choose(phone: &Browser, second: &str) {
    phone.press("[name=consent]").await;
    phone.fill("second_secret", second).await;
    phone.fill("login", "hong.uong").await;
    phone.fill("password", "cánh đồng làng").await;
    phone.fill("pin", PIN).await;
    phone.fill("pin_again", PIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_redeemed_by_whom_it_is_for() {
    let spool = tempfile::tempdir().unwrap();
    let test = TestApp::with(|settings| settings.spool_dir = Some(spool.path().to_owned())).await;
    let operator = test.log_in("gianhang").await;
    let mut person = citizen();
    person["subscriber"]["phone"] = json!(CONTACT);
    let (_, request) = test.post("/api/v1/requests", &operator, &person).await;
    test.approve(&request).await;
    let code = test.code(&request, &operator).await;
    let digits = second_secret(spool.path(), CONTACT).await;
    // A new person gives what came to their telephone.
    let phone = Browser::open(&test.url, Screen::Phone).await;
    phone.go(&format!("/activate#{code}")).await;
    phone.press("[data-code] button.main").await;
    assert!(phone.see("#second_secret-hint").await.contains("•••• 678"));
    let wrong: String = digits.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect();
    choose(&phone, &wrong).await;
    phone.press("[data-activate] button.main").await;
    assert!(phone.see("#second_secret-problem").await.contains("Còn 4 lần"));
    phone.whole_picture("activate-second").await;
    choose(&phone, &digits).await;
    phone.press("[data-activate] button.main").await;
    phone.see("main .ready").await;

    // A change of their own: waits, is approved, and its code is theirs alone.
    let (_, list) = test.get("/api/v1/credentials", &test.session_of("001190012345").await).await;
    let path = format!("/api/v1/certificates/{}/modify", list["credentials"][0]["serial"].as_str().unwrap());
    let holder = test.session_of("001190012345").await;
    let (status, request) = test.post(&path, &holder, &json!({ "locality": "Phường Cửa Nam" })).await;
    assert_eq!(status, 201, "{request}");
    phone.go("/certificates").await;
    phone.see(".state-submitted").await;
    test.approve(&request).await;
    phone.go("/certificates").await;
    phone.whole_picture("certificates-waiting").await;
    phone.press("form[action$='/code'] button.main").await;
    let code = phone.see("p.code").await;
    phone.whole_picture("certificates-code").await;

    // Somebody else who has it is told to log in, at a desk and on a phone.
    for screen in [Screen::Desk, Screen::Phone] {
        let stranger = Browser::open(&test.url, screen).await;
        stranger.go(&format!("/activate#{code}")).await;
        stranger.press("[data-code] button.main").await;
        stranger.see("main a.main[href='/login?next=/activate']").await;
        assert!(!stranger.has("[data-activate]").await, "nothing to fill in");
        stranger.whole_picture("activate-stranger").await;
        stranger.close().await;
    }
    // The holder goes on where they are, and only chooses a PIN.
    phone.press("main a.main[href^='/activate#']").await;
    phone.press("[data-code] button.main").await;
    phone.see("[data-activate]").await;
    assert!(!phone.has("main [name=login]").await && !phone.has("main [name=second_secret]").await);
    phone.press("[name=consent]").await;
    phone.fill("pin", "cá vàng 8053").await;
    phone.fill("pin_again", "cá vàng 8053").await;
    phone.press("[data-activate] button.main").await;
    phone.see("main .ready").await;
    assert_eq!(test.sql("SELECT count(*) FROM certificate WHERE state = 'revoked'").trim(), "1");
    phone.close().await;
}
