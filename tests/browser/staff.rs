//! Two people open an account, and its holder takes it over on a phone: password, authenticator app, and the log-in with a code. Pictures of each
//! step are kept.

use crate::{
    harness::{
        app::{ACCOUNT_PASSWORD, TestApp},
        browser::{Browser, Screen},
    },
    staff::{NEWCOMER, PASSWORD, pair},
};
use chuky::{accounts::TotpSecret, config::SecondFactorRule};

/// The secret in groups as the page shows it for typing.
fn secret(shown: &str) -> TotpSecret {
    let text: String = shown.chars().filter(|letter| !letter.is_whitespace()).collect();
    let answer = serde_json::json!({ "totp_secret": text, "address": format!("secret={text}&") });
    crate::staff::second_factor::secret(&answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_open_an_account_and_its_holder_takes_it_over() {
    let test = TestApp::sqlite().await;
    pair(&test).await;
    let code = two_people_open(&test).await;
    the_holder_takes_over(&test, &code).await;
}

/// The administrator at a desk, the security officer on a phone; the code of the invitation.
async fn two_people_open(test: &TestApp) -> String {
    let desk = Browser::open(&test.url, Screen::Desk).await;
    desk.go("/staff").await;
    desk.log_in("quan.tri", ACCOUNT_PASSWORD).await;
    assert_eq!(desk.see("h1").await, "Tài khoản nhân viên");
    desk.picture("staff").await;
    desk.press("main a.main.button").await;
    desk.see("form[action='/staff/orders']").await;
    assert_eq!(desk.see("h1").await, "Mở tài khoản");
    desk.picture("staff-order-new").await;
    desk.fill("full_name", "Lê Thị Bích").await;
    desk.fill("personal_number", NEWCOMER).await;
    desk.fill("login", "bich.le").await;
    desk.fill("unit", "H26").await;
    desk.press("[name=role_operator]").await;
    desk.press("[name=role_approver]").await;
    desk.press("main form button.main").await;
    assert!(desk.see("main .problem").await.contains("không thể giữ cả hai vai trò"));
    desk.picture("staff-order-exclude").await;
    desk.press("[name=role_approver]").await;
    desk.press("main form button.main").await;
    assert_eq!(desk.see(".state-submitted").await, "Chờ duyệt");
    assert!(desk.see("main .lead").await.contains("Đang chờ một cán bộ an ninh khác"));
    assert!(!desk.has("form[action$='/approve']").await, "not by whoever entered it");
    desk.picture("staff-order-waits").await;
    let order = desk.path().await;

    let phone = Browser::open(&test.url, Screen::Phone).await;
    phone.go(&order).await;
    phone.log_in("an.ninh", ACCOUNT_PASSWORD).await;
    let shown = phone.see(".card .rows").await.replace(char::is_whitespace, "");
    assert!(shown.contains(NEWCOMER), "{shown}");
    phone.picture("staff-order-decide").await;
    phone.press("form[action$='/approve'] button").await;
    assert_eq!(phone.see(".state-issued").await, "Đã duyệt");
    assert!(!phone.has("form[action$='/invitation']").await, "the approver gets no code");
    phone.picture("staff-order-approved").await;
    phone.close().await;

    desk.go(&order).await;
    desk.press("form[action$='/invitation'] button").await;
    let code = desk.see(".code").await;
    desk.picture("staff-invitation").await;
    desk.go(&order).await;
    assert!(!desk.has(".code").await, "once");
    desk.close().await;
    code
}

/// The password, a first code, and a log-in with the next.
async fn the_holder_takes_over(test: &TestApp, code: &str) {
    let holder = Browser::open(&test.url, Screen::Phone).await;
    holder.go("/welcome").await;
    holder.picture("welcome").await;
    for (name, text) in [("login", "bich.le"), ("code", code), ("password", PASSWORD)] {
        holder.fill(name, text).await;
    }
    holder.fill("password_again", "khác hẳn rồi nhé").await;
    holder.press("main form button.main").await;
    assert!(holder.see("#password_again-problem").await.contains("không giống nhau"));
    for (name, text) in [("code", code), ("password", PASSWORD), ("password_again", PASSWORD)] {
        holder.fill(name, text).await;
    }
    holder.press("main form button.main").await;
    holder.see("form[action='/second-factor']").await;
    assert_eq!(holder.see("h1").await, "Mã xác thực khi đăng nhập");
    holder.picture("second-factor").await;
    holder.press("main form button.main").await;
    let secret = secret(&holder.see("p.code-address").await);
    holder.see("svg.quick-response").await;
    holder.picture("second-factor-shown").await;
    holder.fill("totp", "000000").await;
    holder.press("main form button.main").await;
    assert!(holder.see("#totp-problem").await.contains("Mã không đúng"));
    assert!(!holder.has("p.code-address").await, "the secret is shown once");
    holder.picture("second-factor-wrong").await;
    let step = test.app.clock.now().unix_seconds() / 30;
    holder.fill("totp", &secret.code(step)).await;
    holder.press("main form button.main").await;
    holder.see(".doors").await;
    holder.go("/second-factor").await;
    assert!(holder.see("main .lead").await.contains("đã cài mã xác thực"));
    holder.picture("second-factor-done").await;
    holder.press("header form[action='/logout'] button").await;
    holder.see(".doors").await;
    holder.go("/booth").await;
    holder.fill("login", "bich.le").await;
    holder.fill("password", PASSWORD).await;
    holder.picture("login-with-code").await;
    let next = (test.app.clock.now().unix_seconds() / 30).max(step + 1);
    holder.fill("totp", &secret.code(next)).await;
    holder.press("main form button.main").await;
    holder.see("header form[action='/logout']").await;
    assert_eq!(holder.path().await, "/booth");
    holder.close().await;
}

/// Where it is required, the page that was wanted comes after the enrolment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_enrol_before_the_page_they_want() {
    let test = TestApp::with(|settings| settings.accounts.second_factor = Some(SecondFactorRule::Required)).await;
    pair(&test).await;
    let desk = Browser::open(&test.url, Screen::Desk).await;
    desk.go("/staff").await;
    desk.fill("login", "quan.tri").await;
    desk.fill("password", ACCOUNT_PASSWORD).await;
    desk.press("main form button.main").await;
    desk.see("form[action='/second-factor']").await;
    assert!(desk.see("main .lead").await.contains("cần thêm mã xác thực"));
    assert_eq!(desk.path().await, "/second-factor");
    desk.picture("second-factor-due").await;
    desk.press("main form button.main").await;
    let secret = secret(&desk.see("p.code-address").await);
    desk.picture("second-factor-shown").await;
    let step = test.app.clock.now().unix_seconds() / 30;
    desk.fill("totp", &secret.code(step)).await;
    desk.press("main form button.main").await;
    desk.see("a[href='/staff/orders/new']").await;
    assert_eq!(desk.path().await, "/staff");
    desk.picture("staff-enrolled").await;
    desk.close().await;
}
