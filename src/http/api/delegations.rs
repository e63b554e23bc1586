//! Delegation for a time: who agrees and signs outgoing documents in somebody's place. Each handler calls one flow.

use super::{certificates::moment, idempotency::once, json::JsonBody, outgoing::PEOPLE};
use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    http::{Caller, Route, parameters::Path},
    outgoing::{self, DelegationView},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::id::DelegationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/documents/delegations", PEOPLE, post(delegate)),
        Route::new(Method::GET, "/api/v1/documents/delegations", PEOPLE, get(delegations)),
        Route::new(Method::POST, "/api/v1/documents/delegations/{id}/end", PEOPLE, post(end_delegation)),
    ]
}

/// A colleague who acts in one's place for a time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationBody {
    /// Log-in name.
    to: String,
    /// RFC 3339; at once where left out.
    #[serde(default)]
    starts: Option<String>,
    /// RFC 3339.
    ends: String,
}

/// What the caller gave and was given.
#[derive(Serialize, ToSchema)]
pub struct DelegationsAnswer {
    delegations: Vec<DelegationView>,
}

/// Lets a colleague of the same agency agree and sign in the caller's place for a time, with an own name and certificate.
#[utoipa::path(post, path = "/api/v1/documents/delegations", request_body = DelegationBody,
    responses((status = 201, body = DelegationView), (status = 422)))]
pub async fn delegate(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<DelegationBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let JsonBody { value, bytes } = body;
    let starts = moment(value.starts.as_deref())?;
    let ends = moment(Some(&value.ends))?.ok_or_else(RequestError::not_found)?;
    let flow = async move |app: App, by: Principal| outgoing::delegate(&app, &by, &value.to, (starts, ends)).await;
    once(&app, &by, "POST /api/v1/documents/delegations", (&headers, &bytes), StatusCode::CREATED, flow).await
}

/// Delegations that the caller gave or was given and that have not ended.
#[utoipa::path(get, path = "/api/v1/documents/delegations", responses((status = 200, body = DelegationsAnswer)))]
pub async fn delegations(State(app): State<App>, caller: Caller) -> Result<Json<DelegationsAnswer>> {
    let delegations = outgoing::delegations(&app, &caller.required()?).await?;
    Ok(Json(DelegationsAnswer { delegations }))
}

/// Takes a delegation back at once.
#[utoipa::path(post, path = "/api/v1/documents/delegations/{id}/end", params(("id" = String, Path)),
    responses((status = 200, body = DelegationView), (status = 404)))]
pub async fn end_delegation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DelegationView>> {
    let id: DelegationId = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(outgoing::end_delegation(&app, &caller.required()?, id).await?))
}
