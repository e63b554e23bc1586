//! Validation context initialisation (EN 319 102-1 §5.2.4): the constraints are those of the validation policy that the caller chose; a policy
//! that the signature names changes none of them, and where the caller demands it must be one that he knows.

use super::Subject;
use crate::algorithm::DigestAlgorithm;
use crate::verify::policy::SignatureRules;
use crate::verify::trust::Trust;
use chuky_model::report::{Check, SubIndication};

/// The signature policy that a signature names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verify) struct NamedPolicy {
    /// As written; empty where it is implied and not named.
    pub(in crate::verify) identifier: String,
    /// The digest of its document, where the signature gives it.
    pub(in crate::verify) digest: Option<(DigestAlgorithm, Vec<u8>)>,
}

/// Whether the constraints can be taken; else the status that ends the validation.
pub(super) fn initialise(subject: &Subject<'_>, rules: &SignatureRules) -> Result<(), Trust> {
    let (Some(known), Some(named)) = (&rules.known_policies, &subject.elements.policy) else { return Ok(()) };
    let open = |reason: String, sub| Err(Trust::open(vec![Check::not_done("signature_policy", reason)], sub));
    let identifier = named.identifier.trim_start_matches("urn:oid:");
    let found = known.iter().find(|(known, _)| known.trim_start_matches("urn:oid:") == identifier);
    match (found, &named.digest) {
        (None, _) => open(
            format!("the validation policy does not know the signature policy {:?}", named.identifier),
            SubIndication::SignaturePolicyNotAvailable,
        ),
        (Some((_, None)), _) => Ok(()),
        (Some((_, Some(expected))), Some((DigestAlgorithm::Sha256, digest))) if digest == expected => Ok(()),
        // Table 6: a digest mismatch is a policy that cannot be processed.
        (Some((_, Some(_))), Some((DigestAlgorithm::Sha256, _))) => open(
            format!("the signature means another text of the signature policy {:?}", named.identifier),
            SubIndication::PolicyProcessingError,
        ),
        (Some((_, Some(_))), Some((other, _))) => open(
            format!(
                "the signature gives a {} digest of the signature policy {:?}, and its text is known by SHA-256",
                other.name(),
                named.identifier
            ),
            SubIndication::PolicyProcessingError,
        ),
        (Some((_, Some(_))), None) => open(
            format!("the signature gives no digest of the signature policy {:?}", named.identifier),
            SubIndication::PolicyProcessingError,
        ),
    }
}
