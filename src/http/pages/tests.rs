//! Both languages complete, every text used and present, no words in templates, and pages that keep their own policy.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{activate, assets, gallery, home, language, login, texts, verify};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{StatusCode, header},
    middleware,
    response::Response,
    routing::get,
};
use chuky_model::{report::Indication, text::Language};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use tower::ServiceExt;

const LANGUAGES: [Language; 2] = [Language::Vi, Language::En];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(directory: &Path, ending: &str, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

/// The keys of a language with the names of the arguments each needs.
fn keys(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = Vec::new();
    files_below(&root().join("web/texts").join(language.code()), "ftl", &mut found);
    let mut keys = BTreeMap::new();
    for (path, text) in found {
        for line in text.lines() {
            let Some((key, value)) = line.split_once(" = ") else {
                assert!(line.is_empty(), "{}: not a message: {line}", path.display());
                continue;
            };
            let arguments =
                value.split('{').skip(1).map(|part| part.split('}').next().unwrap().trim().to_owned()).collect();
            assert!(keys.insert(key.to_owned(), arguments).is_none(), "{}: {key} stands twice", path.display());
            assert!(!value.trim().is_empty(), "{}: {key} is empty", path.display());
        }
    }
    keys
}

fn templates() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files_below(&root().join("web/templates"), "html", &mut found);
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    // Besides the pages: what names the texts that subscribers agree to.
    for folder in ["src/http", "src/registration"] {
        files_below(&root().join(folder), "rs", &mut found);
    }
    found
}

/// The string literals that follow one of these openings.
fn literals_after<'a>(text: &'a str, openings: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for opening in openings {
        for (at, _) in text.match_indices(opening) {
            found.extend(text[at + opening.len()..].split('"').next());
        }
    }
    found
}

#[test]
fn both_languages_have_the_same_keys_and_arguments() {
    let (vietnamese, english) = (keys(Language::Vi), keys(Language::En));
    for (key, arguments) in &vietnamese {
        assert_eq!(english.get(key), Some(arguments), "{key} differs between web/texts/vi and web/texts/en");
    }
    for key in english.keys() {
        assert!(vietnamese.contains_key(key), "{key} is missing in web/texts/vi");
    }
    for (language, all) in [(Language::Vi, &vietnamese), (Language::En, &english)] {
        for (key, names) in all {
            let arguments: Vec<(&str, &str)> = names.iter().map(|name| (name.trim_start_matches('$'), "1")).collect();
            assert!(texts::text(language, key, &arguments).is_some(), "{key} is not read by Fluent");
        }
    }
}

#[test]
fn every_key_used_exists_and_every_key_is_used() {
    let known = keys(Language::Vi);
    let mut text_of_all = String::new();
    for (path, text) in templates().into_iter().chain(sources()) {
        for key in literals_after(&text, &["say(\"", "fill(\"", "Row::new(frame, \"", "row(frame, \""]) {
            assert!(known.contains_key(key), "{}: no text has the key {key}", path.display());
        }
        let is_source = path.extension().is_some_and(|ending| ending == "rs");
        for ending in
            literals_after(&text, &["\"problem-"]).into_iter().filter(|ending| is_source && !ending.is_empty())
        {
            let key = ["problem", ending].join("-");
            assert!(known.contains_key(&key), "{}: no text has the key {key}", path.display());
        }
        text_of_all.push_str(&text);
    }
    let mut prefixes: BTreeSet<String> =
        literals_after(&text_of_all, &["name_of(\""]).into_iter().map(|prefix| format!("{prefix}-")).collect();
    // Composed in `frame.rs`, `refusal.rs`, `verdict.rs`; problems are chosen by handlers.
    prefixes.extend(["field-", "refusal-", "outcome-", "problem-"].map(str::to_owned));
    for key in known.keys() {
        let used = text_of_all.contains(&format!("\"{key}\"")) || prefixes.iter().any(|prefix| key.starts_with(prefix));
        assert!(used, "{key} is used nowhere: remove it from web/texts");
    }
}

#[test]
fn every_kind_of_change_has_its_words() {
    let known = keys(Language::Vi);
    for kind in chuky_pki::pdf::change::ChangeKind::ALL {
        let key = format!("change-{}", kind.name().replace('_', "-"));
        assert!(known.contains_key(&key), "no text has the key {key}");
    }
}

/// What remains of a template without tags, expressions and comments: must hold no words.
fn bare_text(template: &str) -> String {
    let mut text = template.to_owned();
    for (open, close) in [("{#", "#}"), ("{%", "%}"), ("{{", "}}"), ("<", ">")] {
        let mut kept = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(open) {
            kept.push_str(&rest[..start]);
            let Some(end) = rest[start..].find(close) else { break };
            rest = &rest[start + end + close.len()..];
        }
        kept.push_str(rest);
        text = kept;
    }
    text
}

#[test]
fn templates_hold_no_words_of_their_own() {
    for (path, template) in templates() {
        let bare = bare_text(&template);
        let words: Vec<&str> =
            bare.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        assert!(words.is_empty(), "{}: words belong in web/texts: {words:?}", path.display());
        for attribute in ["aria-label=\"", "title=\"", "placeholder=\"", "alt=\"", "value=\""] {
            for value in literals_after(&template, &[attribute]) {
                let is_name = value.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
                    || ["Nam", "Nữ"].contains(&value);
                assert!(value.starts_with("{{") || is_name, "{}: {attribute}{value}", path.display());
            }
        }
    }
}

#[test]
fn pages_keep_their_own_policy_and_miss_no_text() {
    for language in LANGUAGES {
        for (name, page) in gallery::screens(language) {
            assert!(page.contains("</html>"), "{name} is not whole");
            assert!(!page.contains(texts::MISSING[0]), "{name} misses a text: {page}");
            for forbidden in [" style=", "<style", " onclick=", " onload=", "javascript:", "src=\"http", "href=\"http"]
            {
                assert!(!page.contains(forbidden), "{name} holds {forbidden}");
            }
            for script in page.split("<script").skip(1) {
                assert!(script.starts_with(" src=\"/assets/"), "{name} holds a script of its own");
            }
            for form in page.split("<form").skip(1) {
                let form = form.split("</form>").next().unwrap();
                // A search changes nothing, and its address may be kept.
                if form.starts_with(" role=\"search\" method=\"get\"") {
                    continue;
                }
                assert!(form.contains("method=\"post\""), "{name}: a form that does not post");
                assert!(form.contains("name=\"csrf\" value=\"form-token\""), "{name}: a form without its token");
            }
            assert!(!page.contains("/assets/none/"), "{name} asks for a file that is not embedded");
            assert_eq!(page.matches("<h1").count(), 1, "{name} has one main heading");
        }
    }
}

#[test]
fn names_are_escaped() {
    let [(_, mut report), ..] = gallery::reports();
    report.file = "<script>alert(1)</script>.pdf".into();
    report.signatures[0].signer.as_mut().unwrap().common_name = "\"><img src=x onerror=alert(1)>".into();
    let card = super::verdict_card(&report, Language::Vi);
    assert!(!card.contains("<script>") && !card.contains("<img"), "{card}");
}

#[test]
fn a_card_says_the_verdict_in_words_and_shape() {
    let words = ["Hợp lệ", "Không hợp lệ", "Chưa xác định được", "Không có chữ ký số"];
    for ((_, report), word) in gallery::reports().iter().zip(words) {
        let card = super::verdict_card(report, Language::Vi);
        assert!(card.contains(&format!("<h2 class=\"verdict-word\">{word}</h2>")), "{word}: {card}");
        assert!(card.contains("data:application/json;base64,"), "the report is not offered");
    }
    let [(_, valid), ..] = gallery::reports();
    let card = super::verdict_card(&valid, Language::En);
    assert!(card.contains("22/11/2026 09:05:11 (+07:00), proven by a timestamp"), "{card}");
    assert!(card.contains("Not done"), "what was not done is said");
}

#[test]
fn a_time_that_no_timestamp_proves_is_only_claimed() {
    let [(_, mut report), ..] = gallery::reports();
    report.timestamps[0].indication = Indication::Indeterminate;
    let card = super::verdict_card(&report, Language::En);
    assert!(!card.contains("proven by a timestamp") && card.contains("as the signing computer claims"), "{card}");
}

/// Not a judgement: lays the pages out under `target/screens`, where a browser can show them.
#[test]
fn screens_can_be_looked_at() {
    let directory = root().join("target/screens");
    for language in LANGUAGES {
        for (name, page) in gallery::screens(language) {
            let path = directory.join(language.code()).join(format!("{name}.html"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &page).unwrap();
            for address in page.split('"').filter(|text| text.starts_with("/assets/")) {
                let file = address.splitn(4, '/').nth(3).unwrap();
                let target = directory.join(address.trim_start_matches('/'));
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(root().join("web").join(file), target).unwrap();
            }
        }
    }
}

async fn answer(address: &str) -> Response {
    let router: Router = Router::new()
        .route("/", get(home::show))
        .route("/verify", get(verify::show))
        .route("/login", get(login::show))
        .route("/activate", get(activate::show))
        .route("/assets/{hash}/{*path}", get(assets::serve))
        .layer(middleware::from_fn(language::remember));
    router.oneshot(Request::get(address).body(Body::empty()).unwrap()).await.unwrap()
}

async fn text_of(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn pages_are_served_with_their_policy_and_language() {
    for address in ["/", "/verify", "/login?next=/sign", "/activate"] {
        let response = answer(address).await;
        assert_eq!(response.status(), StatusCode::OK, "{address}");
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], super::CONTENT_SECURITY_POLICY);
        assert!(text_of(response).await.contains("<html lang=\"vi\">"), "{address} is Vietnamese by default");
    }
    let english = answer("/verify?lang=en").await;
    assert!(english.headers()[header::SET_COOKIE].to_str().unwrap().starts_with("chuky_language=en;"));
    assert!(text_of(english).await.contains("<html lang=\"en\">"));
    assert!(text_of(answer("/login?next=//evil.example").await).await.contains("name=\"next\" value=\"/\""));
}

#[tokio::test]
async fn embedded_files_are_kept_under_their_own_hash_only() {
    let address = assets::address("styles/chuky.css");
    let own = answer(&address).await;
    assert_eq!(own.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
    assert!(own.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let other = answer("/assets/0000/styles/chuky.css").await;
    assert_eq!(other.headers()[header::CACHE_CONTROL], "no-cache");
    for absent in ["/assets/0000/styles/other.css", "/assets/0000/../Cargo.toml", "/assets/0000/texts/vi/home.ftl"] {
        assert_eq!(answer(absent).await.status(), StatusCode::NOT_FOUND, "{absent}");
    }
}
