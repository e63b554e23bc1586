//! Validation of basic signatures (EN 319 102-1 §5.3.4): the certificate now, and the signature's acceptance. A timestamp over the content proves
//! that the signature is younger; that can only make things certain for the worse.

use super::{Validation, acceptance, certificate};
use crate::verify::trust::Trust;
use chuky_model::instant::Instant;
use chuky_model::report::{Check, SubIndication};

/// Validates at the current time. `fresh_at` as for [`certificate::validate`].
pub(super) fn validate(validation: &Validation<'_>, fresh_at: Instant) -> Trust {
    let now = validation.context.at;
    // Step 4.
    let trust = certificate::validate(validation, now, fresh_at);
    let made_after = |moment: Instant| validation.subject.elements.content_times.iter().find(|time| **time > moment);
    let expiry = validation.certificate.not_after();
    let proven = match trust.sub_indication {
        Some(SubIndication::RevokedNoPoe) => {
            trust.since.and_then(made_after).map(|time| (SubIndication::Revoked, time, "was revoked"))
        }
        Some(SubIndication::OutOfBoundsNoPoe | SubIndication::OutOfBoundsNotRevoked) => {
            made_after(expiry).map(|time| (SubIndication::Expired, time, "had expired"))
        }
        _ => None,
    };
    if let Some((sub, time, what)) = proven {
        let reason =
            format!("a content timestamp of {} proves that it was signed after the certificate {what}", time.rfc3339());
        let mut checks = trust.checks;
        checks.push(Check::failed("signing_time", reason));
        return Trust::failed(checks, sub);
    }
    trust
}

/// Step 6, at the time given.
pub(super) fn accept(validation: &Validation<'_>, mut trust: Trust, at: Instant) -> Trust {
    match acceptance::validate(validation, at) {
        Ok(told) => {
            trust.checks.extend(told);
            trust
        }
        Err(mut refused) => {
            refused.checks.splice(0..0, trust.checks);
            refused
        }
    }
}
