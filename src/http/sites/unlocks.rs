//! `/unlocks`: asking for a locked signature to be unlocked, and deciding on it with a second pair of eyes.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::{self, Principal, passkey::Given},
    app::App,
    custody::{self, UnlockView},
    error::{RequestError, Result},
    http::{
        Route,
        api::{
            idempotency,
            requests::read_cursor,
            unlocks::{ASK, DECIDE, SEE},
        },
        pages::{
            Problems, html,
            unlocks::{AskForm, UnlockCard, UnlocksPage},
        },
    },
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{id::UnlockId, record::Cursor};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/unlocks", SEE, get(list)),
        Route::new(Method::POST, "/unlocks", ASK, post(ask)),
        Route::new(Method::POST, "/unlocks/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/unlocks/{id}/refuse", DECIDE, post(refuse)),
    ]
}

/// Where the list begins, and what has just been done.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: Option<String>,
    done: String,
}

/// The token of the form that decides.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DecideForm {
    csrf: String,
    /// The passkey's answer, where one was asked: JSON.
    assertion: String,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    page(&app, visit, query, AskForm::default(), (StatusCode::OK, Problems::none())).await
}

async fn ask(State(app): State<App>, visit: Visit, PageForm(form): PageForm<AskForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let body = format!("{}\n{}", form.whom, form.reason);
    let (whom, reason) = (form.whom.clone(), form.reason.clone());
    let flow = async move |app: App, by: Principal| Ok(custody::ask_unlock(&app, &by, &whom, &reason).await?.id);
    let asked = idempotency::once_on_page(&app, by, "POST /unlocks", (&form.idempotency_key, body.as_bytes()), flow);
    match asked.await {
        Ok(_) => Ok(Redirect::to("/unlocks?done=asked").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(&app, visit, ListQuery::default(), form, said).await
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
    let id: UnlockId = id.parse().map_err(|_| RequestError::not_found())?;
    let decided = async {
        let given = Given::of_form(if approved { &form.assertion } else { "" })?;
        custody::decide_unlock(app, by, id, approved, given.as_ref()).await
    };
    match decided.await {
        Ok(_) if approved => Ok(Redirect::to("/unlocks?done=approved").into_response()),
        Ok(_) => Ok(Redirect::to("/unlocks?done=refused").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(app, visit, ListQuery::default(), AskForm::default(), said).await
        }
    }
}

async fn page(
    app: &App,
    visit: Visit,
    query: ListQuery,
    form: AskForm,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (views, next) = custody::open_unlocks(app, by, after).await?;
    let mut unlocks = Vec::new();
    for view in views {
        unlocks.push(card(app, view).await?);
    }
    let page = UnlocksPage {
        unlocks,
        next: next.map(|next| format!("/unlocks?after={}_{}", next.at.0, next.id)),
        may_ask: ASK.admits(Some(&by.roles)),
        form: AskForm { idempotency_key: idempotency::fresh_key(), ..form },
        done: query.done,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

async fn card(app: &App, view: UnlockView) -> Result<UnlockCard> {
    Ok(UnlockCard {
        unlock: view.id,
        holder: view.common_name,
        organization: view.organization,
        personal_number: view.personal_number,
        serial: view.serial,
        number: view.number,
        reason: view.reason,
        asked_at: view.asked_at,
        asked_by: accounts::name_of(app, view.asked_by).await?,
        decidable: view.decidable,
        content_digest: view.content_digest,
    })
}
