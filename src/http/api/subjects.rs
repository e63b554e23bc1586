//! What is held about a person, as one file: for themselves, and for a security officer who answers somebody's written question.

use super::json::JsonBody;
use crate::{
    app::App,
    error::Result,
    http::{Access, Caller, Route},
    subject,
};
use axum::{
    Json,
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::role::Role;
use serde::Deserialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/subject", Access::Account, get(own)),
        Route::new(Method::POST, "/api/v1/subjects/export", Access::Roles(&[Role::SecurityOfficer]), post(export)),
    ]
}

/// Whose data is given out, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportBody {
    /// The log-in of the person's account.
    account: String,
    /// For instance the number of their written request. It is asked for and not kept: the log says that there was one.
    ground: String,
}

/// Everything that is held about the caller, logged in.
#[utoipa::path(get, path = "/api/v1/subject", responses((status = 200, body = serde_json::Value), (status = 401)))]
pub async fn own(State(app): State<App>, caller: Caller) -> Result<Response> {
    let held = subject::export_own(&app, &caller.required()?).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(held)).into_response())
}

/// Everything that is held about the holder of an account.
#[utoipa::path(post, path = "/api/v1/subjects/export", request_body = ExportBody,
    responses((status = 200, body = serde_json::Value), (status = 403), (status = 404), (status = 422)))]
pub async fn export(State(app): State<App>, caller: Caller, body: JsonBody<ExportBody>) -> Result<Response> {
    let ExportBody { account, ground } = body.value;
    let held = subject::export_of(&app, &caller.required()?, &account, &ground).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(held)).into_response())
}
