//! What a signature takes along and is judged by: the authority's certificates, its lists, and timestamps of its own. Reads what
//! issuance published; issues nothing itself.

use super::limits::TIMESTAMP_BYTES;
use crate::{
    app::App,
    custody::Signer,
    error::{InternalError, Result},
    issuance::{Authority, CertifiedKey, ocsp, revocation_list, timestamp},
    reader::Evidence,
};
use chuky_model::{instant::Instant, record::state::KeyPurpose, request::Hierarchy};
use chuky_pki::{
    algorithm::{DigestAlgorithm, SignatureAlgorithm},
    certificate::Certificate,
    pdf::write::LongTermData,
    verify::policy::{Used, ValidationPolicy},
};
use std::sync::Arc;

/// The authority of a hierarchy: what stamps, and what it is judged by.
pub struct Stamping {
    authority: Arc<Authority>,
    hierarchy: Hierarchy,
}

impl Stamping {
    /// Of this hierarchy.
    pub async fn of(app: &App, hierarchy: Hierarchy) -> Result<Self> {
        Ok(Self { authority: Authority::of(app).await?, hierarchy })
    }

    /// Bytes that a timestamp of the own authority takes at most.
    pub fn timestamp_bytes(&self) -> Result<usize> {
        let stamping = self.key()?;
        let above = self.authority.issuer_of(stamping)?.certificate.der().len();
        Ok(above + stamping.certificate.der().len() + TIMESTAMP_BYTES)
    }

    /// A timestamp token over a signature value's digest.
    pub async fn timestamp(&self, app: &App, digest: &[u8; 32]) -> Result<Vec<u8>> {
        timestamp::token(app, self.hierarchy, digest).await
    }

    /// Until when a timestamp that is made now counts by itself: its certificate, its issuer's or one of its algorithms ends then.
    pub fn counts_until(&self, now: Instant) -> Result<Instant> {
        let stamping = self.key()?;
        let issuer = &self.authority.issuer_of(stamping)?.certificate;
        let used = Used {
            what: String::new(),
            digests: vec![DigestAlgorithm::from(stamping.scheme.hash())],
            scheme: Some(SignatureAlgorithm::from(stamping.scheme)),
            key: stamping.certificate.public_key().ok().map(|key| key.key_type()),
        };
        let algorithms = ValidationPolicy::standard().reliable_until(&used).filter(|end| *end > now);
        let ends = [stamping.certificate.not_after(), issuer.not_after()];
        Ok(ends.into_iter().chain(algorithms).min().unwrap_or(now))
    }

    /// Certificates and lists that check the timestamps, and whatever else the authority's issuers have signed.
    pub async fn long_term(&self, app: &App) -> Result<LongTermData> {
        let mut data = LongTermData::default();
        for key in self.keys().filter(|key| key.is_issuer() || key.purpose == KeyPurpose::Timestamp) {
            data.certificates.push(key.certificate.der().to_vec());
        }
        data.revocation_lists = self.lists(app).await?;
        // A list may be too long to travel; this answer is of now.
        if data.revocation_lists.len() < self.keys().filter(|key| key.is_issuer()).count() {
            data.ocsp_responses.push(ocsp::response_about(app, &self.key()?.certificate).await?);
        }
        Ok(data)
    }

    /// The same with the certificate of a signer of this hierarchy, and its status.
    pub async fn long_term_of(&self, app: &App, signer: &Certificate) -> Result<LongTermData> {
        let mut data = self.long_term(app).await?;
        data.certificates.insert(0, signer.der().to_vec());
        // The list may be a day old; this answer is of now.
        data.ocsp_responses.insert(0, ocsp::response_about(app, signer).await?);
        Ok(data)
    }

    /// What the own verifier judges the result by.
    pub async fn judging(&self, app: &App) -> Result<Evidence> {
        let mut evidence = Evidence::at(app.clock.now());
        for key in self.keys() {
            let der = key.certificate.der().to_vec();
            match key.purpose {
                KeyPurpose::Root => evidence.anchors.push(der),
                _ => evidence.intermediates.push(der),
            }
        }
        evidence.crls = self.lists(app).await?;
        Ok(evidence)
    }

    async fn lists(&self, app: &App) -> Result<Vec<Vec<u8>>> {
        let mut lists = Vec::new();
        for issuer in self.keys().filter(|key| key.is_issuer()) {
            lists.extend(revocation_list::whole(app, issuer).await?);
        }
        Ok(lists)
    }

    fn key(&self) -> Result<&CertifiedKey> {
        self.authority.key(self.hierarchy, KeyPurpose::Timestamp)
    }

    fn keys(&self) -> impl Iterator<Item = &CertifiedKey> {
        self.authority.keys().iter().filter(|key| key.hierarchy == self.hierarchy)
    }
}

/// The authority as the signer's hierarchy sees it.
pub struct Surroundings {
    pub stamping: Stamping,
    issuer_label: String,
}

impl Surroundings {
    /// Of this signer.
    pub async fn of(app: &App, signer: &Signer) -> Result<Self> {
        let issuer_label = signer.row.issuer_label.clone();
        Ok(Self { stamping: Stamping::of(app, signer.row.hierarchy).await?, issuer_label })
    }

    /// What travels in the CMS beside the signer's certificate: the issuing CA, not the root, which a verifier must know itself.
    pub fn travelling(&self) -> Result<Vec<Certificate>> {
        let missing = || InternalError::other("the signer's issuing CA is not known");
        let issuer = self.stamping.authority.by_label(&self.issuer_label).ok_or_else(missing)?;
        Ok(vec![issuer.certificate.clone()])
    }

    /// Certificates and lists that a later verifier needs: of the signer, the authorities and the timestamp authority.
    pub async fn long_term(&self, app: &App, signer: &Signer) -> Result<LongTermData> {
        self.stamping.long_term_of(app, &signer.certificate).await
    }
}
