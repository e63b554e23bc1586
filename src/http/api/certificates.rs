//! Certificates: looking, revoking, suspending, resuming.

use super::json::JsonBody;
use crate::{
    app::App,
    error::Result,
    http::{Access, Caller, Route},
    issuance::revocation::{self, CertificateView, Change},
};
use axum::{
    Json,
    extract::{Path, State},
    http::Method,
    routing::{get, post},
};
use chuky_model::role::Role;
use chuky_pki::crl::Reason;
use serde::Deserialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    const STAFF: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::SecurityOfficer]);
    const HOLDER_OR_STAFF: Access =
        Access::Roles(&[Role::Citizen, Role::Official, Role::Operator, Role::Registrar, Role::SecurityOfficer]);
    vec![
        Route::new(Method::GET, "/api/v1/certificates/{serial}", HOLDER_OR_STAFF, get(show)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/revoke", HOLDER_OR_STAFF, post(revoke)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/suspend", HOLDER_OR_STAFF, post(suspend)),
        Route::new(Method::POST, "/api/v1/certificates/{serial}/resume", STAFF, post(resume)),
    ]
}

/// Why a certificate is revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeBody {
    /// RFC 5280 §5.3.1: `unspecified`, `key_compromise`, `affiliation_changed`, `superseded`, `cessation_of_operation` or
    /// `privilege_withdrawn`.
    #[schema(value_type = String)]
    reason: Reason,
}

/// One certificate, by its serial number in hexadecimal.
#[utoipa::path(get, path = "/api/v1/certificates/{serial}", params(("serial" = String, Path)),
    responses((status = 200, body = CertificateView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(serial): Path<String>) -> Result<Json<CertificateView>> {
    Ok(Json(revocation::view(&app, &caller.required()?, &serial).await?))
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
    let change = Change::Revoke(body.value.reason);
    Ok(Json(revocation::change(&app, &caller.required()?, &serial, change).await?))
}

/// Suspends a certificate until it is resumed or revoked.
#[utoipa::path(post, path = "/api/v1/certificates/{serial}/suspend", params(("serial" = String, Path)),
    responses((status = 200, body = CertificateView), (status = 404), (status = 409)))]
pub async fn suspend(
    State(app): State<App>,
    caller: Caller,
    Path(serial): Path<String>,
) -> Result<Json<CertificateView>> {
    Ok(Json(revocation::change(&app, &caller.required()?, &serial, Change::Suspend).await?))
}

/// Makes a suspended certificate good again; never by its subscriber alone.
#[utoipa::path(post, path = "/api/v1/certificates/{serial}/resume", params(("serial" = String, Path)),
    responses((status = 200, body = CertificateView), (status = 403), (status = 404), (status = 409)))]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(serial): Path<String>,
) -> Result<Json<CertificateView>> {
    Ok(Json(revocation::change(&app, &caller.required()?, &serial, Change::Resume).await?))
}
