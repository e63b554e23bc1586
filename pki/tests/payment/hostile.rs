//! Messages made to mislead: each is refused for its own reason, and no bytes make the verifier panic.

use crate::{
    assert_refused, judge, judge_at, judge_with, order,
    pki::{NOW, Template, World, p256, rsa, sign, signature},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chuky_model::payment::PaymentVerdict::Rejected;
use chuky_pki::{
    jose::{Form, JoseError, Jws, JwsAlgorithm, SignerReference},
    payment::{OrderPolicy, Status, Verifier},
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

/// Names that look alike, numbers that no reader agrees about, and the options of RFC 7797 out of place.
#[test]
fn headers_and_numbers_that_readers_see_differently_are_refused() {
    let world = World::new();
    for (header, code) in [
        (r#"{"alg":"\uff25S256","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
        (r#"{"alg":"ES256\u0000","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
        (r#"{"alg":"ES256","\u0061lg":"none","x5c":["CHAIN"]}"#, "duplicate_member"),
        (r#"{"alg":"ES256","b64":false,"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","b64":true,"crit":["b64","b64"],"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","b64":"false","crit":["b64"],"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","crit":["b64"],"x5c":["CHAIN"]}"#, "malformed"),
        (r#"{"alg":"ES256","jku":"https://example.test/keys","x5c":["CHAIN"]}"#, "embedded_key"),
        (r#"{"alg":"ES256","x5u":"https://example.test/chain","x5c":["CHAIN"]}"#, "embedded_key"),
        (r#"{"alg":["ES256"],"x5c":["CHAIN"]}"#, "malformed"),
    ] {
        assert_refused(&judge(&world, &with_header(&world, header)), Rejected, code);
    }
    let holder = world.citizen();
    let order = order().to_string();
    for number in ["1e400", "150000.0", "15e4", "-0", "0x10", "99999999999999999999999999", "NaN", "1_000", "\u{661}"] {
        let payload = order.replace("\"amount\":150000", &format!("\"amount\":{number}"));
        assert_ne!(payload, order);
        let answer = judge(&world, &world.sign(&holder, JwsAlgorithm::Es256, payload.as_bytes()));
        assert_eq!(answer.verdict, Rejected, "{number}");
        assert!(["amount_invalid", "order_malformed"].contains(&answer.reasons[0].as_str()), "{number} {answer:?}");
    }
}

/// A certificate whose point lies on no curve, or whose key is short, is nobody's key; and one that a weak signature vouches for is no proof.
#[test]
fn weak_and_impossible_keys_are_refused() {
    let world = World::new();
    let holder = world.citizen();
    let mut der = holder.certificate.to_der().unwrap();
    let point = holder.key.public_key_to_der().unwrap();
    let at = der.windows(33).position(|part| part == &point[point.len() - 33..]).unwrap();
    der[at + 32] ^= 1;
    let chain = SignerReference::Chain(vec![der, world.issuing.certificate.to_der().unwrap()]);
    let payload = order().to_string();
    let body = sign(&holder, JwsAlgorithm::Es256, &chain, payload.as_bytes(), Form::Compact);
    assert_refused(&judge(&world, &body), Rejected, "certificate_malformed");

    let short = PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap();
    let holder = world.issuing.holder(&Template::default(), short);
    let body = world.sign(&holder, JwsAlgorithm::Rs256, payload.as_bytes());
    assert_refused(&judge(&world, &body), Rejected, "key_too_weak");

    let by_sha1 = Template { hash: MessageDigest::sha1(), ..Template::default() };
    let holder = world.issuing.holder(&by_sha1, p256());
    let body = world.sign(&holder, JwsAlgorithm::Es256, payload.as_bytes());
    assert_refused(&judge(&world, &body), Rejected, "path_algorithm");
}

#[test]
fn a_policy_for_payments_may_be_demanded() {
    // CertificatePolicies with 1.3.6.1.4.1.99999.1.
    const POLICIES: &[u8] = &[0x30, 0x0d, 0x30, 0x0b, 6, 9, 0x2b, 6, 1, 4, 1, 0x86, 0x8d, 0x1f, 1];
    let world = World::new();
    let demanded =
        |text: &str| OrderPolicy { certificate_policies: vec![text.parse().unwrap()], ..OrderPolicy::default() };
    let judged = |template: &Template<'_>, policy| {
        let body =
            world.sign(&world.issuing.holder(template, p256()), JwsAlgorithm::Es256, order().to_string().as_bytes());
        judge_with(&Verifier::new(world.trust(), policy), body.as_bytes(), None, Status::Good, NOW)
    };
    let with = Template { policies: Some(POLICIES), ..Template::default() };
    assert_eq!(judged(&with, demanded("1.3.6.1.4.1.99999.1")).reasons, Vec::<String>::new());
    assert_refused(&judged(&with, demanded("1.3.6.1.4.1.99999.2")), Rejected, "certificate_policy");
    assert_refused(&judged(&Template::default(), demanded("1.3.6.1.4.1.99999.1")), Rejected, "certificate_policy");
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
        (json!({ "payload": payload, "signatures": [one, one] }).to_string(), "several_signatures"),
        (json!({ "payload": payload, "signatures": [] }).to_string(), "malformed"),
        (flat.to_string().replacen('{', &format!("{{\"payload\":\"{payload}\","), 1), "duplicate_member"),
        (format!("{protected}..{value}"), "content_missing"),
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
