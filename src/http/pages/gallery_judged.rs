//! The gallery in Chromium: every page in every state is held to WCAG 2.2 AA, to the keyboard, to its width, weight and calm, in both
//! languages, both themes, at the width of a desk and of a phone. Test code only.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{assets, gallery};
use axum::{
    Json, Router,
    extract::Path,
    http::{StatusCode, Uri, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::text::Language;
use std::{collections::BTreeMap, sync::Arc};

// The harness of the integration tests: one browser, one set of measures.
#[allow(dead_code)]
#[path = "../../../tests/harness/browser.rs"]
mod browser;
#[path = "../../../tests/harness/page_checks.rs"]
mod page_checks;

use browser::{Browser, Screen};
use page_checks::Look;

type Pages = Arc<BTreeMap<&'static str, String>>;

/// Serves the pages of one language on a free port of this machine, and gives its address.
async fn served(language: Language) -> (String, Vec<&'static str>) {
    let pages: Pages = Arc::new(gallery::screens(language).into_iter().collect());
    let names = pages.keys().copied().collect();
    let page = move |Path(name): Path<String>| {
        let pages = pages.clone();
        async move {
            match pages.get(name.as_str()) {
                Some(page) => Html(page.clone()).into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
    };
    let router: Router = Router::new()
        .route("/pages/{name}", get(page))
        .route("/assets/{hash}/{*path}", get(assets::serve))
        .route("/booth/draft-keys", post(draft_keys))
        .fallback(get(picture));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, names)
}

/// A page of a document, as large as its frame says, where one is asked for.
async fn picture(address: Uri) -> Response {
    let path = address.path();
    if !path.contains("/pages/") && !path.ends_with("/preview") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let drawn = r#"<svg xmlns="http://www.w3.org/2000/svg" width="900" height="1273"/>"#;
    ([(CONTENT_TYPE, "image/svg+xml")], drawn).into_response()
}

/// As a session of the booth is given them: without, its page says that drafts wait.
async fn draft_keys() -> Response {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    Json(serde_json::json!({ "owner": "somebody", "keys": [{ "day": 20_000, "key": key }] })).into_response()
}

async fn judged(language: Language, looks: [Look; 2]) -> Vec<String> {
    let (address, names) = served(language).await;
    let browser = Browser::open(&address, Screen::Desk).await;
    assert!(names.len() > 150, "{} pages", names.len());
    let mut faults = Vec::new();
    for name in names {
        for fault in page_checks::judge(&browser, &format!("/pages/{name}"), looks).await {
            faults.push(format!("{name} ({}): {fault}", language.code()));
        }
    }
    browser.close().await;
    faults
}

const fn look(width: u32, dark: bool) -> Look {
    Look { width, dark }
}

/// Between both languages each page is seen light and dark at both widths.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_in_vietnamese_keeps_wcag_in_a_browser() {
    let faults = judged(Language::Vi, [look(1280, false), look(360, true)]).await;
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_in_english_keeps_wcag_in_a_browser() {
    let faults = judged(Language::En, [look(1280, true), look(360, false)]).await;
    assert!(faults.is_empty(), "{faults:#?}");
}
