//! The signature value itself: which algorithms and keys a payment may be signed with, and whether a key made a value over some octets.

use super::{order::Refusal, reason::Reason, signer::Signer};
use crate::{
    algorithm::{DigestAlgorithm, SignatureAlgorithm},
    crypto::{Curve, Hasher, KeyType},
    error::Error,
};

/// How an ECDSA value is written. RSA values look the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueForm {
    /// r ‖ s, and each algorithm belongs to one curve (RFC 7518 §3.4).
    Jose,
    /// r ‖ s, with any curve (XMLDSig 1.1 §6.4.3).
    Plain,
    /// A JWS algorithm with its curve; the value as r ‖ s or in DER, as signing devices give it.
    Either,
}

/// Whether the key made that value over those octets.
pub(super) fn verify(
    signer: &Signer,
    algorithm: SignatureAlgorithm,
    octets: &[&[u8]],
    value: &[u8],
    form: ValueForm,
) -> Result<(), Refusal> {
    let digest = algorithm.digest().unwrap_or(DigestAlgorithm::Sha256);
    let mut hasher = Hasher::new(digest);
    for piece in octets {
        hasher.update(piece);
    }
    let hash = hasher.finish();
    let key = &signer.key;
    let outcome = match (algorithm, form) {
        (SignatureAlgorithm::Ecdsa(digest), ValueForm::Jose | ValueForm::Either) if !signer.is_on_curve_of(digest) => {
            Err(Error::AlgorithmDoesNotFitKey)
        }
        (SignatureAlgorithm::Ecdsa(_), ValueForm::Jose | ValueForm::Plain) => key.verify_ecdsa_raw(&hash, value),
        // A DER value may be as long as r ‖ s, so that its length alone does not tell the two apart.
        (SignatureAlgorithm::Ecdsa(_), ValueForm::Either) => {
            key.verify_ecdsa_raw(&hash, value).or_else(|_| key.verify_digest(algorithm, &hash, value))
        }
        _ => key.verify_digest(algorithm, &hash, value),
    };
    outcome.map_err(|error| match error {
        Error::AlgorithmDoesNotFitKey => (Reason::AlgorithmDoesNotFitKey, error.to_string()),
        _ => (Reason::SignatureInvalid, error.to_string()),
    })
}

/// Whether payments may be signed so: RSA or ECDSA with SHA-2 of at least 256 bits or SHA-3 of the same (Circular 15/2025, Appendix I).
pub(super) fn allowed(algorithm: SignatureAlgorithm) -> Result<(), Refusal> {
    let admitted = match algorithm {
        SignatureAlgorithm::RsaPkcs1(digest) | SignatureAlgorithm::Ecdsa(digest) => strong(digest),
        SignatureAlgorithm::RsaPss { digest, mgf1, .. } => strong(digest) && strong(mgf1),
        SignatureAlgorithm::EcdsaPlain(_)
        | SignatureAlgorithm::Dsa(_)
        | SignatureAlgorithm::Ed25519
        | SignatureAlgorithm::Ed448 => false,
    };
    if admitted {
        return Ok(());
    }
    Err((Reason::AlgorithmNotAllowed, format!("{} is not accepted for payments", algorithm.name())))
}

/// Whether what is signed may be named by a digest of that algorithm.
pub(super) fn digest_allowed(digest: DigestAlgorithm) -> Result<(), Refusal> {
    if strong(digest) {
        return Ok(());
    }
    Err((Reason::AlgorithmNotAllowed, format!("{} is not accepted for payments", digest.name())))
}

fn strong(digest: DigestAlgorithm) -> bool {
    use DigestAlgorithm::{Sha3_256, Sha3_384, Sha3_512, Sha256, Sha384, Sha512, Sha512_256};
    matches!(digest, Sha256 | Sha384 | Sha512 | Sha512_256 | Sha3_256 | Sha3_384 | Sha3_512)
}

/// Whether a key is long enough: RSA from 2048 bits, curves from 256 (Circular 15/2025, Appendix I).
pub(super) fn is_long_enough(key: KeyType) -> bool {
    match key {
        KeyType::Rsa { modulus_bits } => modulus_bits >= SHORTEST_RSA,
        KeyType::Ec(curve) => !matches!(curve, Curve::P192 | Curve::P224),
        KeyType::Dsa { .. } | KeyType::Ed25519 | KeyType::Ed448 => true,
    }
}

/// Bits of the shortest RSA modulus.
const SHORTEST_RSA: u32 = 2048;
