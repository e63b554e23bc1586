//! The signer's chain to an anchor, for payments: which reason a missing or bad chain is, and how long a good one may be reused.

use super::{order::Refusal, reason::Reason, signer::Trust};
use crate::{
    certificate::Certificate,
    path::{self, PathError, Purpose},
};
use chuky_model::instant::Instant;

/// The times between which every certificate of a verified path above the signer's is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub from: Instant,
    pub until: Instant,
}

/// Finds a path from the signer to an anchor. The signer's own validity is a check of its own, so the path is built for a moment at
/// which it is valid: `at`, or the nearest end of its validity. What its key is for is checked apart, too.
pub(super) fn build(signer: &Certificate, sent: &[Certificate], trust: &Trust, at: Instant) -> Result<Window, Refusal> {
    let at = if signer.is_valid_at(at) { at } else { at.min(signer.not_after()).max(signer.not_before()) };
    let intermediates: Vec<Certificate> = trust.intermediates.iter().chain(sent).cloned().collect();
    let path = path::validate(signer, &intermediates, &trust.anchors, at, Purpose::Any)
        .map_err(|error| refusal(&error, signer, sent))?;
    let above = path.certificates().get(1..).unwrap_or_default();
    Ok(Window {
        from: above.iter().map(Certificate::not_before).max().unwrap_or(signer.not_before()),
        until: above.iter().map(Certificate::not_after).min().unwrap_or(signer.not_after()),
    })
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
