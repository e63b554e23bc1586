//! What relying parties' software asks for over plain HTTP, without log-in: CA certificates, revocation lists, OCSP, timestamps.

use super::{Access, Route};
use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
    issuance::{
        Authority,
        limits::OCSP_ANSWER_SECONDS,
        ocsp::{self, Answer, Validators},
        revocation_list::{self, ListName},
        timestamp,
    },
};
use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use chuky_model::{instant::Instant, request::Hierarchy};
use tokio::io::AsyncWriteExt;

pub(super) fn routes() -> Vec<Route> {
    let public = |method, path, handler| Route::new(method, path, Access::Public, handler);
    vec![
        public(Method::GET, "/ca/{file}", get(ca_certificate)),
        public(Method::GET, "/crl/{file}", get(revocation_list)),
        public(Method::POST, "/ocsp", post(ocsp)),
        public(Method::GET, "/ocsp/{*request}", get(ocsp_by_address)),
        public(Method::POST, "/tsa", post(timestamp_of_citizens)),
        public(Method::POST, "/tsa/{hierarchy}", post(timestamp_of)),
    ]
}

/// `/ca/{label}.cer`: a certificate of the authority, DER (RFC 2585 §3).
async fn ca_certificate(State(app): State<App>, Path(file): Path<String>) -> Result<Response> {
    let label = file.strip_suffix(".cer").ok_or_else(RequestError::not_found)?;
    let authority = Authority::of(&app).await?;
    let certificate = authority.by_label(label).map(|key| &key.certificate).or_else(|| authority.cross(label));
    let certificate = certificate.ok_or_else(RequestError::not_found)?;
    Ok(answer("application/pkix-cert", CACHED_FOR_A_DAY, certificate.der().to_vec()))
}

/// `/crl/{name}.crl`: the newest list of a CA, or of a part of it, DER (RFC 2585 §3). A long one is sent as it is read.
async fn revocation_list(State(app): State<App>, Path(file): Path<String>, headers: HeaderMap) -> Result<Response> {
    let name = file.strip_suffix(".crl").ok_or_else(RequestError::not_found)?;
    let authority = Authority::of(&app).await?;
    let list = ListName::parse(&authority, name).ok_or_else(RequestError::not_found)?;
    let row = revocation_list::latest(&app, &list).await?;
    let etag = match row.digest.get(..16) {
        Some(digest) => hex::encode(digest),
        None => row.number.to_string(),
    };
    let left = row.next_update.unix_seconds().saturating_sub(app.clock.now().unix_seconds());
    let validators = Validators { etag: etag.into(), made: row.this_update };
    let mut answer = HeaderMap::new();
    caching(&mut answer, &validators, left.clamp(0, LIST_KEPT_SECONDS), row.next_update)?;
    if is_unchanged(&headers, &answer) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pkix-crl"));
    let first = revocation_list::piece(&app, &row, 0).await?;
    let first = first.ok_or_else(RequestError::try_again)?;
    if row.length == 0 || i64::try_from(first.len()) == Ok(row.length) {
        return Ok((answer, first).into_response());
    }
    answer.insert(header::CONTENT_LENGTH, row.length.into());
    let (mut writing, reading) = tokio::io::duplex(LIST_BUFFER);
    tokio::spawn(async move {
        let mut piece = Some(first);
        let mut number = 0;
        // Where the reader is gone, or the list was followed by many others, the answer breaks off before its length.
        while let Some(octets) = piece.take() {
            if writing.write_all(&octets).await.is_err() {
                return;
            }
            number += 1;
            piece = revocation_list::piece(&app, &row, number).await.ok().flatten();
        }
    });
    Ok((answer, Body::from_stream(tokio_util::io::ReaderStream::new(reading))).into_response())
}

/// RFC 6960 A.1: the request as the body.
async fn ocsp(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Response> {
    ocsp_answer(&app, &headers, &body).await
}

/// RFC 6960 A.1: the request in base64 behind the address; slashes in it may come as they are.
async fn ocsp_by_address(State(app): State<App>, Path(request): Path<String>, headers: HeaderMap) -> Result<Response> {
    // What is no base64 becomes an empty request, which is answered as malformed.
    let request = LENIENT.decode(request.trim_start_matches('/').replace(' ', "+")).unwrap_or_default();
    ocsp_answer(&app, &headers, &request).await
}

async fn ocsp_answer(app: &App, asked: &HeaderMap, request: &[u8]) -> Result<Response> {
    let Answer { response, validators } = ocsp::answer(app, request).await;
    let mut headers = HeaderMap::new();
    match validators {
        None => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(ASKED_ANEW));
        }
        // RFC 5019 §6.2; kept for a minute at most, whatever nextUpdate says.
        Some(validators) => {
            let until = app.clock.now().plus_seconds(OCSP_ANSWER_SECONDS);
            caching(&mut headers, &validators, OCSP_ANSWER_SECONDS, until)?;
            if is_unchanged(asked, &headers) {
                return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
            }
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/ocsp-response"));
    Ok((headers, Body::from(Bytes::from_owner(response))).into_response())
}

/// The validators, and for how many seconds a cache may answer by itself.
fn caching(headers: &mut HeaderMap, validators: &Validators, seconds: i64, until: Instant) -> Result<()> {
    let value = |text: String| {
        HeaderValue::try_from(text).map_err(|_| InternalError::other("a header of an answer cannot be written"))
    };
    headers.insert(header::ETAG, value(format!("\"{}\"", validators.etag))?);
    headers.insert(header::LAST_MODIFIED, value(validators.made.http_date())?);
    headers.insert(header::EXPIRES, value(until.http_date())?);
    let control = match seconds {
        // What every OCSP answer says: OCSP_ANSWER_SECONDS.
        60 => HeaderValue::from_static("max-age=60, public, no-transform, must-revalidate"),
        _ => value(format!("max-age={seconds}, public, no-transform, must-revalidate"))?,
    };
    headers.insert(header::CACHE_CONTROL, control);
    Ok(())
}

/// RFC 9110 §13.2.2: the entity tag decides where there is one, else the date, which is compared as it was given out.
fn is_unchanged(asked: &HeaderMap, answer: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let tag = answer.get(header::ETAG).map(text).unwrap_or_default();
    match asked.get(header::IF_NONE_MATCH).map(text) {
        Some(tags) => tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag),
        None => {
            asked.get(header::IF_MODIFIED_SINCE).is_some_and(|since| Some(since) == answer.get(header::LAST_MODIFIED))
        }
    }
}

/// The timestamp authority of the public hierarchy.
async fn timestamp_of_citizens(State(app): State<App>, body: Bytes) -> Response {
    reply(&app, Hierarchy::Citizens, &body).await
}

/// The timestamp authority of the hierarchy that is named.
async fn timestamp_of(State(app): State<App>, Path(hierarchy): Path<String>, body: Bytes) -> Result<Response> {
    let hierarchy = Hierarchy::from_name(&hierarchy).ok_or_else(RequestError::not_found)?;
    Ok(reply(&app, hierarchy, &body).await)
}

async fn reply(app: &App, hierarchy: Hierarchy, body: &[u8]) -> Response {
    answer("application/timestamp-reply", ASKED_ANEW, timestamp::answer(app, hierarchy, body).await)
}

fn answer(kind: &'static str, kept: &'static str, body: Vec<u8>) -> Response {
    let headers: [(HeaderName, &str); 2] = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)];
    (headers, body).into_response()
}

const ASKED_ANEW: &str = "no-cache, no-transform";
/// Seconds for which a cache may give out a list: a new one is out within a minute of a revocation.
const LIST_KEPT_SECONDS: i64 = 60;
/// Octets between the database and a slow line.
const LIST_BUFFER: usize = 64 * 1024;
const CACHED_FOR_A_DAY: &str = "max-age=86400, no-transform";
/// Clients differ in whether they pad.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
