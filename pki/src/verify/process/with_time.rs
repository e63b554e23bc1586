//! Signatures with time and with long-term validation material (EN 319 102-1 §5.5.4): best-signature-time compared with the certificate's period, the
//! order of the timestamps, and how late they may be.

use super::{Validation, basic};
use crate::path::Purpose;
use crate::verify::trust::Trust;
use chuky_model::report::{Check, Indication, SubIndication};

/// Steps 2, 4, 6 and 7 with best-signature-time.
pub(super) fn validate(validation: &Validation<'_>) -> Trust {
    let time = validation.proof.time;
    let trust = basic::validate(validation, time);
    let certificate = validation.certificate;
    let bound = matches!(
        (trust.indication, trust.sub_indication),
        (Indication::TotalPassed, _)
            | (_, Some(SubIndication::OutOfBoundsNoPoe | SubIndication::OutOfBoundsNotRevoked))
    );
    // Steps 4 b and 4 d.
    if validation.proof.proven && bound && time < certificate.not_before() {
        return early(trust);
    }
    match trust.sub_indication {
        Some(SubIndication::OutOfBoundsNotRevoked) if validation.proof.proven && time <= certificate.not_after() => {
            let mut checks = vec![Check::passed("certificate_path")];
            checks.extend(trust.checks.into_iter().filter(|check| check.name != "certificate_path"));
            Trust::passed(checks)
        }
        _ => trust,
    }
}

/// NOT_YET_VALID: what a timestamp proves is that the signature existed then. Before the certificate did, no other evidence helps.
pub(super) fn early(trust: Trust) -> Trust {
    let mut checks = trust.checks;
    checks.retain(|check| check.name != "certificate_path");
    let reason = "it is proven that the signature was made before its certificate became valid";
    checks.insert(0, Check::failed("certificate_path", reason));
    Trust::failed(checks, SubIndication::NotYetValid)
}

/// Steps 4 e, 5, 8 and 9: what remains for a signature whose certificate counts.
pub(super) fn accept(validation: &Validation<'_>, trust: Trust) -> Trust {
    if trust.indication != Indication::TotalPassed {
        return trust;
    }
    let refused = [order(validation), delay(validation), demanded(validation)].into_iter().flatten().next();
    if let Some((check, sub)) = refused {
        let mut checks = trust.checks;
        checks.push(check);
        return Trust::open(checks, sub);
    }
    basic::accept(validation, trust, validation.proof.time)
}

/// Step 4 e: what is stamped over the signature is later than what is stamped over its content.
fn order(validation: &Validation<'_>) -> Option<(Check, SubIndication)> {
    let elements = validation.subject.elements;
    let content = elements.content_times.iter().max()?;
    let signature = elements.signature_times.iter().min().filter(|time| *time < content)?;
    let reason = format!(
        "a timestamp of {} over the signature is earlier than one of {} over its content",
        signature.rfc3339(),
        content.rfc3339()
    );
    Some((Check::failed("timestamp_order", reason), SubIndication::TimestampOrderFailure))
}

/// Step 5.
fn delay(validation: &Validation<'_>) -> Option<(Check, SubIndication)> {
    let most = validation.context.policy.signature.timestamp_delay?;
    let subject = &validation.subject;
    if subject.purpose != Purpose::DocumentSigning || !validation.proof.proven {
        return None;
    }
    let reason = match subject.claimed {
        None => "the policy bounds how late a timestamp may be, and the signature claims no time".to_owned(),
        Some(claimed) if claimed.plus_seconds(most) < validation.proof.time => {
            format!("the timestamp came more than {} hours after the claimed time {}", most / 3_600, claimed.rfc3339())
        }
        Some(_) => return None,
    };
    Some((Check::failed("signature_constraints", reason), SubIndication::SigConstraintsFailure))
}

/// §5.2.8: the policy may demand a timestamp.
fn demanded(validation: &Validation<'_>) -> Option<(Check, SubIndication)> {
    let rules = &validation.context.policy.signature;
    let missing = rules.timestamp && validation.subject.purpose == Purpose::DocumentSigning && !validation.proof.proven;
    let reason = "the policy demands a valid timestamp over the signature, and there is none";
    missing.then(|| (Check::failed("signature_constraints", reason), SubIndication::SigConstraintsFailure))
}
