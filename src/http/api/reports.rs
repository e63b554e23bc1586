//! Figures for whoever leads, what each means, and open data for everybody; as JSON, as a workbook, and each table as CSV.

use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Caller, Route,
        pages::PageLanguage,
        parameters::{Path, Query},
    },
    statistics::{self, Asked, Definition, OpenData, Report, Table},
};
use axum::{
    Json,
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chuky_model::role::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// Who reads reports: administrators and auditors of every unit, the others of what their account acts for.
pub(in crate::http) const READERS: Access =
    Access::Roles(&[Role::Registrar, Role::Approver, Role::Auditor, Role::Administrator]);

pub(super) fn routes() -> Vec<Route> {
    let open = |path, handler| Route::new(Method::GET, path, Access::Public, handler);
    vec![
        Route::new(Method::GET, "/api/v1/reports", READERS, get(report)),
        Route::new(Method::GET, "/api/v1/reports/workbook", READERS, get(workbook)),
        Route::new(Method::GET, "/api/v1/reports/tables/{table}", READERS, get(table)),
        open("/api/v1/reports/definitions", get(definitions)),
        open("/api/v1/reports/open-data", get(self::open)),
        open("/api/v1/reports/open-data/workbook", get(open_workbook)),
        open("/api/v1/reports/open-data/tables/{table}", get(open_table)),
    ]
}

/// What every figure means.
#[derive(Serialize, ToSchema)]
pub struct DefinitionsAnswer {
    definitions: &'static [Definition],
}

/// Figures of certificates, outgoing documents and booths, and units beside each other, in a period.
#[utoipa::path(get, path = "/api/v1/reports", params(Asked),
    responses((status = 200, body = Report), (status = 403), (status = 422)))]
pub async fn report(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Result<Json<Report>> {
    Ok(Json(statistics::report(&app, &caller.required()?, &asked).await?))
}

/// The same as a workbook (XLSX) with a sheet a table, and the definitions on the last.
#[utoipa::path(get, path = "/api/v1/reports/workbook", params(Asked),
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
pub async fn workbook(
    State(app): State<App>,
    caller: Caller,
    PageLanguage(language): PageLanguage,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let report = statistics::report(&app, &caller.required()?, &asked).await?;
    let bytes = statistics::workbook(&statistics::tables(&report), language)?;
    Ok(file(&format!("chuky-{}-{}.xlsx", report.from, report.until), WORKBOOK, bytes))
}

/// One table of it as CSV: `types`, `months`, `units`, `merged`, `outgoing`, `booths` or `ranking`.
#[utoipa::path(get, path = "/api/v1/reports/tables/{table}", params(("table" = String, Path), Asked),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 403), (status = 404), (status = 422)))]
pub async fn table(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let report = statistics::report(&app, &caller.required()?, &asked).await?;
    let period = format!("{}-{}", report.from, report.until);
    named(&statistics::tables(&report), &name, &period)
}

/// What every figure means, in both languages.
#[utoipa::path(get, path = "/api/v1/reports/definitions", responses((status = 200, body = DefinitionsAnswer)))]
pub async fn definitions() -> Json<DefinitionsAnswer> {
    Json(DefinitionsAnswer { definitions: statistics::DEFINITIONS })
}

/// Open data of the newest whole month: counts below ten are not told, others are rounded down to a multiple of ten.
#[utoipa::path(get, path = "/api/v1/reports/open-data", responses((status = 200, body = OpenData)))]
pub async fn open(State(app): State<App>) -> Result<Response> {
    let data = statistics::open_data(&app).await?;
    Ok(([(header::CACHE_CONTROL, OPEN_CACHE)], Json(data.as_ref())).into_response())
}

/// The open data as a workbook (XLSX).
#[utoipa::path(get, path = "/api/v1/reports/open-data/workbook",
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
pub async fn open_workbook(State(app): State<App>, PageLanguage(language): PageLanguage) -> Result<Response> {
    let data = statistics::open_data(&app).await?;
    let bytes = statistics::workbook(&statistics::open_tables(&data), language)?;
    Ok(file(&format!("chuky-open-{}.xlsx", data.month), WORKBOOK, bytes))
}

/// One table of the open data as CSV: `active` or `issued`.
#[utoipa::path(get, path = "/api/v1/reports/open-data/tables/{table}", params(("table" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 404)))]
pub async fn open_table(State(app): State<App>, Path(name): Path<String>) -> Result<Response> {
    let data = statistics::open_data(&app).await?;
    named(&statistics::open_tables(&data), &name, &format!("open-{}", data.month))
}

fn named(tables: &[Table], name: &str, period: &str) -> Result<Response> {
    let table = tables.iter().find(|table| table.name == name).ok_or_else(RequestError::not_found)?;
    Ok(file(&format!("chuky-{}-{period}.csv", table.name), "text/csv; charset=utf-8", statistics::csv(table)))
}

fn file(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, bytes).into_response()
}

const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Open data change once a month, and are the same for everybody.
const OPEN_CACHE: &str = "public, max-age=3600";
