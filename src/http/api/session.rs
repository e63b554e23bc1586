//! Logging in and out, and asking who is logged in. Wrong log-in names and wrong passwords get the same answer.

use super::json::JsonBody;
use crate::{
    accounts::{self, LogIn, LoggedIn, Password, SESSION_SECONDS, TotpCode},
    app::App,
    error::Error,
    http::{Access, Caller, Remote, Route, guard, pages::form::Secret},
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/session", Access::Public, post(open)),
        Route::new(Method::GET, "/api/v1/session", Access::Account, get(show)),
        Route::new(Method::DELETE, "/api/v1/session", Access::Account, delete(close)),
    ]
}

/// A log-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogInBody {
    login: String,
    #[schema(value_type = String)]
    password: Secret,
    /// The six digits of an authenticator app, where the account has one.
    #[schema(value_type = String)]
    #[serde(default)]
    totp: Secret,
    /// What an earlier answer gave this device: strangers' wrong tries do not hold it up.
    #[serde(default)]
    device: Option<String>,
}

/// An open session. The token goes into `Authorization: Bearer`.
#[derive(Serialize, ToSchema)]
pub struct SessionAnswer {
    pub account: String,
    pub token: String,
    pub expires_in: i64,
    /// To be sent with the next log-in of this account from this device. It opens nothing.
    pub device: String,
}

/// Who is calling.
#[derive(Serialize, ToSchema)]
pub struct WhoAnswer {
    pub account: String,
    pub login: String,
    pub roles: Vec<&'static str>,
    /// The session lacks a second factor that is asked of its holder: it opens nothing before one is enrolled.
    pub second_factor_due: bool,
}

/// Opens a session with log-in name and password.
#[utoipa::path(post, path = "/api/v1/session", request_body = LogInBody,
    responses((status = 200, body = SessionAnswer), (status = 401), (status = 429)))]
pub async fn open(State(app): State<App>, remote: Remote, body: JsonBody<LogInBody>) -> Result<Response, Error> {
    let LogInBody { login, password, totp, device } = body.value;
    let password = Password::enter(password.reveal());
    let totp = TotpCode::enter(totp.reveal());
    let attempt = LogIn { login, password, totp, from: remote.as_str().to_owned(), device };
    let LoggedIn { account, token, device } = accounts::log_in(&app, attempt).await?;
    let (account, token) = (account.to_string(), token.reveal().to_owned());
    let answer = SessionAnswer { account, token, expires_in: SESSION_SECONDS, device };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Tells who is logged in.
#[utoipa::path(get, path = "/api/v1/session", responses((status = 200, body = WhoAnswer), (status = 401)))]
pub async fn show(caller: Caller) -> Result<Json<WhoAnswer>, Error> {
    let who = caller.required()?;
    let roles = who.roles.iter().map(|role| role.name()).collect();
    let second_factor_due = who.enrolment_due;
    Ok(Json(WhoAnswer { account: who.account.to_string(), login: who.login, roles, second_factor_due }))
}

/// Ends the session.
#[utoipa::path(delete, path = "/api/v1/session", responses((status = 204), (status = 401)))]
pub async fn close(
    State(app): State<App>,
    jar: CookieJar,
    headers: axum::http::HeaderMap,
) -> Result<StatusCode, Error> {
    if let Some(token) = token_of(&app, &headers, &jar) {
        accounts::log_out(&app, &token).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The session's token that came with a request.
pub(in crate::http) fn token_of(app: &App, headers: &axum::http::HeaderMap, jar: &CookieJar) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    token.or_else(|| jar.get(guard::session_cookie(app)).map(|cookie| cookie.value().to_owned()))
}
