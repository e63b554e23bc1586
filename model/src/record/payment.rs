//! Consumed payments and answered requests: what makes a repeated call find its first answer.

use super::record;
use crate::{id::*, instant::Instant};

record! {
    /// A payment's identity as it is consumed.
    PaymentIdentity in "payment_identity" {
        /// Keyed or plain SHA-256 over (verified payer, payee, id).
        identity: Vec<u8>,
        /// SHA-256 of the canonical order.
        order_digest: Vec<u8>,
        /// The provider that acquired it.
        provider_id: AccountId,
        accepted_at: Instant,
        /// The group it was accepted in.
        batch_id: BatchId,
    }
}

record! {
    /// A group of payments accepted in one transaction, authenticated as a whole.
    authenticated PaymentBatch in "payment_batch" {
        id: BatchId,
        accepted_at: Instant,
        count: i64,
        /// SHA-256 over the identities and order digests, in order.
        digest: Vec<u8>,
    }
}

/// What happened to one payment of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consumed {
    /// Stored now, for the first time.
    First,
    /// The same order was consumed before (or earlier in the same group).
    Repeated,
    /// Another order was consumed under this identity.
    Conflict,
}

record! {
    /// A request that created something, under its `Idempotency-Key`.
    Idempotency in "idempotency" {
        /// SHA-256 over account, route and key.
        key_hash: Vec<u8>,
        account_id: AccountId,
        route: String,
        /// HSM-keyed MAC of the request: never an unkeyed digest, for a request may hold a PIN.
        request_mac: Vec<u8>,
        /// `None` while the first call is still at work.
        response_status: Option<i64>,
        /// Encrypted body of the answer.
        response: Option<Vec<u8>>,
        created_at: Instant,
    }
}
