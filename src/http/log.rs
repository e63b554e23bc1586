//! The audit log for those who trust nobody, in the layout of C2SP tlog-tiles: checkpoints and tiles of hashes for everybody, entries for
//! those who audit. A hash says nothing of its entry, which holds random octets.

use super::{Access, Route};
use crate::{
    app::App,
    config::AUDIT_LOG,
    error::{RequestError, Result},
};
use axum::{
    extract::{Path, State},
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chuky_model::role::Role;
use chuky_pki::transparency::tile::Tile;

/// Who sees entries.
pub(super) const AUDITORS: Access = Access::Roles(&[Role::Auditor, Role::SecurityOfficer]);

pub(super) fn routes() -> Vec<Route> {
    const _: () = assert!(matches!(AUDIT_LOG.as_bytes(), b"/audit/log"));
    vec![
        Route::new(Method::GET, "/audit/log/key", Access::Public, get(key)),
        Route::new(Method::GET, "/audit/log/checkpoint", Access::Public, get(checkpoint)),
        Route::new(Method::GET, "/audit/log/tile/{level}/{*tile}", Access::Public, get(tile)),
        Route::new(Method::GET, "/audit/log/tile/entries/{*tile}", AUDITORS, get(entries)),
    ]
}

/// The key that checkpoints are verified with. Whoever relies on it gets it from somebody they trust, and compares.
async fn key(State(app): State<App>) -> Response {
    text(format!("{}\n", app.log.key()), "max-age=300")
}

async fn checkpoint(State(app): State<App>) -> Result<Response> {
    Ok(text(app.log.newest().await?.note.to_string(), "max-age=1"))
}

async fn tile(State(app): State<App>, Path((level, rest)): Path<(String, String)>) -> Result<Response> {
    let wanted = Tile::parse(&format!("{level}/{rest}")).ok_or_else(RequestError::not_found)?;
    let hashes = app.log.tile(wanted).await?.ok_or_else(RequestError::not_found)?;
    Ok(octets(hashes, "max-age=31536000, public, immutable"))
}

async fn entries(State(app): State<App>, Path(rest): Path<String>) -> Result<Response> {
    let wanted = Tile::parse(&format!("entries/{rest}")).ok_or_else(RequestError::not_found)?;
    let bundle = app.log.bundle(wanted).await?.ok_or_else(RequestError::not_found)?;
    Ok(octets(bundle, "private, no-store"))
}

fn text(text: String, caching: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, caching)], text).into_response()
}

fn octets(octets: Vec<u8>, caching: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, caching)], octets).into_response()
}
