//! `/messages`: what subscribers' telephones would show, in a demonstration alone: to staff, and where the service is
//! known by no other name than this machine's, to whoever is on it. Behind a proxy everybody seems to be.

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
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::net::IpAddr;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/messages", Access::Public, get(show))]
}

async fn show(State(app): State<App>, visit: Visit, remote: Remote) -> Result<Response> {
    let shown = outbox::shown(&app).await?.ok_or_else(RequestError::not_found)?;
    let by = visit.principal.as_ref();
    let is_staff = by.is_some_and(|by| by.roles.iter().any(|role| role.is_staff()));
    let is_here = OWN_MACHINE.contains(&remote.as_str()) && is_of_this_machine(&app.settings.public_url);
    if !is_staff && !is_here {
        return Err(by.map_or_else(RequestError::unauthenticated, |_| RequestError::forbidden()).into());
    }
    let shown = shown.into_iter().map(|message| ShownMessage {
        to: message.to,
        text: message.text,
        at: texts::screen_instant(message.at),
    });
    let page = MessagesPage { frame: visit.frame, messages: shown.collect() };
    Ok(([(header::CACHE_CONTROL, "no-store")], html(StatusCode::OK, page.html())).into_response())
}

/// Whether an address leads to the machine that it is opened on.
fn is_of_this_machine(url: &str) -> bool {
    let host = url.parse::<Uri>().ok().and_then(|url| url.host().map(|host| host.trim_matches(['[', ']']).to_owned()));
    host.is_some_and(|host| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

/// As quotas count it, by IPv4 and IPv6.
const OWN_MACHINE: [&str; 2] = ["127.0.0.1", "::/64"];
