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
    /// Whether the revocation data existed while those who signed it were valid: about the signer its issuer's certificate (§5.6.2.4 step 1), and
    /// of every certificate the responder's that a list of its issuer does not need.
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
    let mut revocation_in_bounds = true;
    for (place, (certificate, issuer)) in pairs.iter().enumerate().rev() {
        let step = step(validation, certificate, issuer, control)?;
        control = step.control;
        // An anchor has no period that would bound it (§5.2.6.4 note 1); a responder that it entrusted has.
        let issuer_end = (place == 0 && pairs.len() > 1).then(|| issuer.not_after());
        let end = issuer_end.into_iter().chain(step.responder_end).min();
        revocation_in_bounds &= end.is_none_or(|end| step.proven.is_some_and(|proven| proven <= end));
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
    /// When the certificate of the responder ends that signed it, where its issuer did not.
    responder_end: Option<Instant>,
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
    let (all, reasons) = revocation::usable(certificate, issuer, &material.evidence);
    let holds = material.evidence.holds_of(certificate);
    // A revocation or a hold that began by best-signature-time ends it, whenever it became known: the process finds evidence that still counts,
    // not a time at which nobody had heard yet.
    let (known, _) = revocation::decide((&all, &holds), reasons.clone(), time, &policy.revocation);
    if matches!(known, Revocation::Revoked { .. }) {
        return Err(refused(certificate, &known));
    }
    let known_since = if let Revocation::Good { revoked_since, .. } = known { revoked_since } else { None };
    // a) Evidence issued before control-time, which is proven to have existed by then, like the certificate.
    let proven: Vec<Finding<'_>> = all
        .iter()
        .filter(|finding| finding.evidence_time <= control && existed(finding.source.identity()) <= control)
        .cloned()
        .collect();
    let certificate_proven = existed(*certificate.fingerprint()) <= control;
    let who = certificate.subject().common_name();
    if proven.is_empty() || !certificate_proven {
        let lacks_proof = matches!(known, Revocation::Good { .. });
        let reason = match lacks_proof {
            true => format!("{who}: nothing proves that it and the evidence about it existed by {}", control.rfc3339()),
            false => format!("{who}: there is no usable revocation data of before {}", control.rfc3339()),
        };
        return Err(NoPastChain { reason, lacks_proof });
    }
    let (mut answer, by) = revocation::decide((&proven, &holds), reasons, time, &policy.revocation);
    if let Revocation::Good { revoked_since, .. } = &mut answer {
        // It is told, though what tells it came after control-time.
        *revoked_since = known_since.or(*revoked_since);
    }
    let checks = told(certificate, &answer, true, Vec::new()).map_err(|_| refused(certificate, &answer))?;
    validation.context.relied.add(certificate, issuer, by);
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
    let used = by.map(|finding| used_for(finding, issuer)).unwrap_or_default();
    for used in std::iter::once(used_by(certificate, issuer)).chain(used) {
        if policy.weakness(&used, slid).is_some() {
            slid = slid.min(policy.reliable_until(&used).unwrap_or(slid));
        }
    }
    let proven = by.map(|finding| existed(finding.source.identity()));
    let responder_end = by.and_then(|finding| Some(finding.responder.as_ref()?.not_after()));
    Ok(Step { control: slid, checks, proven, responder_end })
}

/// Why a certificate with that answer ends the process.
fn refused(certificate: &Certificate, answer: &Revocation) -> NoPastChain {
    let checks = told(certificate, answer, true, Vec::new()).err().map(|trust| trust.checks).unwrap_or_default();
    let reason = checks.into_iter().next_back().map(|check| check.reason).unwrap_or_default();
    NoPastChain { reason, lacks_proof: false }
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
