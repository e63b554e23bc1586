//! Certificates: looking, revoking, suspending, resuming, one or a list of them, and asking for the one that follows.

use super::{idempotency::once, json::JsonBody};
use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    http::{Access, Caller, Route, pages::certificate_status::receipt_sheet, parameters::Path},
    issuance::{
        self,
        revocation::{self, CertificateView, Change, Ground, ListOutcome, Listed},
    },
    registration::{self, Changes, RequestView},
    reports,
};
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::{instant::Instant, request::Hierarchy, role::Role};
use chuky_pki::crl::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who holds certificates: persons, clerks their agency's seals, payment providers their own.
pub(in crate::http) const HOLDER: Access =
    Access::Roles(&[Role::Citizen, Role::Official, Role::Clerk, Role::PaymentProvider]);
const HOLDER_OR_STAFF: Access = Access::Roles(&[
    Role::Citizen,
    Role::Official,
    Role::Clerk,
    Role::PaymentProvider,
    Role::Operator,
    Role::Registrar,
    Role::SecurityOfficer,
]);
/// Holders, and those who enter requests.
pub(in crate::http) const HOLDER_OR_ENTERING: Access = Access::Roles(&[
    Role::Citizen,
    Role::Official,
    Role::Clerk,
    Role::PaymentProvider,
    Role::Operator,
    Role::Registrar,
]);

pub(super) fn routes() -> Vec<Route> {
    const STAFF: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::SecurityOfficer]);
    vec![
        Route::new(Method::GET, "/api/v1/certificates/{serial}", HOLDER_OR_STAFF, get(show)),
        Route::new(Method::GET, "/api/v1/certificates/{serial}/receipt", HOLDER, get(receipt)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/revoke", HOLDER_OR_STAFF, post(revoke)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/suspend", HOLDER_OR_STAFF, post(suspend)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/resume", STAFF, post(resume)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/renew", HOLDER, post(renew)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/modify", HOLDER_OR_ENTERING, post(modify)),
        Route::new(Method::POST, "/api/v1/certificate-lists", STAFF, post(change_list)),
    ]
}

/// Why a certificate is revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeBody {
    /// RFC 5280 §5.3.1: `unspecified`, `key_compromise`, `affiliation_changed`, `superseded`, `cessation_of_operation`,
    /// `privilege_withdrawn`; by the security officer also `ca_compromise` and `aa_compromise`.
    #[schema(value_type = String)]
    reason: Reason,
    /// RFC 3339: since when signatures are in doubt (RFC 5280 §5.3.2).
    #[serde(default)]
    invalid_since: Option<String>,
    /// The ground in the words of the law, for the audit log; default `subscriber_request`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ground: Ground,
}

/// Why a certificate is suspended or resumed; may be left out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroundBody {
    /// The ground in the words of the law, for the audit log; default `subscriber_request`.
    #[schema(value_type = Option<String>)]
    ground: Ground,
}

/// One change for many certificates: by serial numbers, or for a unit's subscribers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBody {
    /// `revoke`, `suspend` or `resume`.
    action: String,
    /// In hexadecimal, at most 2,000.
    #[serde(default)]
    serials: Vec<String>,
    /// Code of a unit, in the place of serial numbers; with `hierarchy`.
    #[serde(default)]
    unit: Option<String>,
    /// `citizens` or `officials`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    hierarchy: Option<Hierarchy>,
    /// With `revoke`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    reason: Option<Reason>,
    #[serde(default)]
    invalid_since: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ground: Ground,
    /// Tells what would become of each, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What became of each certificate of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListChangedAnswer)]
pub struct ListAnswer {
    /// How many were changed, or with `dry_run` would be.
    changed: usize,
    certificates: Vec<ListOutcome>,
}

/// One certificate, by its serial number in hexadecimal.
#[utoipa::path(get, path = "/api/v1/certificates/{serial}", params(("serial" = String, Path)),
    responses((status = 200, body = CertificateView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(serial): Path<String>) -> Result<Json<CertificateView>> {
    Ok(Json(revocation::view(&app, &caller.required()?, &serial).await?))
}

/// The receipt of a certificate of the caller's own as a PDF, with a QR code that leads to the page that says how the certificate stands.
#[utoipa::path(get, path = "/api/v1/certificates/{serial}/receipt", params(("serial" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 404)))]
pub async fn receipt(State(app): State<App>, caller: Caller, Path(serial): Path<String>) -> Result<Response> {
    let receipt = issuance::on_paper(&app, &caller.required()?, &serial).await?;
    let (origin, contact) = (&app.settings.public_url, &app.settings.registration.suspend_contact);
    let blocks = receipt_sheet(&receipt, origin, contact)?;
    let pdf = reports::printed(&app, blocks, "Biên nhận cấp chứng thư chữ ký số").await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"bien-nhan.pdf\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, pdf).into_response())
}

/// Revokes a certificate for good; its key is never used again.
#[utoipa::path(post, path = "/api/v1/certificates/{serial}/revoke", params(("serial" = String, Path)),
    request_body = RevokeBody, responses((status = 200, body = CertificateView), (status = 404), (status = 409)))]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(serial): Path<String>,
    body: JsonBody<RevokeBody>,
) -> Result<Json<CertificateView>> {
    let RevokeBody { reason, invalid_since, ground } = body.value;
    let change = Change::Revoke { reason, invalid_since: moment(invalid_since.as_deref())? };
    Ok(Json(revocation::change(&app, &caller.required()?, &serial, change, ground).await?))
}

/// Suspends a certificate until it is resumed or revoked. What is signed meanwhile stays not valid.
#[utoipa::path(post, path = "/api/v1/certificates/{serial}/suspend", params(("serial" = String, Path)),
    request_body = GroundBody, responses((status = 200, body = CertificateView), (status = 404), (status = 409)))]
pub async fn suspend(
    State(app): State<App>,
    caller: Caller,
    Path(serial): Path<String>,
    body: Bytes,
) -> Result<Json<CertificateView>> {
    let ground = ground(&body)?;
    Ok(Json(revocation::change(&app, &caller.required()?, &serial, Change::Suspend, ground).await?))
}

/// Makes a suspended certificate good again; never by its subscriber alone.
#[utoipa::path(post, path = "/api/v1/certificates/{serial}/resume", params(("serial" = String, Path)),
    request_body = GroundBody, responses((status = 200, body = CertificateView), (status = 403), (status = 404), (status = 409)))]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(serial): Path<String>,
    body: Bytes,
) -> Result<Json<CertificateView>> {
    let ground = ground(&body)?;
    Ok(Json(revocation::change(&app, &caller.required()?, &serial, Change::Resume, ground).await?))
}

/// Asks for the certificate that follows one's own: with a new key, after somebody has approved it.
#[utoipa::path(post, path = "/api/v1/certificates/{serial}/renew", params(("serial" = String, Path)),
    responses((status = 201, body = RequestView), (status = 404), (status = 409)))]
pub async fn renew(
    State(app): State<App>,
    caller: Caller,
    Path(serial): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let by = caller.required()?;
    let route = format!("POST /api/v1/certificates/{serial}/renew");
    let flow = async move |app: App, by: Principal| registration::renew(&app, &by, &serial).await;
    once(&app, &by, &route, (&headers, &[]), StatusCode::CREATED, flow).await
}

/// Asks for a certificate with changed information in the place of one in force (RFC 3647 §4.8). Somebody else approves it, its
/// subscriber confirms it, and with the new certificate the old one is revoked: for `affiliation_changed` where agency, unit or
/// title have changed, else for `superseded`.
#[utoipa::path(post, path = "/api/v1/certificates/{serial}/modify", params(("serial" = String, Path)),
    request_body = Changes, responses((status = 201, body = RequestView), (status = 404), (status = 409), (status = 422)))]
pub async fn modify(
    State(app): State<App>,
    caller: Caller,
    Path(serial): Path<String>,
    headers: HeaderMap,
    body: JsonBody<Changes>,
) -> Result<Response> {
    let by = caller.required()?;
    let route = format!("POST /api/v1/certificates/{serial}/modify");
    let JsonBody { value, bytes } = body;
    let flow = async move |app: App, by: Principal| registration::modify(&app, &by, &serial, value).await;
    once(&app, &by, &route, (&headers, &bytes), StatusCode::CREATED, flow).await
}

/// Suspends or resumes every certificate of a list: a unit's staff, a batch of devices. Each is changed by itself; the answer says what
/// became of each. With `revoke` only a `dry_run`: revoking a list takes two people, see `/api/v1/revocation-orders`.
#[utoipa::path(post, path = "/api/v1/certificate-lists", request_body = ListBody,
    responses((status = 200, body = ListAnswer), (status = 403), (status = 422)))]
pub async fn change_list(State(app): State<App>, caller: Caller, body: JsonBody<ListBody>) -> Result<Json<ListAnswer>> {
    let by = caller.required()?;
    let body = body.value;
    let change = match (body.action.as_str(), body.reason) {
        ("revoke", Some(reason)) => Change::Revoke { reason, invalid_since: moment(body.invalid_since.as_deref())? },
        ("suspend", None) => Change::Suspend,
        ("resume", None) => Change::Resume,
        _ => return Err(unclear("action").into()),
    };
    let listed = match (body.unit, body.hierarchy) {
        (Some(unit), Some(hierarchy)) if body.serials.is_empty() => Listed::Unit { hierarchy, unit, kind: None },
        (None, None) => Listed::Serials(body.serials),
        _ => return Err(unclear("unit").into()),
    };
    if matches!(change, Change::Revoke { .. }) && !body.dry_run {
        return Err(RequestError::invalid(
            "action",
            "revocation_needs_order",
            "Thu hồi theo danh sách cần hai người: hãy lập lệnh thu hồi (/api/v1/revocation-orders). Nếu gấp, hãy tạm dừng danh sách trước.",
            "Revoking a list takes two people: enter a revocation order (/api/v1/revocation-orders). Where it is urgent, suspend the list first.",
        )
        .into());
    }
    let certificates = match body.dry_run {
        false => revocation::change_listed(&app, &by, listed, change, body.ground).await?,
        true => revocation::would_change_listed(&app, &by, listed, change).await?,
    };
    let changed = certificates.iter().filter(|outcome| outcome.changed).count();
    Ok(Json(ListAnswer { changed, certificates }))
}

pub(super) fn unclear(field: &'static str) -> RequestError {
    RequestError::invalid(
        field,
        "list_unclear",
        "Hãy nêu một việc (revoke kèm reason, suspend hoặc resume) và một danh sách (serials, hoặc unit cùng hierarchy).",
        "Name one action (revoke with a reason, suspend or resume) and one list (serials, or unit with hierarchy).",
    )
}

pub(in crate::http) fn moment(text: Option<&str>) -> Result<Option<Instant>> {
    let read = |text: &str| {
        Instant::parse_rfc3339(text).ok_or_else(|| {
            let (vi, en) = ("Thời điểm cần có dạng RFC 3339.", "The time has the form of RFC 3339.");
            RequestError::invalid("invalid_since", "time_invalid", vi, en)
        })
    };
    // Lists tell whole seconds.
    Ok(text.map(read).transpose()?.map(|at| Instant::from_unix_seconds(at.unix_seconds())))
}

/// The ground in a body that may be empty.
fn ground(body: &Bytes) -> Result<Ground> {
    if body.is_empty() {
        return Ok(Ground::default());
    }
    let read = serde_json::from_slice::<Option<GroundBody>>(body);
    Ok(read.map(|body| body.unwrap_or_default().ground).map_err(|_| {
        let (vi, en) =
            ("Nội dung không đúng mẫu. Xem /api/docs.", "The body has not the expected form. See /api/docs.");
        RequestError::invalid("ground", "json_invalid", vi, en)
    })?)
}
