//! API keys of one's own account, and taking back what an account was granted: a key, a role, the account itself. Nothing here gives an account more
//! than it has.

use super::json::JsonBody;
use crate::{
    accounts::{self, ApiKeyView},
    app::App,
    error::{Error, RequestError, Result},
    http::{Access, Caller, Route, parameters::Path},
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
    routing::{delete, get, post},
};
use chuky_model::role::Role;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub(super) fn routes() -> Vec<Route> {
    const STAFF: Access = Access::Roles(&[Role::SecurityOfficer, Role::Administrator]);
    vec![
        Route::new(Method::GET, "/api/v1/api-keys", Access::Account, get(keys)),
        Route::new(Method::POST, "/api/v1/api-keys", Access::Account, post(make_key)),
        Route::new(Method::POST, "/api/v1/api-keys/{id}/revoke", Access::Account, post(revoke_key)),
        Route::new(Method::POST, "/api/v1/accounts/{id}/disable", STAFF, post(disable)),
        Route::new(Method::DELETE, "/api/v1/accounts/{id}/roles/{role}", STAFF, delete(remove_role)),
    ]
}

/// An API key as it is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyWanted {
    /// What the audit log calls it; 1 to 100 characters.
    label: String,
    /// 1 to 366.
    days: i64,
}

/// A new API key.
#[derive(Serialize, ToSchema)]
pub struct KeyMade {
    /// Shown here and never again.
    #[schema(value_type = String)]
    key: Zeroizing<String>,
    /// RFC 3339.
    expires_at: String,
}

/// The keys of the caller's account that open something.
#[derive(Serialize, ToSchema)]
pub struct KeysAnswer {
    api_keys: Vec<ApiKeyView>,
}

/// Lists the API keys of the caller's own account that open something, oldest first.
#[utoipa::path(get, path = "/api/v1/api-keys", responses((status = 200, body = KeysAnswer)))]
pub async fn keys(State(app): State<App>, caller: Caller) -> Result<Json<KeysAnswer>> {
    Ok(Json(KeysAnswer { api_keys: accounts::own_api_keys(&app, &caller.required()?).await? }))
}

/// Makes an API key for the caller's own account, which has the account's roles but for those that decide. A session is asked for: no key makes
/// another.
#[utoipa::path(post, path = "/api/v1/api-keys", request_body = KeyWanted,
    responses((status = 201, body = KeyMade), (status = 401), (status = 409), (status = 422)))]
pub async fn make_key(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<KeyWanted>,
) -> Result<(StatusCode, Json<KeyMade>)> {
    let KeyWanted { label, days } = body.value;
    let (key, expires_at) = accounts::create_own_api_key(&app, &caller.required()?, &label, days).await?;
    Ok((StatusCode::CREATED, Json(KeyMade { key, expires_at: expires_at.rfc3339() })))
}

/// Revokes an API key for good: it opens nothing from the next request on. One's own, or as a security officer or administrator anybody's. The
/// identifier is the key's part after `chuky_`.
#[utoipa::path(post, path = "/api/v1/api-keys/{id}/revoke", params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 409)))]
pub async fn revoke_key(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    accounts::revoke_api_key(&app, &caller.required()?, read(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Disables an account: its sessions and API keys open nothing any more, and nobody logs in to it.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/disable", params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 409)))]
pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    accounts::disable_account(&app, &caller.required()?, read(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a role from an account.
#[utoipa::path(delete, path = "/api/v1/accounts/{id}/roles/{role}",
    params(("id" = String, Path), ("role" = String, Path)), responses((status = 204), (status = 404), (status = 409)))]
pub async fn remove_role(
    State(app): State<App>,
    caller: Caller,
    Path((id, role)): Path<(String, String)>,
) -> Result<StatusCode> {
    let role = Role::from_name(&role).ok_or_else(RequestError::not_found)?;
    accounts::remove_role(&app, &caller.required()?, read(&id)?, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read<T: FromStr>(id: &str) -> Result<T, Error> {
    id.parse().map_err(|_| RequestError::not_found().into())
}
