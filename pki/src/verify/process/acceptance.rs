//! Signature acceptance validation (EN 319 102-1 §5.2.8): the algorithms of the signature at a time, and the elements that the policy demands.

use super::Validation;
use crate::path::Purpose;
use crate::verify::policy::Weakness;
use crate::verify::trust::Trust;
use chuky_model::instant::Instant;
use chuky_model::report::{Check, SubIndication};

/// Validates at that time. Gives what is to be told of a signature that is accepted.
pub(super) fn validate(validation: &Validation<'_>, at: Instant) -> Result<Vec<Check>, Trust> {
    let (policy, subject) = (&validation.context.policy, &validation.subject);
    // §5.2.8.4.1: algorithms and key sizes, at the time.
    if let Some(weakness) = policy.weakness(&validation.used(), at) {
        let sub = produced_later(validation, &weakness);
        return Err(Trust::weak(vec![weak("algorithms", &weakness, at)], sub, weakness.until));
    }
    // A token binds its certificate by its own standard (RFC 3161 §2.4.1), and no policy on signatures speaks about it.
    let demanded = policy.signature.certificate_reference && subject.purpose == Purpose::DocumentSigning;
    if demanded && !subject.elements.certificate_is_bound {
        let reason = "the policy demands a signed reference to the signing certificate, and there is none";
        let check = Check::failed("signature_constraints", reason);
        return Err(Trust::open(vec![check], SubIndication::SigConstraintsFailure));
    }
    let notice = subject.elements.scheme.and_then(|scheme| policy.notice(scheme));
    Ok(notice
        .map(|notice| Check { reason: notice.to_owned(), ..Check::passed("algorithm_notice") })
        .into_iter()
        .collect())
}

/// The check on a weakness at a time.
pub(super) fn weak(name: &str, weakness: &Weakness, at: Instant) -> Check {
    let reason = match weakness.until {
        Some(until) => {
            format!("{} is no longer trusted at {}: it was until {}", weakness.what, at.rfc3339(), until.rfc3339())
        }
        None => format!("{} is not accepted by the policy", weakness.what),
    };
    Check::failed(name, reason)
}

/// §5.3.4 step 6 and table 6: whether it is known that the signature was produced when its algorithm was no longer reliable, because content that
/// it covers was timestamped later, or because its certificate was issued later.
fn produced_later(validation: &Validation<'_>, weakness: &Weakness) -> SubIndication {
    let later = |until: Instant| {
        validation.subject.elements.content_times.iter().any(|time| *time > until)
            || validation.certificate.not_before() > until
    };
    match weakness.until {
        Some(until) if !later(until) => SubIndication::CryptoConstraintsFailureNoPoe,
        _ => SubIndication::CryptoConstraintsFailure,
    }
}
