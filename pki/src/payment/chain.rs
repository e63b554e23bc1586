//! The signer's chain to an anchor, for payments: which reason a missing or bad chain is, and how long a good one may be reused.

use super::{order::Refusal, reason::Reason, signer::Trust};
use crate::{certificate::Certificate, extension::KeyUsage, oid};
use chuky_model::instant::Instant;

/// The times between which every certificate of a verified path above the signer's is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub from: Instant,
    pub until: Instant,
}

/// Finds a path from the signer to an anchor that is valid at that time.
pub(super) fn build(signer: &Certificate, sent: &[Certificate], trust: &Trust, at: Instant) -> Result<Window, Refusal> {
    let mut window = Window { from: Instant(i64::MIN), until: Instant(i64::MAX) };
    let mut current = signer.clone();
    for below in 0..LONGEST_PATH {
        refuse_unknown_critical(&current)?;
        if let Some(anchor) = issuer_of(&current, &trust.anchors, below, at) {
            window.narrow(anchor);
            return Ok(window);
        }
        let Some(issuer) =
            issuer_of(&current, &trust.intermediates, below, at).or_else(|| issuer_of(&current, sent, below, at))
        else {
            return Err(missing(&current, sent));
        };
        window.narrow(issuer);
        current = issuer.clone();
    }
    Err((Reason::PathInvalid, format!("no path of at most {LONGEST_PATH} certificates")))
}

impl Window {
    fn narrow(&mut self, certificate: &Certificate) {
        self.from = self.from.max(certificate.not_before());
        self.until = self.until.min(certificate.not_after());
    }
}

/// A chain that ends in a root of its own is complete and not trusted; one that just ends lacks a certificate.
fn missing(top: &Certificate, sent: &[Certificate]) -> Refusal {
    let own_root = |certificate: &Certificate| certificate.is_self_issued();
    if own_root(top)
        || sent.iter().any(|certificate| own_root(certificate) && top.issuer().matches(certificate.subject()))
    {
        (Reason::IssuerNotTrusted, "the chain ends in a root that is not among the trust anchors".to_owned())
    } else {
        (Reason::IssuerUnknown, "the chain ends before it reaches a trust anchor".to_owned())
    }
}

/// RFC 5280 §6.1.3 and §6.1.4: name, signature, validity, basic constraints, path length and key usage of an issuer.
fn issuer_of<'c>(subject: &Certificate, among: &'c [Certificate], below: u64, at: Instant) -> Option<&'c Certificate> {
    among.iter().find(|issuer| {
        let constraints = issuer.basic_constraints().ok().flatten();
        let may_sign = issuer.key_usage().is_ok_and(|usage| usage.is_none_or(|bits| bits.has(KeyUsage::KEY_CERT_SIGN)));
        let long_enough =
            constraints.is_some_and(|found| found.ca && found.path_length.is_none_or(|most| most >= below));
        subject.issuer().matches(issuer.subject())
            && issuer.is_valid_at(at)
            && may_sign
            && long_enough
            && refuse_unknown_critical(issuer).is_ok()
            && issuer.public_key().is_ok_and(|key| subject.verify_signature(&key).is_ok())
    })
}

/// RFC 5280 §4.2: a critical extension that is not understood makes a certificate unusable.
fn refuse_unknown_critical(certificate: &Certificate) -> Result<(), Refusal> {
    let understood = [
        oid::BASIC_CONSTRAINTS,
        oid::KEY_USAGE,
        oid::EXTENDED_KEY_USAGE,
        oid::CERTIFICATE_POLICIES,
        oid::SUBJECT_ALTERNATIVE_NAME,
    ];
    match certificate.extensions().iter().find(|extension| extension.critical && !understood.contains(&extension.oid)) {
        None => Ok(()),
        Some(extension) => {
            Err((Reason::PathInvalid, format!("critical extension {} is not understood", extension.oid)))
        }
    }
}

/// Certificates above the signer's.
const LONGEST_PATH: u64 = 6;
