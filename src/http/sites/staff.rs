//! `/staff`: the accounts of staff, and orders about them.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::{self, Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Route,
        api::{
            idempotency,
            requests::read_cursor,
            staff::{DECIDE, ENTER, SEE, read},
        },
        pages::{
            Problems, html,
            staff::{DecisionForm, InvitationCard, NewOrderForm, NewOrderPage, OrderPage, StaffPage},
        },
    },
    staff::{self, Person, Wanted},
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{
    id::{AccountId, StaffOrderId},
    record::{Cursor, state::StaffOrderKind},
};
use serde::Deserialize;
use std::collections::HashMap;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/staff", SEE, get(list)),
        Route::new(Method::POST, "/staff/accounts/{id}/disable", ENTER, post(disable)),
        Route::new(Method::GET, "/staff/orders/new", ENTER, get(begin)),
        Route::new(Method::POST, "/staff/orders", ENTER, post(enter)),
        Route::new(Method::GET, "/staff/orders/{id}", SEE, get(show)),
        Route::new(Method::POST, "/staff/orders/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/staff/orders/{id}/refuse", DECIDE, post(refuse)),
        Route::new(Method::POST, "/staff/orders/{id}/withdraw", ENTER, post(withdraw)),
        Route::new(Method::POST, "/staff/orders/{id}/invitation", ENTER, post(invite)),
    ]
}

/// Where the lists begin.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: Option<String>,
    before: Option<String>,
}

/// Which form, and whose account stands in it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct NewQuery {
    kind: String,
    account: String,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    list_page(&app, visit, query, (StatusCode::OK, Problems::none())).await
}

async fn disable(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let id: AccountId = id.parse().map_err(|_| RequestError::not_found())?;
    match accounts::disable_account(&app, by, id).await {
        Ok(()) => Ok(Redirect::to("/staff").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            list_page(&app, visit, ListQuery::default(), said).await
        }
    }
}

async fn begin(visit: Visit, Query(query): Query<NewQuery>) -> Response {
    let kind = StaffOrderKind::from_name(&query.kind).unwrap_or(StaffOrderKind::Open);
    let form = NewOrderForm { kind: kind.name().to_owned(), account: query.account, ..NewOrderForm::default() };
    new_page(visit, form, (StatusCode::OK, Problems::none()))
}

async fn enter(
    State(app): State<App>,
    visit: Visit,
    PageForm(fields): PageForm<HashMap<String, String>>,
) -> Result<Response> {
    let form = NewOrderForm::of(&fields);
    let by = visit.posting(&form.csrf)?;
    let wanted = wanted(&form)?;
    let roles = chuky_model::role::Role::join(&form.roles);
    let body = zeroize::Zeroizing::new(format!(
        "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{roles}",
        form.kind, form.account, form.login, form.full_name, form.personal_number, form.phone, form.unit
    ));
    let flow = async move |app: App, by: Principal| Ok(staff::enter(&app, &by, wanted).await?.id);
    let entered =
        idempotency::once_on_page(&app, by, "POST /staff/orders", (&form.idempotency_key, body.as_bytes()), flow);
    match entered.await {
        Ok(id) => Ok(to_order(id)),
        Err(error) => {
            let said = shown_beside(error)?;
            Ok(new_page(visit, form, said))
        }
    }
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    order_page(&app, visit, read(&id)?, None, (StatusCode::OK, Problems::none())).await
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = async {
        let given = Given::of_form(&form.assertion)?;
        staff::approve(&app, by, id, &form.content_digest, given.as_ref()).await
    };
    let done = done.await;
    after(&app, visit, id, done.map(drop)).await
}

async fn refuse(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = staff::refuse(&app, by, id, &form.reason).await;
    after(&app, visit, id, done.map(drop)).await
}

async fn withdraw(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = staff::withdraw(&app, by, id).await;
    after(&app, visit, id, done.map(drop)).await
}

/// Shows the code once: the page is the answer, and no address leads to it again.
async fn invite(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    match staff::invite(&app, by, id).await {
        Ok(made) => {
            let card = InvitationCard {
                code: made.code.grouped(),
                address: format!("{}/welcome", app.settings.public_url),
                expires_at: made.expires_at.rfc3339(),
                sent_to: made.sent_to,
                login: made.login,
            };
            order_page(&app, visit, id, Some(card), (StatusCode::OK, Problems::none())).await
        }
        Err(error) => after(&app, visit, id, Err(error)).await,
    }
}

/// The order again after something was done, or with what was refused.
async fn after(app: &App, visit: Visit, id: StaffOrderId, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(to_order(id)),
        Err(error) => {
            let said = shown_beside(error)?;
            order_page(app, visit, id, None, said).await
        }
    }
}

fn to_order(id: StaffOrderId) -> Response {
    Redirect::to(&format!("/staff/orders/{id}")).into_response()
}

fn wanted(form: &NewOrderForm) -> Result<Wanted> {
    let (account, roles) = (form.account.clone(), form.roles.clone());
    let kind = StaffOrderKind::from_name(&form.kind).ok_or_else(RequestError::not_found)?;
    Ok(match kind {
        StaffOrderKind::Open => Wanted::Open(Person {
            login: form.login.clone(),
            full_name: form.full_name.clone(),
            personal_number: form.personal_number.clone(),
            phone: form.phone.clone(),
            unit: form.unit.clone(),
            roles,
        }),
        StaffOrderKind::Grant => Wanted::Grant { account, roles },
        StaffOrderKind::Move => Wanted::Move { account, unit: form.unit.clone() },
        StaffOrderKind::Recover => Wanted::Recover { account, phone: form.phone.clone() },
        StaffOrderKind::Enable => Wanted::Enable { account },
        StaffOrderKind::Erase => Wanted::Erase { account },
    })
}

async fn list_page(
    app: &App,
    visit: Visit,
    query: ListQuery,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let before = before.ok_or_else(RequestError::not_found)?;
    let (accounts, next) = staff::accounts(app, after).await?;
    let (orders, next_orders) = staff::orders(app, by, before).await?;
    let page = StaffPage {
        accounts,
        orders,
        next: next.map(|next| format!("/staff?after={}_{}", next.at.0, next.id)),
        next_orders: next_orders.map(|next| format!("/staff?before={}_{}", next.at.0, next.id)),
        may_enter: staff::may_enter(by),
        reader: by.login.clone(),
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

fn new_page(visit: Visit, form: NewOrderForm, (status, problems): (StatusCode, Problems)) -> Response {
    let form = NewOrderForm { idempotency_key: idempotency::fresh_key(), ..form };
    html(status, NewOrderPage { frame: visit.frame, form, problems }.html())
}

async fn order_page(
    app: &App,
    visit: Visit,
    id: StaffOrderId,
    invitation: Option<InvitationCard>,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let order = staff::one(app, visit.required()?, id).await?;
    Ok(html(status, OrderPage { frame: visit.frame, order, invitation, problems }.html()))
}
