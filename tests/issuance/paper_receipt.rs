//! The receipt on paper and the page that its QR code leads to: read by Poppler and by a library of others, for nobody but the holder, and never
//! with more on the page than the certificate's status.

use super::{PASSWORD, citizen, issued};
use crate::harness::app::{Backend, TestApp};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const CONTACT: &str = "1022 (nhánh 4), cả ngày lẫn đêm";

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screens/paper");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What the library reads from the first page, and Poppler finds as its text.
fn read(pdf: &[u8]) -> (String, String) {
    let (file, picture) = (folder().join("receipt.pdf"), folder().join("receipt"));
    std::fs::write(&file, pdf).unwrap();
    for form in [&["-png"][..], &[]] {
        let mut drawing = Command::new("pdftoppm");
        drawing.args(["-r", "150", "-singlefile"]).args(form).arg(&file).arg(&picture);
        assert!(drawing.status().unwrap().success());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signing/qr.mjs");
    let code = Command::new("node").arg(script).arg(picture.with_extension("ppm")).output().unwrap();
    assert!(code.status.success(), "{}", String::from_utf8_lossy(&code.stderr));
    let text = Command::new("pdftotext").arg("-layout").arg(&file).arg("-").output().unwrap();
    let string = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    (string(code.stdout), string(text.stdout))
}

async fn page(test: &TestApp, path: &str) -> (u16, String) {
    let (status, body) = test.raw("GET", path, "", "", Vec::new()).await;
    (status, String::from_utf8(body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_on_the_receipt_leads_to_how_the_certificate_stands() {
    let contact = |settings: &mut chuky::config::Settings| settings.registration.suspend_contact = CONTACT.into();
    let test = TestApp::start_with(Backend::Sqlite, contact).await;
    let receipt = issued(&test, "citizen").await;
    let serial = receipt["serial"].as_str().unwrap().to_owned();
    let log_in = json!({ "login": "citizen", "password": PASSWORD });
    let holder = test.post("/api/v1/session", "", &log_in).await.1["token"].as_str().unwrap().to_owned();
    // For its holder alone, by either address.
    let path = format!("/api/v1/certificates/{serial}/receipt");
    let (status, pdf) = test.raw("GET", &path, &holder, "", Vec::new()).await;
    assert_eq!(status, 200);
    assert_eq!(test.raw("GET", &format!("/certificates/{serial}/receipt"), &holder, "", Vec::new()).await.0, 200);
    let (_, other) = test.account("nguoi.khac", &[chuky_model::role::Role::Citizen], Some("001085012346")).await;
    assert_eq!(test.raw("GET", &path, &other, "", Vec::new()).await.0, 404);
    assert_eq!(test.raw("GET", &path, "", "", Vec::new()).await.0, 401);
    let (code, text) = read(&pdf);
    assert_eq!(code, format!("{}/c/{serial}", test.url));
    let name = citizen()["subscriber"]["full_name"].as_str().unwrap().to_owned();
    for part in [name.as_str(), "citizen", CONTACT, "BIÊN NHẬN", "Chuky TEST CA - Citizens"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("001190012345"), "{text}");
    // Where it leads: nothing of the person, whatever becomes of the certificate.
    let leads = code.strip_prefix(&test.url).unwrap().to_owned();
    let (status, good) = page(&test, &leads).await;
    assert_eq!(status, 200, "{good}");
    assert!(good.contains("Chứng thư đang có hiệu lực") && good.contains("Chuky TEST CA - Citizens"), "{good}");
    let said = async |words: &str| {
        let (status, page) = page(&test, &leads).await;
        assert!(status == 200 && page.contains(words), "{words}: {page}");
        assert!(!page.contains(&name) && !page.contains("001190012345"), "{page}");
    };
    said("Chứng thư đang có hiệu lực").await;
    let change = async |what: &str, by: &str, body: Value| {
        let (status, answer) = test.post(&format!("/api/v1/certificates/{serial}/{what}"), by, &body).await;
        assert_eq!(status, 200, "{what}: {answer}");
    };
    change("suspend", &holder, json!({})).await;
    said("Chứng thư đang tạm dừng").await;
    change("revoke", &holder, json!({ "reason": "key_compromise" })).await;
    said("Chứng thư đã bị thu hồi").await;
    // A row that SQL put back is not believed.
    test.sql("UPDATE certificate SET state = 'issued', revoked_at = NULL, revocation_reason = NULL");
    let (status, page_of_forged) = page(&test, &leads).await;
    assert!(status == 500 || page_of_forged.contains("Chứng thư đã bị thu hồi"), "{status}: {page_of_forged}");
    // What is no serial number of ours tells nothing.
    for wrong in ["/c/0", "/c/zz", "/c/40000000000000000000000000000001", &format!("/c/{serial}00")] {
        assert_eq!(page(&test, wrong).await.0, 404, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_screen_shows_the_same_code_and_where_to_suspend() {
    let test = TestApp::sqlite().await;
    let (_, code) = super::approved(&test, "gianhang", &citizen()).await;
    let (status, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!(status, 200, "{preview}");
    let confirmed = preview["content_digest"].as_str().unwrap();
    let consent = preview["consent"]["version"].as_str().unwrap();
    let fields = [
        ("code", code.as_str()),
        ("confirmed", confirmed),
        ("login", "hong.uong"),
        ("password", PASSWORD),
        ("pin", super::PIN),
        ("pin_again", super::PIN),
        ("consent", consent),
    ];
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let form = fields.map(|(name, value)| format!("{name}={}", encoded(value))).join("&");
    let kind = "application/x-www-form-urlencoded";
    let (status, page) = test.raw("POST", "/activate/confirm", "", kind, form.into_bytes()).await;
    let page = String::from_utf8(page).unwrap();
    assert_eq!(status, 201, "{page}");
    let serial = test.sql("SELECT lower(hex(serial)) FROM certificate WHERE state = 'issued'");
    let serial = serial.trim();
    assert!(page.contains(&format!("href=\"/certificates/{serial}/receipt\"")), "{page}");
    assert!(page.contains(&format!("{}/c/{serial}", test.url)) && page.contains("quick-dots"), "{page}");
    assert!(page.contains("href=\"/certificates\""), "{page}");
}
