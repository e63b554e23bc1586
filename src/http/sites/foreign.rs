//! `/foreign-certificates`: registering a certificate of another authority on a page, with the token at the reader's computer, and deciding on those
//! whose name is another.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::passkey::Given,
    app::App,
    error::{InternalError, RequestError, Result},
    foreign::{self, ChallengeView, Offer, Proof},
    http::{
        Route,
        api::{
            documents::SIGNERS,
            foreign_certificates::{DECIDE, SEE, read},
            requests::read_cursor,
        },
        bridge,
        pages::{
            Problems,
            foreign::{ForeignForm, ForeignPage, OfferPage, ProofPage, WaitingPage},
            html,
            own::content_security_policy,
        },
        upload,
    },
    rates::Kind,
};
use axum::{
    extract::{Path, Query, Request, State, multipart::Field},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chuky_model::{
    id::ForeignCertificateId,
    record::{Cursor, state::ForeignCertificateState},
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/foreign-certificates", DECIDE, get(waiting)),
        Route::new(Method::GET, "/foreign-certificates/new", SIGNERS, get(begin)),
        Route::new(Method::POST, "/foreign-certificates/challenges", SIGNERS, post(ask)),
        Route::new(Method::POST, "/foreign-certificates", SIGNERS, post(register)),
        Route::new(Method::GET, "/foreign-certificates/{id}", SEE, get(show)),
        Route::new(Method::POST, "/foreign-certificates/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/foreign-certificates/{id}/refuse", DECIDE, post(refuse)),
        Route::new(Method::POST, "/foreign-certificates/{id}/remove", SEE, post(remove)),
        Route::new(Method::POST, "/foreign-certificates/{id}/check", SEE, post(check)),
    ]
}

/// Where the bridge listens, where it is not the usual port, and where a list begins.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ForeignQuery {
    port: Option<u16>,
    after: Option<String>,
}

async fn begin(visit: Visit, Query(query): Query<ForeignQuery>) -> Response {
    offer_page(visit, port(query.port), (StatusCode::OK, Problems::none()))
}

fn offer_page(visit: Visit, port: u16, (status, problems): (StatusCode, Problems)) -> Response {
    html(status, OfferPage { frame: visit.frame, port, problems }.html())
}

async fn ask(State(app): State<App>, visit: Visit, request: Request) -> Result<Response> {
    let mut port = bridge::PORT;
    match challenge(&app, &visit, request, &mut port).await {
        Ok(challenge) => proof_page(&app, visit, (challenge, port), (StatusCode::OK, Problems::none())),
        Err(error) => Ok(offer_page(visit, port, shown_beside(error)?)),
    }
}

/// Reads the files of the form and judges the certificate.
async fn challenge(app: &App, visit: &Visit, request: Request, from: &mut u16) -> Result<ChallengeView> {
    if !upload::is_form(request.headers()) {
        return Err(missing().into());
    }
    let mut form = upload::form(request).await?;
    let (mut token, mut offer) = (String::new(), Offer::default());
    while let Some(mut field) = upload::next_field(&mut form).await? {
        match field.name().unwrap_or_default() {
            "csrf" => token = String::from_utf8_lossy(&taken(&mut field).await?).into_owned(),
            "port" => *from = port(String::from_utf8_lossy(&taken(&mut field).await?).parse().ok()),
            "certificate" => offer.certificate = taken(&mut field).await?,
            "chain" if offer.chain.len() < MOST_FILES => {
                let file = taken(&mut field).await?;
                offer.chain.extend(Some(file).filter(|file| !file.is_empty()));
            }
            _ => {}
        }
    }
    let by = visit.posting(&token)?;
    app.rates.take(Kind::Verify, &by.account.to_string(), app.clock.steady())?;
    if offer.certificate.is_empty() {
        return Err(missing().into());
    }
    foreign::ask(app, by, offer).await
}

async fn taken(field: &mut Field<'_>) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| upload::cut_short())? {
        if octets.len().saturating_add(piece.len()) > LARGEST_FILE {
            return Err(too_large().into());
        }
        octets.extend_from_slice(&piece);
    }
    Ok(octets)
}

fn proof_page(
    app: &App,
    visit: Visit,
    (challenge, port): (ChallengeView, u16),
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let shown = serde_json::to_vec(&challenge).map_err(|error| InternalError::other(error.to_string()))?;
    let page = ProofPage {
        frame: visit.frame,
        challenge,
        shown: BASE64_URL_SAFE_NO_PAD.encode(shown),
        site: app.settings.public_url.trim_end_matches('/').to_owned(),
        port,
        problems,
    };
    let mut answer = html(status, page.html());
    let policy = HeaderValue::from_str(&content_security_policy(port))
        .map_err(|_| InternalError::other("the policy of a page cannot be written"))?;
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(answer)
}

async fn register(State(app): State<App>, visit: Visit, PageForm(form): PageForm<ForeignForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    app.rates.take(Kind::Verify, &by.account.to_string(), app.clock.steady())?;
    let scheme = serde_json::from_value(serde_json::Value::String(form.scheme.clone())).ok();
    let proof = Proof { challenge: form.challenge.clone(), value: form.value.clone(), scheme };
    match foreign::register(&app, by, &proof).await {
        Ok(view) if view.state == ForeignCertificateState::Waiting => {
            Ok(Redirect::to("/certificates?done=foreign_waiting").into_response())
        }
        Ok(_) => Ok(Redirect::to("/certificates?done=foreign").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            let port = port(form.port);
            // What was shown is the reader's own copy: it opens nothing that the challenge itself does not.
            let shown = BASE64_URL_SAFE_NO_PAD.decode(&form.shown).ok();
            match shown.and_then(|shown| serde_json::from_slice(&shown).ok()) {
                Some(challenge) => proof_page(&app, visit, (challenge, port), said),
                None => Ok(offer_page(visit, port, said)),
            }
        }
    }
}

async fn waiting(State(app): State<App>, visit: Visit, Query(query): Query<ForeignQuery>) -> Result<Response> {
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (cards, next) = foreign::waiting(&app, visit.required()?, after).await?;
    let next = next.map(|cursor| format!("/foreign-certificates?after={}_{}", cursor.at.0, cursor.id));
    Ok(html(StatusCode::OK, WaitingPage { frame: visit.frame, cards, next }.html()))
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    one_page(&app, visit, read(&id)?, (StatusCode::OK, Problems::none())).await
}

async fn one_page(
    app: &App,
    visit: Visit,
    id: ForeignCertificateId,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let card = foreign::one(app, visit.required()?, id).await?;
    Ok(html(status, ForeignPage { frame: visit.frame, card, problems }.html()))
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ForeignForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = async {
        let given = Given::of_form(&form.assertion)?;
        foreign::approve(&app, by, id, &form.content_digest, given.as_ref()).await
    };
    let done = done.await;
    after(&app, visit, id, done.map(drop)).await
}

async fn refuse(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ForeignForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = foreign::refuse(&app, by, id, &form.reason).await;
    after(&app, visit, id, done.map(drop)).await
}

async fn remove(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ForeignForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = foreign::remove(&app, by, id).await;
    after(&app, visit, id, done.map(drop)).await
}

async fn check(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ForeignForm>,
) -> Result<Response> {
    let (by, id) = (visit.posting(&form.csrf)?, read(&id)?);
    app.rates.take(Kind::Verify, &by.account.to_string(), app.clock.steady())?;
    let done = foreign::check_again(&app, by, id).await;
    after(&app, visit, id, done.map(drop)).await
}

/// The certificate again after something was done, or with what was refused.
async fn after(app: &App, visit: Visit, id: ForeignCertificateId, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/foreign-certificates/{id}")).into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            one_page(app, visit, id, said).await
        }
    }
}

fn port(asked: Option<u16>) -> u16 {
    asked.filter(|port| *port > 0).unwrap_or(bridge::PORT)
}

fn missing() -> RequestError {
    RequestError::invalid("certificate", "file_missing", "Hãy chọn tệp chứng thư.", "Choose the certificate's file.")
}

fn too_large() -> RequestError {
    RequestError::invalid(
        "certificate",
        "certificate_unreadable",
        "Tệp quá lớn: một chứng thư chỉ vài kilobyte. Hãy chọn tệp PEM, CRT hoặc CER.",
        "The file is too large: a certificate has a few kilobytes. Choose a PEM, CRT or CER file.",
    )
}

/// Octets of one file.
const LARGEST_FILE: usize = 64 << 10;
/// Files of issuers.
const MOST_FILES: usize = 8;
