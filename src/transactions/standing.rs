//! What the authority knows about a signer: the certificate that a message only names, its revocation status, and whom to trust.
//! Rows are relied on only where their MAC fits and the audit log knows no later version; a row that was looked at before and is
//! unchanged costs no second question.

use crate::{
    app::App,
    attestation, current,
    error::{InternalError, Result},
    issuance::register::{self, Standing, Told},
    store::Store,
};
use chuky_model::{
    id::CertificateId,
    instant::Instant,
    record::{
        certificate::Certificate as Row,
        state::{CertificateState, KeyPurpose},
    },
};
use chuky_pki::{
    certificate::Certificate,
    payment::{Status, Trust, Wanted},
};
use std::sync::Arc;

/// The issued certificate that a message names, if it is one of this authority's.
pub async fn named(app: &App, wanted: Option<Wanted>) -> Result<Option<Certificate>> {
    let row = match wanted {
        None => return Ok(None),
        Some(Wanted::Fingerprint(fingerprint)) => {
            current::row(app, || app.store.certificate_by_fingerprint(&fingerprint)).await?
        }
        Some(Wanted::Serial(serial)) => {
            // A serial number is unique for its issuer only; where two issuers gave it, it names nothing.
            let mut rows = current::rows(app, || app.store.certificates_by_serial(&serial)).await?;
            let row = rows.pop();
            if rows.is_empty() { row } else { None }
        }
    };
    let Some(row) = row else { return Ok(None) };
    let Some(sealed) = &row.certificate else { return Ok(None) };
    let der = app.vault.open("certificate.certificate", &row.id.to_string(), sealed)?;
    Certificate::from_der(&der).map(Some).map_err(|error| InternalError::Pki(error.to_string()).into())
}

/// The certificate of a row that another row names.
pub async fn certificate(app: &App, id: CertificateId) -> Result<Certificate> {
    let gone = || InternalError::RowForged { table: "certificate" };
    let row = current::row(app, || app.store.certificate_by_id(id)).await?.ok_or_else(gone)?;
    let sealed = row.certificate.as_ref().ok_or_else(gone)?;
    let der = app.vault.open("certificate.certificate", &row.id.to_string(), sealed)?;
    Certificate::from_der(&der).map_err(|error| InternalError::Pki(error.to_string()).into())
}

/// The status of a signer's certificate, from the authority's own records. That of a busy signer is told from memory: its row is read
/// again after [`current::KEPT_FOR`], while every change that the audit log tells shows at once.
/// `None` for a certificate that was not issued here.
pub async fn own_status(app: &App, certificate: Option<&Certificate>) -> Result<Option<Status>> {
    let Some(certificate) = certificate else { return Ok(None) };
    register::follow(app).await?;
    let fingerprint = certificate.fingerprint();
    if let Some(row) = current::recall::<Row>(app, fingerprint).await?
        && app.register.told(&row.issuer_label, &row.serial).is_none()
    {
        return Ok(Some(Status::Good));
    }
    let found = app.store.certificate_by_fingerprint(fingerprint).await?;
    // What the audit log says weighs more than a row that SQL may have put back.
    let told = found.and_then(|row| app.register.told(&row.issuer_label, &row.serial));
    if let Some(Told { standing: Standing::Revoked, at, .. }) = told {
        return Ok(Some(Status::Revoked { at }));
    }
    let row = register::genuine(app, || app.store.certificate_by_fingerprint(fingerprint)).await?;
    let Some(row) = row else { return Ok(None) };
    let since = row.revoked_at.unwrap_or(Instant(i64::MIN));
    Ok(Some(match row.state {
        CertificateState::Issued => {
            current::keep(app, fingerprint, Arc::new(row));
            Status::Good
        }
        CertificateState::Suspended => Status::Suspended { at: since },
        CertificateState::Revoked | CertificateState::Void => Status::Revoked { at: since },
        CertificateState::Intended | CertificateState::Signing => {
            Status::Unknown("the certificate is not yet issued".to_owned())
        }
    }))
}

/// The same, where nothing else tells of a certificate that was not issued here.
pub async fn status(app: &App, certificate: &Certificate) -> Result<Status> {
    let unknown = || Status::Unknown("the certificate was not issued here".to_owned());
    Ok(own_status(app, Some(certificate)).await?.unwrap_or_else(unknown))
}

/// Both hierarchies: roots as anchors, issuing certificates as intermediates.
pub async fn trust(app: &App, store: &Store) -> Result<Trust> {
    let mut trust = Trust::default();
    for key in store.authority_keys().await? {
        let key = attestation::check(&*app.tokens.subscribers, key).await?;
        let Some(der) = &key.certificate else { continue };
        let certificate = Certificate::from_der(der).map_err(|error| InternalError::Pki(error.to_string()))?;
        match key.purpose {
            KeyPurpose::Root => trust.anchors.push(certificate),
            KeyPurpose::Issuing => trust.intermediates.push(certificate),
            _ => {}
        }
    }
    Ok(trust)
}
