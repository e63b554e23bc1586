//! Applications of the signing API: registered, listed and ended by administrators. A secret is in the answer of its registration only.

use super::{json::JsonBody, requests::read_cursor};
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
    oauth::{self, ClientView, NewClient},
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::{record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    const STAFF: Access = Access::Roles(&[Role::SecurityOfficer, Role::Administrator]);
    vec![
        Route::new(Method::POST, "/api/v1/oauth-clients", STAFF, post(register)),
        Route::new(Method::GET, "/api/v1/oauth-clients", STAFF, get(list)),
        Route::new(Method::POST, "/api/v1/oauth-clients/{id}/end", STAFF, post(end)),
    ]
}

/// An application to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientBody {
    /// As users read it when they are asked: 1 to 100 characters.
    name: String,
    /// Where users are sent back to, compared as written: `https://…`, or `http://127.0.0.1…` for a program on the user's device.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// Whether it can keep a secret.
    #[serde(default)]
    confidential: bool,
    /// The system's account that it acts for by itself (client credentials): no person's and no staff's.
    #[serde(default)]
    account: Option<String>,
}

/// A registered application.
#[derive(Serialize, ToSchema)]
pub struct RegisteredAnswer {
    #[serde(flatten)]
    pub client: ClientView,
    /// Shown once; kept nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// Applications, oldest first.
#[derive(Serialize, ToSchema)]
pub struct ClientsAnswer {
    pub clients: Vec<ClientView>,
    /// To be passed as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where a page of the list begins.
#[derive(Deserialize)]
pub struct ListQuery {
    after: Option<String>,
}

/// Registers an application. What is registered never changes: register another and end the old one.
#[utoipa::path(post, path = "/api/v1/oauth-clients", request_body = ClientBody,
    responses((status = 201, body = RegisteredAnswer), (status = 422)))]
pub async fn register(State(app): State<App>, caller: Caller, body: JsonBody<ClientBody>) -> Result<Response> {
    let by = caller.required()?;
    let ClientBody { name, redirect_uris, confidential, account } = body.value;
    let account = account.map(|id| id.parse().map_err(|_| RequestError::not_found())).transpose()?;
    let new = NewClient { name, redirect_uris, confidential, account };
    let registered = oauth::register(&app, &by, new).await?;
    let client_secret = registered.secret.map(|secret| secret.to_string());
    let answer = RegisteredAnswer { client: registered.client, client_secret };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Lists applications, those that ended among them.
#[utoipa::path(get, path = "/api/v1/oauth-clients", params(("after" = Option<String>, Query)),
    responses((status = 200, body = ClientsAnswer)))]
pub async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<Json<ClientsAnswer>> {
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (clients, next) = oauth::list(&app, after).await?;
    Ok(Json(ClientsAnswer { clients, next: next.map(|next| format!("{}_{}", next.at.0, next.id)) }))
}

/// Ends an application for good: its codes and tokens open nothing any more.
#[utoipa::path(post, path = "/api/v1/oauth-clients/{id}/end", params(("id" = String, Path)),
    responses((status = 200, body = ClientView), (status = 404)))]
pub async fn end(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<ClientView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(oauth::end(&app, &caller.required()?, id).await?))
}
