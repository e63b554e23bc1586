//! Numbers at the booth: the screen of the waiting room, for anybody, and the desk that gives and calls them.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Route,
        pages::{
            Problems,
            booth_queue::{DeskPage, QueuePage},
            html,
        },
    },
    registration::numbers,
};
use axum::{
    extract::{Query, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::role::Role;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    const BOOTH: Access = Access::Roles(&[Role::Operator]);
    vec![
        Route::new(Method::GET, "/booth/queue", Access::Public, get(screen)),
        Route::new(Method::GET, "/booth/queue/desk", BOOTH, get(desk)),
        Route::new(Method::POST, "/booth/queue/numbers", BOOTH, post(give)),
        Route::new(Method::POST, "/booth/queue/calls", BOOTH, post(call)),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScreenQuery {
    /// Code of the unit.
    unit: String,
}

/// What the desk's page shows besides: where its address says nothing sensible, nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DeskQuery {
    given: String,
    called: String,
    desk: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DeskForm {
    csrf: String,
    desk: String,
}

/// A screen on a wall has nobody who logs in: it is told numbers, and nothing else is there.
async fn screen(State(app): State<App>, visit: Visit, Query(query): Query<ScreenQuery>) -> Result<Response> {
    let numbers = match (query.unit.as_str(), &visit.principal) {
        ("", Some(by)) => numbers::own(&app, by).await?,
        ("", None) => return Err(RequestError::not_found().into()),
        (code, _) => numbers::of_unit(&app, code).await?,
    };
    let page = QueuePage { frame: visit.frame, numbers };
    Ok(([(header::CACHE_CONTROL, "no-store")], html(StatusCode::OK, page.html())).into_response())
}

async fn desk(State(app): State<App>, visit: Visit, Query(query): Query<DeskQuery>) -> Result<Response> {
    let page = desk_page(&app, visit, query, Problems::none()).await?;
    Ok(html(StatusCode::OK, page.html()))
}

async fn desk_page(app: &App, visit: Visit, query: DeskQuery, problems: Problems) -> Result<DeskPage> {
    let numbers = numbers::own(app, visit.required()?).await?;
    let told = |text: &str, last: i64| text.parse::<i64>().ok().filter(|number| (1..=last).contains(number));
    Ok(DeskPage {
        given: told(&query.given, numbers.given),
        called: told(&query.called, numbers.called),
        nobody: query.called == "0",
        desk: query.desk.chars().take(LONGEST_DESK).collect(),
        frame: visit.frame,
        numbers,
        problems,
    })
}

async fn give(State(app): State<App>, visit: Visit, PageForm(form): PageForm<DeskForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let number = numbers::give(&app, by).await?;
    Ok(Redirect::to(&format!("/booth/queue/desk?given={number}{}", desk_of(&form.desk))).into_response())
}

async fn call(State(app): State<App>, visit: Visit, PageForm(form): PageForm<DeskForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    // What is no number is no desk.
    match numbers::call(&app, by, form.desk.trim().parse().unwrap_or_default()).await {
        Ok(number) => {
            let number = number.unwrap_or_default();
            Ok(Redirect::to(&format!("/booth/queue/desk?called={number}{}", desk_of(&form.desk))).into_response())
        }
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            let query = DeskQuery { desk: form.desk, ..DeskQuery::default() };
            Ok(html(status, desk_page(&app, visit, query, problems).await?.html()))
        }
    }
}

/// The desk goes along, so that it is typed once.
fn desk_of(typed: &str) -> String {
    typed.trim().parse::<u8>().map(|desk| format!("&desk={desk}")).unwrap_or_default()
}

/// Characters.
const LONGEST_DESK: usize = 3;
