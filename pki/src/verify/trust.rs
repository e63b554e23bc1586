//! Whose signature it is, and whether it counted: the status that the processes of EN 319 102-1 give, what is proven about time, and the
//! validation of timestamps (§5.4). Only what is proven counts: the claimed time proves nothing.

use super::VerificationContext;
use super::process::{Elements, Subject, bytes, long_term};
use super::store::Material;
use crate::algorithm::DigestAlgorithm;
use crate::cms::SignerFindings;
use crate::crypto;
use crate::path::Purpose;
use crate::timestamp::TimestampToken;
use chuky_model::instant::Instant;
use chuky_model::report::{Check, Indication, Outcome, SubIndication, TimestampReport};

/// The check that says that a certificate was revoked after the proven time.
pub(super) const REVOKED_SINCE: &str = "revoked_since";
/// The check that fails where a certificate is on hold.
pub(super) const ON_HOLD: &str = "certificate_hold";

/// The answer about one signer or one timestamp.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    pub(super) indication: Indication,
    pub(super) sub_indication: Option<SubIndication>,
    pub(super) checks: Vec<Check>,
    /// Since when a certificate is revoked, or until when an algorithm was reliable, where that is the reason.
    pub(super) since: Option<Instant>,
}

impl Trust {
    pub(super) fn passed(checks: Vec<Check>) -> Self {
        Self { indication: Indication::TotalPassed, sub_indication: None, checks, since: None }
    }

    pub(super) fn open(checks: Vec<Check>, sub_indication: SubIndication) -> Self {
        Self { indication: Indication::Indeterminate, sub_indication: Some(sub_indication), checks, since: None }
    }

    /// Open because of an algorithm that was reliable until then.
    pub(super) fn weak(checks: Vec<Check>, sub_indication: SubIndication, until: Option<Instant>) -> Self {
        Self { since: until, ..Self::open(checks, sub_indication) }
    }

    /// Open because nobody asked.
    pub(super) fn unasked(checks: Vec<Check>) -> Self {
        Self { indication: Indication::Indeterminate, sub_indication: None, checks, since: None }
    }

    pub(super) fn failed(checks: Vec<Check>, sub_indication: SubIndication) -> Self {
        Self { indication: Indication::TotalFailed, sub_indication: Some(sub_indication), checks, since: None }
    }
}

/// When something is known to have existed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    pub(super) time: Instant,
    /// Whether a timestamp proves it; otherwise it is the time of the verdict.
    pub(super) proven: bool,
}

impl Proof {
    /// This proof, or the other where it is earlier.
    pub(super) fn or_earlier(self, time: Instant) -> Self {
        if time < self.time { Self { time, proven: true } } else { self }
    }
}

/// Judges whose signature it is, by the process of EN 319 102-1 §5.6.3.
pub(super) fn judge(subject: Subject<'_>, proof: Proof, material: &Material, context: &VerificationContext) -> Trust {
    long_term::validate(subject, proof, material, context)
}

/// Judges a signature timestamp over this signature value.
pub(super) fn judge_signature_timestamp(
    token: &[u8],
    signature_value: &[u8],
    proof: Proof,
    material: &Material,
    context: &VerificationContext,
) -> (Option<Instant>, TimestampReport) {
    let mut covered = |algorithm| Some(crypto::digest(algorithm, signature_value));
    judge_token(token, "signature timestamp", &mut covered, proof, material, context)
}

/// Judges a timestamp token over data whose digest is given. `what` names it in the report.
pub(super) fn judge_token(
    token: &[u8],
    what: &str,
    covered: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
    proof: Proof,
    material: &Material,
    context: &VerificationContext,
) -> (Option<Instant>, TimestampReport) {
    let token = match TimestampToken::parse(token) {
        Ok(token) => token,
        Err(error) => return (None, unread_timestamp(what, &error)),
    };
    let findings = token.check(&material.certificates, covered);
    let (time, mut report) = timestamp_report(&token, findings, proof, material, context);
    report.checks.insert(0, kind_of_timestamp(what));
    (time, report)
}

/// The report on what should be a token and cannot be read.
pub(super) fn unread_timestamp(what: &str, error: &crate::Error) -> TimestampReport {
    TimestampReport {
        time: String::new(),
        authority: String::new(),
        indication: Indication::TotalFailed,
        sub_indication: Some(SubIndication::FormatFailure),
        checks: vec![kind_of_timestamp(what), Check::failed("timestamp", error.to_string())],
    }
}

/// What a timestamp is for, as a check of its report.
pub(super) fn kind_of_timestamp(what: &str) -> Check {
    Check { reason: what.to_owned(), ..Check::passed("timestamp_kind") }
}

/// The report on a token whose bytes were checked, and its time where it proves one. The token's own certificates and revocation
/// values must be in the material.
pub(super) fn timestamp_report(
    token: &TimestampToken,
    findings: SignerFindings,
    proof: Proof,
    material: &Material,
    context: &VerificationContext,
) -> (Option<Instant>, TimestampReport) {
    timestamp_over(token, findings, proof, &[], material, context)
}

/// The same for a token over digests of what it covers, by these algorithms: of a container's manifest, of an index of hashes.
pub(super) fn timestamp_over(
    token: &TimestampToken,
    findings: SignerFindings,
    proof: Proof,
    between: &[DigestAlgorithm],
    material: &Material,
    context: &VerificationContext,
) -> (Option<Instant>, TimestampReport) {
    let certificate = findings.signing_certificate.as_ref();
    let elements = Elements {
        certificate_is_bound: findings.certificate_is_bound,
        digests: digests(&findings).chain([token.digest_algorithm]).chain(between.iter().copied()).collect(),
        scheme: findings.signature_algorithm,
        ..Elements::default()
    };
    let subject = Subject { certificate, purpose: Purpose::TimeStamping, elements: &elements, claimed: None };
    let trust = judge(subject, proof, material, context);
    let (indication, sub_indication) = match (findings.outcome(), bytes::conclude(&findings)) {
        (Outcome::Failed, (_, sub)) => (Indication::TotalFailed, sub),
        (Outcome::NotDone, (_, sub)) => (Indication::Indeterminate, sub),
        (Outcome::Passed, _) => (trust.indication, trust.sub_indication),
    };
    let mut checks = findings.checks.clone();
    checks.extend(trust.checks);
    let report = TimestampReport {
        time: token.time.rfc3339(),
        authority: certificate.map(|certificate| certificate.subject().common_name()).unwrap_or_default(),
        indication,
        sub_indication,
        checks,
    };
    ((indication == Indication::TotalPassed).then_some(token.time), report)
}

/// The digests that a signature relies on: of the content and of the value.
pub(super) fn digests(findings: &SignerFindings) -> impl Iterator<Item = DigestAlgorithm> {
    findings.digest_algorithm.into_iter().chain(findings.signed_with())
}
