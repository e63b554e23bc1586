//! A bare signature over a byte string, as switches sign concatenated fields: the layout, the algorithm and the certificate are named
//! beside it. The layout is one that the operator has configured, never one that the message brings. What is signed does not say which
//! layout it follows, so content that another layout reads as another order is refused.

use super::{
    detached::{Detached, RawSignature},
    layout::Layout,
    message::{Claim, SignedContent},
    order::{self, Refusal},
    reason::Reason,
    value::ValueForm,
};
use crate::{
    jose::{
        JwsAlgorithm,
        limits::{LONGEST_PAYLOAD, LONGEST_SIGNATURE},
    },
    revocation::Evidence,
};
use chuky_model::payment::PaymentOrder;

/// The content with its order, and what was said about the signature.
pub(super) fn read(
    detached: &Detached,
    raw: &RawSignature,
    layouts: &[Layout],
) -> Result<(SignedContent, Claim), Refusal> {
    let layout = layouts.iter().find(|layout| layout.name == raw.layout);
    let layout = layout.ok_or_else(|| (Reason::UnknownLayout, "no layout of that name is configured".to_owned()))?;
    if detached.content.len() > LONGEST_PAYLOAD || detached.signature.len() > LONGEST_SIGNATURE {
        return Err((Reason::TooLarge, format!("the content is longer than {LONGEST_PAYLOAD} bytes")));
    }
    let algorithm = JwsAlgorithm::from_name(&raw.algorithm)
        .ok_or_else(|| (Reason::AlgorithmNotAllowed, "the algorithm is none of JWS that are accepted".to_owned()))?;
    let algorithm = algorithm.scheme().into();
    let content = SignedContent {
        algorithm,
        input: detached.content.clone(),
        value: detached.signature.clone(),
        form: ValueForm::Either,
        covered: Ok(()),
        order: unambiguous(layout, layouts, &detached.content),
        evidence: Evidence::default(),
    };
    let claim =
        Claim { algorithm, payload_encoded: true, signer: raw.signer.clone(), digests: Vec::new(), signer_first: true };
    Ok((content, claim))
}

/// The order by the named layout. One signature is one order: where another layout reads a different one, whoever sends the content could
/// choose between them.
fn unambiguous(named: &Layout, layouts: &[Layout], content: &[u8]) -> Result<PaymentOrder, Refusal> {
    let order = named.read(content)?;
    let differs = |other: &&Layout| {
        let read = if other.name == named.name { return false } else { other.read(content) };
        read.is_ok_and(|read| order::canonical_digest(&read) != order::canonical_digest(&order))
    };
    match layouts.iter().find(differs) {
        None => Ok(order),
        Some(other) => Err((Reason::AmbiguousLayout, format!("the layout {} reads another order", other.name))),
    }
}
