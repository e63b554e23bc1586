//! From lines to the answer on the whole file: the worst integrity, the indication that goes with it, and the sentence that a
//! person reads. Used by every format, so that the same findings are told the same way everywhere.

use super::line::{LOCAL_TIME, badness};
use super::sentences::{self, Circumstance};
use chuky_model::report::{Check, Indication, Integrity, Report, SignatureReport, Signer, SubIndication};

/// Concludes from the report's own lines. Timestamps count only where there is no signature: they are what the file is judged by
/// then, with the integrity that the caller found.
pub(super) fn of_lines(report: &mut Report) {
    let worst = report.signatures.iter().map(|line| line.integrity).max_by_key(|integrity| badness(*integrity));
    conclude(report, worst.unwrap_or(Integrity::None));
}

/// Concludes with an integrity that was found for the file as a whole, which may be worse than that of its lines.
pub(super) fn conclude(report: &mut Report, integrity: Integrity) {
    report.integrity = integrity;
    let line = report.signatures.iter().max_by_key(|line| (badness(line.integrity), rank(line.indication)));
    let worst_line = report.signatures.iter().max_by_key(|line| rank(line.indication));
    let timestamp = report.timestamps.iter().max_by_key(|line| rank(line.indication));
    (report.indication, report.sub_indication) = match (worst_line, integrity) {
        (_, Integrity::None) => (Indication::NoSignatureFound, None),
        (Some(worst), Integrity::Intact) => (worst.indication, worst.sub_indication),
        (_, Integrity::Broken | Integrity::Altered) => {
            // Where only the file as a whole is at fault, no line tells why.
            let line = line.filter(|line| line.integrity == integrity);
            let sub = line.and_then(|line| line.sub_indication).or(Some(SubIndication::FormatFailure));
            (Indication::TotalFailed, sub)
        }
        (Some(worst), _) => (Indication::Indeterminate, worst.sub_indication),
        (None, Integrity::Intact) => (timestamp.map_or(Indication::Indeterminate, |line| line.indication), None),
        (None, _) => (Indication::Indeterminate, None),
    };
    let signer = line.and_then(|line| line.signer.as_ref()).map(|signer| signer.common_name.clone());
    let signer = signer.filter(|name| !name.is_empty());
    (report.message, report.next_step) = match (&signer, timestamp) {
        (None, Some(timestamp)) if report.signatures.is_empty() && integrity == Integrity::Intact => {
            sentences::timestamped(report.indication, &timestamp.time, &timestamp.authority)
        }
        _ => sentences::signed(
            integrity,
            report.indication,
            report.sub_indication,
            Circumstance::of(&report.signatures),
            signer.as_deref().unwrap_or("người ký"),
        ),
    };
    let is_local = |line: &SignatureReport| line.checks.iter().any(|check| check.name == LOCAL_TIME);
    if integrity == Integrity::Intact && report.signatures.iter().any(is_local) {
        report.message = sentences::local_time(&report.message);
    }
}

/// The same answer for a file of which these parts are not signed, where what is signed is intact. It is never *passed* as a whole: the policy's
/// constraint is that all of a document is signed (EN 319 102-1 §5.2.8), and each signature's own line tells what it is worth.
pub(super) fn with_unsigned_parts(report: &mut Report, parts: &str) {
    if report.integrity != Integrity::Intact {
        return;
    }
    if report.indication == Indication::TotalPassed {
        (report.indication, report.sub_indication) =
            (Indication::Indeterminate, Some(SubIndication::SigConstraintsFailure));
    }
    (report.message, report.next_step) = sentences::unsigned_parts(&report.message, parts);
}

/// Leaves signatures open whose signers' status nobody could ask for, and with them the file.
pub fn leave_open(report: &mut Report, is_meant: impl Fn(&Signer) -> bool, reason: &str) {
    let meant = |line: &&mut SignatureReport| {
        line.indication == Indication::TotalPassed && line.signer.as_ref().is_some_and(&is_meant)
    };
    let mut some = false;
    for line in report.signatures.iter_mut().filter(meant) {
        some = true;
        line.indication = Indication::Indeterminate;
        line.sub_indication = Some(SubIndication::TryLater);
        line.checks.push(Check::not_done("revocation", reason));
    }
    if some {
        conclude(report, report.integrity);
    }
}

/// The answer where the file could not be read: broken where its structure is wrong, unknown where a bound or a missing ability
/// stopped the reader.
pub(super) fn unread(report: &mut Report, error: &crate::Error) {
    use crate::Error;
    let (integrity, check) = match error {
        Error::Limit(_) | Error::Unsupported(_) => (Integrity::Unknown, Check::not_done("reading", error.to_string())),
        _ => (Integrity::Broken, Check::failed("reading", error.to_string())),
    };
    report.checks.push(check);
    conclude(report, integrity);
    report.sub_indication = Some(match integrity {
        Integrity::Broken => SubIndication::FormatFailure,
        _ => SubIndication::PolicyProcessingError,
    });
}

fn rank(indication: Indication) -> u8 {
    match indication {
        Indication::TotalPassed => 0,
        Indication::NoSignatureFound => 1,
        Indication::Indeterminate => 2,
        Indication::TotalFailed => 3,
    }
}
