//! CMS files: attached and beside their content, by OpenSSL's command line in its forms, with timestamps and counter-signatures.

use crate::made::{now, own, signer, token, trusting, verdict};
use crate::support::folder;
use chuky_model::report::{Check, Indication, Integrity, Outcome, SubIndication};
use chuky_pki::asn1::{Element, tag, write};
use chuky_pki::cms::build::with_signature_timestamp;
use chuky_pki::oid;
use chuky_pki::verify::verify_with_content;
use openssl::ecdsa::EcdsaSig;
use std::path::Path;
use std::process::Command;

const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\nThe content of a contract\r\n";

#[test]
fn a_detached_signature_needs_its_content() {
    let cms = signer().sign(&[CONTENT]);
    let without = verdict(&cms, None);
    assert_eq!(
        (without.integrity, without.sub_indication),
        (Integrity::Unknown, Some(SubIndication::SignedDataNotFound))
    );
    let with = verdict(&cms, Some(CONTENT));
    assert_eq!(with.integrity, Integrity::Intact);
    assert_eq!(with.signatures[0].format, "CAdES-BASELINE-B");
    let other = verdict(&cms, Some(b"another content"));
    assert_eq!((other.integrity, other.sub_indication), (Integrity::Broken, Some(SubIndication::HashFailure)));
}

/// RFC 8419 §3.1: without signed attributes Ed25519 signs the content itself, of which no digest is enough.
#[test]
fn ed25519_without_attributes_verifies_over_what_is_detached() {
    let key = openssl::pkey::PKey::generate_ed25519().unwrap();
    let mut name = openssl::x509::X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "TEST Ed25519").unwrap();
    let name = name.build();
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_serial_number(&openssl::bn::BigNum::from_u32(9).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&openssl::asn1::Asn1Time::days_from_now(9).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::null()).unwrap();
    let certificate = builder.build();
    let value = openssl::sign::Signer::new_without_digest(&key).unwrap().sign_oneshot_to_vec(CONTENT).unwrap();
    let algorithm = |name: &str| write::sequence(&[write::oid(&name.parse().unwrap())]);
    let sha512 = algorithm("2.16.840.1.101.3.4.2.3");
    let signer = write::sequence(&[
        write::unsigned(1),
        write::sequence(&[name.to_der().unwrap(), write::unsigned(9)]),
        sha512.clone(),
        algorithm("1.3.101.112"),
        write::octet_string(&value),
    ]);
    let data = write::sequence(&[
        write::unsigned(1),
        write::set_of(tag::SET, vec![sha512]),
        write::sequence(&[write::oid(&oid::DATA)]),
        write::element(0xa0, &certificate.to_der().unwrap()),
        write::set_of(tag::SET, vec![signer]),
    ]);
    let cms = write::sequence(&[write::oid(&oid::SIGNED_DATA), write::element(0xa0, &data)]);
    assert_eq!(verdict(&cms, None).integrity, Integrity::Unknown);
    let with = verdict(&cms, Some(CONTENT));
    assert_eq!(with.integrity, Integrity::Intact, "{with:#?}");
    assert_eq!(verdict(&cms, Some(b"another content")).integrity, Integrity::Broken);
}

#[test]
fn zeros_or_line_ends_behind_the_object_are_borne() {
    let cms = signer().sign(&[CONTENT]);
    for tail in [&b"\n"[..], b"\r\n", b"\0\0\0\0"] {
        assert_eq!(verdict(&[&cms, tail].concat(), Some(CONTENT)).integrity, Integrity::Intact, "{tail:?}");
    }
    for tail in [&b"a"[..], b"\0\n", b"\0\x30", b" ", &cms[..]] {
        assert_eq!(verdict(&[&cms, tail].concat(), Some(CONTENT)).integrity, Integrity::Broken, "{tail:?}");
    }
}

#[test]
fn openssl_signs_in_every_form() {
    if !crate::support::present("openssl") {
        return;
    }
    let folder = folder("documents-cms");
    std::fs::write(folder.join("content"), CONTENT).unwrap();
    std::fs::write(folder.join("signer.pem"), signer().certificate.to_pem().unwrap()).unwrap();
    std::fs::write(folder.join("signer.key"), signer().key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let forms: [(&str, &[&str], bool); 8] = [
        ("der", &["-outform", "DER", "-nodetach", "-binary"], false),
        ("cades", &["-outform", "DER", "-nodetach", "-binary", "-cades"], false),
        ("pem", &["-outform", "PEM", "-nodetach", "-binary"], false),
        ("ber", &["-outform", "DER", "-nodetach", "-binary", "-stream"], false),
        ("noattr", &["-outform", "DER", "-nodetach", "-binary", "-noattr"], false),
        ("keyid", &["-outform", "DER", "-nodetach", "-binary", "-keyid"], false),
        ("detached", &["-outform", "DER", "-binary"], true),
        ("smime", &["-outform", "SMIME"], false),
    ];
    for (name, options, detached) in forms {
        let signed = sign(&folder, name, options);
        let content = detached.then_some(CONTENT);
        let report = verdict(&signed, content);
        assert_eq!(report.integrity, Integrity::Intact, "{name}: {report:#?}");
        assert_eq!(report.signatures.len(), 1, "{name}");
        if detached {
            continue;
        }
        let place = signed.windows(8).position(|window| window == b"contract");
        if let Some(place) = place {
            let mut changed = signed.clone();
            changed[place] ^= 1;
            assert_eq!(verdict(&changed, None).integrity, Integrity::Broken, "{name} changed");
        }
    }
    let (certificate, key) = signer().timestamp_authority();
    std::fs::write(folder.join("second.pem"), certificate.to_pem().unwrap()).unwrap();
    std::fs::write(folder.join("second.key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let second = ["-outform", "DER", "-nodetach", "-binary", "-signer", "second.pem", "-inkey", "second.key"];
    let two = sign(&folder, "two", &second);
    let report = verdict(&two, None);
    assert_eq!((report.integrity, report.signatures.len()), (Integrity::Intact, 2));
    let text = openssl::base64::encode_block(&sign(&folder, "base64", &["-outform", "DER", "-nodetach", "-binary"]));
    assert_eq!(verdict(text.as_bytes(), None).integrity, Integrity::Intact, "plain base64");
}

fn sign(folder: &Path, name: &str, options: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(["cms", "-sign", "-md", "sha256", "-in", "content", "-signer", "signer.pem", "-inkey", "signer.key"])
        .args(options)
        .args(["-out", name])
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn whoever_names_a_content_is_told_about_that_one() {
    let content = b"inside".to_vec();
    let made = chuky_pki::cms::build::SignatureToMake::enveloping(
        chuky_model::algorithm::SignatureScheme::EcdsaSha256,
        oid::DATA,
        content,
        &own(&signer().certificate),
    );
    let made = made.unwrap();
    let value = EcdsaSig::sign(made.digest_to_sign(), &signer().key.ec_key().unwrap()).unwrap().to_der().unwrap();
    let cms = made.assemble(&value, &[]).unwrap();
    assert_eq!(verdict(&cms, None).integrity, Integrity::Intact);
    assert_eq!(verdict(&cms, Some(b"inside")).integrity, Integrity::Intact);
    assert_eq!(verdict(&cms, Some(b"outside")).integrity, Integrity::Broken);
}

#[test]
fn a_timestamp_proves_when_and_stands_alone() {
    let cms = signer().sign(&[CONTENT]);
    let value = chuky_pki::cms::SignedData::parse(&cms).unwrap().signers[0].signature.clone();
    let earlier = now().plus_seconds(-86_400);
    let stamped = with_signature_timestamp(&cms, &token(&openssl::sha::sha256(&value), earlier)).unwrap();
    let report = verify_with_content(&stamped, Some(CONTENT), "t", &trusting());
    assert_eq!((report.integrity, report.timestamps.len()), (Integrity::Intact, 1));
    assert_eq!(report.signatures[0].format, "CAdES-BASELINE-T");
    // A timestamp over something else takes nothing from the signature and proves nothing.
    let wrong = with_signature_timestamp(&cms, &token(&[7; 32], earlier)).unwrap();
    let report = verify_with_content(&wrong, Some(CONTENT), "t", &trusting());
    assert_eq!(report.integrity, Integrity::Intact);
    assert_eq!(report.timestamps[0].indication, Indication::TotalFailed);
    assert_eq!(report.signatures[0].best_signature_time, None);

    let alone = token(&openssl::sha::sha256(CONTENT), earlier);
    for (content, expected) in
        [(Some(CONTENT), Integrity::Intact), (None, Integrity::Unknown), (Some(&b"other"[..]), Integrity::Broken)]
    {
        let report = verify_with_content(&alone, content, "t", &trusting());
        assert_eq!((report.integrity, report.signatures.len(), report.timestamps.len()), (expected, 0, 1));
    }
    // The response of an authority holds the token.
    let response = write::sequence(&[write::sequence(&[write::unsigned(0)]), alone]);
    assert_eq!(verdict(&response, Some(CONTENT)).integrity, Integrity::Intact);
}

/// The CMS with one more unsigned attribute in its only signer.
pub fn with_unsigned(cms: &[u8], kind: &der::asn1::ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    let stamped = with_signature_timestamp(cms, value).unwrap();
    let (from, to) = (write::oid(&oid::SIGNATURE_TIME_STAMP), write::oid(kind));
    rewrite(Element::only(&stamped, "CMS").unwrap(), &from, &to)
}

/// Replaces an element wherever it stands, lengths included.
fn rewrite(element: Element<'_>, from: &[u8], to: &[u8]) -> Vec<u8> {
    if element.raw == from {
        return to.to_vec();
    }
    if element.tag & 0x20 == 0 {
        return element.raw.to_vec();
    }
    let mut reader = element.reader();
    let mut parts = Vec::new();
    while !reader.is_empty() {
        parts.push(rewrite(reader.any().unwrap(), from, to));
    }
    write::parts(element.tag, &parts)
}

/// A counter-signature over a signature value.
pub fn counter_signature(value: &[u8]) -> Vec<u8> {
    let certificate = own(&signer().certificate);
    let digest = write::octet_string(&openssl::sha::sha256(value));
    let attribute = write::sequence(&[write::oid(&oid::MESSAGE_DIGEST), write::element(tag::SET, &digest)]);
    let attributes = write::element(tag::SET, &attribute);
    let key = signer().key.ec_key().unwrap();
    let signature = EcdsaSig::sign(&openssl::sha::sha256(&attributes), &key).unwrap().to_der().unwrap();
    let algorithm = |oid: &der::asn1::ObjectIdentifier| write::sequence(&[write::oid(oid)]);
    write::sequence(&[
        write::unsigned(1),
        write::sequence(&[
            certificate.issuer().as_der().to_vec(),
            write::element(tag::INTEGER, certificate.serial_octets()),
        ]),
        algorithm(&oid::SHA256),
        write::element(tag::constructed(0), &attribute),
        algorithm(&oid::ECDSA_WITH_SHA256),
        write::octet_string(&signature),
    ])
}

/// A signature over attributes in the order that is signed, which the file keeps in another.
fn with_attributes(signed: &[Vec<u8>], kept: &[Vec<u8>]) -> Vec<u8> {
    let certificate = own(&signer().certificate);
    let key = signer().key.ec_key().unwrap();
    let digest = openssl::sha::sha256(&write::parts(tag::SET, signed));
    let algorithm = |oid: &der::asn1::ObjectIdentifier| write::sequence(&[write::oid(oid)]);
    let signer_info = write::sequence(&[
        write::unsigned(1),
        write::sequence(&[
            certificate.issuer().as_der().to_vec(),
            write::element(tag::INTEGER, certificate.serial_octets()),
        ]),
        algorithm(&oid::SHA256),
        write::parts(tag::constructed(0), kept),
        algorithm(&oid::ECDSA_WITH_SHA256),
        write::octet_string(&EcdsaSig::sign(&digest, &key).unwrap().to_der().unwrap()),
    ]);
    let content = write::element(tag::constructed(0), &write::octet_string(CONTENT));
    let signed = write::sequence(&[
        write::unsigned(1),
        write::element(tag::SET, &algorithm(&oid::SHA256)),
        write::sequence(&[write::oid(&oid::DATA), content]),
        write::element(tag::constructed(0), certificate.der()),
        write::element(tag::SET, &signer_info),
    ]);
    write::sequence(&[write::oid(&oid::SIGNED_DATA), write::element(tag::constructed(0), &signed)])
}

#[test]
fn signed_attributes_are_signed_in_their_der_encoding() {
    let attribute = |kind, value: &[u8]| write::sequence(&[write::oid(kind), write::element(tag::SET, value)]);
    let content_type = attribute(&oid::CONTENT_TYPE, &write::oid(&oid::DATA));
    let digest = attribute(&oid::MESSAGE_DIGEST, &write::octet_string(&openssl::sha::sha256(CONTENT)));
    let sorted = [content_type.clone(), digest.clone()];
    let reversed = [digest, content_type];
    for (signed, kept, integrity) in [
        (&sorted, &sorted, Integrity::Intact),
        (&sorted, &reversed, Integrity::Intact),
        // RFC 5652 §5.4 knows one form: readers that follow it refuse this one, others take it.
        (&reversed, &reversed, Integrity::Unknown),
        (&reversed, &sorted, Integrity::Broken),
    ] {
        let report = verdict(&with_attributes(signed, kept), None);
        assert_eq!(report.integrity, integrity, "{report:#?}");
    }
}

#[test]
fn a_counter_signature_gets_its_line() {
    let cms = signer().sign(&[CONTENT]);
    let value = chuky_pki::cms::SignedData::parse(&cms).unwrap().signers[0].signature.clone();
    let countered = with_unsigned(&cms, &oid::COUNTERSIGNATURE, &counter_signature(&value));
    let report = verdict(&countered, Some(CONTENT));
    assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
    assert_eq!(report.signatures[1].id, "signer 1, counter-signature 1");
    let of_another = with_unsigned(&cms, &oid::COUNTERSIGNATURE, &counter_signature(b"another value"));
    let report = verdict(&of_another, Some(CONTENT));
    assert_eq!((report.integrity, report.signatures[0].integrity), (Integrity::Broken, Integrity::Intact));
}

#[test]
fn signed_attributes_are_no_content() {
    // The attributes of a genuine signature as the content of a signature without attributes: the value fits.
    let cms = signer().sign(&[CONTENT]);
    let data = chuky_pki::cms::SignedData::parse(&cms).unwrap();
    let attributes = data.signers[0].signed_attributes_der.clone().unwrap();
    let certificate = own(&signer().certificate);
    let algorithm = |oid: &der::asn1::ObjectIdentifier| write::sequence(&[write::oid(oid)]);
    let signer_info = write::sequence(&[
        write::unsigned(1),
        write::sequence(&[
            certificate.issuer().as_der().to_vec(),
            write::element(tag::INTEGER, certificate.serial_octets()),
        ]),
        algorithm(&oid::SHA256),
        algorithm(&oid::ECDSA_WITH_SHA256),
        write::octet_string(&data.signers[0].signature),
    ]);
    let content = write::element(tag::constructed(0), &write::octet_string(&attributes));
    // Inside the object, and beside it.
    for (content, detached) in [(content, None), (Vec::new(), Some(attributes.as_slice()))] {
        let signed = write::sequence(&[
            write::unsigned(1),
            write::element(tag::SET, &algorithm(&oid::SHA256)),
            write::sequence(&[write::oid(&oid::DATA), content]),
            write::element(tag::constructed(0), certificate.der()),
            write::element(tag::SET, &signer_info),
        ]);
        let forged = write::sequence(&[write::oid(&oid::SIGNED_DATA), write::element(tag::constructed(0), &signed)]);
        let report = verdict(&forged, detached);
        assert_eq!(report.integrity, Integrity::Broken);
        let failed = |check: &&Check| check.outcome == Outcome::Failed;
        assert_eq!(report.signatures[0].checks.iter().find(failed).unwrap().name, "signed_attributes");
    }
}
