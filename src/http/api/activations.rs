//! Activation codes: what the certificate will say, and redeeming the code. No account is needed: the code is the proof.

use super::json::JsonBody;
use crate::{
    app::App,
    error::Result,
    http::{Access, Route, pages::form::Secret},
    issuance::{self, OwnKeyReceipt, OwnKeyRedemption, Preview, Receipt, Redemption},
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use chuky_model::algorithm::KeyAlgorithm;
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/activations", Access::Public, post(redeem)),
        Route::new(Method::POST, "/api/v1/activations/preview", Access::Public, post(preview)),
        Route::new(Method::POST, "/api/v1/activations/own-key", Access::Public, post(redeem_with_own_key)),
    ]
}

/// An activation code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBody {
    #[schema(value_type = String)]
    code: Secret,
}

/// An activation code with what its subscriber chooses.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemBody {
    #[schema(value_type = String)]
    code: Secret,
    /// Log-in name of the new account; left out where the preview says that the person has one.
    #[serde(default)]
    login: String,
    #[serde(default)]
    #[schema(value_type = String)]
    password: Secret,
    #[schema(value_type = String)]
    pin: Secret,
    /// `p256` (default), `p384`, `rsa2048`, `rsa3072` or `rsa4096`.
    #[serde(default = "default_algorithm")]
    #[schema(value_type = String)]
    algorithm: KeyAlgorithm,
}

/// An activation code with the request of a key on the subscriber's own token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnKeyBody {
    #[schema(value_type = String)]
    code: Secret,
    /// Log-in name of the new account; left out where the preview says that the person has one.
    #[serde(default)]
    login: String,
    #[serde(default)]
    #[schema(value_type = String)]
    password: Secret,
    /// The PKCS #10 request (RFC 2986), PEM. Only its key is taken over. Where it has a challenge password, that is the activation code.
    request: String,
}

/// Tells what the certificate behind a code will say. Nothing is made.
#[utoipa::path(post, path = "/api/v1/activations/preview", request_body = PreviewBody,
    responses((status = 200, body = Preview), (status = 422)))]
pub async fn preview(State(app): State<App>, body: JsonBody<PreviewBody>) -> Result<Response> {
    let preview = issuance::preview(&app, body.value.code.reveal()).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(preview)).into_response())
}

/// Redeems a code, once: key, certificate and account of its subscriber.
#[utoipa::path(post, path = "/api/v1/activations", request_body = RedeemBody,
    responses((status = 201, body = Receipt), (status = 409), (status = 422), (status = 503)))]
pub async fn redeem(State(app): State<App>, body: JsonBody<RedeemBody>) -> Result<Response> {
    let RedeemBody { code, login, password, pin, algorithm } = body.value;
    let redemption = Redemption {
        code: Zeroizing::new(code.reveal().to_owned()),
        login,
        password: Zeroizing::new(password.reveal().to_owned()),
        pin: Zeroizing::new(pin.reveal().to_owned()),
        algorithm,
    };
    let receipt = issuance::redeem(&app, redemption).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(receipt)).into_response())
}

/// Redeems a code, once, for a key that the subscriber keeps on a token of their own: a certificate without a credential here.
#[utoipa::path(post, path = "/api/v1/activations/own-key", request_body = OwnKeyBody,
    responses((status = 201, body = OwnKeyReceipt), (status = 409), (status = 422), (status = 503)))]
pub async fn redeem_with_own_key(State(app): State<App>, body: JsonBody<OwnKeyBody>) -> Result<Response> {
    let OwnKeyBody { code, login, password, request } = body.value;
    let redemption = OwnKeyRedemption {
        code: Zeroizing::new(code.reveal().to_owned()),
        login,
        password: Zeroizing::new(password.reveal().to_owned()),
        request: request.into_bytes(),
    };
    let receipt = issuance::redeem_with_own_key(&app, redemption).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(receipt)).into_response())
}

fn default_algorithm() -> KeyAlgorithm {
    KeyAlgorithm::P256
}
