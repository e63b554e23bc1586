//! Keys made weak on purpose, and keys that OpenSSL makes well.
#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use openssl::bn::{BigNum, BigNumContext, BigNumRef, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

fn number(value: u32) -> BigNum {
    BigNum::from_u32(value).unwrap()
}

fn prime(bits: i32) -> BigNum {
    let mut prime = BigNum::new().unwrap();
    prime.generate_prime(bits, false, None, None).unwrap();
    prime
}

fn next_prime(after: &BigNumRef) -> BigNum {
    let mut context = BigNumContext::new().unwrap();
    let mut candidate = after + &*number(2);
    while !candidate.is_prime(20, &mut context).unwrap() {
        candidate = &*candidate + &*number(2);
    }
    candidate
}

fn spki(modulus: &BigNumRef, exponent: u32) -> Vec<u8> {
    let key = Rsa::from_public_components(modulus.to_owned().unwrap(), number(exponent)).unwrap();
    PKey::from_rsa(key).unwrap().public_key_to_der().unwrap()
}

fn found(spki: &[u8]) -> Vec<Weakness> {
    weaknesses(&PublicKey::from_spki_der(spki).unwrap())
}

#[test]
fn good_keys_are_not_weak() {
    for bits in [2048, 3072] {
        let key = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
        assert_eq!(found(&key.public_key_to_der().unwrap()), []);
    }
    for curve in [Nid::X9_62_PRIME256V1, Nid::SECP384R1] {
        let key = EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap();
        assert_eq!(found(&PKey::from_ec_key(key).unwrap().public_key_to_der().unwrap()), []);
    }
}

#[test]
fn each_weakness_is_found() {
    let (p, q) = (prime(1024), prime(1024));
    let good = &p * &q;
    assert_eq!(found(&spki(&good, 3)), [Weakness::SmallExponent]);
    assert_eq!(found(&spki(&(&prime(512) * &prime(512)), 65_537)), [Weakness::ShortModulus]);
    assert_eq!(found(&spki(&(&p * &next_prime(&p)), 65_537)), [Weakness::ClosePrimes]);
    assert_eq!(found(&spki(&(&p * &p), 65_537)), [Weakness::ClosePrimes], "a square");
    assert_eq!(found(&spki(&(&prime(2_040) * &number(4_093)), 65_537)), [Weakness::SmallFactor]);
    assert_eq!(found(&spki(&prime(2_048), 65_537)), [Weakness::PrimeModulus]);
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let generator = EcKey::from_public_key(&group, group.generator_opt().unwrap()).unwrap();
    let generator = PKey::from_ec_key(generator).unwrap().public_key_to_der().unwrap();
    assert_eq!(found(&generator), [Weakness::Generator]);
}

/// A prime as the affected chips make them.
fn roca_prime() -> BigNum {
    let mut context = BigNumContext::new().unwrap();
    let primes = ROCA_PRIMES.iter().fold(number(2), |product, prime| &product * &number(*prime));
    loop {
        let mut candidate = BigNum::new().unwrap();
        let (mut power, mut factor) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        power.rand(60, MsbOption::ONE, false).unwrap();
        candidate.mod_exp(&number(65_537), &power, &primes, &mut context).unwrap();
        factor.rand(1_026 - primes.num_bits(), MsbOption::TWO_ONES, false).unwrap();
        candidate = &candidate + &(&factor * &primes);
        if candidate.is_prime(10, &mut context).unwrap() {
            return candidate;
        }
    }
}

#[test]
fn the_mark_of_roca_is_found() {
    assert_eq!(found(&spki(&(&roca_prime() * &roca_prime()), 65_537)), [Weakness::Roca]);
    let half = &roca_prime() * &prime(1_024);
    assert_eq!(found(&spki(&half, 65_537)), []);
}

#[test]
fn listed_keys_are_known() {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let der = key.public_key_to_der().unwrap();
    let public = PublicKey::from_spki_der(&der).unwrap();
    let mut list = KnownBadKeys::default();
    assert!(list.is_empty() && !list.contains(&der, &public));
    list.add_list(&format!("# keys\n\n{}  # ours\n", hex::encode(crypto::sha256(&der)))).unwrap();
    assert!(list.contains(&der, &public));
    // As the scripts of openssl-blacklist count: the end of SHA-1 over what `openssl rsa -modulus` prints.
    let printed = format!("Modulus={}\n", key.rsa().unwrap().n().to_hex_str().unwrap());
    let digest = hex::encode(crypto::digest(DigestAlgorithm::Sha1, printed.as_bytes()));
    let mut list = KnownBadKeys::default();
    list.add_list(&digest[20..]).unwrap();
    assert!(list.contains(&der, &public) && list.len() == 1);
    assert!(list.add_list("zz").is_err() && list.add_list("abcd").is_err());
}

#[test]
fn published_test_keys_are_known() {
    let published = KnownBadKeys::published().unwrap();
    let text = include_str!("rfc9500.pem");
    let keys = crate::pem::blocks(text, "PUBLIC KEY").unwrap();
    for (name, der) in text.lines().filter(|line| line.starts_with("test")).zip(&keys) {
        assert!(published.contains(der, &PublicKey::from_spki_der(der).unwrap()), "{name}");
    }
    assert_eq!((keys.len(), published.len()), (6, 6), "no digest stands for another key");
}

#[test]
fn keys_that_are_none_are_refused() {
    let (p, q) = (prime(1024), prime(1024));
    let even = &(&p * &q) + &number(1);
    assert!(PublicKey::from_spki_der(&spki(&even, 65_537)).unwrap_err().to_string().contains("even"));
    assert!(PublicKey::from_spki_der(&spki(&(&p * &q), 65_536)).is_err());
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let mut der = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap().public_key_to_der().unwrap();
    *der.last_mut().unwrap() ^= 1;
    assert_eq!(PublicKey::from_spki_der(&der).unwrap_err(), Error::Malformed("EC point"));
}

#[test]
fn keys_are_admitted_by_profile_and_form() {
    let profile = Profile::built_in("citizen").unwrap();
    let none = KnownBadKeys::default();
    let (p, q) = (prime(1024), prime(1024));
    let der = spki(&(&p * &q), 65_537);
    assert_eq!(admit(&der, &profile, &none), Ok(KeyAlgorithm::Rsa2048));
    assert_eq!(admit(&der, &Profile::built_in("seal").unwrap(), &none), Err(KeyRefusal::NotAdmitted));
    assert_eq!(admit(&spki(&(&p * &q), 3), &profile, &none), Err(KeyRefusal::Weak(Weakness::SmallExponent)));
    // The same key in another form would not be recognised as the same.
    let pss = write::sequence(&[
        write::sequence(&[write::oid(&oid::RSASSA_PSS)]),
        write::bit_string(key_octets(&der).unwrap()),
    ]);
    assert_eq!(admit(&pss, &profile, &none), Err(KeyRefusal::NotAdmitted));
    let mut listed = KnownBadKeys::default();
    listed.add_list(&hex::encode(crypto::sha256(&der))).unwrap();
    assert_eq!(admit(&der, &profile, &listed), Err(KeyRefusal::Weak(Weakness::KnownBad)));
    let p521 = EcKey::generate(&EcGroup::from_curve_name(Nid::SECP521R1).unwrap()).unwrap();
    let p521 = PKey::from_ec_key(p521).unwrap().public_key_to_der().unwrap();
    assert_eq!(admit(&p521, &profile, &none), Err(KeyRefusal::NotAdmitted));
    assert_eq!(admit(b"no key", &profile, &none), Err(KeyRefusal::NotAdmitted));
}
