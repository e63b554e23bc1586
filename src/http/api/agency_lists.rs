//! Agencies' lists of officials: uploading a file, correcting lines, handing in, and deciding with a second pair of eyes.

use super::{json::JsonBody, requests::read_cursor};
use crate::{
    accounts::passkey::Given,
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Remote, Route,
        parameters::{Path, Query},
        upload,
    },
    registration::lists::{self, Column, ListDetail, ListView, Shown},
};
use axum::{
    Json,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::{id::AgencyListId, record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Who uploads and corrects lists.
pub(in crate::http) const UPLOAD: Access = Access::Roles(&[Role::Registrar]);
/// Who decides on them.
pub(in crate::http) const DECIDE: Access = Access::Roles(&[Role::Approver]);
/// Who sees them.
pub(in crate::http) const SEE: Access = Access::Roles(&[Role::Registrar, Role::Approver]);

pub(super) fn routes() -> Vec<Route> {
    let take = post(take).layer(DefaultBodyLimit::disable());
    vec![
        Route::new(Method::POST, "/api/v1/agency-lists", UPLOAD, take),
        Route::new(Method::GET, "/api/v1/agency-lists", SEE, get(list)),
        Route::new(Method::GET, "/api/v1/agency-lists/{id}", SEE, get(show)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/lines/{position}", UPLOAD, post(correct)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/lines/{position}/remove", UPLOAD, post(remove)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/lines/{position}/approve", DECIDE, post(approve_line)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/lines/{position}/reject", DECIDE, post(reject_line)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/enter", UPLOAD, post(enter)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/drop", UPLOAD, post(drop_list)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/reject", DECIDE, post(reject)),
    ]
}

/// How the list is called.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NameQuery {
    name: String,
}

/// What to show.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ShowQuery {
    before: Option<String>,
    /// `all`, `wrong` or `open`.
    show: String,
    from: i64,
}

/// A page of lists.
#[derive(Serialize, ToSchema)]
pub struct ListsAnswer {
    lists: Vec<ListView>,
    /// For `before`; absent on the last page.
    next: Option<String>,
}

/// Texts by column name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectBody {
    texts: BTreeMap<String, String>,
}

/// The digest of what was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveListBody {
    content_digest: String,
    /// The answer to `/api/v1/approval-challenge`, where the approver's account has a confirmed passkey.
    #[serde(default)]
    assertion: Option<Given>,
}

/// Why not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectListBody {
    reason: String,
}

#[utoipa::path(post, path = "/api/v1/agency-lists",
    params(("name" = Option<String>, Query)),
    request_body(content((String = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    responses((status = 201, body = ListDetail), (status = 403), (status = 413), (status = 422)))]
/// Takes a list in as a draft: the body is the CSV or XLSX file itself.
pub async fn take(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Query(query): Query<NameQuery>,
    body: Body,
) -> Result<Response> {
    let by = caller.required()?;
    let arriving = app.admission.arrive(Some(&by), remote.as_str())?;
    let file = upload::spool_body(&app, body).await?.finish().await?;
    let place = arriving.judge().await?;
    let id = lists::upload(&app, &by, &query.name, file).await?;
    // The look at its lines takes a place of its own.
    drop(place);
    let detail = lists::list(&app, &by, id, Shown::Wrong, 0).await?;
    Ok((StatusCode::CREATED, Json(detail)).into_response())
}

/// Lists, newest first.
#[utoipa::path(get, path = "/api/v1/agency-lists",
    params(("before" = Option<String>, Query)), responses((status = 200, body = ListsAnswer)))]
pub async fn list(State(app): State<App>, caller: Caller, Query(query): Query<ShowQuery>) -> Result<Json<ListsAnswer>> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let (lists, next) = lists::lists(&app, &caller.required()?, before.ok_or_else(RequestError::not_found)?).await?;
    Ok(Json(ListsAnswer { lists, next: next.map(|cursor| format!("{}_{}", cursor.at.0, cursor.id)) }))
}

/// One list with its lines, 100 a page.
#[utoipa::path(get, path = "/api/v1/agency-lists/{id}",
    params(("id" = String, Path), ("show" = Option<String>, Query), ("from" = Option<i64>, Query)), responses((status = 200, body = ListDetail), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Json<ListDetail>> {
    let shown = shown(&query.show);
    Ok(Json(lists::list(&app, &caller.required()?, read(&id)?, shown, query.from).await?))
}

/// Puts other texts into a line of one's own draft.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/lines/{position}", request_body = CorrectBody,
    params(("id" = String, Path), ("position" = i64, Path)), responses((status = 204), (status = 404), (status = 409), (status = 422)))]
pub async fn correct(
    State(app): State<App>,
    caller: Caller,
    Path((id, position)): Path<(String, String)>,
    body: JsonBody<CorrectBody>,
) -> Result<StatusCode> {
    let texts = body.value.texts.into_iter().map(|(name, text)| Ok((column(&name)?, text)));
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let (id, position) = place(&id, &position)?;
    lists::correct(&app, &caller.required()?, id, position, &texts).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a line from one's own draft.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/lines/{position}/remove",
    params(("id" = String, Path), ("position" = i64, Path)), responses((status = 204), (status = 404), (status = 409)))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((id, position)): Path<(String, String)>,
) -> Result<StatusCode> {
    let (id, position) = place(&id, &position)?;
    lists::remove(&app, &caller.required()?, id, position).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Approves exactly what was shown of one line; never of one's own list.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/lines/{position}/approve", request_body = ApproveListBody,
    params(("id" = String, Path), ("position" = i64, Path)), responses((status = 204), (status = 403), (status = 404), (status = 409)))]
pub async fn approve_line(
    State(app): State<App>,
    caller: Caller,
    Path((id, position)): Path<(String, String)>,
    body: JsonBody<ApproveListBody>,
) -> Result<StatusCode> {
    let (id, position) = place(&id, &position)?;
    let ApproveListBody { content_digest, assertion } = body.value;
    let decision = Ok(content_digest.as_str());
    lists::decide_line(&app, &caller.required()?, id, position, decision, assertion.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rejects one line with a reason.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/lines/{position}/reject", request_body = RejectListBody,
    params(("id" = String, Path), ("position" = i64, Path)), responses((status = 204), (status = 403), (status = 404), (status = 409)))]
pub async fn reject_line(
    State(app): State<App>,
    caller: Caller,
    Path((id, position)): Path<(String, String)>,
    body: JsonBody<RejectListBody>,
) -> Result<StatusCode> {
    let (id, position) = place(&id, &position)?;
    lists::decide_line(&app, &caller.required()?, id, position, Err(&body.value.reason), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hands one's own draft in, once nothing is wrong with it.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/enter",
    params(("id" = String, Path)), responses((status = 204), (status = 404), (status = 409), (status = 422)))]
pub async fn enter(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    lists::enter(&app, &caller.required()?, read(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives one's own list up.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/drop",
    params(("id" = String, Path)), responses((status = 204), (status = 404), (status = 409)))]
pub async fn drop_list(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    lists::drop_list(&app, &caller.required()?, read(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Approves exactly what was shown; never one's own list. Its lines become approved requests one by one from then on.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/approve", request_body = ApproveListBody,
    params(("id" = String, Path)), responses((status = 204), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ApproveListBody>,
) -> Result<StatusCode> {
    let ApproveListBody { content_digest, assertion } = body.value;
    lists::decide(&app, &caller.required()?, read(&id)?, Ok(&content_digest), assertion.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rejects what is open of a list, with a reason.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/reject", request_body = RejectListBody,
    params(("id" = String, Path)), responses((status = 204), (status = 403), (status = 404), (status = 409)))]
pub async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RejectListBody>,
) -> Result<StatusCode> {
    lists::decide(&app, &caller.required()?, read(&id)?, Err(&body.value.reason), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(in crate::http) fn read(id: &str) -> Result<AgencyListId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

pub(in crate::http) fn place(id: &str, position: &str) -> Result<(AgencyListId, i64)> {
    Ok((read(id)?, position.parse().map_err(|_| RequestError::not_found())?))
}

pub(in crate::http) fn shown(name: &str) -> Shown {
    match name {
        "wrong" => Shown::Wrong,
        "open" => Shown::Open,
        _ => Shown::All,
    }
}

fn column(name: &str) -> Result<Column> {
    let unknown = || {
        let (vi, en) = ("Danh sách không có cột này.", "A list has no such column.");
        RequestError::invalid("texts", "column_unknown", vi, en)
    };
    Ok(Column::from_name(name).ok_or_else(unknown)?)
}
