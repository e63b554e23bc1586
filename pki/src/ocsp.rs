//! The online certificate status protocol (RFC 6960, nonces by RFC 9654): requests and answers, read with bounds and built in two
//! steps so that the HSM signs. Knows no database; `revocation` decides what somebody else's answer is worth.

mod answer;
mod request;

pub use answer::{
    BasicResponse, CertificateStatus, ResponderId, ResponseBuilder, SingleResponse, UnsignedResponse, error_response,
};
pub use request::{OcspRequest, OcspRequestBuilder};

use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, Reader, tag, write};
use crate::certificate::Certificate;
use crate::crypto;
use crate::error::Result;

/// Why a request is not answered (RFC 6960 §4.2.1, OCSPResponseStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspFailure {
    MalformedRequest = 1,
    InternalError = 2,
    TryLater = 3,
    SignatureRequired = 5,
    Unauthorized = 6,
}

/// Which certificate is asked about: digests of its issuer's name and key, and its serial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateIdentifier {
    pub hash: DigestAlgorithm,
    pub issuer_name_hash: Vec<u8>,
    pub issuer_key_hash: Vec<u8>,
    /// Content octets of the INTEGER.
    pub serial: Vec<u8>,
    /// The DER as it was read or built, echoed in answers.
    pub der: Vec<u8>,
}

impl CertificateIdentifier {
    /// The identifier of a certificate under its issuer. `serial` are content octets.
    pub fn new(hash: DigestAlgorithm, issuer: &Certificate, serial: &[u8]) -> Self {
        let issuer_name_hash = crypto::digest(hash, issuer.subject().as_der());
        let issuer_key_hash = crypto::digest(hash, issuer.key_octets());
        // RFC 5754 §2 leaves the parameters absent; SHA-1 is written with NULL as everybody does (RFC 3279 §2.1).
        let algorithm = write::sequence(&[write::oid(&hash.oid()), write::null()]);
        let der = write::sequence(&[
            algorithm,
            write::octet_string(&issuer_name_hash),
            write::octet_string(&issuer_key_hash),
            write::element(tag::INTEGER, serial),
        ]);
        Self { hash, issuer_name_hash, issuer_key_hash, serial: serial.to_vec(), der }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "CertID";
        let element = reader.expect(tag::SEQUENCE, WHAT)?;
        let mut fields = element.reader();
        let algorithm: Element<'_> = fields.expect(tag::SEQUENCE, WHAT)?;
        let hash = DigestAlgorithm::from_identifier(&algorithm)?;
        let issuer_name_hash = fields.expect(tag::OCTET_STRING, WHAT)?.content.to_vec();
        let issuer_key_hash = fields.expect(tag::OCTET_STRING, WHAT)?.content.to_vec();
        let serial = fields.expect(tag::INTEGER, WHAT)?.content.to_vec();
        fields.finish(WHAT)?;
        Ok(Self { hash, issuer_name_hash, issuer_key_hash, serial, der: element.raw.to_vec() })
    }

    /// Whether the identifier is of a certificate of this issuer.
    pub fn is_of_issuer(&self, issuer: &Certificate) -> bool {
        self.issuer_name_hash == crypto::digest(self.hash, issuer.subject().as_der())
            && self.issuer_key_hash == crypto::digest(self.hash, issuer.key_octets())
    }
}
