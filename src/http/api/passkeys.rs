//! Passkeys: logging in with one, one's own, confirming somebody else's, and what a passkey is to sign for a decision.

use super::{documents::SIGNERS, json::JsonBody, session::SessionAnswer};
use crate::{
    accounts::{
        LoggedIn, Password, SESSION_SECONDS,
        passkey::{
            self, Asked, CreationAsked, Credential, Given, PasskeyView, Proof, Subject, ToActivate, Waiting, approval,
        },
    },
    app::App,
    error::{RequestError, Result},
    http::{Access, Caller, Remote, Route, pages::form::Secret, parameters::Path},
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::{id::PasskeyId, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who confirms passkeys of others.
pub const CONFIRM: Access = Access::Roles(&[Role::SecurityOfficer]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/session/passkey/options", Access::Public, post(ask_log_in)),
        Route::new(Method::POST, "/api/v1/session/passkey", Access::Public, post(log_in)),
        Route::new(Method::POST, "/api/v1/approval-challenge", Access::Account, post(ask_approval)),
        Route::new(Method::POST, "/api/v1/activation-challenge", SIGNERS, post(ask_activation)),
        Route::new(Method::GET, "/api/v1/passkeys", Access::Account, get(list)),
        Route::new(Method::POST, "/api/v1/passkeys", Access::Account, post(add)),
        Route::new(Method::POST, "/api/v1/passkeys/challenge", Access::Account, post(ask_change)),
        Route::new(Method::POST, "/api/v1/passkeys/options", Access::Account, post(ask_creation)),
        Route::new(Method::POST, "/api/v1/passkeys/{id}/remove", Access::Account, post(remove)),
        Route::new(Method::GET, "/api/v1/passkeys/waiting", CONFIRM, get(to_confirm)),
        Route::new(Method::POST, "/api/v1/passkeys/{id}/confirm", CONFIRM, post(confirm)),
    ]
}

/// What is to be decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalBody {
    /// `request:ID`, `agency_list:ID`, `agency_line:ID/POSITION`, `revocation_order:ID`, `unlock:ID`, `provider_change:ID`, `staff_order:ID`, `foreign_certificate:ID`, `personnel_order:ID` or
    /// `passkey:ID`.
    subject: String,
    /// The digest of what was shown.
    content_digest: String,
}

/// What is to be signed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationBody {
    credential: String,
    /// SHA-256 of each document that is shown, or of the payload of an order, or the digest of a payroll; for an application the hashes.
    /// Hexadecimal, 1 to 100.
    shown: Vec<String>,
    /// Who will sign with the activation, where it is not the caller: `oauth_client:ID` of the application on whose page of consent it is.
    #[serde(default)]
    client: Option<String>,
}

/// A decision on what names its content by itself.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// The answer to `/api/v1/approval-challenge`, where the approver's account has a confirmed passkey.
    #[serde(default)]
    pub assertion: Option<Given>,
}

/// Who one is, shown again: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofBody {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<Secret>,
    /// The answer to `/api/v1/passkeys/challenge`.
    #[serde(default)]
    assertion: Option<Given>,
}

/// A removal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveBody {
    /// Of one's own passkey: one of the two. Security officers remove others' without.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<Secret>,
    #[serde(default)]
    assertion: Option<Given>,
    /// It may be in other hands: what it approved and nobody has acted on is void.
    #[serde(default)]
    lost: bool,
}

/// A confirmation of exactly the key whose code was compared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyConfirmBody)]
pub struct ConfirmBody {
    content_digest: String,
    #[serde(default)]
    assertion: Option<Given>,
}

/// What one of the caller's confirmed passkeys is to sign, as the second factor of signatures of exactly this.
#[utoipa::path(post, path = "/api/v1/activation-challenge", request_body = ActivationBody,
    responses((status = 200, body = Asked), (status = 409), (status = 422)))]
pub async fn ask_activation(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<ActivationBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let ActivationBody { credential, shown, client } = body.value;
    let credential = credential.parse().map_err(|_| RequestError::not_found())?;
    let shown = shown.iter().map(hex::decode).collect::<std::result::Result<Vec<_>, _>>().map_err(|_| unreadable())?;
    let client = client.as_deref().unwrap_or(&by.client);
    Ok(unkept(passkey::ask_activation(&app, &by, ToActivate { credential, client, shown: &shown }).await?))
}

fn unreadable() -> RequestError {
    RequestError::invalid(
        "shown",
        "shown_unreadable",
        "Mã băm của nội dung không đúng định dạng. Hãy tải lại trang.",
        "A digest of what is shown cannot be read. Reload the page.",
    )
}

/// The caller's passkeys.
#[derive(Serialize, ToSchema)]
pub struct PasskeysAnswer {
    passkeys: Vec<PasskeyView>,
}

/// Passkeys that wait to be confirmed.
#[derive(Serialize, ToSchema)]
pub struct WaitingAnswer {
    passkeys: Vec<Waiting>,
}

/// What a passkey is to sign that somebody logs in with: the same for everybody.
#[utoipa::path(post, path = "/api/v1/session/passkey/options", responses((status = 200, body = Asked), (status = 409)))]
pub async fn ask_log_in(State(app): State<App>) -> Result<Response> {
    Ok(unkept(passkey::ask_log_in(&app)?))
}

/// Opens a session with a passkey.
#[utoipa::path(post, path = "/api/v1/session/passkey", request_body = Given,
    responses((status = 200, body = SessionAnswer), (status = 401), (status = 409), (status = 429)))]
pub async fn log_in(State(app): State<App>, remote: Remote, body: JsonBody<Given>) -> Result<Response> {
    let LoggedIn { account, token, device } = passkey::log_in(&app, &body.value, remote.as_str()).await?;
    let (account, token) = (account.to_string(), token.reveal().to_owned());
    Ok(unkept(SessionAnswer { account, token, expires_in: SESSION_SECONDS, device }))
}

/// What the caller's passkey is to sign for a decision.
#[utoipa::path(post, path = "/api/v1/approval-challenge", request_body = ApprovalBody,
    responses((status = 200, body = Asked), (status = 404), (status = 409)))]
pub async fn ask_approval(State(app): State<App>, caller: Caller, body: JsonBody<ApprovalBody>) -> Result<Response> {
    let subject = Subject::parse(&body.value.subject).ok_or_else(RequestError::not_found)?;
    Ok(unkept(approval::ask(&app, &caller.required()?, subject, &body.value.content_digest).await?))
}

/// The caller's passkeys.
#[utoipa::path(get, path = "/api/v1/passkeys", responses((status = 200, body = PasskeysAnswer)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<PasskeysAnswer>> {
    Ok(Json(PasskeysAnswer { passkeys: passkey::list(&app, &caller.required()?).await? }))
}

/// What one of the caller's passkeys is to sign before passkeys are added or removed.
#[utoipa::path(post, path = "/api/v1/passkeys/challenge", responses((status = 200, body = Asked), (status = 409)))]
pub async fn ask_change(State(app): State<App>, caller: Caller) -> Result<Response> {
    Ok(unkept(passkey::ask_change(&app, &caller.required()?).await?))
}

/// What a browser is to make, for somebody who has just shown again who they are.
#[utoipa::path(post, path = "/api/v1/passkeys/options", request_body = ProofBody,
    responses((status = 200, body = CreationAsked), (status = 403), (status = 409), (status = 422), (status = 429)))]
pub async fn ask_creation(State(app): State<App>, caller: Caller, body: JsonBody<ProofBody>) -> Result<Response> {
    let proof = proof(body.value.password, body.value.assertion).ok_or_else(missing)?;
    Ok(unkept(passkey::ask_creation(&app, &caller.required()?, proof).await?))
}

/// Adds the passkey that the caller's browser made.
#[utoipa::path(post, path = "/api/v1/passkeys", request_body = Credential,
    responses((status = 201, body = PasskeyView), (status = 403), (status = 409), (status = 422)))]
pub async fn add(State(app): State<App>, caller: Caller, body: JsonBody<Credential>) -> Result<Response> {
    let view = passkey::add(&app, &caller.required()?, &body.value).await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Removes a passkey: one's own, or, as a security officer, anybody's.
#[utoipa::path(post, path = "/api/v1/passkeys/{id}/remove", params(("id" = String, Path)), request_body = RemoveBody,
    responses((status = 204), (status = 403), (status = 404), (status = 409), (status = 422), (status = 429)))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RemoveBody>,
) -> Result<StatusCode> {
    let RemoveBody { password, assertion, lost } = body.value;
    passkey::remove(&app, &caller.required()?, read(&id)?, proof(password, assertion), lost).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Passkeys of approvers and security officers that nobody has confirmed, oldest first.
#[utoipa::path(get, path = "/api/v1/passkeys/waiting", responses((status = 200, body = WaitingAnswer)))]
pub async fn to_confirm(State(app): State<App>, caller: Caller) -> Result<Json<WaitingAnswer>> {
    Ok(Json(WaitingAnswer { passkeys: passkey::to_confirm(&app, &caller.required()?).await? }))
}

/// Confirms that a passkey is its holder's, after its code was compared with what they read out; never one's own.
#[utoipa::path(post, path = "/api/v1/passkeys/{id}/confirm", params(("id" = String, Path)), request_body = ConfirmBody,
    responses((status = 204), (status = 403), (status = 404), (status = 409)))]
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ConfirmBody>,
) -> Result<StatusCode> {
    let ConfirmBody { content_digest, assertion } = body.value;
    passkey::confirm(&app, &caller.required()?, read(&id)?, &content_digest, assertion.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What somebody shows again; `None` where nothing is.
fn proof(password: Option<Secret>, assertion: Option<Given>) -> Option<Proof> {
    match (password, assertion) {
        (_, Some(given)) => Some(Proof::Passkey(Box::new(given))),
        (Some(password), None) => Some(Proof::Password(Password::enter(password.reveal()))),
        (None, None) => None,
    }
}

pub(in crate::http) fn read(id: &str) -> Result<PasskeyId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

fn missing() -> RequestError {
    RequestError::invalid(
        "password",
        "password_missing",
        "Hãy nhập lại mật khẩu, hoặc dùng khóa truy cập đã có.",
        "Give the password again, or use a passkey that you have.",
    )
}

/// Tokens and challenges are nobody's to keep.
fn unkept(answer: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}
