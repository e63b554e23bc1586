//! Orders to revoke a list of certificates: what one would revoke, entering it over that digest, deciding it with a second pair of eyes,
//! and how far it is carried out.

use super::{idempotency::once, json::JsonBody, requests::read_cursor};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
    issuance::revocation::{self, Ground, Listed, OrderDetail, OrderView, Proposed, Wanted},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::{
    id::RevocationOrderId,
    record::Cursor,
    request::{Hierarchy, SubjectKind},
    role::Role,
};
use chuky_pki::crl::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who enters orders.
pub(in crate::http) const ENTER: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::SecurityOfficer]);
/// Who decides them.
pub(in crate::http) const DECIDE: Access = Access::Roles(&[Role::Approver, Role::SecurityOfficer]);
/// Who sees them.
pub(in crate::http) const SEE: Access =
    Access::Roles(&[Role::Operator, Role::Registrar, Role::SecurityOfficer, Role::Approver]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/revocation-orders/preview", ENTER, post(preview)),
        Route::new(Method::POST, "/api/v1/revocation-orders", ENTER, post(enter)),
        Route::new(Method::GET, "/api/v1/revocation-orders", SEE, get(list)),
        Route::new(Method::GET, "/api/v1/revocation-orders/{id}", SEE, get(show)),
        Route::new(Method::POST, "/api/v1/revocation-orders/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/api/v1/revocation-orders/{id}/reject", DECIDE, post(reject)),
    ]
}

/// Which certificates are to be revoked, and why.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    /// Serial numbers in hexadecimal, at most 2,000.
    #[serde(default)]
    serials: Vec<String>,
    /// Code of a unit, in the place of serial numbers; with `hierarchy`.
    #[serde(default)]
    unit: Option<String>,
    /// `citizens` or `officials`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    hierarchy: Option<Hierarchy>,
    /// Only these of the unit: `person`, `seal`, `device` or `payment_provider`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    kind: Option<SubjectKind>,
    /// RFC 5280 §5.3.1, as for one certificate.
    #[schema(value_type = String)]
    reason: Reason,
    /// RFC 3339: since when signatures are in doubt (RFC 5280 §5.3.2).
    #[serde(default)]
    invalid_since: Option<String>,
    /// The ground in the words of the law, for the audit log; default `subscriber_request`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ground: Ground,
    /// The preview's `content_digest`; not looked at by the preview.
    #[serde(default)]
    content_digest: String,
}

/// The digest of what was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveOrderBody {
    content_digest: String,
    /// The answer to `/api/v1/approval-challenge`, where the approver's account has a confirmed passkey.
    #[serde(default)]
    assertion: Option<Given>,
}

/// Why an order is rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectOrderBody {
    reason: String,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
pub struct OrdersAnswer {
    orders: Vec<OrderView>,
    /// For `before`; absent on the last page.
    next: Option<String>,
}

/// Where a page begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    before: Option<String>,
    from: i64,
}

/// Tells what an order would revoke, and its digest. Nothing is changed.
#[utoipa::path(post, path = "/api/v1/revocation-orders/preview", request_body = OrderBody,
    responses((status = 200, body = Proposed), (status = 403), (status = 422)))]
pub async fn preview(State(app): State<App>, caller: Caller, body: JsonBody<OrderBody>) -> Result<Json<Proposed>> {
    let (wanted, _) = wanted(body.value)?;
    Ok(Json(revocation::propose(&app, &caller.required()?, wanted).await?))
}

/// Enters an order for exactly what the preview showed. Somebody else approves it.
#[utoipa::path(post, path = "/api/v1/revocation-orders", request_body = OrderBody,
    responses((status = 201, body = OrderView), (status = 403), (status = 409), (status = 422)))]
pub async fn enter(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<OrderBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let JsonBody { value, bytes } = body;
    let (wanted, digest) = wanted(value)?;
    let flow = async move |app: App, by: Principal| revocation::enter(&app, &by, wanted, &digest).await;
    once(&app, &by, "POST /api/v1/revocation-orders", (&headers, &bytes), StatusCode::CREATED, flow).await
}

/// Lists orders, newest first.
#[utoipa::path(get, path = "/api/v1/revocation-orders", params(("before" = Option<String>, Query)),
    responses((status = 200, body = OrdersAnswer)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<OrdersAnswer>> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let before = before.ok_or_else(RequestError::not_found)?;
    let (orders, next) = revocation::list(&app, &caller.required()?, before).await?;
    Ok(Json(OrdersAnswer { orders, next: next.map(|cursor| format!("{}_{}", cursor.at.0, cursor.id)) }))
}

/// One order with its progress and its certificates, 200 a page.
#[utoipa::path(get, path = "/api/v1/revocation-orders/{id}", params(("id" = String, Path), ("from" = Option<i64>, Query)),
    responses((status = 200, body = OrderDetail), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<OrderDetail>> {
    Ok(Json(revocation::order(&app, &caller.required()?, read(&id)?, query.from).await?))
}

/// Approves exactly what was shown; never one's own entry. The certificates are revoked one by one from then on.
#[utoipa::path(post, path = "/api/v1/revocation-orders/{id}/approve", params(("id" = String, Path)),
    request_body = ApproveOrderBody, responses((status = 200, body = OrderView), (status = 403), (status = 404), (status = 409)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ApproveOrderBody>,
) -> Result<Json<OrderView>> {
    let ApproveOrderBody { content_digest, assertion } = body.value;
    let decision = Ok(content_digest.as_str());
    Ok(Json(revocation::decide(&app, &caller.required()?, read(&id)?, decision, assertion.as_ref()).await?))
}

/// Rejects an order with a reason: nothing is revoked.
#[utoipa::path(post, path = "/api/v1/revocation-orders/{id}/reject", params(("id" = String, Path)),
    request_body = RejectOrderBody, responses((status = 200, body = OrderView), (status = 403), (status = 404), (status = 409)))]
pub async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RejectOrderBody>,
) -> Result<Json<OrderView>> {
    Ok(Json(revocation::decide(&app, &caller.required()?, read(&id)?, Err(body.value.reason.as_str()), None).await?))
}

fn wanted(body: OrderBody) -> Result<(Wanted, String)> {
    let listed = match (body.unit, body.hierarchy) {
        (Some(unit), Some(hierarchy)) if body.serials.is_empty() => Listed::Unit { hierarchy, unit, kind: body.kind },
        (None, None) if body.kind.is_none() => Listed::Serials(body.serials),
        _ => return Err(super::certificates::unclear("unit").into()),
    };
    let invalid_since = super::certificates::moment(body.invalid_since.as_deref())?;
    Ok((Wanted { listed, reason: body.reason, invalid_since, ground: body.ground }, body.content_digest))
}

pub(in crate::http) fn read(id: &str) -> Result<RevocationOrderId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}
