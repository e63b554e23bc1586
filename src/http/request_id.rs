//! One id for each request: in every line that the log has of it, in the answer's header, and in what an error says. And one line in the log for
//! each that was answered. It names the route by its template and never by what the caller wrote: paths and queries hold tokens and codes.

use super::{Caller, problem::Refused};
use crate::{app::App, logging::REQUESTS};
use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use chuky_model::id::AccountId;
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tracing::Instrument;
use uuid::Uuid;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The id of the request that this task answers; `None` where none is answered, or by what relying parties' software asks for.
pub(super) fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The middleware around everything else.
pub(super) async fn named(State(app): State<App>, request: Request, next: Next) -> Response {
    let id: Arc<str> = told(&app, &request).unwrap_or_else(|| Uuid::now_v7().to_string()).into();
    // An error's level, so that no choice of lines takes the id from those that are told.
    let span = tracing::error_span!("request", request_id = &*id);
    let line = app.settings.requests.lines.then(|| Line::begin(&request));
    let answering = async move {
        let response = next.run(request).await;
        if let Some(line) = line {
            line.tell(&response);
        }
        response
    };
    let mut response = CURRENT.scope(id.clone(), answering.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// What a proxy that the settings name says of the request, where it is an id.
fn told(app: &App, request: &Request) -> Option<String> {
    let header = app.settings.requests.id_header.as_ref()?;
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    app.settings.trusted_proxies.iter().find(|network| network.contains(peer))?;
    let value = request.headers().get(header.as_str())?.to_str().ok()?;
    is_id(value).then(|| value.to_owned())
}

fn is_id(text: &str) -> bool {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(is_plain)
}

/// The line of one request. Of one that its caller gave up before it was answered it is told when this goes.
struct Line {
    method: &'static str,
    route: Option<MatchedPath>,
    began: Instant,
    is_told: bool,
}

impl Line {
    fn begin(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        Self { method: method(request.method()), route, began: Instant::now(), is_told: false }
    }

    fn tell(mut self, response: &Response) {
        self.is_told = true;
        let caller = response.extensions().get::<Caller>().and_then(|caller| caller.0.as_ref());
        let code = response.extensions().get::<Refused>().map(|refused| refused.code);
        self.write(response.status().as_u16(), caller.map(|principal| principal.account), code);
    }

    /// Of fixed length but for the account: nothing in it is the caller's.
    fn write(&self, status: u16, account: Option<AccountId>, code: Option<&'static str>) {
        let route = self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        let microseconds = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (method, account) = (self.method, account.map(tracing::field::display));
        // Files of pages, and what supervisors ask every few seconds, are told of only where they fail.
        if status < 500 && QUIET.iter().any(|quiet| route.starts_with(quiet)) {
            tracing::debug!(target: REQUESTS, event = "request", method, route, status, microseconds, account, code);
        } else {
            tracing::info!(target: REQUESTS, event = "request", method, route, status, microseconds, account, code);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_told {
            self.write(GIVEN_UP, None, None);
        }
    }
}

/// Methods of the service; a caller may write any word.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Where the id stands in the answer.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Letters of an id that a proxy gives: a UUID has 36.
const LONGEST_ID: usize = 64;
/// Told of a request that no route takes.
const NO_ROUTE: &str = "none";
/// Told in the place of a status where the caller did not wait for one.
const GIVEN_UP: u16 = 499;
/// Beginnings of routes.
const QUIET: &[&str] = &["/assets/", "/healthz", "/readyz", "/metrics"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_plain() {
        for good in ["a", "0199a7c2-7b5e-7000-9000-0123456789ab", "req_1.2", &"x".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "a\"b", "ấ", "a\n", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
