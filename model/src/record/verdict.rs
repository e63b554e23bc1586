//! Verdicts that were kept under a short link. The judged documents are not.

use super::record;
use crate::instant::Instant;

record! {
    /// A verdict under a short link.
    KeptVerdict in "kept_verdict" {
        /// Keyed hash of the link's code.
        code_hash: Vec<u8>,
        /// Encrypted: the report and the moment that it was judged for.
        content: Vec<u8>,
        created_at: Instant,
        expires_at: Instant,
    }
}
