//! Project Wycheproof's vectors, through the one function with which every signature here is verified, for every algorithm, curve and digest that
//! `algorithm.rs` accepts. What it does not accept is listed by name, so that a new vector file cannot be passed over silently.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use chuky_pki::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use chuky_pki::crypto::PublicKey;
use wycheproof::{HashFunction, TestResult, dsa, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

fn digest(hash: HashFunction) -> Option<DigestAlgorithm> {
    Some(match hash {
        HashFunction::Sha1 => DigestAlgorithm::Sha1,
        HashFunction::Sha2_224 => DigestAlgorithm::Sha224,
        HashFunction::Sha2_256 => DigestAlgorithm::Sha256,
        HashFunction::Sha2_384 => DigestAlgorithm::Sha384,
        HashFunction::Sha2_512 => DigestAlgorithm::Sha512,
        HashFunction::Sha3_224 => DigestAlgorithm::Sha3_224,
        HashFunction::Sha3_256 => DigestAlgorithm::Sha3_256,
        HashFunction::Sha3_384 => DigestAlgorithm::Sha3_384,
        HashFunction::Sha3_512 => DigestAlgorithm::Sha3_512,
        _ => return None,
    })
}

/// What came of one kind of vectors.
#[derive(Debug, Default)]
struct Tally {
    valid: usize,
    invalid: usize,
    wrong: Vec<String>,
    /// Files whose key or algorithm is not accepted at all.
    passed_over: Vec<String>,
}

impl Tally {
    fn judge(&mut self, name: &str, spki: &[u8], algorithm: Option<SignatureAlgorithm>, vectors: &[Vector<'_>]) {
        let (Ok(key), Some(algorithm)) = (PublicKey::from_spki_der(spki), algorithm) else {
            if self.passed_over.last().is_none_or(|last| last != name) {
                self.passed_over.push(name.to_owned());
            }
            return;
        };
        for (number, message, signature, result) in vectors {
            let good = key.verify_message(algorithm, message, signature).is_ok();
            match (result, good) {
                (TestResult::Valid, true) => self.valid += 1,
                (TestResult::Invalid, false) => self.invalid += 1,
                (TestResult::Acceptable, _) => {}
                _ => self.wrong.push(format!("{name} {number}: {result:?}, accepted: {good}")),
            }
        }
    }

    #[track_caller]
    fn is(self, valid: usize, invalid: usize, passed_over: &[&str]) {
        assert_eq!(self.wrong, Vec::<String>::new());
        assert_eq!((self.valid, self.invalid), (valid, invalid), "{:#?}", self.passed_over);
        assert_eq!(self.passed_over, passed_over);
    }
}

type Vector<'v> = (usize, &'v [u8], &'v [u8], TestResult);

macro_rules! judge {
    ($module:ident, $tally:expr, $algorithm:expr) => {
        for name in $module::TestName::all() {
            for group in $module::TestSet::load(name).unwrap().test_groups {
                let vectors: Vec<Vector<'_>> =
                    group.tests.iter().map(|one| (one.tc_id, one.msg.as_ref(), one.sig.as_ref(), one.result)).collect();
                $tally.judge(&format!("{name:?}"), &group.der, $algorithm(&format!("{name:?}"), &group), &vectors);
            }
        }
    };
}

#[test]
fn ecdsa_on_every_curve_with_every_digest() {
    let mut tally = Tally::default();
    judge!(ecdsa, tally, |name: &str, group: &ecdsa::TestGroup| {
        // A rule of one currency: the smaller of two values that verify.
        if name.ends_with("Bitcoin") {
            return None;
        }
        let digest = digest(group.hash)?;
        Some(if name.ends_with("P1363") {
            SignatureAlgorithm::EcdsaPlain(digest)
        } else {
            SignatureAlgorithm::Ecdsa(digest)
        })
    });
    // Curves that `crypto.rs` does not know, and SHAKE: not accepted.
    tally.is(
        8_500,
        9_798,
        &[
            "EcdsaBrainpool224r1Sha224P1363",
            "EcdsaBrainpool224r1Sha224",
            "EcdsaBrainpool224r1Sha3_224",
            "EcdsaBrainpool320r1Sha3_384",
            "EcdsaBrainpool320r1Sha384P1363",
            "EcdsaBrainpool320r1Sha384",
            "EcdsaSecp160k1Sha256P1363",
            "EcdsaSecp160k1Sha256",
            "EcdsaSecp160r1Sha256P1363",
            "EcdsaSecp160r1Sha256",
            "EcdsaSecp160r2Sha256P1363",
            "EcdsaSecp160r2Sha256",
            "EcdsaSecp192k1Sha256P1363",
            "EcdsaSecp192k1Sha256",
            "EcdsaSecp224k1Sha224P1363",
            "EcdsaSecp224k1Sha224",
            "EcdsaSecp224k1Sha256P1363",
            "EcdsaSecp224k1Sha256",
            "EcdsaSecp224r1Shake128P1363",
            "EcdsaSecp224r1Shake128",
            "EcdsaSecp256k1Sha256Bitcoin",
            "EcdsaSecp256k1Shake128P1363",
            "EcdsaSecp256k1Shake128",
            "EcdsaSecp256k1Shake256P1363",
            "EcdsaSecp256k1Shake256",
            "EcdsaSecp256r1Shake128P1363",
            "EcdsaSecp256r1Shake128",
            "EcdsaSecp384r1Shake256P1363",
            "EcdsaSecp384r1Shake256",
            "EcdsaSecp521r1Shake256P1363",
            "EcdsaSecp521r1Shake256",
        ],
    );
}

#[test]
fn ed25519_and_ed448() {
    let mut tally = Tally::default();
    judge!(eddsa, tally, |name: &str, _: &eddsa::TestGroup| {
        Some(if name == "Ed25519" { SignatureAlgorithm::Ed25519 } else { SignatureAlgorithm::Ed448 })
    });
    tally.is(105, 133, &[]);
}

#[test]
fn dsa_of_old_certificates() {
    let mut tally = Tally::default();
    judge!(dsa, tally, |name: &str, group: &dsa::TestGroup| {
        if name.ends_with("P1363") { None } else { digest(group.hash).map(SignatureAlgorithm::Dsa) }
    });
    tally.is(
        296,
        1_132,
        &["Dsa2048_224Sha224P1363", "Dsa2048_224Sha256P1363", "Dsa2048_256Sha256P1363", "Dsa3072_256Sha256P1363"],
    );
}

#[test]
fn rsa_of_both_paddings() {
    let mut tally = Tally::default();
    judge!(rsa_pkcs1_verify, tally, |_: &str, group: &rsa_pkcs1_verify::TestGroup| {
        digest(group.hash).map(SignatureAlgorithm::RsaPkcs1)
    });
    judge!(rsa_pss_verify, tally, |_: &str, group: &rsa_pss_verify::TestGroup| {
        let (digest, mgf1) = (digest(group.hash)?, digest(group.mgf_hash?)?);
        Some(SignatureAlgorithm::RsaPss { digest, mgf1, salt: u16::try_from(group.salt_size).ok()? })
    });
    // Truncated SHA-512 and SHAKE have no row in `algorithm.rs`.
    tally.is(
        1_879,
        5_774,
        &[
            "Rsa2048Sha512_224",
            "Rsa2048Sha512_256",
            "Rsa3072Sha512_256",
            "Rsa4096Sha512_256",
            "RsaPss2048Sha512_224Mgf1SaltLen28",
            "RsaPss2048Sha512_256Mgf1SaltLen32",
            "RsaPss2048Shake128",
            "RsaPss2048Shake256",
            "RsaPss3072Shake128",
            "RsaPss3072Shake256",
            "RsaPss4096Shake256",
        ],
    );
}
