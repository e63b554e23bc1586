//! Whether a certificate was revoked at a time, by what CRLs and OCSP answers say (RFC 5280 §6.3, RFC 6960 §3.2). Evidence that is
//! not authentic, not about this certificate or not of its time settles nothing, and why is told.

use crate::certificate::Certificate;
use crate::crl::{Crl, RevocationReason};
use crate::extension::KeyUsage;
use crate::ocsp::{BasicResponse, CertificateStatus};
use crate::path::{self, Purpose};
use crate::{limits, oid};
use chuky_model::instant::Instant;

/// What the evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Not revoked, by evidence of this time.
    Good { evidence: Evidence },
    /// Revoked (or on hold) from that moment on.
    Revoked { at: Instant, reason: Option<RevocationReason>, evidence: Evidence },
    /// Nothing usable; says why each piece was not.
    Unknown { reason: String },
}

/// Which kind of evidence decided, and of when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub source: Source,
    pub this_update: Instant,
}

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Crl,
    Ocsp,
}

/// Evidence that was read.
#[derive(Clone, Debug, Default)]
pub struct RevocationData {
    pub crls: Vec<Crl>,
    pub responses: Vec<BasicResponse>,
}

impl RevocationData {
    /// Reads what can be read; what cannot is left out, for it settles nothing either way.
    pub fn from_der<'a>(
        crls: impl IntoIterator<Item = &'a [u8]>,
        responses: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        Self {
            crls: crls.into_iter().take(limits::MOST_REVOCATION_VALUES).filter_map(|der| Crl::parse(der).ok()).collect(),
            responses: responses
                .into_iter()
                .take(limits::MOST_REVOCATION_VALUES)
                .filter_map(|der| BasicResponse::from_der(der).ok())
                .collect(),
        }
    }
}

/// Judges `certificate` of `issuer` for the moment `at`, with evidence known at `now`. Evidence that a certificate is good counts
/// where it was made at or after `at`, or covers it by its `nextUpdate`; evidence of a revocation counts whenever it was made. Of
/// contradicting pieces the newest decides, and at the same time the worse one.
pub fn judge(certificate: &Certificate, issuer: &Certificate, data: &RevocationData, at: Instant, now: Instant) -> Revocation {
    // RFC 6960 §4.2.2.2.1: a responder's certificate may be exempt.
    if certificate.extension(&oid::OCSP_NOCHECK).is_some() {
        let evidence = Evidence { source: Source::Ocsp, this_update: at };
        return Revocation::Good { evidence };
    }
    let mut reasons = Vec::new();
    let mut best: Option<(Instant, Revocation)> = None;
    let from_crls = data.crls.iter().filter_map(|crl| by_crl(certificate, issuer, crl, now).transpose());
    let from_responses = data.responses.iter().filter_map(|one| by_response(certificate, issuer, one, now).transpose());
    for statement in from_crls.chain(from_responses) {
        match statement.and_then(|statement| statement.usable(at)) {
            Err(reason) => reasons.push(reason),
            Ok(statement) => {
                let newer = best.as_ref().is_none_or(|(made, known)| {
                    statement.this_update > *made || (statement.this_update == *made && !is_revoked(known))
                });
                if newer {
                    best = Some((statement.this_update, statement.verdict()));
                }
            }
        }
    }
    match best {
        Some((_, verdict)) => verdict,
        None if reasons.is_empty() => Revocation::Unknown { reason: "no CRL or OCSP answer of this issuer is at hand".into() },
        None => {
            reasons.dedup();
            Revocation::Unknown { reason: reasons.join("; ") }
        }
    }
}

fn is_revoked(verdict: &Revocation) -> bool {
    matches!(verdict, Revocation::Revoked { .. })
}

/// What one authentic piece of evidence says.
struct Statement {
    source: Source,
    this_update: Instant,
    next_update: Option<Instant>,
    revoked: Option<(Instant, Option<RevocationReason>)>,
}

impl Statement {
    /// Evidence for "good" must be of the time in question; evidence of a revocation always counts.
    fn usable(self, at: Instant) -> Result<Self, String> {
        let covers = self.this_update >= at || self.next_update.is_some_and(|next| next >= at);
        if self.revoked.is_some() || covers {
            return Ok(self);
        }
        Err(format!("the evidence of {} is older than the time to be judged", self.this_update.rfc3339()))
    }

    fn verdict(self) -> Revocation {
        let evidence = Evidence { source: self.source, this_update: self.this_update };
        match self.revoked {
            None => Revocation::Good { evidence },
            Some((at, reason)) => Revocation::Revoked { at, reason, evidence },
        }
    }
}

/// `Ok(None)` where the list is another issuer's.
fn by_crl(certificate: &Certificate, issuer: &Certificate, crl: &Crl, now: Instant) -> Result<Option<Statement>, String> {
    if !crl.issuer().matches(certificate.issuer()) {
        return Ok(None);
    }
    if let (Some(wanted), Some(held)) = (crl.authority_key_identifier(), issuer.subject_key_identifier())
        && wanted != held
    {
        return Ok(None);
    }
    if let Some(extension) = crl.critical_unknown() {
        return Err(format!("RFC 5280 §5.2: the CRL has an unknown critical extension {extension}"));
    }
    let scope = crl.scope().map_err(|error| error.to_string())?;
    let is_ca = certificate.basic_constraints().ok().flatten().is_some_and(|constraints| constraints.ca);
    if scope.partial || (scope.only_user_certificates && is_ca) || (scope.only_ca_certificates && !is_ca) {
        return Err("RFC 5280 §6.3.3 (b): the CRL's scope does not hold this certificate".into());
    }
    if crl.this_update() > now {
        return Err("the CRL is of the future".into());
    }
    let may_sign = issuer.key_usage().map_err(|error| error.to_string())?;
    if may_sign.is_some_and(|usage| !usage.has(KeyUsage::CRL_SIGN)) {
        return Err("RFC 5280 §6.3.3 (f): the issuer's keyUsage lacks cRLSign".into());
    }
    let key = issuer.public_key().map_err(|error| error.to_string())?;
    crl.verify_signature(&key).map_err(|_| "the CRL's signature is wrong".to_owned())?;
    let entry = crl.find(certificate.serial_octets()).map_err(|error| error.to_string())?;
    let revoked = entry
        .filter(|entry| !entry.other_issuer && entry.reason != Some(RevocationReason::RemoveFromCrl))
        .map(|entry| (entry.revoked_at, entry.reason));
    Ok(Some(Statement { source: Source::Crl, this_update: crl.this_update(), next_update: crl.next_update(), revoked }))
}

/// `Ok(None)` where the answer is not about this certificate.
fn by_response(
    certificate: &Certificate,
    issuer: &Certificate,
    response: &BasicResponse,
    now: Instant,
) -> Result<Option<Statement>, String> {
    let about = response.responses.iter().find(|single| {
        significant(&single.certificate.serial) == significant(certificate.serial_octets())
            && single.certificate.is_of_issuer(issuer)
    });
    let Some(single) = about else { return Ok(None) };
    if response.produced_at > now || single.this_update > now {
        return Err("the OCSP answer is of the future".into());
    }
    authorised(response, issuer)?;
    let revoked = match single.status {
        CertificateStatus::Good => None,
        CertificateStatus::Revoked { at, reason } => Some((at, reason)),
        CertificateStatus::Unknown => return Err("the responder does not know the certificate".into()),
    };
    Ok(Some(Statement {
        source: Source::Ocsp,
        this_update: single.this_update,
        next_update: single.next_update,
        revoked,
    }))
}

/// RFC 6960 §4.2.2.2: the answer is signed by the issuer itself, or by a responder that the issuer certified for that.
fn authorised(response: &BasicResponse, issuer: &Certificate) -> Result<(), String> {
    let by = |responder: &Certificate| responder.public_key().and_then(|key| response.verify_signature(&key)).is_ok();
    if response.is_by(issuer) && by(issuer) {
        return Ok(());
    }
    for responder in response.certificates.iter().filter(|responder| response.is_by(responder)) {
        let anchors = std::slice::from_ref(issuer);
        let delegated = path::validate(responder, &[], anchors, response.produced_at, Purpose::OcspSigning);
        if delegated.is_ok() && by(responder) {
            return Ok(());
        }
    }
    Err("the OCSP answer is not signed by the issuer or by a responder of its".into())
}

fn significant(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    octets.get(start..).unwrap_or_default()
}
