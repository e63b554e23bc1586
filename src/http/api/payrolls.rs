//! Payrolls: a file of payments is checked and shown with its total and digest; one PIN signs exactly the orders that were shown.

use super::{credentials::with_pin, documents::SIGNERS, idempotency, json::JsonBody};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    custody::Factors,
    error::{RequestError, Result},
    http::{Caller, Remote, Route, pages::form::Secret, parameters::Query, upload},
    transactions::payroll::{self, PayrollView, SignedPayroll},
};
use axum::{
    Json,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::Method,
    routing::post,
};
use chuky_model::payment::PaymentOrder;
use serde::Deserialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    let check = post(check).layer(DefaultBodyLimit::disable());
    let sign = post(sign).layer(DefaultBodyLimit::max(LARGEST_PAYROLL));
    vec![
        Route::new(Method::POST, "/api/v1/payrolls/check", SIGNERS, check),
        Route::new(Method::POST, "/api/v1/payrolls/sign", SIGNERS, sign),
    ]
}

/// Octets of a payroll's orders as JSON: [`payroll::MOST_ORDERS`] of the longest.
pub(in crate::http) const LARGEST_PAYROLL: usize = 8 << 20;
/// One name for page and API: whichever signs a payroll first, both give its answer.
pub(in crate::http) const SIGNING: &str = "payroll signing";

/// Who pays, and until when the orders are good.
#[derive(Deserialize)]
pub struct CheckQuery {
    credential: String,
    /// RFC 3339; a day from now without.
    expires: Option<String>,
}

/// A payroll to sign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignPayrollBody {
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
    /// As the check gave it.
    sha256: String,
    /// As the check gave them, every one.
    #[schema(value_type = Vec<Object>)]
    orders: Vec<PaymentOrder>,
}

#[utoipa::path(post, path = "/api/v1/payrolls/check",
    params(("credential" = String, Query), ("expires" = Option<String>, Query)),
    request_body(content((String = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    responses((status = 200, body = PayrollView), (status = 403), (status = 404), (status = 409), (status = 413), (status = 422)))]
/// Reads a CSV or XLSX file of payments, which is the body, as orders of the credential's holder: what would be signed, with its total and
/// digest, or what is wrong with which row. Nothing is stored.
pub async fn check(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Query(query): Query<CheckQuery>,
    body: Body,
) -> Result<Json<PayrollView>> {
    let by = caller.required()?;
    let credential = query.credential.parse().map_err(|_| RequestError::not_found())?;
    let arriving = app.admission.arrive(Some(&by), remote.as_str())?;
    let file = upload::spool_body(&app, body).await?.finish().await?;
    let _place = arriving.judge().await?;
    let rows = payroll::rows(&app, file).await?;
    Ok(Json(payroll::prepare(&app, &by, credential, &rows, query.expires.as_deref()).await?))
}

/// Signs every order of a payroll with one PIN. The digest is its own idempotency key: the same payroll again gives the same signatures.
#[utoipa::path(post, path = "/api/v1/payrolls/sign", request_body = SignPayrollBody,
    responses((status = 200, body = SignedPayroll), (status = 403), (status = 404), (status = 409), (status = 422), (status = 429)))]
pub async fn sign(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    body: JsonBody<SignPayrollBody>,
) -> Result<Json<SignedPayroll>> {
    let SignPayrollBody { credential, pin, totp, assertion, sha256, orders } = body.value;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    Ok(Json(signed(&app, &caller.required()?, remote, (credential, sha256, orders), factors).await?))
}

/// Signs it, or gives what was signed: once for a credential and a digest.
pub(in crate::http) async fn signed(
    app: &App,
    by: &Principal,
    remote: Remote,
    (credential, sha256, orders): (String, String, Vec<PaymentOrder>),
    factors: Factors,
) -> Result<SignedPayroll> {
    let key = format!("{credential}-{sha256}");
    let flow = async move |app: App, by: Principal| {
        let credential = credential.parse().map_err(|_| RequestError::not_found())?;
        with_pin(&app, &by, &remote, payroll::sign(&app, &by, credential, &factors, (orders, &sha256))).await
    };
    idempotency::once_on_page(app, by, SIGNING, (&key, key.as_bytes()), flow).await
}
