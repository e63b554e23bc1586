//! `/messages`: what subscribers' telephones would show, in a demonstration alone, to whoever is on the service's own machine or logged in.

use super::Visit;
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Access, Remote, Route,
        pages::{
            html,
            messages::{MessagesPage, ShownMessage},
            texts,
        },
    },
    outbox,
};
use axum::{
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/messages", Access::Public, get(show))]
}

async fn show(State(app): State<App>, visit: Visit, remote: Remote) -> Result<Response> {
    let shown = outbox::shown(&app).await?.ok_or_else(RequestError::not_found)?;
    if visit.principal.is_none() && !OWN_MACHINE.contains(&remote.as_str()) {
        return Err(RequestError::unauthenticated().into());
    }
    let shown = shown.into_iter().map(|message| ShownMessage {
        to: message.to,
        text: message.text,
        at: texts::screen_instant(message.at),
    });
    let page = MessagesPage { frame: visit.frame, messages: shown.collect() };
    Ok(([(header::CACHE_CONTROL, "no-store")], html(StatusCode::OK, page.html())).into_response())
}

/// As quotas count it, by IPv4 and IPv6.
const OWN_MACHINE: [&str; 2] = ["127.0.0.1", "::/64"];
