//! `/mandates`: a payer signs recurring mandates, sees what was collected, and ends them.

use super::{PageForm, TokenForm, Visit, credentials::usable, documents::pin_beside};
use crate::{
    accounts::Principal,
    app::App,
    custody::Factors,
    error::{RequestError, Result},
    http::{
        Remote, Route,
        api::{credentials::with_pin, documents::SIGNERS, idempotency, requests::read_cursor},
        pages::{
            Problems, html,
            mandates::{MandateCard, MandateForm, MandatesPage},
        },
    },
    transactions::mandates,
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::record::Cursor;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/mandates", SIGNERS, get(show)),
        Route::new(Method::POST, "/mandates", SIGNERS, post(sign)),
        Route::new(Method::POST, "/mandates/{id}/end", SIGNERS, post(end)),
    ]
}

/// Where the list begins, and what has just been done.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    before: Option<String>,
    done: String,
}

async fn show(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    page(&app, visit, query, MandateForm::default(), (StatusCode::OK, Problems::none())).await
}

async fn sign(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<MandateForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let wish = match form.wish() {
        Ok(wish) => wish,
        Err(field) => {
            let text = if field == "provider" { "mandates-choose" } else { "problem-no-number" };
            let said = (StatusCode::UNPROCESSABLE_ENTITY, Problems::one(field, text));
            return page(&app, visit, ListQuery::default(), form, said).await;
        }
    };
    let identity = format!("{}\n{wish:?}", form.credential);
    let typed = (form.pin.clone(), form.totp.clone(), form.assertion.clone());
    let credential = form.credential.clone();
    let flow = async move |app: App, by: Principal| {
        let credential = credential.parse().map_err(|_| RequestError::not_found())?;
        let factors = Factors::of_form(typed.0.reveal(), typed.1.reveal(), &typed.2)?;
        Ok(with_pin(&app, &by, &remote, mandates::sign(&app, &by, credential, &factors, wish)).await?.id)
    };
    let key = (form.idempotency_key.as_str(), identity.as_bytes());
    match idempotency::once_on_page(&app, by, "POST /mandates", key, flow).await {
        Ok(_) => Ok(Redirect::to("/mandates?done=signed").into_response()),
        Err(error) => {
            let said = pin_beside(error)?;
            page(&app, visit, ListQuery::default(), form, said).await
        }
    }
}

async fn end(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    mandates::end(&app, by, id.parse().map_err(|_| RequestError::not_found())?).await?;
    Ok(Redirect::to("/mandates?done=ended").into_response())
}

async fn page(
    app: &App,
    visit: Visit,
    query: ListQuery,
    form: MandateForm,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let before =
        query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (views, next) = mandates::list(app, by, before).await?;
    let page = MandatesPage {
        mandates: views.iter().map(|view| MandateCard::of(&visit.frame, view)).collect(),
        next: next.map(|next| format!("/mandates?before={}_{}", next.at.0, next.id)),
        providers: mandates::collectors(app).await?.into_iter().collect(),
        credentials: usable(app, by, |_| true).await?,
        form: MandateForm {
            idempotency_key: idempotency::fresh_key(),
            pin: Default::default(),
            totp: Default::default(),
            ..form
        },
        done: query.done,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}
