//! Status of certificates as this authority knows it: OCSP answers signed for each question, from rows whose MACs are checked, so
//! that a revocation shows at once and one that SQL alone took back is never told as good.

use super::{Authority, CertifiedKey, authority::internal, certify, revocation_list};
use crate::{
    app::App,
    attestation,
    error::{Error, InternalError, Result},
};
use chuky_model::{
    instant::Instant,
    record::{
        certificate::Certificate as Row,
        state::{CertificateState, KeyPurpose},
    },
    serial::Serial,
};
use chuky_pki::{
    certificate::Certificate,
    crl::Reason,
    ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, OcspRequest, Refusal, Status},
};

/// The newest list of the CA of that label, DER. `None` where there is no such CA.
pub async fn latest_crl(app: &App, issuer_label: &str) -> Result<Option<Vec<u8>>> {
    let authority = Authority::of(app).await?;
    match authority.by_label(issuer_label).filter(|key| key.is_issuer()) {
        Some(issuer) => Ok(Some(revocation_list::latest(app, issuer).await?.list)),
        None => Ok(None),
    }
}

/// An OCSP answer about one certificate of an issuing CA, as it is embedded with a signature: without nonce. An error of the world
/// where no issuing CA of this authority made the certificate.
pub async fn ocsp_response(app: &App, certificate: &Certificate) -> Result<Vec<u8>> {
    let authority = Authority::of(app).await?;
    let mut issuers = authority.keys().iter().filter(|key| key.purpose == KeyPurpose::Issuing);
    let issuer = issuers.find(|key| key.certificate.subject().matches(certificate.issuer()));
    let issuer = issuer.ok_or_else(|| InternalError::other("status of a certificate that was not issued here"))?;
    let identifier = CertificateIdentifier::new(&issuer.certificate, certificate.serial_octets());
    signed(app, &authority, issuer, &[identifier], None).await
}

/// The answer to an OCSP request; a refusal is an answer too.
pub async fn answer(app: &App, request: &[u8]) -> Vec<u8> {
    let Ok(request) = OcspRequest::parse(request) else { return Refusal::MalformedRequest.to_der() };
    match answer_to(app, &request).await {
        Ok(answer) => answer,
        Err(Error::Request(_)) => Refusal::Unauthorized.to_der(),
        Err(Error::Internal(error)) => {
            tracing::error!(event = "ocsp_failed", error = %error);
            let refusal = if error.is_passing() { Refusal::TryLater } else { Refusal::InternalError };
            refusal.to_der()
        }
    }
}

async fn answer_to(app: &App, request: &OcspRequest) -> Result<Vec<u8>> {
    let authority = Authority::of(app).await?;
    let asked = |key: &&CertifiedKey| request.certificates.iter().any(|one| one.names_issuer(&key.certificate));
    let mut issuing = authority.keys().iter().rev().filter(|key| key.purpose == KeyPurpose::Issuing);
    match issuing.find(asked) {
        Some(issuer) => signed(app, &authority, issuer, &request.certificates, request.nonce.as_deref()).await,
        // RFC 5019 §2.2.3: a responder that knows nothing of the issuer says unauthorized.
        None => Ok(Refusal::Unauthorized.to_der()),
    }
}

async fn signed(
    app: &App,
    authority: &Authority,
    issuer: &CertifiedKey,
    asked: &[CertificateIdentifier],
    nonce: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let responder = authority.key(issuer.hierarchy, KeyPurpose::Ocsp)?;
    let now = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    let next_update = Some(now.plus_seconds(app.settings.authority.ocsp_minutes.saturating_mul(60)));
    let mut lines = Vec::with_capacity(asked.len());
    for one in asked {
        // The responder speaks for one CA only; about others it knows nothing.
        let status = match one.names_issuer(&issuer.certificate) {
            true => status(app, authority, issuer, &one.serial).await?,
            false => Status::Unknown,
        };
        lines.push(AnswerLine { identifier_der: one.der.clone(), status, this_update: now, next_update });
    }
    let answer = AnswerToMake::new(&responder.certificate, responder.scheme, now, &lines, nonce);
    let signature = responder.sign(app, &answer.to_be_signed().digest()).await?;
    let answer = answer.assemble(&signature);
    certify::clean(chuky_pki::lint::lint_ocsp(&answer, &issuer.certificate))?;
    Ok(answer)
}

async fn status(app: &App, authority: &Authority, issuer: &CertifiedKey, serial: &[u8]) -> Result<Status> {
    // The authority's own certificates: responder, timestamp authority.
    let own = |key: &CertifiedKey| {
        key.issuer_label.as_deref() == Some(issuer.label.as_str()) && key.certificate.serial_octets() == serial
    };
    if authority.keys().iter().any(own) {
        return Ok(Status::Good);
    }
    let Ok(serial) = Serial::from_octets(serial) else { return Ok(Status::Unknown) };
    let row = app.store.certificate_by_serial(&issuer.label, &serial).await?;
    let row = attestation::check_found(&*app.tokens.subscribers, row).await?;
    Ok(row.map_or(Status::Unknown, |row| status_of(&row)))
}

/// What a checked row says.
fn status_of(row: &Row) -> Status {
    match (row.state, row.revoked_at) {
        (CertificateState::Issued, None) => Status::Good,
        (_, Some(at)) => {
            let code = row.revocation_reason.and_then(|code| u64::try_from(code).ok()).unwrap_or_default();
            Status::Revoked { at, reason: Reason::from_code(code) }
        }
        _ => Status::Unknown,
    }
}

/// The stored certificate of a checked row; `None` where none was issued.
pub fn certificate_of(app: &App, row: &Row) -> Result<Option<Certificate>> {
    let Some(sealed) = &row.certificate else { return Ok(None) };
    let der = app.vault.open(super::issue::CERTIFICATE, &row.id.to_string(), sealed)?;
    Ok(Some(Certificate::from_der(&der).map_err(internal)?))
}
