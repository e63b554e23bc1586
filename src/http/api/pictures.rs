//! The picture of handwriting or seal that is kept with the caller's credential.

use super::documents::SIGNERS;
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{Caller, Route, parameters::Path},
    signing::{limits::KEPT_PICTURE, picture},
};
use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get, put},
};
use chuky_model::id::CredentialId;

pub(super) fn routes() -> Vec<Route> {
    let limit = || DefaultBodyLimit::max(KEPT_PICTURE * 2);
    vec![
        Route::new(Method::GET, PATH, SIGNERS, get(show)),
        Route::new(Method::PUT, PATH, SIGNERS, put(keep).layer(limit())),
        Route::new(Method::DELETE, PATH, SIGNERS, delete(remove)),
    ]
}

/// The picture that is kept.
#[utoipa::path(get, path = "/api/v1/credentials/{id}/picture", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "image/png"), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let png = picture::kept(&app, &caller.required()?, parse(&id)?).await?.ok_or_else(RequestError::not_found)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((headers, png.to_vec()).into_response())
}

#[utoipa::path(put, path = "/api/v1/credentials/{id}/picture", params(("id" = String, Path)),
    request_body(content = Vec<u8>, content_type = "image/png"),
    responses((status = 204), (status = 404), (status = 413), (status = 422)))]
/// Keeps a picture, instead of the one before: a PNG with a transparent ground, at most 256 KiB. Signatures show it where `kept_picture` is
/// asked for.
pub async fn keep(State(app): State<App>, caller: Caller, Path(id): Path<String>, png: Bytes) -> Result<StatusCode> {
    picture::keep(&app, &caller.required()?, parse(&id)?, &png).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes it.
#[utoipa::path(delete, path = "/api/v1/credentials/{id}/picture", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    picture::remove(&app, &caller.required()?, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(id: &str) -> Result<CredentialId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

const PATH: &str = "/api/v1/credentials/{id}/picture";
