//! Evidence records (EN 319 102-1 §5.6.3.4 step 1): their timestamps from the newest, each at the time that the next one proves. Only a record that
//! is valid as a whole proves anything, and then for the time of its first timestamp.

use super::VerificationContext;
use super::line;
use super::store::Gathering;
use super::trust::{self, Proof};
use crate::algorithm::DigestAlgorithm;
use crate::evidence_record::{Alternatives, EvidenceRecord};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, Integrity, TimestampReport};

/// What came out of one.
pub(super) struct Recorded {
    /// Its timestamps, newest first.
    pub(super) reports: Vec<TimestampReport>,
    /// What the bytes of each prove.
    pub(super) integrity: Vec<Integrity>,
    /// The time that the record proves.
    pub(super) time: Option<Instant>,
}

/// Judges a record over data objects whose digests are given. `what` names it in the report; `beside` are checks of what surrounds it.
pub(super) fn judge(
    record: &EvidenceRecord,
    what: &str,
    beside: &[Check],
    digests: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<Alternatives>>,
    context: &VerificationContext,
) -> Recorded {
    let mut stamped = record.check(digests);
    let mut gathering = Gathering::new(context);
    stamped.iter().for_each(|one| gathering.add_signed_data(&one.token.signed_data));
    let material = gathering.read(context);
    let mut recorded = Recorded { reports: Vec::new(), integrity: Vec::new(), time: None };
    let mut proof = Proof { time: context.at, proven: false };
    let mut valid = !stamped.is_empty();
    stamped.reverse();
    for (place, one) in stamped.iter().enumerate() {
        let mut findings = one.token.check(&material.certificates, &mut |_| one.root.clone());
        findings.checks.retain(|check| check.name != one.covers.name);
        findings.checks.insert(0, one.covers.clone());
        findings.checks.extend(beside.iter().cloned());
        recorded.integrity.push(line::integrity(&findings).0);
        let (time, mut report) = trust::timestamp_report(&one.token, findings, proof, &material, context);
        report.checks.insert(0, trust::kind_of_timestamp(what));
        recorded.reports.push(report);
        match time {
            Some(time) => {
                proof = proof.or_earlier(time);
                // A renewal covers the timestamps before it with what they carry.
                let earlier = stamped.iter().skip(place + 1);
                material.prove(time, |objects| earlier.for_each(|one| objects.signed_data(&one.token.signed_data)));
            }
            None => valid = false,
        }
    }
    recorded.time = (valid && proof.proven).then_some(proof.time);
    recorded
}
