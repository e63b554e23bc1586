//! OCSP answers (RFC 6960 §4.2): reading them, and deciding whether the responder was authorised (§4.2.2.2).

use super::Status;
use super::request::{CertificateIdentifier, read_nonce};
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{Element, Reader, tag};
use crate::certificate::Certificate;
use crate::crl::Reason;
use crate::crypto;
use crate::error::{Error, Result};
use crate::extension::{self, Extension};
use crate::name::Name;
use crate::path::{Purpose, may_have_issued};
use crate::revocation::Refused;
use crate::{limits, oid};
use chuky_model::instant::Instant;

/// The status of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleStatus {
    pub identifier: CertificateIdentifier,
    pub status: Status,
    pub this_update: Instant,
    pub next_update: Option<Instant>,
    /// Until when back the responder keeps statuses of expired certificates (RFC 6960 §4.4.4).
    pub archive_cutoff: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Responder {
    Name(Name),
    /// SHA-1 of the key.
    Key(Vec<u8>),
}

/// A successful answer, read.
#[derive(Clone, Debug)]
pub struct OcspResponse {
    responder: Responder,
    tbs: Vec<u8>,
    algorithm: Result<SignatureAlgorithm>,
    signature: Vec<u8>,
    certificates: Vec<Certificate>,
    /// When it was signed.
    pub produced_at: Instant,
    /// Its lines.
    pub singles: Vec<SingleStatus>,
    /// The nonce, where there is one.
    pub nonce: Option<Vec<u8>>,
    pub(crate) refused: Refused,
}

const WHAT: &str = "OCSPResponse";

impl OcspResponse {
    /// Reads an `OCSPResponse` or a bare `BasicOCSPResponse` (CAdES revocation-values has these). Refusals are errors.
    pub fn parse(input: &[u8]) -> Result<Self> {
        let outer = Element::only(input, WHAT)?;
        if outer.tag != tag::SEQUENCE {
            return Err(Error::Malformed(WHAT));
        }
        let mut fields = outer.reader();
        match fields.peek() {
            Some(tag::ENUMERATED) => {
                let status = fields.any()?.unsigned()?;
                if status != 0 {
                    return Err(Error::Unsupported(format!("OCSP answer without status, code {status}")));
                }
                let wrapped = fields.expect(tag::constructed(0), WHAT)?;
                let mut bytes = wrapped.reader().sequence(WHAT)?;
                if bytes.oid(WHAT)? != oid::OCSP_BASIC {
                    return Err(Error::Unsupported("OCSP response type".into()));
                }
                Self::parse_basic(&Element::only(bytes.expect(tag::OCTET_STRING, WHAT)?.content, WHAT)?)
            }
            _ => Self::parse_basic(&outer),
        }
    }

    fn parse_basic(basic: &Element<'_>) -> Result<Self> {
        let mut fields = basic.reader();
        let tbs = fields.expect(tag::SEQUENCE, WHAT)?;
        let algorithm = SignatureAlgorithm::from_identifier(&fields.expect(tag::SEQUENCE, WHAT)?);
        let signature = fields.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?.to_vec();
        let mut certificates = Vec::new();
        if let Some(wrapped) = fields.optional(tag::constructed(0))? {
            let mut list = wrapped.reader().sequence(WHAT)?;
            while !list.is_empty() && certificates.len() < limits::MOST_CERTIFICATES {
                certificates.extend(Certificate::from_der(list.any()?.raw));
            }
        }
        fields.finish(WHAT)?;
        let mut data = tbs.reader();
        data.optional(tag::constructed(0))?;
        let responder = data.any()?;
        let responder = match responder.tag {
            0xa1 => Responder::Name(Name::from_der(responder.content)?),
            0xa2 => Responder::Key(responder.reader().expect(tag::OCTET_STRING, WHAT)?.content.to_vec()),
            _ => return Err(Error::Malformed(WHAT)),
        };
        let produced_at = data.any()?.time()?;
        let mut list = data.sequence(WHAT)?;
        let mut singles = Vec::new();
        while !list.is_empty() {
            if singles.len() >= limits::MOST_REVOCATION_VALUES {
                return Err(Error::Limit("lines in one OCSP answer"));
            }
            singles.push(single(list.sequence(WHAT)?)?);
        }
        let extensions = optional_extensions(&mut data, 1)?;
        data.finish(WHAT)?;
        let nonce = extension::find(&extensions, &oid::OCSP_NONCE).map(|nonce| read_nonce(&nonce.value)).transpose()?;
        let tbs = tbs.raw.to_vec();
        Ok(Self {
            responder,
            tbs,
            algorithm,
            signature,
            certificates,
            produced_at,
            singles,
            nonce,
            refused: Refused::default(),
        })
    }

    /// Checks the signature and that the responder may speak for `issuer`: it is the issuer itself, or was delegated by it.
    /// Returns the responder's certificate.
    pub fn verify(&self, issuer: &Certificate) -> Result<Certificate> {
        let (algorithm, mut refused) = (self.algorithm.clone()?, None);
        for candidate in std::iter::once(issuer).chain(&self.certificates) {
            if !self.names(candidate) {
                continue;
            }
            let own = candidate.spki_der() == issuer.spki_der() && candidate.subject().matches(issuer.subject());
            if !own && !self.is_delegated(candidate, issuer) {
                continue;
            }
            // Of several responders of one name or key any may have signed.
            match candidate.public_key().and_then(|key| key.verify_message(algorithm, &self.tbs, &self.signature)) {
                Ok(()) => return Ok(candidate.clone()),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| {
            Error::Refused("RFC 6960 §4.2.2.2: the responder is not authorised by the issuer".into())
        }))
    }

    /// Whether the holder of this certificate signed it. Whether he may is another matter.
    pub fn is_signed_by(&self, responder: &Certificate) -> bool {
        let verified = || responder.public_key()?.verify_message(self.algorithm.clone()?, &self.tbs, &self.signature);
        self.names(responder) && verified().is_ok()
    }

    fn names(&self, candidate: &Certificate) -> bool {
        match &self.responder {
            Responder::Name(name) => candidate.subject().matches(name),
            Responder::Key(hash) => crypto::digest(DigestAlgorithm::Sha1, candidate.key_octets()) == *hash,
        }
    }

    fn is_delegated(&self, responder: &Certificate, issuer: &Certificate) -> bool {
        may_have_issued(issuer, responder)
            && responder.is_valid_at(self.produced_at)
            && crate::path::check_leaf(responder, Purpose::OcspSigning).is_ok()
            && issuer.public_key().and_then(|key| responder.verify_signature(&key)).is_ok()
    }

    /// The line about this certificate of this issuer; of several the latest.
    pub fn status_of(&self, certificate: &Certificate, issuer: &Certificate) -> Option<&SingleStatus> {
        let mine = |single: &&SingleStatus| {
            single.identifier.serial == certificate.serial_octets() && single.identifier.names_issuer(issuer)
        };
        self.singles.iter().filter(mine).max_by_key(|single| single.this_update)
    }

    /// What it is signed with.
    pub fn algorithm(&self) -> Result<SignatureAlgorithm> {
        self.algorithm.clone()
    }

    /// SHA-256 of what is signed and the signature: the same however the answer is wrapped.
    pub fn identity(&self) -> [u8; 32] {
        crypto::sha256(&[self.tbs.as_slice(), &self.signature].concat())
    }

    /// Certificates that travel along.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

fn optional_extensions(fields: &mut Reader<'_>, number: u8) -> Result<Vec<Extension>> {
    match fields.optional(tag::constructed(number))? {
        Some(wrapped) => extension::read_extensions(&wrapped.reader().expect(tag::SEQUENCE, WHAT)?),
        None => Ok(Vec::new()),
    }
}

fn single(mut fields: Reader<'_>) -> Result<SingleStatus> {
    let identifier = CertificateIdentifier::read(&fields.expect(tag::SEQUENCE, WHAT)?)?;
    let status = fields.any()?;
    let status = match status.tag {
        0x80 => Status::Good,
        0xa1 => {
            let mut info = status.reader();
            let at = info.any()?.time()?;
            let reason = match info.optional(tag::constructed(0))? {
                Some(wrapped) => Reason::from_code(wrapped.reader().expect(tag::ENUMERATED, WHAT)?.unsigned()?),
                None => Reason::Unspecified,
            };
            Status::Revoked { at, reason }
        }
        0x82 => Status::Unknown,
        _ => return Err(Error::Malformed(WHAT)),
    };
    let this_update = fields.any()?.time()?;
    let next_update = match fields.optional(tag::constructed(0))? {
        Some(wrapped) => Some(wrapped.reader().any()?.time()?),
        None => None,
    };
    let extensions = optional_extensions(&mut fields, 1)?;
    fields.finish(WHAT)?;
    if let Some(unknown) = extensions.iter().find(|one| one.critical) {
        return Err(Error::Unsupported(format!("critical OCSP extension {}", unknown.oid)));
    }
    let archive_cutoff = extension::find(&extensions, &oid::OCSP_ARCHIVE_CUTOFF);
    let archive_cutoff =
        archive_cutoff.and_then(|found| Element::only(&found.value, "ArchiveCutoff").ok()?.time().ok());
    Ok(SingleStatus { identifier, status, this_update, next_update, archive_cutoff })
}
