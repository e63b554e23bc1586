//! `/approvals`: what applications wait for the caller to approve on this device. The PIN of a form goes into the flow and nowhere else.

use super::{PageForm, Visit, documents::pin_beside};
use crate::{
    app::App,
    approvals,
    custody::Factors,
    error::{Error, RequestError, RequestErrorKind, Result},
    http::{
        Remote, Route,
        api::{credentials::with_pin, documents::SIGNERS},
        pages::{
            Problems,
            approvals::{ApprovalPage, ApprovalsPage, ApproveForm, Done, RefuseForm},
            html,
        },
    },
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{id::SigningApprovalId, record::state::SigningRefusal};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/approvals", SIGNERS, get(list)),
        Route::new(Method::GET, "/approvals/{id}", SIGNERS, get(show)),
        Route::new(Method::POST, "/approvals/{id}/approve", SIGNERS, post(approve)),
        Route::new(Method::POST, "/approvals/{id}/refuse", SIGNERS, post(refuse)),
    ]
}

/// What the list has to tell beside what waits.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    done: String,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    let approvals = approvals::waiting(&app, visit.required()?).await?;
    let done = match query.done.as_str() {
        "approved" => Some(Done::Approved),
        "refused" => Some(Done::Refused),
        _ => None,
    };
    Ok(html(StatusCode::OK, ApprovalsPage { frame: visit.frame, approvals, done }.html()))
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    page(&app, visit, read(&id)?, String::new(), (StatusCode::OK, Problems::none())).await
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    Path(id): Path<String>,
    PageForm(form): PageForm<ApproveForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let factors = || Factors::of_form(form.pin.reveal(), form.totp.reveal(), &form.assertion);
    match with_pin(&app, by, &remote, approvals::approve(&app, by, id, &form.number, factors)).await {
        Ok(()) => Ok(Redirect::to("/approvals?done=approved").into_response()),
        // What has moved on has no form any more.
        Err(Error::Request(refused)) if refused.kind == RequestErrorKind::Conflict && refused.field.is_none() => {
            Err(refused.into())
        }
        Err(Error::Request(refused)) if refused.field == Some("number") => {
            let said = (crate::http::problem::status_of(refused.kind), Problems::said(refused.field, refused.detail));
            page(&app, visit, id, String::new(), said).await
        }
        Err(error) => {
            let said = pin_beside(error)?;
            page(&app, visit, id, form.number.clone(), said).await
        }
    }
}

async fn refuse(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<RefuseForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let why = match SigningRefusal::from_name(&form.why) {
        Some(why @ (SigningRefusal::NotMine | SigningRefusal::NotRight | SigningRefusal::NotNow)) => why,
        _ => SigningRefusal::NotNow,
    };
    approvals::refuse(&app, by, read(&id)?, why).await?;
    Ok(Redirect::to("/approvals?done=refused").into_response())
}

async fn page(
    app: &App,
    visit: Visit,
    id: SigningApprovalId,
    number: String,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let approval = approvals::one(app, visit.required()?, id).await?;
    // In the other language the page is asked for as itself, also where a form was answered.
    let frame = crate::http::pages::Frame { path: format!("/approvals/{id}"), ..visit.frame };
    Ok(html(status, ApprovalPage { frame, approval, number, problems }.html()))
}

fn read(id: &str) -> Result<SigningApprovalId, RequestError> {
    id.parse().map_err(|_| RequestError::not_found())
}
