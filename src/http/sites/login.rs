//! Logging in and out with a browser. The session's token lies in a cookie that no script reads and no other site sends.

use super::{PageForm, Visit};
use crate::{
    accounts::{
        self, LogIn, LoggedIn, Password, SESSION_SECONDS, TotpCode,
        passkey::{self, Given},
    },
    app::App,
    error::{Error, RequestError, Result},
    http::{
        Access, Remote, Route, guard,
        pages::{
            Problems, html,
            login::{LoginForm, LoginPage, LoginQuery, safe_next},
        },
        problem::status_of,
    },
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::Method,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/login", Access::Public, get(show)),
        Route::new(Method::POST, "/login", Access::Public, post(enter)),
        Route::new(Method::POST, "/login/passkey", Access::Public, post(enter_with_passkey)),
        Route::new(Method::POST, "/logout", Access::Account, post(leave)),
    ]
}

async fn show(visit: Visit, query: Result<Query<LoginQuery>, QueryRejection>) -> Response {
    crate::http::pages::login::show(visit.frame, query).await
}

async fn enter(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    jar: CookieJar,
    PageForm(form): PageForm<LoginForm>,
) -> Result<Response> {
    let next = safe_next(&form.next).to_owned();
    let login = form.login.trim().to_lowercase();
    let attempt = LogIn {
        login: login.clone(),
        password: Password::enter(form.password.reveal()),
        totp: TotpCode::enter(form.totp.reveal()),
        from: remote.as_str().to_owned(),
        device: jar.get(guard::device_cookie(&app)).map(|cookie| cookie.value().to_owned()),
    };
    entered(&app, visit, jar, (login, next), accounts::log_in(&app, attempt).await)
}

/// What the page's script posts once a passkey has answered.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PasskeyForm {
    next: String,
    assertion: String,
}

async fn enter_with_passkey(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    jar: CookieJar,
    PageForm(form): PageForm<PasskeyForm>,
) -> Result<Response> {
    let logged_in = async {
        let given = Given::of_form(&form.assertion)?.ok_or_else(RequestError::unauthenticated)?;
        passkey::log_in(&app, &given, remote.as_str()).await
    };
    entered(&app, visit, jar, (String::new(), safe_next(&form.next).to_owned()), logged_in.await)
}

/// Where the session leads, or the page again with what was refused.
fn entered(
    app: &App,
    visit: Visit,
    jar: CookieJar,
    (login, next): (String, String),
    logged_in: Result<LoggedIn>,
) -> Result<Response> {
    match logged_in {
        Ok(LoggedIn { token, device, .. }) => {
            let session = session_cookie(app, token.reveal().to_owned(), SESSION_SECONDS);
            Ok((jar.add(session).add(device_cookie(app, device)), Redirect::to(&next)).into_response())
        }
        Err(Error::Request(refused)) => {
            let problems = Problems::said(refused.field, refused.detail);
            let page = LoginPage { frame: visit.frame, login, next, problems };
            Ok(html(status_of(refused.kind), page.html()))
        }
        Err(error) => Err(error),
    }
}

/// The form of the page's head.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LogoutForm {
    csrf: String,
}

async fn leave(
    State(app): State<App>,
    visit: Visit,
    jar: CookieJar,
    PageForm(form): PageForm<LogoutForm>,
) -> Result<Response> {
    visit.posting(&form.csrf)?;
    if let Some(cookie) = jar.get(guard::session_cookie(&app)) {
        accounts::log_out(&app, cookie.value()).await?;
    }
    Ok((jar.add(session_cookie(&app, String::new(), 0)), Redirect::to("/")).into_response())
}

/// The cookie of a session that lasts that many seconds; none for one that is over. Also set after an activation.
pub fn session_cookie(app: &App, token: String, seconds: i64) -> Cookie<'static> {
    cookie(app, guard::session_cookie(app), token, seconds)
}

/// The cookie by which strangers' wrong tries are told from the holder's. Also set after an activation that made an account.
pub fn device_cookie(app: &App, device: String) -> Cookie<'static> {
    cookie(app, guard::device_cookie(app), device, DEVICE_SECONDS)
}

fn cookie(app: &App, name: &'static str, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(guard::is_encrypted(app))
        .max_age(time::Duration::seconds(seconds))
        .build()
}

/// A year without a log-in, and the browser is unknown again.
const DEVICE_SECONDS: i64 = 365 * 86_400;
