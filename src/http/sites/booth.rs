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
    registration::{
        self, Beside, Details, Road,
        admission::{check_scanned, earlier_certificates},
    },
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
    match Card::parse(&card_text, registration::today(&app)) {
        Ok(card) => {
            if let Err(error) = check_scanned(&app, &card) {
                // Said of the card as a whole: nothing of it is to be typed otherwise.
                let (status, problems) = shown_beside(error)?;
                let step = BoothStep::Enter(Box::new(EnterStep { form, problems: problems.among(&[]) }));
                return page(&app, visit, status, step).await;
            }
            let details = Details::from_card(&card);
            let form = ConfirmForm {
                idempotency_key: idempotency::fresh_key(),
                card_text,
                province: details.province,
                locality: details.locality,
                ..ConfirmForm::default()
            };
            let step = compare(&app, &visit, &card, form, Problems::none()).await?;
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
    let card = match Card::parse(&form.card_text, registration::today(&app)) {
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
    if !problems.is_empty() {
        let step = compare(&app, &visit, &card, form, problems).await?;
        return page(&app, visit, StatusCode::UNPROCESSABLE_ENTITY, step).await;
    }
    match entered(&app, by, &card, &form).await {
        Ok(id) => Ok(Redirect::to(&format!("/booth/requests/{id}")).into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            let step = compare(&app, &visit, &card, form, problems.among(COMPARED)).await?;
            page(&app, visit, status, step).await
        }
    }
}

/// The second step: the card as it was read, with what is known of its holder's certificates.
async fn compare(app: &App, visit: &Visit, card: &Card, form: ConfirmForm, problems: Problems) -> Result<BoothStep> {
    let earlier = earlier_certificates(app, visit.required()?, Hierarchy::Citizens, &card.number).await?;
    let (rows, notices) = (card_rows(card, &visit.frame), card.notices.clone());
    Ok(BoothStep::Compare(Box::new(CompareStep { rows, notices, earlier, form, problems })))
}

/// The request that a card and what was said beside it become; once for each idempotency key, by whichever way it comes.
pub(super) async fn entered(app: &App, by: &Principal, card: &Card, form: &ConfirmForm) -> Result<RequestId> {
    let (province, locality) = (form.province.clone(), form.locality.clone());
    let details = Details { province, locality, phone: form.phone.clone(), ..Details::from_card(card) };
    let body = serde_json::to_vec(&(&details, &form.identity_ground)).unwrap_or_default();
    let beside = Beside { identity_ground: form.identity_ground.clone(), card_issued: card.issued };
    let flow = async move |app: App, by: Principal| {
        let unit = units::own_code(&app, &by).await?;
        Ok(registration::submit(&app, &by, Hierarchy::Citizens, &unit, details, &beside).await?.id)
    };
    idempotency::once_on_page(app, by, "POST /booth/requests", (&form.idempotency_key, &body), flow).await
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    let road = registration::road(&app, visit.required()?, read_id(&id)?).await?;
    page(&app, visit, StatusCode::OK, step(road, None)).await
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

/// Fields of the second step beside which something can be said.
const COMPARED: &[&str] = &["card_compared", "face_compared", "locality", "province", "phone", "identity_ground"];
