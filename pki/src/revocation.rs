//! Whether a certificate was revoked at a time, from CRLs and OCSP answers that somebody else fetched (RFC 5280 §6.3, RFC 6960 §3.2,
//! EN 319 102-1 §5.2.5). Evidence that cannot be used is named, and never counts as good.

mod freshness;
mod refused;

pub use freshness::{RevocationRules, SlidesTo};
pub(crate) use refused::Refused;

use crate::algorithm::SignatureAlgorithm;
use crate::certificate::Certificate;
use crate::crl::{Crl, Reason};
use crate::extension::{self, KeyUsage};
use crate::ocsp::{OcspResponse, Status};
use crate::oid;
use crate::path::VerifiedPath;
use crate::verify::Period;
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
    /// Responders that are trusted by configuration.
    pub responders: Arc<[TrustedResponder]>,
}

/// A responder whose answers count without a word of the issuer (RFC 6960 §4.2.2.2, local configuration): a service that a trusted list names
/// beside the authority.
#[derive(Clone, Debug)]
pub struct TrustedResponder {
    pub certificate: Certificate,
    /// SHA-256 of the authorities' certificates.
    pub answers_for: Vec<[u8; 32]>,
    /// When it was trusted.
    pub periods: Vec<Period>,
}

impl TrustedResponder {
    /// Whether it may answer about certificates of that issuer at that moment.
    fn may_answer(&self, issuer: &Certificate, at: Instant) -> bool {
        self.answers_for.contains(issuer.fingerprint())
            && self.periods.iter().any(|period| period.contains(at))
            && self.certificate.is_valid_at(at)
    }
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
            responders: Arc::default(),
        }
    }

    /// Of one certificate.
    pub fn holds_of(&self, certificate: &Certificate) -> Vec<Hold> {
        self.holds.iter().filter(|hold| hold.certificate == *certificate.fingerprint()).cloned().collect()
    }

    /// The same with responders that are trusted by configuration.
    pub fn with_responders(self, responders: Arc<[TrustedResponder]>) -> Self {
        Self { responders, ..self }
    }

    /// The same with suspensions that were lifted.
    pub fn with_holds(self, holds: &[Hold]) -> Self {
        Self { holds: holds.into(), ..self }
    }
}

/// The list or answer that something is known from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'e> {
    Crl(&'e Crl),
    Ocsp(&'e OcspResponse),
}

impl Source<'_> {
    /// What stands for it among proofs of existence.
    pub fn identity(&self) -> [u8; 32] {
        match self {
            Self::Crl(crl) => crate::crypto::sha256(crl.der()),
            Self::Ocsp(response) => response.identity(),
        }
    }

    /// What it is signed with.
    pub fn algorithm(&self) -> Option<SignatureAlgorithm> {
        match self {
            Self::Crl(crl) => crl.algorithm().ok(),
            Self::Ocsp(response) => response.algorithm().ok(),
        }
    }
}

/// Evidence about one certificate that is authentic and within its scope; whether it is fresh depends on the time asked for.
#[derive(Clone, Debug)]
pub struct Finding<'e> {
    pub source: Source<'e>,
    /// `thisUpdate`.
    pub evidence_time: Instant,
    pub next_update: Option<Instant>,
    pub revoked: Option<(Instant, Reason)>,
    /// Who signed it, where that is not the certificate's issuer.
    pub responder: Option<Certificate>,
}

impl Finding<'_> {
    fn what(&self) -> &'static str {
        match self.source {
            Source::Crl(_) => "CRL",
            Source::Ocsp(_) => "OCSP answer",
        }
    }
}

/// Judges one certificate of `issuer` as of `at`. Evidence counts where its period reaches `at`, or where it is later.
pub fn judge(certificate: &Certificate, issuer: &Certificate, evidence: &Evidence, at: Instant) -> Revocation {
    let (findings, reasons) = usable(certificate, issuer, evidence);
    decide((&findings, &evidence.holds_of(certificate)), reasons, at, &RevocationRules::default()).0
}

/// All evidence that may be used for a certificate of `issuer`, and why other evidence about it may not.
pub fn usable<'e>(
    certificate: &Certificate,
    issuer: &Certificate,
    evidence: &'e Evidence,
) -> (Vec<Finding<'e>>, Vec<String>) {
    let (mut findings, mut reasons) = (Vec::new(), Vec::new());
    for response in evidence.ocsp_responses.iter() {
        match from_ocsp(certificate, issuer, response, &evidence.responders) {
            Some(Ok(finding)) if responder_was_revoked(&finding, issuer, evidence) => {
                reasons.push(format!(
                    "OCSP answer of {}: its responder's certificate was revoked",
                    response.produced_at.rfc3339()
                ));
            }
            Some(Ok(finding)) => findings.push(finding),
            Some(Err(reason)) => reasons.push(reason),
            None => {}
        }
    }
    for crl in evidence.crls.iter().filter(|crl| crl.issuer.matches(certificate.issuer())) {
        match from_crl(certificate, issuer, crl) {
            Ok(finding) => findings.push(finding),
            Err(reason) => reasons.push(reason),
        }
    }
    (findings, reasons)
}

/// What the evidence says as of `at`, and the latest of it that says "not revoked". What the register knows of the certificate's lifted
/// holds takes the place of what lists tell of them.
pub fn decide<'f, 'e>(
    (all, holds): (&'f [Finding<'e>], &[Hold]),
    mut reasons: Vec<String>,
    at: Instant,
    rules: &RevocationRules,
) -> (Revocation, Option<&'f Finding<'e>>) {
    if let Some(hold) = holds.iter().find(|hold| hold.covers(at)) {
        return (Revocation::Revoked { at: hold.from, reason: Reason::RemoveFromCrl }, None);
    }
    let mut findings = Vec::new();
    // When something first said that it is not revoked, fresh or not.
    let mut clear = Vec::new();
    for finding in all {
        if finding.revoked.is_some() {
            // That it was revoked does not grow old.
            findings.push(finding);
            continue;
        }
        clear.push(finding.evidence_time);
        match rules.is_fresh(finding.evidence_time, finding.next_update, at) {
            true => findings.push(finding),
            false => reasons.push(format!("{} of {} is too old", finding.what(), finding.evidence_time.rfc3339())),
        }
    }
    let is_hold = |reason: Reason| reason == Reason::CertificateHold;
    findings.retain(|finding| {
        let told = finding.revoked.filter(|(_, reason)| is_hold(*reason));
        !told.is_some_and(|(since, _)| holds.iter().any(|hold| hold.from.unix_seconds() == since.unix_seconds()))
    });
    // RFC 5280 §5.3.1: a hold that later evidence no longer knows was lifted. For every time before that evidence the certificate was on
    // hold all the same (Circular 15/2025, Appendix II: not suspended at the time of signing).
    let lifted = |finding: &Finding<'_>| {
        let (_, reason) = finding.revoked?;
        clear.iter().filter(|moment| is_hold(reason) && **moment > finding.evidence_time).min().copied()
    };
    let then = |finding: &&&Finding<'_>| {
        let since = finding.revoked.is_some_and(|(since, _)| since <= at);
        since && lifted(finding).is_some_and(|lifted| at < lifted)
    };
    if let Some((since, _)) = findings.iter().find(then).and_then(|finding| finding.revoked) {
        return (Revocation::Revoked { at: since, reason: Reason::RemoveFromCrl }, None);
    }
    findings.retain(|finding| lifted(finding).is_none());
    // A final revocation weighs more than a hold that came before it.
    let earliest = findings
        .iter()
        .filter_map(|finding| finding.revoked)
        .min_by_key(|(moment, reason)| (*moment > at, is_hold(*reason), *moment));
    if let Some((moment, reason)) = earliest.filter(|(moment, _)| *moment <= at) {
        return (Revocation::Revoked { at: moment, reason }, None);
    }
    let earliest = earliest.filter(|(_, reason)| !is_hold(*reason));
    let latest = findings.into_iter().max_by_key(|finding| finding.evidence_time);
    let answer = match latest {
        Some(finding) => Revocation::Good { evidence_time: finding.evidence_time, revoked_since: earliest },
        None if reasons.is_empty() => Revocation::Unknown("there is no CRL and no OCSP answer for it".into()),
        None => Revocation::Unknown(reasons.join("; ")),
    };
    (answer, latest)
}

/// Judges every certificate of a path but the anchor, leaf first.
pub fn judge_path<'a>(path: &'a VerifiedPath, evidence: &Evidence, at: Instant) -> Vec<(&'a Certificate, Revocation)> {
    let certificates = path.certificates();
    let pairs = certificates.iter().zip(certificates.iter().skip(1));
    pairs.map(|(certificate, issuer)| (certificate, judge(certificate, issuer, evidence, at))).collect()
}

/// `None` where the answer is about other certificates.
fn from_ocsp<'e>(
    certificate: &Certificate,
    issuer: &Certificate,
    response: &'e OcspResponse,
    trusted: &[TrustedResponder],
) -> Option<Result<Finding<'e>, String>> {
    let single = response.status_of(certificate, issuer)?;
    let label = |text: &str| format!("OCSP answer of {}: {text}", response.produced_at.rfc3339());
    let by_configuration = || {
        let mut trusted = trusted.iter().filter(|one| one.may_answer(issuer, response.produced_at));
        trusted.find(|one| response.is_signed_by(&one.certificate)).map(|one| one.certificate.clone())
    };
    if let Some(reason) = response.refused.of(issuer) {
        return Some(Err(label(&reason)));
    }
    let responder = match response.verify(issuer).or_else(|error| by_configuration().ok_or(error)) {
        Ok(responder) => Some(responder).filter(|responder| responder.spki_der() != issuer.spki_der()),
        Err(error) => return Some(Err(label(&response.refused.add(issuer, error.to_string())))),
    };
    let revoked = match single.status {
        Status::Good => None,
        Status::Revoked { at, reason } => Some((at, reason)),
        Status::Unknown => return Some(Err("the OCSP responder does not know the certificate".into())),
    };
    let (evidence_time, next_update) = (single.this_update, single.next_update);
    // RFC 6960 §4.4.4: after the certificate has expired, only a responder that says how far back it looks speaks about it.
    let expiry = certificate.not_after();
    if revoked.is_none() && evidence_time > expiry && single.archive_cutoff.is_none_or(|cutoff| cutoff > expiry) {
        return Some(Err(label("it was made after the certificate expired")));
    }
    Some(Ok(Finding { source: Source::Ocsp(response), evidence_time, next_update, revoked, responder }))
}

/// RFC 6960 §4.2.2.2.1: a responder that its authority entrusted is itself a certificate that can be revoked. What it said before counts, unless
/// somebody else had its key.
fn responder_was_revoked(finding: &Finding<'_>, issuer: &Certificate, evidence: &Evidence) -> bool {
    let Some(responder) = &finding.responder else { return false };
    let lists = evidence.crls.iter().filter(|crl| crl.issuer.matches(responder.issuer()));
    lists.filter_map(|crl| from_crl(responder, issuer, crl).ok()?.revoked).any(|(at, reason)| {
        at <= finding.evidence_time || matches!(reason, Reason::KeyCompromise | Reason::CaCompromise)
    })
}

fn from_crl<'e>(certificate: &Certificate, issuer: &Certificate, crl: &'e Crl) -> Result<Finding<'e>, String> {
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
    if let Some(reason) = crl.refused.of(issuer) {
        return Err(label(&reason));
    }
    let verified = issuer.public_key().and_then(|key| crl.verify_signature(&key));
    verified.map_err(|error| label(&crl.refused.add(issuer, error.to_string())))?;
    let (evidence_time, next_update) = (crl.this_update, crl.next_update);
    let finding = |revoked| Finding { source: Source::Crl(crl), evidence_time, next_update, revoked, responder: None };
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
