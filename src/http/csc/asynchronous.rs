//! Authorization on another device: the asynchronous answer of `credentials/authorize` and `credentials/authorizeCheck` (CSC API v2 §11.6,
//! §11.7); and `credentials/sendOTP` (version 1 §11.7), `credentials/getChallenge` (version 2 §11.8), which no credential needs.

use super::{Access, Route, failure::Failure, fields::Fields};
use crate::{
    accounts::Principal,
    app::App,
    approvals::{
        self, Standing, Wish,
        limits::{LONGEST_HANDLE, POLL_SECONDS},
    },
    custody,
    error::RequestError,
    http::{Caller, api::documents::SIGNERS},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use chuky_model::record::state::SigningRefusal;
use serde_json::{Value, json};

pub(super) fn routes() -> Vec<Route> {
    let route = |path, access: Access, handler| Route::new(Method::POST, path, access, handler);
    vec![
        route("/csc/v2/credentials/authorizeCheck", SIGNERS, post(check)),
        route("/csc/v1/credentials/sendOTP", SIGNERS, post(send)),
        route("/csc/v2/credentials/sendOTP", SIGNERS, post(send)),
        route("/csc/v2/credentials/getChallenge", SIGNERS, post(send)),
    ]
}

/// The authentication object that stands for it (CSC API v2 §8.3): sent back without a value.
pub(super) fn object() -> Value {
    json!({
        "type": "ChallengeResponseOOB", "id": "APPROVAL", "label": "APPROVAL",
        "description": "Xác nhận trên thiết bị của chủ chữ ký, với số mà ứng dụng hiện / approval on the signer's own device, with the number that the application shows",
    })
}

/// Puts the question to the signer. The number stands in this answer and nowhere else.
pub(super) async fn asked(app: &App, by: &Principal, wish: &Wish) -> Result<Response, Failure> {
    let asked = approvals::ask(app, by, wish).await?;
    let page = format!("{}/approvals", app.settings.public_url.trim_end_matches('/'));
    Ok(waits(&json!({
        "handle": asked.handle.as_str(), "number": asked.number.to_string(), "approvalURI": page, "expiresIn": asked.seconds,
    })))
}

async fn check(State(app): State<App>, caller: Caller, fields: Fields) -> Result<Response, Failure> {
    let by = caller.required()?;
    let handle = fields.required("handle")?;
    if handle.len() > LONGEST_HANDLE {
        return Err(Failure::bad("handle"));
    }
    match approvals::check(&app, &by, handle).await? {
        Standing::Waiting => Ok(waits(&json!({ "handle": handle }))),
        Standing::Approved(sad, left) => {
            let answer = json!({ "SAD": sad.reveal(), "expiresIn": left });
            Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
        }
        Standing::Refused(why) => Err(Failure::listed("access_denied", refusal(why))),
        Standing::Expired => Err(Failure::listed("expired_token", "Nobody approved in time")),
    }
}

/// The code of a second factor is made by the signer's own device: nothing is sent, and `credentials/info` says so (`offline`).
async fn send(State(app): State<App>, caller: Caller, fields: Fields) -> Result<Response, Failure> {
    let by = caller.required()?;
    let id = fields.credential()?;
    let signers = custody::signers(&app, &by).await?;
    signers.iter().find(|signer| signer.credential.id == id).ok_or_else(RequestError::not_found)?;
    Err(Failure::invalid("No code is sent for this credential: its OTP is offline, made by the signer's own device"))
}

fn refusal(why: SigningRefusal) -> &'static str {
    match why {
        SigningRefusal::NotMine => "The signer refused: not started by the signer",
        SigningRefusal::NotRight => "The signer refused: not what the signer wants signed",
        SigningRefusal::NotNow => "The signer refused",
        SigningRefusal::Number => "Refused: the number was typed wrongly too often",
        SigningRefusal::Ended => "Refused: the signer ended what the application may do",
    }
}

fn waits(answer: &Value) -> Response {
    let mut response = (StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(POLL_SECONDS));
    response
}
