//! Whether a certificate was revoked at a time, from CRLs and OCSP answers that somebody else fetched (RFC 5280 §6.3, RFC 6960 §3.2,
//! EN 319 102-1 §5.2.5). Evidence that cannot be used is named, and never counts as good.

use crate::certificate::Certificate;
use crate::crl::{Crl, Reason};
use crate::extension::{self, KeyUsage};
use crate::limits::OCSP_AGE_WITHOUT_NEXT_UPDATE;
use crate::ocsp::{OcspResponse, Status};
use crate::oid;
use crate::path::VerifiedPath;
use chuky_model::instant::Instant;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Not revoked at the time; `revoked_since` where it was revoked later.
    Good { evidence_time: Instant, revoked_since: Option<(Instant, Reason)> },
    /// Revoked at that moment, which is not later than the time asked for. The reason is `removeFromCRL` where it was on hold then and
    /// the hold was lifted later.
    Revoked { at: Instant, reason: Reason },
    /// No usable evidence; says what there was and why it could not be used.
    Unknown(String),
}

/// CRLs and OCSP answers at hand, read once. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub crls: Arc<[Crl]>,
    pub ocsp_responses: Arc<[OcspResponse]>,
    pub holds: Arc<[Hold]>,
}

/// A suspension that was lifted, in the word of the authority that keeps the register: the whole truth about when it began and ended,
/// whatever lists of that time say or no longer say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// SHA-256 of the certificate.
    pub certificate: [u8; 32],
    pub from: Instant,
    pub until: Instant,
}

impl Hold {
    /// Lists and timestamps tell whole seconds, so the second in which it began belongs to it.
    fn covers(&self, at: Instant) -> bool {
        self.from.unix_seconds() <= at.unix_seconds() && at < self.until
    }
}

impl Evidence {
    /// Reads what can be read; what cannot is left out, for it proves nothing.
    pub fn read(crls: &[Vec<u8>], ocsp_responses: &[Vec<u8>]) -> Self {
        Self {
            crls: crls.iter().filter_map(|der| Crl::parse(der).ok()).collect(),
            ocsp_responses: ocsp_responses.iter().filter_map(|der| OcspResponse::parse(der).ok()).collect(),
            holds: Arc::default(),
        }
    }

    /// The same with suspensions that were lifted.
    pub fn with_holds(self, holds: &[Hold]) -> Self {
        Self { holds: holds.into(), ..self }
    }
}

struct Finding {
    what: &'static str,
    evidence_time: Instant,
    next_update: Option<Instant>,
    revoked: Option<(Instant, Reason)>,
}

/// Judges one certificate of `issuer` as of `at`. Evidence counts where its period reaches `at`, or where it is later.
pub fn judge(certificate: &Certificate, issuer: &Certificate, evidence: &Evidence, at: Instant) -> Revocation {
    let mut reasons = Vec::new();
    let mut findings = Vec::new();
    // When something first said that it is not revoked, fresh or not.
    let mut clear = Vec::new();
    for response in evidence.ocsp_responses.iter() {
        match from_ocsp(certificate, issuer, response) {
            Some(Ok(finding)) => sort(finding, at, &mut findings, &mut clear, &mut reasons),
            Some(Err(reason)) => reasons.push(reason),
            None => {}
        }
    }
    for crl in evidence.crls.iter().filter(|crl| crl.issuer.matches(certificate.issuer())) {
        match from_crl(certificate, issuer, crl) {
            Ok(finding) => sort(finding, at, &mut findings, &mut clear, &mut reasons),
            Err(reason) => reasons.push(reason),
        }
    }
    let is_hold = |reason: Reason| reason == Reason::CertificateHold;
    // What the register knows of a lifted hold takes the place of what lists tell of it.
    let known: Vec<&Hold> =
        evidence.holds.iter().filter(|hold| hold.certificate == *certificate.fingerprint()).collect();
    if let Some(hold) = known.iter().find(|hold| hold.covers(at)) {
        return Revocation::Revoked { at: hold.from, reason: Reason::RemoveFromCrl };
    }
    findings.retain(|finding| {
        let told = finding.revoked.filter(|(_, reason)| is_hold(*reason));
        !told.is_some_and(|(since, _)| known.iter().any(|hold| hold.from.unix_seconds() == since.unix_seconds()))
    });
    // RFC 5280 §5.3.1: a hold that later evidence no longer knows was lifted. For every time before that evidence the certificate was on
    // hold all the same (Circular 15/2025, Appendix II: not suspended at the time of signing).
    let lifted = |finding: &Finding| {
        let (_, reason) = finding.revoked?;
        clear.iter().filter(|moment| is_hold(reason) && **moment > finding.evidence_time).min().copied()
    };
    let then = |finding: &&Finding| {
        let since = finding.revoked.is_some_and(|(since, _)| since <= at);
        since && lifted(finding).is_some_and(|lifted| at < lifted)
    };
    if let Some((since, _)) = findings.iter().find(then).and_then(|finding| finding.revoked) {
        return Revocation::Revoked { at: since, reason: Reason::RemoveFromCrl };
    }
    findings.retain(|finding| lifted(finding).is_none());
    // A final revocation weighs more than a hold that came before it.
    let earliest = findings
        .iter()
        .filter_map(|finding| finding.revoked)
        .min_by_key(|(moment, reason)| (*moment > at, is_hold(*reason), *moment));
    if let Some((moment, reason)) = earliest.filter(|(moment, _)| *moment <= at) {
        return Revocation::Revoked { at: moment, reason };
    }
    let earliest = earliest.filter(|(_, reason)| !is_hold(*reason));
    match findings.iter().map(|finding| finding.evidence_time).max() {
        Some(evidence_time) => Revocation::Good { evidence_time, revoked_since: earliest },
        None if reasons.is_empty() => Revocation::Unknown("there is no CRL and no OCSP answer for it".into()),
        None => Revocation::Unknown(reasons.join("; ")),
    }
}

/// Judges every certificate of a path but the anchor, leaf first.
pub fn judge_path<'a>(path: &'a VerifiedPath, evidence: &Evidence, at: Instant) -> Vec<(&'a Certificate, Revocation)> {
    let certificates = path.certificates();
    let pairs = certificates.iter().zip(certificates.iter().skip(1));
    pairs.map(|(certificate, issuer)| (certificate, judge(certificate, issuer, evidence, at))).collect()
}

/// Puts evidence where it counts: what says nothing of a revocation and is too old still tells that a hold was lifted.
fn sort(
    finding: Finding,
    at: Instant,
    findings: &mut Vec<Finding>,
    clear: &mut Vec<Instant>,
    reasons: &mut Vec<String>,
) {
    if finding.revoked.is_some() {
        // That it was revoked does not grow old.
        return findings.push(finding);
    }
    clear.push(finding.evidence_time);
    match fresh(finding.evidence_time, finding.next_update, at) {
        true => findings.push(finding),
        false => reasons.push(format!("{} of {} is too old", finding.what, finding.evidence_time.rfc3339())),
    }
}

fn fresh(this_update: Instant, next_update: Option<Instant>, at: Instant) -> bool {
    let until = next_update.unwrap_or(this_update.plus_seconds(OCSP_AGE_WITHOUT_NEXT_UPDATE));
    this_update >= at || until >= at
}

/// `None` where the answer is about other certificates.
fn from_ocsp(
    certificate: &Certificate,
    issuer: &Certificate,
    response: &OcspResponse,
) -> Option<Result<Finding, String>> {
    let single = response.status_of(certificate, issuer)?;
    if let Err(error) = response.verify(issuer) {
        return Some(Err(format!("OCSP answer of {}: {error}", response.produced_at.rfc3339())));
    }
    let revoked = match single.status {
        Status::Good => None,
        Status::Revoked { at, reason } => Some((at, reason)),
        Status::Unknown => return Some(Err("the OCSP responder does not know the certificate".into())),
    };
    let (evidence_time, next_update) = (single.this_update, single.next_update);
    Some(Ok(Finding { what: "OCSP answer", evidence_time, next_update, revoked }))
}

fn from_crl(certificate: &Certificate, issuer: &Certificate, crl: &Crl) -> Result<Finding, String> {
    let label = |text: &str| format!("CRL of {}: {text}", crl.this_update.rfc3339());
    let scope = crl.scope().map_err(|error| label(&error.to_string()))?;
    let is_ca = certificate.basic_constraints().ok().flatten().is_some_and(|basic| basic.ca);
    if scope.indirect || scope.only_attributes || (scope.only_users && is_ca) || (scope.only_authorities && !is_ca) {
        return Err(label("its scope does not cover the certificate"));
    }
    // RFC 5280 §6.3.3 (b)(2)(i): a list for one distribution point says nothing of certificates that name others.
    if let Some(names) = &scope.distribution_point
        && !certificate.distribution_names().iter().any(|name| names.contains(name))
    {
        return Err(label("it is for another distribution point"));
    }
    // RFC 5280 §6.3.3 (f): the issuer's key usage must allow it.
    if issuer.key_usage().is_ok_and(|usage| usage.is_some_and(|usage| !usage.has(KeyUsage::CRL_SIGN))) {
        return Err(label("the issuer may not sign CRLs"));
    }
    let verified = issuer.public_key().and_then(|key| crl.verify_signature(&key));
    verified.map_err(|error| label(&error.to_string()))?;
    let finding =
        |revoked| Finding { what: "CRL", evidence_time: crl.this_update, next_update: crl.next_update, revoked };
    let revoked = crl.look_up(certificate.serial_octets()).map_err(|error| label(&error.to_string()))?;
    if revoked.is_some_and(|(_, reason)| reason != Reason::RemoveFromCrl) {
        return Ok(finding(revoked));
    }
    if scope.only_some_reasons {
        return Err(label("it covers only some reasons"));
    }
    // RFC 5280 §3.3: a list may drop certificates once they have expired.
    let keeps_expired = extension::find(&crl.extensions, &oid::EXPIRED_CERTS_ON_CRL).is_some();
    if crl.this_update > certificate.not_after() && !keeps_expired {
        return Err(label("it was issued after the certificate expired"));
    }
    Ok(finding(None))
}
