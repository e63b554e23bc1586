//! Format checking, identification of the signing certificate and cryptographic verification (EN 319 102-1 §5.2.2, §5.2.3, §5.2.7): the formats
//! do them and list their checks; here the checks become an indication, the same for every format.

use crate::cms::{ATTRIBUTE_ORDER, SignerFindings};
use chuky_model::report::{Integrity, Outcome, SubIndication};

/// What one signer's bytes prove, with the sub-indication that goes with it.
pub(in crate::verify) fn conclude(signer: &SignerFindings) -> (Integrity, Option<SubIndication>) {
    let failed = |name: &str| signer.check(name).is_some_and(|check| check.outcome == Outcome::Failed);
    match signer.outcome() {
        // §5.2.7.4 step 2.
        Outcome::Failed if HASHES.into_iter().any(failed) => (Integrity::Broken, Some(SubIndication::HashFailure)),
        // §5.2.7.4 step 4.
        Outcome::Failed if failed("signature_value") => (Integrity::Broken, Some(SubIndication::SigCryptoFailure)),
        // §5.2.2.3.
        Outcome::Failed => (Integrity::Broken, Some(SubIndication::FormatFailure)),
        // §5.2.3.3.
        Outcome::NotDone if signer.signing_certificate.is_none() => {
            (Integrity::Unknown, Some(SubIndication::NoSigningCertificateFound))
        }
        // §5.2.7.4 step 1.
        Outcome::NotDone if !signer.content_at_hand => (Integrity::Unknown, Some(SubIndication::SignedDataNotFound)),
        // The format's readers do not agree whether it is well formed (RFC 5652 §5.4).
        Outcome::NotDone if signer.check(ATTRIBUTE_ORDER).is_some_and(|check| check.outcome == Outcome::NotDone) => {
            (Integrity::Unknown, Some(SubIndication::SigConstraintsFailure))
        }
        // An algorithm that is not done here counts as one that no constraint accepts.
        Outcome::NotDone => (Integrity::Unknown, Some(SubIndication::CryptoConstraintsFailureNoPoe)),
        Outcome::Passed => (Integrity::Intact, None),
    }
}

/// The checks that compare a digest with what was signed.
const HASHES: [&str; 3] = ["message_digest", "message_imprint", "manifest_reference"];
