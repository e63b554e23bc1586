//! Certificates that other authorities issued, registered by whoever holds their keys. What a certificate says is encrypted: it may name a
//! person by number.

use super::{
    record,
    state::{ForeignCertificateState, ForeignStatus},
};
use crate::{id::*, instant::Instant};

record! {
    /// A certificate of another authority that stands with an account here.
    authenticated ForeignCertificate in "foreign_certificate" {
        id: ForeignCertificateId,
        account_id: AccountId,
        state: ForeignCertificateState,
        /// SHA-256 of the certificate.
        fingerprint: Vec<u8>,
        /// SHA-256 by which its key is known, however it is encoded.
        key_hash: Vec<u8>,
        /// Encrypted: the certificate, its issuers, the proof of possession, and what was found.
        content: Vec<u8>,
        /// Keyed digest of exactly what is decided on.
        content_digest: Vec<u8>,
        not_after: Instant,
        /// What its authority last said of it, and when it was asked.
        status: ForeignStatus,
        status_at: Instant,
        created_at: Instant,
        /// Set where somebody decided whose it is, never its holder.
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
        refusal_reason: Option<String>,
        /// Who took it away.
        ended_by: Option<AccountId>,
        ended_at: Option<Instant>,
    }
}
