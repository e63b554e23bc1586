//! X.509 certificate validation (EN 319 102-1 §5.2.6): path, revocation, algorithms of the chain, and last the certificate's own period.

use super::acceptance::weak;
use super::{Validation, used_by, used_for};
use crate::certificate::Certificate;
use crate::crl::Reason;
use crate::path::{self, PathError, VerifiedPath};
use crate::revocation::{self, Finding, Revocation};
use crate::verify::anchors::NotTrusted;
use crate::verify::gaps;
use crate::verify::trust::{ON_HOLD, REVOKED_SINCE, Trust};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, SubIndication};

/// Validates the chain at `at`, with evidence that is fresh for `fresh_at`: the same time for basic signatures (§5.3), best-signature-time where
/// one is proven (§5.5.4 steps 4 a, 6 and 7).
pub(super) fn validate(validation: &Validation<'_>, at: Instant, fresh_at: Instant) -> Trust {
    let context = validation.context;
    if !context.has_anchors() {
        let check = Check::not_done("certificate_path", "no trust anchors were given");
        return Trust::open(vec![check], SubIndication::NoCertificateChainFound);
    }
    // Steps 2 and 4. The certificate's own period is looked at last.
    let (certificate, purpose) = (validation.certificate, validation.subject.purpose);
    let certificates = &validation.material.certificates;
    let anchors = context.anchors_then(purpose, certificate, certificates, validation.proof.time);
    let (path, out_of_period) = match find(validation, &anchors, at) {
        Ok(found) => found,
        Err(error) => {
            if matches!(error, PathError::NoPath) {
                gaps::issuer_is_missing(certificate, validation.material, context);
            }
            return recorded_otherwise(validation, at, &error);
        }
    };
    // Step 3.
    if let Some(sunset) = context.policy.sunset(path.anchor()).filter(|sunset| at >= *sunset) {
        let reason = format!("the policy trusts the anchor only until {}", sunset.rfc3339());
        let check = Check::failed("certificate_path", reason);
        return Trust::open(vec![check], SubIndication::NoCertificateChainFoundNoPoe);
    }
    gaps::status_is_missing(&path, validation.material, fresh_at, context);
    // Steps 4 a to 4 d, 6 and 8.
    let (trust, known_at) = match judge_chain(validation, &path, at, fresh_at) {
        Ok((checks, known_at)) => (Trust::passed(checks), known_at),
        Err(trust) => (trust, None),
    };
    match out_of_period {
        None => trust,
        Some(error) => bounds(validation, &error, trust, known_at),
    }
}

/// The path, and why the certificate is out of its period where it is.
fn find(
    validation: &Validation<'_>,
    anchors: &[Certificate],
    at: Instant,
) -> Result<(VerifiedPath, Option<PathError>), PathError> {
    let (certificate, purpose) = (validation.certificate, validation.subject.purpose);
    let certificates = &validation.material.certificates;
    match path::validate(certificate, certificates, anchors, at, purpose) {
        Ok(path) => Ok((path, None)),
        Err(error @ (PathError::Expired(_) | PathError::NotYetValid(_))) => {
            match path::validate_outside_period(certificate, certificates, anchors, at, purpose) {
                Ok(path) => Ok((path, Some(error))),
                Err(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Step 3: whether an anchor ends the path that is trusted for another time, or by a list that speaks no longer.
fn recorded_otherwise(validation: &Validation<'_>, at: Instant, error: &PathError) -> Trust {
    let (context, purpose) = (validation.context, validation.subject.purpose);
    let ever = context.anchors_ever(purpose, validation.certificate, &validation.material.certificates);
    let Ok((path, _)) = find(validation, &ever, at) else { return no_path(error) };
    let failed = |reason| vec![Check::failed("certificate_path", reason)];
    match context.not_trusted(path.anchor(), purpose, validation.proof.time) {
        NotTrusted::Later(reason) => Trust::open(failed(reason), SubIndication::NoCertificateChainFoundNoPoe),
        NotTrusted::Never(reason) => Trust::open(failed(reason), SubIndication::NoCertificateChainFound),
        NotTrusted::Stale(reason) => {
            Trust::open(vec![Check::not_done("certificate_path", reason)], SubIndication::TryLater)
        }
    }
}

/// What is said where there is no path.
pub(super) fn no_path(error: &PathError) -> Trust {
    let failed = vec![Check::failed("certificate_path", error.to_string())];
    match error {
        PathError::NoPath | PathError::Budget => {
            Trust::open(vec![Check::not_done("certificate_path", error.to_string())], error.sub_indication())
        }
        // An expired or future issuer is out of bounds like the certificate: an older or later time could settle it.
        PathError::NotYetValid(_) | PathError::Expired(_) => Trust::open(failed, SubIndication::OutOfBoundsNoPoe),
        _ => Trust::open(failed, error.sub_indication()),
    }
}

/// Step 7. A certificate is known not to have been revoked where its authority still answered about it after it expired (note 8).
fn bounds(validation: &Validation<'_>, error: &PathError, trust: Trust, known_at: Option<Instant>) -> Trust {
    let after_expiry = known_at.is_some_and(|time| time > validation.certificate.not_after());
    let sub = match (trust.sub_indication, after_expiry) {
        (None, true) => SubIndication::OutOfBoundsNotRevoked,
        (None, false) | (Some(SubIndication::TryLater), _) => SubIndication::OutOfBoundsNoPoe,
        // Steps 4 b to 6 come before.
        (Some(_), _) => return trust,
    };
    let mut checks = vec![Check::failed("certificate_path", error.to_string())];
    checks.extend(trust.checks.into_iter().filter(|check| check.name != "certificate_path"));
    Trust::open(checks, sub)
}

/// The checks, and when the evidence about the signing certificate was issued.
fn judge_chain(
    validation: &Validation<'_>,
    path: &VerifiedPath,
    at: Instant,
    fresh_at: Instant,
) -> Result<(Vec<Check>, Option<Instant>), Trust> {
    let policy = &validation.context.policy;
    let mut known_at = None;
    let mut checks = vec![Check::passed("certificate_path")];
    let (purpose, time) = (validation.subject.purpose, validation.proof.time);
    let origin = validation.context.origin(path.anchor(), purpose, time);
    checks.extend(origin.map(|origin| Check { reason: origin, ..Check::passed(TRUST_ANCHOR) }));
    let certificates = path.certificates();
    let mut weakest = None;
    let mut unproven = None;
    for (place, (certificate, issuer)) in certificates.iter().zip(certificates.iter().skip(1)).enumerate() {
        let (findings, reasons) = revocation::usable(certificate, issuer, &validation.material.evidence);
        let holds = validation.material.evidence.holds_of(certificate);
        let (answer, by) = revocation::decide((&findings, &holds), reasons, fresh_at, &policy.revocation);
        checks = told(certificate, &answer, place == 0, checks)?;
        if place == 0 {
            known_at = by.map(|finding| finding.evidence_time);
        }
        validation.context.relied.add(certificate, issuer, by);
        let used = by.map(|finding| used_for(finding, issuer)).unwrap_or_default();
        let used = std::iter::once(used_by(certificate, issuer)).chain(used);
        weakest = weakest.or_else(|| used.into_iter().find_map(|used| policy.weakness(&used, at)));
        unproven = unproven.or_else(|| by.and_then(|finding| responder_out_of_period(finding, at)));
    }
    // Step 6.
    if let Some(weakness) = weakest {
        checks.push(weak("chain_algorithms", &weakness, at));
        return Err(Trust::weak(checks, SubIndication::CryptoConstraintsFailureNoPoe, weakness.until));
    }
    // Step 8.
    if let Some(reason) = unproven {
        checks.push(Check::failed("revocation_issuer", reason));
        return Err(Trust::open(checks, SubIndication::RevocationOutOfBoundsNoPoe));
    }
    Ok((checks, known_at))
}

/// The check that says where the anchor comes from.
const TRUST_ANCHOR: &str = "trust_anchor";

fn responder_out_of_period(finding: &Finding<'_>, at: Instant) -> Option<String> {
    let responder = finding.responder.as_ref().filter(|responder| !responder.is_valid_at(at))?;
    Some(format!("the certificate of the responder {} is out of its period", responder.subject().common_name()))
}

/// Steps 4 a to 4 d for one certificate: its line among the checks, or the status that ends the validation.
pub(super) fn told(
    certificate: &Certificate,
    answer: &Revocation,
    is_signer: bool,
    mut checks: Vec<Check>,
) -> Result<Vec<Check>, Trust> {
    let who = certificate.subject().common_name();
    let (check, trust): (Check, Outcome) = match answer {
        Revocation::Good { evidence_time, revoked_since } => {
            let reason = format!("{who}: not revoked, by evidence of {}", evidence_time.rfc3339());
            checks.push(Check { reason, ..Check::passed("revocation") });
            // Valid then, revoked since: said, but it takes nothing away.
            checks.extend(revoked_since.map(|(since, why)| Check {
                reason: format!("{who}: revoked later, on {} ({why:?})", since.rfc3339()),
                ..Check::passed(REVOKED_SINCE)
            }));
            return Ok(checks);
        }
        // Step 4 c: a hold may be lifted, so it decides nothing yet.
        Revocation::Revoked { at, reason: Reason::CertificateHold } => {
            (Check::failed(ON_HOLD, format!("{who}: on hold since {}", at.rfc3339())), Trust::open)
        }
        // Circular 15/2025, Appendix II: not suspended at the time of signing. That the hold was lifted later mends nothing.
        Revocation::Revoked { at, reason: Reason::RemoveFromCrl } => {
            let text = format!("{who}: was suspended from {} on, and resumed only later", at.rfc3339());
            (Check::failed("revocation", text), Trust::open)
        }
        Revocation::Revoked { at, reason } => {
            (Check::failed("revocation", format!("{who}: revoked on {} ({reason:?})", at.rfc3339())), Trust::open)
        }
        Revocation::Unknown(reason) => (Check::not_done("revocation", format!("{who}: {reason}")), Trust::open),
    };
    checks.push(check);
    let (sub, since) = match answer {
        Revocation::Revoked { reason: Reason::CertificateHold, .. } | Revocation::Unknown(_) => {
            (SubIndication::TryLater, None)
        }
        // Step 4 d.
        Revocation::Revoked { at, .. } if !is_signer => (SubIndication::RevokedCaNoPoe, Some(*at)),
        Revocation::Revoked { at, .. } => (SubIndication::RevokedNoPoe, Some(*at)),
        Revocation::Good { .. } => (SubIndication::TryLater, None),
    };
    let mut status = trust(checks, sub);
    status.since = since;
    Err(status)
}

/// What a failed or open check makes of the trust.
type Outcome = fn(Vec<Check>, SubIndication) -> Trust;
