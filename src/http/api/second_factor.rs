//! Enrolling the second factor of one's own account: a secret for an authenticator app, confirmed by a first code.

use super::{json::JsonBody, session::token_of};
use crate::{
    accounts::{TotpCode, second_factor},
    app::App,
    error::{RequestError, Result},
    http::{Access, Caller, Route, pages::form::Secret},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/second-factor", Access::Account, post(begin)),
        Route::new(Method::POST, "/api/v1/second-factor/confirm", Access::Account, post(confirm)),
    ]
}

/// A secret for an authenticator app (RFC 6238). It is told once.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentAnswer {
    /// Base32, to be typed.
    pub totp_secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub address: String,
}

/// A first code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    /// The six digits that the app shows now.
    #[schema(value_type = String)]
    totp: Secret,
}

/// Makes a secret; one that was made before and not confirmed opens nothing any more.
#[utoipa::path(post, path = "/api/v1/second-factor", responses((status = 200, body = EnrolmentAnswer), (status = 409)))]
pub async fn begin(State(app): State<App>, caller: Caller) -> Result<Response> {
    let enrolment = second_factor::begin(&app, &caller.required()?).await?;
    let (totp_secret, address) = (enrolment.secret.to_string(), enrolment.address.to_string());
    let answer = EnrolmentAnswer { totp_secret, address };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Confirms the secret. Each log-in of the account asks for a code from then on.
#[utoipa::path(post, path = "/api/v1/second-factor/confirm", request_body = ConfirmBody,
    responses((status = 204), (status = 409), (status = 422), (status = 429)))]
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    jar: CookieJar,
    headers: HeaderMap,
    body: JsonBody<ConfirmBody>,
) -> Result<StatusCode> {
    let token = token_of(&app, &headers, &jar).ok_or_else(RequestError::unauthenticated)?;
    let code = TotpCode::enter(body.value.totp.reveal());
    second_factor::confirm(&app, &caller.required()?, &token, &code).await?;
    Ok(StatusCode::NO_CONTENT)
}
