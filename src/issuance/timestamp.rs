//! The timestamp authority (RFC 3161) of each hierarchy: the clock's time over a digest, signed by a key that does nothing else.

use super::{Authority, authority::internal, certify::random_serial};
use crate::{
    app::App,
    error::{InternalError, Result},
};
use chuky_model::{instant::Instant, record::state::KeyPurpose, request::Hierarchy};
use chuky_pki::timestamp::{Failure, TimestampRequest, TokenToMake, granted};

/// A timestamp token (CMS, DER) over a SHA-256 digest, with the certificates of its authority.
pub async fn token(app: &App, hierarchy: Hierarchy, digest: &[u8; 32]) -> Result<Vec<u8>> {
    let nonce = random_serial();
    let request = TimestampRequest::to_der(digest, nonce.as_octets());
    let request = TimestampRequest::parse(&request).map_err(|failure| InternalError::Pki(failure.to_string()))?;
    let response = granted_response(app, hierarchy, &request).await?;
    let response = response.map_err(|failure| InternalError::Pki(failure.to_string()))?;
    Ok(granted(&response).map_err(internal)?)
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
    let policies = key.certificate.policies().map_err(internal)?;
    let policy = *policies.first().ok_or_else(|| InternalError::other("a timestamp certificate without policy"))?;
    let to_make = match TokenToMake::new(request, &key.certificate, key.scheme, policy, &random_serial(), now) {
        Ok(to_make) => to_make,
        Err(failure) => return Ok(Err(failure)),
    };
    let signature = key.sign(app, to_make.digest_to_sign()).await?;
    let further = [authority.issuing(hierarchy)?.certificate.clone()];
    Ok(Ok(to_make.assemble(&signature, &further)))
}
