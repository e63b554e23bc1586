//! `/welcome`: an invitation becomes a password. `/second-factor`: the authenticator app of whoever is logged in.

use super::{
    PageForm, Visit,
    login::{device_cookie, session_cookie},
    requests::shown_beside,
};
use crate::{
    accounts::{SESSION_SECONDS, TotpCode, device_token, second_factor},
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Remote, Route,
        api::{session::token_of, staff::redeemed},
        pages::{
            Problems, html,
            login::{LoginQuery, safe_next},
            quick_response::QuickResponse,
            welcome::{Enrolling, SecondFactorForm, SecondFactorPage, WelcomeForm, WelcomePage, grouped},
        },
    },
    staff::Redemption,
};
use axum::{
    extract::{Query, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;
use zeroize::Zeroizing;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/welcome", Access::Public, get(welcome)),
        Route::new(Method::POST, "/welcome", Access::Public, post(redeem)),
        Route::new(Method::GET, "/second-factor", Access::Account, get(show)),
        Route::new(Method::POST, "/second-factor", Access::Account, post(begin)),
        Route::new(Method::POST, "/second-factor/confirm", Access::Account, post(confirm)),
    ]
}

async fn welcome(visit: Visit) -> Response {
    let page = WelcomePage { frame: visit.frame, login: String::new(), problems: Problems::none() };
    html(StatusCode::OK, page.html())
}

async fn redeem(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    jar: CookieJar,
    PageForm(form): PageForm<WelcomeForm>,
) -> Result<Response> {
    let login = form.login.trim().to_lowercase();
    if form.password != form.password_again {
        let problems = Problems::one("password_again", "problem-password-differs");
        let page = WelcomePage { frame: visit.frame, login, problems };
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, page.html()));
    }
    let redemption = Redemption {
        login: login.clone(),
        code: Zeroizing::new(form.code.reveal().to_owned()),
        second_secret: Zeroizing::new(form.second_secret.reveal().to_owned()),
        password: Zeroizing::new(form.password.reveal().to_owned()),
    };
    match redeemed(&app, &remote, redemption).await {
        Ok(redeemed) => {
            let session = session_cookie(&app, redeemed.token.reveal().to_owned(), SESSION_SECONDS);
            let device = device_cookie(&app, device_token(&app, redeemed.account));
            Ok((jar.add(session).add(device), Redirect::to("/second-factor")).into_response())
        }
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            Ok(html(status, WelcomePage { frame: visit.frame, login, problems }.html()))
        }
    }
}

async fn show(State(app): State<App>, visit: Visit, Query(query): Query<LoginQuery>) -> Result<Response> {
    let enrolled = second_factor::has_enrolled(&app, visit.required()?.account).await?;
    let step = if enrolled { Enrolling::Done } else { Enrolling::Start };
    Ok(page(visit, step, &query.next, (StatusCode::OK, Problems::none())))
}

/// Shows the secret once: the page is the answer, and no address leads to it again.
async fn begin(State(app): State<App>, visit: Visit, PageForm(form): PageForm<SecondFactorForm>) -> Result<Response> {
    match second_factor::begin(&app, visit.posting(&form.csrf)?).await {
        Ok(made) => {
            let step = Enrolling::Shown { secret: grouped(&made.secret), code: QuickResponse::of(&made.address) };
            Ok(page(visit, step, &form.next, (StatusCode::OK, Problems::none())))
        }
        Err(error) => {
            let said = shown_beside(error)?;
            Ok(page(visit, Enrolling::Done, &form.next, said))
        }
    }
}

async fn confirm(
    State(app): State<App>,
    visit: Visit,
    jar: CookieJar,
    headers: HeaderMap,
    PageForm(form): PageForm<SecondFactorForm>,
) -> Result<Response> {
    let token = token_of(&app, &headers, &jar).ok_or_else(RequestError::unauthenticated)?;
    let code = TotpCode::enter(form.totp.reveal());
    match second_factor::confirm(&app, visit.posting(&form.csrf)?, &token, &code).await {
        Ok(()) => Ok(Redirect::to(safe_next(&form.next)).into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            let step = if status == StatusCode::CONFLICT { Enrolling::Start } else { Enrolling::Again };
            Ok(page(visit, step, &form.next, (status, problems)))
        }
    }
}

fn page(visit: Visit, step: Enrolling, next: &str, (status, problems): (StatusCode, Problems)) -> Response {
    let due = visit.principal.as_ref().is_some_and(|principal| principal.enrolment_due);
    let next = safe_next(next).to_owned();
    html(status, SecondFactorPage { frame: visit.frame, step, due, next, problems }.html())
}
