//! The timestamp authority (RFC 3161, RFC 5816) of each hierarchy: the clock's time over a digest, signed by a key that does nothing
//! else, and only while the clock is known to be right.

use super::{Authority, CertifiedKey, authority::internal, certify::random_serial};
use crate::{
    app::App,
    clock::Synchronisation,
    config::ClockSource,
    error::{InternalError, Result},
};
use chuky_model::{instant::Instant, record::state::KeyPurpose, request::Hierarchy};
use chuky_pki::algorithm::DigestAlgorithm;
use chuky_pki::timestamp::{ACCURACY_SECONDS, Failure, TimestampRequest, TokenToMake, granted};

/// A timestamp token (CMS, DER) over a SHA-256 digest, with the certificates of its authority.
pub async fn token(app: &App, hierarchy: Hierarchy, digest: &[u8; 32]) -> Result<Vec<u8>> {
    let nonce = random_serial();
    let request = TimestampRequest::to_der(digest, nonce.as_octets());
    let request = TimestampRequest::parse(&request).map_err(|failure| InternalError::Pki(failure.to_string()))?;
    let response = granted_response(app, hierarchy, &request).await?;
    let response = response.map_err(|failure| InternalError::Pki(failure.to_string()))?;
    Ok(granted(&response).map_err(internal)?)
}

/// A timestamp token over a digest of whatever hash resists collisions, with the caller's nonce.
pub async fn token_over(
    app: &App,
    hierarchy: Hierarchy,
    algorithm: DigestAlgorithm,
    digest: &[u8],
    nonce: Option<&[u8]>,
) -> Result<std::result::Result<Vec<u8>, Failure>> {
    let request = match TimestampRequest::parse(&TimestampRequest::to_der_of(algorithm, digest, nonce)) {
        Ok(request) => request,
        Err(failure) => return Ok(Err(failure)),
    };
    let response = match granted_response(app, hierarchy, &request).await? {
        Ok(response) => response,
        Err(failure) => return Ok(Err(failure)),
    };
    Ok(Ok(granted(&response).map_err(internal)?))
}

/// The complete answer to a timestamp request; a refusal is an answer too.
pub async fn answer(app: &App, hierarchy: Hierarchy, request: &[u8]) -> Vec<u8> {
    let request = match TimestampRequest::parse(request) {
        Ok(request) => request,
        Err(failure) => return failure.to_der(),
    };
    match granted_response(app, hierarchy, &request).await {
        Ok(Ok(response)) => response,
        Ok(Err(failure)) => failure.to_der(),
        Err(error) => {
            tracing::error!(event = "timestamp_failed", error = %error);
            Failure::SystemFailure.to_der()
        }
    }
}

/// Whether every timestamp authority can answer now, for `readyz`: the reason where one cannot. `None` before a ceremony.
pub async fn readiness(app: &App) -> Option<Result<(), &'static str>> {
    let authority = Authority::of(app).await.ok()?;
    let in_use = |hierarchy| authority.key(hierarchy, KeyPurpose::Timestamp).ok();
    let mut stamping = Hierarchy::ALL.iter().filter_map(|hierarchy| in_use(*hierarchy));
    Some(stamping.try_for_each(|key| clock_is_right(app, key)))
}

/// RFC 3161 §2.1: a trustworthy source of time. The kernel's word, except where a TEST hierarchy may do with the operator's.
fn clock_is_right(app: &App, key: &CertifiedKey) -> Result<(), &'static str> {
    let test = key.certificate.subject().common_name().contains("TEST");
    match (app.settings.timestamps.clock, test) {
        (Some(ClockSource::Declared), false) => return Err("a declared clock is for TEST hierarchies only"),
        (Some(ClockSource::Declared) | None, true) => return Ok(()),
        (Some(ClockSource::Kernel), _) | (None, false) => {}
    }
    match app.clock.synchronisation() {
        Synchronisation::Within(microseconds) if microseconds <= ACCURACY_MICROSECONDS => Ok(()),
        Synchronisation::Within(_) => Err("the clock may be off by more than the accuracy that is promised"),
        Synchronisation::None => Err("the kernel's clock is not synchronised"),
    }
}

async fn granted_response(
    app: &App,
    hierarchy: Hierarchy,
    request: &TimestampRequest,
) -> Result<std::result::Result<Vec<u8>, Failure>> {
    let authority = Authority::of(app).await?;
    let key = authority.key(hierarchy, KeyPurpose::Timestamp)?;
    let now = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    if !key.certificate.is_valid_at(now) {
        return Err(InternalError::other(format!("the certificate of {} is not valid now", key.label)).into());
    }
    if let Err(reason) = clock_is_right(app, key) {
        tracing::error!(event = "timestamp_refused", authority = key.label, reason);
        return Ok(Err(Failure::TimeNotAvailable));
    }
    let policies = key.certificate.policies().map_err(internal)?;
    let policy = *policies.first().ok_or_else(|| InternalError::other("a timestamp certificate without policy"))?;
    let to_make = match TokenToMake::new(request, &key.certificate, key.scheme, policy, &random_serial(), now) {
        Ok(to_make) => to_make,
        Err(failure) => return Ok(Err(failure)),
    };
    let signature = key.sign(app, to_make.digest_to_sign()).await?;
    let further = [authority.issuer_of(key)?.certificate.clone()];
    Ok(Ok(to_make.assemble(&signature, &further)))
}

/// What tokens promise.
const ACCURACY_MICROSECONDS: i64 = ACCURACY_SECONDS * 1_000_000;
