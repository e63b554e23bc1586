//! A line of the report on one signature, of whatever format: what its bytes prove, then trust and time, put together in one
//! place. The verdict is derived from the checks, never stored beside them.

use super::VerificationContext;
use super::process::{Elements, Subject, bytes};
use super::store::Material;
use super::trust::{self, Proof};
use crate::certificate::Certificate;
use crate::path::Purpose;
use chuky_model::instant::Instant;
use chuky_model::report::{Change, Check, Indication, Integrity, Outcome, SignatureReport, SubIndication};

/// A line whose bytes are judged and whose trust is not yet.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) id: String,
    pub(super) format: String,
    pub(super) covers: String,
    /// With the sub-indication that goes with it where it is not intact.
    pub(super) integrity: (Integrity, Option<SubIndication>),
    pub(super) certificate: Option<&'a Certificate>,
    /// What the policy's constraints look at.
    pub(super) elements: Elements,
    pub(super) claimed: Option<Instant>,
    pub(super) changes: Vec<Change>,
    pub(super) checks: Vec<Check>,
}

impl Draft<'_> {
    /// A line on a signature that was not read further than this check tells.
    pub(super) fn unread(id: &str, format: &str, check: Check) -> Self {
        let integrity = match check.outcome {
            Outcome::Failed => (Integrity::Broken, Some(SubIndication::FormatFailure)),
            _ => (Integrity::Unknown, Some(SubIndication::CryptoConstraintsFailureNoPoe)),
        };
        Self {
            id: id.to_owned(),
            format: format.to_owned(),
            covers: "unknown".to_owned(),
            integrity,
            certificate: None,
            elements: Elements::default(),
            claimed: None,
            changes: Vec::new(),
            checks: vec![check],
        }
    }

    /// Adds path, revocation and algorithms at the proven time.
    pub(super) fn judge(self, proof: Proof, material: &Material, context: &VerificationContext) -> SignatureReport {
        let (certificate, elements) = (self.certificate, &self.elements);
        let subject = Subject { certificate, purpose: Purpose::DocumentSigning, elements, claimed: self.claimed };
        let trust = trust::judge(subject, proof, material, context);
        let mut checks = self.checks;
        checks.extend(trust.checks);
        checks.extend(claimed_too_late(self.claimed, proof, context));
        let found = trust.sub_indication != Some(SubIndication::NoCertificateChainFound);
        checks.extend(
            certificate
                .filter(|_| context.has_anchors())
                .into_iter()
                .flat_map(|one| missing_issuer(one, material, found)),
        );
        let (integrity, structural) = self.integrity;
        let (indication, sub_indication) = match integrity {
            Integrity::Broken | Integrity::Altered => (Indication::TotalFailed, structural),
            Integrity::Unknown | Integrity::None => (Indication::Indeterminate, structural),
            Integrity::Intact => (trust.indication, trust.sub_indication),
        };
        SignatureReport {
            id: self.id,
            format: self.format,
            integrity,
            indication,
            sub_indication,
            signer: self.certificate.map(Certificate::to_signer),
            claimed_signing_time: self.claimed.map(Instant::rfc3339),
            best_signature_time: proof.proven.then(|| proof.time.rfc3339()),
            covers: self.covers,
            changes_after: self.changes,
            checks,
        }
    }
}

pub(super) use bytes::conclude as integrity;

/// Which of several integrities a person must hear first.
pub(super) fn badness(integrity: Integrity) -> u8 {
    match integrity {
        Integrity::None => 0,
        Integrity::Intact => 1,
        Integrity::Unknown => 2,
        Integrity::Altered => 3,
        Integrity::Broken => 4,
    }
}

/// The claimed time proves nothing, so one that cannot be true takes nothing away either, but it did not pass; where the policy demands a claimed
/// time it failed. Software that writes local time and calls it UTC is met often in Viet Nam, which is seven hours ahead: told by a name of its own.
fn claimed_too_late(claimed: Option<Instant>, proof: Proof, context: &VerificationContext) -> Option<Check> {
    let claimed = claimed.filter(|claimed| *claimed > proof.time.plus_seconds(CLOCK_TOLERANCE))?;
    let known = if proof.proven { "the proven time" } else { "the time of this verdict" };
    let reason = format!("the claimed time, {}, is later than {known}, {}", claimed.rfc3339(), proof.time.rfc3339());
    let local = claimed.plus_seconds(-UTC_OFFSET);
    if local <= proof.time.plus_seconds(CLOCK_TOLERANCE) {
        let reason =
            format!("{reason}; as local time of Viet Nam (UTC+7) that was called UTC it is {}", local.rfc3339());
        return Some(Check::not_done(LOCAL_TIME, reason));
    }
    let demanded = context.policy.signature.timestamp_delay.is_some();
    Some(if demanded { Check::failed("claimed_time", reason) } else { Check::not_done("claimed_time", reason) })
}

/// Notices on files that bring the signer's certificate alone, as many products write them, and on signatures made in a remote-signing service, whose
/// certificates lead to a root of its own: who trusts the root for tokens alone finds no path.
fn missing_issuer(certificate: &Certificate, material: &Material, found: bool) -> Vec<Check> {
    let mut notices = Vec::new();
    let issuer = certificate.issuer();
    let is_known = material.certificates.iter().any(|other| other.subject() == issuer);
    if !is_known && !certificate.is_self_issued() {
        let reason =
            format!("the file brings the signer's certificate alone, not that of its issuer, {}", issuer.common_name());
        notices.push(match found {
            true => Check { reason, ..Check::passed("issuer_certificate") },
            false => Check::not_done("issuer_certificate", reason),
        });
    }
    if !found && names_remote_signing(&issuer.common_name()) {
        let reason = "the issuer's name speaks of remote signing: such certificates lead to the root for remote signing, which is another one than the root for tokens";
        notices.push(Check::not_done("remote_signing_root", reason));
    }
    notices
}

/// By a word of the name; only a notice rests on it, never trust.
fn names_remote_signing(name: &str) -> bool {
    let mut words = name.split(|letter: char| !letter.is_alphanumeric());
    words.any(|word| word == "RS" || word.eq_ignore_ascii_case("remote") || word.eq_ignore_ascii_case("SmartCA"))
}

/// The check of a claimed time that seems to be local time labelled UTC.
pub(super) const LOCAL_TIME: &str = "local_time_as_utc";
/// Viet Nam's local time, seconds ahead of UTC.
const UTC_OFFSET: i64 = 7 * 3_600;

/// How far a signer's clock may be ahead without a word: five minutes.
const CLOCK_TOLERANCE: i64 = 300;

#[cfg(test)]
mod tests {
    use super::names_remote_signing;

    #[test]
    fn names_that_speak_of_remote_signing() {
        assert!(["VNPT SmartCA RS", "TEST Remote Signing CA", "CA-RS 2"].into_iter().all(names_remote_signing));
        assert!(!["VNPT-CA SHA-256", "CERS", "TEST CA"].into_iter().any(names_remote_signing));
    }
}
