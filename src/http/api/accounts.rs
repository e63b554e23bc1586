//! Taking back what an account was granted: an API key, a role, the account itself. Nothing here grants anything.

use crate::{
    accounts,
    app::App,
    error::{Error, RequestError, Result},
    http::{Access, Caller, Route},
};
use axum::{
    extract::{Path, State},
    http::{Method, StatusCode},
    routing::{delete, post},
};
use chuky_model::role::Role;
use std::str::FromStr;

pub(super) fn routes() -> Vec<Route> {
    const STAFF: Access = Access::Roles(&[Role::SecurityOfficer, Role::Administrator]);
    vec![
        Route::new(Method::POST, "/api/v1/api-keys/{id}/revoke", STAFF, post(revoke_key)),
        Route::new(Method::POST, "/api/v1/accounts/{id}/disable", STAFF, post(disable)),
        Route::new(Method::DELETE, "/api/v1/accounts/{id}/roles/{role}", STAFF, delete(remove_role)),
    ]
}

/// Revokes an API key for good: it opens nothing from the next request on. The identifier is the key's part after `chuky_`.
#[utoipa::path(post, path = "/api/v1/api-keys/{id}/revoke", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
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
