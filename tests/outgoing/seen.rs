//! What those on the road see of a document: pictures of the bytes that they act on, and nothing is done with other bytes.

use super::{Agency, act, key, official, shown};
use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    outgoing::short_road,
    signing::subscriber::{PASSWORD, PIN, letter_pdf, plain_pdf},
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_acts_on_what_was_seen() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let outside = official(&test, "nguoi.ngoai", "H27").await;
    let mut road = short_road();
    road["steps"] =
        json!([{ "kind": "initials", "account": "truong.phong" }, { "kind": "sign", "account": "chu.tich" }]);
    let id = agency.submitted(&test, &plain_pdf(), &road).await;
    let picture = async |token: &str, page: u32, sha256: &str| {
        let path = format!("/documents/{id}/pages/{page}?sha256={sha256}");
        let (status, body) = test.raw("GET", &path, token, "", Vec::new()).await;
        assert_eq!(status == 200, body.starts_with(b"\x89PNG"));
        status
    };
    let digest = async |token: &str| shown(&test, &id, token).await["content_sha256"].as_str().unwrap().to_owned();
    let other = json!("00".repeat(32));
    for (what, token, body) in [
        ("initials", &agency.colleague, json!({})),
        ("sign", &agency.leader.token, key(&agency.leader)),
        ("number", &agency.clerk.token, json!({})),
        ("seal", &agency.clerk.token, key(&agency.clerk)),
    ] {
        let seen = digest(token).await;
        let (_, page) = test.raw("GET", &format!("/documents/{id}"), token, "", Vec::new()).await;
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(&format!("name=\"content_sha256\" value=\"{seen}\"")), "{what}: {page}");
        assert!(page.contains(&format!("/documents/{id}/pages/1?sha256={seen}")), "{what}: {page}");
        assert_eq!(picture(token, 1, &seen).await, 200, "{what}");
        assert_eq!(picture(token, 2, &seen).await, 422, "{what}");
        assert_eq!(picture(&outside, 1, &seen).await, 404, "{what}");
        assert_eq!(picture(token, 1, other.as_str().unwrap()).await, 409, "{what}");
        let with = |sha256: &Value| {
            let mut body = body.clone();
            body["content_sha256"] = sha256.clone();
            body
        };
        // A page posts what it showed: other bytes, or none, are refused.
        let csrf =
            page.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default().split('"').next().unwrap_or_default();
        let who = if what == "seal" { &agency.clerk } else { &agency.leader };
        for said in [format!("&content_sha256={}", other.as_str().unwrap()), "&content_sha256=".into(), String::new()] {
            let form = format!("csrf={csrf}&credential={}&pin={PIN}{said}", who.credential).replace(' ', "+");
            let kind = "application/x-www-form-urlencoded";
            let path = format!("/documents/{id}/{what}");
            let (status, body) = test.raw("POST", &path, token, kind, form.into_bytes()).await;
            assert_eq!(status, 409, "{what} {said}: {}", String::from_utf8_lossy(&body));
        }
        let (status, answer) = act(&test, &id, what, token, &with(&other)).await;
        assert!(status == 409 || answer["signed"] == json!(false), "{what}: {status} {answer}");
        let (status, answer) = act(&test, &id, what, token, &with(&json!(seen))).await;
        assert!(status == 200 && answer["signed"] != json!(false), "{what}: {status} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_cannot_be_shown_has_its_page_and_nobody_acts_on_it() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let out = super::sent(&test, &agency, &short_road()).await;
    let waits = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    for entry in std::fs::read_dir(test.data_dir().join("documents")).unwrap() {
        std::fs::write(entry.unwrap().path(), b"").unwrap();
    }
    for (id, token, says) in [(&out, &agency.clerk.token, "Thu hồi"), (&waits, &agency.leader.token, "Từ chối")] {
        let (status, page) = test.raw("GET", &format!("/documents/{id}"), token, "", Vec::new()).await;
        let page = String::from_utf8(page).unwrap();
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("Hiện chưa xem được nội dung") && page.contains(says), "{page}");
        assert!(!page.contains("name=\"pin\"") && !page.contains("data-sheet>"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_failed_before_the_script_ran_says_so() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let browser = Browser::open(&test.url, Screen::Desk).await;
    browser.go("/login").await;
    browser.log_in("chu.tich", PASSWORD).await;
    browser.go(&format!("/documents/{id}")).await;
    browser.drawn("img[data-sheet]", 1).await;
    // A lazy picture of other bytes, in view, whose error nobody heard; and one that never comes into view. Then the script runs.
    let script = "(() => {
        const old = document.querySelector('figure.sheet'), far = old.cloneNode(true), now = old.cloneNode(true);
        const picture = now.querySelector('img');
        picture.id = 'broken'; picture.src = picture.src.replace(/sha256=.*/, 'sha256=00');
        far.id = 'far'; far.style.marginTop = '90000px'; far.querySelector('img').src += '&far=1';
        old.replaceWith(now); document.body.append(far);
        picture.scrollIntoView();
        picture.addEventListener('error', () => {
            const script = document.createElement('script');
            script.src = document.querySelector('script[src*=sheets]').src; document.head.append(script);
        }, { once: true });
    })()";
    browser.value(script).await;
    browser.see("figure.sheet:not(#far) [data-sheet-missing]:not([hidden])").await;
    assert_eq!(browser.value("return document.querySelector('#far img').dataset.tried ?? 'not'").await, json!("not"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_sees_the_pages_of_one_and_the_first_of_many() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let pdf = letter_pdf(&test).unwrap_or_else(plain_pdf);
    let mut first = String::new();
    for number in 0..3 {
        let mut metadata = short_road();
        metadata["subject"] = json!(format!("Quyết định thứ {number}"));
        first = agency.submitted(&test, &pdf, &metadata).await;
    }
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/login").await;
        browser.log_in("chu.tich", PASSWORD).await;
        let one = format!("/documents/{first}");
        for (path, count, name) in [("/documents", 3, "documents-batch-pages"), (one.as_str(), 2, "document-pages")] {
            browser.go(path).await;
            browser.drawn("img[data-sheet]", count).await;
            browser.whole_picture(name).await;
        }
        browser.close().await;
    }
}
