//! Certificates that other authorities issued: registering them with a proof of possession, deciding whose they are, and taking them away.

use super::{documents::SIGNERS, json::JsonBody, requests::read_cursor};
use crate::{
    accounts::passkey::Given,
    app::App,
    error::{RequestError, Result},
    foreign::{self, ChallengeView, ForeignView, Offer, Proof},
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
    rates::Kind,
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::{algorithm::SignatureScheme, id::ForeignCertificateId, record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who decides whose a certificate is.
pub const DECIDE: Access = Access::Roles(&[Role::Approver, Role::SecurityOfficer]);
/// Who sees one, and takes it away: holders their own.
pub const SEE: Access = Access::Roles(&[
    Role::Citizen,
    Role::Official,
    Role::Clerk,
    Role::Registrar,
    Role::Approver,
    Role::SecurityOfficer,
]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/foreign-certificates", SIGNERS, get(own)),
        Route::new(Method::POST, "/api/v1/foreign-certificates/challenges", SIGNERS, post(ask)),
        Route::new(Method::POST, "/api/v1/foreign-certificates", SIGNERS, post(register)),
        Route::new(Method::GET, "/api/v1/foreign-certificates/waiting", DECIDE, get(waiting)),
        Route::new(Method::GET, "/api/v1/foreign-certificates/{id}", SEE, get(show)),
        Route::new(Method::POST, "/api/v1/foreign-certificates/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/api/v1/foreign-certificates/{id}/refuse", DECIDE, post(refuse)),
        Route::new(Method::POST, "/api/v1/foreign-certificates/{id}/remove", SEE, post(remove)),
        Route::new(Method::POST, "/api/v1/foreign-certificates/{id}/check", SEE, post(check)),
    ]
}

/// A certificate of another authority.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferBody {
    /// PEM, or base64 of DER. In PEM its issuers may follow.
    certificate: String,
    /// Further certificates of its issuers, each as above.
    #[serde(default)]
    chain: Vec<String>,
    /// Revocation lists of its authorities (base64 of DER), where this service cannot fetch them; 1 MB in all.
    #[serde(default)]
    lists: Vec<String>,
    /// How the key signs; its usual way where left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    scheme: Option<SignatureScheme>,
}

/// The caller's certificates of other authorities.
#[derive(Serialize, ToSchema)]
pub struct ForeignAnswer {
    pub certificates: Vec<ForeignView>,
    /// For `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where a page begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    after: Option<String>,
}

/// The digest of what was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveForeignBody {
    content_digest: String,
    /// Of whoever decides by passkey.
    #[schema(value_type = Option<Object>)]
    assertion: Option<Given>,
}

/// Why it is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseForeignBody {
    reason: String,
}

/// Lists the caller's own, newest first, with those that were refused or taken away.
#[utoipa::path(get, path = "/api/v1/foreign-certificates", responses((status = 200, body = ForeignAnswer)))]
pub async fn own(State(app): State<App>, caller: Caller) -> Result<Json<ForeignAnswer>> {
    let certificates = foreign::own(&app, &caller.required()?).await?;
    Ok(Json(ForeignAnswer { certificates, next: None }))
}

/// Judges a certificate, and gives the text whose signature by its key proves possession. Nothing is stored; the text serves once, for ten minutes.
#[utoipa::path(post, path = "/api/v1/foreign-certificates/challenges", request_body = OfferBody,
    responses((status = 200, body = ChallengeView), (status = 403), (status = 409), (status = 422), (status = 429)))]
pub async fn ask(State(app): State<App>, caller: Caller, body: JsonBody<OfferBody>) -> Result<Json<ChallengeView>> {
    let by = caller.required()?;
    app.rates.take(Kind::Verify, &by.account.to_string(), app.clock.steady())?;
    let OfferBody { certificate, chain, lists, scheme } = body.value;
    let list = |text: String| BASE64_STANDARD.decode(text.trim()).map_err(|_| list_unreadable());
    let offer = Offer {
        certificate: certificate.into_bytes(),
        chain: chain.into_iter().map(String::into_bytes).collect(),
        lists: lists.into_iter().map(list).collect::<Result<_, _>>()?,
        scheme,
    };
    Ok(Json(foreign::ask(&app, &by, offer).await?))
}

/// Registers the certificate with the signature of its text. One whose name is another than the account's waits for somebody who decides.
#[utoipa::path(post, path = "/api/v1/foreign-certificates", request_body = Proof,
    responses((status = 201, body = ForeignView), (status = 403), (status = 409), (status = 422), (status = 429)))]
pub async fn register(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<Proof>,
) -> Result<(StatusCode, Json<ForeignView>)> {
    let by = caller.required()?;
    app.rates.take(Kind::Verify, &by.account.to_string(), app.clock.steady())?;
    Ok((StatusCode::CREATED, Json(foreign::register(&app, &by, &body.value).await?)))
}

/// Lists those that wait for a decision, oldest first.
#[utoipa::path(get, path = "/api/v1/foreign-certificates/waiting", params(("after" = Option<String>, Query)),
    responses((status = 200, body = ForeignAnswer)))]
pub async fn waiting(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<ForeignAnswer>> {
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (certificates, next) = foreign::waiting(&app, &caller.required()?, after).await?;
    let next = next.map(|cursor| format!("{}_{}", cursor.at.0, cursor.id));
    Ok(Json(ForeignAnswer { certificates, next }))
}

/// One of them.
#[utoipa::path(get, path = "/api/v1/foreign-certificates/{id}", params(("id" = String, Path)),
    responses((status = 200, body = ForeignView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<ForeignView>> {
    Ok(Json(foreign::one(&app, &caller.required()?, read(&id)?).await?))
}

/// Registers exactly what was shown: by somebody else than its holder.
#[utoipa::path(post, path = "/api/v1/foreign-certificates/{id}/approve", params(("id" = String, Path)),
    request_body = ApproveForeignBody, responses((status = 200, body = ForeignView), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ApproveForeignBody>,
) -> Result<Json<ForeignView>> {
    let ApproveForeignBody { content_digest, assertion } = body.value;
    Ok(Json(foreign::approve(&app, &caller.required()?, read(&id)?, &content_digest, assertion.as_ref()).await?))
}

/// Refuses it with a reason.
#[utoipa::path(post, path = "/api/v1/foreign-certificates/{id}/refuse", params(("id" = String, Path)),
    request_body = RefuseForeignBody, responses((status = 200, body = ForeignView), (status = 403), (status = 404), (status = 409)))]
pub async fn refuse(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RefuseForeignBody>,
) -> Result<Json<ForeignView>> {
    Ok(Json(foreign::refuse(&app, &caller.required()?, read(&id)?, &body.value.reason).await?))
}

/// Takes it away: its holder, or whoever decides. What was signed with it stays as it is.
#[utoipa::path(post, path = "/api/v1/foreign-certificates/{id}/remove", params(("id" = String, Path)),
    responses((status = 200, body = ForeignView), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<ForeignView>> {
    Ok(Json(foreign::remove(&app, &caller.required()?, read(&id)?).await?))
}

/// Asks its authority for its status again, as far as the settings allow to fetch.
#[utoipa::path(post, path = "/api/v1/foreign-certificates/{id}/check", params(("id" = String, Path)),
    responses((status = 200, body = ForeignView), (status = 404), (status = 409), (status = 429)))]
pub async fn check(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<ForeignView>> {
    let by = caller.required()?;
    app.rates.take(Kind::Verify, &by.account.to_string(), app.clock.steady())?;
    Ok(Json(foreign::check_again(&app, &by, read(&id)?).await?))
}

pub(in crate::http) fn read(id: &str) -> Result<ForeignCertificateId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

fn list_unreadable() -> RequestError {
    RequestError::invalid(
        "lists",
        "list_unreadable",
        "Danh sách thu hồi phải ở dạng base64 của DER.",
        "A revocation list is base64 of DER.",
    )
}
