//! The caller's own credentials: what they are, and a change of PIN. A PIN comes in a body and goes nowhere but into the seal.

use super::{documents::SIGNERS, idempotency::once, json::JsonBody};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Pin},
    error::{RequestError, Result},
    http::{Caller, Remote, Route, pages::form::Secret, parameters::Path},
    rates::{Kind, WRONG_PIN},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::id::CredentialId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/credentials", SIGNERS, get(credentials)),
        Route::new(Method::POST, "/api/v1/credentials/{id}/pin", SIGNERS, post(change_pin)),
    ]
}

/// A credential that the caller can sign with.
#[derive(Serialize, ToSchema)]
pub struct CredentialView {
    pub id: String,
    /// The certificate's holder.
    pub holder: String,
    pub organization: String,
    /// Hex.
    pub serial: String,
    pub issuer: String,
    /// RFC 3339.
    pub not_after: String,
    pub algorithm: &'static str,
    /// `active`, `locked`, `closed`.
    pub state: &'static str,
    /// `issued`, `suspended`, `revoked`.
    pub certificate_state: &'static str,
    pub tries_left: u32,
}

/// The caller's credentials, newest first.
#[derive(Serialize, ToSchema)]
pub struct CredentialsAnswer {
    pub credentials: Vec<CredentialView>,
}

/// Runs a flow that a PIN is entered for: each costs its account something, and a wrong one counts against its address. Behind an
/// application's or a system's address are many people: there it counts against each of them alone.
pub(in crate::http) async fn with_pin<T>(
    app: &App,
    by: &Principal,
    remote: &Remote,
    flow: impl Future<Output = Result<T>>,
) -> Result<T> {
    let now = app.clock.steady();
    app.rates.take(Kind::Pin, &by.account.to_string(), now)?;
    let from = match by.is_in_session() {
        true => remote.as_str().to_owned(),
        false => format!("{}\n{}", by.client, by.account),
    };
    app.rates.guessing((Kind::PinAddress, &from, now), WRONG_PIN, flow).await
}

/// A change of PIN.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinBody {
    #[schema(value_type = String)]
    old_pin: Secret,
    /// 8 to 64 characters, none of those that everybody tries first, without the personal number.
    #[schema(value_type = String)]
    new_pin: Secret,
}

/// A PIN that was changed.
#[derive(Serialize, ToSchema)]
pub struct PinAnswer {
    #[schema(value_type = String)]
    pub credential: CredentialId,
    pub changed: bool,
}

/// Lists the caller's credentials.
#[utoipa::path(get, path = "/api/v1/credentials", responses((status = 200, body = CredentialsAnswer)))]
pub async fn credentials(State(app): State<App>, caller: Caller) -> Result<Json<CredentialsAnswer>> {
    let signers = custody::signers(&app, &caller.required()?).await?;
    let credentials = signers.iter().map(|signer| CredentialView {
        id: signer.credential.id.to_string(),
        holder: signer.certificate.subject().common_name(),
        organization: signer.certificate.subject().organization(),
        serial: hex::encode(signer.row.serial.as_octets()),
        issuer: signer.certificate.issuer().common_name(),
        not_after: signer.row.not_after.rfc3339(),
        algorithm: signer.credential.algorithm.name(),
        state: signer.shown_state(&app).name(),
        certificate_state: signer.row.state.name(),
        tries_left: signer.tries_left(&app),
    });
    Ok(Json(CredentialsAnswer { credentials: credentials.collect() }))
}

/// Changes a PIN. The old one is a counted try; after the last wrong one the credential is locked. An `Idempotency-Key` stands for one
/// change, whatever PINs come with it.
#[utoipa::path(post, path = "/api/v1/credentials/{id}/pin", params(("id" = String, Path)), request_body = PinBody,
    responses((status = 200, body = PinAnswer), (status = 403), (status = 404), (status = 409), (status = 422), (status = 429)))]
pub async fn change_pin(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: JsonBody<PinBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let credential: CredentialId = id.parse().map_err(|_| RequestError::not_found())?;
    let PinBody { old_pin, new_pin } = body.value;
    let old = Pin::enter(old_pin.reveal())
        .map_err(|error| RequestError { field: Some("old_pin"), ..RequestError::from(error) })?;
    let flow = async move |app: App, by: Principal| {
        with_pin(&app, &by, &remote, custody::change_pin(&app, &by, credential, &old, new_pin.reveal())).await?;
        Ok(PinAnswer { credential, changed: true })
    };
    // Nothing of a PIN is kept, not even under a key.
    let route = format!("POST /api/v1/credentials/{credential}/pin");
    once(&app, &by, &route, (&headers, route.as_bytes()), StatusCode::OK, flow).await
}
