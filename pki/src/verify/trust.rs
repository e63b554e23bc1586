//! Whose signature it is, and whether it counted (EN 319 102-1 §5.2.6, §5.3 to §5.6): path, revocation, algorithms and time.
//! Only what is proven counts: the claimed time proves nothing.

use super::VerificationContext;
use super::store::Material;
use crate::algorithm::DigestAlgorithm;
use crate::certificate::Certificate;
use crate::cms::SignerFindings;
use crate::crl::Reason;
use crate::crypto;
use crate::path::{self, PathError, Purpose, VerifiedPath};
use crate::revocation::{self, Revocation};
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
}

impl Trust {
    fn passed(checks: Vec<Check>) -> Self {
        Self { indication: Indication::TotalPassed, sub_indication: None, checks }
    }

    fn open(checks: Vec<Check>, sub_indication: SubIndication) -> Self {
        Self { indication: Indication::Indeterminate, sub_indication: Some(sub_indication), checks }
    }

    fn failed(checks: Vec<Check>, sub_indication: SubIndication) -> Self {
        Self { indication: Indication::TotalFailed, sub_indication: Some(sub_indication), checks }
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

/// Judges a certificate for a purpose at the proven time.
pub(super) fn judge(
    certificate: Option<&Certificate>,
    purpose: Purpose,
    proof: Proof,
    material: &Material,
    context: &VerificationContext,
) -> Trust {
    let Some(certificate) = certificate else {
        let check = Check::not_done("certificate_path", "the signing certificate was not found");
        return Trust::open(vec![check], SubIndication::NoSigningCertificateFound);
    };
    if context.anchors.is_empty() {
        let check = Check::not_done("certificate_path", "no trust anchors were given");
        return Trust::open(vec![check], SubIndication::NoCertificateChainFound);
    }
    match path::validate(certificate, &material.certificates, &context.anchors, proof.time, purpose) {
        Ok(path) => judge_revocation(&path, proof, material),
        Err(error) => no_path(&error, proof),
    }
}

fn no_path(error: &PathError, proof: Proof) -> Trust {
    let failed = vec![Check::failed("certificate_path", error.to_string())];
    match error {
        // EN 319 102-1 §5.5.4 step 3: what a timestamp proves is that the signature existed then. Before the certificate did, no
        // other evidence helps; after it expired, an older proof still could.
        PathError::NotYetValid(_) if proof.proven => Trust::failed(failed, SubIndication::NotYetValid),
        PathError::NotYetValid(_) => Trust::open(failed, SubIndication::OutOfBoundsNoPoe),
        PathError::NoPath | PathError::Budget => {
            Trust::open(vec![Check::not_done("certificate_path", error.to_string())], error.sub_indication())
        }
        _ => Trust::open(failed, error.sub_indication()),
    }
}

fn judge_revocation(path: &VerifiedPath, proof: Proof, material: &Material) -> Trust {
    let mut checks = vec![Check::passed("certificate_path")];
    let answers = revocation::judge_path(path, &material.evidence, proof.time);
    for (at, (certificate, answer)) in answers.into_iter().enumerate() {
        let who = certificate.subject().common_name();
        match answer {
            Revocation::Good { evidence_time, revoked_since } => {
                let reason = format!("{who}: not revoked, by evidence of {}", evidence_time.rfc3339());
                checks.push(Check { reason, ..Check::passed("revocation") });
                // Valid then, revoked since: said, but it takes nothing away.
                checks.extend(revoked_since.map(|(since, why)| Check {
                    reason: format!("{who}: revoked later, on {} ({why:?})", since.rfc3339()),
                    ..Check::passed(REVOKED_SINCE)
                }));
            }
            Revocation::Revoked { at: moment, reason: Reason::CertificateHold } => {
                // EN 319 102-1 §5.2.6.4: a hold may be lifted, so it decides nothing yet.
                checks.push(Check::failed(ON_HOLD, format!("{who}: on hold since {}", moment.rfc3339())));
                return Trust::open(checks, SubIndication::TryLater);
            }
            Revocation::Revoked { at: moment, reason: Reason::RemoveFromCrl } => {
                // Circular 15/2025, Appendix II: not suspended at the time of signing. That the hold was lifted later mends nothing.
                let text = format!("{who}: was suspended from {} on, and resumed only later", moment.rfc3339());
                checks.push(Check::failed("revocation", text));
                return Trust::open(checks, SubIndication::RevokedNoPoe);
            }
            Revocation::Revoked { at: moment, reason } => {
                checks
                    .push(Check::failed("revocation", format!("{who}: revoked on {} ({reason:?})", moment.rfc3339())));
                // EN 319 102-1 §5.5.4: that it existed later does not prove that it was made after the revocation.
                let sub = if at == 0 { SubIndication::RevokedNoPoe } else { SubIndication::RevokedCaNoPoe };
                return Trust::open(checks, sub);
            }
            Revocation::Unknown(reason) => {
                checks.push(Check::not_done("revocation", format!("{who}: {reason}")));
                return Trust::open(checks, SubIndication::TryLater);
            }
        }
    }
    Trust::passed(checks)
}

/// Whether the signature's digest still counted at that time (ETSI TS 119 312): SHA-1 and MD5 do not, without a proof of age.
pub(super) fn judge_digest(digest: Option<DigestAlgorithm>, proof: Proof) -> Option<Trust> {
    let digest = digest?;
    let until = match digest {
        DigestAlgorithm::Md5 => Instant::from_unix_seconds(MD5_UNTIL),
        DigestAlgorithm::Sha1 | DigestAlgorithm::Ripemd160 => Instant::from_unix_seconds(SHA1_UNTIL),
        _ => return None,
    };
    if proof.time <= until {
        return None;
    }
    let check =
        Check::failed("algorithms", format!("{} is no longer trusted at {}", digest.name(), proof.time.rfc3339()));
    let sub = if proof.proven {
        SubIndication::CryptoConstraintsFailure
    } else {
        SubIndication::CryptoConstraintsFailureNoPoe
    };
    Some(Trust::open(vec![check], sub))
}

/// 2004-08-01, collisions published.
const MD5_UNTIL: i64 = 1_091_318_400;
/// 2012-08-01 in SOG-IS; ETSI TS 119 312 V1.1.1: SHA-1 no longer for new signatures.
const SHA1_UNTIL: i64 = 1_343_779_200;

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
    let certificate = findings.signing_certificate.as_ref();
    let trust = judge(certificate, Purpose::TimeStamping, proof, material, context);
    let weak = judge_digest(findings.signed_with(), proof);
    let indication = match findings.outcome() {
        Outcome::Failed => Indication::TotalFailed,
        Outcome::NotDone => Indication::Indeterminate,
        Outcome::Passed if weak.is_some() && trust.indication == Indication::TotalPassed => Indication::Indeterminate,
        Outcome::Passed => trust.indication,
    };
    let mut checks = findings.checks.clone();
    checks.extend(trust.checks);
    checks.extend(weak.into_iter().flat_map(|weak| weak.checks));
    let report = TimestampReport {
        time: token.time.rfc3339(),
        authority: certificate.map(|certificate| certificate.subject().common_name()).unwrap_or_default(),
        indication,
        checks,
    };
    ((indication == Indication::TotalPassed).then_some(token.time), report)
}
