//! Styles, scripts and the icon, embedded in the binary and served under names that hold their content's hash,
//! so that a browser keeps them for ever. May read only what is embedded.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};
use sha2::{Digest, Sha256};

#[derive(Embed)]
#[folder = "web/styles"]
#[prefix = "styles/"]
struct Styles;

#[derive(Embed)]
#[folder = "web/scripts"]
#[prefix = "scripts/"]
struct Scripts;

#[derive(Embed)]
#[folder = "web/icons"]
#[prefix = "icons/"]
struct Icons;

/// Other people's libraries, unchanged; their modules name each other, so that all of them are one version.
#[derive(Embed)]
#[folder = "web/vendor"]
#[prefix = "vendor/"]
struct Vendor;

/// Digits of the hash in an address: 64 bits, enough to tell versions apart (it protects nothing).
const HASH_DIGITS: usize = 16;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The address of an embedded file, e.g. `/assets/0123456789abcdef/styles/chuky.css`.
pub fn address(path: &str) -> String {
    embedded(path)
        .map_or_else(|| format!("/assets/none/{path}"), |file| format!("/assets/{}/{path}", hash(path, &file)))
}

/// The embedded file of that name: `styles/…`, `scripts/…`, `icons/…` or `vendor/…`.
fn embedded(path: &str) -> Option<EmbeddedFile> {
    Styles::get(path).or_else(|| Scripts::get(path)).or_else(|| Icons::get(path)).or_else(|| Vendor::get(path))
}

/// Of the file; of a library's module that of all of them, for one that asks for another has its own address only.
fn hash(path: &str, file: &EmbeddedFile) -> String {
    let mut digits = match path.starts_with("vendor/") {
        true => hex::encode(of_libraries()),
        false => hex::encode(file.metadata.sha256_hash()),
    };
    digits.truncate(HASH_DIGITS);
    digits
}

fn of_libraries() -> [u8; 32] {
    let hashes = Vendor::iter().filter_map(|path| Vendor::get(&path)).map(|file| file.metadata.sha256_hash());
    Sha256::digest(hashes.collect::<Vec<_>>().concat()).into()
}

/// `GET /assets/{hash}/{*path}`: the file; kept for ever under its own hash, asked for again under another.
pub async fn serve(Path((asked_hash, path)): Path<(String, String)>) -> Response {
    let Some(file) = embedded(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let cache = if asked_hash == hash(&path, &file) { FOR_EVER } else { ASK_AGAIN };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type(&path))),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, file.data.into_owned()).into_response()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// `GET /favicon.ico`: the icon, for browsers that ask without being told.
pub async fn icon() -> Response {
    serve(Path((String::new(), "icons/chuky.svg".to_owned()))).await
}
