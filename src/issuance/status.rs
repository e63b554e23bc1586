//! Status of certificates as this authority knows it: the audit log's word where it has one, else that of a row whose MAC was checked
//! and that is no older, so that a revocation shows at once and one that SQL alone took back is never told as good.

use super::{
    Authority, CertifiedKey,
    authority::internal,
    register::{self, Standing, Told},
};
use crate::{
    app::App,
    error::{InternalError, Result},
};
use chuky_model::{
    instant::Instant,
    record::{certificate::Certificate as Row, state::CertificateState},
    serial::Serial,
};
use chuky_pki::{certificate::Certificate, crl::Reason, ocsp::Status};

/// The status of a serial number, content octets of its INTEGER, of an issuing CA. [`register::follow`] must have been asked.
pub(super) async fn of(app: &App, authority: &Authority, issuer: &CertifiedKey, serial: &[u8]) -> Result<Status> {
    // The log's word comes first, of the authority's own certificates as of any other.
    let told = Serial::from_octets(serial).ok().and_then(|serial| app.register.told(&issuer.label, &serial));
    if let Some(Told { standing: Standing::Revoked, at, reason, .. }) = told {
        return Ok(Status::Revoked { at, reason });
    }
    // The authority's own certificates: responder, timestamp authority.
    let own = |key: &CertifiedKey| {
        key.issuer_label.as_deref() == Some(issuer.label.as_str()) && key.certificate.serial_octets() == serial
    };
    if authority.keys().iter().any(own) {
        return Ok(Status::Good);
    }
    let Ok(serial) = Serial::from_octets(serial) else { return Ok(Status::Unknown) };
    standing(app, &issuer.label, &serial).await
}

/// What this authority knows of a serial number that an issuing CA may have used. [`register::follow`] must have been asked.
pub async fn standing(app: &App, issuer_label: &str, serial: &Serial) -> Result<Status> {
    let told = app.register.told(issuer_label, serial);
    if let Some(Told { standing: Standing::Revoked, at, reason, .. }) = told {
        return Ok(Status::Revoked { at, reason });
    }
    match register::genuine(app, || app.store.certificate_by_serial(issuer_label, serial)).await? {
        Some(row) => Ok(status_of(&row)),
        None if told.is_none() => Ok(Status::Unknown),
        None => {
            tracing::error!(event = "row_missing", table = "certificate");
            Err(InternalError::RowForged { table: "certificate" }.into())
        }
    }
}

/// The checked row of a certificate that an issuing CA of this authority signed, with its status now; `None` of any other.
pub async fn issued_here(app: &App, certificate: &Certificate) -> Result<Option<(Row, Status)>> {
    let authority = Authority::of(app).await?;
    let Some(issuer) = authority.signer_of(certificate) else { return Ok(None) };
    let Ok(serial) = Serial::from_octets(certificate.serial_octets()) else { return Ok(None) };
    register::follow(app).await?;
    let status = standing(app, &issuer.label, &serial).await?;
    let row = register::genuine(app, || app.store.certificate_by_serial(&issuer.label, &serial)).await?;
    Ok(row.map(|row| (row, status)))
}

/// What anybody who has a certificate's serial number may know: what OCSP tells, and what stands in every copy of the certificate. Nothing of
/// its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicStatus {
    /// Lower-case hex.
    pub serial: String,
    pub issuer: String,
    pub not_before: Instant,
    pub not_after: Instant,
    pub status: Status,
    /// Since when the certificate of the CA that issued it is revoked, where it is.
    pub issuer_revoked: Option<Instant>,
}

/// The standing of a certificate of this authority now, by its serial number. Serial numbers have 127 random bits, so nobody who does not have a
/// certificate finds it. `None` where none was issued under it.
pub async fn public(app: &App, serial: &Serial) -> Result<Option<PublicStatus>> {
    register::follow(app).await?;
    let authority = Authority::of(app).await?;
    for issuer in authority.issuers() {
        let row = register::genuine(app, || app.store.certificate_by_serial(&issuer.label, serial)).await?;
        let Some(row) = row else { continue };
        let Some(certificate) = certificate_of(app, &row)? else { continue };
        return Ok(Some(PublicStatus {
            serial: serial.to_string(),
            issuer: certificate.issuer().common_name(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            status: standing(app, &issuer.label, serial).await?,
            issuer_revoked: revoked_at(app, issuer),
        }));
    }
    Ok(None)
}

/// What the CAs of this authority are called whose own certificates are revoked.
pub async fn revoked_issuers(app: &App) -> Result<Vec<String>> {
    register::follow(app).await?;
    let authority = Authority::of(app).await?;
    let revoked = authority.issuers().filter(|issuer| revoked_at(app, issuer).is_some());
    Ok(revoked.map(|issuer| issuer.certificate.subject().common_name()).collect())
}

/// Since when a CA's own certificate is revoked, by the log.
fn revoked_at(app: &App, issuer: &CertifiedKey) -> Option<Instant> {
    let serial = issuer.certificate.serial()?;
    let told = app.register.told(issuer.issuer_label.as_deref()?, &serial)?;
    (told.standing == Standing::Revoked).then_some(told.at)
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

/// The same as PEM.
pub fn certificate_pem(app: &App, row: &Row) -> Result<Option<String>> {
    Ok(certificate_of(app, row)?.map(|certificate| certificate.to_pem()))
}

/// The stored certificate of a checked row; `None` where none was issued.
pub fn certificate_of(app: &App, row: &Row) -> Result<Option<Certificate>> {
    let Some(sealed) = &row.certificate else { return Ok(None) };
    let der = app.vault.open(super::issue::CERTIFICATE, &row.id.to_string(), sealed)?;
    Ok(Some(Certificate::from_der(&der).map_err(internal)?))
}
