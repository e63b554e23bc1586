//! Consumed payments and answered requests: what makes a repeated call find its first answer.

use super::{
    record,
    state::{AlarmKind, AlarmState, ChangeState, MandateState, MerchantState},
};
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

record! {
    /// What a payment provider may do, decided by two people.
    authenticated PaymentProvider in "payment_provider" {
        account_id: AccountId,
        /// JSON of the terms.
        terms: String,
        changed_at: Instant,
    }
}

record! {
    /// A change to a provider's terms, asked by one person and decided by another.
    authenticated ProviderChange in "payment_provider_change" as "provider_change" {
        id: ProviderChangeId,
        account_id: AccountId,
        /// JSON of the terms as they would be.
        terms: String,
        /// Why, for the second pair of eyes.
        reason: String,
        state: ChangeState,
        asked_by: AccountId,
        asked_at: Instant,
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
    }
}

record! {
    /// An account that a merchant is paid to, with the VietQR payload that the merchant signed.
    authenticated MerchantAccount in "merchant_account" {
        id: MerchantAccountId,
        /// Whose it is.
        account_id: AccountId,
        /// The certificate whose key signed the payload.
        certificate_id: CertificateId,
        /// Keyed hash of bank and number.
        lookup: Vec<u8>,
        /// The bank's BIN, six digits.
        bank: String,
        /// The shop's name, as it stands on its sheet.
        shop: String,
        /// The signed payload, encrypted: it names the account.
        payload: Vec<u8>,
        /// Keyed hash of the payload.
        payload_hash: Vec<u8>,
        state: MerchantState,
        created_at: Instant,
        ended_at: Option<Instant>,
    }
}

record! {
    /// An alarm about a payment, on its way to the provider that it concerns.
    authenticated PaymentAlarm in "payment_alarm" {
        /// Made of what is alarmed about: the same alarm has the same.
        id: PaymentAlarmId,
        /// Whom it concerns.
        provider_id: AccountId,
        kind: AlarmKind,
        /// JSON: digests, nothing personal.
        details: String,
        raised_at: Instant,
        state: AlarmState,
        /// How often the provider's address was asked to take it.
        tries: i64,
        /// Not before this time; raised when a try begins, so that one that a crash cuts short is made again.
        next_at: Instant,
        told_at: Option<Instant>,
        last_error: Option<String>,
    }
}

record! {
    /// A payer's mandate, with what was collected under it in the period of the last collection.
    authenticated Mandate in "mandate" {
        id: MandateId,
        /// Whose it is.
        account_id: AccountId,
        /// The certificate whose key signed it.
        certificate_id: CertificateId,
        /// Who may collect.
        provider_id: AccountId,
        /// What was signed, with its signature: encrypted.
        jws: Vec<u8>,
        state: MandateState,
        created_at: Instant,
        ended_at: Option<Instant>,
        /// First day of the period, as days since 1970-01-01 in Vietnam.
        period_start: i64,
        /// Minor units, in that period.
        collected: i64,
    }
}

record! {
    /// An accepted collection under a mandate.
    authenticated MandateCollection in "mandate_collection" {
        /// Keyed hash of the mandate and the collection's own id.
        identity: Vec<u8>,
        mandate_id: MandateId,
        /// SHA-256 of the canonical order.
        order_digest: Vec<u8>,
        /// The collection's own id, encrypted.
        order_id: Vec<u8>,
        /// Minor units.
        amount: i64,
        collected_at: Instant,
    }
}
