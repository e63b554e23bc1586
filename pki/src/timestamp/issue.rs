//! The authority's side: request in, `TSTInfo` to sign, response out.

use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, tag, write};
use crate::certificate::Certificate;
use crate::cms::build::SignatureToMake;
use crate::error::{Error, Result};
use crate::{limits, oid};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use der::asn1::ObjectIdentifier;

/// Why a request is refused (RFC 3161 §2.4.2, PKIFailureInfo bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("unrecognised or unsupported algorithm")]
    BadAlgorithm = 0,
    #[error("the request is not permitted or supported")]
    BadRequest = 2,
    #[error("the data has the wrong format")]
    BadDataFormat = 5,
    #[error("the time source is not available")]
    TimeNotAvailable = 14,
    #[error("the policy is not supported")]
    UnacceptedPolicy = 15,
    #[error("an extension is not supported")]
    UnacceptedExtension = 16,
    #[error("the system failed")]
    SystemFailure = 25,
}

impl Failure {
    /// The complete `TimeStampResp` with status rejection.
    pub fn to_der(self) -> Vec<u8> {
        let bit = self as u8;
        let mut bits = vec![0u8; usize::from(bit / 8) + 2];
        // Unused bits in front, then the named bits without trailing zeros (X.690 §11.2.2).
        bits[0] = 7 - bit % 8;
        bits[usize::from(bit / 8) + 1] = 0x80 >> (bit % 8);
        let status = write::sequence(&[write::unsigned(2), write::element(tag::BIT_STRING, &bits)]);
        write::sequence(&[status])
    }
}

/// A request, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampRequest {
    pub digest_algorithm: DigestAlgorithm,
    pub digest: Vec<u8>,
    pub policy: Option<ObjectIdentifier>,
    /// Content octets of the INTEGER.
    pub nonce: Option<Vec<u8>>,
    /// Whether the authority's certificates are to travel along.
    pub certificates: bool,
    imprint_der: Vec<u8>,
}

impl TimestampRequest {
    /// Reads a `TimeStampReq`. Hashes that no longer resist collisions are refused.
    pub fn parse(input: &[u8]) -> std::result::Result<Self, Failure> {
        if input.len() > limits::LONGEST_TIMESTAMP_REQUEST {
            return Err(Failure::BadRequest);
        }
        let (request, has_extensions) = Self::read(input).map_err(|error| match error {
            Error::Unsupported(_) => Failure::BadAlgorithm,
            _ => Failure::BadDataFormat,
        })?;
        use DigestAlgorithm::{Md5, Ripemd160, Sha1, Shake256};
        if matches!(request.digest_algorithm, Md5 | Ripemd160 | Sha1 | Shake256) {
            return Err(Failure::BadAlgorithm);
        }
        if request.digest.len() != request.digest_algorithm.length() {
            return Err(Failure::BadDataFormat);
        }
        // RFC 3161 §2.4.1: an authority that does not understand an extension refuses.
        if has_extensions { Err(Failure::UnacceptedExtension) } else { Ok(request) }
    }

    fn read(input: &[u8]) -> Result<(Self, bool)> {
        const WHAT: &str = "TimeStampReq";
        let mut fields = Element::sequence(input, WHAT)?;
        if fields.expect(tag::INTEGER, WHAT)?.unsigned()? != 1 {
            return Err(Error::Malformed(WHAT));
        }
        let imprint = fields.expect(tag::SEQUENCE, WHAT)?;
        let (digest_algorithm, digest) = read_imprint(&imprint)?;
        let policy = fields.optional(tag::OID)?.map(|element| element.oid()).transpose()?;
        let nonce = fields.optional(tag::INTEGER)?.map(|element| element.content.to_vec());
        let certificates = fields.optional(tag::BOOLEAN)?.map_or(Ok(false), |element| element.boolean())?;
        let extensions = fields.optional(tag::constructed(0))?.is_some();
        fields.finish(WHAT)?;
        let imprint_der = imprint.raw.to_vec();
        Ok((Self { digest_algorithm, digest, policy, nonce, certificates, imprint_der }, extensions))
    }

    /// A request with SHA-256, as a client sends it.
    pub fn to_der(digest: &[u8; 32], nonce: &[u8]) -> Vec<u8> {
        Self::to_der_of(DigestAlgorithm::Sha256, digest, Some(nonce))
    }

    /// The same with whatever hash; a nonce is the octets of a number, most significant first.
    pub fn to_der_of(algorithm: DigestAlgorithm, digest: &[u8], nonce: Option<&[u8]>) -> Vec<u8> {
        let imprint = write::sequence(&[algorithm.identifier_der(), write::octet_string(digest)]);
        let nonce = nonce.map(write::integer).unwrap_or_default();
        write::sequence(&[write::unsigned(1), imprint, nonce, write::boolean(true)])
    }
}

pub(super) fn read_imprint(imprint: &Element<'_>) -> Result<(DigestAlgorithm, Vec<u8>)> {
    const WHAT: &str = "MessageImprint";
    let mut fields = imprint.reader();
    let algorithm = DigestAlgorithm::from_identifier(&fields.expect(tag::SEQUENCE, WHAT)?)?;
    let digest = fields.expect(tag::OCTET_STRING, WHAT)?.content.to_vec();
    fields.finish(WHAT)?;
    Ok((algorithm, digest))
}

/// A token being made.
#[derive(Clone, Debug)]
pub struct TokenToMake {
    signature: SignatureToMake,
    with_certificates: bool,
}

impl TokenToMake {
    /// `at` must come from a trusted clock; `policy` is the authority's, and a request for another is refused.
    pub fn new(
        request: &TimestampRequest,
        authority: &Certificate,
        scheme: SignatureScheme,
        policy: ObjectIdentifier,
        serial: &Serial,
        at: Instant,
    ) -> std::result::Result<Self, Failure> {
        if request.policy.is_some_and(|wanted| wanted != policy) {
            return Err(Failure::UnacceptedPolicy);
        }
        let accuracy = write::sequence(&[write::unsigned(ACCURACY_SECONDS.unsigned_abs())]);
        let nonce = request.nonce.as_ref().map(|nonce| write::element(tag::INTEGER, nonce)).unwrap_or_default();
        let info = write::sequence(&[
            write::unsigned(1),
            write::oid(&policy),
            request.imprint_der.clone(),
            write::integer(serial.as_octets()),
            write::generalized_time(at),
            accuracy,
            nonce,
        ]);
        let signature =
            SignatureToMake::enveloping(scheme, oid::TST_INFO, info, authority).map_err(|_| Failure::SystemFailure)?;
        Ok(Self { signature, with_certificates: request.certificates })
    }

    /// What the key must sign.
    pub fn digest_to_sign(&self) -> &[u8] {
        self.signature.digest_to_sign()
    }

    /// The complete `TimeStampResp`. `further` are the certificates above the authority's, sent where certificates were asked for.
    /// The signature is taken as it is: verifying costs three times what signing does, and every client verifies.
    pub fn assemble(&self, signature: &[u8], further: &[Certificate]) -> Vec<u8> {
        let token = self.signature.assemble_unverified(signature, self.with_certificates.then_some(further));
        write::sequence(&[write::sequence(&[write::unsigned(0)]), token])
    }
}

/// Takes the token out of a `TimeStampResp` that was granted.
pub fn granted(response: &[u8]) -> Result<Vec<u8>> {
    const WHAT: &str = "TimeStampResp";
    let mut fields = Element::sequence(response, WHAT)?;
    let status = fields.sequence(WHAT)?.expect(tag::INTEGER, WHAT)?.unsigned()?;
    if status > 1 {
        return Err(Error::Refused(format!("the timestamp authority answered with status {status}")));
    }
    let token = fields.expect(tag::SEQUENCE, WHAT)?.raw.to_vec();
    fields.finish(WHAT)?;
    Ok(token)
}

/// How far the time in a token may be off, in seconds (RFC 3161 §2.4.2, accuracy): tokens tell whole seconds.
pub const ACCURACY_SECONDS: i64 = 1;
