//! `/c/{serial}`: how a certificate stands, for anybody who has its serial number, and the receipt as a file for its holder.

use super::Visit;
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Remote, Route,
        api::{
            certificates::{HOLDER, receipt},
            verification::allow,
        },
        pages::{Frame, certificate_status::CertificateStatusPage, html},
    },
    issuance,
};
use axum::{
    extract::{Path, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chuky_model::serial::Serial;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/c/{serial}", Access::Public, get(show)),
        Route::new(Method::GET, "/certificates/{serial}/receipt", HOLDER, get(receipt)),
    ]
}

async fn show(State(app): State<App>, visit: Visit, remote: Remote, Path(serial): Path<String>) -> Result<Response> {
    allow(&app, visit.principal.as_ref(), &remote)?;
    let serial: Serial = serial.parse().map_err(|_| RequestError::not_found())?;
    let told = issuance::public_status(&app, &serial).await?.ok_or_else(RequestError::not_found)?;
    // Written one way, whoever typed it in capitals.
    let frame = Frame { path: format!("/c/{}", told.serial), ..visit.frame };
    let page = CertificateStatusPage { frame, told, now: app.clock.now() };
    Ok(([(header::CACHE_CONTROL, "no-store")], html(StatusCode::OK, page.html())).into_response())
}
