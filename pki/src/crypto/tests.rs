//! Every algorithm of this module against signatures that OpenSSL makes with keys of its own.
#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use openssl::sign::Signer;

fn spki(key: &PKey<openssl::pkey::Private>) -> PublicKey {
    PublicKey::from_spki_der(&key.public_key_to_der().unwrap()).unwrap()
}

#[test]
fn every_digest_has_its_length() {
    for algorithm in crate::algorithm::ALL_DIGESTS {
        assert_eq!(digest(algorithm, b"abc").len(), algorithm.length(), "{algorithm:?}");
    }
    assert_eq!(
        hex::encode(digest(DigestAlgorithm::Sha512_256, b"abc")),
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
    );
}

#[test]
fn ecdsa_on_every_curve() {
    for (curve, _, nid, _) in CURVES {
        let key = PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap()).unwrap();
        let public = spki(&key);
        assert_eq!(public.key_type(), KeyType::Ec(curve));
        let mut signature =
            Signer::new(MessageDigest::sha384(), &key).unwrap().sign_oneshot_to_vec(b"message").unwrap();
        let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha384);
        public.verify_message(algorithm, b"message", &signature).unwrap();
        let raw = ecdsa_der_to_raw(&signature, curve.coordinate_length()).unwrap();
        assert_eq!(ecdsa_raw_to_der(&raw).unwrap(), signature);
        public.verify_ecdsa_raw(&digest(DigestAlgorithm::Sha384, b"message"), &raw).unwrap();
        assert_eq!(public.verify_message(algorithm, b"massage", &signature), Err(Error::BadSignature));
        signature.push(0);
        assert_eq!(public.verify_message(algorithm, b"message", &signature), Err(Error::BadSignature));
    }
}

#[test]
fn rsa_in_both_paddings() {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let public = spki(&key);
    let pkcs1 = Signer::new(MessageDigest::sha256(), &key).unwrap().sign_oneshot_to_vec(b"message").unwrap();
    let algorithm = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
    public.verify_message(algorithm, b"message", &pkcs1).unwrap();
    assert_eq!(public.verify_message(algorithm, b"massage", &pkcs1), Err(Error::BadSignature));
    let mut signer = Signer::new(MessageDigest::sha384(), &key).unwrap();
    signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(20)).unwrap();
    signer.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
    let pss = signer.sign_oneshot_to_vec(b"message").unwrap();
    let with_salt =
        |salt| SignatureAlgorithm::RsaPss { digest: DigestAlgorithm::Sha384, mgf1: DigestAlgorithm::Sha256, salt };
    public.verify_message(with_salt(20), b"message", &pss).unwrap();
    assert_eq!(public.verify_message(with_salt(32), b"message", &pss), Err(Error::BadSignature));
    assert_eq!(public.verify_message(algorithm, b"message", &pss), Err(Error::BadSignature));
}

#[test]
fn edwards_curves_sign_messages() {
    for (key, algorithm) in [
        (PKey::generate_ed25519().unwrap(), SignatureAlgorithm::Ed25519),
        (PKey::generate_ed448().unwrap(), SignatureAlgorithm::Ed448),
    ] {
        let signature = Signer::new_without_digest(&key).unwrap().sign_oneshot_to_vec(b"message").unwrap();
        spki(&key).verify_message(algorithm, b"message", &signature).unwrap();
        assert_eq!(spki(&key).verify_message(algorithm, b"massage", &signature), Err(Error::BadSignature));
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let key = PKey::from_ec_key(EcKey::generate(Curve::P256.group().unwrap()).unwrap()).unwrap();
    let mut der = key.public_key_to_der().unwrap();
    let last = der.len() - 1;
    der[last] ^= 1;
    assert_eq!(PublicKey::from_spki_der(&der).unwrap_err(), Error::Malformed("EC point"));
}
