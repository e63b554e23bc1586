//! `/sign/own`: signing with a token at the reader's computer.

use super::Visit;
use crate::{
    app::App,
    error::{InternalError, Result},
    http::{
        Route,
        api::documents::SIGNERS,
        bridge,
        pages::{
            html,
            own::{OwnPage, content_security_policy},
        },
    },
};
use axum::{
    extract::{Query, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
    routing::get,
};
use chuky_model::role::Role;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/sign/own", SIGNERS, get(show))]
}

/// Where the bridge listens, where it is not the usual port.
#[derive(Deserialize)]
struct OwnQuery {
    port: Option<u16>,
}

async fn show(State(app): State<App>, visit: Visit, Query(query): Query<OwnQuery>) -> Result<Response> {
    let port = query.port.filter(|port| *port > 0).unwrap_or(bridge::PORT);
    let official = visit.required()?.has(Role::Official);
    let page = OwnPage {
        frame: visit.frame,
        site: app.settings.public_url.trim_end_matches('/').to_owned(),
        port,
        largest_bytes: app.settings.largest_upload,
        official,
    };
    let mut answer = html(StatusCode::OK, page.html());
    let policy = HeaderValue::from_str(&content_security_policy(port))
        .map_err(|_| InternalError::other("the policy of a page cannot be written"))?;
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(answer)
}
