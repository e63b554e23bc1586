//! `/payments`: the registry of payment providers, changes to it by two people, and what became of payments.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Route,
        api::{
            idempotency,
            providers::{CHANGE, SEE},
        },
        pages::{
            Problems, html,
            payments::{ChangeForm, PaymentsPage, change_card, provider_card, reason_rows},
        },
    },
    transactions::provider_changes,
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/payments", SEE, get(show)),
        Route::new(Method::POST, "/payments", CHANGE, post(ask)),
        Route::new(Method::POST, "/payments/{id}/approve", CHANGE, post(approve)),
        Route::new(Method::POST, "/payments/{id}/refuse", CHANGE, post(refuse)),
    ]
}

/// What has just been done.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DoneQuery {
    done: String,
}

/// The token of a form that decides.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DecideForm {
    csrf: String,
    /// The passkey's answer, where one was asked: JSON.
    assertion: String,
}

async fn show(State(app): State<App>, visit: Visit, Query(query): Query<DoneQuery>) -> Result<Response> {
    let form = ChangeForm { active: "1".to_owned(), ..ChangeForm::default() };
    page(&app, visit, query.done, form, (StatusCode::OK, Problems::none())).await
}

async fn ask(State(app): State<App>, visit: Visit, PageForm(form): PageForm<ChangeForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let terms = match form.terms() {
        Ok(terms) => terms,
        Err(field) => {
            let said = (StatusCode::UNPROCESSABLE_ENTITY, Problems::one(field, "problem-no-number"));
            return page(&app, visit, String::new(), form, said).await;
        }
    };
    let body = format!("{}\n{terms:?}\n{}", form.provider, form.reason);
    let (provider, reason) = (form.provider.clone(), form.reason.clone());
    let flow =
        async move |app: App, by: Principal| Ok(provider_changes::ask(&app, &by, &provider, terms, &reason).await?.id);
    let key = (form.idempotency_key.as_str(), body.as_bytes());
    match idempotency::once_on_page(&app, by, "POST /payments", key, flow).await {
        Ok(_) => Ok(Redirect::to("/payments?done=asked").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(&app, visit, String::new(), form, said).await
        }
    }
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecideForm>,
) -> Result<Response> {
    decide(&app, visit, &id, &form, true).await
}

async fn refuse(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecideForm>,
) -> Result<Response> {
    decide(&app, visit, &id, &form, false).await
}

async fn decide(app: &App, visit: Visit, id: &str, form: &DecideForm, approved: bool) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    let decided = async {
        let given = Given::of_form(if approved { &form.assertion } else { "" })?;
        provider_changes::decide(app, by, id, approved, given.as_ref()).await
    };
    match decided.await {
        Ok(_) if approved => Ok(Redirect::to("/payments?done=approved").into_response()),
        Ok(_) => Ok(Redirect::to("/payments?done=refused").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(app, visit, String::new(), ChangeForm::default(), said).await
        }
    }
}

async fn page(
    app: &App,
    visit: Visit,
    done: String,
    form: ChangeForm,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let frame = &visit.frame;
    let providers = provider_changes::providers(app).await?;
    let changes = provider_changes::open_changes(app, by).await?;
    let page = PaymentsPage {
        providers: providers.iter().map(|view| provider_card(frame, view)).collect(),
        changes: changes.iter().map(|view| change_card(frame, view)).collect(),
        reasons: reason_rows(frame, &app.payments.figures.reasons()),
        remembered: app.payments.remembered().count(),
        may_change: CHANGE.admits(Some(&by.roles)),
        form: ChangeForm { idempotency_key: idempotency::fresh_key(), ..form },
        done,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}
