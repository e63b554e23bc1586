//! Payment orders and the answer on one. Money is integer minor units with a currency.

use crate::{report::Check, text::Bilingual};
use serde::{Deserialize, Serialize};

/// A signed payment order, version 1 of the published schema (`/api/v1/schemas/payment-order.json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentOrder {
    /// The payer's own identifier of the payment, 1 to 64 printable ASCII characters.
    pub id: String,
    /// Who pays, as bound to the signer's certificate.
    pub payer: String,
    pub payee: String,
    /// Minor units; for VND the đồng itself. Positive.
    pub amount: u64,
    /// ISO 4217, three capital letters.
    pub currency: String,
    /// RFC 3339.
    pub created: String,
    /// RFC 3339.
    pub expires: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The verdict on a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentVerdict {
    Accepted,
    Rejected,
    Indeterminate,
}

/// Whether the payment's identity (verified payer, payee, id) was consumed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Consumed now, for the first time.
    First,
    /// The same canonical order was consumed before.
    Repeated,
    /// Another order was consumed under the same identity.
    Conflict,
    /// The caller is not the provider that acquires the payment, or a check failed: nothing was consumed.
    NotConsumed,
}

/// Who pays, as verified from the certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    pub common_name: String,
    pub organization: String,
    /// Lower-case hex of the certificate's serial number.
    pub serial: String,
    pub issuer: String,
}

/// The answer on one payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAnswer {
    pub verdict: PaymentVerdict,
    pub seen: Seen,
    /// For callers that do not consume: whether the identity was consumed before. `None` where it was not looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_before: Option<bool>,
    /// Stable codes, e.g. `signature_invalid`, `expired`, `certificate_revoked`.
    pub reasons: Vec<String>,
    pub message: Bilingual,
    pub payer: Option<Payer>,
    pub checks: Vec<Check>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<SignedReceipt>,
}

/// The service's signed statement on a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SignedReceipt {
    /// A JWS of its own, in compact form.
    Jws(String),
    /// One of many under a signed root.
    Included(Box<IncludedReceipt>),
}

/// A receipt as a leaf of a Merkle tree (RFC 9162 §2.1) whose root is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncludedReceipt {
    /// The receipt's bytes in base64url; the leaf is these bytes.
    pub payload: String,
    /// Its place in the tree, from 0.
    pub index: u64,
    /// Hashes from the leaf's neighbour up, lower-case hex.
    pub path: Vec<String>,
    /// JWS in compact form over the root and the tree's size.
    pub root: String,
}
