//! Bytes that wait for a signature: certificates, CRLs and OCSP answers are all SEQUENCE { content, algorithm, signature }.

use crate::algorithm::scheme_identifier_der;
use crate::asn1::write;
use crate::crypto::{self, PublicKey};
use crate::error::Result;
use chuky_model::algorithm::SignatureScheme;

/// What the key must sign, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToBeSigned {
    /// DER of the content.
    pub der: Vec<u8>,
    /// The scheme whose identifier stands in the content.
    pub scheme: SignatureScheme,
}

impl ToBeSigned {
    /// The digest to sign, with the scheme's hash.
    pub fn digest(&self) -> Vec<u8> {
        crypto::digest(self.scheme.hash().into(), &self.der)
    }

    /// Content, algorithm and signature as one SEQUENCE. Refuses a signature that `signer` does not verify.
    pub fn assemble(&self, signature: &[u8], signer: &PublicKey) -> Result<Vec<u8>> {
        signer.verify_digest(self.scheme.into(), &self.digest(), signature)?;
        Ok(self.assemble_judged(signature))
    }

    /// The same of a signature that was judged before, as those of the HSM are before they leave its worker.
    pub fn assemble_judged(&self, signature: &[u8]) -> Vec<u8> {
        write::sequence(&self.members(signature))
    }

    pub(crate) fn members(&self, signature: &[u8]) -> [Vec<u8>; 3] {
        [self.der.clone(), scheme_identifier_der(self.scheme), write::bit_string(signature)]
    }
}
