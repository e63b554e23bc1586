//! Incoming documents: edXML packages taken, judged and registered or refused; the agency's register. Each handler calls one flow.

use super::{documents::file_answer, outgoing::CLERKS, requests::read_cursor};
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Caller, Route,
        parameters::{Path, Query},
        upload,
    },
    outgoing::{self, IncomingPage, IncomingView},
};
use axum::{
    Json,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::{id::IncomingId, record::Cursor};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let receive = post(receive).layer(DefaultBodyLimit::disable());
    vec![
        Route::new(Method::POST, "/api/v1/documents/incoming", CLERKS, receive),
        Route::new(Method::GET, "/api/v1/documents/incoming", CLERKS, get(list)),
        Route::new(Method::GET, "/api/v1/documents/incoming/{id}", CLERKS, get(show)),
        Route::new(Method::GET, "/api/v1/documents/incoming/{id}/content", CLERKS, get(content)),
    ]
}

/// Why a package is taken whose signatures could not be determined.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ReceiveQuery {
    accept: Option<String>,
}

/// Where a list begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    before: Option<String>,
}

/// Takes an edXML package (the body): registered with the next number, or refused with the reason for its sender.
#[utoipa::path(post, path = "/api/v1/documents/incoming", request_body(content = Vec<u8>, content_type = "application/xml"),
    params(("accept" = Option<String>, Query)), responses((status = 201, body = IncomingView), (status = 409), (status = 422)))]
pub async fn receive(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ReceiveQuery>,
    body: Body,
) -> Result<(StatusCode, Json<IncomingView>)> {
    let by = caller.required()?;
    let package = upload::spool_body(&app, body).await?.finish().await?;
    let view = outgoing::receive(&app, &by, package, query.accept.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// The agency's incoming documents, newest first.
#[utoipa::path(get, path = "/api/v1/documents/incoming", params(("before" = Option<String>, Query)),
    responses((status = 200, body = IncomingPage)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<IncomingPage>> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let before = before.ok_or_else(RequestError::not_found)?;
    Ok(Json(outgoing::incoming(&app, &caller.required()?, before).await?))
}

/// One incoming document with the verdicts on its attachments.
#[utoipa::path(get, path = "/api/v1/documents/incoming/{id}", params(("id" = String, Path)),
    responses((status = 200, body = IncomingView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<IncomingView>> {
    Ok(Json(outgoing::incoming_one(&app, &caller.required()?, read(&id)?).await?))
}

/// The package as it came.
#[utoipa::path(get, path = "/api/v1/documents/incoming/{id}/content", params(("id" = String, Path)),
    responses((status = 200), (status = 404)))]
pub async fn content(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    file_answer(outgoing::incoming_package(&app, &caller.required()?, read(&id)?).await?)
}

/// An identifier in a path.
pub(in crate::http) fn read(id: &str) -> Result<IncomingId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}
