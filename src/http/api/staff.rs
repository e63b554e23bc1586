//! Staff accounts: who is there, orders with four eyes, and the invitations of those who get an account.

use super::{idempotency::once, json::JsonBody, requests::read_cursor};
use crate::{
    accounts::{Principal, SESSION_SECONDS, device_token, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Remote, Route,
        pages::form::Secret,
        parameters::{Path, Query},
    },
    rates,
    staff::{self, OrderView, Redemption, StaffView, WRONG_INVITATION, Wanted},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::{id::StaffOrderId, record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// Who sees accounts and orders.
pub const SEE: Access = Access::Roles(&[Role::Administrator, Role::SecurityOfficer, Role::Auditor]);
/// Who enters orders.
pub const ENTER: Access = Access::Roles(&[Role::Administrator, Role::SecurityOfficer]);
/// Who decides on them.
pub const DECIDE: Access = Access::Roles(&[Role::SecurityOfficer]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/staff", SEE, get(list)),
        Route::new(Method::GET, "/api/v1/staff/orders", SEE, get(orders)),
        Route::new(Method::POST, "/api/v1/staff/orders", ENTER, post(enter)),
        Route::new(Method::GET, "/api/v1/staff/orders/{id}", SEE, get(order)),
        Route::new(Method::POST, "/api/v1/staff/orders/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/api/v1/staff/orders/{id}/refuse", DECIDE, post(refuse)),
        Route::new(Method::POST, "/api/v1/staff/orders/{id}/withdraw", ENTER, post(withdraw)),
        Route::new(Method::POST, "/api/v1/staff/orders/{id}/invitation", ENTER, post(invite)),
        Route::new(Method::POST, "/api/v1/staff/welcome", Access::Public, post(welcome)),
    ]
}

/// Where a page begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    after: Option<String>,
    before: Option<String>,
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
pub struct StaffAnswer {
    pub staff: Vec<StaffView>,
    /// For `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
pub struct StaffOrdersAnswer {
    pub orders: Vec<OrderView>,
    /// For `before`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The digest of what was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveStaffOrderBody {
    content_digest: String,
    /// Of whoever decides by passkey.
    #[schema(value_type = Option<Object>)]
    assertion: Option<Given>,
}

/// Why an order is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseStaffOrderBody {
    reason: String,
}

/// An invitation, to be handed to the account's holder. It is told once.
#[derive(Serialize, ToSchema)]
pub struct InvitationAnswer {
    pub login: String,
    pub name: String,
    /// `ABCD-EFGH-JKLM`.
    pub invitation_code: String,
    /// Where it is redeemed.
    pub address: String,
    /// RFC 3339.
    pub expires_at: String,
    /// The masked number to which a second secret was sent, where one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_secret_sent_to: Option<String>,
}

/// An invitation with what its holder chooses.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WelcomeBody {
    login: String,
    #[schema(value_type = String)]
    code: Secret,
    /// The eight digits that were sent to the holder, where there is a number.
    #[serde(default)]
    #[schema(value_type = String)]
    second_secret: Secret,
    /// 10 to 128 characters.
    #[schema(value_type = String)]
    password: Secret,
}

/// The session of whoever redeemed an invitation. It enrols a second factor next.
#[derive(Serialize, ToSchema)]
pub struct WelcomeAnswer {
    pub account: String,
    pub token: String,
    pub expires_in: i64,
    /// To be sent with the next log-in of this account from this device. It opens nothing.
    pub device: String,
}

/// Lists the accounts of staff, oldest first.
#[utoipa::path(get, path = "/api/v1/staff", params(("after" = Option<String>, Query)),
    responses((status = 200, body = StaffAnswer)))]
pub async fn list(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<StaffAnswer>> {
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (staff, next) = staff::accounts(&app, after).await?;
    Ok(Json(StaffAnswer { staff, next: next.map(told) }))
}

/// Lists orders, newest first.
#[utoipa::path(get, path = "/api/v1/staff/orders", params(("before" = Option<String>, Query)),
    responses((status = 200, body = StaffOrdersAnswer)))]
pub async fn orders(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<StaffOrdersAnswer>> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let before = before.ok_or_else(RequestError::not_found)?;
    let (orders, next) = staff::orders(&app, &caller.required()?, before).await?;
    Ok(Json(StaffOrdersAnswer { orders, next: next.map(told) }))
}

/// Enters an order: to open an account, grant roles, move it to another unit, recover it, enable it, or erase a subscriber. Somebody else approves it.
#[utoipa::path(post, path = "/api/v1/staff/orders", request_body = Wanted,
    responses((status = 201, body = OrderView), (status = 403), (status = 409), (status = 422)))]
pub async fn enter(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<Wanted>,
) -> Result<Response> {
    let by = caller.required()?;
    let JsonBody { value, bytes } = body;
    let flow = async move |app: App, by: Principal| staff::enter(&app, &by, value).await;
    once(&app, &by, "POST /api/v1/staff/orders", (&headers, &bytes), StatusCode::CREATED, flow).await
}

/// One order, with exactly what it would change.
#[utoipa::path(get, path = "/api/v1/staff/orders/{id}", params(("id" = String, Path)),
    responses((status = 200, body = OrderView), (status = 404)))]
pub async fn order(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OrderView>> {
    Ok(Json(staff::one(&app, &caller.required()?, read(&id)?).await?))
}

/// Approves exactly what was shown, and changes the account with it. By another person than whoever entered it and whose account it is.
#[utoipa::path(post, path = "/api/v1/staff/orders/{id}/approve", params(("id" = String, Path)),
    request_body = ApproveStaffOrderBody, responses((status = 200, body = OrderView), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ApproveStaffOrderBody>,
) -> Result<Json<OrderView>> {
    let ApproveStaffOrderBody { content_digest, assertion } = body.value;
    Ok(Json(staff::approve(&app, &caller.required()?, read(&id)?, &content_digest, assertion.as_ref()).await?))
}

/// Refuses an order with a reason: nothing changes.
#[utoipa::path(post, path = "/api/v1/staff/orders/{id}/refuse", params(("id" = String, Path)),
    request_body = RefuseStaffOrderBody, responses((status = 200, body = OrderView), (status = 403), (status = 404), (status = 409)))]
pub async fn refuse(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RefuseStaffOrderBody>,
) -> Result<Json<OrderView>> {
    Ok(Json(staff::refuse(&app, &caller.required()?, read(&id)?, &body.value.reason).await?))
}

/// Takes back one's own open order.
#[utoipa::path(post, path = "/api/v1/staff/orders/{id}/withdraw", params(("id" = String, Path)),
    responses((status = 200, body = OrderView), (status = 403), (status = 404), (status = 409)))]
pub async fn withdraw(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OrderView>> {
    Ok(Json(staff::withdraw(&app, &caller.required()?, read(&id)?).await?))
}

/// Makes the invitation of an approved order, for the side that entered it. One that was made before opens nothing any more.
#[utoipa::path(post, path = "/api/v1/staff/orders/{id}/invitation", params(("id" = String, Path)),
    responses((status = 200, body = InvitationAnswer), (status = 403), (status = 404), (status = 409)))]
pub async fn invite(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let invited = staff::invite(&app, &caller.required()?, read(&id)?).await?;
    let answer = InvitationAnswer {
        invitation_code: invited.code.grouped(),
        address: format!("{}/welcome", app.settings.public_url),
        expires_at: invited.expires_at.rfc3339(),
        second_secret_sent_to: invited.sent_to,
        login: invited.login,
        name: invited.name,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Redeems an invitation: sets the password and opens a session.
#[utoipa::path(post, path = "/api/v1/staff/welcome", request_body = WelcomeBody,
    responses((status = 200, body = WelcomeAnswer), (status = 422), (status = 429)))]
pub async fn welcome(State(app): State<App>, remote: Remote, body: JsonBody<WelcomeBody>) -> Result<Response> {
    let WelcomeBody { login, code, second_secret, password } = body.value;
    let redemption = Redemption {
        login,
        code: Zeroizing::new(code.reveal().to_owned()),
        second_secret: Zeroizing::new(second_secret.reveal().to_owned()),
        password: Zeroizing::new(password.reveal().to_owned()),
    };
    let redeemed = redeemed(&app, &remote, redemption).await?;
    let (account, token) = (redeemed.account.to_string(), redeemed.token.reveal().to_owned());
    let device = device_token(&app, redeemed.account);
    let answer = WelcomeAnswer { account, token, expires_in: SESSION_SECONDS, device };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// The same of an address that may not guess too often.
pub(in crate::http) async fn redeemed(app: &App, remote: &Remote, redemption: Redemption) -> Result<staff::Redeemed> {
    let caller = (rates::Kind::ActivationAddress, remote.as_str(), app.clock.steady());
    app.rates.guessing(caller, WRONG_INVITATION, staff::redeem(app, redemption)).await
}

pub(in crate::http) fn read(id: &str) -> Result<StaffOrderId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

fn told(cursor: Cursor) -> String {
    format!("{}_{}", cursor.at.0, cursor.id)
}
