//! Requests made by OpenSSL, whole and spoiled.
#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::stack::Stack;
use openssl::x509::extension::{KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509NameBuilder, X509ReqBuilder};

fn request(key: &PKey<Private>, digest: MessageDigest) -> Vec<u8> {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "Ai đó").unwrap();
    let mut builder = X509ReqBuilder::new().unwrap();
    builder.set_subject_name(&name.build()).unwrap();
    builder.set_pubkey(key).unwrap();
    let mut extensions = Stack::new().unwrap();
    extensions.push(KeyUsage::new().key_cert_sign().build().unwrap()).unwrap();
    let context = builder.x509v3_context(None);
    let alternative = SubjectAlternativeName::new().dns("ca.example").build(&context).unwrap();
    extensions.push(alternative).unwrap();
    builder.add_extensions(&extensions).unwrap();
    builder.sign(key, digest).unwrap();
    builder.build().to_der().unwrap()
}

fn key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

#[test]
fn the_key_is_read_and_the_rest_is_only_named() {
    let key = key();
    let der = request(&key, MessageDigest::sha256());
    for input in [der.clone(), pem::encode("NEW CERTIFICATE REQUEST", &der).into_bytes()] {
        let read = VerifiedRequest::parse(&input).unwrap();
        assert_eq!(read.spki, key.public_key_to_der().unwrap());
        assert_eq!(read.ignored, [oid::KEY_USAGE, oid::SUBJECT_ALTERNATIVE_NAME]);
        assert_eq!((read.subject.common_name().as_str(), read.challenge), ("Ai đó", None));
    }
}

#[test]
fn a_request_without_proof_is_refused() {
    let der = request(&key(), MessageDigest::sha256());
    // Any bit of what is signed, or of the signature, that changes.
    for at in [40, der.len() - 1] {
        let mut other = der.clone();
        other[at] ^= 1;
        assert!(VerifiedRequest::parse(&other).is_err(), "{at}");
    }
    // Another's key under one's own signature.
    let (mine, theirs) = (key(), key());
    let spki = theirs.public_key_to_der().unwrap();
    let der = request(&mine, MessageDigest::sha256());
    let at = der.windows(spki.len()).position(|window| window == mine.public_key_to_der().unwrap()).unwrap();
    let mut stolen = der;
    stolen[at..at + spki.len()].copy_from_slice(&spki);
    assert_eq!(VerifiedRequest::parse(&stolen).unwrap_err(), Error::BadSignature);
    let old = VerifiedRequest::parse(&request(&mine, MessageDigest::sha1())).unwrap_err().to_string();
    assert!(old.contains("proof of possession by RSA with SHA-1"), "{old}");
    assert!(VerifiedRequest::parse(&vec![0; limits::LONGEST_CERTIFICATE + 1]).is_err());
}
