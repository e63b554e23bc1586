//! Validation of signatures that provide long-term availability and integrity of validation material (EN 319 102-1 §5.6.3.4). It is the process for
//! every signature and every token: where no time is proven it ends with §5.3, where no proof of existence helps with §5.5.

use super::{Subject, Validation, basic, context, past, with_time};
use crate::verify::VerificationContext;
use crate::verify::store::Material;
use crate::verify::trust::{Proof, Trust};
use chuky_model::report::{Check, SubIndication};

/// Validates a signature whose bytes prove what they should. `proof` is best-signature-time, from the timestamps that were validated before, the
/// newest first (steps 1 and 5); the material holds the proofs of existence that they gave.
pub(in crate::verify) fn validate(
    subject: Subject<'_>,
    proof: Proof,
    material: &Material,
    context: &VerificationContext,
) -> Trust {
    // §5.3.4 step 2.
    let Some(certificate) = subject.certificate else {
        let check = Check::not_done("certificate_path", "the signing certificate was not found");
        return Trust::open(vec![check], SubIndication::NoSigningCertificateFound);
    };
    // §5.3.4 step 3.
    if let Err(trust) = context::initialise(&subject, &context.policy.signature) {
        return trust;
    }
    if !context.policy.judges_trust {
        let reason = format!("the policy {:?} asks only what the bytes prove", context.policy.name);
        return Trust::unasked(vec![Check::not_done("certificate_path", reason)]);
    }
    let validation = Validation { subject, certificate, proof, material, context };
    if !proof.proven {
        return with_time::accept(&validation, basic::validate(&validation, context.at));
    }
    // Step 3, and steps 6 and 7.
    let current = with_time::validate(&validation);
    let settled = past::validate(&validation, current);
    // Steps 8 and 9.
    with_time::accept(&validation, settled)
}
