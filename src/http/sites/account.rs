//! `/account`: one's own passkeys. `/passkeys`: those that a security officer confirms.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::{
        self, Password,
        passkey::{self, Given, Proof, RelyingParty},
    },
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Route,
        api::passkeys::{CONFIRM, read},
        pages::{
            Problems,
            account::{AccountPage, ConfirmForm, ConfirmPage, RemoveForm, RevokeForm},
            html,
        },
    },
    subject,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::role::Role;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/account", Access::Account, get(show)),
        Route::new(Method::GET, "/account/data", Access::Account, get(data)),
        Route::new(Method::POST, "/account/passkeys/{id}/remove", Access::Account, post(remove)),
        Route::new(Method::POST, "/account/api-keys/{id}/revoke", Access::Account, post(revoke)),
        Route::new(Method::GET, "/passkeys", CONFIRM, get(list)),
        Route::new(Method::POST, "/passkeys/{id}/confirm", CONFIRM, post(confirm)),
    ]
}

/// What has just been done.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DoneQuery {
    done: String,
}

async fn show(State(app): State<App>, visit: Visit, Query(query): Query<DoneQuery>) -> Result<Response> {
    page(&app, visit, query.done, (StatusCode::OK, Problems::none())).await
}

/// Everything that is held about the reader, as a file.
async fn data(State(app): State<App>, visit: Visit) -> Result<Response> {
    let held = subject::export_own(&app, visit.required()?).await?;
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"chuky-du-lieu-cua-toi.json\""),
    ];
    Ok((headers, Json(held)).into_response())
}

async fn remove(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<RemoveForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let proof = Proof::Password(Password::enter(form.password.reveal()));
    match passkey::remove(&app, by, read(&id)?, Some(proof), !form.lost.is_empty()).await {
        Ok(()) if form.lost.is_empty() => Ok(Redirect::to("/account?done=removed").into_response()),
        Ok(()) => Ok(Redirect::to("/account?done=lost").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(&app, visit, String::new(), said).await
        }
    }
}

async fn revoke(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<RevokeForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    accounts::revoke_api_key(&app, by, id.parse().map_err(|_| RequestError::not_found())?).await?;
    Ok(Redirect::to("/account?done=revoked").into_response())
}

async fn page(app: &App, visit: Visit, done: String, (status, problems): (StatusCode, Problems)) -> Result<Response> {
    let by = visit.required()?;
    let page = AccountPage {
        login: by.login.clone(),
        passkeys: passkey::list(app, by).await?,
        keys: accounts::own_api_keys(app, by).await?,
        approves: by.has(Role::Approver) || by.has(Role::SecurityOfficer),
        confirms: CONFIRM.admits(Some(&by.roles)),
        available: RelyingParty::of(app).is_ok(),
        done,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<DoneQuery>) -> Result<Response> {
    confirm_page(&app, visit, query.done == "confirmed", (StatusCode::OK, Problems::none())).await
}

async fn confirm(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ConfirmForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let confirmed = async {
        let given = Given::of_form(&form.assertion)?;
        passkey::confirm(&app, by, read(&id)?, &form.content_digest, given.as_ref()).await
    };
    match confirmed.await {
        Ok(()) => Ok(Redirect::to("/passkeys?done=confirmed").into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            confirm_page(&app, visit, false, said).await
        }
    }
}

async fn confirm_page(
    app: &App,
    visit: Visit,
    done: bool,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let waiting = passkey::to_confirm(app, visit.required()?).await?;
    Ok(html(status, ConfirmPage { frame: visit.frame, waiting, done, problems }.html()))
}
