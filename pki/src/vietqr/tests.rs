//! Codes as NAPAS publishes them, codes that two readers would read differently, and signatures against every change. The keys are the
//! tests' own.
#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::crypto::PublicKey;
use openssl::{ec::EcGroup, ec::EcKey, ecdsa::EcdsaSig, nid::Nid, pkey::PKey};
use proptest::prelude::*;

/// NAPAS's sample of a dynamic code.
const DYNAMIC: &str = "00020101021238570010A00000072701270006970403011300110123456780208QRIBFTTA530370454061800005802VN62340107NPS68690819thanh toan don hang63042E2E";
/// NAPAS's static sample as it is published: the checksum is right, the account's length is not.
const WRONG_LENGTH: &str =
    "00020101021138570010A00000072701270006970403011200110123456780208QRIBFTTA53037045802VN6304F4E5";
/// The same with its length put right.
const STATIC: &str = "00020101021138570010A00000072701270006970403011300110123456780208QRIBFTTA53037045802VN63049E6F";

fn with_checksum(text: &str) -> String {
    let mut text = text.to_owned();
    close(&mut text);
    text
}

#[test]
fn samples_are_read_and_the_checksum_is_ccitt_false() {
    assert_eq!(checksum("123456789"), "29B1");
    let dynamic = VietQr::parse(DYNAMIC).unwrap();
    assert!(dynamic.is_dynamic);
    assert_eq!((dynamic.bank.as_str(), dynamic.account.as_str()), ("970403", "0011012345678"));
    assert_eq!((dynamic.amount, dynamic.purpose.as_deref()), (Some(180_000), Some("thanh toan don hang")));
    assert_eq!(bank_name(&dynamic.bank), Some("Sacombank"));
    assert_eq!(VietQr::parse(STATIC).unwrap().account, "0011012345678");
    // A right checksum over a wrong length: apps that repair it would pay to different accounts.
    assert_eq!(VietQr::parse(WRONG_LENGTH), Err(VietQrError::Length("38.01.8".to_owned())));
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let refused = |text: &str| VietQr::parse(text).unwrap_err();
    assert_eq!(refused(""), VietQrError::NotACode);
    assert_eq!(refused("https://chuky.example"), VietQrError::NotACode);
    assert_eq!(refused(&STATIC[..STATIC.len() - 8]), VietQrError::NoChecksum);
    assert_eq!(refused(&(STATIC[..STATIC.len() - 4].to_owned() + "0000")), VietQrError::Checksum);
    assert_eq!(refused(&(STATIC.to_owned() + "6304")), VietQrError::Length("63".to_owned()));
    assert_eq!(refused(&"9".repeat(600)), VietQrError::TooLong);
    let body = &STATIC[..STATIC.len() - 8];
    // Two accounts, two currencies, another scheme, another country.
    let twice = body.to_owned() + &body[12..73];
    assert_eq!(refused(&with_checksum(&twice)), VietQrError::Twice("38".to_owned()));
    let elsewhere = body.to_owned() + &body[12..73].replacen("38", "39", 1);
    assert_eq!(refused(&with_checksum(&elsewhere)), VietQrError::Twice(NAPAS.to_owned()));
    assert_eq!(refused(&with_checksum(&body.replace("A000000727", "A000000728"))), VietQrError::NoAccount);
    assert_eq!(refused(&with_checksum(&body.replace("5303704", "5303840"))), VietQrError::Malformed("currency"));
    assert_eq!(refused(&with_checksum(&body.replace("5802VN", "5802US"))), VietQrError::Malformed("country"));
    for amount in ["0", "1.5", "-1", "1e3", "", "99999999999999"] {
        let object = format!("54{:02}{amount}", amount.len());
        assert!(VietQr::parse(&with_checksum(&(body.to_owned() + &object))).is_err(), "{amount}");
    }
    let whole = VietQr::parse(&with_checksum(&(body.to_owned() + "54085000.000"))).unwrap();
    assert_eq!(whole.amount, Some(5_000));
}

#[test]
fn names_lose_their_diacritics_and_lengths_count_characters() {
    let code = VietQr::for_counter("970436", "1234567890", "Phở Thìn – Đường Đê 13", "Hà Nội").unwrap();
    assert_eq!(code.merchant_name.as_deref(), Some("PHO THIN  DUONG DE 13"));
    assert_eq!(VietQr::parse(&code.payload()).unwrap(), code);
    assert!(
        VietQr::for_counter("97043", "1", "a", "b").is_err() && VietQr::for_counter("970436", "1 2", "a", "b").is_err()
    );
    let written = with_checksum(&(STATIC[..STATIC.len() - 8].to_owned() + "5904Phở!"));
    assert_eq!(VietQr::parse(&written).unwrap().merchant_name.as_deref(), Some("Phở!"));
}

struct Key(PKey<openssl::pkey::Private>);

impl Key {
    fn new() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Self(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    fn public(&self) -> PublicKey {
        PublicKey::from_spki_der(&self.0.public_key_to_der().unwrap()).unwrap()
    }

    fn sign(&self, digest: &[u8]) -> Vec<u8> {
        EcdsaSig::sign(digest, &self.0.ec_key().unwrap()).unwrap().to_der().unwrap()
    }
}

fn signed(key: &Key) -> String {
    let code = VietQr::for_counter("970436", "1234567890", "Phở Thìn", "Hà Nội").unwrap();
    let unsigned = Unsigned::prepare(&code, &[0x4f; 20]).unwrap();
    unsigned.assemble(&key.sign(&unsigned.digest())).unwrap()
}

#[test]
fn a_signed_code_is_short_is_a_code_and_holds_against_every_change() {
    let key = Key::new();
    let text = signed(&key);
    assert!(text.len() <= 300, "{} characters", text.len());
    assert_eq!(VietQr::parse(&text).unwrap().account, "1234567890");
    let found = attached(&text).unwrap().unwrap();
    assert_eq!(found.serial, [0x4f; 20]);
    found.verify(&key.public()).unwrap();
    assert!(found.verify(&Key::new().public()).is_err());
    assert_eq!(attached(STATIC).unwrap(), None);

    // Each character changed, with a new checksum: refused as a code, as a signature, or by the key.
    let body = &text[..text.len() - 8];
    for at in 0..body.len() {
        let mut changed = body.as_bytes().to_vec();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        let changed = with_checksum(std::str::from_utf8(&changed).unwrap());
        let holds = match (VietQr::parse(&changed), attached(&changed)) {
            // The mark changed: the template is a stranger's, and the code counts as unsigned, never as signed.
            (Ok(_), Ok(None)) => false,
            (Ok(_), Ok(Some(found))) => found.verify(&key.public()).is_ok(),
            _ => false,
        };
        assert!(!holds, "character {at} of {body}");
    }
    // An object that nobody signed, put in front, between and behind.
    for at in [12, body.find("5802").unwrap(), body.len()] {
        let added = format!("{}6405hello{}", &body[..at], &body[at..]);
        let found = attached(&with_checksum(&added)).unwrap().unwrap();
        assert!(found.verify(&key.public()).is_err(), "at {at}");
    }
    // One template alone, or a third one of ours, is no signature.
    let second = body.find("8159").unwrap();
    assert_eq!(attached(&with_checksum(&body[..second])), Err(VietQrError::Signature));
    let third = format!("{body}82{:02}0008vn.chuky", 12);
    assert_eq!(attached(&with_checksum(&third)), Err(VietQrError::Signature));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(000201)?[0-9A-Zđ.]{0,200}") {
        let _ = VietQr::parse(&text);
        let _ = attached(&text);
        let _ = VietQr::parse(&with_checksum(&text));
    }

    #[test]
    fn what_is_written_is_read_again(account in "[0-9]{1,19}", amount in proptest::option::of(1_u64..1_000_000_000_000),
        name in "[A-Z ]{0,25}", purpose in proptest::option::of("[a-z]{1,25}")) {
        let code = VietQr { amount, purpose: purpose.map(|text| text.to_uppercase()), is_dynamic: amount.is_some(),
            ..VietQr::for_counter("970422", &account, &name, "").unwrap() };
        prop_assert_eq!(VietQr::parse(&code.payload()).unwrap(), code);
    }
}
