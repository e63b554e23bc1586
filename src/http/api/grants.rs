//! What the caller has let applications do, listed and ended.

use crate::{
    app::App,
    approvals,
    error::{RequestError, Result},
    http::{Access, Caller, Route, parameters::Path},
    oauth::{self, GrantView},
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
    routing::{get, post},
};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/grants", Access::Account, get(list)),
        Route::new(Method::POST, "/api/v1/grants/{id}/end", Access::Account, post(end)),
    ]
}

/// Applications that may do something for the caller, by the time of the first consent.
#[derive(Serialize, ToSchema)]
pub struct GrantsAnswer {
    pub grants: Vec<GrantView>,
}

/// Lists the applications that may do something for the caller now.
#[utoipa::path(get, path = "/api/v1/grants", responses((status = 200, body = GrantsAnswer), (status = 401)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<GrantsAnswer>> {
    let grants = oauth::granted(&app, &caller.required()?).await?;
    Ok(Json(GrantsAnswer { grants }))
}

/// Ends all that an application may do for the caller: its tokens, its codes, and signatures that were allowed and are not made yet. The
/// identifier is the application's `client_id`.
#[utoipa::path(post, path = "/api/v1/grants/{id}/end", params(("id" = String, Path)),
    responses((status = 204), (status = 401), (status = 404)))]
pub async fn end(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    approvals::end_grant(&app, &caller.required()?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
