//! `/booth`: from the card to the finished certificate, one step at a time. Where a request stands is read from its row each time.

use super::{
    PageForm, Visit,
    requests::{code_card, read_id, shown_beside},
};
use crate::{
    accounts::Principal,
    app::App,
    error::Result,
    http::{
        Access, Route,
        api::idempotency,
        pages::{
            Problems,
            booth::{
                ApprovalStep, BoothPage, BoothStep, CardForm, CodeStep, CompareStep, ConfirmForm, EndStep, EnterStep,
                QueueRow,
            },
            certificate::{CodeCard, card_rows},
            html, with_camera,
        },
    },
    registration::{self, Details, Road},
    units,
};
use axum::{
    extract::{Path, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{
    card::Card,
    id::RequestId,
    request::{Hierarchy, RequestState},
    role::Role,
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    const BOOTH: Access = Access::Roles(&[Role::Operator]);
    vec![
        Route::new(Method::GET, "/booth", BOOTH, get(enter)),
        Route::new(Method::POST, "/booth/card", BOOTH, post(read_card)),
        Route::new(Method::POST, "/booth/requests", BOOTH, post(submit)),
        Route::new(Method::GET, "/booth/requests/{id}", BOOTH, get(show)),
        Route::new(Method::POST, "/booth/requests/{id}/withdraw", BOOTH, post(withdraw)),
        Route::new(Method::POST, "/booth/requests/{id}/code", BOOTH, post(new_code)),
    ]
}

async fn enter(State(app): State<App>, visit: Visit) -> Result<Response> {
    page(&app, visit, StatusCode::OK, BoothStep::Enter(Box::default())).await
}

async fn read_card(State(app): State<App>, visit: Visit, PageForm(form): PageForm<CardForm>) -> Result<Response> {
    visit.posting(&form.csrf)?;
    let card_text = form.as_card_text();
    match Card::parse(&card_text, today(&app)) {
        Ok(card) => {
            let details = Details::from_card(&card);
            let form = ConfirmForm {
                idempotency_key: idempotency::fresh_key(),
                card_text,
                province: details.province,
                locality: details.locality,
                ..ConfirmForm::default()
            };
            let rows = card_rows(&card, &visit.frame);
            let notices = card.notices.clone();
            let step = BoothStep::Compare(Box::new(CompareStep { rows, notices, form, problems: Problems::none() }));
            page(&app, visit, StatusCode::OK, step).await
        }
        Err(error) => {
            let problems = form.problems(&error);
            let step = BoothStep::Enter(Box::new(EnterStep { form, problems }));
            page(&app, visit, StatusCode::UNPROCESSABLE_ENTITY, step).await
        }
    }
}

async fn submit(State(app): State<App>, visit: Visit, PageForm(form): PageForm<ConfirmForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let card = match Card::parse(&form.card_text, today(&app)) {
        Ok(card) => card,
        Err(error) => {
            let form = CardForm { card_text: form.card_text, ..CardForm::default() };
            let problems = form.problems(&error);
            let step = BoothStep::Enter(Box::new(EnterStep { form, problems }));
            return page(&app, visit, StatusCode::UNPROCESSABLE_ENTITY, step).await;
        }
    };
    let mut problems = Problems::none();
    for (field, compared) in [("card_compared", form.card_compared), ("face_compared", form.face_compared)] {
        if !compared {
            problems = problems.and(field, "problem-compare-first");
        }
    }
    let (rows, notices) = (card_rows(&card, &visit.frame), card.notices.clone());
    if !problems.is_empty() {
        let step = BoothStep::Compare(Box::new(CompareStep { rows, notices, form, problems }));
        return page(&app, visit, StatusCode::UNPROCESSABLE_ENTITY, step).await;
    }
    match entered(&app, by, &card, &form).await {
        Ok(id) => Ok(Redirect::to(&format!("/booth/requests/{id}")).into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            let step = BoothStep::Compare(Box::new(CompareStep { rows, notices, form, problems }));
            page(&app, visit, status, step).await
        }
    }
}

/// The request that a card and what was said beside it become; once for each idempotency key, by whichever way it comes.
pub(super) async fn entered(app: &App, by: &Principal, card: &Card, form: &ConfirmForm) -> Result<RequestId> {
    let (province, locality) = (form.province.clone(), form.locality.clone());
    let details = Details { province, locality, phone: form.phone.clone(), ..Details::from_card(card) };
    let body = serde_json::to_vec(&(&details, &form.identity_ground)).unwrap_or_default();
    let ground = form.identity_ground.clone();
    let flow = async move |app: App, by: Principal| {
        let unit = units::own_code(&app, &by).await?;
        Ok(registration::submit(&app, &by, Hierarchy::Citizens, &unit, details, &ground).await?.id)
    };
    idempotency::once_on_page(app, by, "POST /booth/requests", (&form.idempotency_key, &body), flow).await
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    let road = registration::road(&app, visit.required()?, read_id(&id)?).await?;
    page(&app, visit, StatusCode::OK, step(road, None)).await
}

/// The day it is in Vietnam.
pub(super) fn today(app: &App) -> time::Date {
    app.clock.now().in_vietnam().map_or(time::Date::MIN, |moment| moment.date())
}

/// A form without fields of its own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ButtonForm {
    csrf: String,
}

async fn withdraw(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ButtonForm>,
) -> Result<Response> {
    let id = read_id(&id)?;
    registration::withdraw(&app, visit.posting(&form.csrf)?, id).await?;
    Ok(Redirect::to("/booth").into_response())
}

async fn new_code(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ButtonForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read_id(&id)?);
    let card = code_card(&app, registration::make_code(&app, by, id).await?);
    let road = registration::road(&app, by, id).await?;
    page(&app, visit, StatusCode::OK, step(road, Some(card))).await
}

/// The step that a request has reached.
fn step(road: Road, code: Option<CodeCard>) -> BoothStep {
    let (request, name, state) = (road.view.id, road.view.full_name, road.view.state);
    match state {
        RequestState::Submitted => BoothStep::Approval(ApprovalStep { request, name }),
        RequestState::Approved | RequestState::Issuing => {
            let opened = state == RequestState::Issuing;
            BoothStep::Code(Box::new(CodeStep { request, name, code, opened }))
        }
        RequestState::Issued | RequestState::Rejected | RequestState::Expired => {
            BoothStep::End(EndStep { name, state, serial: road.serial, reason: road.view.rejection_reason })
        }
    }
}

async fn page(app: &App, visit: Visit, status: StatusCode, step: BoothStep) -> Result<Response> {
    let booth = registration::booth(app, visit.required()?).await?;
    let queue = booth.queue.into_iter().map(|(view, entered)| QueueRow {
        request: view.id,
        name: view.full_name,
        state: view.state,
        entered,
    });
    let reads_cards = matches!(step, BoothStep::Enter(_));
    let page = BoothPage {
        issued_today: booth.issued_today,
        entered_today: booth.entered_today,
        queue: queue.collect(),
        step,
        frame: visit.frame,
    };
    let answer = html(status, page.html());
    Ok(if reads_cards { with_camera(answer) } else { answer })
}
