//! Filled forms of Decree 68/2024/NĐ-CP as PDF: of an official's request, of a list of officials, of an order of revocation. The pages give the
//! same files under their own addresses.

use super::{agency_lists, revocation_orders};
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Route,
        pages::decree_forms,
        parameters::{Path, Query},
    },
    issuance::revocation,
    registration::forms,
    reports,
};
use axum::{
    extract::State,
    http::{HeaderName, Method, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chuky_model::role::Role;
use chuky_pki::pdf::letter::sheet::Block;
use serde::Deserialize;

/// Who may ask for the form of a request.
const SEE: Access = Access::Roles(&[Role::Registrar, Role::Approver, Role::SecurityOfficer]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/requests/{id}/form", SEE, get(of_request)),
        Route::new(Method::GET, "/api/v1/agency-lists/{id}/forms", agency_lists::SEE, get(of_list)),
        Route::new(Method::GET, "/api/v1/revocation-orders/{id}/form", revocation_orders::SEE, get(of_order)),
    ]
}

/// The same under the addresses of the pages.
pub(in crate::http) fn page_routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/registration/{id}/form", SEE, get(of_request)),
        Route::new(Method::GET, "/registration/lists/{id}/forms", agency_lists::SEE, get(of_list)),
        Route::new(Method::GET, "/revocations/{id}/form", revocation_orders::SEE, get(of_order)),
    ]
}

/// Where a page begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct FromQuery {
    from: i64,
}

/// The form of an official's request (01 to 04), for who entered it and, while it waits, for who may decide on it.
#[utoipa::path(get, path = "/api/v1/requests/{id}/form", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 403), (status = 404), (status = 409)))]
pub async fn of_request(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    let form = forms::of_request(&app, &caller.required()?, id).await?;
    let name = format!("mau-{:02}.pdf", form.number as u8);
    answer(&app, decree_forms::sheets(&[form], app.clock.now()), &name, None).await
}

/// Form 01 of each official of a list that was handed in, 100 in a file; `x-next-position` is the `from` of the next.
#[utoipa::path(get, path = "/api/v1/agency-lists/{id}/forms", params(("id" = String, Path), ("from" = Option<i64>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 403), (status = 404), (status = 409)))]
pub async fn of_list(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<FromQuery>,
) -> Result<Response> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    let (forms, next) = forms::of_list(&app, &caller.required()?, id, query.from.max(0)).await?;
    if forms.is_empty() {
        return Err(RequestError::not_found().into());
    }
    answer(&app, decree_forms::sheets(&forms, app.clock.now()), "mau-01.pdf", next).await
}

/// Form 05 of an order's officials' certificates, a page of its lines; `x-next-position` is the `from` of the next.
#[utoipa::path(get, path = "/api/v1/revocation-orders/{id}/form", params(("id" = String, Path), ("from" = Option<i64>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 404), (status = 409)))]
pub async fn of_order(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<FromQuery>,
) -> Result<Response> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    let detail = revocation::order(&app, &caller.required()?, id, query.from.max(0)).await?;
    let blocks = decree_forms::revocation_sheet(&detail, app.clock.now()).ok_or_else(forms::not_official)?;
    answer(&app, blocks, "mau-05.pdf", detail.next).await
}

async fn answer(app: &App, blocks: Vec<Block>, name: &str, next: Option<i64>) -> Result<Response> {
    let pdf = reports::printed(app, blocks, "Biểu mẫu Nghị định 68/2024/NĐ-CP").await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let next = next.map(|next| [(NEXT, next.to_string())]);
    Ok(match next {
        Some(next) => (headers, next, pdf).into_response(),
        None => (headers, pdf).into_response(),
    })
}

/// Where the next file of a long list begins.
const NEXT: HeaderName = HeaderName::from_static("x-next-position");
