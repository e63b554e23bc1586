//! What happened to officials: shown with its effect, entered, decided by another person, carried out on its day.

use super::{idempotency::once, json::JsonBody, requests::read_cursor};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
    personnel::{self, OrderView, Preview, Wanted},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::{id::PersonnelOrderId, record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who sees orders.
pub const SEE: Access = Access::Roles(&[Role::Registrar, Role::Administrator, Role::SecurityOfficer, Role::Auditor]);
/// Who enters them.
pub const ENTER: Access = Access::Roles(&[Role::Registrar, Role::Administrator, Role::SecurityOfficer]);
/// Who decides on them.
pub const DECIDE: Access = Access::Roles(&[Role::SecurityOfficer]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/personnel-orders", SEE, get(list)),
        Route::new(Method::POST, "/api/v1/personnel-orders/preview", ENTER, post(preview)),
        Route::new(Method::POST, "/api/v1/personnel-orders", ENTER, post(enter)),
        Route::new(Method::GET, "/api/v1/personnel-orders/{id}", SEE, get(show)),
        Route::new(Method::POST, "/api/v1/personnel-orders/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/api/v1/personnel-orders/{id}/refuse", DECIDE, post(refuse)),
        Route::new(Method::POST, "/api/v1/personnel-orders/{id}/withdraw", ENTER, post(withdraw)),
    ]
}

/// What happened, with the digest of what was shown of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnterPersonnelBody {
    order: Wanted,
    /// From the preview.
    content_digest: String,
}

/// Where a page begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    before: Option<String>,
}

/// A page of orders, without what they bring.
#[derive(Serialize, ToSchema)]
pub struct PersonnelAnswer {
    pub orders: Vec<OrderView>,
    /// For `before`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The digest of what was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovePersonnelBody {
    content_digest: String,
    /// Of whoever decides by passkey.
    #[schema(value_type = Option<Object>)]
    assertion: Option<Given>,
}

/// Why an order is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusePersonnelBody {
    reason: String,
}

/// Lists orders, newest first.
#[utoipa::path(get, path = "/api/v1/personnel-orders", params(("before" = Option<String>, Query)),
    responses((status = 200, body = PersonnelAnswer)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<PersonnelAnswer>> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let before = before.ok_or_else(RequestError::not_found)?;
    let (orders, next) = personnel::list(&app, &caller.required()?, before).await?;
    let next = next.map(|cursor| format!("{}_{}", cursor.at.0, cursor.id));
    Ok(Json(PersonnelAnswer { orders, next }))
}

/// Tells what an order would bring: certificates, roles, units, delegations, documents that wait. Nothing is changed.
#[utoipa::path(post, path = "/api/v1/personnel-orders/preview", request_body = Wanted,
    responses((status = 200, body = Preview), (status = 403), (status = 409), (status = 422)))]
pub async fn preview(State(app): State<App>, caller: Caller, body: JsonBody<Wanted>) -> Result<Json<Preview>> {
    Ok(Json(personnel::preview(&app, &caller.required()?, body.value).await?))
}

/// Enters an order for exactly what was shown. Somebody else approves it.
#[utoipa::path(post, path = "/api/v1/personnel-orders", request_body = EnterPersonnelBody,
    responses((status = 201, body = OrderView), (status = 403), (status = 409), (status = 422)))]
pub async fn enter(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<EnterPersonnelBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let JsonBody { value, bytes } = body;
    let flow =
        async move |app: App, by: Principal| personnel::enter(&app, &by, value.order, &value.content_digest).await;
    once(&app, &by, "POST /api/v1/personnel-orders", (&headers, &bytes), StatusCode::CREATED, flow).await
}

/// One order, with what it brings as things are, and what became of each official.
#[utoipa::path(get, path = "/api/v1/personnel-orders/{id}", params(("id" = String, Path)),
    responses((status = 200, body = OrderView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OrderView>> {
    Ok(Json(personnel::one(&app, &caller.required()?, read(&id)?).await?))
}

/// Approves exactly what was shown. By another person than whoever entered it and whom it is about; what is due is carried out at once.
#[utoipa::path(post, path = "/api/v1/personnel-orders/{id}/approve", params(("id" = String, Path)),
    request_body = ApprovePersonnelBody, responses((status = 200, body = OrderView), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ApprovePersonnelBody>,
) -> Result<Json<OrderView>> {
    let ApprovePersonnelBody { content_digest, assertion } = body.value;
    Ok(Json(personnel::approve(&app, &caller.required()?, read(&id)?, &content_digest, assertion.as_ref()).await?))
}

/// Refuses an order with a reason: nothing changes.
#[utoipa::path(post, path = "/api/v1/personnel-orders/{id}/refuse", params(("id" = String, Path)),
    request_body = RefusePersonnelBody, responses((status = 200, body = OrderView), (status = 403), (status = 404), (status = 409)))]
pub async fn refuse(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RefusePersonnelBody>,
) -> Result<Json<OrderView>> {
    Ok(Json(personnel::refuse(&app, &caller.required()?, read(&id)?, &body.value.reason).await?))
}

/// Takes an order back before it is decided, or before its day.
#[utoipa::path(post, path = "/api/v1/personnel-orders/{id}/withdraw", params(("id" = String, Path)),
    responses((status = 200, body = OrderView), (status = 404), (status = 409)))]
pub async fn withdraw(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OrderView>> {
    Ok(Json(personnel::withdraw(&app, &caller.required()?, read(&id)?).await?))
}

pub(in crate::http) fn read(id: &str) -> Result<PersonnelOrderId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}
