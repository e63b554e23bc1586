//! Codes on the pages of signed PDFs: read from a picture of the page by a library of others, found on the public page in a browser, and
//! never more than a pointer to the original.

use super::subscriber::{PIN, Subscriber, citizen, folder, judged_valid, letter_pdf, official, plain_pdf, present};
use crate::harness::{
    app::{Backend, TestApp},
    browser::{Browser, Screen},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const PASSWORD: &str = super::subscriber::PASSWORD;

/// Uploads and signs; the answer, and the signed file.
async fn signed(test: &TestApp, who: &Subscriber, pdf: &[u8], more: Value) -> (Value, Vec<u8>) {
    let id = who.upload(test, pdf).await;
    let (status, answer) = who.ask(test, &id, PIN, more).await;
    assert_eq!(status, 200, "{answer}");
    (answer, who.content(test, &id).await)
}

/// What the library reads from a page of the file, drawn by Poppler at 200 dpi; `None`, said aloud, where a tool is missing.
fn scanned(folder: &Path, name: &str, pdf: &[u8], page: &str) -> Option<String> {
    if !present("pdftoppm") || !present("node") {
        return None;
    }
    let file = folder.join(format!("{name}.pdf"));
    std::fs::write(&file, pdf).unwrap();
    let picture = folder.join(name);
    let arguments = ["-r", "200", "-singlefile", "-f", page, "-l", page];
    let drawn = Command::new("pdftoppm").args(arguments).arg(&file).arg(&picture).status().unwrap();
    assert!(drawn.success());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/signing/qr.mjs");
    let read = Command::new("node").arg(script).arg(picture.with_extension("ppm")).output().unwrap();
    let _ = Command::new("pdftoppm").args(arguments).arg("-png").arg(&file).arg(&picture).status();
    assert!(read.status.success(), "{name}: {}", String::from_utf8_lossy(&read.stderr));
    Some(String::from_utf8(read.stdout).unwrap().trim().to_owned())
}

/// The letters as Poppler finds them in the text of the page.
fn text(folder: &Path, name: &str) -> String {
    let output = Command::new("pdftotext").arg(folder.join(format!("{name}.pdf"))).arg("-").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn pages(pdf: &[u8], folder: &Path) -> String {
    let file = folder.join("pages.pdf");
    std::fs::write(&file, pdf).unwrap();
    let output = Command::new("qpdf").arg("--show-npages").arg(&file).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_read_from_the_page_and_every_signature_stays_intact() {
    let test = TestApp::start(Backend::Sqlite).await;
    let Some(letter) = letter_pdf(&test) else { return };
    let folder = folder("code");
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    let last = pages(&letter, &folder);
    let cases = [
        ("invisible", &citizen, json!({ "code": {} }), last.as_str()),
        (
            "citizen",
            &citizen,
            json!({ "look": "citizen", "level": "LT", "code": { "title": "Đơn đề nghị" } }),
            last.as_str(),
        ),
        ("official", &official, json!({ "look": "official", "code": { "page": "first", "place": "top-right" } }), "1"),
        ("below", &official, json!({ "code": { "page": 1, "rectangle": [20, 20, 90, 110] } }), "1"),
    ];
    for (name, who, more, page) in cases {
        let (answer, pdf) = signed(&test, who, &letter, more).await;
        assert!(pdf.starts_with(&letter), "appended");
        judged_valid(&test, &folder, &format!("{name}-signed.pdf"), &pdf, 1).await;
        let code = answer["code"]["code"].as_str().unwrap();
        assert_eq!(code.len(), 20, "{answer}");
        let Some(read) = scanned(&folder, name, &pdf, page) else { return };
        assert_eq!(read, answer["code"]["address"].as_str().unwrap(), "{name}");
        assert!(text(&folder, name).contains(code), "{name}: the letters are text");
        // A second person signs what carries a code: both stay valid, and the code is read as before.
        let (_, both) = signed(&test, &citizen, &pdf, json!({ "level": "LT", "look": "citizen" })).await;
        judged_valid(&test, &folder, &format!("{name}-both.pdf"), &both, 2).await;
        assert_eq!(scanned(&folder, &format!("{name}-again"), &both, page).unwrap(), read);
        // Behind a signature a code is what the new signature shows; beside another look it would change what was signed.
        let (more, twice) = signed(&test, &citizen, &both, json!({ "code": { "place": "top-left" } })).await;
        judged_valid(&test, &folder, &format!("{name}-twice.pdf"), &twice, 3).await;
        assert_ne!(more["code"]["code"], answer["code"]["code"]);
    }
    let id = citizen.upload(&test, &signed(&test, &citizen, &letter, json!({})).await.1).await;
    let (status, answer) = citizen.ask(&test, &id, PIN, json!({ "look": "citizen", "code": {} })).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (422, "urn:chuky:problem:document_unsuitable"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_covers_nothing_and_is_refused_where_it_cannot_stand() {
    let test = TestApp::start(Backend::Postgres).await;
    let citizen = citizen(&test).await;
    for (more, code) in [
        (json!({ "code": { "page": "middle" } }), "page_unknown"),
        (json!({ "code": { "page": 9 } }), "document_unsuitable"),
        (json!({ "code": { "rectangle": [0, 0, 20, 20] } }), "document_unsuitable"),
        (json!({ "code": { "title": "x".repeat(201) } }), "text_too_long"),
        (json!({ "code": {}, "format": "cades" }), "code_needs_pdf"),
    ] {
        let id = citizen.upload(&test, &plain_pdf()).await;
        let (status, answer) = citizen.ask(&test, &id, PIN, more.clone()).await;
        let said = answer["type"].as_str().unwrap_or_default().to_owned();
        assert_eq!((status, said.trim_start_matches("urn:chuky:problem:")), (422, code), "{more}: {answer}");
    }
    assert_eq!(test.sql("SELECT count(*) FROM document_code").trim(), "0");
    // Nobody else's codes are listed or closed; the letters stand nowhere in clear.
    let (answer, _) = signed(&test, &citizen, &plain_pdf(), json!({ "code": {} })).await;
    let official = official(&test, "p256").await;
    let path = format!("/api/v1/documents/{}/codes", answer["document"]["id"].as_str().unwrap());
    assert_eq!(test.get(&path, &official.token).await.0, 404);
    let (_, list) = test.get(&path, &citizen.token).await;
    assert_eq!(list["codes"][0]["code"], answer["code"]["code"]);
    let end = format!("/api/v1/document-codes/{}/end", answer["code"]["id"].as_str().unwrap());
    assert_eq!(test.post(&end, &official.token, &json!({})).await.0, 404);
    let letters = answer["code"]["code"].as_str().unwrap();
    let dump = test.sql("SELECT * FROM document_code")
        + &test.sql("SELECT * FROM audit_entry WHERE kind LIKE 'document_code%'");
    assert!(!dump.contains(letters) && !dump.contains(&letters.replace('-', "")));
}

async fn page(test: &TestApp, path: &str, token: &str) -> (u16, String) {
    let (status, page) = test.raw("GET", path, token, "", Vec::new()).await;
    (status, String::from_utf8(page).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_the_code_sees_the_signer_until_the_owner_closes_the_page() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (answer, pdf) = signed(&test, &citizen, &plain_pdf(), json!({ "code": { "title": "Đơn đề nghị" } })).await;
    let code = answer["code"]["code"].as_str().unwrap();
    let path = format!("/k/{code}");
    let (status, shown) = page(&test, &path, "").await;
    assert_eq!(status, 200);
    assert!(shown.contains("Nguyễn Thị Hồng Ưởng") && shown.contains("Đơn đề nghị"));
    assert!(shown.contains(answer["document"]["signed_sha256"].as_str().unwrap()));
    // The name of the upload is the owner's alone.
    assert!(!shown.contains("thư.pdf") && !shown.contains("001190012345"));
    assert!(page(&test, &format!("/k/{}", code.to_lowercase().replace('-', "")), "").await.1.contains("Hồng Ưởng"));
    // The certificate as it is now.
    test_revoke(&test, &citizen).await;
    assert!(page(&test, &path, "").await.1.contains("code-certificate-revoked"));
    // Compared: the file itself, with something behind it, and another.
    let folder = folder("code-page");
    let write = |name: &str, bytes: &[u8]| {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    };
    let (same, other) = (write("same.pdf", &pdf), write("other.pdf", &plain_pdf()));
    let longer = write("longer.pdf", &[pdf.as_slice(), b"\n%more\n"].concat());
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go(&format!("/k?code={}", code.to_lowercase())).await;
        assert!(browser.see(".code-warning").await.contains("không chứng minh"));
        assert_eq!(browser.path().await, path);
        browser.whole_picture("document-code").await;
        for (file, answer) in [(&same, ".kept-same"), (&longer, ".code-unsure"), (&other, ".kept-other")] {
            browser.choose_file("#document", file).await;
            browser.press(".kept-compare button.main").await;
            browser.see(answer).await;
        }
        browser.whole_picture("document-code-compared").await;
        browser.go("/k?code=K7M2Q9-X4T8W3-N6P1R5").await;
        browser.see("#code-problem").await;
        browser.whole_picture("document-code-unknown").await;
        browser.close().await;
    }
    // Closed by its owner on the page: for others as if there were none.
    let owner = Browser::open(&test.url, Screen::Phone).await;
    owner.go("/login").await;
    owner.log_in("cong.dan", PASSWORD).await;
    owner.go(&path).await;
    owner.press(".code-own button").await;
    owner.see(".code-own strong").await;
    owner.whole_picture("document-code-closed").await;
    assert_eq!(page(&test, &path, "").await.0, 404);
    let (_, list) = test
        .get(&format!("/api/v1/documents/{}/codes", answer["document"]["id"].as_str().unwrap()), &citizen.token)
        .await;
    assert!(list["codes"][0]["ended_at"].is_string(), "{list}");
    owner.press(".code-own button").await;
    owner.see(".code-own input[value=no]").await;
    owner.close().await;
    let kinds = test.sql("SELECT kind FROM audit_entry WHERE kind LIKE 'document_code.%' ORDER BY recorded_at, id");
    assert_eq!(
        kinds.split_whitespace().collect::<Vec<_>>(),
        ["document_code.made", "document_code.ended", "document_code.opened"]
    );
    assert_eq!(page(&test, &path, "").await.0, 200);
    // Opened by SQL, or pointed at another's document, it is no row of ours.
    test.sql("UPDATE document_code SET ended_at = 1");
    assert_eq!(page(&test, &path, "").await.0, 500);
}

async fn test_revoke(test: &TestApp, who: &Subscriber) {
    let (_, list) = test.get("/api/v1/credentials", &who.token).await;
    let serial = list["credentials"][0]["serial"].as_str().unwrap();
    let (status, answer) = test
        .post(&format!("/api/v1/certificates/{serial}/revoke"), &who.token, &json!({ "reason": "key_compromise" }))
        .await;
    assert!(status < 300, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signing_page_puts_a_code_where_it_was_asked_for() {
    let test = TestApp::sqlite().await;
    citizen(&test).await;
    let folder = folder("code-page");
    let file = folder.join("to-sign.pdf");
    std::fs::write(&file, plain_pdf()).unwrap();
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/login").await;
        browser.log_in("cong.dan", PASSWORD).await;
        browser.go("/sign").await;
        browser.choose_file("#document", &file).await;
        browser.press("[data-sign] button.main").await;
        browser.see("[data-preview]").await;
        browser.press("details:has([name=code]) summary").await;
        browser.press("[name=code]").await;
        browser.fill("code_title", "Đơn đề nghị").await;
        browser.fill("pin", PIN).await;
        browser.whole_picture("sign-code").await;
        browser.press("[data-sign] button.main").await;
        let code = browser.see("a.code-letters").await;
        browser.whole_picture("signed-code").await;
        browser.press("a.code-letters").await;
        assert!(browser.see(".code-own").await.contains("văn bản của bạn"));
        assert_eq!(browser.path().await, format!("/k/{code}"));
        browser.close().await;
    }
}
