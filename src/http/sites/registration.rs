//! `/registration`: the list, entering an official, and one request with its decision.

use super::{
    PageForm, Visit,
    requests::{code_card, content, papers, read_id, shown_beside},
};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Route,
        api::{idempotency, requests::read_cursor},
        pages::{
            Problems,
            certificate::CodeCard,
            form::iso_date,
            html,
            registration::{
                Decision, DecisionForm, OfficialForm, OfficialPage, RegistrationPage, RequestPage, RequestRow,
            },
        },
    },
    registration::{self, Beside, Details, Listed, RequestView},
    units,
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{
    card,
    id::RequestId,
    request::{Hierarchy, RequestState, SubjectKind},
    role::Role,
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    const SEE: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::Approver, Role::SecurityOfficer]);
    const ENTER: Access = Access::Roles(&[Role::Registrar]);
    const DECIDE: Access = Access::Roles(&[Role::Approver, Role::SecurityOfficer]);
    vec![
        Route::new(Method::GET, "/registration", SEE, get(list)),
        Route::new(Method::GET, "/registration/new", ENTER, get(form)),
        Route::new(Method::POST, "/registration/new", ENTER, post(submit)),
        Route::new(Method::GET, "/registration/{id}", SEE, get(show)),
        Route::new(Method::POST, "/registration/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/registration/{id}/reject", DECIDE, post(reject)),
        Route::new(Method::POST, "/registration/{id}/code", SEE, post(new_code)),
    ]
}

/// What to list.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    state: Option<String>,
    after: Option<String>,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    let by = visit.required()?;
    let filter = query.state.as_deref().map(|name| RequestState::from_name(name).ok_or_else(RequestError::not_found));
    let filter = filter.transpose()?;
    let place = query.after.as_deref().map(|text| read_cursor(text).ok_or_else(RequestError::not_found)).transpose()?;
    let (listed, next) = registration::list_all(&app, by, filter, place).await?;
    let next = next.map(|cursor| {
        let state = filter.map(|state| format!("state={}&", state.name())).unwrap_or_default();
        format!("/registration?{state}after={}_{}", cursor.at.0, cursor.id)
    });
    let rows = listed.into_iter().map(|listed| row(by, listed)).collect();
    let may_enter = by.has(Role::Registrar);
    Ok(html(StatusCode::OK, RegistrationPage { frame: visit.frame, filter, rows, next, may_enter }.html()))
}

fn row(by: &Principal, Listed { view, entered, entered_by }: Listed) -> RequestRow {
    let decidable = decision(by, &view) == Decision::Offered;
    let place = if view.organization.is_empty() { view.locality } else { view.organization };
    RequestRow { request: view.id, name: view.common_name, place, state: view.state, entered_by, entered, decidable }
}

fn decision(by: &Principal, view: &RequestView) -> Decision {
    match view.state {
        RequestState::Submitted if view.entered_by == by.account => Decision::OwnEntry,
        RequestState::Submitted if by.has(registration::deciding(view.kind)) => Decision::Offered,
        RequestState::Submitted => Decision::NotApprover,
        _ => Decision::Made,
    }
}

/// What is to be entered.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FormQuery {
    kind: String,
}

async fn form(visit: Visit, Query(query): Query<FormQuery>) -> Result<Response> {
    let form = OfficialForm { idempotency_key: idempotency::fresh_key(), kind: query.kind, ..OfficialForm::default() };
    form.subject_kind().ok_or_else(RequestError::not_found)?;
    Ok(html(StatusCode::OK, OfficialPage { frame: visit.frame, form, problems: Problems::none() }.html()))
}

async fn submit(State(app): State<App>, visit: Visit, PageForm(form): PageForm<OfficialForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let entered = async {
        let details = details(&form)?;
        let hierarchy = match details.kind {
            SubjectKind::PaymentProvider => Hierarchy::Citizens,
            _ => Hierarchy::Officials,
        };
        let body = serde_json::to_vec(&(&details, &form.identity_ground)).unwrap_or_default();
        let beside = Beside { identity_ground: form.identity_ground.clone(), card_issued: None };
        let flow = async move |app: App, by: Principal| {
            let unit = units::own_code(&app, &by).await?;
            let view = registration::submit(&app, &by, hierarchy, &unit, details, &beside).await?;
            Ok(view.id)
        };
        idempotency::once_on_page(&app, by, "POST /registration/new", (&form.idempotency_key, &body), flow).await
    };
    match entered.await {
        Ok(id) => Ok(Redirect::to(&format!("/registration/{id}")).into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            Ok(html(status, OfficialPage { frame: visit.frame, form, problems }.html()))
        }
    }
}

fn details(form: &OfficialForm) -> Result<Details> {
    let digits: String = form.personal_number.chars().filter(|letter| !letter.is_whitespace()).collect();
    let personal_number = card::number_of(&digits).map_err(|error| {
        let said = error.said();
        RequestError::invalid("personal_number", "personal_number_form", said.vi, said.en)
    })?;
    Ok(Details {
        full_name: form.full_name.clone(),
        birth_date: iso_date(&form.birth_date),
        sex: personal_number.sex(),
        personal_number,
        province: form.province.clone(),
        locality: form.locality.clone(),
        organization: form.organization.clone(),
        organizational_unit: form.organizational_unit.clone(),
        title: form.title.clone(),
        phone: form.phone.clone(),
        mail: form.mail.clone(),
        by_sheet: false,
        kind: form.subject_kind().ok_or_else(RequestError::not_found)?,
        subject_name: form.subject_name.clone(),
        tax_code: form.tax_code.clone(),
        device_serial: form.device_serial.clone(),
        replaces: None,
        identity: None,
    })
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    page(&app, visit, read_id(&id)?, StatusCode::OK, None, Problems::none()).await
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let id = read_id(&id)?;
    let by = visit.posting(&form.csrf)?;
    let approved = async {
        let given = Given::of_form(&form.assertion)?;
        registration::approve(&app, by, id, &form.content_digest, given.as_ref()).await
    };
    match approved.await {
        Ok(_) => page(&app, visit, id, StatusCode::OK, None, Problems::none()).await,
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            page(&app, visit, id, status, None, problems).await
        }
    }
}

async fn reject(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let id = read_id(&id)?;
    match registration::reject(&app, visit.posting(&form.csrf)?, id, &form.reason).await {
        Ok(_) => Ok(Redirect::to(&format!("/registration/{id}")).into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            page(&app, visit, id, status, None, problems).await
        }
    }
}

async fn new_code(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<DecisionForm>,
) -> Result<Response> {
    let id = read_id(&id)?;
    match registration::make_code(&app, visit.posting(&form.csrf)?, id).await {
        Ok(made) => {
            let code = code_card(&app, made);
            page(&app, visit, id, StatusCode::OK, Some(code), Problems::none()).await
        }
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            page(&app, visit, id, status, None, problems).await
        }
    }
}

async fn page(
    app: &App,
    visit: Visit,
    id: RequestId,
    status: StatusCode,
    code: Option<CodeCard>,
    problems: Problems,
) -> Result<Response> {
    let by = visit.required()?;
    let road = registration::road(app, by, id).await?;
    let page = RequestPage {
        request: id,
        state: road.view.state,
        content: content(app, &road.view).await?,
        content_digest: road.view.content_digest.clone(),
        papers: papers(&road.view),
        contact: road.view.contact.clone(),
        identity: road.view.identity_check.clone(),
        entered_by: road.entered_by,
        entered: road.entered,
        decided: road.decided,
        rejection: road.view.rejection_reason.clone(),
        decision: match decision(by, &road.view) {
            Decision::Offered if registration::is_concerned(app, by, id).await? => Decision::OwnEntry,
            decision => decision,
        },
        modifiable: road.serial.filter(|_| by.has(registration::entering(road.view.hierarchy, road.view.kind))),
        code,
        may_make_code: road.view.state == RequestState::Approved && registration::may_make_code(app, by, id).await?,
        has_form: registration::forms::may_fill(by, &road.view),
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}
