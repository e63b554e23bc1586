//! Registration requests: entering, looking, approving, rejecting.

use super::{idempotency::once, json::JsonBody};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{Error, RequestError, Result},
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
    registration::{self, Beside, Details, RequestView},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::{
    id::RequestId,
    instant::Instant,
    record::Cursor,
    request::{Hierarchy, RequestState},
    role::Role,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    const ENTER: Access = Access::Roles(&[Role::Operator, Role::Registrar]);
    const SEE: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::Approver, Role::SecurityOfficer]);
    const DECIDE: Access = Access::Roles(&[Role::Approver, Role::SecurityOfficer]);
    vec![
        Route::new(Method::POST, "/api/v1/requests", ENTER, post(submit)),
        Route::new(Method::GET, "/api/v1/requests", SEE, get(list)),
        Route::new(Method::GET, "/api/v1/requests/{id}", SEE, get(show)),
        Route::new(Method::POST, "/api/v1/requests/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/api/v1/requests/{id}/reject", DECIDE, post(reject)),
        Route::new(Method::POST, "/api/v1/requests/{id}/code", Access::Account, post(make_code)),
    ]
}

/// A request as it is entered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitBody {
    /// `citizens` or `officials`.
    #[schema(value_type = String)]
    hierarchy: Hierarchy,
    /// Code of the unit that enters it.
    #[serde(default)]
    unit: String,
    #[schema(value_type = Object)]
    subscriber: Details,
    /// Why it is entered although the population database says otherwise of the person (`identity_differs`, `person_unknown_number`).
    #[serde(default)]
    identity_ground: String,
    /// The day of issue of the identity card that was looked at, `YYYY-MM-DD`: a card that has ended is refused (`card_expired`).
    #[serde(default)]
    card_issued: String,
}

/// The digest of the content that was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    content_digest: String,
    /// The answer to `/api/v1/approval-challenge`, where the approver's account has a confirmed passkey.
    #[serde(default)]
    assertion: Option<Given>,
}

/// Why a request is rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    reason: String,
}

/// The code for a subscriber, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivationCodeAnswer)]
pub struct CodeAnswer {
    activation_code: String,
    /// Where the subscriber enters the code.
    activation_address: String,
    /// RFC 3339.
    expires_at: String,
    /// The masked contact to which the second secret was sent, where the redemption asks for one.
    second_secret_sent_to: Option<String>,
}

/// A page of requests.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestsAnswer)]
pub struct ListAnswer {
    requests: Vec<RequestView>,
    /// For `after`; absent on the last page.
    next: Option<String>,
}

/// What to list.
#[derive(Deserialize)]
pub struct ListQuery {
    state: Option<String>,
    after: Option<String>,
}

/// Enters a request: an operator for a citizen; a registrar for an official, and with `kind` for an agency seal, a device or a payment
/// provider, where the person is who answers for it.
#[utoipa::path(post, path = "/api/v1/requests", request_body = SubmitBody,
    responses((status = 201, body = RequestView), (status = 403), (status = 409), (status = 422)))]
pub async fn submit(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<SubmitBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let JsonBody { value, bytes } = body;
    let flow = async move |app: App, by: Principal| {
        let SubmitBody { hierarchy, unit, subscriber, identity_ground, card_issued } = value;
        let beside = Beside { identity_ground, card_issued: read_day(&card_issued)? };
        registration::submit(&app, &by, hierarchy, &unit, subscriber, &beside).await
    };
    once(&app, &by, "POST /api/v1/requests", (&headers, &bytes), StatusCode::CREATED, flow).await
}

/// Lists requests in a state (default `submitted`), oldest first.
#[utoipa::path(get, path = "/api/v1/requests", params(("state" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = ListAnswer)))]
pub async fn list(State(app): State<App>, caller: Caller, Query(query): Query<ListQuery>) -> Result<Json<ListAnswer>> {
    let state = match query.state.as_deref() {
        None => RequestState::Submitted,
        Some(name) => RequestState::from_name(name).ok_or_else(RequestError::not_found)?,
    };
    let after = match query.after.as_deref() {
        None => Cursor { at: Instant(0), id: uuid::Uuid::nil() },
        Some(text) => read_cursor(text).ok_or_else(RequestError::not_found)?,
    };
    let (requests, next) = registration::list(&app, &caller.required()?, state, after).await?;
    Ok(Json(ListAnswer { requests, next: next.map(|cursor| format!("{}_{}", cursor.at.0, cursor.id)) }))
}

/// One request.
#[utoipa::path(get, path = "/api/v1/requests/{id}", params(("id" = String, Path)),
    responses((status = 200, body = RequestView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<RequestView>> {
    Ok(Json(registration::view(&app, &caller.required()?, read_id(&id)?).await?))
}

/// Approves exactly the content that was shown; never one's own entry. Devices and payment providers are approved by the security officer,
/// everything else by approvers. The code is made where the request was entered, and never shown to who approved.
#[utoipa::path(post, path = "/api/v1/requests/{id}/approve", params(("id" = String, Path)), request_body = ApproveBody,
    responses((status = 200, body = RequestView), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: JsonBody<ApproveBody>,
) -> Result<Response> {
    let (by, id) = (caller.required()?, read_id(&id)?);
    let route = format!("POST /api/v1/requests/{id}/approve");
    let JsonBody { value, bytes } = body;
    let ApproveBody { content_digest, assertion } = value;
    let flow = async move |app: App, by: Principal| {
        registration::approve(&app, &by, id, &content_digest, assertion.as_ref()).await
    };
    once(&app, &by, &route, (&headers, &bytes), StatusCode::OK, flow).await
}

/// Rejects a request with a reason.
#[utoipa::path(post, path = "/api/v1/requests/{id}/reject", params(("id" = String, Path)), request_body = RejectBody,
    responses((status = 200, body = RequestView), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RejectBody>,
) -> Result<Json<RequestView>, Error> {
    Ok(Json(registration::reject(&app, &caller.required()?, read_id(&id)?, &body.value.reason).await?))
}

/// Makes the activation code of an approved request that nobody has redeemed, shown this once; one made before opens nothing from then on. For
/// those who entered it, in their unit, and never for who approved it; of a subscriber's own request for that subscriber alone, logged in.
#[utoipa::path(post, path = "/api/v1/requests/{id}/code", params(("id" = String, Path)),
    responses((status = 200, body = CodeAnswer), (status = 403), (status = 404), (status = 409)))]
pub async fn make_code(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let made = registration::make_code(&app, &caller.required()?, read_id(&id)?).await?;
    let answer = CodeAnswer {
        activation_code: made.code.grouped(),
        activation_address: format!("{}/activate", app.settings.public_url),
        expires_at: made.expires_at.rfc3339(),
        second_secret_sent_to: made.sent_to,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn read_day(text: &str) -> Result<Option<time::Date>> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = time::Date::parse(text, time::macros::format_description!("[year]-[month]-[day]"));
    Ok(Some(day.map_err(|_| {
        let (vi, en) = ("Ngày cấp thẻ cần có dạng NĂM-THÁNG-NGÀY.", "The card's day of issue is YYYY-MM-DD.");
        RequestError::invalid("card_issued", "card_issued_form", vi, en)
    })?))
}

fn read_id(text: &str) -> Result<RequestId> {
    Ok(text.parse().map_err(|_| RequestError::not_found())?)
}

/// The place in a list that an answer named as the next.
pub(in crate::http) fn read_cursor(text: &str) -> Option<Cursor> {
    let (at, id) = text.split_once('_')?;
    Some(Cursor { at: Instant(at.parse().ok()?), id: id.parse().ok()? })
}
