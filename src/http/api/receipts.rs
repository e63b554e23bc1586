//! Receipts of judged payments: the key that they are checked with, and a check for those who have no tool at hand. Nothing here needs a
//! log-in: whoever holds a receipt may show it to anybody.

use crate::{
    app::App,
    error::{RequestError, Result},
    http::{Access, Remote, Route},
    rates::Kind,
};
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_pki::payment::receipt::{CheckedReceipt, check};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/receipts/keys", Access::Public, get(keys)),
        Route::new(Method::POST, "/api/v1/receipts/verify", Access::Public, post(verify)),
    ]
}

/// The public key of receipts as a JWK set (RFC 7517). Keep it with the receipts: they are checked offline with it.
#[utoipa::path(get, path = "/api/v1/receipts/keys", responses((status = 200, body = serde_json::Value, content_type = "application/jwk-set+json")))]
pub async fn keys(State(app): State<App>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, "max-age=300")];
    (kind, app.receipts.key_set().to_string()).into_response()
}

/// Checks a receipt: the receipt itself (a JWS, or the JSON object of one under a signed root), or an object with the members `receipt`
/// and, where it should be compared, `message`, the payment that was sent. A receipt that is not valid is an answer, too.
#[utoipa::path(post, path = "/api/v1/receipts/verify", request_body(content = String, content_type = "application/json"),
    responses((status = 200, body = serde_json::Value), (status = 413), (status = 429)))]
pub async fn verify(State(app): State<App>, remote: Remote, body: Bytes) -> Result<Json<CheckedReceipt>> {
    allow(&app, &remote)?;
    let wrapped = serde_json::from_slice::<Wrapped>(&body).ok();
    let checked = match wrapped {
        None => check(&body, &app.receipts.keys()?, None),
        Some(Wrapped { receipt, message }) => {
            let text = match receipt {
                Value::String(text) => text,
                object => object.to_string(),
            };
            check(text.as_bytes(), &app.receipts.keys()?, message.as_deref().map(str::as_bytes))
        }
    };
    Ok(Json(checked))
}

/// Counts one check of a receipt, which is cheap but not free.
pub fn allow(app: &App, remote: &Remote) -> Result<(), RequestError> {
    app.rates.take(Kind::VerifyAddress, remote.as_str(), app.clock.steady())
}

/// A receipt with the message that it should be about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    receipt: Value,
    #[serde(default)]
    message: Option<String>,
}
