//! The whole road with a browser: a code becomes a certificate on the citizen's phone, a PDF is signed with the PIN, foreign
//! tools find the signature good, and the check page says of each file what it is.

use crate::harness::{
    app::TestApp,
    browser::{Browser, Screen},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const PIN: &str = "lúa nếp 4719";

/// The code of a citizen's request that was entered by one and approved by another.
async fn code(test: &TestApp) -> String {
    let operator = test.log_in("gianhang").await;
    let citizen = json!({
        "hierarchy": "citizens", "unit": "H26",
        "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm"
        }
    });
    let (status, request) = test.post("/api/v1/requests", &operator, &citizen).await;
    assert_eq!(status, 201, "{request}");
    test.approve(&request).await;
    test.code(&request, &operator).await
}

/// A PDF of one page with one line of text.
fn letter() -> Vec<u8> {
    let content = "BT /F1 18 Tf 72 700 Td (Don de nghi - application) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.7\n".to_owned();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let table = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for place in places {
        file.push_str(&format!("{place:010} 00000 n \n"));
    }
    file.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1));
    file.into_bytes()
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = directory.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// What the code brings, chosen on the citizen's own phone; ends at the receipt.
async fn activate(phone: &Browser, code: &str) {
    // The code behind `#` is filled in by the page, as after scanning the picture.
    phone.go(&format!("/activate#{code}")).await;
    phone.picture("activate-code").await;
    phone.press("[data-code] button.main").await;
    let shown = phone.see(".card-large").await;
    assert!(
        shown.contains("Nguyễn Thị Hồng Ưởng") && shown.contains("001 190 012 345") && shown.contains("05/03/1990"),
        "{shown}"
    );
    phone.press("[name=consent]").await;
    phone.fill("login", "hong.uong").await;
    phone.fill("password", "cánh đồng làng").await;
    phone.fill("pin", PIN).await;
    phone.fill("pin_again", "lúa nếp 4718").await;
    phone.press("[data-activate] button.main").await;
    phone.see("[data-differs]:not([hidden])").await;
    phone.picture("activate-consent").await;
    phone.fill("pin_again", PIN).await;
    phone.press("[data-activate] button.main").await;
    phone.see("main .ready").await;
    phone.picture("activate-receipt").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_code_to_a_signed_and_checked_document() {
    let test = TestApp::sqlite().await;
    let code = code(&test).await;
    let phone = Browser::open(&test.url, Screen::Phone).await;
    activate(&phone, &code).await;
    // A code works once.
    phone.go("/activate").await;
    phone.fill("code", &code).await;
    phone.press("[data-code] button.main").await;
    phone.see("#code-problem").await;
    phone.picture("activate-used").await;

    // Signing, first with a wrong PIN.
    let directory = test.directory.path().to_owned();
    let unsigned = write(&directory, "don-de-nghi.pdf", &letter());
    phone.go("/sign").await;
    assert!(!phone.has("[name=secrecy]").await, "a citizen's papers have no class");
    phone.choose_file("#document", &unsigned).await;
    phone.picture("sign").await;
    phone.press("[data-sign] button.main").await;
    phone.drawn("img[data-sheet]", 2).await;
    phone.whole_picture("sign-review").await;
    phone.fill("pin", "sai mã pin 99").await;
    phone.press("[data-sign] button.main").await;
    phone.see("#pin-problem").await;
    phone.picture("sign-wrong-pin").await;
    phone.drawn("img[data-sheet]", 2).await;
    phone.fill("pin", PIN).await;
    phone.press("[data-sign] button.main").await;
    assert!(phone.see("article.verdict").await.contains("Nguyễn Thị Hồng Ưởng"));
    phone.picture("signed").await;
    let signed = download(&test, &phone).await;
    judged_by_pdfsig(&write(&directory, "signed.pdf", &signed));
    phone.close().await;

    // Everybody can check it, and sees a change.
    let mut changed = signed.clone();
    let at = changed.windows(6).position(|window| window == b"Don de").unwrap();
    changed[at] = b'S';
    let desk = Browser::open(&test.url, Screen::Desk).await;
    let files = [
        (write(&directory, "signed.pdf", &signed), "Hợp lệ", "valid"),
        (write(&directory, "changed.pdf", &changed), "Không hợp lệ", "changed"),
        (unsigned, "Không có chữ ký số", "unsigned"),
    ];
    for (file, word, name) in files {
        desk.go("/verify").await;
        desk.choose_file("#document", &file).await;
        assert_eq!(desk.see("article.verdict .verdict-word").await, word, "{name}");
        desk.picture(&format!("verify-{name}")).await;
        assert_eq!(desk.has("article.verdict .verdict-head .shape-valid").await, name == "valid", "{name}");
    }
    desk.close().await;
    super::checking::see_what_changed(&test, &directory, &signed).await;
}

/// What the button gives, asked for with the browser's own session.
async fn download(test: &TestApp, browser: &Browser) -> Vec<u8> {
    let script = "return document.querySelector('main a.main[download]').getAttribute('href')";
    let path = browser.client.execute(script, vec![]).await.unwrap();
    let Value::String(path) = path else { panic!("no address to download from: {path}") };
    let session = browser.client.get_named_cookie("chuky_session").await.unwrap();
    let (status, bytes) = test.raw("GET", &path, session.value(), "", Vec::new()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    bytes
}

/// The evidence for later (level LT) stands behind the signed bytes, so pdfsig does not find the whole file signed.
fn judged_by_pdfsig(file: &Path) {
    let output = Command::new("pdfsig").arg("-nocert").arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Signature is Valid."), "{said}");
}
