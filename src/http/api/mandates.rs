//! Recurring mandates: a payer signs, lists and ends them; the provider that a mandate names collects.

use super::{credentials::with_pin, documents::SIGNERS, idempotency::once, json::JsonBody, requests::read_cursor};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    custody::Factors,
    error::{RequestError, Result},
    http::{
        Access, Caller, Remote, Route,
        pages::form::Secret,
        parameters::{Path, Query},
    },
    transactions::mandates::{self, CollectionAnswer, MandateView, Wish},
};
use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::{record::Cursor, role::Role};
use chuky_pki::payment::limits::LONGEST_MESSAGE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const COLLECTORS: Access = Access::Roles(&[Role::PaymentProvider]);

pub(super) fn routes() -> Vec<Route> {
    let collect = post(collect).layer(DefaultBodyLimit::max(LONGEST_MESSAGE * 2));
    vec![
        Route::new(Method::POST, "/api/v1/mandates", SIGNERS, post(sign)),
        Route::new(Method::GET, "/api/v1/mandates", SIGNERS, get(list)),
        Route::new(Method::GET, "/api/v1/mandates/{id}", SIGNERS, get(show)),
        Route::new(Method::POST, "/api/v1/mandates/{id}/end", SIGNERS, post(end)),
        Route::new(Method::POST, "/api/v1/mandates/collections", COLLECTORS, collect),
    ]
}

/// A mandate to sign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MandateBody)]
pub struct SignBody {
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
    mandate: Wish,
}

/// A page of the caller's mandates.
#[derive(Serialize, ToSchema)]
pub struct MandatesAnswer {
    mandates: Vec<MandateView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Where a list begins.
#[derive(Deserialize)]
pub struct ListQuery {
    before: Option<String>,
}

/// Signs a mandate with the caller's credential: it is in force. An `Idempotency-Key` stands for one signature, whatever PIN comes with it.
#[utoipa::path(post, path = "/api/v1/mandates", request_body = SignBody,
    responses((status = 201, body = MandateView), (status = 403), (status = 404), (status = 409), (status = 422), (status = 429)))]
pub async fn sign(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    headers: HeaderMap,
    body: JsonBody<SignBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let SignBody { credential, pin, totp, assertion, mandate } = body.value;
    let credential = credential.parse().map_err(|_| RequestError::not_found())?;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    // Nothing of a PIN is kept, not even under a key.
    let identity = format!("{credential}\n{mandate:?}");
    let flow = async move |app: App, by: Principal| {
        with_pin(&app, &by, &remote, mandates::sign(&app, &by, credential, &factors, mandate)).await
    };
    once(&app, &by, "POST /api/v1/mandates", (&headers, identity.as_bytes()), StatusCode::CREATED, flow).await
}

/// The caller's mandates with what was collected, newest first.
#[utoipa::path(get, path = "/api/v1/mandates", params(("before" = Option<String>, Query)), responses((status = 200, body = MandatesAnswer)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<MandatesAnswer>> {
    let before =
        query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (mandates, next) = mandates::list(&app, &caller.required()?, before).await?;
    Ok(Json(MandatesAnswer { mandates, next: next.map(|next| format!("{}_{}", next.at.0, next.id)) }))
}

/// One mandate of the caller's.
#[utoipa::path(get, path = "/api/v1/mandates/{id}", params(("id" = String, Path)),
    responses((status = 200, body = MandateView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<MandateView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(mandates::show(&app, &caller.required()?, id).await?))
}

/// Ends a mandate: nothing is collected any more.
#[utoipa::path(post, path = "/api/v1/mandates/{id}/end", params(("id" = String, Path)),
    responses((status = 200, body = MandateView), (status = 404)))]
pub async fn end(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<MandateView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(mandates::end(&app, &caller.required()?, id).await?))
}

#[utoipa::path(post, path = "/api/v1/mandates/collections",
    request_body(content((String = "application/jose"), (serde_json::Value = "application/json"))),
    responses((status = 200, body = CollectionAnswer), (status = 401), (status = 413), (status = 429)))]
/// Presents a collection: a payment order whose reference is `mandate:` and the mandate's identifier, signed with a certificate that the caller's
/// terms name, in any form that payments have. A rejected collection is an answer, too.
pub async fn collect(State(app): State<App>, caller: Caller, body: Bytes) -> Result<Json<CollectionAnswer>> {
    Ok(Json(mandates::collect(&app, &caller.required()?, &body).await?))
}
