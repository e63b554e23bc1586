//! From a stored intent and a public key to a certificate: bytes built, linted, signed by the issuer in the HSM, read back and
//! compared. The ceremony and the issue of subscribers' certificates share these steps; nothing here touches the database.

use super::{
    CertifiedKey,
    authority::{internal, token_of},
};
use crate::{
    app::App,
    error::{InternalError, Result},
};
use chuky_model::{record::state::KeyPurpose, serial::Serial};
use chuky_pki::{
    certificate::Certificate,
    issue::{self, CertificateIntent},
    lint,
    signed::ToBeSigned,
};
use rand::Rng;

/// A serial number of 126 random bits.
pub(super) fn random_serial() -> Serial {
    let mut octets = [0; Serial::RANDOM_OCTETS];
    rand::rng().fill_bytes(&mut octets);
    Serial::from_random(octets)
}

/// Whoever signs a certificate.
pub(super) struct Issuer<'a> {
    /// The key's label on its token.
    pub label: &'a str,
    /// Its `SubjectPublicKeyInfo`, as its certificate says.
    pub spki: &'a [u8],
    pub purpose: KeyPurpose,
    /// The token of its own that the key lies on.
    pub token: Option<&'a str>,
}

impl<'a> Issuer<'a> {
    /// A key of the authority.
    pub(super) fn of(key: &'a CertifiedKey) -> Self {
        Self { label: &key.label, spki: key.certificate.spki_der(), purpose: key.purpose, token: key.token.as_deref() }
    }
}

/// The bytes to sign, with no rule of RFC 5280 or of the profile broken.
pub(super) fn linted(intent: &CertificateIntent, spki: &[u8]) -> Result<ToBeSigned> {
    let to_be_signed = intent.to_be_signed(spki).map_err(internal)?;
    clean(lint::lint(&to_be_signed, &intent.profile))?;
    Ok(to_be_signed)
}

/// Passes where the linter found nothing; else what it found, and nothing is signed or handed out.
pub(super) fn clean(findings: Vec<lint::Finding>) -> Result<()> {
    match findings.first() {
        None => Ok(()),
        Some(finding) => Err(InternalError::Pki(format!("linted: {}: {}", finding.clause, finding.text)).into()),
    }
}

/// Has the issuer sign, reads the result back, and compares it with the intent. What comes back is exactly what was intended.
pub(super) async fn signed(
    app: &App,
    issuer: &Issuer<'_>,
    intent: &CertificateIntent,
    spki: &[u8],
    to_be_signed: &ToBeSigned,
) -> Result<Certificate> {
    let token = token_of(app, issuer.purpose, issuer.token)?;
    // Judged by the issuer's public key before it leaves the worker, whatever the token has under the label.
    let signature = token.sign_as((issuer.label, issuer.spki), to_be_signed.scheme, &to_be_signed.digest()).await?;
    let der = to_be_signed.assemble_judged(&signature);
    let certificate = Certificate::from_der(&der).map_err(internal)?;
    issue::compare(&certificate, to_be_signed, intent, spki)
        .map_err(|difference| InternalError::Pki(difference.to_string()))?;
    Ok(certificate)
}
