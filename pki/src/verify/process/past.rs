//! Past signature validation (EN 319 102-1 §5.6.2.4): a signature counts where it is proven to have existed by the time that the chain's past
//! validation gives, within its certificate's period.

use super::{Validation, sliding};
use crate::verify::trust::Trust;
use chuky_model::report::{Check, Indication, SubIndication};

/// Tries to settle the status that validation at the current time gave. With a time that is proven, revoked means revoked by that time
/// (§5.5.4 step 4 a): no sliding mends it, so that REVOKED_NO_POE and REVOKED_CA_NO_POE stay.
pub(super) fn validate(validation: &Validation<'_>, current: Trust) -> Trust {
    let heals = matches!(
        current.sub_indication,
        Some(
            SubIndication::OutOfBoundsNoPoe
                | SubIndication::OutOfBoundsNotRevoked
                | SubIndication::CryptoConstraintsFailureNoPoe
                | SubIndication::RevocationOutOfBoundsNoPoe
                | SubIndication::NoCertificateChainFoundNoPoe
                | SubIndication::TryLater
        )
    );
    if current.indication != Indication::Indeterminate || !heals || !validation.context.has_anchors() {
        return current;
    }
    // Step 2.
    let past = match sliding::validate(validation) {
        Ok(past) => past,
        Err(error) => {
            let sub = sliding::missing(&error, current.sub_indication);
            return unsettled(current, sub, error.reason);
        }
    };
    // Step 3: a proof of the signature at or before the time that was returned.
    let (time, control) = (validation.proof.time, past.control_time);
    if time > control {
        let (known, end) = (time.rfc3339(), control.rfc3339());
        let reason = format!("the signature is proven for {known}, and its chain counts only until {end}");
        let sub = current.sub_indication;
        return unsettled(current, sub, reason);
    }
    let mut checks = past.checks;
    let reason = format!("by control time {}, over {} certificates", control.rfc3339(), past.path.certificates().len());
    checks.push(Check { reason, ..Check::passed(PAST) });
    // Steps 1 b and 7.
    if !past.revocation_in_bounds {
        let reason = "nothing proves that the revocation data existed while its issuer's certificate was valid";
        checks.push(Check::failed("revocation_issuer", reason));
        return Trust::open(checks, SubIndication::RevocationOutOfBoundsNoPoe);
    }
    Trust::passed(checks)
}

/// Step 6: the current status, with an explanation.
fn unsettled(mut current: Trust, sub: Option<SubIndication>, reason: String) -> Trust {
    current.checks.push(Check::not_done(PAST, reason));
    current.sub_indication = sub;
    current
}

const PAST: &str = "past_validation";
