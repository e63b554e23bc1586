//! The audit log: entries as they are recorded, and the Merkle log they are appended to.

use super::record;
use crate::{id::*, instant::Instant};

record! {
    /// What happened, recorded in the transaction of what it records. Appended, never changed.
    AuditEntry in "audit_entry" {
        id: AuditEntryId,
        recorded_at: Instant,
        /// A stable name, such as `certificate.issued`.
        kind: String,
        /// Who did it: an account's identifier, or `system`.
        actor: String,
        /// What it was done to: kind and identifier, never a personal number.
        subject: String,
        /// Canonical JSON; what is personal stands as a keyed commitment.
        content: Vec<u8>,
        /// Where the entry tells of a change to a row that authorises: the version that the subject's row has from then on.
        row_version: Option<i64>,
    }
}

record! {
    /// An entry's place in the Merkle log.
    AuditLeaf in "audit_leaf" {
        /// From 0, without gaps.
        sequence: i64,
        entry_id: AuditEntryId,
        /// Leaf hash (RFC 9162 §2.1.1).
        hash: Vec<u8>,
    }
}

record! {
    /// A signed head of the log.
    AuditHead in "audit_head" {
        size: i64,
        /// The size of the head before it; 0 for the first.
        previous_size: i64,
        root_hash: Vec<u8>,
        signed_at: Instant,
        key_label: String,
        signature: Vec<u8>,
    }
}
