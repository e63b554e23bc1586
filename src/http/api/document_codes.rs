//! Codes on the pages of signed documents: their owner lists them, and closes and opens their pages.

use super::documents::SIGNERS;
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{Caller, Route, parameters::Path},
    signing::code::{self, CodeView},
};
use axum::{
    Json,
    extract::State,
    http::Method,
    routing::{get, post},
};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/documents/{id}/codes", SIGNERS, get(list)),
        Route::new(Method::POST, "/api/v1/document-codes/{id}/end", SIGNERS, post(end)),
        Route::new(Method::POST, "/api/v1/document-codes/{id}/reopen", SIGNERS, post(reopen)),
    ]
}

/// The codes of a document.
#[derive(Serialize, ToSchema)]
pub struct CodeList {
    codes: Vec<CodeView>,
}

/// The codes on the pages of the caller's document, in the order in which they were put there.
#[utoipa::path(get, path = "/api/v1/documents/{id}/codes", params(("id" = String, Path)),
    responses((status = 200, body = CodeList), (status = 404)))]
pub async fn list(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<CodeList>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(CodeList { codes: code::codes_of(&app, &caller.required()?, id).await? }))
}

/// Closes the page of a code: from then on it tells nobody anything, as if there were no such code.
#[utoipa::path(post, path = "/api/v1/document-codes/{id}/end", params(("id" = String, Path)),
    responses((status = 200, body = CodeView), (status = 404)))]
pub async fn end(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<CodeView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(code::set_open(&app, &caller.required()?, id, false).await?))
}

/// Opens it again.
#[utoipa::path(post, path = "/api/v1/document-codes/{id}/reopen", params(("id" = String, Path)),
    responses((status = 200, body = CodeView), (status = 404)))]
pub async fn reopen(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<CodeView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(code::set_open(&app, &caller.required()?, id, true).await?))
}
