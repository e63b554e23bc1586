//! Published vectors through the verifier: RFC 7520 (JOSE), Wycheproof (ECDSA, RSA). Their contents are no payment orders, so that a good
//! signature shows in its check, and the order is what is refused then.

use crate::{
    forms::verifier,
    pki::{NOW, Template, World, certify},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as URL};
use chuky_model::{payment::PaymentAnswer, report::Outcome};
use chuky_pki::{
    certificate::Certificate,
    payment::{Consumption, Fields, Presented, Status, Verifier},
};
use openssl::{
    bn::BigNum,
    pkey::{PKey, Public},
    rsa::Rsa,
};
use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify, rsa_pss_verify};

fn answer(verifier: &Verifier, presented: &Presented<'_>, certificate: &Certificate) -> PaymentAnswer {
    verifier.examine(presented, Some(certificate), NOW).conclude(Status::Good).answer(Consumption::NotReached)
}

fn outcome(answer: &PaymentAnswer) -> Outcome {
    answer.checks.iter().find(|check| check.name == "signature_value").unwrap().outcome
}

fn certified(world: &World, key: &PKey<Public>) -> Certificate {
    let issuer = &world.issuing;
    let made = certify(&Template::default(), key, Some(&*issuer.certificate), &issuer.key);
    Certificate::from_der(&made.to_der().unwrap()).unwrap()
}

/// RFC 7520 §3.4: Bilbo's RSA key.
const MODULUS: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
/// RFC 7520 §4: the payload of every example.
const PAYLOAD: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
/// RFC 7520 §4.1: RS256, header and value.
const RS256: [&str; 2] = [
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
];
/// RFC 7520 §4.2: PS384.
const PS384: [&str; 2] = [
    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
];
/// RFC 7520 §4.3: ES512, which is not on the list, and §4.4: HS256, which proves nothing to anybody else.
const REFUSED: [[&str; 2]; 2] = [
    [
        "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
    ],
    [
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
        "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
    ],
];

#[test]
fn rfc_7520_is_verified_in_every_serialisation() {
    let world = World::new();
    let number = |text: &str| BigNum::from_slice(&URL.decode(text).unwrap()).unwrap();
    let key = PKey::from_rsa(Rsa::from_public_components(number(MODULUS), number("AQAB")).unwrap()).unwrap();
    let certificate = certified(&world, &key);
    let verifier = verifier(&world);
    let judge = |body: &str| answer(&verifier, &verifier.read(body.as_bytes(), NOW), &certificate);
    for [protected, signature] in [RS256, PS384] {
        let compact = format!("{protected}.{PAYLOAD}.{signature}");
        let one = serde_json::json!({ "protected": protected, "signature": signature });
        let general = serde_json::json!({ "payload": PAYLOAD, "signatures": [one] }).to_string();
        let flat =
            serde_json::json!({ "payload": PAYLOAD, "protected": protected, "signature": signature }).to_string();
        for body in [&compact, &general, &flat] {
            let answer = judge(body);
            assert_eq!((outcome(&answer), answer.reasons[0].as_str()), (Outcome::Passed, "order_malformed"), "{body}");
            let changed = body.replace(PAYLOAD, &PAYLOAD.replace("SXT", "SXU"));
            assert_eq!(judge(&changed).reasons, ["signature_invalid"]);
        }
        // §4.5 in our own algorithms: the payload travels apart.
        let fields = |content: Vec<u8>| Fields {
            signature: Some(format!("{protected}..{signature}").into_bytes()),
            content: Some(content),
            ..Fields::default()
        };
        let content = URL.decode(PAYLOAD).unwrap();
        let apart = |content| answer(&verifier, &verifier.read_fields(fields(content), NOW), &certificate);
        assert_eq!(outcome(&apart(content.clone())), Outcome::Passed);
        assert_eq!(apart([content, vec![b'!']].concat()).reasons, ["signature_invalid"]);
        // §4.6 and §4.7: what decides must be protected.
        let unprotected = serde_json::json!({ "payload": PAYLOAD, "protected": protected, "signature": signature,
            "header": { "kid": "bilbo.baggins@hobbiton.example" } });
        assert_eq!(judge(&unprotected.to_string()).reasons, ["malformed"]);
        // §4.8: several signatures.
        let several = serde_json::json!({ "payload": PAYLOAD, "signatures": [one, one] }).to_string();
        assert_eq!(judge(&several).reasons, ["several_signatures"]);
    }
    for [protected, signature] in REFUSED {
        assert_eq!(judge(&format!("{protected}.{PAYLOAD}.{signature}")).reasons, ["algorithm_not_allowed"]);
    }
}

/// One vector as a bare signature with its certificate.
struct Vector<'v> {
    number: usize,
    message: &'v [u8],
    signature: &'v [u8],
    result: TestResult,
}

/// Judges the vectors of one key; how many were valid.
fn run(world: &World, spki: &[u8], algorithm: &str, vectors: &[Vector<'_>]) -> usize {
    let certificate = certified(world, &PKey::public_key_from_der(spki).unwrap());
    let verifier = verifier(world);
    for Vector { number, message, signature, result } in vectors {
        let fields = Fields {
            signature: Some(signature.to_vec()),
            content: Some(message.to_vec()),
            layout: Some("switch".into()),
            algorithm: Some(algorithm.into()),
            serial: Some("01".into()),
            ..Fields::default()
        };
        let answer = answer(&verifier, &verifier.read_fields(fields, NOW), &certificate);
        let good = outcome(&answer);
        match result {
            TestResult::Valid => assert_eq!(good, Outcome::Passed, "{algorithm} {number}: {:?}", answer.checks),
            TestResult::Invalid => assert_ne!(good, Outcome::Passed, "{algorithm} {number}: {:?}", answer.checks),
            TestResult::Acceptable => {}
        }
    }
    vectors.iter().filter(|vector| vector.result == TestResult::Valid).count()
}

macro_rules! vectors {
    ($group:expr) => {
        $group
            .tests
            .iter()
            .map(|one| Vector { number: one.tc_id, message: &one.msg, signature: &one.sig, result: one.result })
            .collect::<Vec<_>>()
    };
}

#[test]
fn wycheproof_ecdsa() {
    use ecdsa::TestName::{
        EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384, EcdsaSecp384r1Sha384P1363,
    };
    let world = World::new();
    let mut valid = 0;
    for (name, algorithm) in [
        (EcdsaSecp256r1Sha256, "ES256"),
        (EcdsaSecp256r1Sha256P1363, "ES256"),
        (EcdsaSecp384r1Sha384, "ES384"),
        (EcdsaSecp384r1Sha384P1363, "ES384"),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            valid += run(&world, &group.der, algorithm, &vectors!(group));
        }
    }
    assert!(valid > 300, "{valid}");
}

#[test]
fn wycheproof_rsa() {
    use rsa_pkcs1_verify::TestName as Pkcs1;
    use rsa_pss_verify::TestName as Pss;
    let world = World::new();
    let mut valid = 0;
    for (name, algorithm) in [
        (Pkcs1::Rsa2048Sha256, "RS256"),
        (Pkcs1::Rsa2048Sha384, "RS384"),
        (Pkcs1::Rsa3072Sha256, "RS256"),
        (Pkcs1::Rsa4096Sha512, "RS512"),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            valid += run(&world, &group.der, algorithm, &vectors!(group));
        }
    }
    for (name, algorithm) in [
        (Pss::RsaPss2048Sha256Mgf1SaltLen32, "PS256"),
        (Pss::RsaPss2048Sha384Mgf1SaltLen48, "PS384"),
        (Pss::RsaPss4096Sha512Mgf1SaltLen64, "PS512"),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            valid += run(&world, &group.der, algorithm, &vectors!(group));
        }
    }
    assert!(valid > 100, "{valid}");
}
