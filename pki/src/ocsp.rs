//! Online certificate status (RFC 6960, nonce RFC 9654): reading strangers' requests, building signed answers, and reading and
//! verifying answers of any responder. The status itself is the caller's knowledge.

mod request;
mod response;

pub use request::{CertificateIdentifier, OcspRequest};
pub use response::{OcspResponse, SingleStatus};

use crate::algorithm::{DigestAlgorithm, scheme_identifier_der};
use crate::asn1::{tag, write};
use crate::certificate::Certificate;
use crate::crl::Reason;
use crate::crypto;
use crate::oid;
use crate::signed::ToBeSigned;
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;

/// A certificate's status (RFC 6960 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Good,
    Revoked { at: Instant, reason: Reason },
    Unknown,
}

/// An answer without a status (RFC 6960 §4.2.1), complete: it is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    MalformedRequest = 1,
    InternalError = 2,
    TryLater = 3,
    Unauthorized = 6,
}

impl Refusal {
    /// The `OCSPResponse`.
    pub fn to_der(self) -> Vec<u8> {
        write::sequence(&[write::element(tag::ENUMERATED, &[self as u8])])
    }
}

/// One line of an answer to be made.
#[derive(Clone, Debug)]
pub struct AnswerLine {
    /// `CertID` as the request had it, DER.
    pub identifier_der: Vec<u8>,
    pub status: Status,
    pub this_update: Instant,
    pub next_update: Option<Instant>,
}

/// An answer to be made: everything but the signature.
#[derive(Clone, Debug)]
pub struct AnswerToMake {
    to_be_signed: ToBeSigned,
    responder: Certificate,
}

impl AnswerToMake {
    /// An answer by a delegated responder, or by the CA itself. `nonce` is the request's.
    pub fn new(
        responder: &Certificate,
        scheme: SignatureScheme,
        produced_at: Instant,
        lines: &[AnswerLine],
        nonce: Option<&[u8]>,
    ) -> Self {
        Self::with_archive(responder, scheme, produced_at, lines, nonce, None)
    }

    /// The same, saying since when certificates are known although they have expired (RFC 6960 §4.4.4).
    pub fn with_archive(
        responder: &Certificate,
        scheme: SignatureScheme,
        produced_at: Instant,
        lines: &[AnswerLine],
        nonce: Option<&[u8]>,
        archive_cutoff: Option<Instant>,
    ) -> Self {
        let singles: Vec<Vec<u8>> = lines.iter().map(|line| single_response(line, archive_cutoff)).collect();
        // RFC 6960 §4.2.1: KeyHash is the SHA-1 of the responder's key.
        let key_hash = write::octet_string(&crypto::digest(DigestAlgorithm::Sha1, responder.key_octets()));
        let mut parts = vec![
            write::element(tag::constructed(2), &key_hash),
            write::generalized_time(produced_at),
            write::sequence(&singles),
        ];
        if let Some(nonce) = nonce {
            let value = write::octet_string(&write::octet_string(nonce));
            let extensions = write::sequence(&[write::sequence(&[write::oid(&oid::OCSP_NONCE), value])]);
            parts.push(write::element(tag::constructed(1), &extensions));
        }
        Self { to_be_signed: ToBeSigned { der: write::sequence(&parts), scheme }, responder: responder.clone() }
    }

    /// The bytes to sign.
    pub fn to_be_signed(&self) -> &ToBeSigned {
        &self.to_be_signed
    }

    /// The complete `OCSPResponse`, with the responder's certificate. The signature is taken as it is: verifying costs three times
    /// what signing does, and every client verifies.
    pub fn assemble(&self, signature: &[u8]) -> Vec<u8> {
        let certificates = write::element(tag::constructed(0), &write::sequence(&[self.responder.der()]));
        let basic = write::sequence(&[
            self.to_be_signed.der.clone(),
            scheme_identifier_der(self.to_be_signed.scheme),
            write::bit_string(signature),
            certificates,
        ]);
        successful(&basic)
    }
}

/// The `OCSPResponse` around a `BasicOCSPResponse` (RFC 6960 §4.2.1).
fn successful(basic: &[u8]) -> Vec<u8> {
    let bytes = write::sequence(&[write::oid(&oid::OCSP_BASIC), write::octet_string(basic)]);
    write::sequence(&[write::element(tag::ENUMERATED, &[0]), write::element(tag::constructed(0), &bytes)])
}

fn single_response(line: &AnswerLine, archive_cutoff: Option<Instant>) -> Vec<u8> {
    let status = match line.status {
        Status::Good => write::element(tag::primitive(0), &[]),
        Status::Revoked { at, reason } => {
            let reason = match reason {
                Reason::Unspecified => Vec::new(),
                reason => write::element(tag::constructed(0), &write::element(tag::ENUMERATED, &[reason.code()])),
            };
            write::parts(tag::constructed(1), &[write::generalized_time(at), reason])
        }
        Status::Unknown => write::element(tag::primitive(2), &[]),
    };
    let next = line.next_update.map(|next| write::element(tag::constructed(0), &write::generalized_time(next)));
    // What is not known has no history.
    let extensions = archive_cutoff.filter(|_| line.status != Status::Unknown).map(|cutoff| {
        let value = write::octet_string(&write::generalized_time(cutoff));
        let extension = write::sequence(&[write::oid(&oid::OCSP_ARCHIVE_CUTOFF), value]);
        write::element(tag::constructed(1), &write::sequence(&[extension]))
    });
    write::sequence(&[
        line.identifier_der.clone(),
        status,
        write::generalized_time(line.this_update),
        next.unwrap_or_default(),
        extensions.unwrap_or_default(),
    ])
}
