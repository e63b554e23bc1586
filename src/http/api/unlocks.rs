//! Unlocking credentials with four eyes: one person asks, another decides.

use super::{
    idempotency::once,
    json::{JsonBody, OptionalBody},
    passkeys::DecisionBody,
    requests::read_cursor,
};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, UnlockView},
    error::{Error, RequestError, Result},
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::{id::UnlockId, record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who asks: whoever may enter such a subscriber's request.
pub const ASK: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::SecurityOfficer]);
/// Who decides.
pub const DECIDE: Access = Access::Roles(&[Role::Approver, Role::SecurityOfficer]);
/// Who sees what waits.
pub const SEE: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::Approver, Role::SecurityOfficer]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/unlocks", ASK, post(ask)),
        Route::new(Method::GET, "/api/v1/unlocks", SEE, get(list)),
        Route::new(Method::POST, "/api/v1/unlocks/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/api/v1/unlocks/{id}/refuse", DECIDE, post(refuse)),
    ]
}

/// A request to unlock.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlockBody {
    /// Serial number of the certificate, or personal number of its holder.
    whom: String,
    /// How the holder's identity was established, for whoever decides.
    reason: String,
}

/// Where a page of the list begins.
#[derive(Deserialize)]
pub struct ListQuery {
    after: Option<String>,
}

/// Requests that wait for a decision.
#[derive(Serialize, ToSchema)]
pub struct UnlocksAnswer {
    pub unlocks: Vec<UnlockView>,
    /// To be passed as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Asks for a locked credential to be unlocked.
#[utoipa::path(post, path = "/api/v1/unlocks", request_body = UnlockBody,
    responses((status = 201, body = UnlockView), (status = 403), (status = 409), (status = 422)))]
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<UnlockBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let JsonBody { value: UnlockBody { whom, reason }, bytes } = body;
    let flow = async move |app: App, by: Principal| custody::ask_unlock(&app, &by, &whom, &reason).await;
    once(&app, &by, "POST /api/v1/unlocks", (&headers, &bytes), StatusCode::CREATED, flow).await
}

/// Lists what waits for a decision, oldest first.
#[utoipa::path(get, path = "/api/v1/unlocks", params(("after" = Option<String>, Query)),
    responses((status = 200, body = UnlocksAnswer)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<UnlocksAnswer>> {
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (unlocks, next) = custody::open_unlocks(&app, &caller.required()?, after).await?;
    Ok(Json(UnlocksAnswer { unlocks, next: next.map(|next| format!("{}_{}", next.at.0, next.id)) }))
}

/// Unlocks: the PIN stays what it was, and its tries begin anew.
#[utoipa::path(post, path = "/api/v1/unlocks/{id}/approve", params(("id" = String, Path)), request_body = DecisionBody,
    responses((status = 200, body = UnlockView), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<DecisionBody>,
) -> Result<Json<UnlockView>> {
    let given = body.assertion.as_ref();
    Ok(Json(custody::decide_unlock(&app, &caller.required()?, read(&id)?, true, given).await?))
}

/// Refuses: the credential stays locked.
#[utoipa::path(post, path = "/api/v1/unlocks/{id}/refuse", params(("id" = String, Path)),
    responses((status = 200, body = UnlockView), (status = 403), (status = 404), (status = 409)))]
pub async fn refuse(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<UnlockView>> {
    Ok(Json(custody::decide_unlock(&app, &caller.required()?, read(&id)?, false, None).await?))
}

fn read(id: &str) -> Result<UnlockId, Error> {
    id.parse().map_err(|_| RequestError::not_found().into())
}
