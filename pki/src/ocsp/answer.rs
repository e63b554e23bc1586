//! Answers: built in two steps for our responder, read with bounds where they came from somebody else.

use super::{
    CertificateIdentifier, OcspFailure,
    request::{nonce_extension, read_nonce},
};
use crate::algorithm::{SignatureAlgorithm, scheme_identifier_der};
use crate::asn1::{Element, Reader, tag, write};
use crate::certificate::Certificate;
use crate::crl::RevocationReason;
use crate::crypto::{self, PublicKey};
use crate::error::{Error, Result};
use crate::name::Name;
use crate::{algorithm::DigestAlgorithm, extension, limits, oid};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;

/// What an answer says of one certificate (RFC 6960 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    Good,
    Revoked { at: Instant, reason: Option<RevocationReason> },
    Unknown,
}

/// The answer on one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleResponse {
    pub certificate: CertificateIdentifier,
    pub status: CertificateStatus,
    pub this_update: Instant,
    pub next_update: Option<Instant>,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponderId {
    Name(Name),
    /// SHA-1 of the responder's key octets.
    KeyHash(Vec<u8>),
}

/// A successful answer as it was read; nothing is verified yet.
#[derive(Clone, Debug)]
pub struct BasicResponse {
    tbs: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
    pub responder: ResponderId,
    pub produced_at: Instant,
    pub responses: Vec<SingleResponse>,
    pub nonce: Option<Vec<u8>>,
    pub certificates: Vec<Certificate>,
}

impl BasicResponse {
    /// Reads an `OCSPResponse`, or a bare `BasicOCSPResponse` as it stands inside CMS and DSS. An answer that is an error is
    /// `Unsupported`.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "OCSPResponse";
        if der.len() > limits::LONGEST_OCSP_RESPONSE {
            return Err(Error::Limit("OCSP response length"));
        }
        let outer = Element::only(der, WHAT)?;
        let mut fields = outer.reader();
        if fields.peek() != Some(tag::ENUMERATED) {
            return Self::read_basic(&outer);
        }
        let status = fields.any()?.unsigned()?;
        let Some(bytes) = fields.optional(tag::constructed(0))? else {
            return Err(Error::Unsupported(format!("OCSP response with status {status}")));
        };
        let mut bytes = bytes.reader().sequence(WHAT)?;
        if bytes.oid(WHAT)? != oid::OCSP_BASIC {
            return Err(Error::Unsupported("OCSP response type".into()));
        }
        Self::read_basic(&Element::only(bytes.expect(tag::OCTET_STRING, WHAT)?.content, WHAT)?)
    }

    fn read_basic(element: &Element<'_>) -> Result<Self> {
        const WHAT: &str = "BasicOCSPResponse";
        let mut outer = element.reader();
        let tbs = outer.expect(tag::SEQUENCE, WHAT)?;
        let algorithm = SignatureAlgorithm::from_identifier(&outer.expect(tag::SEQUENCE, WHAT)?)?;
        let signature = outer.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?.to_vec();
        let certificates = match outer.optional(tag::constructed(0))? {
            Some(element) => read_certificates(element.reader().sequence(WHAT)?)?,
            None => Vec::new(),
        };
        let mut fields = tbs.reader();
        fields.optional(tag::constructed(0))?;
        let responder = match fields.any()? {
            element if element.tag == tag::constructed(1) => ResponderId::Name(Name::from_der(element.content)?),
            element if element.tag == tag::constructed(2) => {
                ResponderId::KeyHash(element.reader().expect(tag::OCTET_STRING, WHAT)?.content.to_vec())
            }
            _ => return Err(Error::Malformed(WHAT)),
        };
        let produced_at = fields.any()?.time()?;
        let mut list = fields.sequence(WHAT)?;
        let mut responses = Vec::new();
        while !list.is_empty() {
            if responses.len() >= limits::MOST_OCSP_SINGLES {
                return Err(Error::Limit("certificates in an OCSP response"));
            }
            responses.push(read_single(list.sequence(WHAT)?)?);
        }
        let nonce = match fields.optional(tag::constructed(1))? {
            None => None,
            Some(element) => {
                read_nonce(&extension::read_extensions(&element.reader().expect(tag::SEQUENCE, WHAT)?)?)?
            }
        };
        Ok(Self {
            tbs: tbs.raw.to_vec(),
            algorithm,
            signature,
            responder,
            produced_at,
            responses,
            nonce,
            certificates,
        })
    }

    /// Passes where the signature over the answer is this key's.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<()> {
        key.verify_message(self.algorithm, &self.tbs, &self.signature)
    }

    /// Whether the answer names this certificate as the responder.
    pub fn is_by(&self, responder: &Certificate) -> bool {
        match &self.responder {
            ResponderId::Name(name) => name.matches(responder.subject()),
            ResponderId::KeyHash(hash) => *hash == crypto::digest(DigestAlgorithm::Sha1, responder.key_octets()),
        }
    }
}

fn read_certificates(mut list: Reader<'_>) -> Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    while !list.is_empty() {
        if certificates.len() >= limits::MOST_OCSP_SINGLES {
            return Err(Error::Limit("certificates in an OCSP response"));
        }
        certificates.push(Certificate::from_der(list.any()?.raw)?);
    }
    Ok(certificates)
}

fn read_single(mut fields: Reader<'_>) -> Result<SingleResponse> {
    const WHAT: &str = "SingleResponse";
    let certificate = CertificateIdentifier::read(&mut fields)?;
    let status = fields.any()?;
    let status = match status.tag {
        0x80 => CertificateStatus::Good,
        0xa1 => {
            let mut inner = status.reader();
            let at = inner.any()?.time()?;
            let reason = match inner.optional(tag::constructed(0))? {
                None => None,
                Some(element) => {
                    RevocationReason::from_code(element.reader().expect(tag::ENUMERATED, WHAT)?.unsigned()?)
                }
            };
            CertificateStatus::Revoked { at, reason }
        }
        0x82 => CertificateStatus::Unknown,
        _ => return Err(Error::Malformed(WHAT)),
    };
    let this_update = fields.any()?.time()?;
    let next_update = match fields.optional(tag::constructed(0))? {
        None => None,
        Some(element) => Some(element.reader().any()?.time()?),
    };
    // singleExtensions are read over: none of them changes the status.
    fields.optional(tag::constructed(1))?;
    fields.finish(WHAT)?;
    Ok(SingleResponse { certificate, status, this_update, next_update })
}

/// Builds a successful answer by a delegated responder.
pub struct ResponseBuilder<'a> {
    pub scheme: SignatureScheme,
    /// The responder's certificate, which is included.
    pub responder: &'a Certificate,
    pub produced_at: Instant,
    pub responses: Vec<SingleResponse>,
    /// Echoed where the request had one.
    pub nonce: Option<Vec<u8>>,
}

impl ResponseBuilder<'_> {
    /// The bytes to be signed.
    pub fn to_be_signed(self) -> UnsignedResponse {
        // RFC 6960 §4.2.2.3: byKey is the SHA-1 of the responder's key.
        let key_hash = crypto::digest(DigestAlgorithm::Sha1, self.responder.key_octets());
        let singles: Vec<Vec<u8>> = self.responses.iter().map(write_single).collect();
        let extensions = match &self.nonce {
            None => Vec::new(),
            Some(nonce) => write::element(tag::constructed(1), &write::sequence(&[nonce_extension(nonce)])),
        };
        let tbs = write::sequence(&[
            write::element(tag::constructed(2), &write::octet_string(&key_hash)),
            write::generalized_time(self.produced_at),
            write::sequence(&singles),
            extensions,
        ]);
        UnsignedResponse { scheme: self.scheme, tbs, responder: self.responder.der().to_vec() }
    }
}

fn write_single(single: &SingleResponse) -> Vec<u8> {
    let status = match single.status {
        CertificateStatus::Good => write::element(0x80, &[]),
        CertificateStatus::Unknown => write::element(0x82, &[]),
        CertificateStatus::Revoked { at, reason } => {
            let reason = reason.map_or_else(Vec::new, |reason| {
                write::element(tag::constructed(0), &write::element(tag::ENUMERATED, &[reason.code()]))
            });
            write::parts(tag::constructed(1), &[write::generalized_time(at), reason])
        }
    };
    let next_update = single.next_update.map_or_else(Vec::new, |at| {
        write::element(tag::constructed(0), &write::generalized_time(at))
    });
    write::sequence(&[single.certificate.der.clone(), status, write::generalized_time(single.this_update), next_update])
}

/// An answer that waits for its signature.
pub struct UnsignedResponse {
    scheme: SignatureScheme,
    tbs: Vec<u8>,
    responder: Vec<u8>,
}

impl UnsignedResponse {
    /// The digest for the HSM, of the scheme's hash.
    pub fn digest(&self) -> Vec<u8> {
        crypto::digest(self.scheme.hash().into(), &self.tbs)
    }

    /// The finished `OCSPResponse` in DER, from the signature in X.509 form.
    pub fn assemble(self, signature: &[u8]) -> Vec<u8> {
        let certificates = write::element(tag::constructed(0), &write::sequence(&[self.responder]));
        let basic = write::sequence(&[
            self.tbs,
            scheme_identifier_der(self.scheme),
            write::bit_string(signature),
            certificates,
        ]);
        let bytes = write::sequence(&[write::oid(&oid::OCSP_BASIC), write::octet_string(&basic)]);
        write::sequence(&[write::element(tag::ENUMERATED, &[0]), write::element(tag::constructed(0), &bytes)])
    }
}

/// An answer that says why there is none; it is not signed (RFC 6960 §2.3).
pub fn error_response(failure: OcspFailure) -> Vec<u8> {
    write::sequence(&[write::element(tag::ENUMERATED, &[failure as u8])])
}
