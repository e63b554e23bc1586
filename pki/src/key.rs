//! Public keys that must not be certified: what they show of how they were made (ROCA, close primes, small exponents) and lists of
//! known bad ones. Looks at public numbers only; whether a type or size is admitted is the profile's.

use crate::algorithm::DigestAlgorithm;
use crate::asn1::write;
use crate::certificate::key_octets;
use crate::crypto::{self, Curve, KeyType, PublicKey};
use crate::error::{Error, Result};
use crate::profile::Profile;
use crate::{limits, oid};
use chuky_model::algorithm::KeyAlgorithm;
use std::collections::HashSet;

/// Why a key that somebody brings is not certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Its type or size, or the way it is written, is not one that the profile certifies.
    #[error("keys of this type or form are not certified")]
    NotAdmitted,
    #[error("{}", .0.text())]
    Weak(Weakness),
}

/// Passes a key that somebody brings where the profile certifies its type and nothing is wrong with it.
pub fn admit(
    spki: &[u8],
    profile: &Profile,
    known_bad: &KnownBadKeys,
) -> std::result::Result<KeyAlgorithm, KeyRefusal> {
    let key = PublicKey::from_spki_der(spki).map_err(|_| KeyRefusal::NotAdmitted)?;
    // A weakness says more than that the type is not admitted, so it is looked for first.
    if let Some(weakness) = weaknesses(&key).first() {
        return Err(KeyRefusal::Weak(*weakness));
    }
    if known_bad.contains(spki, &key) {
        return Err(KeyRefusal::Weak(Weakness::KnownBad));
    }
    let algorithm = algorithm_of(key.key_type()).filter(|algorithm| profile.admits_key(*algorithm));
    algorithm.filter(|_| is_canonical(spki, &key)).ok_or(KeyRefusal::NotAdmitted)
}

/// The key type by the name of settings, where it is one that is certified. An RSA key counts as the size made here that it reaches.
pub fn algorithm_of(key_type: KeyType) -> Option<KeyAlgorithm> {
    match key_type {
        KeyType::Ec(Curve::P256) => Some(KeyAlgorithm::P256),
        KeyType::Ec(Curve::P384) => Some(KeyAlgorithm::P384),
        KeyType::Rsa { modulus_bits: 4096..=8192 } => Some(KeyAlgorithm::Rsa4096),
        KeyType::Rsa { modulus_bits: 3072..4096 } => Some(KeyAlgorithm::Rsa3072),
        KeyType::Rsa { modulus_bits: 2048..3072 } => Some(KeyAlgorithm::Rsa2048),
        _ => None,
    }
}

/// Whether the key is written in the one form that every reader knows: rsaEncryption with NULL (RFC 3279 §2.3.1), or a named curve with
/// an uncompressed point (RFC 5480 §2.2). So one key has one `SubjectPublicKeyInfo`, and is recognised when it comes again.
pub fn is_canonical(spki: &[u8], key: &PublicKey) -> bool {
    let form = |algorithm: &[Vec<u8>], octets: &[u8]| {
        write::sequence(&[write::sequence(algorithm), write::bit_string(octets)])
    };
    if let Some((modulus, exponent)) = key.rsa_numbers() {
        let numbers = write::sequence(&[write::integer(&modulus), write::integer(&exponent)]);
        return spki == form(&[write::oid(&oid::RSA_ENCRYPTION), write::null()], &numbers);
    }
    let curve = match key.key_type() {
        KeyType::Ec(Curve::P256) => oid::P256,
        KeyType::Ec(Curve::P384) => oid::P384,
        _ => return false,
    };
    let point = key_octets(spki).unwrap_or_default();
    point.first() == Some(&4) && spki == form(&[write::oid(&oid::EC_PUBLIC_KEY), write::oid(&curve)], point)
}

/// Why a key is weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weakness {
    ShortModulus,
    SmallExponent,
    SmallFactor,
    PrimeModulus,
    ClosePrimes,
    Roca,
    Generator,
    KnownBad,
}

impl Weakness {
    /// What is the matter, in English.
    pub fn text(self) -> &'static str {
        match self {
            Self::ShortModulus => "the RSA modulus has fewer than 2048 bits (Circular 15/2025, Appendix I)",
            Self::SmallExponent => "the RSA exponent is not above 2^16 (FIPS 186-5 §5.4)",
            Self::SmallFactor => "the RSA modulus has a small factor",
            Self::PrimeModulus => "the RSA modulus is a prime",
            Self::ClosePrimes => "the RSA modulus is made of primes that are close together",
            Self::Roca => "the RSA modulus bears the mark of the ROCA weakness (CVE-2017-15361)",
            Self::Generator => "the public point is the curve's generator",
            Self::KnownBad => "the key is on the list of known bad keys",
        }
    }

    /// A stable name for problems and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShortModulus => "short_modulus",
            Self::SmallExponent => "small_exponent",
            Self::SmallFactor => "small_factor",
            Self::PrimeModulus => "prime_modulus",
            Self::ClosePrimes => "close_primes",
            Self::Roca => "roca",
            Self::Generator => "generator",
            Self::KnownBad => "known_bad",
        }
    }
}

/// Every weakness that the key itself shows.
pub fn weaknesses(key: &PublicKey) -> Vec<Weakness> {
    let mut found = Vec::new();
    let mut note = |is: bool, weakness: Weakness| {
        if is {
            found.push(weakness);
        }
    };
    if let Some((modulus, exponent)) = key.rsa_numbers() {
        note(matches!(key.key_type(), KeyType::Rsa { modulus_bits: ..2048 }), Weakness::ShortModulus);
        // FIPS 186-5 §5.4: 2^16 < e < 2^256; the upper bound is checked where keys are read.
        note(exponent.len() < 3, Weakness::SmallExponent);
        note(has_small_factor(&modulus), Weakness::SmallFactor);
        note(is_roca(&modulus), Weakness::Roca);
        note(key.has_close_primes(limits::FERMAT_ROUNDS), Weakness::ClosePrimes);
        note(key.has_prime_modulus(), Weakness::PrimeModulus);
    }
    note(key.is_generator(), Weakness::Generator);
    found
}

/// Keys that are known to others, such as those that Debian's OpenSSL made from 2006 to 2008.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownBadKeys {
    /// SHA-256 of SubjectPublicKeyInfo.
    keys: HashSet<[u8; 32]>,
    /// The last ten octets of SHA-1 over `Modulus=`, the modulus in upper-case hexadecimal and a line feed.
    moduli: HashSet<[u8; 10]>,
}

impl KnownBadKeys {
    /// Those that everybody can read: the published test keys of RFC 9500.
    pub fn published() -> Result<Self> {
        let mut keys = Self::default();
        keys.add_list(include_str!("key/published.txt"))?;
        Ok(keys)
    }

    /// Adds a list: one key a line, either the SHA-256 of its SubjectPublicKeyInfo (64 hexadecimal digits) or the 20 digits of
    /// `openssl-blacklist`; empty lines and what follows `#` do not count.
    pub fn add_list(&mut self, text: &str) -> Result<()> {
        for line in text.lines() {
            let digits = line.split('#').next().unwrap_or_default().trim();
            let octets = hex::decode(digits).map_err(|_| Error::Malformed("list of known bad keys"))?;
            match octets.len() {
                0 => {}
                32 => drop(self.keys.insert(octets.try_into().unwrap_or_default())),
                10 => drop(self.moduli.insert(octets.try_into().unwrap_or_default())),
                _ => return Err(Error::Malformed("list of known bad keys")),
            }
            if self.len() > limits::MOST_KNOWN_BAD_KEYS {
                return Err(Error::Limit("known bad keys"));
            }
        }
        Ok(())
    }

    /// How many keys are listed.
    pub fn len(&self) -> usize {
        self.keys.len().saturating_add(self.moduli.len())
    }

    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether that key is listed.
    pub fn contains(&self, spki: &[u8], key: &PublicKey) -> bool {
        let listed = |(modulus, _): (Vec<u8>, Vec<u8>)| {
            let line = format!("Modulus={}\n", hex::encode_upper(modulus));
            let digest = crypto::digest(DigestAlgorithm::Sha1, line.as_bytes());
            digest.last_chunk::<10>().is_some_and(|end| self.moduli.contains(end))
        };
        self.keys.contains(&crypto::sha256(spki)) || (!self.moduli.is_empty() && key.rsa_numbers().is_some_and(listed))
    }
}

fn remainder(number: &[u8], divisor: u32) -> u32 {
    let divisor = u64::from(divisor);
    let rest = number.iter().fold(0u64, |rest, octet| (rest * 256 + u64::from(*octet)) % divisor);
    u32::try_from(rest).unwrap_or_default()
}

fn has_small_factor(modulus: &[u8]) -> bool {
    // Odd composites need no test of their own: one of their factors comes first.
    (3..limits::SMALL_FACTORS_BELOW).step_by(2).any(|divisor| remainder(modulus, divisor) == 0)
}

/// The primes of affected chips are kM + (65537^a mod M), M the product of the first primes: so the modulus is a power of 65537
/// modulo each of these. Of other moduli about one in 2^27 is.
fn is_roca(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let rest = u64::from(remainder(modulus, *prime));
        let prime = u64::from(*prime);
        std::iter::successors(Some(1u64), |power| Some(power * 65_537 % prime))
            .take(usize::try_from(prime).unwrap_or_default())
            .any(|power| power == rest)
    })
}

const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

#[cfg(test)]
mod tests;
