//! `/revocations`: orders to revoke a list of certificates.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Route,
        api::{
            certificates::moment,
            idempotency,
            requests::read_cursor,
            revocation_orders::{DECIDE, ENTER, SEE, read},
        },
        pages::{
            Frame, Problems, html,
            revocations::{NewOrderPage, OrderCard, OrderDecisionForm, OrderForm, OrderPage, OrderRow, OrdersPage},
        },
    },
    issuance::revocation::{self, ListOutcome, Listed, OrderLine, OrderView, Wanted},
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{
    record::Cursor,
    request::{Hierarchy, SubjectKind},
};
use serde::{Deserialize, de::DeserializeOwned};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/revocations", SEE, get(list)),
        Route::new(Method::GET, "/revocations/new", ENTER, get(form)),
        Route::new(Method::POST, "/revocations/preview", ENTER, post(preview)),
        Route::new(Method::POST, "/revocations", ENTER, post(enter)),
        Route::new(Method::GET, "/revocations/{id}", SEE, get(show)),
        Route::new(Method::POST, "/revocations/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/revocations/{id}/reject", DECIDE, post(reject)),
    ]
}

/// Where a page of orders or of certificates begins.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PageQuery {
    before: Option<String>,
    from: i64,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<PageQuery>) -> Result<Response> {
    let by = visit.required()?;
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let (orders, next) = revocation::list(&app, by, before.ok_or_else(RequestError::not_found)?).await?;
    let page = OrdersPage {
        orders: orders.into_iter().map(card).collect::<Result<_>>()?,
        next: next.map(|next| format!("/revocations?before={}_{}", next.at.0, next.id)),
        may_enter: ENTER.admits(Some(&by.roles)),
        frame: visit.frame,
    };
    Ok(html(StatusCode::OK, page.html()))
}

async fn form(visit: Visit) -> Response {
    new_page(visit, OrderForm::default(), None, (StatusCode::OK, Problems::none()))
}

async fn preview(State(app): State<App>, visit: Visit, PageForm(form): PageForm<OrderForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let proposed = async { revocation::propose(&app, by, wanted(&form)?).await };
    match proposed.await {
        Ok(proposed) => {
            let rows = proposed.certificates.into_iter().map(|one| proposed_row(&visit.frame, one)).collect();
            let form = OrderForm {
                idempotency_key: idempotency::fresh_key(),
                content_digest: proposed.content_digest,
                ..form
            };
            Ok(new_page(visit, form, Some((rows, proposed.size)), (StatusCode::OK, Problems::none())))
        }
        Err(error) => {
            let said = shown_beside(error)?;
            Ok(new_page(visit, form, None, said))
        }
    }
}

async fn enter(State(app): State<App>, visit: Visit, PageForm(form): PageForm<OrderForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let entered = async {
        let wanted = wanted(&form)?;
        let digest = form.content_digest.clone();
        let flow = async move |app: App, by: Principal| Ok(revocation::enter(&app, &by, wanted, &digest).await?.id);
        let key = (form.idempotency_key.as_str(), form.content_digest.as_bytes());
        idempotency::once_on_page(&app, by, "POST /revocations", key, flow).await
    };
    match entered.await {
        Ok(id) => Ok(Redirect::to(&format!("/revocations/{id}")).into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            Ok(new_page(visit, form, None, said))
        }
    }
}

async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    page(&app, visit, &id, query.from, (StatusCode::OK, Problems::none())).await
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<OrderDecisionForm>,
) -> Result<Response> {
    decide(&app, visit, &id, &form, true).await
}

async fn reject(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<OrderDecisionForm>,
) -> Result<Response> {
    decide(&app, visit, &id, &form, false).await
}

async fn decide(app: &App, visit: Visit, id: &str, form: &OrderDecisionForm, approved: bool) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let decision = if approved { Ok(form.content_digest.as_str()) } else { Err(form.reason.as_str()) };
    let given = if approved { form.assertion.as_str() } else { "" };
    let decided = async {
        let given = Given::of_form(given)?;
        revocation::decide(app, by, read(id)?, decision, given.as_ref()).await
    };
    match decided.await {
        Ok(order) => Ok(Redirect::to(&format!("/revocations/{}", order.id)).into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(app, visit, id, 0, said).await
        }
    }
}

async fn page(
    app: &App,
    visit: Visit,
    id: &str,
    from: i64,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let order = revocation::order(app, visit.required()?, read(id)?, from).await?;
    let has_form = order.lines.iter().any(|line| line.hierarchy == Hierarchy::Officials);
    let rows = order.lines.into_iter().map(|line| row(&visit.frame, line)).collect();
    let next = order.next.map(|next| format!("/revocations/{}?from={next}", order.order.id));
    let page = OrderPage { card: card(order.order)?, rows, has_form, next, problems, frame: visit.frame };
    Ok(html(status, page.html()))
}

fn new_page(
    visit: Visit,
    form: OrderForm,
    shown: Option<(Vec<OrderRow>, usize)>,
    (status, problems): (StatusCode, Problems),
) -> Response {
    html(status, NewOrderPage { frame: visit.frame, form, shown, problems }.html())
}

fn wanted(form: &OrderForm) -> Result<Wanted> {
    let listed = match (form.unit.trim(), Hierarchy::from_name(&form.hierarchy)) {
        (unit, Some(hierarchy)) if !unit.is_empty() && form.serials.trim().is_empty() => {
            Listed::Unit { hierarchy, unit: unit.to_owned(), kind: SubjectKind::from_name(&form.kind) }
        }
        ("", _) => Listed::Serials(revocation::serials_of(&form.serials)?),
        _ => {
            let (vi, en) = (
                "Hãy dán danh sách, hoặc ghi mã đơn vị cùng hệ chứng thư; không ghi cả hai.",
                "Paste a list, or name a unit with its hierarchy; not both.",
            );
            return Err(RequestError::invalid("unit", "list_unclear", vi, en).into());
        }
    };
    let since = form.invalid_since.trim();
    Ok(Wanted {
        listed,
        reason: named(&form.reason)?,
        invalid_since: moment((!since.is_empty()).then_some(since))?,
        ground: named(&form.ground)?,
    })
}

/// What an option of the form names.
fn named<T: DeserializeOwned>(name: &str) -> Result<T> {
    let read = serde_json::from_value(serde_json::Value::String(name.to_owned()));
    Ok(read.map_err(|_| RequestError::not_found())?)
}

fn proposed_row(frame: &Frame, one: ListOutcome) -> OrderRow {
    let outcome = match &one.detail {
        Some(detail) => frame.of(detail).to_owned(),
        None => frame.say("order-would-revoke"),
    };
    OrderRow { serial: one.serial, name: one.common_name, outcome, left_out: !one.changed }
}

fn row(frame: &Frame, line: OrderLine) -> OrderRow {
    let outcome = match line.outcome {
        Some(outcome) => frame.name_of("order-outcome", outcome.name()),
        None => frame.say("order-outcome-none"),
    };
    OrderRow { serial: line.serial, name: line.common_name, outcome, left_out: false }
}

fn card(order: OrderView) -> Result<OrderCard> {
    let reason =
        serde_json::to_value(order.reason).map_err(|error| crate::error::InternalError::other(error.to_string()))?;
    Ok(OrderCard {
        order: order.id,
        state: order.state.name(),
        reason: reason.as_str().unwrap_or_default().to_owned(),
        ground: order.ground,
        invalid_since: order.invalid_since,
        content_digest: order.content_digest,
        size: order.size,
        done: order.done,
        entered_by: order.entered_by,
        entered_at: order.entered_at,
        due_at: order.due_at,
        decided: order.decided_by.zip(order.decided_at),
        rejection: order.rejection_reason,
        finished_at: order.finished_at,
        decidable: order.decidable,
    })
}
