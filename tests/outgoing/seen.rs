//! What those on the road see of a document: pictures of the bytes that they act on, and nothing is done with other bytes.

use super::{Agency, act, key, official, shown};
use crate::{
    harness::{
        app::TestApp,
        browser::{Browser, Screen},
    },
    outgoing::short_road,
    signing::subscriber::{PASSWORD, letter_pdf, plain_pdf},
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
            if what != "number" {
                body["content_sha256"] = sha256.clone();
            }
            body
        };
        if what == "number" {
            let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
            let form = format!("csrf={csrf}&content_sha256={}", other.as_str().unwrap());
            let kind = "application/x-www-form-urlencoded";
            let path = format!("/documents/{id}/number");
            assert_eq!(test.raw("POST", &path, token, kind, form.into_bytes()).await.0, 409);
        } else {
            let (status, answer) = act(&test, &id, what, token, &with(&other)).await;
            assert!(status == 409 || answer["signed"] == json!(false), "{what}: {status} {answer}");
        }
        let (status, answer) = act(&test, &id, what, token, &with(&json!(seen))).await;
        assert!(status == 200 && answer["signed"] != json!(false), "{what}: {status} {answer}");
    }
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
