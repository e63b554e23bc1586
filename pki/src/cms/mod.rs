//! Cryptographic Message Syntax (RFC 5652): reading `SignedData` from strangers, checking what its bytes prove, and building CAdES
//! signatures in two steps. Trust is judged elsewhere; nothing here looks at a clock.

mod archive;
pub mod ber;
pub mod build;
mod counter;
mod evidence;
pub mod long_term;
mod read;
mod signer;

pub use archive::{ArchiveTimestamp, ArchiveVersion, Protected};
pub use evidence::before_evidence_records;
pub use read::{Attribute, SignerIdentifier, SignerInfo};
pub use signer::{ATTRIBUTE_ORDER, SignerFindings};

use crate::algorithm::DigestAlgorithm;
use crate::certificate::Certificate;
use crate::crypto;
use crate::error::{Error, Result};
use der::asn1::ObjectIdentifier;
use std::collections::BTreeMap;

/// A `SignedData`, read. Everything is kept in DER.
#[derive(Clone, Debug)]
pub struct SignedData {
    /// `eContentType`.
    pub content_type: ObjectIdentifier,
    /// The encapsulated content's octets; `None` where the signature is detached.
    pub content: Option<Vec<u8>>,
    /// The `digestAlgorithms` that are known here.
    pub digest_algorithms: Vec<DigestAlgorithm>,
    /// Certificates that could be read, in file order, also those of the certificate-values attribute.
    pub certificates: Vec<Certificate>,
    /// How many certificates could not be read.
    pub unreadable_certificates: usize,
    /// The `certificates` field, DER with its tag, for archive timestamps.
    pub certificates_der: Option<Vec<u8>>,
    /// The `crls` field, DER with its tag, for archive timestamps.
    pub revocation_der: Option<Vec<u8>>,
    /// CRLs, DER: from the `crls` field, revocation-values and adbe-revocationInfoArchival.
    pub crls: Vec<Vec<u8>>,
    /// `OCSPResponse` or `BasicOCSPResponse`, DER, from the same places.
    pub ocsp_responses: Vec<Vec<u8>>,
    /// The signers.
    pub signers: Vec<SignerInfo>,
}

impl SignedData {
    /// Reads a `ContentInfo` that holds a `SignedData`, BER or DER, nothing behind it.
    pub fn parse(input: &[u8]) -> Result<Self> {
        let (signed_data, length) = Self::parse_prefix(input)?;
        if length == input.len() { Ok(signed_data) } else { Err(Error::Malformed("CMS: bytes behind the object")) }
    }

    /// Reads one from the beginning of `input` and says how many bytes it took. A PDF's `Contents` is padded: its reader must see
    /// to it that only zeros follow.
    pub fn parse_prefix(input: &[u8]) -> Result<(Self, usize)> {
        let (der, length) = ber::normalise(input)?;
        Ok((read::signed_data(&der)?, length))
    }

    /// Checks every signer. `detached_digest` gives the digest of the detached content; `None` where the content is not at hand.
    /// `further` are certificates from elsewhere in the file, for signatures that carry none.
    pub fn check(
        &self,
        further: &[Certificate],
        detached_digest: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
    ) -> Vec<SignerFindings> {
        // However many signers there are, the content is digested once for each algorithm.
        let mut known = BTreeMap::new();
        let mut digest = |algorithm| {
            let compute = || match &self.content {
                Some(content) => Some(crypto::digest(algorithm, content)),
                None => detached_digest(algorithm),
            };
            known.entry(algorithm).or_insert_with(compute).clone()
        };
        self.signers.iter().map(|signer| signer.check(self, further, &mut digest)).collect()
    }

    /// Whether this is the object of an `adbe.pkcs7.sha1` signature over content with that SHA-1 (ISO 32000-1 §12.8.3.3.1): the
    /// encapsulated content is the digest itself.
    pub fn encapsulates_sha1(&self, sha1: &[u8]) -> bool {
        self.content.as_deref() == Some(sha1)
    }
}

/// An `adbe.x509.rsa_sha1` signature (ISO 32000-1 §12.8.3.2): `Contents` is a DER OCTET STRING with a bare PKCS #1 signature.
/// Checks it over the digest of the covered bytes, made with any hash the signature may use.
pub fn check_adbe_x509(
    contents: &[u8],
    certificate: &Certificate,
    digest_of_content: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
) -> Result<DigestAlgorithm> {
    use crate::algorithm::SignatureAlgorithm;
    let (der, _) = ber::normalise(contents)?;
    let element = crate::asn1::Element::only(&der, "adbe.x509.rsa_sha1 signature")?;
    if element.tag != crate::asn1::tag::OCTET_STRING {
        return Err(Error::Malformed("adbe.x509.rsa_sha1 signature"));
    }
    let key = certificate.public_key()?;
    // ISO 32000-2 table 260 allows SHA-1 to SHA-512 and RIPEMD-160 under this name.
    for algorithm in [DigestAlgorithm::Sha1, DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512]
    {
        if let Some(digest) = digest_of_content(algorithm)
            && key.verify_digest(SignatureAlgorithm::RsaPkcs1(algorithm), &digest, element.content).is_ok()
        {
            return Ok(algorithm);
        }
    }
    Err(Error::BadSignature)
}
