//! What a signature takes along and is judged by: the authority's certificates, its lists, and timestamps of its own. Reads what
//! issuance published; issues nothing itself.

use super::limits::TIMESTAMP_BYTES;
use crate::{
    app::App,
    custody::Signer,
    error::{InternalError, Result},
    issuance::{Authority, CertifiedKey, ocsp, revocation_list, timestamp},
    reader::{Evidence, LongTerm},
};
use chuky_model::{record::state::KeyPurpose, request::Hierarchy};
use chuky_pki::certificate::Certificate;
use std::sync::Arc;

/// The authority as the signer's hierarchy sees it.
pub struct Surroundings {
    authority: Arc<Authority>,
    hierarchy: Hierarchy,
    issuer_label: String,
}

impl Surroundings {
    /// Of this signer.
    pub async fn of(app: &App, signer: &Signer) -> Result<Self> {
        let issuer_label = signer.row.issuer_label.clone();
        Ok(Self { authority: Authority::of(app).await?, hierarchy: signer.row.hierarchy, issuer_label })
    }

    /// What travels in the CMS beside the signer's certificate: the issuing CA, not the root, which a verifier must know itself.
    pub fn travelling(&self) -> Result<Vec<Certificate>> {
        let missing = || InternalError::other("the signer's issuing CA is not known");
        let issuer = self.authority.by_label(&self.issuer_label).ok_or_else(missing)?;
        Ok(vec![issuer.certificate.clone()])
    }

    /// Bytes that a timestamp of the own authority takes at most.
    pub fn timestamp_bytes(&self) -> Result<usize> {
        let stamping = self.authority.key(self.hierarchy, KeyPurpose::Timestamp)?;
        let above = self.authority.issuer_of(stamping)?.certificate.der().len();
        Ok(above + stamping.certificate.der().len() + TIMESTAMP_BYTES)
    }

    /// A timestamp token over a signature value's digest.
    pub async fn timestamp(&self, app: &App, digest: &[u8; 32]) -> Result<Vec<u8>> {
        timestamp::token(app, self.hierarchy, digest).await
    }

    /// Certificates and lists that a later verifier needs: of the signer, the authorities and the timestamp authority.
    pub async fn long_term(&self, app: &App, signer: &Signer) -> Result<LongTerm> {
        let mut data = LongTerm { certificates: vec![signer.certificate.der().to_vec()], ..LongTerm::default() };
        for key in self.keys().filter(|key| key.is_issuer() || key.purpose == KeyPurpose::Timestamp) {
            data.certificates.push(key.certificate.der().to_vec());
        }
        data.crls = self.lists(app).await?;
        // The list may be a day old, or too long to travel; these answers are of now.
        data.ocsp_responses.push(ocsp::response_about(app, &signer.certificate).await?);
        if data.crls.len() < self.keys().filter(|key| key.is_issuer()).count() {
            let stamping = self.authority.key(self.hierarchy, KeyPurpose::Timestamp)?;
            data.ocsp_responses.push(ocsp::response_about(app, &stamping.certificate).await?);
        }
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

    fn keys(&self) -> impl Iterator<Item = &CertifiedKey> {
        self.authority.keys().iter().filter(|key| key.hierarchy == self.hierarchy)
    }
}
