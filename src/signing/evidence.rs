//! What a signature takes along and is judged by: the authority's certificates, its lists, and timestamps of its own. Reads what
//! issuance published; issues nothing itself.

use super::limits::TIMESTAMP_BYTES;
use crate::{
    app::App,
    custody::Signer,
    error::{InternalError, Result},
    issuance::{Authority, CertifiedKey},
    reader::{Evidence, LongTerm},
};
use chuky_model::{record::state::KeyPurpose, request::Hierarchy, serial::Serial};
use chuky_pki::{
    certificate::Certificate,
    timestamp::{TimestampRequest, TokenToMake, granted},
};
use rand::Rng;
use std::sync::Arc;

/// The authority as the signer's hierarchy sees it.
pub struct Surroundings {
    authority: Arc<Authority>,
    hierarchy: Hierarchy,
}

impl Surroundings {
    /// Of this signer.
    pub async fn of(app: &App, signer: &Signer) -> Result<Self> {
        Ok(Self { authority: Authority::of(app).await?, hierarchy: signer.row.hierarchy })
    }

    /// What travels in the CMS beside the signer's certificate: the issuing CA, not the root, which a verifier must know itself.
    pub fn travelling(&self) -> Result<Vec<Certificate>> {
        Ok(vec![self.authority.issuing(self.hierarchy)?.certificate.clone()])
    }

    /// Bytes that a timestamp of the own authority takes at most.
    pub fn timestamp_bytes(&self) -> Result<usize> {
        let stamping = self.authority.key(self.hierarchy, KeyPurpose::Timestamp)?;
        let above = self.authority.chain(self.hierarchy)?;
        let certificates: usize = above.iter().map(|certificate| certificate.der().len()).sum();
        Ok(certificates + stamping.certificate.der().len() + TIMESTAMP_BYTES)
    }

    /// A timestamp token over a signature value's digest.
    pub async fn timestamp(&self, app: &App, digest: &[u8; 32]) -> Result<Vec<u8>> {
        let stamping = self.authority.key(self.hierarchy, KeyPurpose::Timestamp)?;
        let policies = stamping.certificate.policies().map_err(pki)?;
        let policy = *policies.first().ok_or_else(|| InternalError::other("a timestamp authority without a policy"))?;
        let mut random = [0; Serial::RANDOM_OCTETS];
        rand::rng().fill_bytes(&mut random);
        let refused = |failure| InternalError::Pki(format!("timestamp: {failure:?}"));
        let request = TimestampRequest::parse(&TimestampRequest::to_der(digest, &random)).map_err(refused)?;
        let (serial, at) = (Serial::from_random(random), app.clock.now());
        let token = TokenToMake::new(&request, &stamping.certificate, stamping.scheme, policy, &serial, at);
        let token = token.map_err(refused)?;
        let signature = stamping.sign(app, token.digest_to_sign()).await?;
        let above = self.authority.issuing(self.hierarchy)?.certificate.clone();
        Ok(granted(&token.assemble(&signature, &[above])).map_err(pki)?)
    }

    /// Certificates and lists that a later verifier needs: of the signer, the authorities and the timestamp authority.
    pub async fn long_term(&self, app: &App, signer: &Signer) -> Result<LongTerm> {
        let mut data = LongTerm { certificates: vec![signer.certificate.der().to_vec()], ..LongTerm::default() };
        for key in self.keys().filter(|key| key.is_issuer() || key.purpose == KeyPurpose::Timestamp) {
            data.certificates.push(key.certificate.der().to_vec());
        }
        for issuer in self.keys().filter(|key| key.is_issuer()) {
            let list = app.store.latest_crl(&issuer.label).await?;
            let missing = || InternalError::other(format!("{} has published no list", issuer.label));
            data.crls.push(list.ok_or_else(missing)?.list);
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
            if key.is_issuer()
                && let Some(list) = app.store.latest_crl(&key.label).await?
            {
                evidence.crls.push(list.list);
            }
        }
        Ok(evidence)
    }

    fn keys(&self) -> impl Iterator<Item = &CertifiedKey> {
        self.authority.keys().iter().filter(|key| key.hierarchy == self.hierarchy)
    }
}

fn pki(error: chuky_pki::Error) -> InternalError {
    InternalError::Pki(error.to_string())
}
