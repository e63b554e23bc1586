//! OCSP requests (RFC 6960 §4.1), from strangers: bounded in length, number of certificates and nonce.

use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, tag, write};
use crate::certificate::Certificate;
use crate::crypto;
use crate::error::{Error, Result};
use crate::{extension, limits, oid};
use der::asn1::ObjectIdentifier;

/// `CertID`: which certificate is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateIdentifier {
    /// As it was sent, to be echoed.
    pub der: Vec<u8>,
    pub hash_algorithm: DigestAlgorithm,
    pub issuer_name_hash: Vec<u8>,
    pub issuer_key_hash: Vec<u8>,
    /// Content octets of the INTEGER.
    pub serial: Vec<u8>,
}

impl CertificateIdentifier {
    /// Reads a `CertID`.
    pub fn read(element: &Element<'_>) -> Result<Self> {
        const WHAT: &str = "CertID";
        let mut fields = element.reader();
        let hash_algorithm = DigestAlgorithm::from_identifier(&fields.expect(tag::SEQUENCE, WHAT)?)?;
        let issuer_name_hash = fields.expect(tag::OCTET_STRING, WHAT)?.content.to_vec();
        let issuer_key_hash = fields.expect(tag::OCTET_STRING, WHAT)?.content.to_vec();
        let serial = fields.expect(tag::INTEGER, WHAT)?.content.to_vec();
        fields.finish(WHAT)?;
        Ok(Self { der: element.raw.to_vec(), hash_algorithm, issuer_name_hash, issuer_key_hash, serial })
    }

    /// Reads the DER of one.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        Self::read(&Element::only(der, "CertID")?)
    }

    /// The identifier of a certificate of this issuer, with SHA-1 as responders expect (RFC 5019 §2.1.1).
    pub fn new(issuer: &Certificate, serial: &[u8]) -> Self {
        Self::with((DigestAlgorithm::Sha1, oid::SHA1), issuer, serial)
    }

    /// The same with SHA-256.
    pub fn with_sha256(issuer: &Certificate, serial: &[u8]) -> Self {
        Self::with((DigestAlgorithm::Sha256, oid::SHA256), issuer, serial)
    }

    fn with((hash_algorithm, name): (DigestAlgorithm, ObjectIdentifier), issuer: &Certificate, serial: &[u8]) -> Self {
        let hash = |bytes: &[u8]| crypto::digest(hash_algorithm, bytes);
        let (issuer_name_hash, issuer_key_hash) = (hash(issuer.subject().as_der()), hash(issuer.key_octets()));
        let der = write::sequence(&[
            write::sequence(&[write::oid(&name), write::null()]),
            write::octet_string(&issuer_name_hash),
            write::octet_string(&issuer_key_hash),
            write::element(tag::INTEGER, serial),
        ]);
        Self { der, hash_algorithm, issuer_name_hash, issuer_key_hash, serial: serial.to_vec() }
    }

    /// Whether the issuer named is this one.
    pub fn names_issuer(&self, issuer: &Certificate) -> bool {
        self.issuer_key_hash == crypto::digest(self.hash_algorithm, issuer.key_octets())
            && self.issuer_name_hash == crypto::digest(self.hash_algorithm, issuer.subject().as_der())
    }
}

/// A request, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    /// At least one.
    pub certificates: Vec<CertificateIdentifier>,
    /// To be echoed.
    pub nonce: Option<Vec<u8>>,
}

impl OcspRequest {
    /// A request about these certificates, as a client sends it.
    pub fn to_der(certificates: &[CertificateIdentifier], nonce: Option<&[u8]>) -> Vec<u8> {
        let list: Vec<Vec<u8>> = certificates.iter().map(|one| write::sequence(&[&one.der])).collect();
        let extensions = nonce.map(|nonce| {
            let value = write::octet_string(&write::octet_string(nonce));
            let extension = write::sequence(&[write::oid(&oid::OCSP_NONCE), value]);
            write::element(tag::constructed(2), &write::sequence(&[extension]))
        });
        write::sequence(&[write::sequence(&[write::sequence(&list), extensions.unwrap_or_default()])])
    }

    /// Reads a request. A signature on it is read over.
    pub fn parse(input: &[u8]) -> Result<Self> {
        const WHAT: &str = "OCSPRequest";
        if input.len() > limits::LONGEST_OCSP_REQUEST {
            return Err(Error::Limit("OCSP request length"));
        }
        let mut outer = Element::sequence(input, WHAT)?;
        let mut fields = outer.sequence(WHAT)?;
        outer.optional(tag::constructed(0))?;
        outer.finish(WHAT)?;
        fields.optional(tag::constructed(0))?;
        fields.optional(tag::constructed(1))?;
        let mut list = fields.sequence(WHAT)?;
        let mut certificates = Vec::new();
        while !list.is_empty() {
            if certificates.len() >= limits::MOST_OCSP_CERTIFICATES {
                return Err(Error::Limit("certificates in one OCSP request"));
            }
            certificates.push(CertificateIdentifier::read(&list.sequence(WHAT)?.expect(tag::SEQUENCE, WHAT)?)?);
        }
        if certificates.is_empty() {
            return Err(Error::Malformed(WHAT));
        }
        let extensions = match fields.optional(tag::constructed(2))? {
            Some(wrapped) => extension::read_extensions(&wrapped.reader().expect(tag::SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        fields.finish(WHAT)?;
        let nonce = match extension::find(&extensions, &oid::OCSP_NONCE) {
            Some(extension) => Some(read_nonce(&extension.value)?),
            None => None,
        };
        Ok(Self { certificates, nonce })
    }
}

/// RFC 9654 §2.1: OCTET STRING of 1 to 128 octets. Old clients leave the inner OCTET STRING out.
pub(super) fn read_nonce(value: &[u8]) -> Result<Vec<u8>> {
    let octets = match Element::only(value, "nonce") {
        Ok(element) if element.tag == tag::OCTET_STRING => element.content,
        _ => value,
    };
    if octets.is_empty() || octets.len() > limits::LONGEST_OCSP_NONCE {
        return Err(Error::Malformed("OCSP nonce"));
    }
    Ok(octets.to_vec())
}
