//! Printed sheets for officials without a telephone: codes for the side that entered the list, second secrets for who approved it. Each call makes
//! them anew; the pages post to their own addresses and get the same files.

use super::agency_lists::{DECIDE, UPLOAD, read};
use crate::{
    accounts::Principal,
    app::App,
    error::Result,
    http::{
        Caller, Route,
        pages::activation_sheets,
        sites::{PageForm, Visit},
    },
    registration::lists,
    reports,
};
use axum::{
    extract::{Path, Query, State},
    http::{HeaderName, Method, header},
    response::{IntoResponse, Response},
    routing::post,
};
use chuky_pki::pdf::letter::sheet::Block;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/code-sheets", UPLOAD, post(codes)),
        Route::new(Method::POST, "/api/v1/agency-lists/{id}/confirmation-sheets", DECIDE, post(confirmations)),
    ]
}

/// The same under the addresses of the pages.
pub(in crate::http) fn page_routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/registration/lists/{id}/code-sheets", UPLOAD, post(codes_of_page)),
        Route::new(Method::POST, "/registration/lists/{id}/confirmation-sheets", DECIDE, post(confirmations_of_page)),
    ]
}

/// Where a file begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct FromQuery {
    from: i64,
}

/// What a page's button posts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SheetsForm {
    csrf: String,
    from: i64,
}

/// Makes and prints the activation codes of those without a telephone among 100 lines of a list that is carried out, for the side that entered it;
/// `x-next-position` is the `from` of the next. Codes that were printed before open nothing from then on. In a session.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/code-sheets", params(("id" = String, Path), ("from" = Option<i64>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 403), (status = 404), (status = 409)))]
pub async fn codes(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<FromQuery>,
) -> Result<Response> {
    code_file(&app, &caller.required()?, &id, query.from).await
}

/// Makes and prints the second secrets of the same people, for who approved them; in a session.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/confirmation-sheets", params(("id" = String, Path), ("from" = Option<i64>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 403), (status = 404), (status = 409)))]
pub async fn confirmations(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<FromQuery>,
) -> Result<Response> {
    confirmation_file(&app, &caller.required()?, &id, query.from).await
}

async fn codes_of_page(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<SheetsForm>,
) -> Result<Response> {
    code_file(&app, visit.posting(&form.csrf)?, &id, form.from).await
}

async fn confirmations_of_page(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<SheetsForm>,
) -> Result<Response> {
    confirmation_file(&app, visit.posting(&form.csrf)?, &id, form.from).await
}

async fn code_file(app: &App, by: &Principal, id: &str, from: i64) -> Result<Response> {
    let (sheets, next) = lists::code_sheets(app, by, read(id)?, from.max(0)).await?;
    let blocks = activation_sheets::codes(&sheets, &app.settings.public_url)?;
    answer(app, blocks, "phieu-kich-hoat.pdf", next).await
}

async fn confirmation_file(app: &App, by: &Principal, id: &str, from: i64) -> Result<Response> {
    let (sheets, next) = lists::confirmation_sheets(app, by, read(id)?, from.max(0)).await?;
    answer(app, activation_sheets::confirmations(&sheets), "phieu-xac-nhan.pdf", next).await
}

async fn answer(app: &App, blocks: Vec<Block>, name: &str, next: Option<i64>) -> Result<Response> {
    let pdf = reports::printed(app, blocks, "Phiếu kích hoạt chữ ký số").await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok(match next {
        Some(next) => (headers, [(NEXT, next.to_string())], pdf).into_response(),
        None => (headers, pdf).into_response(),
    })
}

/// Where the next file of a long list begins.
const NEXT: HeaderName = HeaderName::from_static("x-next-position");
