//! `/reports`: figures with their charts and tables, and what each means.

use super::Visit;
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        Access, Route,
        api::reports::READERS,
        pages::{
            Frame, Problems, html,
            report_definitions::DefinitionsPage,
            reports::{ReportsForm, ReportsPage},
        },
        problem::status_of,
    },
    statistics::{self, Asked},
};
use axum::{
    extract::{Query, State},
    http::{Method, StatusCode},
    response::Response,
    routing::get,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/reports", READERS, get(show)),
        Route::new(Method::GET, "/reports/definitions", Access::Public, get(define)),
    ]
}

async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Result<Response> {
    let by = visit.required()?;
    let (status, report, problems) = match statistics::report(&app, by, &asked).await {
        Ok(report) => (StatusCode::OK, Some(report), Problems::none()),
        Err(Error::Request(refused)) => (status_of(refused.kind), None, Problems::said(refused.field, refused.detail)),
        Err(error) => return Err(error),
    };
    let form = ReportsForm::of(&asked, report.as_ref());
    let frame = Frame { path: form.address("/reports"), ..visit.frame };
    Ok(html(status, ReportsPage { frame, form, report, problems }.html()))
}

async fn define(visit: Visit) -> Response {
    html(StatusCode::OK, DefinitionsPage { frame: visit.frame }.html())
}
