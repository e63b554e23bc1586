//! `/audit`: the log for those who audit.

use super::Visit;
use crate::{
    app::App,
    audit::history::{self, About, AuditLine},
    error::{RequestError, Result},
    http::{
        Route,
        api::requests::read_cursor,
        log::AUDITORS,
        pages::{
            audit::{AuditPage, AuditRow, LogStanding, WitnessRow},
            form::percent_encoded,
            html,
        },
    },
};
use axum::{
    extract::{Query, State},
    http::{Method, StatusCode},
    response::Response,
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{instant::Instant, record::Cursor, role::Role};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/audit", AUDITORS, get(show))]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    about: String,
    after: Option<String>,
}

async fn show(State(app): State<App>, visit: Visit, Query(search): Query<Search>) -> Result<Response> {
    let may_open = visit.required()?.has(Role::SecurityOfficer);
    let wanted = search.about.trim();
    let about = match wanted.parse() {
        Ok(serial) => About::Certificate(serial),
        Err(_) => About::Subject(wanted.to_owned()),
    };
    let (mut lines, mut next) = (None, None);
    if !wanted.is_empty() {
        let after = search.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor);
        let (found, more) = history::about(&app, &about, after.ok_or_else(RequestError::not_found)?).await?;
        lines = Some(found.into_iter().map(|line| row(line, may_open)).collect());
        let address = |at: Cursor| {
            let about = percent_encoded(wanted);
            format!("/audit?about={about}&after={}_{}", at.at.0, at.id)
        };
        next = more.map(address);
    }
    let page = AuditPage { frame: visit.frame, about: wanted.to_owned(), lines, next, standing: standing(&app).await? };
    Ok(html(StatusCode::OK, page.html()))
}

async fn standing(app: &App) -> Result<LogStanding> {
    let newest = app.log.newest().await?;
    let witnesses = app.log.witnesses().await.into_iter().map(|witness| {
        let signed = witness.last.filter(|last| last.at > 0);
        let at = signed.as_ref().and_then(|last| i64::try_from(last.at).ok());
        WitnessRow {
            name: witness.name,
            at: at.map(|at| Instant::from_unix_seconds(at).rfc3339()),
            size: signed.map_or(0, |last| last.size),
        }
    });
    Ok(LogStanding {
        origin: newest.checkpoint.origin.clone(),
        size: newest.checkpoint.size,
        root: STANDARD.encode(newest.checkpoint.root),
        key: app.log.key().to_string(),
        witnesses: witnesses.collect(),
    })
}

fn row(line: AuditLine, may_open: bool) -> AuditRow {
    AuditRow {
        opens: may_open && line.content["identity"]["commitment"].is_string(),
        index: line.index,
        at: line.at,
        kind: line.kind,
        actor: line.actor,
        subject: line.subject,
        content: if line.content.is_null() { String::new() } else { line.content.to_string() },
    }
}
