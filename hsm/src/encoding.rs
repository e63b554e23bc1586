//! The few DER structures this package makes itself: `SubjectPublicKeyInfo`, `Ecdsa-Sig-Value`, `DigestInfo`, and the mechanism of
//! each signature scheme. Pure; reads only what the token gave.

use crate::error::Error;
use chuky_model::algorithm::{HashAlgorithm, KeyAlgorithm, SignatureScheme};
use cryptoki::mechanism::{
    Mechanism, MechanismType,
    rsa::{PkcsMgfType, PkcsPssParams},
};

/// `namedCurve` as CKA_EC_PARAMS holds it (RFC 5480 §2.1.1.1), `None` for RSA.
pub(crate) fn curve_parameters(algorithm: KeyAlgorithm) -> Option<&'static [u8]> {
    match algorithm {
        KeyAlgorithm::P256 => Some(&P256_OID),
        KeyAlgorithm::P384 => Some(&P384_OID),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => None,
    }
}

/// The key type of a curve as CKA_EC_PARAMS names it.
pub(crate) fn algorithm_of_curve(parameters: &[u8]) -> Option<KeyAlgorithm> {
    [KeyAlgorithm::P256, KeyAlgorithm::P384].into_iter().find(|a| curve_parameters(*a) == Some(parameters))
}

/// The key type of a modulus.
pub(crate) fn algorithm_of_modulus(modulus: &[u8]) -> Option<KeyAlgorithm> {
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    KeyAlgorithm::ALL.into_iter().find(|a| {
        a.modulus_bits().and_then(|bits| usize::try_from(bits / 8).ok()).is_some_and(|length| length == significant)
    })
}

/// `SubjectPublicKeyInfo` of a curve point. CKA_EC_POINT wraps the point in an OCTET STRING (PKCS#11 §6.3.3), which is stripped; some
/// tokens leave it out, which is accepted.
pub(crate) fn ec_spki(algorithm: KeyAlgorithm, ec_point: &[u8]) -> Result<Vec<u8>, Error> {
    let (Some(curve), length) = (curve_parameters(algorithm), point_length(algorithm)) else {
        return Err(Error::invalid("not a curve"));
    };
    let point = match ec_point {
        [0x04, announced, rest @ ..] if usize::from(*announced) == rest.len() && rest.len() == length => rest,
        bare if bare.len() == length => bare,
        _ => return Err(Error::Protocol { reason: "the token's CKA_EC_POINT has another form".to_owned() }),
    };
    let algorithm_identifier = der(0x30, &[EC_PUBLIC_KEY_OID.as_slice(), curve].concat());
    Ok(der(0x30, &[algorithm_identifier, bit_string(point)].concat()))
}

/// `SubjectPublicKeyInfo` of an RSA key (RFC 3279 §2.3.1).
pub(crate) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let algorithm_identifier = der(0x30, &[RSA_ENCRYPTION_OID.as_slice(), &[0x05, 0x00]].concat());
    let key = der(0x30, &[integer(modulus), integer(exponent)].concat());
    der(0x30, &[algorithm_identifier, bit_string(&key)].concat())
}

/// What the token signs, and with what: checked length, then the digest, or `DigestInfo` around it (RFC 8017 §9.2).
pub(crate) fn signing_input(scheme: SignatureScheme, digest: &[u8]) -> Result<Vec<u8>, Error> {
    // hsm.md: ECDSA accepts input of any length, so the digest's length is ours to check.
    if digest.len() != scheme.hash().length() {
        return Err(Error::invalid(format!("a digest of {} bytes for {scheme:?}", digest.len())));
    }
    let prefix: &[u8] = match (scheme, scheme.hash()) {
        (SignatureScheme::RsaPkcs1Sha256, _) => &DIGEST_INFO_SHA256,
        (SignatureScheme::RsaPkcs1Sha384, _) => &DIGEST_INFO_SHA384,
        (SignatureScheme::RsaPkcs1Sha512, _) => &DIGEST_INFO_SHA512,
        _ => &[],
    };
    Ok([prefix, digest].concat())
}

/// The PKCS#11 mechanism of a scheme over a ready digest.
pub(crate) fn mechanism(scheme: SignatureScheme) -> Mechanism<'static> {
    match scheme {
        SignatureScheme::EcdsaSha256 | SignatureScheme::EcdsaSha384 => Mechanism::Ecdsa,
        SignatureScheme::RsaPkcs1Sha256 | SignatureScheme::RsaPkcs1Sha384 | SignatureScheme::RsaPkcs1Sha512 => {
            Mechanism::RsaPkcs
        }
        SignatureScheme::RsaPssSha256 | SignatureScheme::RsaPssSha384 | SignatureScheme::RsaPssSha512 => {
            // RFC 4055 §3.1: MGF1 with the same hash, salt as long as the hash.
            let (hash_alg, mgf, length) = match scheme.hash() {
                HashAlgorithm::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32_u64),
                HashAlgorithm::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
                HashAlgorithm::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
            };
            Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len: length.into() })
        }
    }
}

/// The signature as X.509 carries it: the token's raw r‖s becomes `Ecdsa-Sig-Value` (RFC 3279 §2.2.3), RSA stays.
pub(crate) fn signature_value(scheme: SignatureScheme, raw: Vec<u8>) -> Result<Vec<u8>, Error> {
    if !matches!(scheme, SignatureScheme::EcdsaSha256 | SignatureScheme::EcdsaSha384) {
        return Ok(raw);
    }
    let half = raw.len() / 2;
    match raw.split_at_checked(half) {
        Some((r, s)) if half > 0 && r.len() == s.len() => Ok(der(0x30, &[integer(r), integer(s)].concat())),
        _ => Err(Error::wrong("signature")),
    }
}

fn point_length(algorithm: KeyAlgorithm) -> usize {
    if algorithm == KeyAlgorithm::P384 { 97 } else { 65 }
}

/// One DER value; lengths up to 65,535, which every structure here keeps to.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let mut out = match content.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(content);
    out
}

/// A non-negative INTEGER from its big-endian magnitude.
fn integer(magnitude: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = magnitude.iter().copied().skip_while(|byte| *byte == 0).collect();
    if content.first().is_none_or(|first| *first >= 0x80) {
        content.insert(0, 0);
    }
    der(0x02, &content)
}

fn bit_string(content: &[u8]) -> Vec<u8> {
    der(0x03, &[&[0], content].concat())
}

const P256_OID: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const P384_OID: [u8; 7] = [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22];
const EC_PUBLIC_KEY_OID: [u8; 9] = [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const RSA_ENCRYPTION_OID: [u8; 11] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const DIGEST_INFO_SHA256: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
const DIGEST_INFO_SHA384: [u8; 19] =
    [0x30, 0x41, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30];
const DIGEST_INFO_SHA512: [u8; 19] =
    [0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn integers_are_minimal_and_positive() {
        assert_eq!(integer(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
    }

    #[test]
    fn digests_of_another_length_are_refused() {
        assert!(signing_input(SignatureScheme::EcdsaSha256, &[1; 20]).is_err());
        assert_eq!(signing_input(SignatureScheme::RsaPkcs1Sha512, &[1; 64]).unwrap().len(), 83);
        assert!(signature_value(SignatureScheme::EcdsaSha256, vec![1; 63]).is_err());
    }

    #[test]
    fn a_point_without_its_octet_string_is_accepted_and_others_are_not() {
        let bare = [4_u8; 65];
        let wrapped = [&[0x04, 65][..], &bare].concat();
        assert_eq!(ec_spki(KeyAlgorithm::P256, &bare).unwrap(), ec_spki(KeyAlgorithm::P256, &wrapped).unwrap());
        assert!(ec_spki(KeyAlgorithm::P256, &bare[1..]).is_err());
        assert!(ec_spki(KeyAlgorithm::Rsa2048, &bare).is_err());
    }
}
