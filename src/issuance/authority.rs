//! The authority's own keys with their certificates, as the ceremony stored them: read once from rows whose MACs were checked,
//! then kept. Signs through the token that holds the key; never makes a key and never decides what is signed.

use super::register;
use crate::{
    app::App,
    current,
    error::{InternalError, RequestError, Result},
};
use chuky_hsm::Hsm;
use chuky_model::{
    algorithm::SignatureScheme,
    record::{
        certificate::AuthorityKey,
        state::{AuthorityState, KeyPurpose},
    },
    request::Hierarchy,
};
use chuky_pki::{
    certificate::Certificate,
    crypto::{Curve, KeyType},
};
use std::sync::{Arc, PoisonError, RwLock};

/// Where the running service keeps the authority after it was read.
#[derive(Default)]
pub struct Kept(RwLock<Option<Arc<Authority>>>);

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
    /// The token of its own that the key lies on, which may be away.
    pub token: Option<String>,
    pub state: AuthorityState,
    /// The log says that its certificate is revoked, or that of the CA of a timestamp authority: it is in use for nothing but lists and status of
    /// what it issued.
    pub revoked: bool,
}

/// Every certified key of the authority that is not retired, in both hierarchies.
#[derive(Clone, Debug)]
pub struct Authority {
    keys: Vec<CertifiedKey>,
    crosses: Vec<(String, Certificate)>,
    /// What the register had learned of these certificates when they were read.
    learned: u64,
}

impl Authority {
    /// The authority of the running service; an error of the world where no ceremony was held yet.
    pub async fn of(app: &App) -> Result<Arc<Self>> {
        let kept = app.authority.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        match kept {
            Some(kept) if kept.learned == app.register.own_learned() => Ok(kept),
            _ => Self::refresh(app).await,
        }
    }

    /// Reads it anew: a ceremony may have been held beside the running service.
    pub async fn refresh(app: &App) -> Result<Arc<Self>> {
        let loaded = Self::load(app).await?;
        *app.authority.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    async fn load(app: &App) -> Result<Arc<Self>> {
        register::follow(app).await?;
        let learned = app.register.own_learned();
        let mut keys = Vec::new();
        for listed in app.store.authority_keys().await? {
            let row = current::row_by_log(app, || app.store.authority_key_by_label(&listed.label)).await?;
            keys.extend(row.map(certified).transpose()?.flatten());
        }
        for key in &mut keys {
            let issuer = key.issuer_label.as_deref();
            key.revoked |= issuer.is_some_and(|issuer| app.register.is_revoked(issuer, &key.certificate));
        }
        // What a revoked CA's timestamp authority stamps is believed by nobody; its responder goes on, for what was signed before.
        let revoked: Vec<String> = keys.iter().filter(|key| key.revoked).map(|key| key.label.clone()).collect();
        for key in keys.iter_mut().filter(|key| key.purpose == KeyPurpose::Timestamp) {
            key.revoked |= key.issuer_label.as_ref().is_some_and(|issuer| revoked.contains(issuer));
        }
        let mut crosses = Vec::new();
        for row in app.store.cross_certificates().await? {
            let row = crate::attestation::check(&*app.tokens.subscribers, row).await?;
            crosses.push((row.label, Certificate::from_der(&row.certificate).map_err(internal)?));
        }
        if keys.is_empty() {
            return Err(InternalError::other("no ceremony has been held: run `chuky ceremony`").into());
        }
        refuse_other_keys(app, &keys).await?;
        Ok(Arc::new(Self { keys, crosses, learned }))
    }

    /// The authority that rows tell of, none of them checked: for `chuky doctor`, which opens no token and decides nothing.
    pub fn unchecked(rows: Vec<AuthorityKey>) -> Result<Self> {
        let keys: Vec<_> = rows.into_iter().map(certified).collect::<Result<_>>()?;
        Ok(Self { keys: keys.into_iter().flatten().collect(), crosses: Vec::new(), learned: 0 })
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

    /// The issuing CAs' certificates of both hierarchies, and those of roots by other roots.
    pub fn intermediates(&self) -> Vec<Certificate> {
        let mut intermediates = self.of_purpose(KeyPurpose::Issuing);
        intermediates.extend(self.crosses.iter().map(|(_, certificate)| certificate.clone()));
        intermediates
    }

    /// The certificate of a root by another, by its label.
    pub fn cross(&self, label: &str) -> Option<&Certificate> {
        self.crosses.iter().find(|(known, _)| known == label).map(|(_, certificate)| certificate)
    }

    fn of_purpose(&self, purpose: KeyPurpose) -> Vec<Certificate> {
        self.keys.iter().filter(|key| key.purpose == purpose).map(|key| key.certificate.clone()).collect()
    }

    /// The newest key of that hierarchy and purpose that is in use.
    pub fn key(&self, hierarchy: Hierarchy, purpose: KeyPurpose) -> Result<&CertifiedKey> {
        let of = |key: &&CertifiedKey| key.hierarchy == hierarchy && key.purpose == purpose;
        let mut found = self.keys.iter().rev().filter(of).filter(|key| key.is_active());
        let missing = || format!("no {} key in the hierarchy of {}", purpose.name(), hierarchy.name());
        Ok(found.next().ok_or_else(|| InternalError::other(missing()))?)
    }

    /// The CA that issues in a hierarchy; an error of the request where none does any more.
    pub fn issuing(&self, hierarchy: Hierarchy) -> Result<&CertifiedKey> {
        Ok(self.key(hierarchy, KeyPurpose::Issuing).map_err(|_| no_issuing())?)
    }

    /// The newest responder that an issuing CA delegated and did not revoke.
    pub fn responder(&self, issuer: &CertifiedKey) -> Result<&CertifiedKey> {
        let own = |key: &&CertifiedKey| key.issuer_label.as_deref() == Some(issuer.label.as_str()) && !key.revoked;
        let found = self.keys.iter().rev().filter(|key| key.purpose == KeyPurpose::Ocsp).find(own);
        let missing = || InternalError::other(format!("{} has no responder", issuer.label));
        Ok(found.ok_or_else(missing)?)
    }

    /// The CA of this authority that signed a certificate: by its name, and by its key, for a name alone does not tell two CAs apart.
    pub fn signer_of(&self, certificate: &Certificate) -> Option<&CertifiedKey> {
        let named = |key: &&CertifiedKey| key.certificate.subject().matches(certificate.issuer());
        let signed = |key: &&CertifiedKey| {
            key.certificate.public_key().is_ok_and(|key| certificate.verify_signature(&key).is_ok())
        };
        self.issuers().filter(named).find(signed)
    }

    /// Who issued a key's certificate.
    pub fn issuer_of(&self, key: &CertifiedKey) -> Result<&CertifiedKey> {
        let found = key.issuer_label.as_deref().and_then(|label| self.by_label(label));
        let missing = || InternalError::other(format!("the issuer of {} is not known", key.label));
        Ok(found.ok_or_else(missing)?)
    }

    /// The key of that label.
    pub fn by_label(&self, label: &str) -> Option<&CertifiedKey> {
        self.keys.iter().find(|key| key.label == label)
    }

    /// Issuing CA and root of a hierarchy, as they travel with signatures.
    pub fn chain(&self, hierarchy: Hierarchy) -> Result<Vec<Certificate>> {
        self.chain_of(self.issuing(hierarchy)?)
    }

    /// An issuing CA and its root, as they go with what it issued.
    pub fn chain_of(&self, issuing: &CertifiedKey) -> Result<Vec<Certificate>> {
        let root = self.issuer_of(issuing)?;
        Ok(vec![issuing.certificate.clone(), root.certificate.clone()])
    }
}

impl CertifiedKey {
    /// Whether it signs certificates and lists.
    pub fn is_issuer(&self) -> bool {
        matches!(self.purpose, KeyPurpose::Root | KeyPurpose::Issuing)
    }

    /// Whether it is in use for what is new.
    pub fn is_active(&self) -> bool {
        self.state == AuthorityState::Active && !self.revoked
    }

    /// Whether the token that holds the key is not here.
    pub fn is_away(&self, app: &App) -> bool {
        self.token.as_ref().is_some_and(|label| !app.tokens.roots.iter().any(|token| token.label == *label))
    }

    /// Signs a digest on a token that holds the key of this certificate. One of a CA that has ended signs nothing.
    pub async fn sign(&self, app: &App, digest: &[u8]) -> Result<Vec<u8>> {
        if self.state == AuthorityState::Ended {
            return Err(InternalError::other(format!("the CA {} has ended", self.label)).into());
        }
        // Whoever asked a moment ago for the key in use may hold one that was revoked since.
        let speaks = matches!(self.purpose, KeyPurpose::Ocsp | KeyPurpose::Timestamp);
        if let (true, Some(issuer)) = (speaks, self.issuer_label.as_deref())
            && app.register.is_revoked(issuer, &self.certificate)
        {
            return Err(InternalError::other(format!("the certificate of {} is revoked", self.label)).into());
        }
        let key = (self.label.as_str(), self.certificate.spki_der());
        Ok(token_of(app, self.purpose, self.token.as_deref())?.sign_as(key, self.scheme, digest).await?)
    }
}

/// The token for keys of that purpose: CA keys lie apart from those of status and time, and a root perhaps on a token of its own.
pub(super) fn token_of<'a>(app: &'a App, purpose: KeyPurpose, own: Option<&str>) -> Result<&'a dyn Hsm> {
    if let Some(label) = own {
        let token = app.tokens.roots.iter().find(|token| token.label == label);
        return Ok(token.map(|token| &*token.hsm).ok_or_else(|| root_away(label))?);
    }
    Ok(match purpose {
        KeyPurpose::Root | KeyPurpose::Issuing => &*app.tokens.authority,
        KeyPurpose::Ocsp | KeyPurpose::Timestamp | KeyPurpose::Audit => &*app.tokens.status,
    })
}

fn no_issuing() -> RequestError {
    RequestError::conflict(
        "no_issuing_ca",
        "Hiện không có CA nào cấp chứng thư trong hệ này. Hãy liên hệ đơn vị vận hành.",
        "No CA issues in this hierarchy at present. Ask the operator.",
    )
}

fn root_away(label: &str) -> RequestError {
    RequestError::conflict(
        "root_away",
        format!(
            "Khóa gốc nằm trên thiết bị {label}, hiện không được kết nối: việc này chỉ làm được trong lễ tạo khóa."
        ),
        format!("The root's key lies on the token {label}, which is not here: this is done in a ceremony only."),
    )
}

/// Refuses tokens that hold another key under a label than its certificate says, and names the label. Nothing would be signed with that key in
/// any case: each call names the public key of the certificate.
async fn refuse_other_keys(app: &App, keys: &[CertifiedKey]) -> Result<()> {
    for token in [&*app.tokens.authority, &*app.tokens.status] {
        for held in token.service_keys().await? {
            // A root on a token of its own is looked at when that token signs.
            let here = |key: &&CertifiedKey| {
                let of = token_of(app, key.purpose, None);
                key.token.is_none() && of.is_ok_and(|of| std::ptr::addr_eq(of, token))
            };
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
    let AuthorityKey { label, purpose, issuer_label, token, state, .. } = row;
    let state = state.unwrap_or(AuthorityState::Active);
    // Only a revocation takes a responder or a timestamp authority out of use.
    let speaks = matches!(purpose, KeyPurpose::Ocsp | KeyPurpose::Timestamp);
    let revoked = speaks && state == AuthorityState::Retiring;
    Ok(Some(CertifiedKey { label, hierarchy, purpose, issuer_label, certificate, scheme, token, state, revoked }))
}
