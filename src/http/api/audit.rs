//! The audit log for auditors: what happened to a subject, and for each entry the proof that it is in the log.

use super::requests::read_cursor;
use crate::{
    app::App,
    audit::{
        commitment::Opening,
        history::{self, About, AuditLine},
    },
    error::{RequestError, Result},
    http::{
        Access, Caller, Route,
        log::AUDITORS,
        parameters::{Path, Query},
    },
    subject,
};
use axum::{
    Json,
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/audit/entries", AUDITORS, get(entries)),
        Route::new(Method::GET, "/api/v1/audit/entries/{index}/proof", AUDITORS, get(proof)),
        Route::new(
            Method::GET,
            "/api/v1/audit/entries/{index}/identity",
            Access::Roles(&[Role::SecurityOfficer]),
            get(identity),
        ),
        Route::new(Method::GET, "/api/v1/audit/consistency", Access::Public, get(consistency)),
    ]
}

/// About what.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EntriesQuery {
    /// A certificate's serial number, hexadecimal.
    serial: Option<String>,
    /// `noun:identifier`, such as `account:0198…`, as other entries name it.
    subject: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Entries, oldest first.
#[derive(Serialize, ToSchema)]
pub struct EntriesAnswer {
    entries: Vec<AuditLine>,
    /// For `after`, where there are more.
    next: Option<String>,
}

/// What the log says of a certificate, its request and its credential, or of another subject. Oldest first.
#[utoipa::path(get, path = "/api/v1/audit/entries", params(EntriesQuery),
    responses((status = 200, body = EntriesAnswer), (status = 404)))]
pub async fn entries(State(app): State<App>, Query(query): Query<EntriesQuery>) -> Result<Json<EntriesAnswer>> {
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let about = match (query.serial, query.subject) {
        (Some(serial), None) => About::Certificate(serial.parse().map_err(|_| RequestError::not_found())?),
        (None, Some(subject)) => About::Subject(subject),
        _ => return Err(RequestError::not_found().into()),
    };
    let (entries, next) = history::about(&app, &about, after).await?;
    let next = next.map(|cursor| format!("{}_{}", cursor.at.0, cursor.id));
    Ok(Json(EntriesAnswer { entries, next }))
}

/// The proof that the entry at this place is in the log (C2SP tlog-proof), with the entry's octets as its extra data and the newest
/// checkpoint with the signatures of log and witnesses. It is checked offline, by `chuky audit check` or any other tool.
#[utoipa::path(get, path = "/api/v1/audit/entries/{index}/proof", params(("index" = u64, Path)),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404)))]
pub async fn proof(State(app): State<App>, Path(index): Path<u64>) -> Result<Response> {
    let (_, proof) = app.log.proof(index).await?.ok_or_else(RequestError::not_found)?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{index}.tlog-proof\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, proof.to_string()).into_response())
}

/// What opens the commitment to a subscriber's identity that the entry at this place holds (`certificate.issued`): `chuky audit check --opening`, or
/// HMAC-SHA-256 by any other tool, says whether it does. Personal data, given to security officers; each opening is an entry of the log. 409
/// (`identity_erased`) once the person was erased, with the salt: nobody can open it, or guess, any more.
#[utoipa::path(get, path = "/api/v1/audit/entries/{index}/identity", params(("index" = u64, Path)),
    responses((status = 200, body = Opening), (status = 404), (status = 409)))]
pub async fn identity(State(app): State<App>, caller: Caller, Path(index): Path<u64>) -> Result<Response> {
    let opening =
        subject::open_commitment(&app, &caller.required()?, index).await?.ok_or_else(RequestError::not_found)?;
    let headers = [
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{index}.identity.json\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, Json(opening)).into_response())
}

/// Two sizes of the log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyQuery {
    old: u64,
    size: u64,
}

/// RFC 6962 §2.1.2.
#[derive(Serialize, ToSchema)]
pub struct ConsistencyAnswer {
    old: u64,
    size: u64,
    /// Base64.
    proof: Vec<String>,
}

/// The proof that the log of `old` entries is the beginning of the one of `size` entries.
#[utoipa::path(get, path = "/api/v1/audit/consistency", params(ConsistencyQuery),
    responses((status = 200, body = ConsistencyAnswer), (status = 404)))]
pub async fn consistency(
    State(app): State<App>,
    Query(ConsistencyQuery { old, size }): Query<ConsistencyQuery>,
) -> Result<Json<ConsistencyAnswer>> {
    let proof = app.log.consistency(old, size).await?.ok_or_else(RequestError::not_found)?;
    Ok(Json(ConsistencyAnswer { old, size, proof: proof.iter().map(|hash| STANDARD.encode(hash)).collect() }))
}
