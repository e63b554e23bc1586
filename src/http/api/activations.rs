//! Activation codes: what the certificate will say, and redeeming the code. No account is needed: the code is the proof.

use super::{idempotency, json::JsonBody};
use crate::{
    app::App,
    error::Result,
    http::{Access, Remote, Route, pages::form::Secret},
    issuance::{self, OwnKeyReceipt, OwnKeyRedemption, Preview, Receipt, Redemption},
    rates::{Kind, WRONG_CODE},
    registration::{self, ReceiptKey},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use chuky_model::{algorithm::KeyAlgorithm, instant::Instant};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/activations", Access::Public, post(redeem)),
        Route::new(Method::POST, "/api/v1/activations/preview", Access::Public, post(preview)),
        Route::new(Method::POST, "/api/v1/activations/refuse", Access::Public, post(refuse)),
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
    /// The preview's `content_digest`: the subscriber has read the content and confirms it. With another content nothing is made.
    #[serde(default)]
    confirmed: Option<String>,
}

/// Why a subscriber refuses the certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseBody {
    #[schema(value_type = String)]
    code: Secret,
    /// What is wrong with the content, at most 500 characters.
    reason: String,
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
    /// As with a key that is kept here.
    #[serde(default)]
    confirmed: Option<String>,
}

/// Tells what the certificate behind a code will say. Nothing is made.
#[utoipa::path(post, path = "/api/v1/activations/preview", request_body = PreviewBody,
    responses((status = 200, body = Preview), (status = 422)))]
pub async fn preview(State(app): State<App>, remote: Remote, body: JsonBody<PreviewBody>) -> Result<Response> {
    let flow = issuance::preview(&app, body.value.code.reveal());
    let preview = app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(preview)).into_response())
}

/// Refuses the certificate before it is made, because its content is wrong: the request is rejected, and the code opens nothing any more.
#[utoipa::path(post, path = "/api/v1/activations/refuse", request_body = RefuseBody,
    responses((status = 204), (status = 409), (status = 422)))]
pub async fn refuse(State(app): State<App>, remote: Remote, body: JsonBody<RefuseBody>) -> Result<StatusCode> {
    let flow = registration::refuse(&app, body.value.code.reveal(), &body.value.reason);
    app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Redeems a code, once: key, certificate and account of its subscriber. A client that lost the answer sends the same code with the
/// same `Idempotency-Key` (32 to 128 characters, made at random for this redemption) and gets the same receipt; PIN and password
/// are not compared. To everybody else a used code is a wrong one.
#[utoipa::path(post, path = "/api/v1/activations", request_body = RedeemBody,
    responses((status = 201, body = Receipt), (status = 409), (status = 422), (status = 503)))]
pub async fn redeem(
    State(app): State<App>,
    remote: Remote,
    headers: HeaderMap,
    body: JsonBody<RedeemBody>,
) -> Result<Response> {
    let RedeemBody { code, login, password, pin, algorithm, confirmed } = body.value;
    let key = receipt_key(&headers)?;
    let no_store = (header::CACHE_CONTROL, "no-store");
    if let Some(key) = &key
        && let Some(receipt) = issuance::receipt_again(&app, code.reveal(), key).await?
    {
        let headers = [no_store, (idempotency::REPLAYED, "true")];
        return Ok((StatusCode::CREATED, headers, Json(receipt)).into_response());
    }
    let redemption = Redemption {
        code: Zeroizing::new(code.reveal().to_owned()),
        login,
        password: Zeroizing::new(password.reveal().to_owned()),
        pin: Zeroizing::new(pin.reveal().to_owned()),
        algorithm,
        confirmed,
        key,
    };
    let flow = issuance::redeem(&app, redemption);
    let receipt = app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await?;
    Ok((StatusCode::CREATED, [no_store], Json(receipt)).into_response())
}

fn receipt_key(headers: &HeaderMap) -> Result<Option<ReceiptKey>> {
    let key = headers.get(idempotency::HEADER).map(|key| ReceiptKey::enter(key.to_str().unwrap_or_default()));
    Ok(key.transpose()?)
}

/// A wrong code counts against the address it comes from.
pub(in crate::http) fn guess<'r>(app: &App, remote: &'r Remote) -> (Kind, &'r str, Instant) {
    (Kind::ActivationAddress, remote.as_str(), app.clock.steady())
}

/// Redeems a code, once, for a key that the subscriber keeps on a token of their own: a certificate without a credential here. A client
/// that lost the answer sends the same code and request with the same `Idempotency-Key`, as with a key that is kept here.
#[utoipa::path(post, path = "/api/v1/activations/own-key", request_body = OwnKeyBody,
    responses((status = 201, body = OwnKeyReceipt), (status = 409), (status = 422), (status = 503)))]
pub async fn redeem_with_own_key(
    State(app): State<App>,
    remote: Remote,
    headers: HeaderMap,
    body: JsonBody<OwnKeyBody>,
) -> Result<Response> {
    let OwnKeyBody { code, login, password, request, confirmed } = body.value;
    let key = receipt_key(&headers)?;
    let redemption = OwnKeyRedemption {
        code: Zeroizing::new(code.reveal().to_owned()),
        login,
        password: Zeroizing::new(password.reveal().to_owned()),
        request: request.into_bytes(),
        confirmed,
        key,
    };
    let flow = issuance::redeem_with_own_key(&app, redemption);
    let (receipt, again) = app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await?;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok(match again {
        true => (StatusCode::CREATED, no_store, [(idempotency::REPLAYED, "true")], Json(receipt)).into_response(),
        false => (StatusCode::CREATED, no_store, Json(receipt)).into_response(),
    })
}

fn default_algorithm() -> KeyAlgorithm {
    KeyAlgorithm::P256
}
