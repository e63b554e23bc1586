//! Past certificate validation and the validation time sliding process (EN 319 102-1 §5.6.2.1, §5.6.2.2): down from the anchor, control-time slides
//! back to what is still proven. Evidence counts only where something proves that it existed by control-time.

use super::certificate::told;
use super::{Validation, used_by, used_for};
use crate::certificate::Certificate;
use crate::path::{self, VerifiedPath};
use crate::revocation::{self, Finding, Revocation, SlidesTo};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, SubIndication};

/// A chain that was valid at best-signature-time, and until when that can be relied on.
pub(super) struct PastChain {
    pub(super) control_time: Instant,
    pub(super) path: VerifiedPath,
    /// Of the certificates, the signer's first.
    pub(super) checks: Vec<Check>,
    /// Whether revocation data about the signer existed while its issuer's certificate was valid (§5.6.2.4 step 1).
    pub(super) revocation_in_bounds: bool,
}

/// Why there is none.
pub(super) struct NoPastChain {
    pub(super) reason: String,
    /// Where only proofs of existence are missing.
    pub(super) lacks_proof: bool,
}

/// Validates the chain at best-signature-time, which must lie in the periods of all its certificates (§5.6.2.1 step 2), and slides control-time.
pub(super) fn validate(validation: &Validation<'_>) -> Result<PastChain, NoPastChain> {
    let context = validation.context;
    let (certificate, purpose) = (validation.certificate, validation.subject.purpose);
    let certificates = &validation.material.certificates;
    let time = validation.proof.time;
    let anchors = context.anchors_then(purpose, certificate, certificates, time);
    let path = path::validate(certificate, certificates, &anchors, time, purpose)
        .map_err(|error| NoPastChain { reason: error.to_string(), lacks_proof: false })?;
    slide(validation, path)
}

fn slide(validation: &Validation<'_>, path: VerifiedPath) -> Result<PastChain, NoPastChain> {
    let context = validation.context;
    // Step 1.
    let sunset = context.policy.sunset(path.anchor());
    let mut control = sunset.filter(|sunset| *sunset < context.at).unwrap_or(context.at);
    let certificates = path.certificates();
    let pairs: Vec<(&Certificate, &Certificate)> = certificates.iter().zip(certificates.iter().skip(1)).collect();
    let mut lines = Vec::new();
    let mut revocation_in_bounds = pairs.is_empty();
    for (place, (certificate, issuer)) in pairs.iter().enumerate().rev() {
        let step = step(validation, certificate, issuer, control)?;
        control = step.control;
        if place == 0 {
            // An anchor has no period that would bound it (§5.2.6.4 note 1).
            let expiry = issuer.not_after();
            revocation_in_bounds = pairs.len() == 1 || step.proven.is_some_and(|proven| proven <= expiry);
        }
        lines.push(step.checks);
    }
    let mut checks = vec![Check::passed("certificate_path")];
    checks.extend(lines.into_iter().rev().flatten());
    Ok(PastChain { control_time: control, path, checks, revocation_in_bounds })
}

struct Step {
    control: Instant,
    checks: Vec<Check>,
    /// When the evidence is proven to have existed.
    proven: Option<Instant>,
}

/// Step 2 for one certificate.
fn step(
    validation: &Validation<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
    control: Instant,
) -> Result<Step, NoPastChain> {
    let (policy, material, time) = (&validation.context.policy, validation.material, validation.proof.time);
    let now = validation.context.at;
    let existed = |object: [u8; 32]| material.existed(&object, now);
    // a) Evidence issued before control-time, which is proven to have existed by then, like the certificate.
    let (all, reasons) = revocation::usable(certificate, issuer, &material.evidence);
    let holds = material.evidence.holds_of(certificate);
    let proven: Vec<Finding<'_>> = all
        .iter()
        .filter(|finding| finding.evidence_time <= control && existed(finding.source.identity()) <= control)
        .cloned()
        .collect();
    let certificate_proven = existed(*certificate.fingerprint()) <= control;
    let who = certificate.subject().common_name();
    if proven.is_empty() || !certificate_proven {
        let (answer, _) = revocation::decide((&all, &holds), reasons, time, &policy.revocation);
        let lacks_proof = matches!(answer, Revocation::Good { .. });
        let reason = match lacks_proof {
            true => format!("{who}: nothing proves that it and the evidence about it existed by {}", control.rfc3339()),
            false => format!("{who}: there is no usable revocation data of before {}", control.rfc3339()),
        };
        return Err(NoPastChain { reason, lacks_proof });
    }
    let (answer, by) = revocation::decide((&proven, &holds), reasons, time, &policy.revocation);
    let checks = told(certificate, &answer, true, Vec::new()).map_err(|trust| {
        let reason = trust.checks.into_iter().next_back().map(|check| check.reason).unwrap_or_default();
        NoPastChain { reason, lacks_proof: false }
    })?;
    let mut slid = control;
    match (&answer, by) {
        // b) Revoked later: what was signed with it counts until then.
        (Revocation::Good { revoked_since: Some((since, _)), .. }, _) => slid = slid.min(*since),
        // c) Not fresh at control-time.
        (_, Some(finding)) if !policy.revocation.is_fresh(finding.evidence_time, finding.next_update, control) => {
            let end = match policy.revocation.slides_to {
                SlidesTo::Issuance => finding.evidence_time,
                SlidesTo::EndOfFreshness => {
                    policy.revocation.fresh_until(finding.evidence_time, finding.next_update).max(finding.evidence_time)
                }
            };
            slid = slid.min(end);
        }
        _ => {}
    }
    // d) Algorithms of the certificate and of the evidence.
    let used = by.map(|finding| used_for(finding, issuer));
    for used in std::iter::once(used_by(certificate, issuer)).chain(used) {
        if policy.weakness(&used, slid).is_some() {
            slid = slid.min(policy.reliable_until(&used).unwrap_or(slid));
        }
    }
    Ok(Step { control: slid, checks, proven: by.map(|finding| existed(finding.source.identity())) })
}

/// The sub-indication that says what was missing (§5.1.3: any that maps to the reason).
pub(super) fn missing(error: &NoPastChain, current: Option<SubIndication>) -> Option<SubIndication> {
    match current {
        Some(
            SubIndication::OutOfBoundsNoPoe | SubIndication::TryLater | SubIndication::CryptoConstraintsFailureNoPoe,
        ) if error.lacks_proof => Some(SubIndication::NoPoe),
        other => other,
    }
}
