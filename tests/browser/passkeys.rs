//! A passkey in a real browser with a virtual authenticator: registered, confirmed by a security officer, logged in with, and used to approve
//! a request whose code then makes a certificate. Pictures of each step.

use crate::{
    harness::browser::{Browser, Screen},
    passkeys::{entered, redeemed, service},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_passkeys_registration_to_a_certificate() {
    let test = service(|_| ()).await;
    let origin = test.app.settings.public_url.clone();
    let request = entered(&test, 1).await;
    let approver = Browser::open(&origin, Screen::Phone).await;
    approver.authenticator().await;
    // 1. The holder adds it.
    approver.go("/account").await;
    approver.log_in("duyet", &test.passwords["duyet"]).await;
    approver.see("form[data-passkey-add]").await;
    approver.whole_picture("account-empty").await;
    approver.fill("name", "Điện thoại cơ quan").await;
    approver.fill("password", "không phải mật khẩu này").await;
    approver.press("form[data-passkey-add] button.main").await;
    approver.see("[data-passkey-problem]:not([hidden]) span").await;
    approver.fill("password", &test.passwords["duyet"]).await;
    approver.press("form[data-passkey-add] button.main").await;
    assert_eq!(approver.see(".done").await, "Đã thêm khóa truy cập.");
    assert_eq!(approver.see(".state-submitted").await, "Chờ xác nhận");
    approver.whole_picture("account-waiting").await;
    let code = approver.see(".card dd:last-of-type").await;
    // 2. A security officer compares the code and confirms.
    let officer = Browser::open(&origin, Screen::Desk).await;
    officer.go("/passkeys").await;
    officer.log_in("quantri", &test.passwords["quantri"]).await;
    let shown = officer.see("p.code").await;
    assert!(code.contains(&shown) || shown.len() == 15, "{code} {shown}");
    officer.picture("passkeys-waiting").await;
    officer.press("form[action$='/confirm'] button.main").await;
    officer.see(".done").await;
    officer.picture("passkeys-confirmed").await;
    officer.close().await;
    // 3. From then on the holder logs in and approves with it.
    approver.press("header form[action='/logout'] button").await;
    approver.see(".doors").await;
    approver.go("/login?next=/registration").await;
    approver.see("form[data-passkey-login] button").await;
    approver.picture("login-passkey").await;
    approver.press("form[data-passkey-login] button").await;
    approver.see("header form[action='/logout']").await;
    assert_eq!(approver.path().await, "/registration");
    approver.go(&format!("/registration/{}", request["id"].as_str().unwrap())).await;
    approver.press("section.decision form button.main").await;
    approver.see("span.state-approved").await;
    approver.picture("registration-approved-passkey").await;
    approver.go("/account").await;
    assert_eq!(approver.see(".state-approved").await, "Được dùng để duyệt");
    approver.whole_picture("account-confirmed").await;
    approver.close().await;
    // 4. What it signed is what issuing asks for.
    assert_eq!(test.sql("SELECT count(*) FROM approval_assertion").trim(), "1");
    let (status, receipt) = redeemed(&test, &request, "hong.uong").await;
    assert_eq!(status, 201, "{receipt}");
}
