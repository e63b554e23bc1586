//! The signer's chain to an anchor, for payments: which reason a missing or bad chain is, and how long a good one may be reused.

use super::{
    order::Refusal,
    reason::Reason,
    signer::Trust,
    value::{allowed, is_long_enough},
};
use crate::{
    certificate::Certificate,
    path::{self, PathError, Purpose, VerifiedPath},
};
use chuky_model::instant::Instant;

/// A verified path, and the times between which every certificate above the signer's is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub path: VerifiedPath,
    pub from: Instant,
    pub until: Instant,
}

/// Finds a path from the signer to an anchor. The signer's own validity is a check of its own, so the path is built for a moment at
/// which it is valid: `at`, or the nearest end of its validity. What its key is for is checked apart, too.
pub(super) fn build(signer: &Certificate, sent: &[Certificate], trust: &Trust, at: Instant) -> Result<Chain, Refusal> {
    let at = if signer.is_valid_at(at) { at } else { at.min(signer.not_after()).max(signer.not_before()) };
    let intermediates: Vec<Certificate> = trust.intermediates.iter().chain(sent).cloned().collect();
    let path = path::validate(signer, &intermediates, &trust.anchors, at, Purpose::Any)
        .map_err(|error| refusal(&error, signer, sent))?;
    strong(&path)?;
    let above = path.certificates().get(1..).unwrap_or_default();
    let from = above.iter().map(Certificate::not_before).max().unwrap_or(signer.not_before());
    let until = above.iter().map(Certificate::not_after).min().unwrap_or(signer.not_after());
    Ok(Chain { path, from, until })
}

/// The rules for a payment's own signature hold for everything that vouches for it. How an anchor is signed does not matter: it is trusted
/// for itself.
fn strong(path: &VerifiedPath) -> Result<(), Refusal> {
    let certificates = path.certificates();
    let signed = certificates.get(..certificates.len().saturating_sub(1)).unwrap_or_default();
    for certificate in signed {
        let algorithm =
            certificate.signature_algorithm().map_err(|error| (Reason::PathAlgorithm, error.to_string()))?;
        allowed(algorithm).map_err(|(_, detail)| (Reason::PathAlgorithm, detail))?;
    }
    let weak = |certificate: &Certificate| !certificate.public_key().is_ok_and(|key| is_long_enough(key.key_type()));
    match certificates.iter().any(weak) {
        true => Err((Reason::PathAlgorithm, "a key in the chain is too short".to_owned())),
        false => Ok(()),
    }
}

/// A chain that ends in a root of its own is complete and not trusted; one that just ends lacks a certificate.
fn refusal(error: &PathError, signer: &Certificate, sent: &[Certificate]) -> Refusal {
    let reason = match error {
        PathError::NoPath if signer.is_self_issued() || sent.iter().any(Certificate::is_self_issued) => {
            Reason::IssuerNotTrusted
        }
        PathError::NoPath => Reason::IssuerUnknown,
        _ => Reason::PathInvalid,
    };
    (reason, error.to_string())
}
