//! Alarms about payments: a provider lists its own, has one told again, and asks for the address that is told.

use super::{idempotency::once, json::JsonBody, requests::read_cursor};
use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
    transactions::{
        provider_changes::{self, ChangeView},
        webhooks::{self, AlarmView},
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::{record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who sees alarms: providers their own, staff all.
pub(in crate::http) const SEE: Access =
    Access::Roles(&[Role::PaymentProvider, Role::Administrator, Role::SecurityOfficer, Role::Auditor]);
/// Who has one told again.
pub(in crate::http) const AGAIN: Access =
    Access::Roles(&[Role::PaymentProvider, Role::Administrator, Role::SecurityOfficer]);
const PROVIDERS: Access = Access::Roles(&[Role::PaymentProvider]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/payment-alarms", SEE, get(list)),
        Route::new(Method::POST, "/api/v1/payment-alarms/{id}/again", AGAIN, post(again)),
        Route::new(Method::POST, "/api/v1/payment-alarms/webhook", PROVIDERS, post(ask)),
    ]
}

/// A page of alarms.
#[derive(Serialize, ToSchema)]
pub struct AlarmsAnswer {
    alarms: Vec<AlarmView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Where a list begins.
#[derive(Deserialize)]
pub struct ListQuery {
    before: Option<String>,
}

/// Another address to ask for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookBody {
    /// HTTPS; absent: alarms go nowhere any more.
    address: Option<String>,
    reason: String,
}

/// Alarms, newest first: a provider's own, or everybody's for staff, with how telling each stands.
#[utoipa::path(get, path = "/api/v1/payment-alarms", params(("before" = Option<String>, Query)), responses((status = 200, body = AlarmsAnswer)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<AlarmsAnswer>> {
    let before =
        query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (alarms, next) = webhooks::list(&app, &caller.required()?, before).await?;
    Ok(Json(AlarmsAnswer { alarms, next: next.map(|next| format!("{}_{}", next.at.0, next.id)) }))
}

/// Has an alarm told once more, under the same identifier.
#[utoipa::path(post, path = "/api/v1/payment-alarms/{id}/again", params(("id" = String, Path)),
    responses((status = 200, body = AlarmView), (status = 404)))]
pub async fn again(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<AlarmView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(webhooks::again(&app, &caller.required()?, id).await?))
}

/// Asks for the caller's alarms to go to this address; staff decides, as on every change of a provider's terms.
#[utoipa::path(post, path = "/api/v1/payment-alarms/webhook", request_body = WebhookBody,
    responses((status = 201, body = ChangeView), (status = 409), (status = 422)))]
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<WebhookBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let WebhookBody { address, reason } = body.value;
    let flow = async move |app: App, by: Principal| provider_changes::ask_webhook(&app, &by, address, &reason).await;
    let route = "POST /api/v1/payment-alarms/webhook";
    once(&app, &by, route, (&headers, &body.bytes), StatusCode::CREATED, flow).await
}
