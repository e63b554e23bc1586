//! The payer's side of payments: a payment order is approved with a PIN and comes back as a signed JWS.

use super::{credentials::with_pin, documents::SIGNERS, json::JsonBody};
use crate::{
    accounts::passkey::Given,
    app::App,
    custody::Factors,
    error::{RequestError, Result},
    http::{Caller, Remote, Route, pages::form::Secret},
    transactions::sign_order,
};
use axum::{Json, extract::State, http::Method, routing::post};
use chuky_model::payment::PaymentOrder;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::POST, "/api/v1/transactions/sign", SIGNERS, post(sign))]
}

/// An order to sign. An empty `payer` is filled in with the certificate's `sha256:` fingerprint, which tells nothing personal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOrderBody {
    credential: String,
    #[schema(value_type = String)]
    pin: Secret,
    /// The code of the authenticator app, where the signature takes a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Secret,
    /// Or a passkey's answer to `/api/v1/activation-challenge`.
    #[serde(default)]
    assertion: Option<Given>,
    #[schema(value_type = Object)]
    order: PaymentOrder,
}

/// The signed order.
#[derive(Serialize, ToSchema)]
pub struct SignedOrder {
    /// JWS in compact form.
    pub jws: String,
}

/// Signs one payment order with the caller's credential.
#[utoipa::path(post, path = "/api/v1/transactions/sign", request_body = SignOrderBody,
    responses((status = 200, body = SignedOrder), (status = 403), (status = 404), (status = 422), (status = 429)))]
pub async fn sign(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    body: JsonBody<SignOrderBody>,
) -> Result<Json<SignedOrder>> {
    let SignOrderBody { credential, pin, totp, assertion, order } = body.value;
    let credential = credential.parse().map_err(|_| RequestError::not_found())?;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    let by = caller.required()?;
    let jws = with_pin(&app, &by, &remote, sign_order(&app, &by, credential, &factors, order)).await?;
    Ok(Json(SignedOrder { jws }))
}
