//! Orders to revoke a list of certificates, and the certificates of each.

use super::{
    record,
    state::{RevocationOrderState, RevocationOutcome},
};
use crate::{id::*, instant::Instant};

record! {
    /// An order to revoke a list of certificates: entered by one person, decided by another, carried out as a job.
    authenticated RevocationOrder in "revocation_order" {
        id: RevocationOrderId,
        state: RevocationOrderState,
        /// CRLReason (RFC 5280 §5.3.1).
        reason: i64,
        /// The ground in the words of the law.
        ground: String,
        /// Since when signatures are in doubt (RFC 5280 §5.3.2).
        invalid_since: Option<Instant>,
        /// SHA-256 of exactly what is revoked and why.
        content_digest: Vec<u8>,
        /// How many certificates.
        size: i64,
        entered_by: AccountId,
        entered_at: Instant,
        /// Set with the decision; never who entered it.
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
        rejection_reason: Option<String>,
        finished_at: Option<Instant>,
    }
}

record! {
    /// One certificate of an order. What is revoked is bound by the order's digest; what became of it is told by the certificate.
    RevocationLine in "revocation_line" {
        order_id: RevocationOrderId,
        /// From 0 on.
        position: i64,
        certificate_id: CertificateId,
        outcome: Option<RevocationOutcome>,
        done_at: Option<Instant>,
    }
}
