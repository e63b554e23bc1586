//! Certification path building and validation (RFC 5280 §6.1) at a given time, for a given purpose. The search takes a budget, for
//! hostile files bring hundreds of look-alike issuers. Revocation is not judged here; see `revocation`.

mod names;
mod policy;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::extension::{BasicConstraints, KeyUsage, UNDERSTOOD};
use crate::{limits, oid};
use chuky_model::instant::Instant;
use der::asn1::ObjectIdentifier;

/// What the last certificate of the path is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Signatures of documents and payments: any extended key usage is let pass, key usage must allow signing.
    Signature,
    /// RFC 3161 §2.3: extended key usage is timeStamping, critical, and nothing else.
    TimeStamping,
    /// RFC 6960 §4.2.2.2: extended key usage holds OCSPSigning.
    OcspSigning,
    /// The certificate is a CA's (issuers of CRLs).
    CrlSigning,
    /// Nothing is asked of it.
    Any,
}

/// A path whose every certificate was checked: the end entity first, the trust anchor last. Nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPath(Vec<Certificate>);

impl VerifiedPath {
    /// End entity first, anchor last; at least one certificate.
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    /// Each certificate below the anchor with its issuer.
    pub fn links(&self) -> impl Iterator<Item = (&Certificate, &Certificate)> {
        self.0.iter().zip(self.0.iter().skip(1))
    }

    /// The trust anchor.
    pub fn anchor(&self) -> Option<&Certificate> {
        self.0.last()
    }
}

/// Why there is no path. Where several attempts failed, the one that came furthest is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No issuer among what was given leads to an anchor.
    #[error("no path leads to a trusted root")]
    NoPath,
    /// The end entity's certificate had ended; the path is otherwise good.
    #[error("the certificate ended at {}", .0.rfc3339())]
    Expired(Instant),
    /// The end entity's certificate had not begun.
    #[error("the certificate begins at {}", .0.rfc3339())]
    NotYetValid(Instant),
    /// A CA certificate of the path was outside its validity.
    #[error("a CA certificate of the path is outside its validity")]
    CaOutsideValidity,
    /// A signature of the path does not verify.
    #[error("a signature in the path is wrong")]
    BadSignature,
    /// A rule of RFC 5280 is broken; the clause is named.
    #[error("{0}")]
    Constraint(String),
    /// The search reached its budget.
    #[error("the search for a path reached its limit")]
    Budget,
}

impl PathError {
    /// How far the attempt came; the furthest is the most telling.
    fn rank(&self) -> u8 {
        match self {
            Self::NoPath => 0,
            Self::BadSignature => 1,
            Self::Constraint(_) => 2,
            Self::CaOutsideValidity => 3,
            Self::NotYetValid(_) | Self::Expired(_) => 4,
            Self::Budget => 5,
        }
    }
}

/// Finds a path from `leaf` over `intermediates` to one of `anchors` that is good at `at` for `purpose`.
pub fn validate(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    at: Instant,
    purpose: Purpose,
) -> Result<VerifiedPath, PathError> {
    let mut search = Search { intermediates, anchors, at, purpose, signatures: 0, furthest: PathError::NoPath };
    let mut path = vec![leaf.clone()];
    match search.extend(&mut path) {
        Some(found) => Ok(found),
        None => Err(search.furthest),
    }
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    anchors: &'a [Certificate],
    at: Instant,
    purpose: Purpose,
    signatures: usize,
    furthest: PathError,
}

impl Search<'_> {
    /// Depth first; at most [`limits::LONGEST_PATH`] deep, so the recursion is bounded.
    fn extend(&mut self, path: &mut Vec<Certificate>) -> Option<VerifiedPath> {
        let last = path.last()?.clone();
        if self.anchors.contains(&last) {
            match check(path, self.at, self.purpose) {
                Ok(()) => return Some(VerifiedPath(path.clone())),
                Err(error) => self.note(error),
            }
        }
        if path.len() >= limits::LONGEST_PATH {
            return None;
        }
        let (anchors, intermediates) = (self.anchors, self.intermediates);
        for issuer in anchors.iter().chain(intermediates) {
            if path.contains(issuer) || !may_have_issued(issuer, &last) {
                continue;
            }
            if self.signatures >= limits::PATH_SIGNATURES {
                self.note(PathError::Budget);
                return None;
            }
            self.signatures += 1;
            let verified = issuer.public_key().and_then(|key| last.verify_signature(&key));
            if verified.is_err() {
                self.note(PathError::BadSignature);
                continue;
            }
            path.push(issuer.clone());
            let found = self.extend(path);
            path.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn note(&mut self, error: PathError) {
        if error.rank() > self.furthest.rank() {
            self.furthest = error;
        }
    }
}

/// Names chain, and key identifiers do not contradict each other (RFC 5280 §4.2.1.1).
fn may_have_issued(issuer: &Certificate, subject: &Certificate) -> bool {
    if !issuer.subject().matches(subject.issuer()) {
        return false;
    }
    let wanted = subject.authority_key_identifier().ok().flatten().and_then(|identifier| identifier.key_identifier);
    match (wanted, issuer.subject_key_identifier()) {
        (Some(wanted), Some(held)) => wanted == held,
        _ => true,
    }
}

/// RFC 5280 §6.1.3–§6.1.5 over a path whose signatures were verified while it was built; `path` is end entity first.
fn check(path: &[Certificate], at: Instant, purpose: Purpose) -> Result<(), PathError> {
    let Some((leaf, cas)) = path.split_first() else { return Err(PathError::NoPath) };
    for certificate in path {
        check_critical(certificate)?;
    }
    for (index, ca) in cas.iter().enumerate() {
        // `index` CA certificates stand between this one and the end entity; self-issued ones do not count (§6.1.4 l).
        let below = cas.iter().take(index).filter(|between| !between.is_self_issued()).count();
        let is_anchor = index + 1 == cas.len();
        check_ca(ca, below, is_anchor)?;
    }
    names::check(path)?;
    policy::check(path)?;
    check_purpose(leaf, purpose)?;
    if cas.iter().any(|ca| !ca.is_valid_at(at)) {
        return Err(PathError::CaOutsideValidity);
    }
    if at < leaf.not_before() {
        return Err(PathError::NotYetValid(leaf.not_before()));
    }
    if !leaf.is_valid_at(at) {
        return Err(PathError::Expired(leaf.not_after()));
    }
    Ok(())
}

/// RFC 5280 §6.1.4 (o), §6.1.5 (f): a critical extension that is not understood ends it.
fn check_critical(certificate: &Certificate) -> Result<(), PathError> {
    let unknown = certificate.extensions().iter().find(|e| e.critical && !UNDERSTOOD.contains(&e.oid));
    match unknown {
        Some(extension) => {
            Err(constraint(format!("RFC 5280 §6.1.4 (o): critical extension {} is not understood", extension.oid)))
        }
        None => Ok(()),
    }
}

fn check_ca(ca: &Certificate, below: usize, is_anchor: bool) -> Result<(), PathError> {
    // A version 1 trust anchor has no extensions to say that it is a CA.
    if is_anchor && ca.version() < 3 {
        return Ok(());
    }
    let constraints = ca.basic_constraints().map_err(malformed)?;
    match constraints {
        Some(BasicConstraints { ca: true, path_length }) => {
            if path_length.is_some_and(|longest| u64::try_from(below).unwrap_or(u64::MAX) > longest) {
                return Err(constraint("RFC 5280 §6.1.4 (m): the path is longer than a CA's pathLenConstraint"));
            }
        }
        _ => return Err(constraint("RFC 5280 §6.1.4 (k): an issuer is not a CA by its basicConstraints")),
    }
    match ca.key_usage().map_err(malformed)? {
        Some(usage) if !usage.has(KeyUsage::KEY_CERT_SIGN) => {
            Err(constraint("RFC 5280 §6.1.4 (n): an issuer's keyUsage lacks keyCertSign"))
        }
        _ => Ok(()),
    }
}

fn check_purpose(leaf: &Certificate, purpose: Purpose) -> Result<(), PathError> {
    let usage = leaf.key_usage().map_err(malformed)?;
    let extended = leaf.extended_key_usage().map_err(malformed)?;
    let has = |kind: ObjectIdentifier| extended.as_ref().is_some_and(|kinds| kinds.contains(&kind));
    let signing = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::CONTENT_COMMITMENT;
    let (fits, clause) = match purpose {
        Purpose::Any => (true, ""),
        Purpose::Signature => (
            usage.is_none_or(|usage| usage.has(signing)),
            "RFC 5280 §4.2.1.3: keyUsage allows neither digitalSignature nor contentCommitment",
        ),
        Purpose::TimeStamping => {
            let critical = leaf.extension(&oid::EXTENDED_KEY_USAGE).is_some_and(|extension| extension.critical);
            let only = extended.as_ref().is_some_and(|kinds| kinds.as_slice() == [oid::KP_TIME_STAMPING]);
            (critical && only, "RFC 3161 §2.3: extendedKeyUsage is timeStamping alone, and critical")
        }
        Purpose::OcspSigning => (has(oid::KP_OCSP_SIGNING), "RFC 6960 §4.2.2.2: extendedKeyUsage lacks OCSPSigning"),
        Purpose::CrlSigning => (
            usage.is_none_or(|usage| usage.has(KeyUsage::CRL_SIGN)),
            "RFC 5280 §6.3.3 (f): keyUsage lacks cRLSign",
        ),
    };
    if fits { Ok(()) } else { Err(constraint(clause)) }
}

fn constraint(what: impl Into<String>) -> PathError {
    PathError::Constraint(what.into())
}

fn malformed(error: Error) -> PathError {
    PathError::Constraint(error.to_string())
}
