//! A booth that loses its network: what was entered stays on the device, encrypted, and is sent once. The network is taken from the
//! browser itself; what lies on the device is read as a thief would read it.

use super::CARD;
use crate::harness::{
    app::TestApp,
    browser::{Browser, Screen},
};
use fantoccini::Locator;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const NUMBER: &str = "001190012345";
const PATIENCE: Duration = Duration::from_secs(120);

async fn operator(test: &TestApp, screen: Screen, login: &str) -> Browser {
    let browser = Browser::open(&test.url, screen).await;
    browser.go("/booth").await;
    browser.log_in(login, &test.passwords[login]).await;
    ready(&browser).await;
    browser
}

/// Waits until the page has its keys and has said how many drafts there are.
async fn ready(browser: &Browser) {
    there(browser, "[data-drafts-waiting]").await;
}

/// Waits for an element, seen or not; the list of drafts is drawn anew whenever it changes.
async fn there(browser: &Browser, selector: &str) {
    let found = browser.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
    if let Err(error) = found {
        let page = browser.client.source().await.unwrap_or_default();
        panic!("{selector} is not there ({error}):\n{page}");
    }
}

/// The text of an element as it is now.
async fn text(browser: &Browser, selector: &str) -> String {
    let found = browser.value(&format!("return document.querySelector(\"{selector}\").textContent")).await;
    found.as_str().unwrap_or_default().to_owned()
}

async fn cut(browser: &Browser) {
    browser.network(false).await;
    // One band says so, and says what goes on without a network.
    let band = browser.see("[data-offline]:not([hidden])").await;
    assert!(band.contains("quét thẻ dưới đây"), "{band}");
}

/// Scans, confirms and keeps a card without a network.
async fn kept(browser: &Browser, card: &str, count: usize) {
    browser.fill("card_text", card).await;
    browser.press("form[data-scan] button.main").await;
    browser.press("[name=draft_card_compared]").await;
    browser.press("[name=draft_face_compared]").await;
    browser.fill("draft_phone", "0912345678").await;
    browser.press("[data-drafts-form] button.second").await;
    there(browser, &format!("[data-drafts-waiting='{count}'] [data-draft-state=waiting]")).await;
}

/// All that a page of this origin can read of the device: records with their octets as Latin-1.
async fn at_rest(browser: &Browser) -> Vec<Value> {
    let script = "const open = indexedDB.open('chuky-booth', 1);
        const database = await new Promise((done, failed) => { open.onsuccess = () => done(open.result); open.onerror = failed; });
        const all = database.transaction('drafts').objectStore('drafts').getAll();
        await new Promise((done) => { all.onsuccess = done; });
        database.close();
        const text = (octets) => String.fromCharCode(...new Uint8Array(octets));
        return all.result.map((one) => ({ ...one, nonce: text(one.nonce), sealed: text(one.sealed) }));";
    browser.value(script).await.as_array().unwrap().clone()
}

/// Files under the browser's profile that hold one of these, as UTF-8 or UTF-16 of either order.
fn holding(directory: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let needles: Vec<Vec<u8>> = words
        .iter()
        .flat_map(|word| {
            let little = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big = word.encode_utf16().flat_map(u16::to_be_bytes).collect();
            [word.as_bytes().to_vec(), little, big]
        })
        .collect();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        // The browser works on beside: what is gone by now holds nothing.
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && needles.iter().any(|needle| bytes.windows(needle.len()).any(|part| part == needle))
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// How many requests there are.
fn requests(test: &TestApp) -> String {
    test.sql("SELECT COUNT(*) FROM registration_request").trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_waits_encrypted_and_is_sent_once() {
    let test = TestApp::sqlite().await;
    let browser = operator(&test, Screen::Desk, "gianhang").await;
    cut(&browser).await;
    browser.picture("booth-drafts-offline").await;
    // What is no card is no draft.
    browser.fill("card_text", "https://example.vn").await;
    browser.press("form[data-scan] button.main").await;
    assert!(browser.see("[data-drafts-said]:not([hidden])").await.starts_with("Đây không phải nội dung"));
    // The scanner types, and the step is the same as with a network: both are compared.
    kept(&browser, CARD, 1).await;
    assert_eq!(text(&browser, "[data-row-name]").await, "Nguyễn Thị Hồng Ưởng");
    browser.whole_picture("booth-drafts-kept").await;
    let other = "001090000077||Trần Văn Quý|01021990|Nam|Số 2, Phường Hoàn Kiếm, Hà Nội|01012022";
    kept(&browser, other, 2).await;
    assert_eq!(browser.count("[data-draft-state=waiting]").await, 2);
    // A thief finds neither number, name nor telephone: not in the records, not in any file of the browser.
    let records = at_rest(&browser).await;
    assert_eq!(records.len(), 2);
    for record in &records {
        let told = record.to_string();
        assert!(!told.contains(NUMBER) && !told.contains("0912345678") && !told.contains("Ưởng"), "{told}");
        assert!(record["sealed"].as_str().unwrap().chars().count() > 100);
    }
    let secrets = [NUMBER, "001090000077", "0912345678", "Hồng Ưởng"];
    let files = holding(browser.profile(), &secrets);
    assert!(files.is_empty(), "{files:?}");
    assert!(!holding(browser.profile(), &["chuky-booth"]).is_empty(), "the store itself was looked at");
    assert_eq!(requests(&test), "0");
    // The network is back: sent without being told, once each, and gone from the device.
    browser.network(true).await;
    there(&browser, "[data-draft-state=sent] ~ [data-draft-state=sent]").await;
    browser.whole_picture("booth-drafts-sent").await;
    assert_eq!(requests(&test), "2");
    assert!(at_rest(&browser).await.is_empty());
    browser.press("[data-draft-state=sent] [data-row-open]").await;
    browser.see(".person").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_goes_between_the_steps_loses_and_doubles_nothing() {
    let test = TestApp::sqlite().await;
    let browser = operator(&test, Screen::Desk, "gianhang").await;
    browser.fill("card_text", CARD).await;
    browser.press("form[data-scan] button.main").await;
    browser.see(".card-large").await;
    ready(&browser).await;
    browser.press("[name=card_compared]").await;
    browser.press("[name=face_compared]").await;
    // The answer is lost, not the request: what was entered is sent again under its key.
    let lose = "const real = window.fetch; window.held = true; window.fetch = async (...all) => {
        if (String(all[0]) === '/booth/drafts' && window.held) throw new TypeError('held');
        const answer = await real(...all);
        if (String(all[0]) === '/booth/requests') throw new TypeError('lost');
        return answer; };";
    browser.client.execute(lose, vec![]).await.unwrap();
    browser.press("form[action='/booth/requests'] button.main").await;
    there(&browser, "[data-draft-state=waiting]").await;
    assert_eq!(requests(&test), "1");
    assert_eq!(at_rest(&browser).await.len(), 1);
    // The next person's card is read on the same page, which has no field for it of its own.
    cut(&browser).await;
    browser.see("[data-drafts-scan]:not([hidden])").await;
    browser.fill("draft_text", &CARD.replace("012345|", "012346|")).await;
    browser.press("[data-drafts-scan] button").await;
    there(&browser, "[data-drafts-form]:not([hidden]) [data-card='0']").await;
    browser.press("[data-drafts-cancel]").await;
    browser.client.execute("window.held = false", vec![]).await.unwrap();
    browser.network(true).await;
    browser.press("[data-drafts-send]").await;
    there(&browser, "[data-draft-state=sent]").await;
    assert_eq!(requests(&test), "1");
    assert!(at_rest(&browser).await.is_empty());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_is_not_taken_says_why_and_can_be_read_again() {
    let test = TestApp::sqlite().await;
    let browser = operator(&test, Screen::Phone, "gianhang").await;
    cut(&browser).await;
    browser.picture("booth-drafts-offline").await;
    // The digit for the sex does not fit: the device cannot judge, the service does.
    kept(&browser, &CARD.replace("|Nữ|", "|Nam|"), 1).await;
    browser.whole_picture("booth-drafts-kept").await;
    browser.network(true).await;
    there(&browser, "[data-draft-state=refused]").await;
    assert!(text(&browser, "[data-row-reason]").await.contains("Số định danh không khớp giới tính"));
    browser.whole_picture("booth-drafts-refused").await;
    assert_eq!((requests(&test), at_rest(&browser).await.len()), ("0".to_owned(), 1));
    browser.press("[data-row-look]").await;
    browser.see("#card_text-problem").await;
    browser.press("[data-draft-state=refused] [data-row-drop]").await;
    browser.client.accept_alert().await.unwrap();
    there(&browser, "[data-drafts-waiting='0']").await;
    assert!(at_rest(&browser).await.is_empty());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_outlives_the_log_out_and_its_key_does_not() {
    let test = TestApp::sqlite().await;
    let browser = operator(&test, Screen::Desk, "gianhang").await;
    // The service takes none for the moment: the draft waits although there is a network.
    let away = "const real = window.fetch; window.fetch = (...all) => String(all[0]) === '/booth/drafts' ? Promise.reject(new TypeError('gone')) : real(...all);";
    browser.client.execute(away, vec![]).await.unwrap();
    cut(&browser).await;
    kept(&browser, CARD, 1).await;
    browser.network(true).await;
    there(&browser, "[data-drafts-network=there]").await;
    browser.press("header form[action='/logout'] button").await;
    browser.see("dialog[open] [data-leave-keep]").await;
    browser.picture("booth-drafts-leave").await;
    browser.press("[data-leave-stay]").await;
    browser.press("header form[action='/logout'] button").await;
    browser.press("[data-leave-keep]").await;
    browser.see(".doors").await;
    // Without a session no key, and the draft as it was.
    let records = at_rest(&browser).await;
    assert_eq!(records.len(), 1);
    let keys =
        "const answer = await fetch('/booth/draft-keys', { method: 'POST', body: new URLSearchParams({ csrf: '' }) });
        return await answer.text();";
    let told = browser.value(keys).await.to_string();
    assert!(!told.contains("keys") && !told.contains("owner"), "{told}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_of_one_operator_and_drafts_are_judged_like_the_form() {
    let test = TestApp::sqlite().await;
    let (one, two) = (
        test.account("quay.mot", &[chuky_model::role::Role::Operator], None).await.1,
        test.account("quay.hai", &[chuky_model::role::Role::Operator], None).await.1,
    );
    let form = "application/x-www-form-urlencoded";
    let keys = async |token: &str| {
        let (status, answer) = test.request("POST", "/booth/draft-keys", token, form, b"csrf=".to_vec()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let (mine, theirs) = (keys(&one).await, keys(&two).await);
    assert_eq!(mine, keys(&one).await, "the same session after session");
    assert_eq!(mine["keys"].as_array().unwrap().len(), 4);
    for (mine, theirs) in mine["keys"].as_array().unwrap().iter().zip(theirs["keys"].as_array().unwrap()) {
        assert_eq!(mine["day"], theirs["day"]);
        assert_ne!(mine["key"], theirs["key"]);
    }
    assert_ne!(mine["owner"], theirs["owner"]);
    let send = async |fields: &[(&str, &str)]| {
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> = fields.iter().map(|(name, text)| format!("{name}={}", escape(text))).collect();
        test.request("POST", "/booth/drafts", &one, form, body.join("&").into_bytes()).await
    };
    let whole =
        [("card_text", CARD), ("card_compared", "1"), ("face_compared", "1"), ("idempotency_key", "nhap-so-mot")];
    let (status, answer) = send(&whole[..3]).await;
    assert_eq!((status, &answer["type"]), (422, &json!("urn:chuky:problem:draft_without_key")), "{answer}");
    let (status, answer) = send(&[whole[0], whole[1], whole[3]]).await;
    assert_eq!((status, &answer["code"]), (422, &json!("compare_first")), "{answer}");
    let (status, answer) = send(&[("card_text", "x|y"), whole[1], whole[2], whole[3]]).await;
    assert_eq!((status, &answer["code"]), (422, &json!("card")), "{answer}");
    // Sent at once from two pages: one request, whoever was first.
    let (first, second) = tokio::join!(send(&whole), send(&whole));
    for (status, answer) in [&first, &second] {
        assert!(*status == 200 || answer["code"] == "request_under_way", "{status} {answer}");
    }
    assert_eq!(requests(&test), "1");
    let (status, again) = send(&whole).await;
    assert_eq!((status, requests(&test).as_str()), (200, "1"), "{again}");
    // The same person by another key: told as at the booth.
    let (status, answer) = send(&[whole[0], whole[1], whole[2], ("idempotency_key", "nhap-so-hai")]).await;
    assert_eq!((status, &answer["code"]), (409, &json!("request_open")), "{answer}");
    assert!(answer["said"].as_str().unwrap().chars().count() > 10);
}
