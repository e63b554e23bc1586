//! Messages made to mislead: each is refused for its own reason, and no bytes make the verifier panic.

use crate::{
    assert_refused, judge, judge_at, order,
    pki::{NOW, World, rsa, signature},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chuky_model::payment::PaymentVerdict::Rejected;
use chuky_pki::{
    jose::{JoseError, Jws, JwsAlgorithm},
    payment::Status,
};
use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use proptest::prelude::*;
use serde_json::{Value, json};

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A correctly signed ES256 message with whatever header.
fn with_header(world: &World, header: &str) -> String {
    let input = format!("{}.{}", encode(header.as_bytes()), encode(order().to_string().as_bytes()));
    let holder = world.citizen();
    let header = header.replace("CHAIN", &STANDARD.encode(holder.certificate.to_der().unwrap()));
    let input = if header.contains("x5c") {
        format!("{}.{}", encode(header.as_bytes()), encode(order().to_string().as_bytes()))
    } else {
        input
    };
    let der = signature(&holder.key, JwsAlgorithm::Es256, input.as_bytes());
    let raw = chuky_pki::crypto::ecdsa_der_to_raw(&der, 32).unwrap();
    format!("{input}.{}", encode(&raw))
}

#[test]
fn headers_that_mislead_are_refused() {
    let world = World::new();
    for (header, code) in [
        (r#"{"alg":"none","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
        (r#"{"alg":"None","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
        (r#"{"alg":"EdDSA","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
        (r#"{"alg":"es256","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
        (r#"{"alg":"ES256","alg":"none","x5c":["CHAIN"]}"#, "duplicate_member"),
        (r#"{"alg":"ES256","crit":["exp"],"exp":1,"x5c":["CHAIN"]}"#, "unknown_critical"),
        (r#"{"alg":"ES256","crit":[],"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","crit":["alg"],"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","crit":["b64"],"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","b64":false,"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","jwk":{"kty":"EC"},"x5c":["CHAIN"]}"#, "embedded_key"),
        (r#"{"alg":"ES256","jku":"https://example.com/"}"#, "embedded_key"),
        (r#"{"alg":"ES256","x5u":"https://example.com/"}"#, "embedded_key"),
        (r#"{"alg":"ES256"}"#, "certificate_missing"),
        (r#"{"alg":"ES256","x5c":[]}"#, "malformed"),
        (r#"{"alg":"ES256","x5c":["AAAA"]}"#, "certificate_malformed"),
        (r#"{"alg":"RS256","x5c":["CHAIN"]}"#, "algorithm_does_not_fit_key"),
        (r#"{"alg":"ES384","x5c":["CHAIN"]}"#, "algorithm_does_not_fit_key"),
        (r#"{"x5c":["CHAIN"]}"#, "malformed"),
        ("[]", "malformed"),
        (
            r#"{"alg":"ES256","x5t#S256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","x5c":["CHAIN"]}"#,
            "certificate_mismatch",
        ),
    ] {
        assert_refused(&judge(&world, &with_header(&world, header)), Rejected, code);
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let world = World::new();
    let holder = world.issuing.holder(&Default::default(), rsa());
    let header = json!({ "alg": "HS256", "x5c": [STANDARD.encode(holder.certificate.to_der().unwrap())] }).to_string();
    let input = format!("{}.{}", encode(header.as_bytes()), encode(order().to_string().as_bytes()));
    let secret = PKey::hmac(&holder.key.public_key_to_pem().unwrap()).unwrap();
    let mac = Signer::new(MessageDigest::sha256(), &secret).unwrap().sign_oneshot_to_vec(input.as_bytes()).unwrap();
    assert_refused(&judge(&world, &format!("{input}.{}", encode(&mac))), Rejected, "algorithm_not_allowed");
}

#[test]
fn serialisations_that_mislead_are_refused() {
    let world = World::new();
    let holder = world.citizen();
    let compact = world.sign(&holder, JwsAlgorithm::Es256, order().to_string().as_bytes());
    let parts: Vec<&str> = compact.split('.').collect();
    let [protected, payload, value] = parts[..] else { panic!("three parts") };
    let flat = json!({ "payload": payload, "protected": protected, "signature": value });
    let changed = |name: &str, member: Value| {
        let mut flat = flat.clone();
        flat[name] = member;
        flat.to_string()
    };
    let one = json!({ "protected": protected, "signature": value });
    let cases = [
        (changed("header", json!({ "alg": "none" })), "malformed"),
        (changed("header", json!({ "x5c": [] })), "malformed"),
        (changed("header", json!(1)), "malformed"),
        (changed("payload", json!(1)), "malformed"),
        (changed("signatures", json!([one])), "malformed"),
        (json!({ "payload": payload, "signatures": [one, one] }).to_string(), "malformed"),
        (json!({ "payload": payload, "signatures": [] }).to_string(), "malformed"),
        (flat.to_string().replacen('{', &format!("{{\"payload\":\"{payload}\","), 1), "duplicate_member"),
        (format!("{protected}..{value}"), "malformed"),
        (format!("{compact}."), "malformed"),
        (format!("{compact}="), "malformed"),
        (format!("{protected}.{payload}"), "malformed"),
        (String::new(), "malformed"),
        ("{".to_owned(), "malformed"),
        ("a".repeat(10_000_000), "too_large"),
    ];
    for (body, code) in &cases {
        assert_refused(&judge(&world, body), Rejected, code);
    }
    // Remarks beside the signature change nothing.
    let remark = judge(&world, &changed("header", json!({ "note": "x" })));
    assert_eq!(remark.reasons, Vec::<String>::new());
}

#[test]
fn spare_bits_and_a_padded_signature_are_no_second_spelling() {
    let world = World::new();
    let compact = world.sign(&world.citizen(), JwsAlgorithm::Es256, order().to_string().as_bytes());
    let last = compact.chars().last().unwrap();
    // 64 bytes leave four spare bits in the last character; all zero there is the only spelling.
    let spare = char::from(last as u8 + 1);
    let body = format!("{}{spare}", &compact[..compact.len() - 1]);
    assert_refused(&judge(&world, &body), Rejected, "malformed");
    let (input, _) = compact.rsplit_once('.').unwrap();
    assert_refused(&judge(&world, &format!("{input}.{}", encode(&[0; 64]))), Rejected, "signature_invalid");
    assert_refused(&judge(&world, &format!("{input}.{}", encode(&[1; 65]))), Rejected, "signature_invalid");
}

#[test]
fn a_detached_payload_is_given_once() {
    let world = World::new();
    let holder = world.citizen();
    let compact = world.sign(&holder, JwsAlgorithm::Es256, b"content");
    let (header, rest) = compact.split_once('.').unwrap();
    let detached = format!("{header}.{}", &rest[rest.find('.').unwrap()..]);
    let whole = Jws::parse(compact.as_bytes()).unwrap();
    assert_eq!(Jws::parse_detached(detached.as_bytes(), b"content").unwrap().signing_input(), whole.signing_input());
    assert_eq!(Jws::parse(detached.as_bytes()), Err(JoseError::PayloadMissing));
    assert_eq!(Jws::parse_detached(compact.as_bytes(), b"content"), Err(JoseError::PayloadTwice));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..900, flip in 1_u8..=255) {
        thread_local! {
            static GOOD: (World, String) = {
                let world = World::new();
                let body = world.sign(&world.citizen(), JwsAlgorithm::Es256, order().to_string().as_bytes());
                (world, body)
            };
        }
        GOOD.with(|(world, good)| {
            judge_at(world, &bytes, Status::Good, NOW);
            let mut changed = good.clone().into_bytes();
            let at = at % changed.len();
            changed[at] ^= flip;
            let answer = judge_at(world, &changed, Status::Good, NOW);
            assert_ne!(answer.verdict, chuky_model::payment::PaymentVerdict::Accepted, "byte {at} flipped by {flip}");
        });
    }
}
