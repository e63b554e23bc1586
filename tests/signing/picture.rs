//! The picture that is kept with a credential: what is taken, who sees it, where it shows, and what SQL makes of it.

use super::subscriber::{PASSWORD, PIN, Subscriber, citizen, folder, official, plain_pdf};
use crate::harness::{
    app::{Backend, TestApp},
    browser::{Browser, Screen},
};
use serde_json::{Value, json};

/// A blue stroke on a transparent ground, or on a white one.
pub fn stroke(transparent: bool, shade: u8) -> Vec<u8> {
    let (width, height) = (240_u32, 100_u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let on = (y as i32 - (50 + 30 * ((x as f32) / 20.0).sin() as i32)).abs() < 6;
            pixels.extend(if on { [10, shade, 200, 255] } else { [255, 255, 255, 0] });
            if !transparent {
                let last = pixels.len() - 1;
                pixels[last] = 255;
            }
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

fn path(who: &Subscriber) -> String {
    format!("/api/v1/credentials/{}/picture", who.credential)
}

async fn keep(test: &TestApp, who: &Subscriber, png: Vec<u8>) -> (u16, String) {
    let (status, body) = test.raw("PUT", &path(who), &who.token, "image/png", png).await;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:").to_owned())
}

async fn kept(test: &TestApp, who: &Subscriber, token: &str) -> (u16, Vec<u8>) {
    test.raw("GET", &path(who), token, "", Vec::new()).await
}

async fn a_picture_is_its_owners(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (who, other) = (official(&test, "p256").await, citizen(&test).await);
    let stroke = stroke(true, 40);
    assert_eq!(kept(&test, &who, &who.token).await.0, 404);
    // Asked for where none is kept; and what is no picture, covers the page or is too large.
    let id = who.upload(&test, &plain_pdf()).await;
    let order = json!({ "look": "official", "kept_picture": true });
    assert_eq!(who.ask(&test, &id, PIN, order.clone()).await.0, 422);
    for (png, code) in [
        (b"GIF89a".to_vec(), "picture_unreadable"),
        (stroke[..stroke.len() / 2].to_vec(), "picture_unreadable"),
        (self::stroke(false, 40), "picture_opaque"),
        (vec![0; (256 << 10) + 1], "picture_too_large"),
    ] {
        assert_eq!(keep(&test, &who, png).await, (422, code.to_owned()));
    }
    assert_eq!(keep(&test, &other, stroke.clone()).await, (422, "picture_not_shown".to_owned()), "a citizen");
    // Kept, seen by its owner alone, encrypted; replaced by another one.
    assert_eq!(keep(&test, &who, stroke.clone()).await.0, 204);
    assert_eq!(kept(&test, &who, &who.token).await, (200, stroke.clone()));
    assert_eq!(kept(&test, &who, &other.token).await.0, 404);
    let stored = test.sql("SELECT length(picture) FROM signature_picture").trim().parse::<usize>().unwrap();
    assert!(stored > stroke.len(), "sealed");
    let second = self::stroke(true, 90);
    assert_eq!(keep(&test, &who, second.clone()).await.0, 204);
    assert_eq!(kept(&test, &who, &who.token).await, (200, second));
    // Of several that are kept at once one is, and the others are told that they were overtaken.
    let again = |shade| keep(&test, &who, self::stroke(true, shade));
    let (one, two, three) = tokio::join!(again(1), again(2), again(3));
    let answers = [one, two, three];
    assert!(answers.iter().any(|answer| answer.0 == 204), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.0 != 500), "{answers:?}");
    // It shows where it is asked for.
    let with = who.sign(&test, &plain_pdf(), order.clone()).await;
    let without = who.sign(&test, &plain_pdf(), json!({ "look": "official" })).await;
    let has_picture = |pdf: &[u8]| pdf.windows(14).any(|window| window == b"/Subtype/Image");
    assert!(has_picture(&with) && !has_picture(&without));
    std::fs::write(folder("picture").join("kept.pdf"), &with).unwrap();
    // An earlier picture put back by SQL, one that was made, and one that was taken away are told from the real one.
    test.sql("CREATE TABLE kept AS SELECT * FROM signature_picture");
    assert_eq!(keep(&test, &who, stroke.clone()).await.0, 204);
    test.sql("UPDATE signature_picture SET picture = k.picture, changed_at = k.changed_at, version = k.version, mac = k.mac FROM kept k");
    assert_eq!(who.ask(&test, &id, PIN, order.clone()).await.0, 500, "an earlier one");
    test.sql("DELETE FROM signature_picture");
    assert_eq!(who.ask(&test, &id, PIN, order.clone()).await.0, 500, "none");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_its_owners_on_sqlite() {
    a_picture_is_its_owners(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_its_owners_on_postgres() {
    a_picture_is_its_owners(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_keeps_a_picture_and_signs_with_it() {
    let test = TestApp::sqlite().await;
    official(&test, "p256").await;
    let folder = folder("picture");
    let (file, pdf) = (folder.join("hand.png"), folder.join("to-sign.pdf"));
    std::fs::write(&file, stroke(true, 40)).unwrap();
    std::fs::write(&pdf, plain_pdf()).unwrap();
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/login").await;
        browser.log_in("can.bo", PASSWORD).await;
        browser.go("/credentials").await;
        browser.press("a[href$='/picture']").await;
        browser.choose_file("#picture", &file).await;
        browser.press("form[enctype] button.main").await;
        browser.see("form[action$='/remove']").await;
        browser.picture("picture-kept").await;
        browser.go("/sign").await;
        browser.press("[name=secrecy][value=none]").await;
        browser.choose_file("#document", &pdf).await;
        browser.press("[data-sign] button.main").await;
        browser.see("#sheets").await;
        browser.press("details:has([name=look]) summary").await;
        browser.press("[name=look][value=official]").await;
        browser.drawn("img[data-preview][src*='look=official'], img[data-preview][src^=blob]", 1).await;
        browser.whole_picture("sign-with-picture").await;
        browser.fill("pin", PIN).await;
        browser.press("[data-sign] button.main").await;
        browser.see("article.verdict").await;
        browser.go("/credentials").await;
        browser.press("a[href$='/picture']").await;
        browser.press("form[action$='/remove'] button").await;
        browser.gone("form[action$='/remove']").await;
        browser.close().await;
    }
    let kinds = test.sql("SELECT kind FROM audit_entry WHERE kind LIKE 'signature_picture%' ORDER BY id");
    assert_eq!(kinds.split_whitespace().count(), 4, "{kinds}");
}
