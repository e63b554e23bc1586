//! Service keys: every algorithm and scheme, judged by openssl.

use crate::{
    Test,
    world::{World, digest, openssl_verifies},
};
use chuky_hsm::{Error, Hsm, TokenKind};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};

pub const TESTS: &[Test] = &[
    ("every_scheme_verifies_with_openssl", every_scheme),
    ("service_keys_are_listed_and_never_made_twice", listed),
    ("digests_and_schemes_that_do_not_fit_are_refused", refused),
];

const SCHEMES: [SignatureScheme; 8] = [
    SignatureScheme::EcdsaSha256,
    SignatureScheme::EcdsaSha384,
    SignatureScheme::RsaPkcs1Sha256,
    SignatureScheme::RsaPkcs1Sha384,
    SignatureScheme::RsaPkcs1Sha512,
    SignatureScheme::RsaPssSha256,
    SignatureScheme::RsaPssSha384,
    SignatureScheme::RsaPssSha512,
];

fn every_scheme(world: &World) {
    let hsm = world.in_process(TokenKind::Authority);
    let hsm: &dyn Hsm = &*hsm;
    let mut judged = 0;
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072] {
        let spki = world.wait(hsm.generate_service_key(algorithm.name(), algorithm)).unwrap();
        for scheme in SCHEMES.into_iter().filter(|scheme| scheme.fits(algorithm)) {
            let digest = digest(scheme, 7);
            let signature = world.wait(hsm.sign(algorithm.name(), scheme, &digest)).unwrap();
            assert!(openssl_verifies(&spki, scheme, &digest, &signature), "{algorithm:?} {scheme:?}");
            let mut other = digest.clone();
            other[0] ^= 1;
            assert!(!openssl_verifies(&spki, scheme, &other, &signature), "{algorithm:?} {scheme:?}");
            judged += 1;
        }
    }
    assert_eq!(judged, 14);
}

fn listed(world: &World) {
    let hsm = world.in_process(TokenKind::Status);
    let hsm: &dyn Hsm = &*hsm;
    let ocsp = world.wait(hsm.generate_service_key("ocsp-1", KeyAlgorithm::P256)).unwrap();
    let audit = world.wait(hsm.generate_service_key("audit-1", KeyAlgorithm::P384)).unwrap();
    let again = world.wait(hsm.generate_service_key("ocsp-1", KeyAlgorithm::P256));
    assert_eq!(again, Err(Error::KeyExists { label: "ocsp-1".to_owned() }));
    let keys = world.wait(hsm.service_keys()).unwrap();
    let found: Vec<_> = keys.iter().map(|key| (key.label.as_str(), key.algorithm, key.spki_der.clone())).collect();
    assert_eq!(found, [("audit-1", KeyAlgorithm::P384, audit), ("ocsp-1", KeyAlgorithm::P256, ocsp)]);
    assert!(world.wait(hsm.probe()).is_ok());
}

fn refused(world: &World) {
    let hsm = world.in_process(TokenKind::Authority);
    let hsm: &dyn Hsm = &*hsm;
    world.wait(hsm.generate_service_key("ca", KeyAlgorithm::P256)).unwrap();
    let short = world.wait(hsm.sign("ca", SignatureScheme::EcdsaSha256, &[1; 20]));
    assert!(matches!(short, Err(Error::Invalid { .. })), "{short:?}");
    let other = world.wait(hsm.sign("ca", SignatureScheme::RsaPssSha256, &[1; 32]));
    assert!(matches!(other, Err(Error::Invalid { .. })), "{other:?}");
    let unknown = world.wait(hsm.sign("nobody", SignatureScheme::EcdsaSha256, &[1; 32]));
    assert_eq!(unknown, Err(Error::UnknownKey { label: "nobody".to_owned() }));
    let row = world.wait(hsm.mac("rows", b"row"));
    assert!(matches!(row, Err(Error::Invalid { .. })), "an authority token makes no row MACs");
}
