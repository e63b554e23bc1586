//! A software authenticator, and every way in which its answer can be wrong.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::crypto::Ed25519Key;

const RP: &str = "chuky.example";
const ORIGIN: &str = "https://chuky.example";
const CHALLENGE: [u8; 32] = [7; 32];

fn expected() -> Expected<'static> {
    Expected { rp_id: RP, origin: ORIGIN, challenge: &CHALLENGE }
}

fn key() -> Ed25519Key {
    Ed25519Key::from_seed(&[3; 32]).unwrap()
}

/// {1: 1, 3: -8, -1: 6, -2: x}
fn cose() -> Vec<u8> {
    let mut cose = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
    cose.extend(key().public().unwrap());
    cose
}

fn client_data(kind: &str, challenge: &[u8], origin: &str, more: &str) -> Vec<u8> {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#).into_bytes()
}

fn authenticator_data(rp: &str, flags: u8, counter: u32) -> Vec<u8> {
    [&crypto::sha256(rp.as_bytes())[..], &[flags], &counter.to_be_bytes()].concat()
}

fn judged(data: &[u8], client: &[u8], counter: Option<u32>) -> Result<Answered, Refusal> {
    let signature = key().sign(&[data, &crypto::sha256(client)].concat()).unwrap();
    let answer = Assertion { authenticator_data: data, client_data: client, signature: &signature };
    verify(answer, Known { public_key: &cose(), backup_eligible: false, counter }, expected())
}

#[test]
fn an_assertion_proves_exactly_what_was_asked() {
    let client = client_data("webauthn.get", &CHALLENGE, ORIGIN, r#","crossOrigin":false,"other":[1]"#);
    let good = authenticator_data(RP, 0x05, 9);
    assert_eq!(judged(&good, &client, Some(8)).unwrap().counter, 9);
    assert!(judged(&good, &client, None).is_ok());
    assert!(judged(&authenticator_data(RP, 0x05, 0), &client, Some(0)).is_ok(), "an authenticator that does not count");
    let of = |kind: &str, challenge: &[u8], origin: &str, more: &str| {
        judged(&good, &client_data(kind, challenge, origin, more), Some(8)).unwrap_err()
    };
    assert_eq!(of("webauthn.create", &CHALLENGE, ORIGIN, ""), Refusal::Type);
    assert_eq!(of("webauthn.get", &[8; 32], ORIGIN, ""), Refusal::Challenge);
    assert_eq!(of("webauthn.get", &CHALLENGE[..31], ORIGIN, ""), Refusal::Challenge);
    assert_eq!(of("webauthn.get", &CHALLENGE, "https://chuky.example.evil", ""), Refusal::Origin);
    assert_eq!(of("webauthn.get", &CHALLENGE, "http://chuky.example", ""), Refusal::Origin);
    assert_eq!(of("webauthn.get", &CHALLENGE, ORIGIN, r#","crossOrigin":true"#), Refusal::CrossOrigin);
    assert_eq!(of("webauthn.get", &CHALLENGE, ORIGIN, r#","topOrigin":"https://evil""#), Refusal::CrossOrigin);
    assert!(
        matches!(of("webauthn.get", &CHALLENGE, ORIGIN, r#","type":"x""#), Refusal::Malformed(_)),
        "a member twice"
    );
    let with = |data: Vec<u8>, counter| judged(&data, &client, Some(counter)).unwrap_err();
    assert_eq!(with(authenticator_data("evil.example", 0x05, 9), 8), Refusal::RpId);
    assert_eq!(with(authenticator_data(RP, 0x04, 9), 8), Refusal::NotPresent);
    assert_eq!(with(authenticator_data(RP, 0x01, 9), 8), Refusal::NotVerified);
    assert_eq!(with(authenticator_data(RP, 0x15, 9), 8), Refusal::Backup, "backed up, and not eligible");
    assert_eq!(with(authenticator_data(RP, 0x0d, 9), 8), Refusal::Backup, "not as it was registered");
    assert_eq!(with(authenticator_data(RP, 0x05, 8), 8), Refusal::Counter);
    assert_eq!(with(authenticator_data(RP, 0x05, 0), 8), Refusal::Counter);
    assert!(matches!(with(authenticator_data(RP, 0x45, 9), 8), Refusal::Malformed(_)));
    assert!(matches!(with([good.clone(), vec![0]].concat(), 8), Refusal::Malformed(_)));
    assert!(matches!(with(good[..36].to_vec(), 8), Refusal::Malformed(_)));
}

#[test]
fn one_bit_of_what_is_signed_is_enough() {
    let client = client_data("webauthn.get", &CHALLENGE, ORIGIN, "");
    let data = authenticator_data(RP, 0x05, 9);
    let signature = key().sign(&[&data[..], &crypto::sha256(&client)].concat()).unwrap();
    let known = cose();
    let known = Known { public_key: &known, backup_eligible: false, counter: Some(1) };
    let judge = |data: &[u8], client: &[u8], signature: &[u8]| {
        verify(Assertion { authenticator_data: data, client_data: client, signature }, known, expected())
    };
    assert!(judge(&data, &client, &signature).is_ok());
    for (index, bit) in (0..data.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
        let mut altered = data.clone();
        altered[index] ^= 1 << bit;
        assert!(judge(&altered, &client, &signature).is_err(), "octet {index} bit {bit}");
    }
    assert_eq!(judge(&data, &[&client[..], b" "].concat(), &signature), Err(Refusal::Signature));
    for index in 0..signature.len() {
        let mut altered = signature.clone();
        altered[index] ^= 1;
        assert_eq!(judge(&data, &client, &altered), Err(Refusal::Signature));
    }
}

/// {"fmt": "none", "attStmt": {}, "authData": data}
fn attestation_object(data: &[u8]) -> Vec<u8> {
    let mut object = vec![0xa3, 0x63];
    object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
    object.push(u8::try_from(data.len()).unwrap());
    object.extend(data);
    object
}

#[test]
fn a_credential_is_registered_with_the_key_that_answers() {
    let client = client_data("webauthn.create", &CHALLENGE, ORIGIN, "");
    let attested = |id: &[u8], cose: &[u8]| {
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        [&authenticator_data(RP, 0x45, 0)[..], &[0; 16], &length, id, cose].concat()
    };
    let made = register(&attestation_object(&attested(&[1; 16], &cose())), &client, expected()).unwrap();
    assert_eq!((made.credential_id, made.public_key), (vec![1; 16], cose()));
    let refused = |data: &[u8]| register(&attestation_object(data), &client, expected()).unwrap_err();
    assert!(matches!(refused(&attested(&[], &cose())), Refusal::Malformed(_)));
    assert!(matches!(refused(&authenticator_data(RP, 0x05, 0)), Refusal::Malformed(_)));
    let mut unverified = attested(&[1; 16], &cose());
    unverified[32] = 0x41;
    assert_eq!(refused(&unverified), Refusal::NotVerified);
    let get = client_data("webauthn.get", &CHALLENGE, ORIGIN, "");
    let object = attestation_object(&attested(&[1; 16], &cose()));
    assert_eq!(register(&object, &get, expected()).unwrap_err(), Refusal::Type);
    assert!(register(&object[1..], &client, expected()).is_err());
}

#[test]
fn other_keys_are_refused() {
    // ES256 with a point that is not on the curve.
    let mut point = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    point.extend([1; 32]);
    point.extend([0x22, 0x58, 0x20]);
    point.extend([2; 32]);
    // RS256 with 512 bits.
    let mut short = vec![0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x58, 0x40];
    short.extend([0xff; 64]);
    short.extend([0x21, 0x43, 0x01, 0x00, 0x01]);
    // ES512's number beside P-256, Ed25519 on another curve, and no key at all.
    let mut other = cose();
    other[6] = 0x04;
    for wrong in [point, short, other, vec![0xa0], vec![0x01], cose()[..20].to_vec()] {
        assert!(CredentialKey::from_cose(&wrong).is_err(), "{wrong:02x?}");
    }
    let spki = CredentialKey::from_cose(&cose()).unwrap().spki_der().to_vec();
    assert_eq!(spki[12..], key().public().unwrap(), "what tools read that know no COSE");
}
