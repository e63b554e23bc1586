//! What people do with a browser, done with a browser: logging in, a booth's whole road with its second pair of eyes, pages at
//! the widths of a desk and of a phone, in both languages, and without scripts. Pictures of what was seen lie in `target/screens`.

mod approvals;
mod booth_camera;
mod booth_drafts;
mod checking;
mod consent;
mod custody;
mod factor;
mod holders;
mod numbers;
mod passkeys;
mod payroll;
mod proof;
mod signing;
mod staff;

use crate::harness::{
    app::TestApp,
    browser::{Browser, Screen},
};

/// As a scanner types it: number, old number, name, birth date, sex, address, day of issue.
pub const CARD: &str =
    "001190012345||Nguyễn Thị Hồng Ưởng|05031990|Nữ|Số 1 Tràng Tiền, Phường Hoàn Kiếm, Hà Nội|01012022";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_pages_fit_desk_and_phone_in_both_languages() {
    let test = TestApp::sqlite().await;
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        for (name, path) in [("home", "/"), ("agency", "/agency"), ("login", "/login"), ("missing", "/khong-co")] {
            browser.go(path).await;
            browser.see("h1").await;
            browser.picture(name).await;
        }
        // The switch is remembered from page to page.
        browser.go("/agency").await;
        assert_eq!(browser.see("h1").await, "Dành cho cơ quan");
        browser.press("a.language").await;
        assert_eq!(browser.see("html[lang=en] h1").await, "For agencies");
        browser.go("/").await;
        assert_eq!(browser.see("h1").await, "Digital signatures for everyone");
        browser.picture("home-english").await;
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_and_a_session_ends() {
    let test = TestApp::sqlite().await;
    let browser = Browser::open(&test.url, Screen::Phone).await;
    browser.go("/registration").await;
    assert_eq!(browser.path().await, "/login");
    browser.fill("login", "duyet").await;
    browser.fill("password", "sai-sai-sai-sai").await;
    browser.press("main form button.main").await;
    assert_eq!(
        browser.see("main .problem:not([data-passkey-problem])").await,
        "Tên đăng nhập, mật khẩu hoặc mã xác thực không đúng. Hãy kiểm tra và thử lại; mỗi mã xác thực chỉ dùng được một lần."
    );
    browser.picture("login-wrong").await;
    browser.log_in("duyet", &test.passwords["duyet"]).await;
    assert_eq!(browser.path().await, "/registration");
    browser.picture("registration-empty").await;
    // An approver has no place at the booth.
    browser.go("/booth").await;
    assert_eq!(browser.see(".refusal-number").await, "403");
    browser.picture("not-allowed").await;
    // From there one can leave, to come back as somebody else.
    browser.press("header form[action='/logout'] button").await;
    browser.see(".doors").await;
    browser.go("/registration").await;
    assert_eq!(browser.path().await, "/login");
    browser.close().await;
}

/// Enters the citizen of [`CARD`] and ends where the approver is waited for.
async fn enter(operator: &Browser) {
    operator.fill("card_text", CARD).await;
    operator.press("form[data-scan] button.main").await;
    assert!(operator.see(".card-large").await.contains("001 190 012 345"));
    operator.picture("booth-compare").await;
    // Nothing is sent before both are compared.
    operator.press("[name=card_compared]").await;
    operator.press("[name=face_compared]").await;
    operator.press("main form button.main").await;
    assert_eq!(operator.see(".person").await, "Nguyễn Thị Hồng Ưởng");
    operator.picture("booth-approval").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booth_and_a_second_pair_of_eyes() {
    let test = TestApp::sqlite().await;
    let operator = Browser::open(&test.url, Screen::Desk).await;
    operator.go("/booth").await;
    operator.log_in("gianhang", &test.passwords["gianhang"]).await;
    assert_eq!(operator.path().await, "/booth");
    operator.picture("booth-enter").await;
    operator.fill("card_text", "https://example.com").await;
    operator.press("form[data-scan] button.main").await;
    operator.see("#card_text-problem").await;
    operator.picture("booth-enter-wrong").await;
    enter(&operator).await;

    let approver = Browser::open(&test.url, Screen::Phone).await;
    approver.go("/registration?state=submitted").await;
    approver.log_in("duyet", &test.passwords["duyet"]).await;
    approver.go("/registration?state=submitted").await;
    approver.picture("registration").await;
    approver.press("td a").await;
    approver.picture("registration-decide").await;
    approver.press("section.decision form button.main").await;
    approver.see("p.lead").await;
    assert!(!approver.has("p.code").await && !approver.has("form[action$='/code']").await, "no code for who approved");
    approver.picture("registration-approved").await;

    // The booth's screen moves on by itself, and the booth makes the code.
    operator.press("form[action$='/code'] button.main").await;
    let renewed = operator.see("p.code").await;
    assert_eq!(renewed.len(), "ABCD-EFGH-JKLM".len());
    operator.picture("booth-code").await;
    assert!(chuky::registration::redeemable(&test.app, &renewed).await.is_ok());

    // Entered by mistake: withdrawn, and the code opens nothing.
    operator.press("form[action$='/withdraw'] button").await;
    operator.see("form[data-scan]").await;
    assert!(chuky::registration::redeemable(&test.app, &renewed).await.is_err());
    approver.close().await;
    operator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_booth_works_without_scripts() {
    let test = TestApp::sqlite().await;
    let operator = Browser::open(&test.url, Screen::WithoutScripts).await;
    operator.go("/booth").await;
    operator.log_in("gianhang", &test.passwords["gianhang"]).await;
    assert!(!operator.has("html.js").await, "scripts are not off");
    enter(&operator).await;
    operator.press(".without-script a").await;
    assert_eq!(operator.see(".person").await, "Nguyễn Thị Hồng Ưởng");
    operator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registrar_enters_an_official_beside_what_is_wrong() {
    let test = TestApp::sqlite().await;
    let browser = Browser::open(&test.url, Screen::Phone).await;
    browser.go("/registration/new").await;
    browser.log_in("dangky", &test.passwords["dangky"]).await;
    let fields = [
        ("full_name", "Trần Văn Quý"),
        ("personal_number", "001 085 000 123"),
        ("birth_date", "1/2/1986"),
        ("title", "Phó Chủ tịch"),
        ("organization", "Ủy ban nhân dân phường Hoàn Kiếm"),
        ("locality", "Phường Hoàn Kiếm"),
        ("province", "Hà Nội"),
    ];
    for (name, text) in fields {
        browser.fill(name, text).await;
    }
    browser.press("main form button.main").await;
    browser.see("#birth_date-problem").await;
    browser.picture("registration-new-wrong").await;
    browser.fill("birth_date", "1/2/1985").await;
    browser.press("main form button.main").await;
    assert_eq!(browser.see("p.above-title + h1").await, "Trần Văn Quý");
    browser.picture("registration-own-entry").await;
    assert!(!browser.has("section.decision").await, "nobody decides on their own entry");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interface_is_described_without_the_internet() {
    let test = TestApp::sqlite().await;
    let browser = Browser::open(&test.url, Screen::Desk).await;
    browser.go("/api/docs/").await;
    assert!(browser.see(".opblock-summary-path").await.contains("/api/v1"));
    browser.foreign_picture("interface").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_names_what_is_missing() {
    let test = TestApp::sqlite().await;
    assert_eq!(test.get("/healthz", "").await.0, 200);
    let (status, ready) = test.get("/readyz", "").await;
    assert_eq!((status, ready["ready"].as_bool()), (200, Some(true)), "{ready}");
    let (status, figures) = test.raw("GET", "/metrics", "", "", Vec::new()).await;
    let figures = String::from_utf8(figures).unwrap();
    assert_eq!(status, 200);
    assert!(figures.contains("chuky_hsm_ready{token=\"subscribers\"} 1"), "{figures}");
    test.app.store.close().await;
    let (status, ready) = test.get("/readyz", "").await;
    assert_eq!((status, ready["missing"][0].as_str()), (503, Some("database")), "{ready}");
}
