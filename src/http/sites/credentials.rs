//! `/credentials`: a subscriber's own signatures, the change of a PIN, and what applications may do. The PINs of a form go into the flow and nowhere else: what was
//! wrong is said on the form again, with every field of a PIN empty.

use super::{PageForm, Visit};
use crate::{
    accounts::Principal,
    app::App,
    approvals,
    custody::{self, Pin, Signer},
    error::{Error, RequestError, Result},
    http::{
        Remote, Route,
        api::{credentials::with_pin, documents::SIGNERS, idempotency},
        pages::{
            Problems,
            credentials::{CredentialCard, CredentialsPage, Done, PinForm, PinPage},
            html,
            sign::CredentialChoice,
        },
        problem::status_of,
    },
    oauth,
    signing::picture,
    transactions::merchant::holder,
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{
    id::CredentialId,
    record::state::{CertificateState, CredentialState},
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/credentials", SIGNERS, get(list)),
        Route::new(Method::GET, "/credentials/{id}/pin", SIGNERS, get(form)),
        Route::new(Method::POST, "/credentials/{id}/pin", SIGNERS, post(change)),
        Route::new(Method::POST, "/credentials/grants/{id}/end", SIGNERS, post(end_grant)),
    ]
}

/// What the list has to tell beside the signatures.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    changed: Option<String>,
    ended: Option<String>,
}

/// The caller's signatures that sign now, of those that a page has use for.
pub(super) async fn usable(
    app: &App,
    by: &Principal,
    admits: impl Fn(&Signer) -> bool,
) -> Result<Vec<CredentialChoice>> {
    let signs = |signer: &Signer| {
        signer.shown_state(app) == CredentialState::Active && signer.row.state == CertificateState::Issued
    };
    let mut choices = Vec::new();
    let signers = custody::signers(app, by).await?.into_iter();
    for signer in signers.filter(|signer| signs(signer) && admits(signer)) {
        let id = signer.credential.id;
        let shows = picture::may_keep(&signer) && picture::is_kept(app, id).await?;
        choices.push(CredentialChoice {
            credential: id,
            holder: holder(&signer.certificate),
            valid_until: signer.row.not_after,
            tries_left: signer.tries_left(app),
            demand: custody::demand(app, &signer).await?,
            picture: shows.then(|| format!("/credentials/{id}/picture.png")),
        });
    }
    Ok(choices)
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    let by = visit.required()?;
    let signers = custody::signers(&app, by).await?;
    let credentials = signers.iter().map(|signer| card(&app, signer)).collect();
    let grants = oauth::granted(&app, by).await?;
    let done = match (&query.changed, &query.ended) {
        (Some(_), _) => Some(Done::PinChanged),
        (None, Some(_)) => Some(Done::GrantEnded),
        (None, None) => None,
    };
    Ok(html(StatusCode::OK, CredentialsPage { frame: visit.frame, credentials, grants, done }.html()))
}

/// The button beside an application.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EndForm {
    csrf: String,
}

async fn end_grant(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<EndForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    approvals::end_grant(&app, by, id).await?;
    Ok(Redirect::to("/credentials?ended=1").into_response())
}

async fn form(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    page(&app, visit, &id, StatusCode::OK, Problems::none()).await
}

async fn change(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    Path(id): Path<String>,
    PageForm(form): PageForm<PinForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    if form.new_pin != form.new_pin_again {
        let problems = Problems::one("new_pin_again", "problem-pin-differs");
        return page(&app, visit, &id, StatusCode::UNPROCESSABLE_ENTITY, problems).await;
    }
    match changed(&app, by, &remote, &id, &form).await {
        Ok(()) => Ok(Redirect::to("/credentials?changed=1").into_response()),
        Err(Error::Request(refused)) if refused.field.is_some() => {
            // A wrong or locked PIN is, here, the one in use.
            let field = refused.field.map(|field| if field == "pin" { "old_pin" } else { field });
            let status = status_of(refused.kind);
            page(&app, visit, &id, status, Problems::said(field, refused.detail)).await
        }
        Err(error) => Err(error),
    }
}

async fn changed(app: &App, by: &Principal, remote: &Remote, id: &str, form: &PinForm) -> Result<()> {
    let credential = read(id)?;
    let old = Pin::enter(form.old_pin.reveal())
        .map_err(|error| RequestError { field: Some("old_pin"), ..RequestError::from(error) })?;
    let (remote, new) = (remote.clone(), form.new_pin.clone());
    let flow = async move |app: App, by: Principal| {
        with_pin(&app, &by, &remote, custody::change_pin(&app, &by, credential, &old, new.reveal())).await
    };
    let route = format!("POST /credentials/{credential}/pin");
    idempotency::once_on_page(app, by, &route, (&form.idempotency_key, route.as_bytes()), flow).await
}

async fn page(app: &App, visit: Visit, id: &str, status: StatusCode, problems: Problems) -> Result<Response> {
    let id = read(id)?;
    let signers = custody::signers(app, visit.required()?).await?;
    let signer = signers.iter().find(|signer| signer.credential.id == id).ok_or_else(RequestError::not_found)?;
    let page = PinPage {
        frame: visit.frame,
        card: card(app, signer),
        idempotency_key: idempotency::fresh_key(),
        shortest_pin: custody::pin::SHORTEST,
        problems,
    };
    Ok(html(status, page.html()))
}

fn card(app: &App, signer: &Signer) -> CredentialCard {
    CredentialCard {
        credential: signer.credential.id,
        holder: signer.certificate.subject().common_name(),
        organization: signer.certificate.subject().organization(),
        serial: signer.row.serial.to_string(),
        issuer: signer.certificate.issuer().common_name(),
        valid_until: signer.row.not_after,
        state: signer.shown_state(app),
        certificate_state: signer.row.state,
        tries_left: signer.tries_left(app),
        unlocks_left: signer.unlocks_left(),
        may_keep_picture: picture::may_keep(signer),
    }
}

fn read(id: &str) -> Result<CredentialId, Error> {
    id.parse().map_err(|_| RequestError::not_found().into())
}
