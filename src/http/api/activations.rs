//! Activation codes: what the certificate will say, and redeeming the code: in the session of the subscriber's account where there is one,
//! else with the second secret that reached the subscriber.

use super::{idempotency, json::JsonBody};
use crate::{
    app::App,
    error::Result,
    http::{
        Access, Caller, Remote, Route,
        pages::{form::Secret, texts},
    },
    issuance::{self, OwnKeyReceipt, OwnKeyRedemption, Preview, Proof, Receipt, Redemption},
    rates::{Kind, WRONG_CODE},
    registration::{
        self, ReceiptKey,
        consent::{self, Confirmation, Consent},
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use chuky_model::{algorithm::KeyAlgorithm, id::AccountId, instant::Instant, text::Language};
use serde::{Deserialize, Serialize};
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
    /// The eight digits that were sent to the subscriber's contact, where the preview says so (`second_secret_sent_to`).
    #[serde(default)]
    #[schema(value_type = String)]
    second_secret: Secret,
    #[schema(value_type = String)]
    pin: Secret,
    /// `p256` (default), `p384`, `rsa2048`, `rsa3072` or `rsa4096`.
    #[serde(default = "default_algorithm")]
    #[schema(value_type = String)]
    algorithm: KeyAlgorithm,
    /// The preview's `content_digest`: the subscriber has read the content and confirms it. Without it, or with that of another content,
    /// nothing is made.
    #[serde(default)]
    #[schema(required = true)]
    confirmed: String,
    /// The `version` of the preview's `consent`: the subscriber was shown that text and agrees to it.
    #[serde(default)]
    #[schema(required = true)]
    consent: String,
}

/// What the certificate behind a code will say, and the words under which it is agreed to.
#[derive(Serialize, ToSchema)]
pub struct PreviewAnswer {
    #[serde(flatten)]
    preview: Preview,
    /// Of a key that is made and kept here.
    consent: ConsentShown,
    /// Of a key that the subscriber keeps (`…/own-key`).
    consent_own_key: ConsentShown,
}

/// A text of consent to show, with what is sent back of it.
#[derive(Serialize, ToSchema)]
pub struct ConsentShown {
    #[serde(flatten)]
    consent: Consent,
    vi: String,
    en: String,
}

impl ConsentShown {
    fn of(consent: Consent) -> Self {
        let [vi, en] = [Language::Vi, Language::En].map(|language| texts::text_or_key(language, consent.key, &[]));
        Self { consent, vi, en }
    }
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
    /// As with a key that is kept here.
    #[serde(default)]
    #[schema(value_type = String)]
    second_secret: Secret,
    /// The PKCS #10 request (RFC 2986), PEM. Only its key is taken over. Where it has a challenge password, that is the activation code.
    request: String,
    /// As with a key that is kept here.
    #[serde(default)]
    #[schema(required = true)]
    confirmed: String,
    /// The `version` of the preview's `consent_own_key`: the subscriber was shown that text and agrees to it.
    #[serde(default)]
    #[schema(required = true)]
    consent: String,
}

/// Tells what the certificate behind a code will say. Nothing is made.
#[utoipa::path(post, path = "/api/v1/activations/preview", request_body = PreviewBody,
    responses((status = 200, body = PreviewAnswer), (status = 422)))]
pub async fn preview(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    body: JsonBody<PreviewBody>,
) -> Result<Response> {
    let flow = issuance::preview(&app, body.value.code.reveal(), session(&caller));
    let preview = app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await?;
    let answer = PreviewAnswer {
        preview,
        consent: ConsentShown::of(consent::KEPT_HERE),
        consent_own_key: ConsentShown::of(consent::OWN_KEY),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Refuses the certificate before it is made, because its content is wrong: the request is rejected, and the code opens nothing any more.
#[utoipa::path(post, path = "/api/v1/activations/refuse", request_body = RefuseBody,
    responses((status = 204), (status = 409), (status = 422)))]
pub async fn refuse(State(app): State<App>, remote: Remote, body: JsonBody<RefuseBody>) -> Result<StatusCode> {
    let flow = registration::refuse(&app, body.value.code.reveal(), &body.value.reason);
    app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Redeems a code, once: key, certificate and account of its subscriber. Whoever has an account already does it in a session of that account
/// (`401 log_in_first`); whoever has none and was sent a second secret gives it, five tries a code. A client that lost the answer sends the same code with the
/// same `Idempotency-Key` (32 to 128 characters, made at random for this redemption) and gets the same receipt; PIN and password
/// are not compared. To everybody else a used code is a wrong one.
#[utoipa::path(post, path = "/api/v1/activations", request_body = RedeemBody,
    responses((status = 201, body = Receipt), (status = 401), (status = 409), (status = 422), (status = 503)))]
pub async fn redeem(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    headers: HeaderMap,
    body: JsonBody<RedeemBody>,
) -> Result<Response> {
    let RedeemBody { code, login, password, second_secret, pin, algorithm, confirmed, consent } = body.value;
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
        proof: proof(&caller, &second_secret, login, &password),
        pin: Zeroizing::new(pin.reveal().to_owned()),
        algorithm,
        confirmation: Confirmation { content_digest: confirmed, consent },
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

/// The account in whose session somebody calls; an API key is no log-in.
pub(in crate::http) fn session(caller: &Caller) -> Option<AccountId> {
    caller.0.as_ref().filter(|principal| principal.is_in_session()).map(|principal| principal.account)
}

fn proof(caller: &Caller, second_secret: &Secret, login: String, password: &Secret) -> Proof {
    Proof {
        session: session(caller),
        second_secret: Zeroizing::new(second_secret.reveal().to_owned()),
        login,
        password: Zeroizing::new(password.reveal().to_owned()),
    }
}

/// A wrong code counts against the address it comes from.
pub(in crate::http) fn guess<'r>(app: &App, remote: &'r Remote) -> (Kind, &'r str, Instant) {
    (Kind::ActivationAddress, remote.as_str(), app.clock.steady())
}

/// Redeems a code, once, for a key that the subscriber keeps on a token of their own: a certificate without a credential here. A client
/// that lost the answer sends the same code and request with the same `Idempotency-Key`, as with a key that is kept here.
#[utoipa::path(post, path = "/api/v1/activations/own-key", request_body = OwnKeyBody,
    responses((status = 201, body = OwnKeyReceipt), (status = 401), (status = 409), (status = 422), (status = 503)))]
pub async fn redeem_with_own_key(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    headers: HeaderMap,
    body: JsonBody<OwnKeyBody>,
) -> Result<Response> {
    let OwnKeyBody { code, login, password, second_secret, request, confirmed, consent } = body.value;
    let key = receipt_key(&headers)?;
    let redemption = OwnKeyRedemption {
        code: Zeroizing::new(code.reveal().to_owned()),
        proof: proof(&caller, &second_secret, login, &password),
        request: request.into_bytes(),
        confirmation: Confirmation { content_digest: confirmed, consent },
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
