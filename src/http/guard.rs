//! Who calls, and whether the route admits them. A session cookie identifies a person at a browser, an API key in
//! `Authorization: Bearer` a system; a route without a matching role is not reached.

use crate::{
    accounts::{self, Principal},
    app::App,
    config::AUDIT_LOG,
    error::{Error, RequestError, RequestErrorKind},
    oauth,
    tls::{Bindings, ClientCertificate},
};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use chuky_model::role::Role;
use std::{convert::Infallible, sync::Arc};

/// Whom a route admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; a valid identity is still passed on.
    Public,
    /// Any account that is logged in.
    Account,
    /// Accounts with at least one of these roles.
    Roles(&'static [Role]),
}

impl Access {
    /// Whether somebody with these roles (`None`: nobody logged in) is admitted.
    pub fn admits(self, roles: Option<&[Role]>) -> bool {
        match (self, roles) {
            (Self::Public, _) | (Self::Account, Some(_)) => true,
            (Self::Roles(wanted), Some(held)) => wanted.iter().any(|role| held.contains(role)),
            (_, None) => false,
        }
    }
}

/// Who is calling: extracted by handlers behind the guard. `None` on public routes without identity.
#[derive(Clone, Debug)]
pub struct Caller(pub Option<Principal>);

impl Caller {
    /// The principal, where the route demands one.
    pub fn required(self) -> Result<Principal, Error> {
        self.0.ok_or_else(|| RequestError::unauthenticated().into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Caller>().cloned().unwrap_or(Caller(None)))
    }
}

/// What a request showed of its caller, to be asked again while a stream goes on: key, session, role or certificate may be taken back meanwhile.
pub struct Standing {
    path: String,
    /// What names the caller, and nothing else of the request.
    headers: HeaderMap,
    certificate: Option<Arc<ClientCertificate>>,
}

impl Standing {
    /// Who calls, as the guard would find now.
    pub async fn principal(&self, app: &App, access: Access) -> Result<Principal, Error> {
        let principal = identify(app, &self.path, &self.headers, self.certificate.as_deref()).await?;
        let principal = principal.ok_or_else(RequestError::unauthenticated)?;
        match access.admits(Some(&principal.roles)) && !principal.enrolment_due {
            true => Ok(principal),
            false => Err(RequestError::forbidden().into()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Standing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let names = [header::AUTHORIZATION, header::COOKIE];
        let shown =
            names.iter().flat_map(|name| parts.headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        let mut headers = HeaderMap::new();
        for (name, value) in shown {
            headers.append(name, value);
        }
        let certificate = parts.extensions.get::<Arc<ClientCertificate>>().cloned();
        Ok(Self { path: parts.uri.path().to_owned(), headers, certificate })
    }
}

/// The cookie that holds a session's token.
pub fn session_cookie(app: &App) -> &'static str {
    if is_encrypted(app) { "__Host-chuky_session" } else { "chuky_session" }
}

/// The cookie that says that an account's holder has logged in with this browser before; it opens nothing.
pub fn device_cookie(app: &App) -> &'static str {
    if is_encrypted(app) { "__Host-chuky_device" } else { "chuky_device" }
}

/// Whether browsers speak to the service through TLS: then its cookies have names that no other host of the domain and no unencrypted page
/// can set (RFC 6265bis §4.1.3.2).
pub fn is_encrypted(app: &App) -> bool {
    app.settings.public_url.starts_with("https://")
}

/// The middleware before every route.
pub async fn guard(State((app, access)): State<(App, Access)>, mut request: Request, next: Next) -> Response {
    let certificate = request.extensions().get::<Arc<ClientCertificate>>().cloned();
    let principal = match identify(&app, request.uri().path(), request.headers(), certificate.as_deref()).await {
        Ok(principal) => principal,
        // A browser's stale session is nobody, not an error: public pages are shown, others ask for a log-in.
        Err(Error::Request(_)) if access == Access::Public || !names_a_key(request.headers()) => None,
        Err(error) => return error.into_response(),
    };
    let enrolling = ENROLMENT.contains(&request.uri().path());
    let principal = match principal {
        // Public pages see nobody in a session that lacks its second factor; everything else waits for it.
        Some(principal) if principal.enrolment_due && !enrolling => match access {
            Access::Public => None,
            Access::Account | Access::Roles(_) => return enrol_first(&request),
        },
        principal => principal,
    };
    let admitted = access.admits(principal.as_ref().map(|principal| principal.roles.as_slice()));
    let caller = Caller(principal);
    let mut response = match admitted {
        true => {
            request.extensions_mut().insert(caller.clone());
            next.run(request).await
        }
        false => refuse(caller.0.is_some(), &request),
    };
    // A page of refusal still says who is logged in.
    response.extensions_mut().insert(caller);
    response
}

fn names_a_key(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
}

async fn identify(
    app: &App,
    path: &str,
    headers: &HeaderMap,
    certificate: Option<&ClientCertificate>,
) -> Result<Option<Principal>, Error> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let key = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let key = key.ok_or_else(RequestError::unauthenticated)?;
        if oauth::is_access_token(key) {
            // What an application was given opens the signing API and nothing else.
            return match path.starts_with("/csc/") {
                true => oauth::principal(app, key.trim()).await.map(Some),
                false => Err(RequestError::unauthenticated().into()),
            };
        }
        let principal = accounts::principal_of_bearer(app, key.trim()).await?;
        let bindings = Bindings(app.settings.tls.as_ref(), app.tls.get().map(|tls| &**tls));
        bindings.check(&principal, certificate, app.clock.now())?;
        return Ok(Some(principal));
    }
    match CookieJar::from_headers(headers).get(session_cookie(app)) {
        Some(cookie) => accounts::principal_of_session(app, cookie.value()).await.map(Some),
        None => Ok(None),
    }
}

/// Whether the request asks for a page that its caller reads.
fn asks_for_page(request: &Request) -> bool {
    let path = request.uri().path();
    let is_for_programs = path.starts_with("/api/") || path.starts_with(&format!("{AUDIT_LOG}/"));
    request.method() == axum::http::Method::GET && !is_for_programs
}

/// Who lacks a second factor that is asked of them is sent to enrol one; a program is told so.
fn enrol_first(request: &Request) -> Response {
    match asks_for_page(request) {
        true => Redirect::to(&format!("/second-factor?next={}", request.uri().path())).into_response(),
        false => Error::from(RequestError::new(
            RequestErrorKind::Forbidden,
            "second_factor_required",
            "Tài khoản này phải cài mã xác thực trước. Hãy mở trang /second-factor sau khi đăng nhập.",
            "This account has to enrol a second factor first. Open the page /second-factor after the log-in.",
        ))
        .into_response(),
    }
}

/// A person is sent to the log-in page; a program gets a problem.
fn refuse(known: bool, request: &Request) -> Response {
    let path = request.uri().path();
    match (known, asks_for_page(request)) {
        (true, _) => Error::from(RequestError::forbidden()).into_response(),
        (false, true) => Redirect::to(&format!("/login?next={path}")).into_response(),
        (false, false) => Error::from(RequestError::unauthenticated()).into_response(),
    }
}

/// What a session opens that lacks a second factor: to enrol one, to say who it is, and to end.
const ENROLMENT: &[&str] = &[
    "/second-factor",
    "/second-factor/confirm",
    "/api/v1/second-factor",
    "/api/v1/second-factor/confirm",
    "/api/v1/session",
    "/logout",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_admitted_without_a_role() {
        let access = Access::Roles(&[Role::Operator]);
        assert!(!access.admits(None));
        assert!(!access.admits(Some(&[])));
        assert!(!access.admits(Some(&[Role::Administrator])));
        assert!(access.admits(Some(&[Role::Citizen, Role::Operator])));
        assert!(!Access::Account.admits(None));
        assert!(Access::Public.admits(None));
    }
}
