//! `/personnel`: what happened to officials.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Route,
        api::{
            idempotency,
            personnel_orders::{DECIDE, ENTER, SEE, read},
            requests::read_cursor,
        },
        pages::{
            Problems,
            form::iso_date,
            html,
            personnel::{NewPersonnelPage, PersonnelForm, PersonnelOrderPage, PersonnelPage, PreviewPage},
        },
    },
    personnel::{self, Certificates, Wanted},
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{
    id::PersonnelOrderId,
    record::{Cursor, state::PersonnelKind},
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/personnel", SEE, get(list)),
        Route::new(Method::GET, "/personnel/new", ENTER, get(begin)),
        Route::new(Method::POST, "/personnel/preview", ENTER, post(preview)),
        Route::new(Method::POST, "/personnel", ENTER, post(enter)),
        Route::new(Method::GET, "/personnel/{id}", SEE, get(show)),
        Route::new(Method::POST, "/personnel/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/personnel/{id}/refuse", DECIDE, post(refuse)),
        Route::new(Method::POST, "/personnel/{id}/withdraw", ENTER, post(withdraw)),
    ]
}

/// Where the list begins, and which form.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PersonnelQuery {
    before: Option<String>,
    kind: String,
    account: String,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<PersonnelQuery>) -> Result<Response> {
    let by = visit.required()?;
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let (orders, next) = personnel::list(&app, by, before.ok_or_else(RequestError::not_found)?).await?;
    let next = next.map(|cursor| format!("/personnel?before={}_{}", cursor.at.0, cursor.id));
    let may_enter = personnel::may_enter(by);
    Ok(html(StatusCode::OK, PersonnelPage { frame: visit.frame, orders, next, may_enter }.html()))
}

async fn begin(visit: Visit, Query(query): Query<PersonnelQuery>) -> Response {
    let kind = PersonnelKind::from_name(&query.kind).unwrap_or(PersonnelKind::Transfer);
    let form = PersonnelForm { kind: kind.name().to_owned(), account: query.account, ..PersonnelForm::default() };
    new_page(visit, form, (StatusCode::OK, Problems::none()))
}

fn new_page(visit: Visit, form: PersonnelForm, (status, problems): (StatusCode, Problems)) -> Response {
    html(status, NewPersonnelPage { frame: visit.frame, form, problems }.html())
}

async fn preview(State(app): State<App>, visit: Visit, PageForm(form): PageForm<PersonnelForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    match personnel::preview(&app, by, wanted(&form)?).await {
        Ok(preview) => {
            let form = PersonnelForm {
                content_digest: preview.content_digest.clone(),
                idempotency_key: idempotency::fresh_key(),
                // A personal number that was typed goes no further.
                account: match preview.effects.first().filter(|_| !form.account.is_empty()) {
                    Some(effect) => effect.login.clone(),
                    None => String::new(),
                },
                ..form
            };
            let page = PreviewPage { frame: visit.frame, form, preview, problems: Problems::none() };
            Ok(html(StatusCode::OK, page.html()))
        }
        Err(error) => {
            let said = shown_beside(error)?;
            Ok(new_page(visit, form, said))
        }
    }
}

async fn enter(State(app): State<App>, visit: Visit, PageForm(form): PageForm<PersonnelForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let wanted = wanted(&form)?;
    let body = format!("{wanted:?}\n{}", form.content_digest);
    let digest = form.content_digest.clone();
    let flow = async move |app: App, by: Principal| Ok(personnel::enter(&app, &by, wanted, &digest).await?.id);
    let entered =
        idempotency::once_on_page(&app, by, "POST /personnel", (&form.idempotency_key, body.as_bytes()), flow);
    match entered.await {
        Ok(id) => Ok(Redirect::to(&format!("/personnel/{id}")).into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            Ok(new_page(visit, form, said))
        }
    }
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    order_page(&app, visit, read(&id)?, (StatusCode::OK, Problems::none())).await
}

async fn order_page(
    app: &App,
    visit: Visit,
    id: PersonnelOrderId,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let order = personnel::one(app, visit.required()?, id).await?;
    Ok(html(status, PersonnelOrderPage { frame: visit.frame, order, problems }.html()))
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<PersonnelForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = async {
        let given = Given::of_form(&form.assertion)?;
        personnel::approve(&app, by, id, &form.content_digest, given.as_ref()).await
    };
    let done = done.await;
    after(&app, visit, id, done.map(drop)).await
}

async fn refuse(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<PersonnelForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = personnel::refuse(&app, by, id, &form.reason).await;
    after(&app, visit, id, done.map(drop)).await
}

async fn withdraw(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<PersonnelForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = personnel::withdraw(&app, by, id).await;
    after(&app, visit, id, done.map(drop)).await
}

/// The order again after something was done, or with what was refused.
async fn after(app: &App, visit: Visit, id: PersonnelOrderId, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/personnel/{id}")).into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            order_page(app, visit, id, said).await
        }
    }
}

fn wanted(form: &PersonnelForm) -> Result<Wanted> {
    let kind = PersonnelKind::from_name(&form.kind).ok_or_else(RequestError::not_found)?;
    let chosen = Certificates::ALL.into_iter().find(|one| one.name() == form.certificates);
    let fitting = Certificates::ALL.into_iter().find(|one| one.fits(kind)).unwrap_or_default();
    Ok(Wanted {
        kind,
        account: form.account.clone(),
        from_unit: form.from_unit.clone(),
        unit: form.unit.clone(),
        title: form.title.clone(),
        from: iso_date(&form.from),
        certificates: chosen.unwrap_or(fitting),
        ground: form.ground.clone(),
    })
}
