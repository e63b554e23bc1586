//! The registry of payment providers: seen by staff, changed by two people.

use super::{
    idempotency::once,
    json::{JsonBody, OptionalBody},
    passkeys::DecisionBody,
};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{Access, Caller, Route, parameters::Path},
    transactions::{
        provider_changes::{self, ChangeView, ProviderView},
        providers::Terms,
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::role::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who sees registry and figures.
pub const SEE: Access = Access::Roles(&[Role::Administrator, Role::SecurityOfficer, Role::Auditor]);
/// Who asks for changes and decides on those of others.
pub const CHANGE: Access = Access::Roles(&[Role::Administrator, Role::SecurityOfficer]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/payment-providers", SEE, get(list)),
        Route::new(Method::POST, "/api/v1/payment-providers/changes", CHANGE, post(ask)),
        Route::new(Method::POST, "/api/v1/payment-providers/changes/{id}/approve", CHANGE, post(approve)),
        Route::new(Method::POST, "/api/v1/payment-providers/changes/{id}/refuse", CHANGE, post(refuse)),
    ]
}

/// The registry.
#[derive(Serialize, ToSchema)]
pub struct ProvidersAnswer {
    providers: Vec<ProviderView>,
    /// Changes that wait for a decision.
    changes: Vec<ChangeView>,
    /// How often each reason kept a provider's payment from being accepted, since this process started.
    #[schema(value_type = Object)]
    reasons: std::collections::BTreeMap<String, u64>,
    /// Payments that this process remembers.
    remembered: usize,
}

/// A change to ask for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// Log-in name or identifier of the provider's account.
    provider: String,
    terms: Terms,
    reason: String,
}

/// Registered providers with their terms and figures, and the changes that wait.
#[utoipa::path(get, path = "/api/v1/payment-providers", responses((status = 200, body = ProvidersAnswer)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<ProvidersAnswer>> {
    Ok(Json(ProvidersAnswer {
        providers: provider_changes::providers(&app).await?,
        changes: provider_changes::open_changes(&app, &caller.required()?).await?,
        reasons: app.payments.figures.reasons(),
        remembered: app.payments.remembered().count(),
    }))
}

/// Asks for a provider to be registered, or for its terms to become these; somebody else decides.
#[utoipa::path(post, path = "/api/v1/payment-providers/changes", request_body = ChangeBody,
    responses((status = 201, body = ChangeView), (status = 403), (status = 409), (status = 422)))]
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<ChangeBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let ChangeBody { provider, terms, reason } = body.value;
    let flow = async move |app: App, by: Principal| provider_changes::ask(&app, &by, &provider, terms, &reason).await;
    let route = "POST /api/v1/payment-providers/changes";
    once(&app, &by, route, (&headers, &body.bytes), StatusCode::CREATED, flow).await
}

/// Approves a change that somebody else asked for: the terms are in force.
#[utoipa::path(post, path = "/api/v1/payment-providers/changes/{id}/approve", params(("id" = String, Path)), request_body = DecisionBody,
    responses((status = 200, body = ChangeView), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<DecisionBody>,
) -> Result<Json<ChangeView>> {
    decide(&app, caller, &id, true, body.assertion).await
}

/// Refuses a change that somebody else asked for.
#[utoipa::path(post, path = "/api/v1/payment-providers/changes/{id}/refuse", params(("id" = String, Path)),
    responses((status = 200, body = ChangeView), (status = 403), (status = 404), (status = 409)))]
pub async fn refuse(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<ChangeView>> {
    decide(&app, caller, &id, false, None).await
}

async fn decide(app: &App, caller: Caller, id: &str, approved: bool, given: Option<Given>) -> Result<Json<ChangeView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(provider_changes::decide(app, &caller.required()?, id, approved, given.as_ref()).await?))
}
