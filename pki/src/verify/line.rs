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
        checks.extend(claimed_too_late(self.claimed, proof));
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

/// The claimed time proves nothing, so one that cannot be true takes nothing away either; it is said.
fn claimed_too_late(claimed: Option<Instant>, proof: Proof) -> Option<Check> {
    let claimed = claimed.filter(|claimed| *claimed > proof.time.plus_seconds(CLOCK_TOLERANCE))?;
    let known = if proof.proven { "the proven time" } else { "the time of this verdict" };
    let reason = format!("the claimed time, {}, is later than {known}, {}", claimed.rfc3339(), proof.time.rfc3339());
    Some(Check { reason, ..Check::passed("claimed_time") })
}

/// How far a signer's clock may be ahead without a word: five minutes.
const CLOCK_TOLERANCE: i64 = 300;
