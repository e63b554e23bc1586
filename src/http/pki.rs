//! What relying parties' software asks for over plain HTTP, without log-in: CA certificates, revocation lists, OCSP, timestamps.

use super::{Access, Route};
use crate::{
    app::App,
    error::{RequestError, Result},
    issuance::{Authority, status, timestamp},
};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderName, Method, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use chuky_model::request::Hierarchy;

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
    let key = authority.by_label(label).ok_or_else(RequestError::not_found)?;
    Ok(answer("application/pkix-cert", CACHED_FOR_A_DAY, key.certificate.der().to_vec()))
}

/// `/crl/{label}.crl`: the newest list of a CA, DER. A revocation publishes a new one, so nobody keeps it.
async fn revocation_list(State(app): State<App>, Path(file): Path<String>) -> Result<Response> {
    let label = file.strip_suffix(".crl").ok_or_else(RequestError::not_found)?;
    let list = status::latest_crl(&app, label).await?.ok_or_else(RequestError::not_found)?;
    Ok(answer("application/pkix-crl", ASKED_ANEW, list))
}

/// RFC 6960 A.1: the request as the body.
async fn ocsp(State(app): State<App>, body: Bytes) -> Response {
    answer("application/ocsp-response", ASKED_ANEW, status::answer(&app, &body).await)
}

/// RFC 6960 A.1: the request in base64 behind the address; slashes in it may come as they are.
async fn ocsp_by_address(State(app): State<App>, Path(request): Path<String>) -> Response {
    // What is no base64 becomes an empty request, which is answered as malformed.
    let request = LENIENT.decode(request.trim_start_matches('/').replace(' ', "+")).unwrap_or_default();
    answer("application/ocsp-response", ASKED_ANEW, status::answer(&app, &request).await)
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
const CACHED_FOR_A_DAY: &str = "max-age=86400, no-transform";
/// Clients differ in whether they pad.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
