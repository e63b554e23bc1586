//! Digests and signature verification over OpenSSL, which only this file and its folder name. Keys are parsed once and kept in the form
//! that verifies fastest. Never signs and never holds a private key: signing happens in the HSM.

use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{Element, Reader, tag, write};
use crate::error::{Error, Result};
use crate::{limits, oid};
use der::asn1::ObjectIdentifier;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Verifier};
use openssl::{ecdsa::EcdsaSig, hash::MessageDigest, nid::Nid, pkey_ctx::PkeyCtx};
use std::sync::{Arc, OnceLock};

mod agreement;
pub mod cipher;
mod ed25519;
mod factors;
mod proven;
mod table;
pub use agreement::AgreementKey;
pub use ed25519::Ed25519Key;
pub use proven::forget_proven_signatures;
use table::Table;

/// The digest of one piece of bytes.
pub fn digest(algorithm: DigestAlgorithm, bytes: &[u8]) -> Vec<u8> {
    match algorithm {
        DigestAlgorithm::Sha256 => openssl::sha::sha256(bytes).to_vec(),
        DigestAlgorithm::Sha384 => openssl::sha::sha384(bytes).to_vec(),
        DigestAlgorithm::Sha512 => openssl::sha::sha512(bytes).to_vec(),
        DigestAlgorithm::Sha1 => openssl::sha::sha1(bytes).to_vec(),
        _ => {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(bytes);
            hasher.finish()
        }
    }
}

/// SHA-256 of one piece of bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    openssl::sha::sha256(bytes)
}

/// Compares in a time that depends only on the lengths.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && openssl::memcmp::eq(left, right)
}

/// A digest computed piece by piece. A copy carries on from the same bytes, so that ranges with a common beginning are hashed once.
#[derive(Clone)]
pub struct Hasher {
    algorithm: DigestAlgorithm,
    state: HashState,
}

#[derive(Clone)]
enum HashState {
    Sha1(openssl::sha::Sha1),
    Sha256(openssl::sha::Sha256),
    Sha384(openssl::sha::Sha384),
    Sha512(openssl::sha::Sha512),
    Other(Option<openssl::hash::Hasher>),
}

impl Hasher {
    /// An empty state.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        let state = match algorithm {
            DigestAlgorithm::Sha1 => HashState::Sha1(openssl::sha::Sha1::new()),
            DigestAlgorithm::Sha256 => HashState::Sha256(openssl::sha::Sha256::new()),
            DigestAlgorithm::Sha384 => HashState::Sha384(openssl::sha::Sha384::new()),
            DigestAlgorithm::Sha512 => HashState::Sha512(openssl::sha::Sha512::new()),
            other => HashState::Other(openssl::hash::Hasher::new(message_digest(other)).ok()),
        };
        Self { algorithm, state }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            HashState::Sha1(state) => state.update(bytes),
            HashState::Sha256(state) => state.update(bytes),
            HashState::Sha384(state) => state.update(bytes),
            HashState::Sha512(state) => state.update(bytes),
            HashState::Other(slot) => {
                if slot.as_mut().is_some_and(|state| state.update(bytes).is_err()) {
                    *slot = None;
                }
            }
        }
    }

    /// The digest. Empty, and so equal to no digest, where OpenSSL refused the algorithm.
    pub fn finish(self) -> Vec<u8> {
        match self.state {
            HashState::Sha1(state) => state.finish().to_vec(),
            HashState::Sha256(state) => state.finish().to_vec(),
            HashState::Sha384(state) => state.finish().to_vec(),
            HashState::Sha512(state) => state.finish().to_vec(),
            HashState::Other(None) => Vec::new(),
            HashState::Other(Some(mut state)) if self.algorithm == DigestAlgorithm::Shake256 => {
                let mut output = vec![0; self.algorithm.length()];
                state.finish_xof(&mut output).map(|()| output).unwrap_or_default()
            }
            HashState::Other(Some(mut state)) => state.finish().map(|digest| digest.to_vec()).unwrap_or_default(),
        }
    }
}

fn message_digest(algorithm: DigestAlgorithm) -> MessageDigest {
    match algorithm {
        DigestAlgorithm::Md5 => MessageDigest::md5(),
        DigestAlgorithm::Ripemd160 => MessageDigest::ripemd160(),
        DigestAlgorithm::Sha1 => MessageDigest::sha1(),
        DigestAlgorithm::Sha224 => MessageDigest::sha224(),
        DigestAlgorithm::Sha256 => MessageDigest::sha256(),
        DigestAlgorithm::Sha384 => MessageDigest::sha384(),
        DigestAlgorithm::Sha512 => MessageDigest::sha512(),
        // The crate names no constructor for SHA-512/256; its NID is 1095 (obj_mac.h).
        DigestAlgorithm::Sha512_256 => MessageDigest::from_nid(Nid::from_raw(1095)).unwrap_or_else(MessageDigest::null),
        DigestAlgorithm::Sha3_224 => MessageDigest::sha3_224(),
        DigestAlgorithm::Sha3_256 => MessageDigest::sha3_256(),
        DigestAlgorithm::Sha3_384 => MessageDigest::sha3_384(),
        DigestAlgorithm::Sha3_512 => MessageDigest::sha3_512(),
        DigestAlgorithm::Shake256 => MessageDigest::shake_256(),
    }
}

/// An elliptic curve that keys may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    P192,
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
    BrainpoolP256r1,
    BrainpoolP384r1,
    BrainpoolP512r1,
}

const CURVES: [(Curve, ObjectIdentifier, Nid, usize); 9] = [
    (Curve::P192, oid::P192, Nid::X9_62_PRIME192V1, 192),
    (Curve::P224, oid::P224, Nid::SECP224R1, 224),
    (Curve::P256, oid::P256, Nid::X9_62_PRIME256V1, 256),
    (Curve::P384, oid::P384, Nid::SECP384R1, 384),
    (Curve::P521, oid::P521, Nid::SECP521R1, 521),
    (Curve::Secp256k1, oid::SECP256K1, Nid::SECP256K1, 256),
    (Curve::BrainpoolP256r1, oid::BRAINPOOL_P256R1, Nid::BRAINPOOL_P256R1, 256),
    (Curve::BrainpoolP384r1, oid::BRAINPOOL_P384R1, Nid::BRAINPOOL_P384R1, 384),
    (Curve::BrainpoolP512r1, oid::BRAINPOOL_P512R1, Nid::BRAINPOOL_P512R1, 512),
];

impl Curve {
    /// The order's length in bits.
    pub fn bits(self) -> usize {
        CURVES[self as usize].3
    }

    /// Length in bytes of one coordinate, and of r and of s in a raw signature (RFC 7518 §3.4).
    pub fn coordinate_length(self) -> usize {
        self.bits().div_ceil(8)
    }

    fn group(self) -> Result<&'static EcGroup> {
        static GROUPS: [OnceLock<Option<EcGroup>>; CURVES.len()] = [const { OnceLock::new() }; CURVES.len()];
        GROUPS[self as usize]
            .get_or_init(|| EcGroup::from_curve_name(CURVES[self as usize].2).ok())
            .as_ref()
            .ok_or_else(|| Error::Unsupported(format!("curve {self:?}")))
    }
}

/// A key's type and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    Rsa { modulus_bits: u32 },
    Ec(Curve),
    Dsa { modulus_bits: u32 },
    Ed25519,
    Ed448,
}

/// A public key ready to verify with. Cloning is cheap.
#[derive(Clone)]
pub struct PublicKey(Arc<Kind>, [u8; 32]);

enum Kind {
    Ec { curve: Curve, key: EcKey<Public>, table: OnceLock<Option<Table>> },
    Rsa { key: Rsa<Public>, pss: OnceLock<Option<PKey<Public>>>, pss_only: bool },
    Other { key_type: KeyType, key: PKey<Public> },
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?})", self.key_type())
    }
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self> {
        const WHAT: &str = "SubjectPublicKeyInfo";
        let mut fields = Element::sequence(spki, WHAT)?;
        let mut algorithm = fields.sequence(WHAT)?;
        let key = fields.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?;
        fields.finish(WHAT)?;
        let kind = match algorithm.oid(WHAT)? {
            oid::EC_PUBLIC_KEY => read_ec(algorithm, key)?,
            oid::RSA_ENCRYPTION => read_rsa(key, false)?,
            oid::RSASSA_PSS => read_rsa(key, true)?,
            oid::DSA | oid::ED25519 | oid::ED448 => read_other(spki)?,
            other => return Err(Error::Unsupported(format!("public key algorithm {other}"))),
        };
        Ok(Self(Arc::new(kind), sha256(spki)))
    }

    /// Type and size.
    pub fn key_type(&self) -> KeyType {
        match &*self.0 {
            Kind::Ec { curve, .. } => KeyType::Ec(*curve),
            Kind::Rsa { key, .. } => KeyType::Rsa { modulus_bits: bits(key.n()) },
            Kind::Other { key_type, .. } => *key_type,
        }
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`.
    pub fn identity(&self) -> [u8; 32] {
        self.1
    }

    /// Verifies a signature over a digest. The digest's length must be the algorithm's. EdDSA signs messages, see `verify_message`.
    pub fn verify_digest(&self, algorithm: SignatureAlgorithm, digest: &[u8], signature: &[u8]) -> Result<()> {
        if algorithm.digest().is_none_or(|hash| hash.length() != digest.len()) {
            return Err(Error::AlgorithmDoesNotFitKey);
        }
        match (&*self.0, algorithm) {
            (Kind::Ec { .. }, SignatureAlgorithm::Ecdsa(_)) => self.verify_ecdsa(digest, &ecdsa_value(signature)?),
            (Kind::Ec { .. }, SignatureAlgorithm::EcdsaPlain(_)) => self.verify_ecdsa_raw(digest, signature),
            (Kind::Rsa { key, pss_only: false, .. }, SignatureAlgorithm::RsaPkcs1(hash)) => {
                verify_pkcs1(key, hash, digest, signature)
            }
            (Kind::Rsa { key, pss, .. }, SignatureAlgorithm::RsaPss { digest: hash, mgf1, salt }) => {
                let key = pss.get_or_init(|| PKey::from_rsa(key.clone()).ok()).as_ref().ok_or(Error::BadSignature)?;
                verify_pss(key, (hash, mgf1, salt), digest, signature)
            }
            (Kind::Other { key_type: KeyType::Dsa { .. }, key }, SignatureAlgorithm::Dsa(_)) => {
                let mut context = PkeyCtx::new(key).map_err(|_| Error::BadSignature)?;
                context.verify_init().map_err(|_| Error::BadSignature)?;
                verdict(context.verify(digest, signature))
            }
            _ => Err(Error::AlgorithmDoesNotFitKey),
        }
    }

    /// Verifies signatures over digests; all are genuine, or it is an error. Of a key with a table this costs less than one by one.
    pub fn verify_digests<'s>(
        &self,
        algorithm: SignatureAlgorithm,
        signed: impl Iterator<Item = (&'s [u8], &'s [u8])>,
    ) -> Result<()> {
        let mut signed = signed;
        if let (Kind::Ec { curve: Curve::P256, table, .. }, SignatureAlgorithm::Ecdsa(hash)) = (&*self.0, algorithm)
            && let Some(Some(table)) = table.get()
            && hash.length() == DigestAlgorithm::Sha256.length()
        {
            let mut parsed = Vec::new();
            for (digest, signature) in signed {
                if digest.len() != hash.length() {
                    return Err(Error::AlgorithmDoesNotFitKey);
                }
                parsed.push((digest, ecdsa_value(signature)?));
            }
            return table.verify(parsed.iter().map(|(digest, signature)| (*digest, &**signature)));
        }
        signed.try_for_each(|(digest, signature)| self.verify_digest(algorithm, digest, signature))
    }

    /// Verifies a signature over a message, with any algorithm.
    pub fn verify_message(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> Result<()> {
        if let Some(hash) = algorithm.digest() {
            return self.verify_digest(algorithm, &digest(hash, message), signature);
        }
        match (&*self.0, algorithm) {
            (Kind::Other { key_type: KeyType::Ed25519, key }, SignatureAlgorithm::Ed25519)
            | (Kind::Other { key_type: KeyType::Ed448, key }, SignatureAlgorithm::Ed448) => {
                let mut verifier = Verifier::new_without_digest(key).map_err(|_| Error::BadSignature)?;
                verdict(verifier.verify_oneshot(signature, message))
            }
            _ => Err(Error::AlgorithmDoesNotFitKey),
        }
    }

    /// Verifies an ECDSA signature in raw form, r‖s with both as long as the curve's order (RFC 7518 §3.4).
    pub fn verify_ecdsa_raw(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        let Kind::Ec { curve, .. } = &*self.0 else { return Err(Error::AlgorithmDoesNotFitKey) };
        let length = curve.coordinate_length();
        if signature.len() != 2 * length {
            return Err(Error::BadSignature);
        }
        let (r, s) = signature.split_at(length);
        let number = |octets| BigNum::from_slice(octets).map_err(|_| Error::BadSignature);
        let parsed = EcdsaSig::from_private_components(number(r)?, number(s)?).map_err(|_| Error::BadSignature)?;
        self.verify_ecdsa(digest, &parsed)
    }

    fn verify_ecdsa(&self, digest: &[u8], signature: &EcdsaSig) -> Result<()> {
        let Kind::Ec { curve, key, table } = &*self.0 else { return Err(Error::AlgorithmDoesNotFitKey) };
        match table.get() {
            Some(Some(table)) if digest.len() == curve.coordinate_length() => {
                table.verify(std::iter::once((digest, &**signature)))
            }
            _ => verdict(signature.verify(digest, key)),
        }
    }
}

/// ECDSA_verify does the same: only the DER form of the two integers is a signature.
fn ecdsa_value(signature: &[u8]) -> Result<EcdsaSig> {
    let parsed = EcdsaSig::from_der(signature).map_err(|_| Error::BadSignature)?;
    match parsed.to_der() {
        Ok(der) if der == signature => Ok(parsed),
        _ => Err(Error::BadSignature),
    }
}

fn verdict(outcome: std::result::Result<bool, openssl::error::ErrorStack>) -> Result<()> {
    if matches!(outcome, Ok(true)) { Ok(()) } else { Err(Error::BadSignature) }
}

fn bits(number: &openssl::bn::BigNumRef) -> u32 {
    u32::try_from(number.num_bits()).unwrap_or(0)
}

fn read_ec(mut algorithm: Reader<'_>, point: &[u8]) -> Result<Kind> {
    if algorithm.peek() != Some(tag::OID) {
        // RFC 5480 §2.1.1: implicitCurve and specifiedCurve are not used.
        return Err(Error::Unsupported("elliptic curve given by explicit parameters".into()));
    }
    let oid = algorithm.oid("EC parameters")?;
    let curve = CURVES
        .iter()
        .find(|row| row.1 == oid)
        .map(|row| row.0)
        .ok_or_else(|| Error::Unsupported(format!("curve {oid}")))?;
    let group = curve.group()?;
    let malformed = |_| Error::Malformed("EC point");
    let mut context = BigNumContext::new().map_err(malformed)?;
    // Refuses a point that is not on the curve.
    let point = EcPoint::from_bytes(group, point, &mut context).map_err(malformed)?;
    if point.is_infinity(group) {
        return Err(Error::Malformed("EC point"));
    }
    Ok(Kind::Ec { curve, key: EcKey::from_public_key(group, &point).map_err(malformed)?, table: OnceLock::new() })
}

fn read_rsa(key: &[u8], pss_only: bool) -> Result<Kind> {
    const WHAT: &str = "RSAPublicKey";
    let mut fields = Element::sequence(key, WHAT)?;
    let mut number = || {
        let element = fields.expect(tag::INTEGER, WHAT)?;
        match element.content {
            [] => Err(Error::Malformed(WHAT)),
            [first, ..] if first & 0x80 != 0 => Err(Error::Malformed(WHAT)),
            octets => BigNum::from_slice(octets).map_err(|_| Error::Malformed(WHAT)),
        }
    };
    let (modulus, exponent) = (number()?, number()?);
    if !modulus.is_bit_set(0) {
        return Err(Error::Unsupported("RSA modulus that is even".into()));
    }
    if !limits::RSA_MODULUS_BITS.contains(&bits(&modulus)) {
        return Err(Error::Unsupported(format!("RSA modulus of {} bits", bits(&modulus))));
    }
    if bits(&exponent) < 2 || bits(&exponent) > limits::RSA_EXPONENT_BITS || !exponent.is_bit_set(0) {
        return Err(Error::Unsupported("RSA exponent".into()));
    }
    let key = Rsa::from_public_components(modulus, exponent).map_err(|_| Error::Malformed(WHAT))?;
    Ok(Kind::Rsa { key, pss: OnceLock::new(), pss_only })
}

fn read_other(spki: &[u8]) -> Result<Kind> {
    let key = PKey::public_key_from_der(spki).map_err(|_| Error::Malformed("public key"))?;
    let key_type = match key.id() {
        Id::DSA => KeyType::Dsa { modulus_bits: key.bits() },
        Id::ED25519 => KeyType::Ed25519,
        Id::ED448 => KeyType::Ed448,
        _ => return Err(Error::Unsupported("public key type".into())),
    };
    Ok(Kind::Other { key_type, key })
}

/// RFC 8017 §8.2.2, comparing the whole `DigestInfo`; its algorithm's parameters may be NULL or absent (§9.2, note 1).
fn verify_pkcs1(key: &Rsa<Public>, hash: DigestAlgorithm, digest: &[u8], signature: &[u8]) -> Result<()> {
    let size = usize::try_from(key.size()).map_err(|_| Error::BadSignature)?;
    if signature.len() != size {
        return Err(Error::BadSignature);
    }
    let mut opened = vec![0; size];
    let length = key.public_decrypt(signature, &mut opened, Padding::PKCS1).map_err(|_| Error::BadSignature)?;
    let opened = opened.get(..length).ok_or(Error::BadSignature)?;
    let oid = write::oid(&hash.oid());
    let info =
        |parameters: &[u8]| write::sequence(&[write::sequence(&[&oid[..], parameters]), write::octet_string(digest)]);
    if opened == info(&[tag::NULL, 0]) || opened == info(&[]) { Ok(()) } else { Err(Error::BadSignature) }
}

fn verify_pss(
    key: &PKey<Public>,
    (hash, mgf1, salt): (DigestAlgorithm, DigestAlgorithm, u16),
    digest: &[u8],
    signature: &[u8],
) -> Result<()> {
    let attempt = || {
        let mut context = PkeyCtx::new(key)?;
        context.verify_init()?;
        context.set_rsa_padding(Padding::PKCS1_PSS)?;
        context.set_signature_md(evp(hash))?;
        context.set_rsa_mgf1_md(evp(mgf1))?;
        context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(i32::from(salt)))?;
        context.verify(digest, signature)
    };
    verdict(attempt())
}

fn evp(algorithm: DigestAlgorithm) -> &'static openssl::md::MdRef {
    use openssl::md::Md;
    match algorithm {
        DigestAlgorithm::Md5 => Md::md5(),
        DigestAlgorithm::Ripemd160 => Md::ripemd160(),
        DigestAlgorithm::Sha1 => Md::sha1(),
        DigestAlgorithm::Sha224 => Md::sha224(),
        DigestAlgorithm::Sha384 => Md::sha384(),
        DigestAlgorithm::Sha512 => Md::sha512(),
        DigestAlgorithm::Sha3_224 => Md::sha3_224(),
        DigestAlgorithm::Sha3_256 => Md::sha3_256(),
        DigestAlgorithm::Sha3_384 => Md::sha3_384(),
        DigestAlgorithm::Sha3_512 => Md::sha3_512(),
        DigestAlgorithm::Shake256 => Md::shake256(),
        // Lengths differ from SHA-256's only by algorithm, so a wrong guess here fails the verification.
        DigestAlgorithm::Sha256 | DigestAlgorithm::Sha512_256 => Md::sha256(),
    }
}

/// Turns r‖s, as PKCS #11 and JWS have it, into `Ecdsa-Sig-Value` (RFC 3279 §2.2.3). `None` where the length is odd or zero.
pub fn ecdsa_raw_to_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || !raw.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    Some(write::sequence(&[write::integer(r), write::integer(s)]))
}

/// Turns `Ecdsa-Sig-Value` into r‖s, each padded to the length of a coordinate. `None` where it is not one or does not fit.
pub fn ecdsa_der_to_raw(der: &[u8], coordinate_length: usize) -> Option<Vec<u8>> {
    let mut fields = Element::sequence(der, "Ecdsa-Sig-Value").ok()?;
    let mut raw = Vec::with_capacity(2 * coordinate_length);
    for _ in 0..2 {
        let number = fields.expect(tag::INTEGER, "Ecdsa-Sig-Value").ok()?.content;
        let significant = number.strip_prefix(&[0]).unwrap_or(number);
        let padding = coordinate_length.checked_sub(significant.len())?;
        raw.extend(std::iter::repeat_n(0, padding));
        raw.extend_from_slice(significant);
    }
    fields.is_empty().then_some(raw)
}

#[cfg(test)]
mod tests;
