//! The receipt of a judged payment: what the service states, as the payload of a JWS that its own key signs. Holds the digest of the
//! order, not the order, so that a receipt can be shown without showing who paid what.

use super::VerifiedOrder;
use crate::jose::{JoseError, JwsAlgorithm, SignerReference, Unsigned, json};
use chuky_model::{
    instant::Instant,
    payment::{PaymentAnswer, PaymentVerdict, Seen},
};
use serde::{Deserialize, Serialize};

/// The media type in `typ`.
pub const KIND: &str = "chuky-payment-receipt+json";

/// What a receipt states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub verdict: PaymentVerdict,
    pub seen: Seen,
    /// Stable codes of the reasons.
    pub reasons: Vec<String>,
    /// The order's own id.
    pub id: String,
    /// SHA-256 of the order's canonical form (RFC 8785), lower-case hex.
    pub order_sha256: String,
    /// RFC 3339: when it was judged.
    pub judged: String,
}

/// Prepares the receipt of an answer on that order; the digest is signed with the service's key and the JWS assembled.
pub fn prepare(
    answer: &PaymentAnswer,
    order: &VerifiedOrder,
    judged: Instant,
    algorithm: JwsAlgorithm,
    signer: &SignerReference,
) -> Result<Unsigned, JoseError> {
    let receipt = Receipt {
        verdict: answer.verdict,
        seen: answer.seen,
        reasons: answer.reasons.clone(),
        id: order.order.id.clone(),
        order_sha256: hex::encode(order.digest),
        judged: judged.rfc3339(),
    };
    let payload = json::canonical(&receipt).ok_or(JoseError::Member("receipt"))?;
    Unsigned::prepare(algorithm, Some(KIND), signer, &payload)
}
