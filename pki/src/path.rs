//! Certification path building and validation (RFC 5280 §6.1) with a bounded search. What it returns has its own type: code that
//! needs a validated path takes `VerifiedPath`. Revocation is not looked at here.

mod constraints;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::extension::{KeyUsage, UNDERSTOOD};
use crate::{limits, oid};
use chuky_model::instant::Instant;
use chuky_model::report::SubIndication;
use constraints::{NameSpace, PolicyState};
use der::asn1::ObjectIdentifier;

/// What the leaf is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing documents and orders: digitalSignature or contentCommitment, and no usage that excludes it.
    DocumentSigning,
    /// RFC 3161 §2.3: extended key usage timeStamping, alone and critical.
    TimeStamping,
    /// RFC 6960 §4.2.2.2: extended key usage OCSPSigning.
    OcspSigning,
    /// Signing CRLs: key usage cRLSign.
    CrlSigning,
    /// TLS servers, used to compare with public test suites.
    ServerAuthentication,
    /// No demand on the leaf.
    Any,
}

/// A path that was validated: leaf first, anchor last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPath {
    certificates: Vec<Certificate>,
}

impl VerifiedPath {
    /// Leaf first, anchor last; never empty.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The leaf.
    pub fn leaf(&self) -> &Certificate {
        &self.certificates[0]
    }

    /// The leaf's issuer; the leaf itself where it is an anchor.
    pub fn issuer(&self) -> &Certificate {
        self.certificates.get(1).unwrap_or(&self.certificates[0])
    }

    /// The anchor.
    pub fn anchor(&self) -> &Certificate {
        &self.certificates[self.certificates.len() - 1]
    }
}

/// Why there is no valid path. Where several were tried, the reason of the one that came furthest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum PathError {
    #[error("no path to a trusted anchor was found")]
    NoPath,
    #[error("the search for a path was given up at its bound")]
    Budget,
    #[error("a signature in the path does not verify: {0}")]
    Signature(String),
    #[error("{0}")]
    Constraint(String),
    #[error("the certificate of {0} is not valid yet")]
    NotYetValid(String),
    #[error("the certificate of {0} has expired")]
    Expired(String),
}

impl PathError {
    /// The term of EN 319 102-1 §5.2.6.
    pub fn sub_indication(&self) -> SubIndication {
        match self {
            Self::NoPath => SubIndication::NoCertificateChainFound,
            Self::Budget | Self::Signature(_) => SubIndication::CertificateChainGeneralFailure,
            Self::Constraint(_) => SubIndication::ChainConstraintsFailure,
            Self::NotYetValid(_) => SubIndication::NotYetValid,
            Self::Expired(_) => SubIndication::OutOfBoundsNoPoe,
        }
    }
}

/// Bounds the work that hostile certificates can cause.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    signatures: u32,
    steps: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { signatures: limits::MOST_PATH_SIGNATURES, steps: limits::MOST_PATH_STEPS }
    }
}

/// Finds and validates a path from `leaf` over `intermediates` to one of `anchors`, as of `at`.
pub fn validate(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    at: Instant,
    purpose: Purpose,
) -> Result<VerifiedPath, PathError> {
    find(leaf, intermediates, anchors, at, purpose, true)
}

/// The same without asking whether `at` lies in the leaf's own period (EN 319 102-1 §5.2.6.4 steps 4 and 7: that is asked last, when it is
/// known whether the certificate was revoked).
pub fn validate_outside_period(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    at: Instant,
    purpose: Purpose,
) -> Result<VerifiedPath, PathError> {
    find(leaf, intermediates, anchors, at, purpose, false)
}

fn find(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    at: Instant,
    purpose: Purpose,
    leaf_period: bool,
) -> Result<VerifiedPath, PathError> {
    let (budget, furthest) = (Budget::default(), PathError::NoPath);
    let mut search = Search { intermediates, anchors, at, purpose, leaf_period, budget, furthest };
    let mut path = vec![leaf.clone()];
    match search.extend(&mut path) {
        Some(verified) => Ok(verified),
        None => Err(search.furthest),
    }
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    anchors: &'a [Certificate],
    at: Instant,
    purpose: Purpose,
    leaf_period: bool,
    budget: Budget,
    furthest: PathError,
}

impl Search<'_> {
    /// Depth first: anchors before intermediates.
    fn extend(&mut self, path: &mut Vec<Certificate>) -> Option<VerifiedPath> {
        let last = path.last()?.clone();
        if self.anchors.contains(&last) {
            match check(path, self.at, self.purpose, self.leaf_period) {
                Ok(()) => return Some(VerifiedPath { certificates: path.clone() }),
                Err(error) => self.note(error),
            }
        }
        if path.len() >= limits::LONGEST_PATH {
            self.note(PathError::Budget);
            return None;
        }
        let (anchors, intermediates) = (self.anchors, self.intermediates);
        for candidate in anchors.iter().chain(intermediates) {
            if self.budget.steps == 0 {
                self.note(PathError::Budget);
                return None;
            }
            self.budget.steps -= 1;
            if !may_have_issued(candidate, &last) || path.contains(candidate) {
                continue;
            }
            if self.budget.signatures == 0 {
                self.note(PathError::Budget);
                return None;
            }
            self.budget.signatures -= 1;
            let verified = candidate.public_key().and_then(|key| last.verify_signature(&key));
            if let Err(error) = verified {
                self.note(PathError::Signature(error.to_string()));
                continue;
            }
            path.push(candidate.clone());
            if let Some(verified) = self.extend(path) {
                return Some(verified);
            }
            path.pop();
        }
        None
    }

    fn note(&mut self, error: PathError) {
        if error > self.furthest {
            self.furthest = error;
        }
    }
}

/// Name chaining, and key identifiers where both sides have them (RFC 5280 §6.1.3 (a)(4), §4.2.1.1).
pub(crate) fn may_have_issued(issuer: &Certificate, subject: &Certificate) -> bool {
    if !issuer.subject().matches(subject.issuer()) {
        return false;
    }
    match (subject.authority_key_identifier(), issuer.subject_key_identifier()) {
        (Ok(Some(identifier)), Some(own)) => identifier.key_identifier.is_none_or(|named| named == own),
        _ => true,
    }
}

/// RFC 5280 §6.1.2 to §6.1.5 over a complete path whose signatures and names were checked while it was built.
fn check(path: &[Certificate], at: Instant, purpose: Purpose, leaf_period: bool) -> Result<(), PathError> {
    let mut names = NameSpace::default();
    let mut policies = PolicyState::default();
    // Certificates below this one that are not self-issued, the leaf not counted.
    let mut below = 0u64;
    for (position, certificate) in path.iter().enumerate() {
        let label = || certificate.subject().common_name();
        let asked = position > 0 || leaf_period;
        if asked && at < certificate.not_before() {
            return Err(PathError::NotYetValid(label()));
        }
        if asked && !certificate.is_valid_at(at) {
            return Err(PathError::Expired(label()));
        }
        check_extensions(certificate)?;
        if position == 0 {
            check_leaf(certificate, purpose)?;
            continue;
        }
        check_issuer(certificate, below, purpose)?;
        if !certificate.is_self_issued() {
            below += 1;
        }
    }
    for (position, certificate) in path.iter().enumerate().rev() {
        let is_anchor = position + 1 == path.len();
        let is_leaf = position == 0;
        // RFC 5280 §6.1.3 (b): self-issued certificates are exempt unless they are the leaf.
        if !is_anchor && (is_leaf || !certificate.is_self_issued()) {
            names.admit(certificate).map_err(PathError::Constraint)?;
        }
        if !is_leaf {
            names.add(certificate).map_err(|error| refuse(certificate, error))?;
        }
        policies.step(certificate, is_anchor, is_leaf).map_err(PathError::Constraint)?;
    }
    Ok(())
}

fn refuse(certificate: &Certificate, error: Error) -> PathError {
    PathError::Constraint(format!("certificate of {}: {error}", certificate.subject().common_name()))
}

fn constraint<T>(text: &str, certificate: &Certificate) -> Result<T, PathError> {
    Err(PathError::Constraint(format!("{text} (certificate of {})", certificate.subject().common_name())))
}

fn check_extensions(certificate: &Certificate) -> Result<(), PathError> {
    if certificate.version() != 3 && !certificate.extensions().is_empty() {
        return constraint("RFC 5280 §4.1.2.1: extensions need version 3", certificate);
    }
    // RFC 5280 §4.2: an unrecognised critical extension must be refused.
    match certificate.extensions().iter().find(|extension| extension.critical && !UNDERSTOOD.contains(&extension.oid)) {
        Some(unknown) => constraint(&format!("unknown critical extension {}", unknown.oid), certificate),
        None => Ok(()),
    }
}

fn check_issuer(certificate: &Certificate, below: u64, purpose: Purpose) -> Result<(), PathError> {
    let read = |error| refuse(certificate, error);
    // RFC 5280 §6.1.4 (k), (l), (m), (n).
    match certificate.basic_constraints().map_err(read)? {
        Some(basic) if !basic.ca => return constraint("RFC 5280 §4.2.1.9: not a CA", certificate),
        Some(basic) => {
            if basic.path_length.is_some_and(|most| below > most) {
                return constraint("RFC 5280 §4.2.1.9: the path is longer than pathLenConstraint", certificate);
            }
        }
        // Old roots of version 1 can only be anchors, and anchors are trusted as given.
        None if certificate.version() == 1 && certificate.is_self_issued() => {}
        None => return constraint("RFC 5280 §4.2.1.9: no basic constraints", certificate),
    }
    if certificate.key_usage().map_err(read)?.is_some_and(|usage| !usage.has(KeyUsage::KEY_CERT_SIGN)) {
        return constraint("RFC 5280 §4.2.1.3: keyCertSign is not set", certificate);
    }
    let wanted = match purpose {
        Purpose::TimeStamping => oid::KP_TIME_STAMPING,
        Purpose::ServerAuthentication => oid::KP_SERVER_AUTH,
        _ => return Ok(()),
    };
    match certificate.extended_key_usage().map_err(read)? {
        Some(usages) if !usages.contains(&wanted) && !usages.contains(&oid::ANY_EXTENDED_KEY_USAGE) => {
            constraint("the CA's extended key usage excludes this purpose", certificate)
        }
        _ => Ok(()),
    }
}

const KP_CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

pub(crate) fn check_leaf(certificate: &Certificate, purpose: Purpose) -> Result<(), PathError> {
    let read = |error| refuse(certificate, error);
    let usage = certificate.key_usage().map_err(read)?;
    let extended = certificate.extended_key_usage().map_err(read)?;
    let signing = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::CONTENT_COMMITMENT;
    let bits = match purpose {
        Purpose::DocumentSigning | Purpose::TimeStamping | Purpose::OcspSigning => signing,
        Purpose::CrlSigning => KeyUsage::CRL_SIGN,
        Purpose::ServerAuthentication => {
            KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT | KeyUsage::KEY_AGREEMENT
        }
        Purpose::Any => return Ok(()),
    };
    if usage.is_some_and(|usage| !usage.has(bits)) {
        return constraint("RFC 5280 §4.2.1.3: the key usage excludes this purpose", certificate);
    }
    let fits = match (purpose, &extended) {
        (Purpose::TimeStamping, Some(usages)) => {
            let critical = certificate.extension(&oid::EXTENDED_KEY_USAGE).is_some_and(|extension| extension.critical);
            critical && usages.as_slice() == [oid::KP_TIME_STAMPING]
        }
        (Purpose::OcspSigning, Some(usages)) => usages.contains(&oid::KP_OCSP_SIGNING),
        (Purpose::TimeStamping | Purpose::OcspSigning, None) => false,
        (Purpose::ServerAuthentication, Some(usages)) => {
            usages.contains(&oid::KP_SERVER_AUTH) || usages.contains(&oid::ANY_EXTENDED_KEY_USAGE)
        }
        // Authorities name many usages for documents; only a list of nothing but other services' usages excludes it.
        (Purpose::DocumentSigning, Some(usages)) => {
            let others = [oid::KP_SERVER_AUTH, oid::KP_TIME_STAMPING, oid::KP_OCSP_SIGNING, KP_CODE_SIGNING];
            usages.iter().any(|usage| !others.contains(usage))
        }
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        constraint("RFC 5280 §4.2.1.12: the extended key usage excludes this purpose", certificate)
    }
}
