//! `/certificates`, a subscriber's own certificates, and `/hotline`, where staff suspend for somebody who calls. The number that was typed
//! is never part of an address.

use super::{
    PageForm, Visit,
    requests::{code_card, read_id, shown_beside},
};
use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    foreign,
    http::{
        Access, Route,
        api::{
            certificates::{HOLDER, HOLDER_OR_ENTERING},
            idempotency,
        },
        pages::{
            Problems,
            certificate::CodeCard,
            certificates::{Card, CertificatesPage, HotlineForm, HotlinePage, SuspendForm, SuspendPage, Waiting},
            html,
            registration::{ModifyPage, OfficialForm},
        },
    },
    issuance::{
        reminders,
        revocation::{self, CertificateView, Change, Ground, Question},
        status,
    },
    registration::{self, Changes, Details},
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{id::RequestId, instant::Instant, record::state::CertificateState, request::SubjectKind, role::Role};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    const STAFF: Access = Access::Roles(&[Role::Operator, Role::Registrar, Role::SecurityOfficer]);
    vec![
        Route::new(Method::GET, "/certificates", HOLDER, get(list)),
        Route::new(Method::GET, "/certificates/{serial}/suspend", HOLDER, get(confirmation)),
        Route::new(Method::POST, "/certificates/requests/{id}/code", HOLDER, post(code)),
        Route::new(Method::POST, "/certificates/{serial}/suspend", HOLDER, post(suspend)),
        Route::new(Method::POST, "/certificates/{serial}/renew", HOLDER, post(renew)),
        Route::new(Method::GET, "/certificates/{serial}/modify", HOLDER_OR_ENTERING, get(modification)),
        Route::new(Method::POST, "/certificates/{serial}/modify", HOLDER_OR_ENTERING, post(modify)),
        Route::new(Method::GET, "/hotline", STAFF, get(hotline)),
        Route::new(Method::POST, "/hotline", STAFF, post(find)),
        Route::new(Method::POST, "/hotline/suspend", STAFF, post(suspend_for_caller)),
    ]
}

/// What has just been done.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DoneQuery {
    done: String,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<DoneQuery>) -> Result<Response> {
    page(&app, visit, query.done, None, (StatusCode::OK, Problems::none())).await
}

async fn page(
    app: &App,
    visit: Visit,
    done: String,
    mut made: Option<(RequestId, CodeCard)>,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let views = revocation::own(app, by).await?;
    let waiting = registration::own(app, by).await?.into_iter().map(|view| {
        let code = made.take_if(|(id, _)| *id == view.id).map(|(_, code)| code);
        Waiting { request: view.id, name: view.common_name, state: view.state, code }
    });
    let waiting = waiting.collect();
    let untold = reminders::untold(app, by.account).await?;
    let mut cards = cards(app, views).await?;
    for card in &mut cards {
        card.untold = untold.contains(&card.serial);
    }
    let foreign = foreign::own(app, by).await?;
    Ok(html(status, CertificatesPage { frame: visit.frame, cards, foreign, waiting, done, problems }.html()))
}

/// The code of the reader's own request, for their own device.
async fn code(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<SuspendForm>,
) -> Result<Response> {
    let id = read_id(&id)?;
    match registration::make_code(&app, visit.posting(&form.csrf)?, id).await {
        Ok(made) => {
            let card = code_card(&app, made);
            page(&app, visit, String::new(), Some((id, card)), (StatusCode::OK, Problems::none())).await
        }
        Err(error) => {
            let said = shown_beside(error)?;
            page(&app, visit, String::new(), None, said).await
        }
    }
}

async fn confirmation(State(app): State<App>, visit: Visit, Path(serial): Path<String>) -> Result<Response> {
    let card = own_card(&app, visit.required()?, &serial).await?;
    Ok(html(StatusCode::OK, SuspendPage { frame: visit.frame, card, problems: Problems::none() }.html()))
}

async fn suspend(
    State(app): State<App>,
    visit: Visit,
    Path(serial): Path<String>,
    PageForm(form): PageForm<SuspendForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let card = own_card(&app, by, &serial).await?;
    match revocation::change(&app, by, &serial, Change::Suspend, ground(&form.ground)?).await {
        Ok(_) => Ok(Redirect::to("/certificates?done=suspended").into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            Ok(html(status, SuspendPage { frame: visit.frame, card, problems }.html()))
        }
    }
}

async fn renew(
    State(app): State<App>,
    visit: Visit,
    Path(serial): Path<String>,
    PageForm(form): PageForm<SuspendForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    match registration::renew(&app, by, &serial).await {
        Ok(_) => Ok(Redirect::to("/certificates?done=renewal").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(&app, visit, String::new(), None, said).await
        }
    }
}

async fn modification(State(app): State<App>, visit: Visit, Path(serial): Path<String>) -> Result<Response> {
    let details = registration::modifiable(&app, visit.required()?, &serial).await?;
    let citizen = details.organization.is_empty();
    let form = OfficialForm {
        csrf: String::new(),
        idempotency_key: idempotency::fresh_key(),
        kind: details.kind.name().to_owned(),
        subject_name: details.subject_name,
        tax_code: details.tax_code,
        device_serial: details.device_serial,
        full_name: details.full_name,
        personal_number: String::new(),
        birth_date: String::new(),
        title: details.title,
        organization: details.organization,
        organizational_unit: details.organizational_unit,
        locality: details.locality,
        province: details.province,
        phone: details.phone,
        mail: details.mail,
        identity_ground: String::new(),
    };
    Ok(html(StatusCode::OK, modify_page(visit, serial, (form, citizen), Problems::none()).html()))
}

fn modify_page(visit: Visit, serial: String, (form, citizen): (OfficialForm, bool), problems: Problems) -> ModifyPage {
    ModifyPage { frame: visit.frame, serial, form, citizen, problems }
}

async fn modify(
    State(app): State<App>,
    visit: Visit,
    Path(serial): Path<String>,
    PageForm(form): PageForm<OfficialForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let now = registration::modifiable(&app, by, &serial).await?;
    let citizen = now.organization.is_empty();
    let changes = changes(&form, &now);
    let body = format!("{serial}\n{changes:?}");
    let route = "POST /certificates/modify";
    let whose = serial.clone();
    let flow = async move |app: App, by: Principal| Ok(registration::modify(&app, &by, &whose, changes).await?.id);
    match idempotency::once_on_page(&app, by, route, (&form.idempotency_key, body.as_bytes()), flow).await {
        Ok(id) if by.has(Role::Operator) || by.has(Role::Registrar) => {
            Ok(Redirect::to(&format!("/registration/{id}")).into_response())
        }
        Ok(_) => Ok(Redirect::to("/certificates?done=modification").into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            Ok(html(status, modify_page(visit, serial, (form, citizen), problems).html()))
        }
    }
}

/// The fields of the form that the certificate's kind has.
fn changes(form: &OfficialForm, now: &Details) -> Changes {
    let person = now.kind == SubjectKind::Person;
    let citizen = person && now.organization.is_empty();
    let given = |shown: bool, value: &String| shown.then(|| value.clone());
    Changes {
        full_name: given(person, &form.full_name),
        title: given(person && !citizen, &form.title),
        organization: given(!citizen, &form.organization),
        organizational_unit: given(!citizen, &form.organizational_unit),
        subject_name: given(!person, &form.subject_name),
        tax_code: given(!person, &form.tax_code),
        device_serial: given(now.kind == SubjectKind::Device, &form.device_serial),
        locality: given(true, &form.locality),
        province: given(true, &form.province),
        phone: given(true, &form.phone),
        mail: given(true, &form.mail),
    }
}

async fn hotline(visit: Visit, Query(query): Query<DoneQuery>) -> Result<Response> {
    let done = query.done == "suspended";
    Ok(hotline_page(visit, HotlineForm::default(), (Vec::new(), done), (StatusCode::OK, Problems::none())))
}

async fn find(State(app): State<App>, visit: Visit, PageForm(form): PageForm<HotlineForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    match revocation::of_caller(&app, by, &form.whom).await {
        Ok(views) => {
            let cards = cards(&app, views).await?;
            Ok(hotline_page(visit, form, (cards, false), (StatusCode::OK, Problems::none())))
        }
        Err(error) => Ok(hotline_page(visit, form, (Vec::new(), false), shown_beside(error)?)),
    }
}

async fn suspend_for_caller(
    State(app): State<App>,
    visit: Visit,
    PageForm(form): PageForm<HotlineForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let suspended = revocation::suspend_for_caller(&app, by, &form.serial, ground(&form.ground)?, asked(&form)).await;
    match suspended {
        Ok(_) => Ok(Redirect::to("/hotline?done=suspended").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            let views = revocation::of_caller(&app, by, &form.serial).await?;
            let cards = cards(&app, views).await?;
            Ok(hotline_page(visit, form, (cards, false), said))
        }
    }
}

fn hotline_page(
    visit: Visit,
    form: HotlineForm,
    (cards, done): (Vec<Card>, bool),
    (status, problems): (StatusCode, Problems),
) -> Response {
    html(status, HotlinePage { frame: visit.frame, form, cards, done, problems }.html())
}

async fn own_card(app: &App, by: &Principal, serial: &str) -> Result<Card> {
    let mut views = revocation::own(app, by).await?;
    views.retain(|view| view.serial.eq_ignore_ascii_case(serial));
    Ok(cards(app, views).await?.pop().ok_or_else(RequestError::not_found)?)
}

async fn cards(app: &App, views: Vec<CertificateView>) -> Result<Vec<Card>> {
    let revoked = status::revoked_issuers(app).await?;
    let told = |view: CertificateView| {
        let issuer_revoked = revoked.contains(&view.issuer);
        Card { issuer_revoked, ..card(app, view) }
    };
    Ok(views.into_iter().map(told).collect())
}

fn card(app: &App, view: CertificateView) -> Card {
    let now = app.clock.now();
    let end = Instant::parse_rfc3339(&view.not_after).unwrap_or(now);
    let opens = end.plus_seconds(-app.settings.authority.renewal_days.saturating_mul(86_400));
    let good = view.state == CertificateState::Issued && end > now;
    Card {
        serial: view.serial,
        holder: view.common_name,
        issuer: view.issuer,
        state: view.state,
        not_before: view.not_before,
        not_after: view.not_after,
        revoked_at: view.revoked_at,
        expired: end <= now,
        renewable: good && now >= opens,
        untold: false,
        issuer_revoked: false,
    }
}

/// The ground by its name in the audit log; the subscriber's wish where none was chosen.
fn ground(name: &str) -> Result<Ground> {
    if name.is_empty() {
        return Ok(Ground::default());
    }
    let read = serde_json::from_value(serde_json::Value::String(name.to_owned()));
    Ok(read.map_err(|_| RequestError::not_found())?)
}

fn asked(form: &HotlineForm) -> Vec<Question> {
    let answers = [
        &form.asked_birth_date,
        &form.asked_address,
        &form.asked_agency,
        &form.asked_last_signing,
        &form.asked_called_back,
    ];
    Question::ALL
        .into_iter()
        .zip(answers)
        .filter(|(_, answer)| answer.is_some())
        .map(|(question, _)| question)
        .collect()
}
