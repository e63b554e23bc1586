//! Subscribers' keys in process: seals, activations, MACs, stock.

use crate::{
    Test,
    world::{World, digest, key_context, key_reader, now, openssl_verifies, secret},
};
use chuky_hsm::{
    ActivationContext, Error, Hsm, InProcess, KeyContext, Lasting, Secret32, SignActivated, StockTarget, TokenKind,
    provision::{self, Secrets},
};
use chuky_model::{
    algorithm::{KeyAlgorithm, SignatureScheme},
    id::{AccountId, ActivationId},
};
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    ("a_sealed_key_signs_what_was_activated", seal_round_trip),
    ("a_wrong_pin_is_not_tampering", wrong_pin),
    ("another_owners_or_keys_blob_does_not_open", swapped),
    ("an_activation_signs_each_hash_once", replay),
    ("an_activation_cannot_be_widened_or_reordered", widened),
    ("an_activation_expires", expiry),
    ("resealing_changes_pin_owner_and_pepper", reseal),
    ("macs_and_data_keys_are_bound_to_their_domain", macs),
    ("rsa_keys_come_from_the_stock", stock),
    ("a_thousand_signatures_are_near_the_raw_rate", rate),
];

pub fn activation(number: u128, hashes: Vec<Vec<u8>>, scheme: SignatureScheme) -> ActivationContext {
    ActivationContext {
        activation_id: ActivationId(uuid::Uuid::from_u128(number)),
        hashes,
        scheme,
        client: "tests".to_owned(),
        expires: now().plus_seconds(60),
    }
}

/// A sealed P-256 key with an activation of these hashes, and the call that signs the first.
pub fn activated(world: &World, hsm: &dyn Hsm, number: u128, hashes: Vec<Vec<u8>>) -> (Vec<u8>, SignActivated) {
    let key = key_context(number);
    let sealed = world.wait(hsm.generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap();
    let activation = activation(number, hashes, SignatureScheme::EcdsaSha256);
    let opened = world.wait(hsm.open_activation(&sealed.blob, &key, &secret(1), &activation, now())).unwrap();
    let hashes = activation.hashes.first().cloned().into_iter().collect();
    (sealed.spki_der, SignActivated { blob: opened.blob, key, activation, secret: opened.secret, hashes, now: now() })
}

fn seal_round_trip(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    for (number, algorithm) in [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Rsa2048].into_iter().enumerate() {
        let key = key_context(number as u128);
        let sealed = world.wait(hsm.generate_sealed(algorithm, &key, &secret(1))).unwrap();
        assert_eq!(sealed.pepper_version, 1);
        let scheme = algorithm.default_scheme();
        let activation = activation(number as u128, vec![digest(scheme, 1), digest(scheme, 2)], scheme);
        let opened = world.wait(hsm.open_activation(&sealed.blob, &key, &secret(1), &activation, now())).unwrap();
        let hashes = activation.hashes.clone();
        let call = SignActivated { blob: opened.blob, key, activation, secret: opened.secret, hashes, now: now() };
        let signatures = world.wait(hsm.sign_activated(call.clone())).unwrap();
        for (hash, signature) in call.hashes.iter().zip(&signatures) {
            assert!(openssl_verifies(&sealed.spki_der, scheme, hash, signature), "{algorithm:?}");
        }
        assert_eq!(world.wait(hsm.probe()).unwrap().unwrapped, 1);
        world.wait(hsm.close_activation(call.activation.activation_id)).unwrap();
        assert_eq!(world.wait(hsm.probe()).unwrap().unwrapped, 0);
    }
}

fn wrong_pin(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let key = key_context(1);
    let sealed = world.wait(hsm.generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap();
    let context = activation(1, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
    let open = |blob: &[u8], secret: &Secret32| world.wait(hsm.open_activation(blob, &key, secret, &context, now()));
    assert_eq!(open(&sealed.blob, &secret(2)).unwrap_err(), Error::WrongSecret);
    // Every altered byte shows as tampering, with the right PIN and with a wrong one, and never as a dead HSM.
    for position in 0..sealed.blob.len() {
        let mut altered = sealed.blob.clone();
        altered[position] ^= 1;
        let right = open(&altered, &secret(1)).unwrap_err();
        assert!(matches!(right, Error::Tampered { .. }), "byte {position}: {right:?}");
    }
    let cut = open(&sealed.blob[..sealed.blob.len() - 1], &secret(1)).unwrap_err();
    assert!(matches!(cut, Error::Tampered { .. }));
    assert!(open(&sealed.blob, &secret(1)).is_ok());
}

fn swapped(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let key = key_context(1);
    let sealed = world.wait(hsm.generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap();
    let context = activation(1, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
    let stranger = KeyContext { owner: AccountId(uuid::Uuid::from_u128(5)), ..key.clone() };
    for other in [key_context(2), stranger] {
        let result = world.wait(hsm.open_activation(&sealed.blob, &other, &secret(1), &context, now()));
        assert!(matches!(result, Err(Error::Tampered { .. })), "{result:?}");
    }
    // An activation's blob is no sealed key and a sealed key no activation.
    let opened = world.wait(hsm.open_activation(&sealed.blob, &key, &secret(1), &context, now())).unwrap();
    let result = world.wait(hsm.open_activation(&opened.blob, &key, &secret(1), &context, now()));
    assert!(matches!(result, Err(Error::Tampered { .. })));
}

fn replay(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let (spki, call) = activated(world, hsm, 1, vec![vec![1; 32], vec![2; 32]]);
    let signature = world.wait(hsm.sign_activated(call.clone())).unwrap().remove(0);
    assert!(openssl_verifies(&spki, SignatureScheme::EcdsaSha256, &[1; 32], &signature));
    assert_eq!(world.wait(hsm.sign_activated(call.clone())), Err(Error::AlreadySigned));
    let foreign = SignActivated { hashes: vec![vec![3; 32]], ..call.clone() };
    assert_eq!(world.wait(hsm.sign_activated(foreign)), Err(Error::NotInActivation));
    let guessed = SignActivated { secret: secret(9), hashes: vec![vec![2; 32]], ..call.clone() };
    assert_eq!(world.wait(hsm.sign_activated(guessed)), Err(Error::WrongSecret));
    world.wait(hsm.close_activation(call.activation.activation_id)).unwrap();
    let closed = SignActivated { hashes: vec![vec![2; 32]], ..call };
    assert_eq!(world.wait(hsm.sign_activated(closed)), Err(Error::Expired));
}

fn widened(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let (_, call) = activated(world, hsm, 1, vec![vec![1; 32], vec![2; 32]]);
    // Once with no handle kept, once with one: a kept handle must not let a wider context through.
    for _ in 0..2 {
        let alter = |change: fn(&mut ActivationContext)| {
            let mut altered = call.clone();
            change(&mut altered.activation);
            world.wait(hsm.sign_activated(altered))
        };
        let attempts = [
            alter(|context| context.hashes.push(vec![3; 32])),
            alter(|context| context.hashes.reverse()),
            alter(|context| context.hashes.truncate(1)),
            alter(|context| context.expires = context.expires.plus_seconds(600)),
            alter(|context| context.client = "another".to_owned()),
            alter(|context| context.activation_id = ActivationId(uuid::Uuid::from_u128(8))),
            alter(|context| context.scheme = SignatureScheme::EcdsaSha384),
        ];
        for attempt in attempts {
            assert!(matches!(attempt, Err(Error::Tampered { .. })), "{attempt:?}");
        }
        drop(world.wait(hsm.sign_activated(call.clone())));
    }
}

fn expiry(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let (_, call) = activated(world, hsm, 1, vec![vec![1; 32]]);
    let late = SignActivated { now: call.activation.expires, ..call.clone() };
    assert_eq!(world.wait(hsm.sign_activated(late)), Err(Error::Expired));
    // The worker's own clock says so too, whatever time it is handed.
    let key = key_context(2);
    let sealed = world.wait(hsm.generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap();
    let mut short = activation(2, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
    let past = now().plus_seconds(-1_000);
    short.expires = past.plus_seconds(10);
    assert_eq!(
        world.wait(hsm.open_activation(&sealed.blob, &key, &secret(1), &short, past)).unwrap_err(),
        Error::Expired
    );
    short.expires = now().plus_seconds(5);
    let opened = world.wait(hsm.open_activation(&sealed.blob, &key, &secret(1), &short, now())).unwrap();
    std::thread::sleep(Duration::from_millis(5_100));
    let hashes = short.hashes.clone();
    let stale = SignActivated { blob: opened.blob, key, activation: short, secret: opened.secret, hashes, now: past };
    assert_eq!(world.wait(hsm.sign_activated(stale)), Err(Error::Expired));
    let mut long = activation(3, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
    long.expires = now().plus_seconds(100_000);
    let result = world.wait(hsm.open_activation(&sealed.blob, &key_context(2), &secret(1), &long, now()));
    assert!(matches!(result, Err(Error::Invalid { .. })));
}

fn reseal(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let key = key_context(1);
    let sealed = world.wait(hsm.generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap();
    let clerk = KeyContext { owner: AccountId(uuid::Uuid::from_u128(5)), ..key_context(2) };
    assert_eq!(
        world.wait(hsm.reseal(&sealed.blob, &key, &secret(3), &key, &secret(2))).unwrap_err(),
        Error::WrongSecret
    );
    let shared = world.wait(hsm.reseal(&sealed.blob, &key, &secret(1), &clerk, &secret(2))).unwrap();
    assert_eq!(shared.spki_der, sealed.spki_der);
    let context = activation(1, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
    assert!(world.wait(hsm.open_activation(&shared.blob, &clerk, &secret(2), &context, now())).is_ok());
    let old = world.wait(hsm.open_activation(&shared.blob, &clerk, &secret(1), &context, now()));
    assert_eq!(old.unwrap_err(), Error::WrongSecret);
}

fn macs(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let mac = world.wait(hsm.mac("account", b"row")).unwrap();
    assert!(world.wait(hsm.verify_mac("account", b"row", &mac)).unwrap());
    assert!(!world.wait(hsm.verify_mac("approval", b"row", &mac)).unwrap());
    assert!(!world.wait(hsm.verify_mac("account", b"rows", &mac)).unwrap());
    assert!(!world.wait(hsm.verify_mac("accountr", b"ow", &mac)).unwrap());
    assert!(!world.wait(hsm.verify_mac("account", b"row", &mac[..31])).unwrap());
    let many = world.wait(hsm.mac_many("account", vec![b"row".to_vec(), b"other".to_vec()])).unwrap();
    assert_eq!(many[0], mac);
    assert_ne!(many[1], mac);
    let first = world.wait(hsm.derive_data_key(1)).unwrap();
    assert!(first == world.wait(hsm.derive_data_key(1)).unwrap());
    assert!(first != world.wait(hsm.derive_data_key(2)).unwrap());
    assert_eq!(format!("{first:?}"), "Secret32(…)");
}

fn stock(world: &World) {
    provision::prepare(&world.plan("chuky-test", TokenKind::Subscribers), &Secrets::random()).unwrap();
    let mut settings = world.settings("chuky-test", TokenKind::Subscribers);
    settings.stock = vec![StockTarget { algorithm: KeyAlgorithm::Rsa2048, count: 2 }];
    let hsm = InProcess::start(&settings, key_reader).unwrap();
    let hsm: &dyn Hsm = &hsm;
    let began = Instant::now();
    while world.wait(hsm.probe()).unwrap().stock != settings.stock {
        assert!(began.elapsed() < Duration::from_secs(120), "the stock is never filled");
        std::thread::sleep(Duration::from_millis(20));
    }
    let first = world.wait(hsm.generate_sealed(KeyAlgorithm::Rsa2048, &key_context(1), &secret(1))).unwrap();
    let second = world.wait(hsm.generate_sealed(KeyAlgorithm::Rsa2048, &key_context(2), &secret(1))).unwrap();
    assert_ne!(first.spki_der, second.spki_der, "a stocked key was given out twice");
    let context = activation(1, vec![vec![1; 32]], SignatureScheme::RsaPssSha256);
    let opened = world.wait(hsm.open_activation(&first.blob, &key_context(1), &secret(1), &context, now())).unwrap();
    let hashes = context.hashes.clone();
    let call = SignActivated {
        blob: opened.blob,
        key: key_context(1),
        activation: context,
        secret: opened.secret,
        hashes,
        now: now(),
    };
    let signature = world.wait(hsm.sign_activated(call)).unwrap().remove(0);
    assert!(openssl_verifies(&first.spki_der, SignatureScheme::RsaPssSha256, &[1; 32], &signature));
}

/// Against plain C_Sign, each followed by one verification, on the same token in the same process, alternating; the best round of each
/// counts, as other work on the machine only ever takes away. Catches an unwrap, an HMAC or a copy for each signature.
fn rate(world: &World) {
    let hsm = world.in_process(TokenKind::Subscribers);
    let hsm: &dyn Hsm = &*hsm;
    let hashes: Vec<Vec<u8>> = (0..1_000_u32).map(|n| [n.to_be_bytes().as_slice(), &[0; 28]].concat()).collect();
    let mut raw = crate::outsider::RawSigner::new(world);
    let (mut best_raw, mut best) = (0_f64, 0_f64);
    for round in 0..5 {
        let (spki, mut call) = activated(world, hsm, round, hashes.clone());
        call.hashes.clone_from(&hashes);
        let began = Instant::now();
        let signatures = world.wait(hsm.sign_activated(call)).unwrap();
        assert_eq!(signatures.len(), hashes.len());
        best = best.max(1_000.0 / began.elapsed().as_secs_f64());
        let began = Instant::now();
        for hash in &hashes {
            raw.sign(hash);
        }
        let judge = key_reader(&spki, Lasting::Briefly).unwrap();
        for (hash, signature) in hashes.iter().zip(&signatures) {
            assert!(judge.accepts(SignatureScheme::EcdsaSha256, hash, signature));
        }
        best_raw = best_raw.max(1_000.0 / began.elapsed().as_secs_f64());
    }
    println!("{best:.0} signatures a second, raw C_Sign and verification {best_raw:.0}, ratio {:.2}", best / best_raw);
    assert!(best / best_raw > 0.5, "{best:.0} a second against {best_raw:.0}");
}
