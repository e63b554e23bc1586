//! The check page with files of many kinds: good, bad and undetermined ones, at the widths of a desk and of a phone, several at once, as
//! the eye and as a screen reader meets them.

use crate::harness::{
    app::TestApp,
    browser::{Browser, Screen},
    forge::{altered, with_file},
};
use serde_json::json;
use std::path::{Path, PathBuf};

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pki/tests/data/office").join(name)
}

/// A file of the corpora, where they are.
fn corpus(folder: &str, ending: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CHUKY_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"), PathBuf::from);
    // The driver takes no path with steps back in it.
    let root = root.canonicalize().ok()?;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join(folder)).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().find(|file| file.to_string_lossy().ends_with(ending))
}

/// A signed PDF that was changed: both pictures of its page, the change framed, the signature numbered.
pub async fn see_what_changed(test: &TestApp, directory: &Path, signed: &[u8]) {
    let file = directory.join("sua-sau-khi-ky.pdf");
    std::fs::write(&file, altered(signed, "Va tra them 9.000.000 dong")).unwrap();
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/verify").await;
        browser.choose_file("#document", &file).await;
        assert_eq!(browser.see("article.verdict .verdict-word").await, "Không hợp lệ");
        browser.see("details.pages[open] figure:nth-of-type(2) svg[role=img]").await;
        assert_eq!(browser.count("details.pages svg.page-picture").await, 2);
        assert!(browser.has("details.pages rect.difference").await && browser.has("rect.signature-place").await);
        let words = browser.see(".page-notes").await;
        assert!(words.contains("chỗ khác") && words.contains("chữ ký 1: Nguyễn Thị Hồng Ưởng"), "{words}");
        browser.whole_picture("verify-altered-pages").await;
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_file_has_a_card() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let changed = directory.path().join("letter-them-tep.docx");
    let mut bytes = std::fs::read(kept("letter.docx")).unwrap();
    // One byte of the compressed text.
    let at = bytes.windows(17).rposition(|window| window == b"word/document.xml").map_or(0, |_| bytes.len() / 2);
    bytes[at] ^= 1;
    std::fs::write(&changed, bytes).unwrap();
    // A macro that came after the signature.
    let added = directory.path().join("letter-them-macro.docx");
    std::fs::write(&added, with_file(&std::fs::read(kept("letter.docx")).unwrap(), "word/vbaProject.bin", b"macro"))
        .unwrap();
    let picture = directory.path().join("chu-ky.png");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\n").unwrap();
    let mut kinds = vec![
        ("docx", kept("letter.docx"), "Chưa xác định được"),
        ("odt", kept("letter.odt"), "Chưa xác định được"),
        ("docx-changed", changed, "Không hợp lệ"),
        ("docx-added", added, "Không hợp lệ"),
        ("picture", picture, "Không có chữ ký số"),
    ];
    for (name, folder, ending) in
        [("p7m", "dss-cades", ".p7m"), ("xml", "dss-xades", ".xml"), ("asice", "dss-asic-cades", ".asice")]
    {
        kinds.extend(corpus(folder, ending).map(|file| (name, file, "")));
    }
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        for (name, file, word) in &kinds {
            browser.go("/verify").await;
            browser.choose_file("#document", file).await;
            let found = browser.see("article.verdict .verdict-word").await;
            assert!(word.is_empty() || found == *word, "{name}: {found}");
            if *name == "docx-added" {
                let changes = browser.see(".changes").await;
                assert!(
                    changes.contains("Macro không được ký") && changes.contains("word/vbaProject.bin"),
                    "{changes}"
                );
            }
            if *name == "picture" {
                assert!(
                    browser.see(".next-step").await.contains("Hình ảnh chữ ký hay con dấu không phải là chữ ký số")
                );
            }
            browser.whole_picture(&format!("verify-kind-{name}")).await;
        }
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_files_at_once_are_told_one_by_one() {
    let test = TestApp::sqlite().await;
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/verify").await;
        let files = ["letter.docx", "letter.odt", "sheet.ods"].map(|name| kept(name).display().to_string());
        let field = browser.client.find(fantoccini::Locator::Css("#document")).await.unwrap();
        field.send_keys(&files.join("\n")).await.unwrap();
        browser.see("article.verdict:nth-of-type(3)").await;
        assert_eq!(browser.count("article.verdict").await, 3);
        // What a screen reader says: one sentence in a place of its own, and the focus is on the verdict that came last.
        let status = "return document.querySelector('[data-status][role=status]').textContent";
        let said = browser.client.execute(status, vec![]).await.unwrap();
        assert!(said.as_str().unwrap().contains("Chưa xác định được"), "{said}");
        let focus = "return document.activeElement.matches('article.verdict[aria-label]')";
        assert_eq!(browser.client.execute(focus, vec![]).await.unwrap(), json!(true));
        let live = "return document.querySelectorAll('[data-results][aria-live]').length";
        assert_eq!(browser.client.execute(live, vec![]).await.unwrap(), json!(0));
        browser.whole_picture("verify-several").await;
        browser.close().await;
    }
}

/// A signature in a file of its own: alone it says what is missing, together with its document it is judged, and the field for it takes another name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_apart_is_judged_with_its_document() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let content = b"Quyet dinh so 1";
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("quyet-dinh.txt"), content).unwrap();
    std::fs::write(path("ban-goc.txt"), content).unwrap();
    std::fs::write(path("quyet-dinh.txt.p7s"), crate::verification::service::signed_apart(content)).unwrap();
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/verify").await;
        browser.choose_file("#document", &path("quyet-dinh.txt.p7s")).await;
        let next = browser.see("article.verdict .next-step").await;
        assert!(next.contains("Hãy chọn cùng lúc cả tệp này và văn bản đã được ký"), "{next}");
        browser.whole_picture("verify-apart-alone").await;
        // Both at once: one card for the two.
        browser.go("/verify").await;
        let files = ["quyet-dinh.txt", "quyet-dinh.txt.p7s"].map(|name| path(name).display().to_string());
        let field = browser.client.find(fantoccini::Locator::Css("#document")).await.unwrap();
        field.send_keys(&files.join("\n")).await.unwrap();
        let said = browser.see("article.verdict").await;
        assert!(said.contains("Văn bản còn nguyên vẹn sau khi TEST Detached ký"), "{said}");
        assert_eq!(browser.count("article.verdict").await, 1);
        browser.whole_picture("verify-apart-together").await;
        // Another name: chosen in its own field first.
        browser.go("/verify").await;
        browser.press(".signed-apart summary").await;
        browser.choose_file("#content", &path("ban-goc.txt")).await;
        browser.whole_picture("verify-apart-field").await;
        browser.choose_file("#document", &path("quyet-dinh.txt.p7s")).await;
        let said = browser.see("article.verdict").await;
        assert!(said.contains("Văn bản còn nguyên vẹn sau khi TEST Detached ký"), "{said}");
        browser.close().await;
    }
}

/// From the card to a link with a QR code, and from the link back to the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_gets_a_link_and_knows_its_file() {
    let test = TestApp::sqlite().await;
    let (_, signed) = crate::verification::service::signed_document(&test).await;
    let directory = tempfile::tempdir().unwrap();
    let (file, other) = (directory.path().join("quyet-dinh.pdf"), directory.path().join("quyet-dinh-khac.pdf"));
    std::fs::write(&file, &signed).unwrap();
    std::fs::write(&other, altered(&signed, "Va tra them 9.000.000 dong")).unwrap();
    for screen in [Screen::Desk, Screen::Phone, Screen::WithoutScripts] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/verify").await;
        browser.choose_file("#document", &file).await;
        if screen == Screen::WithoutScripts {
            browser.press("form.drop-form button").await;
        }
        assert_eq!(browser.see("article.verdict .verdict-word").await, "Hợp lệ");
        for form in ["pdf", "xml", "link"] {
            browser.see(&format!(".report-form button[value={form}]")).await;
        }
        browser.whole_picture("verify-reports").await;
        browser.press(".report-form button[value=link]").await;
        browser.see("svg.quick-response[role=img]").await;
        assert!(browser.path().await.starts_with("/v/"));
        browser.whole_picture("kept").await;
        for (chosen, words, class) in [
            (&file, "giống đến từng byte", ".kept-same"),
            (&other, "Không phải là tệp đã được kiểm tra", ".kept-other"),
        ] {
            browser.choose_file("#document", chosen).await;
            browser.press(".kept-compare button.main").await;
            let said = browser.see(class).await;
            assert!(said.contains(words), "{said}");
            browser.whole_picture(&format!("kept{}", class.replace(".kept", ""))).await;
        }
        browser.close().await;
    }
}
