//! `/payments/alarms`: alarms about payments, a provider's own or everybody's for staff, and telling one again.

use super::{PageForm, TokenForm, Visit, requests::shown_beside};
use crate::{
    accounts,
    app::App,
    error::{RequestError, Result},
    http::{
        Route,
        api::{
            alarms::{AGAIN, SEE},
            requests::read_cursor,
        },
        pages::{
            Problems,
            alarms::{AlarmCard, AlarmsPage},
            html,
        },
    },
    transactions::webhooks,
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{id::AccountId, record::Cursor};
use serde::Deserialize;
use std::collections::{HashMap, hash_map::Entry};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/payments/alarms", SEE, get(show)),
        Route::new(Method::POST, "/payments/alarms/{id}/again", AGAIN, post(again)),
    ]
}

/// Where the list begins, and what has just been done.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    before: Option<String>,
    done: String,
}

async fn show(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    page(&app, visit, query, (StatusCode::OK, Problems::none())).await
}

async fn again(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    match webhooks::again(&app, by, id.parse().map_err(|_| RequestError::not_found())?).await {
        Ok(_) => Ok(Redirect::to("/payments/alarms?done=again").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(&app, visit, ListQuery::default(), said).await
        }
    }
}

async fn page(
    app: &App,
    visit: Visit,
    query: ListQuery,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let before =
        query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (views, next) = webhooks::list(app, by, before).await?;
    let mut names: HashMap<AccountId, String> = HashMap::new();
    let mut alarms = Vec::new();
    for view in &views {
        let name = match names.entry(view.provider) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(accounts::name_of(app, view.provider).await?),
        };
        alarms.push(AlarmCard::of(&visit.frame, view, name));
    }
    let page = AlarmsPage {
        alarms,
        next: next.map(|next| format!("/payments/alarms?before={}_{}", next.at.0, next.id)),
        may_repeat: AGAIN.admits(Some(&by.roles)),
        done: query.done == "again",
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}
