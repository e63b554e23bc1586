//! The building blocks and processes of EN 319 102-1 V1.4.1 clause 5, each beside the clause it follows. Facts in, a status out; what the
//! bytes prove is found by the formats before, whatever policy says is data. The claimed time proves nothing anywhere here.
//!
//! | clause | block | where |
//! |---|---|---|
//! | 5.2.2, 5.2.3, 5.2.7 | format checking, signing certificate, cryptographic verification | [`bytes`], from the checks of each format |
//! | 5.2.4 | validation context initialisation | [`context`] |
//! | 5.2.5 | revocation freshness checker | [`crate::revocation::RevocationRules`] |
//! | 5.2.6 | X.509 certificate validation | [`certificate`] |
//! | 5.2.8 | signature acceptance validation | [`acceptance`] |
//! | 5.3 | basic signatures | [`basic`] |
//! | 5.4 | time-stamps | [`super::trust::timestamp_report`] |
//! | 5.5 | signatures with time and with long-term validation material | [`with_time`] |
//! | 5.6.2.1, 5.6.2.2 | past certificate validation, validation time sliding | [`sliding`] |
//! | 5.6.2.3 | extraction of proofs of existence | [`proofs`] |
//! | 5.6.2.4 | past signature validation | [`past`] |
//! | 5.6.3 | long-term availability and integrity of validation material | [`long_term`] |

pub(super) mod acceptance;
mod basic;
pub(super) mod bytes;
mod certificate;
mod context;
pub(super) mod long_term;
mod past;
pub(super) mod proofs;
mod sliding;
mod with_time;

use super::VerificationContext;
use super::policy::Used;
use super::store::Material;
use super::trust::Proof;
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::certificate::Certificate;
use crate::path::Purpose;
use chuky_model::instant::Instant;

pub(super) use context::NamedPolicy;

/// The elements of a signature or a token that constraints look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Elements {
    /// Whether a signed reference binds the signing certificate.
    pub(super) certificate_is_bound: bool,
    /// The digests that the signature relies on.
    pub(super) digests: Vec<DigestAlgorithm>,
    /// The algorithm of the signature value.
    pub(super) scheme: Option<SignatureAlgorithm>,
    /// Times of valid timestamps over the content alone: the signature was made later.
    pub(super) content_times: Vec<Instant>,
    /// Times of valid timestamps over the signature.
    pub(super) signature_times: Vec<Instant>,
    /// The signature policy that it names.
    pub(super) policy: Option<NamedPolicy>,
}

/// What is validated: one signature, or one token of a timestamp authority.
#[derive(Clone, Copy)]
pub(super) struct Subject<'s> {
    pub(super) certificate: Option<&'s Certificate>,
    pub(super) purpose: Purpose,
    pub(super) elements: &'s Elements,
    /// The claimed signing time.
    pub(super) claimed: Option<Instant>,
}

/// One subject with everything that validating it takes.
struct Validation<'v> {
    subject: Subject<'v>,
    certificate: &'v Certificate,
    /// Best-signature-time.
    proof: Proof,
    material: &'v Material,
    context: &'v VerificationContext,
}

impl Validation<'_> {
    /// The algorithms of the signature value.
    fn used(&self) -> Used {
        Used {
            what: if self.subject.purpose == Purpose::TimeStamping { "timestamp" } else { "signature" }.to_owned(),
            digests: self.subject.elements.digests.clone(),
            scheme: self.subject.elements.scheme,
            key: self.certificate.public_key().ok().map(|key| key.key_type()),
        }
    }
}

/// The algorithms that a certificate's signature by its issuer relies on.
fn used_by(certificate: &Certificate, issuer: &Certificate) -> Used {
    let scheme = certificate.signature_algorithm().ok();
    Used {
        what: format!("certificate of {}", certificate.subject().common_name()),
        digests: scheme.and_then(SignatureAlgorithm::digest).into_iter().collect(),
        scheme,
        key: issuer.public_key().ok().map(|key| key.key_type()),
    }
}

/// The algorithms that a list or an answer relies on, and those of the certificate of its responder, where it has one of its own.
fn used_for(finding: &crate::revocation::Finding<'_>, issuer: &Certificate) -> Vec<Used> {
    let scheme = finding.source.algorithm();
    let signer = finding.responder.as_ref().unwrap_or(issuer);
    let answer = Used {
        what: format!("revocation data of {}", issuer.subject().common_name()),
        digests: scheme.and_then(SignatureAlgorithm::digest).into_iter().collect(),
        scheme,
        key: signer.public_key().ok().map(|key| key.key_type()),
    };
    std::iter::once(answer).chain(finding.responder.as_ref().map(|responder| used_by(responder, issuer))).collect()
}
