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
        parameters::{Path, Query},
        sites::{PageForm, Visit},
    },
    registration::lists::{self, Lines, Printed},
    reports,
};
use axum::{
    extract::State,
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

/// Where a file begins and, where it is said, the last line that it has.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct LinesQuery {
    from: i64,
    to: Option<i64>,
}

/// What a page's button posts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SheetsForm {
    csrf: String,
    from: i64,
    to: Option<i64>,
}

/// Makes and prints the activation codes of those without a telephone among 100 lines of a list that is carried out, for the side that entered it;
/// up to and with the line `to` where it is said. `x-next-position` is the `from` of the next file; `x-left-out` counts people for whom there is none now, whom the file names at its end.
/// Codes that were printed before open nothing from then on.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/code-sheets", params(("id" = String, Path), ("from" = Option<i64>, Query), ("to" = Option<i64>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 403), (status = 404), (status = 409)))]
pub async fn codes(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<LinesQuery>,
) -> Result<Response> {
    code_file(&app, &caller.required()?, &id, lines(query.from, query.to)).await
}

/// Makes and prints the second secrets of the same people, for who approved them; in a session.
#[utoipa::path(post, path = "/api/v1/agency-lists/{id}/confirmation-sheets", params(("id" = String, Path), ("from" = Option<i64>, Query), ("to" = Option<i64>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 403), (status = 404), (status = 409)))]
pub async fn confirmations(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<LinesQuery>,
) -> Result<Response> {
    confirmation_file(&app, &caller.required()?, &id, lines(query.from, query.to)).await
}

async fn codes_of_page(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<SheetsForm>,
) -> Result<Response> {
    code_file(&app, visit.posting(&form.csrf)?, &id, lines(form.from, form.to)).await
}

async fn confirmations_of_page(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<SheetsForm>,
) -> Result<Response> {
    confirmation_file(&app, visit.posting(&form.csrf)?, &id, lines(form.from, form.to)).await
}

fn lines(from: i64, to: Option<i64>) -> Lines {
    Lines { from: from.max(0), to }
}

async fn code_file(app: &App, by: &Principal, id: &str, lines: Lines) -> Result<Response> {
    reports::printed(app, Vec::new(), TITLE).await?;
    let made = lists::code_sheets(app, by, read(id)?, lines).await?;
    let blocks = activation_sheets::codes(&made.sheets, &app.settings.public_url)?;
    answer(app, blocks, "phieu-kich-hoat.pdf", &made).await
}

async fn confirmation_file(app: &App, by: &Principal, id: &str, lines: Lines) -> Result<Response> {
    reports::printed(app, Vec::new(), TITLE).await?;
    let made = lists::confirmation_sheets(app, by, read(id)?, lines).await?;
    answer(app, activation_sheets::confirmations(&made.sheets), "phieu-xac-nhan.pdf", &made).await
}

/// The file. Before a sheet is made it was tried whether one can be printed at all: what was handed over before ends with it.
async fn answer<T>(app: &App, mut blocks: Vec<Block>, name: &str, made: &Printed<T>) -> Result<Response> {
    blocks.extend(activation_sheets::left_out(&made.left_out));
    let pdf = reports::printed(app, blocks, TITLE).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (LEFT_OUT, made.left_out.len().to_string()),
    ];
    Ok(match made.next {
        Some(next) => (headers, [(NEXT, next.to_string())], pdf).into_response(),
        None => (headers, pdf).into_response(),
    })
}

const TITLE: &str = "Phiếu kích hoạt chữ ký số";
/// Where the next file of a long list begins.
const NEXT: HeaderName = HeaderName::from_static("x-next-position");
/// For how many people there is no sheet now.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-left-out");
