//! The authority's own keys with their certificates, as the ceremony stored them: read once from rows whose MACs were checked,
//! then kept. Signs through the token that holds the key; never makes a key and never decides what is signed.

use crate::{
    app::App,
    attestation,
    error::{InternalError, Result},
};
use chuky_hsm::Hsm;
use chuky_model::{
    algorithm::SignatureScheme,
    record::{certificate::AuthorityKey, state::KeyPurpose},
    request::Hierarchy,
};
use chuky_pki::{
    certificate::Certificate,
    crypto::{Curve, KeyType},
};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Where the running service keeps the authority after it was first read.
#[derive(Default)]
pub struct Kept(OnceCell<Arc<Authority>>);

/// A key of the authority with its certificate.
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    /// The key's label on its token; names it in `/ca/{label}.cer` and `/crl/{label}.crl`.
    pub label: String,
    pub hierarchy: Hierarchy,
    pub purpose: KeyPurpose,
    /// Label of the key that signed the certificate; `None` for a root.
    pub issuer_label: Option<String>,
    pub certificate: Certificate,
    /// What the key signs with.
    pub scheme: SignatureScheme,
}

/// Every certified key of the authority that is not retired, in both hierarchies.
#[derive(Clone, Debug)]
pub struct Authority {
    keys: Vec<CertifiedKey>,
}

impl Authority {
    /// The authority of the running service; an error of the world where no ceremony was held yet.
    pub async fn of(app: &App) -> Result<Arc<Self>> {
        Ok(app.authority.0.get_or_try_init(|| Self::load(app)).await?.clone())
    }

    async fn load(app: &App) -> Result<Arc<Self>> {
        let mut keys = Vec::new();
        for row in app.store.authority_keys().await? {
            let row = attestation::check(&*app.tokens.subscribers, row).await?;
            keys.extend(certified(row)?);
        }
        if keys.is_empty() {
            return Err(InternalError::other("no ceremony has been held: run `chuky ceremony`").into());
        }
        refuse_other_keys(app, &keys).await?;
        Ok(Arc::new(Self { keys }))
    }

    /// Every key.
    pub fn keys(&self) -> &[CertifiedKey] {
        &self.keys
    }

    /// The roots and issuing CAs: whoever publishes a list.
    pub fn issuers(&self) -> impl Iterator<Item = &CertifiedKey> {
        self.keys.iter().filter(|key| key.is_issuer())
    }

    /// The root certificates of both hierarchies: trust anchors.
    pub fn anchors(&self) -> Vec<Certificate> {
        self.of_purpose(KeyPurpose::Root)
    }

    /// The issuing CAs' certificates of both hierarchies.
    pub fn intermediates(&self) -> Vec<Certificate> {
        self.of_purpose(KeyPurpose::Issuing)
    }

    fn of_purpose(&self, purpose: KeyPurpose) -> Vec<Certificate> {
        self.keys.iter().filter(|key| key.purpose == purpose).map(|key| key.certificate.clone()).collect()
    }

    /// The newest key of that hierarchy and purpose.
    pub fn key(&self, hierarchy: Hierarchy, purpose: KeyPurpose) -> Result<&CertifiedKey> {
        let mut found = self.keys.iter().rev().filter(|key| key.hierarchy == hierarchy && key.purpose == purpose);
        let missing = || format!("no {} key in the hierarchy of {}", purpose.name(), hierarchy.name());
        Ok(found.next().ok_or_else(|| InternalError::other(missing()))?)
    }

    /// The issuing CA of a hierarchy.
    pub fn issuing(&self, hierarchy: Hierarchy) -> Result<&CertifiedKey> {
        self.key(hierarchy, KeyPurpose::Issuing)
    }

    /// The key of that label.
    pub fn by_label(&self, label: &str) -> Option<&CertifiedKey> {
        self.keys.iter().find(|key| key.label == label)
    }

    /// Issuing CA and root of a hierarchy, as they travel with signatures.
    pub fn chain(&self, hierarchy: Hierarchy) -> Result<Vec<Certificate>> {
        let (issuing, root) = (self.issuing(hierarchy)?, self.key(hierarchy, KeyPurpose::Root)?);
        Ok(vec![issuing.certificate.clone(), root.certificate.clone()])
    }
}

impl CertifiedKey {
    /// Whether it signs certificates and lists.
    pub fn is_issuer(&self) -> bool {
        matches!(self.purpose, KeyPurpose::Root | KeyPurpose::Issuing)
    }

    /// Signs a digest on the token that holds the key.
    pub async fn sign(&self, app: &App, digest: &[u8]) -> Result<Vec<u8>> {
        Ok(token_of(app, self.purpose).sign(&self.label, self.scheme, digest).await?)
    }
}

/// The token for keys of that purpose: CA keys lie apart from those of status and time.
pub(super) fn token_of(app: &App, purpose: KeyPurpose) -> &dyn Hsm {
    match purpose {
        KeyPurpose::Root | KeyPurpose::Issuing => &*app.tokens.authority,
        KeyPurpose::Ocsp | KeyPurpose::Timestamp | KeyPurpose::Audit => &*app.tokens.status,
    }
}

/// Refuses tokens that hold another key under a label than its certificate says. Signatures are judged by the token's public keys before
/// they leave a worker, so this makes them signatures of the certificates.
async fn refuse_other_keys(app: &App, keys: &[CertifiedKey]) -> Result<()> {
    for token in [&*app.tokens.authority, &*app.tokens.status] {
        for held in token.service_keys().await? {
            let here = |key: &&CertifiedKey| std::ptr::addr_eq(token_of(app, key.purpose), token);
            let differs = |key: &CertifiedKey| key.label == held.label && key.certificate.spki_der() != held.spki_der;
            if keys.iter().filter(here).any(differs) {
                let text = format!("the token holds another key under {} than its certificate says", held.label);
                return Err(InternalError::other(text).into());
            }
        }
    }
    Ok(())
}

/// What a key of this certificate signs with.
pub(super) fn scheme_of(certificate: &Certificate) -> Result<SignatureScheme> {
    match certificate.public_key().map_err(internal)?.key_type() {
        KeyType::Ec(Curve::P256) => Ok(SignatureScheme::EcdsaSha256),
        KeyType::Ec(Curve::P384) => Ok(SignatureScheme::EcdsaSha384),
        KeyType::Rsa { .. } => Ok(SignatureScheme::RsaPssSha256),
        other => Err(InternalError::Pki(format!("an authority's key of type {other:?}")).into()),
    }
}

pub(super) fn internal(error: chuky_pki::Error) -> InternalError {
    InternalError::Pki(error.to_string())
}

/// A row as a certified key; `None` for retired keys and for those without a certificate (audit).
fn certified(row: AuthorityKey) -> Result<Option<CertifiedKey>> {
    let (Some(der), Some(hierarchy), None) = (&row.certificate, row.hierarchy, row.retired_at) else { return Ok(None) };
    let certificate = Certificate::from_der(der).map_err(internal)?;
    let scheme = scheme_of(&certificate)?;
    let AuthorityKey { label, purpose, issuer_label, .. } = row;
    Ok(Some(CertifiedKey { label, hierarchy, purpose, issuer_label, certificate, scheme }))
}
