//! What this package makes, judged by OpenSSL's command line and by pkilint.
#![allow(clippy::unwrap_used, clippy::panic)]

mod hierarchy;

use chuky_pki::certificate::Certificate;
use chuky_pki::cms::{SignedData, build};
use chuky_pki::crl::{Crl, CrlToMake, Reason, Revoked};
use chuky_pki::ocsp::{AnswerLine, AnswerToMake, OcspRequest, OcspResponse, Status};
use chuky_pki::path::{self, Purpose};
use chuky_pki::revocation::{self, Evidence, Revocation};
use chuky_pki::timestamp::{Failure, TimestampRequest, TimestampToken, TokenToMake, granted};
use chuky_pki::{crypto, issue, pem};
use hierarchy::*;
use std::path::Path;
use std::process::Command;

fn run(directory: &Path, command: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(command).current_dir(directory).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "$ {command}\n{text}");
    text
}

fn write_pem(directory: &Path, name: &str, certificate: &Certificate) {
    std::fs::write(directory.join(name), certificate.to_pem()).unwrap();
}

fn crl(hierarchy: &Hierarchy, revoked: Vec<Revoked>) -> Vec<u8> {
    let to_make = CrlToMake {
        issuer: &hierarchy.issuing,
        number: 7,
        this_update: now().plus_seconds(-60),
        next_update: now().plus_seconds(DAY),
    };
    let to_be_signed = to_make.to_be_signed(SCHEME, revoked.into_iter()).unwrap();
    let signature = hierarchy.issuing_key.sign(&to_be_signed.digest());
    to_be_signed.assemble(&signature, &hierarchy.issuing_key.public()).unwrap()
}

#[test]
fn openssl_accepts_chain_and_crl() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let hierarchy = Hierarchy::new();
    let citizen = hierarchy.issue("citizen", 3, &citizen_name(), &Key::new());
    let official = hierarchy.issue("official", 4, &official_name(), &Key::new());
    let revoked =
        Revoked { serial: serial(4), at: now().plus_seconds(-600), reason: Reason::KeyCompromise, invalid_since: None };
    let list = crl(&hierarchy, vec![revoked]);
    write_pem(at, "root.pem", &hierarchy.root);
    write_pem(at, "issuing.pem", &hierarchy.issuing);
    write_pem(at, "citizen.pem", &citizen);
    write_pem(at, "official.pem", &official);
    std::fs::write(at.join("crl.pem"), pem::encode("X509 CRL", &list)).unwrap();
    run(at, "openssl verify -x509_strict -CAfile root.pem -untrusted issuing.pem citizen.pem");
    run(
        at,
        "openssl verify -x509_strict -crl_check -CRLfile crl.pem -CAfile root.pem -untrusted issuing.pem citizen.pem",
    );
    let refused = run(
        at,
        "openssl verify -crl_check -CRLfile crl.pem -CAfile root.pem -untrusted issuing.pem official.pem 2>&1 || true",
    );
    assert!(refused.contains("certificate revoked"), "{refused}");
    assert!(run(at, "openssl crl -in crl.pem -CAfile issuing.pem -noout -text").contains("Key Compromise"));

    let anchors = [hierarchy.root.clone()];
    let path =
        path::validate(&citizen, std::slice::from_ref(&hierarchy.issuing), &anchors, now(), Purpose::DocumentSigning)
            .unwrap();
    assert_eq!(path.certificates().len(), 3);
    let evidence = Evidence {
        crls: [Crl::parse(&list).unwrap()].into(),
        ocsp_responses: [].into(),
        holds: [].into(),
        ..Evidence::default()
    };
    assert!(matches!(revocation::judge(&citizen, &hierarchy.issuing, &evidence, now()), Revocation::Good { .. }));
    let status = revocation::judge(&official, &hierarchy.issuing, &evidence, now());
    assert!(matches!(status, Revocation::Revoked { reason: Reason::KeyCompromise, .. }));
    let before = revocation::judge(&official, &hierarchy.issuing, &evidence, now().plus_seconds(-1200));
    assert!(matches!(before, Revocation::Good { revoked_since: Some(_), .. }), "{before:?}");
    let late = revocation::judge(&citizen, &hierarchy.issuing, &evidence, now().plus_seconds(3 * DAY));
    assert!(matches!(late, Revocation::Unknown(_)), "{late:?}");
}

#[test]
fn openssl_asks_and_accepts_ocsp() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let hierarchy = Hierarchy::new();
    let citizen = hierarchy.issue("citizen", 3, &citizen_name(), &Key::new());
    let responder_key = Key::new();
    let responder = hierarchy.issue("ocsp", 5, &service_name("Chuky TEST OCSP"), &responder_key);
    for (name, certificate) in
        [("root.pem", &hierarchy.root), ("issuing.pem", &hierarchy.issuing), ("citizen.pem", &citizen)]
    {
        write_pem(at, name, certificate);
    }
    run(at, "openssl ocsp -issuer issuing.pem -cert citizen.pem -reqout request.der");
    let request = OcspRequest::parse(&std::fs::read(at.join("request.der")).unwrap()).unwrap();
    assert!(request.certificates[0].names_issuer(&hierarchy.issuing) && request.nonce.is_some());
    assert_eq!(request.certificates[0].serial, citizen.serial_octets());
    for (status, word) in [
        (Status::Good, ": good"),
        (Status::Revoked { at: now().plus_seconds(-600), reason: Reason::Superseded }, "superseded"),
        (Status::Unknown, ": unknown"),
    ] {
        let line = AnswerLine {
            identifier_der: request.certificates[0].der.clone(),
            status,
            this_update: now(),
            next_update: Some(now().plus_seconds(3600)),
        };
        let answer = AnswerToMake::new(&responder, SCHEME, now(), &[line], request.nonce.as_deref());
        let der = answer.assemble(&responder_key.sign(&answer.to_be_signed().digest()));
        std::fs::write(at.join("answer.der"), &der).unwrap();
        let text = run(
            at,
            "openssl ocsp -no_nonce -issuer issuing.pem -cert citizen.pem -reqin request.der -respin answer.der -CAfile root.pem -verify_other issuing.pem",
        );
        assert!(text.contains("Response verify OK") && text.contains(word), "{text}");
        assert!(!text.contains("nonce in response"), "{text}");
        let read = OcspResponse::parse(&der).unwrap();
        assert_eq!(read.verify(&hierarchy.issuing).unwrap(), responder);
        assert_eq!(read.nonce, request.nonce);
        assert_eq!(read.status_of(&citizen, &hierarchy.issuing).unwrap().status, status);
        // A responder that this issuer did not delegate is refused.
        assert!(read.verify(&hierarchy.root).is_err());
    }
}

#[test]
fn openssl_accepts_timestamps() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let hierarchy = Hierarchy::new();
    let key = Key::new();
    let authority = hierarchy.issue("timestamp", 6, &service_name("Chuky TEST TSA"), &key);
    write_pem(at, "root.pem", &hierarchy.root);
    write_pem(at, "issuing.pem", &hierarchy.issuing);
    std::fs::write(at.join("data"), b"xin ch\xc3\xa0o").unwrap();
    run(at, "openssl ts -query -data data -sha256 -cert -out request.tsq");
    let request = TimestampRequest::parse(&std::fs::read(at.join("request.tsq")).unwrap()).unwrap();
    let policy = der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1.3");
    let token = TokenToMake::new(&request, &authority, SCHEME, policy, &serial(9), now()).unwrap();
    let response = token.assemble(&key.sign(token.digest_to_sign()), std::slice::from_ref(&hierarchy.issuing));
    std::fs::write(at.join("response.tsr"), &response).unwrap();
    let text =
        run(at, "openssl ts -verify -queryfile request.tsq -in response.tsr -CAfile root.pem -untrusted issuing.pem");
    assert!(text.contains("Verification: OK"), "{text}");

    let read = TimestampToken::parse(&granted(&response).unwrap()).unwrap();
    let findings = read.check(&[], &mut |algorithm| Some(crypto::digest(algorithm, "xin chào".as_bytes())));
    assert!(findings.intact(), "{:?}", findings.checks);
    let other = read.check(&[], &mut |algorithm| Some(crypto::digest(algorithm, b"other")));
    assert_eq!(other.check("message_imprint").unwrap().outcome, chuky_model::report::Outcome::Failed);
    let anchors = [hierarchy.root.clone()];
    path::validate(&authority, &read.signed_data.certificates, &anchors, read.time, Purpose::TimeStamping).unwrap();

    std::fs::write(at.join("refusal.tsr"), Failure::BadAlgorithm.to_der()).unwrap();
    assert!(run(at, "openssl ts -reply -in refusal.tsr -text").contains("unrecognized or unsupported algorithm"));
    assert!(granted(&Failure::UnacceptedPolicy.to_der()).is_err());
    run(at, "openssl ts -query -data data -sha1 -out old.tsq");
    assert_eq!(TimestampRequest::parse(&std::fs::read(at.join("old.tsq")).unwrap()), Err(Failure::BadAlgorithm));
}

#[test]
fn openssl_accepts_a_cades_signature() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let hierarchy = Hierarchy::new();
    let key = Key::new();
    let signer = hierarchy.issue("citizen", 3, &citizen_name(), &key);
    let data = "Nội dung văn bản".as_bytes();
    let signature = build::SignatureToMake::detached(SCHEME, &crypto::sha256(data), &signer).unwrap();
    let der =
        signature.assemble(&key.sign(signature.digest_to_sign()), std::slice::from_ref(&hierarchy.issuing)).unwrap();
    assert!(der.len() <= build::longest(&signer, std::slice::from_ref(&hierarchy.issuing), 0));
    write_pem(at, "root.pem", &hierarchy.root);
    std::fs::write(at.join("data"), data).unwrap();
    std::fs::write(at.join("signature.p7s"), &der).unwrap();
    run(
        at,
        "openssl cms -verify -cades -binary -purpose any -inform DER -in signature.p7s -content data -CAfile root.pem -out /dev/null",
    );

    // Any bit of the digest, the signature or the reference that changes is noticed.
    let check = |der: &[u8], data: &[u8]| {
        SignedData::parse(der).unwrap().check(&[], &mut |algorithm| Some(crypto::digest(algorithm, data))).remove(0)
    };
    let findings = check(&der, data);
    assert!(
        findings.intact() && findings.certificate_is_bound && findings.signing_time.is_none(),
        "{:?}",
        findings.checks
    );
    assert!(!check(&der, b"other").intact());
    let stamped = build::with_signature_timestamp(&der, &der).unwrap();
    assert_eq!(check(&stamped, data).timestamps, vec![der.clone()]);
    assert!(check(&stamped, data).intact());
    assert!(signature.assemble(&key.sign(&crypto::sha256(b"other")), &[]).is_err());
}

#[test]
fn a_certificate_that_is_not_the_intended_one_is_noticed() {
    let hierarchy = Hierarchy::new();
    let (key, other_key) = (Key::new(), Key::new());
    let intent = hierarchy.intent("citizen", 3, &citizen_name());
    let stored = intent.to_canonical_bytes().unwrap();
    assert_eq!(issue::CertificateIntent::from_canonical_bytes(&stored).unwrap(), intent);
    let certificate = finish(&intent, &key, &hierarchy.issuing_key);
    let difference = |intent: &issue::CertificateIntent, spki: &[u8]| {
        issue::compare(&certificate, &intent.to_be_signed(spki).unwrap(), intent, spki).unwrap_err().0
    };
    assert_eq!(difference(&intent, &other_key.spki()), "public key");
    let mut later = intent.clone();
    later.not_after = later.not_after.plus_seconds(-1);
    assert_eq!(difference(&later, &key.spki()), "validity");
    let foreign = other_key.sign(&intent.to_be_signed(&key.spki()).unwrap().digest());
    assert!(intent.to_be_signed(&key.spki()).unwrap().assemble(&foreign, &hierarchy.issuing_key.public()).is_err());
}

#[test]
fn pkilint_finds_no_error() {
    let linters = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/venv/bin"));
    if !linters.join("lint_pkix_cert").exists() {
        println!("SKIPPED: no pkilint in target/venv");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let hierarchy = Hierarchy::new();
    let responder_key = Key::new();
    let responder = hierarchy.issue("ocsp", 5, &service_name("Chuky TEST OCSP"), &responder_key);
    for (name, certificate) in [
        ("root", hierarchy.root.clone()),
        ("issuing", hierarchy.issuing.clone()),
        ("citizen", hierarchy.issue("citizen", 3, &citizen_name(), &Key::new())),
        ("official", hierarchy.issue("official", 4, &official_name(), &Key::new())),
        ("timestamp", hierarchy.issue("timestamp", 6, &service_name("Chuky TEST TSA"), &Key::new())),
        ("ocsp", responder.clone()),
    ] {
        write_pem(at, name, &certificate);
        let command = format!("{}/lint_pkix_cert lint -s NOTICE -f CSV {name}", linters.display());
        let text = run(at, &format!("{command}; true"));
        println!("{name}: {text}");
        assert!(!text.contains("ERROR") && !text.contains("FATAL") && !text.contains("Traceback"), "{name}: {text}");
    }
    let since = Some(now().plus_seconds(-86_400));
    let revoked =
        Revoked { serial: serial(4), at: now().plus_seconds(-9), reason: Reason::Superseded, invalid_since: since };
    let list = crl(&hierarchy, vec![revoked]);
    let read = Crl::parse(&list).unwrap().entries().next().unwrap().unwrap();
    assert_eq!((read.reason, read.invalid_since), (Reason::Superseded, since));
    std::fs::write(at.join("crl"), pem::encode("X509 CRL", &list)).unwrap();
    let identifier = chuky_pki::ocsp::CertificateIdentifier::new(&hierarchy.issuing, serial(3).as_octets());
    let line =
        AnswerLine { identifier_der: identifier.der, status: Status::Good, this_update: now(), next_update: None };
    let answer = AnswerToMake::new(&responder, SCHEME, now(), &[line], None);
    let der = answer.assemble(&responder_key.sign(&answer.to_be_signed().digest()));
    std::fs::write(at.join("answer"), der).unwrap();
    for command in
        ["lint_crl lint -t CRL -p PKIX -s NOTICE -f CSV crl", "lint_ocsp_response lint -s ERROR -f CSV answer"]
    {
        let text = run(at, &format!("{}/{command}; true", linters.display()));
        println!("{command}: {text}");
        assert!(!text.contains("ERROR") && !text.contains("FATAL") && !text.to_lowercase().contains("usage"), "{text}");
    }
}
