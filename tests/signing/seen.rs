//! What is seen before it is signed: pictures of exactly the bytes that the signature will be over, for nobody else; the page with the
//! signature on it; and classified documents, which no road takes.

use super::{
    subscriber::{PASSWORD, PIN, Subscriber, citizen, folder, letter_pdf, official, plain_pdf},
    two_step::{PREPARE, form},
};
use crate::harness::{
    app::{Backend, TestApp},
    browser::{Browser, Screen},
};
use chuky_pki::pdf::{letter, typeface::Typefaces};
use serde_json::{Value, json};

/// A page of `/sign`: status and body.
async fn got(test: &TestApp, who: &Subscriber, path: &str) -> (u16, Vec<u8>) {
    test.raw("GET", path, &who.token, "", Vec::new()).await
}

fn is_png(answer: &(u16, Vec<u8>)) -> bool {
    answer.0 == 200 && answer.1.starts_with(b"\x89PNG")
}

async fn only_what_is_signed_is_shown(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (owner, stranger) = (citizen(&test).await, official(&test, "p256").await);
    let pdf = letter_pdf(&test).unwrap_or_else(plain_pdf);
    let id = owner.upload(&test, &pdf).await;
    let sha256 = |view: &Value| view["sha256"].as_str().unwrap().to_owned();
    let digest = sha256(&test.get(&format!("/api/v1/documents/{id}"), &owner.token).await.1);
    let (status, page) = got(&test, &owner, &format!("/sign/{id}")).await;
    let page = String::from_utf8(page).unwrap();
    assert_eq!(status, 200, "{page}");
    assert!(page.len() < 200_000 && page.contains(&digest) && page.contains("thư.pdf"), "{page}");
    let picture = |page: &str, digest: &str| format!("/sign/{id}/pages/{page}?sha256={digest}");
    let first = got(&test, &owner, &picture("1", &digest)).await;
    assert!(is_png(&first));
    // Of other bytes, of no bytes that are named, of a page that is not there, and for somebody else there is none.
    assert_eq!(got(&test, &owner, &picture("1", &"00".repeat(32))).await.0, 409);
    assert_eq!(got(&test, &owner, &picture("1", "")).await.0, 422);
    assert_eq!(got(&test, &owner, &picture("99", &digest)).await.0, 422);
    assert_eq!(got(&test, &owner, &picture("x", &digest)).await.0, 404);
    assert_eq!(got(&test, &stranger, &picture("1", &digest)).await.0, 404);
    assert_eq!(got(&test, &stranger, &format!("/sign/{id}")).await.0, 404);
    // The page with the signature differs from the page, by where it stands, and nothing was signed for it.
    let preview =
        |more: &str| format!("/sign/{id}/preview?sha256={digest}&credential={}&page=first{more}", owner.credential);
    let (left, right) = (preview("&place=top-left"), preview("&place=bottom-right"));
    let (left, right) = (got(&test, &owner, &left).await, got(&test, &owner, &right).await);
    assert!(is_png(&left) && is_png(&right) && left.1 != right.1 && left.1 != first.1);
    std::fs::write(folder("seen").join("preview.png"), &right.1).unwrap();
    assert_eq!(got(&test, &owner, &preview("&look=official")).await.0, 422, "a citizen shows no official's look");
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
    // Whoever was shown other bytes signs nothing; once signed, what is shown is the signed file.
    let posted = |sha256: &str| {
        let form = format!(
            "csrf=&credential={}&look=citizen&page=last&place=bottom-right&sha256={sha256}&pin={}",
            owner.credential,
            PIN.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>()
        );
        let (path, token) = (format!("/sign/{id}"), owner.token.clone());
        (path, token, form)
    };
    let (path, token, form) = posted(&digest);
    assert_eq!(test.raw("POST", &path, &token, FORM, form.into_bytes()).await.0, 409, "a browser's form has a token");
    let other = json!({ "sha256": "00".repeat(32) });
    assert_eq!(owner.ask(&test, &id, PIN, other).await.0, 409);
    let (status, signed) = owner.ask(&test, &id, PIN, json!({ "look": "citizen", "sha256": digest })).await;
    assert_eq!(status, 200, "{signed}");
    assert_eq!(got(&test, &owner, &picture("1", &digest)).await.0, 409);
    let digest = signed["document"]["signed_sha256"].as_str().unwrap();
    assert!(is_png(&got(&test, &owner, &picture("1", digest)).await));
    // What has no pages says so.
    let (status, text) =
        test.request("POST", "/api/v1/documents?name=a.txt", &owner.token, "text/plain", b"x".to_vec()).await;
    assert_eq!(status, 201, "{text}");
    let (_, page) = got(&test, &owner, &format!("/sign/{}", text["id"].as_str().unwrap())).await;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("không phải PDF") && !page.contains("name=\"pin\""), "{page}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_signed_is_shown_on_sqlite() {
    only_what_is_signed_is_shown(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_signed_is_shown_on_postgres() {
    only_what_is_signed_is_shown(Backend::Postgres).await;
}

/// A letter whose first page bears that line, where its typefaces are there.
fn marked(test: &TestApp, line: &str) -> Option<Vec<u8>> {
    letter_pdf(test)?;
    let read =
        |style: &str| std::fs::read(test.app.settings.fonts_dir.join(format!("LiberationSerif-{style}.ttf"))).unwrap();
    let faces = Typefaces::parse(read("Regular"), read("Bold"), read("Italic"), read("BoldItalic")).unwrap();
    let mut letter = letter::sample(None);
    letter.parent_agency = Some(line.to_owned());
    Some(letter.compose(&faces, test.app.clock.now()).unwrap().pdf)
}

/// What stands on disk below the documents' directory.
fn kept(test: &TestApp) -> usize {
    std::fs::read_dir(test.data_dir().join("documents")).map_or(0, |entries| entries.count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_road_takes_a_classified_document() {
    let test = TestApp::sqlite().await;
    let who = official(&test, "p256").await;
    let Some(secret) = marked(&test, "TUYỆT MẬT") else { return };
    let problem = |answer: &Value| answer["type"].as_str().unwrap_or_default().to_owned();
    let is_secret = |(status, answer): (u16, Value)| {
        (status, problem(&answer)) == (422, "urn:chuky:problem:document_secret".to_owned())
    };
    // The body, the form, and a file that its sender calls something else.
    let documents = "/api/v1/documents";
    assert!(is_secret(test.request("POST", documents, &who.token, "application/pdf", secret.clone()).await));
    assert!(is_secret(test.request("POST", documents, &who.token, "application/octet-stream", secret.clone()).await));
    // Two calls with one's own key: the document is not even kept, and not prepared either.
    let holder = super::two_step::Holder::of(&test).await;
    let (kind, body) = form(&holder.order(&json!({})), "a.pdf", "application/pdf", &secret);
    assert!(is_secret(test.request("POST", PREPARE, &holder.token, &kind, body).await));
    // The page: the class is asked for before the file, and the first page is searched all the same.
    let page = String::from_utf8(got(&test, &who, "/sign").await.1).unwrap();
    assert!(page.contains("name=\"secrecy\""), "{page}");
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let posted = |class: Option<&str>, pdf: &[u8]| {
        let text = |name: &str, value: &str| {
            format!("--g\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let class = class.map(|class| text("secrecy", class)).unwrap_or_default();
        let mut body = format!("{}{class}", text("csrf", &csrf)).into_bytes();
        body.extend_from_slice(b"--g\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.pdf\"\r\n\r\n");
        body.extend_from_slice(pdf);
        body.extend_from_slice(b"\r\n--g--\r\n");
        body
    };
    let said = async |class: Option<&str>, pdf: &[u8]| {
        let kind = "multipart/form-data; boundary=g";
        let (status, body) = test.raw("POST", "/sign", &who.token, kind, posted(class, pdf)).await;
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    for (class, pdf, sentence) in [
        (None, plain_pdf(), "Hãy chọn độ mật trước khi gửi tệp"),
        (Some("mat"), plain_pdf(), "Hệ thống này không nhận văn bản mật"),
        (Some("none"), secret, "Hệ thống này không nhận văn bản mật"),
    ] {
        let (status, page) = said(class, &pdf).await;
        assert!(status == 422 && page.contains(sentence), "{class:?} {status} {page}");
    }
    assert_eq!((kept(&test), test.sql("SELECT count(*) FROM document").trim()), (0, "0"));
    assert_eq!(said(Some("none"), &plain_pdf()).await.0, 303);
    assert_eq!(kept(&test), 1);
    // A sentence that speaks of secrets is no mark.
    let open = marked(&test, "BAN BẢO VỆ BÍ MẬT NHÀ NƯỚC").unwrap();
    who.upload(&test, &open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_sees_every_page_before_the_pin() {
    let test = TestApp::sqlite().await;
    official(&test, "p256").await;
    let Some(pdf) = letter_pdf(&test) else { return };
    let file = folder("seen").join("to-sign.pdf");
    std::fs::write(&file, &pdf).unwrap();
    for screen in [Screen::Desk, Screen::Phone, Screen::WithoutScripts] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/login").await;
        browser.log_in("can.bo", PASSWORD).await;
        browser.go("/sign").await;
        browser.press("[name=secrecy][value=none]").await;
        browser.choose_file("#document", &file).await;
        browser.press("[data-sign] button.main").await;
        browser.see("#sheets").await;
        assert!(browser.count("#sheets img[data-sheet]").await > 1);
        if screen != Screen::WithoutScripts {
            browser.press("details:has([name=look]) summary").await;
            browser.press("[name=look][value=official]").await;
            browser.drawn("img[data-preview][src*='look=official'], img[data-preview][src^=blob]", 1).await;
        }
        browser.whole_picture("sign-pages").await;
        browser.fill("pin", PIN).await;
        browser.press("[data-sign] button.main").await;
        assert!(browser.see("article.verdict").await.contains("Trần Văn Khương"));
        browser.close().await;
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
