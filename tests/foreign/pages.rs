//! The pages: a certificate is registered through the bridge at the reader's computer and by a pasted signature, stands among one's own, and one of
//! another name is decided on. At the widths of a desk and of a phone.

use super::{
    authority::{Authority, NAME, named},
    code, person,
};
use crate::{
    harness::{
        app::{ACCOUNT_PASSWORD, EXECUTABLE, TestApp},
        browser::{Browser, Screen},
    },
    signing::{
        bridge::Bridge,
        foreign::{Person, p256},
    },
};
use chuky_model::role::Role;
use chuky_pki::verify::AnchorPurpose;
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_at_this_computer_registers_its_certificate() {
    let test = TestApp::sqlite().await;
    let authority = Authority::new();
    authority.recorded(&test, &[AnchorPurpose::Registration]);
    person(&test, "an.tran", NAME, &[Role::Official], "001190012345").await;
    person(&test, "binh.le", "Lê Thị Bình", &[Role::Official], "079190012345").await;
    // The token as its authority hands it over, with its certificate beside it.
    let own = Person::new();
    let holder = authority.issue(&named(NAME), p256());
    own.token("VGCA");
    own.bare_key("VGCA", "ky", "01", &holder.key);
    own.put_certificate("VGCA", "ky", "01", &holder.certificate);
    std::fs::write(own.at("leaf.pem"), holder.pem()).unwrap();
    std::fs::write(own.at("chain.crt"), authority.issuing.certificate.to_der().unwrap()).unwrap();
    std::fs::write(own.at("wrong.pem"), "không phải chứng thư").unwrap();
    let mut bridge = Bridge::start(&own, &test.url);
    let page = format!("/foreign-certificates/new?port={}", bridge.address.rsplit(':').next().unwrap());
    let pairing = bridge.code();

    let desk = Browser::open(&test.url, Screen::Desk).await;
    desk.go(&page).await;
    desk.log_in("an.tran", ACCOUNT_PASSWORD).await;
    desk.go(&page).await;
    desk.whole_picture("foreign-new").await;
    desk.choose_file("#certificate", &own.at("wrong.pem")).await;
    desk.press("main form button.main").await;
    assert!(desk.see("#certificate-problem").await.contains("Không đọc được chứng thư"));
    desk.whole_picture("foreign-new-wrong").await;
    desk.choose_file("#certificate", &own.at("leaf.pem")).await;
    desk.choose_file("#chain", &own.at("chain.crt")).await;
    desk.press("main form button.main").await;
    desk.see("[data-pair] button.main").await;
    desk.whole_picture("foreign-proof").await;
    // The bridge shows that it is no document, and asks.
    bridge.answer("y");
    desk.fill("code", &pairing).await;
    desk.press("[data-pair] button.main").await;
    assert!(bridge.wait_for("Registers this token").contains("an.tran"));
    desk.see("p.done").await;
    assert_eq!(desk.path().await, "/certificates");
    assert!(desk.see("[data-foreign] .state-issued").await.contains("Đã đăng ký"));
    desk.whole_picture("certificates-foreign").await;
    desk.press("[data-foreign] a").await;
    desk.see("form[action$='/remove']").await;
    desk.whole_picture("foreign-one").await;
    desk.close().await;
    waits(&test, &authority, &own).await;
}

/// On a phone: another's name, signed by hand, and a second person decides.
async fn waits(test: &TestApp, authority: &Authority, own: &Person) {
    let holder = authority.issue(&named("Lê Thanh Bình"), p256());
    own.bare_key("VGCA", "khac", "02", &holder.key);
    own.put_certificate("VGCA", "khac", "02", &holder.certificate);
    std::fs::write(own.at("leaf.pem"), holder.pem()).unwrap();
    let phone = Browser::open(&test.url, Screen::Phone).await;
    phone.go("/foreign-certificates/new").await;
    phone.log_in("binh.le", ACCOUNT_PASSWORD).await;
    phone.go("/foreign-certificates/new").await;
    phone.whole_picture("foreign-new").await;
    phone.choose_file("#certificate", &own.at("leaf.pem")).await;
    phone.choose_file("#chain", &own.at("chain.crt")).await;
    phone.press("main form button.main").await;
    phone.press("[data-proof] summary").await;
    let text = phone.value("return document.querySelector('[data-proof-text]').textContent").await;
    phone.whole_picture("foreign-proof").await;
    phone.fill("value", "sai").await;
    phone.press("[data-proof] button.second").await;
    assert!(phone.see("#value-problem").await.contains("base64"));
    phone.whole_picture("foreign-proof-wrong").await;
    std::fs::write(own.at("proof.txt"), text.as_str().unwrap()).unwrap();
    let (status, value, said) = prove(own, &test.url, "khac");
    assert_eq!(status, Some(0), "{said}");
    phone.fill("value", &value).await;
    phone.press("[data-proof] button.second").await;
    phone.see("p.done").await;
    assert!(phone.see("[data-foreign] .state-submitted").await.contains("Chờ duyệt"));
    phone.whole_picture("certificates-foreign").await;
    phone.close().await;
    // Neither another site's text nor another certificate's is signed.
    let other = prove(own, "https://other.example", "khac");
    assert!(other.0 == Some(1) && other.2.contains("nothing is signed"), "{other:?}");
    let other = prove(own, &test.url, "ky");
    assert!(other.0 == Some(1) && other.2.contains("another certificate"), "{other:?}");
    std::fs::write(own.at("proof.txt"), "%PDF-1.7\n").unwrap();
    assert_eq!(prove(own, &test.url, "khac").0, Some(2));
    decided(test).await;
}

async fn decided(test: &TestApp) {
    for screen in [Screen::Phone, Screen::Desk] {
        let approver = Browser::open(&test.url, screen).await;
        approver.go("/foreign-certificates").await;
        approver.log_in("duyet", &test.passwords["duyet"]).await;
        approver.go("/foreign-certificates").await;
        approver.see("section.card h2 a").await;
        approver.whole_picture("foreign-waiting").await;
        approver.press("section.card h2 a").await;
        approver.see("section.decision").await;
        approver.whole_picture("foreign-decide").await;
        if screen == Screen::Desk {
            approver.press("section.decision form button.main").await;
            assert!(approver.see("main .state-issued").await.contains("Đã đăng ký"));
            approver.whole_picture("foreign-decided").await;
        }
        approver.close().await;
    }
    // What somebody decided is told to nobody else.
    let (_, list) = test.get("/api/v1/foreign-certificates/waiting", &test.log_in("duyet").await).await;
    assert_eq!(list["certificates"], serde_json::json!([]), "{}", code(&(200, list.clone())));
}

/// `chuky prove` with that key: its exit code, what it printed, and what it said.
fn prove(own: &Person, site: &str, key: &str) -> (Option<i32>, String, String) {
    let output = Command::new(EXECUTABLE)
        .args(["--lang", "en", "prove", "--module", &own.module(), "--pin-file", "pin", "--key", key, "--site", site])
        .args(["--text", "proof.txt"])
        .current_dir(own.folder.path())
        .env("SOFTHSM2_CONF", own.at("softhsm2.conf"))
        .output()
        .unwrap();
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
