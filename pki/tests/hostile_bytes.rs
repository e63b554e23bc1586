//! Bytes from strangers: mutated and cut certificates, CMS objects, lists, requests and answers never panic a parser, and a changed
//! byte never passes for the signed one.
#![allow(clippy::unwrap_used, clippy::panic)]

mod hierarchy;

use chuky_pki::certificate::Certificate;
use chuky_pki::cms::{SignedData, build};
use chuky_pki::crl::{Crl, CrlToMake};
use chuky_pki::crypto;
use chuky_pki::csr::VerifiedRequest;
use chuky_pki::ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, OcspRequest, OcspResponse, Status};
use chuky_pki::path::{self, Purpose};
use chuky_pki::timestamp::{TimestampRequest, TimestampToken};
use hierarchy::*;
use proptest::prelude::*;
use std::sync::OnceLock;

struct Samples {
    hierarchy: Hierarchy,
    leaf: Certificate,
    cms: Vec<u8>,
    others: Vec<Vec<u8>>,
}

fn samples() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let hierarchy = Hierarchy::new();
        let key = Key::new();
        let leaf = hierarchy.issue("citizen", 3, &citizen_name(), &key);
        let signature = build::SignatureToMake::detached(SCHEME, &crypto::sha256(b"data"), &leaf).unwrap();
        let cms = signature.assemble(&key.sign(signature.digest_to_sign()), &[]).unwrap();
        let list =
            CrlToMake { issuer: &hierarchy.issuing, number: 1, this_update: now(), next_update: now().plus_seconds(9) };
        let list = list.to_be_signed(SCHEME, std::iter::empty()).unwrap();
        let list = list.assemble(&hierarchy.issuing_key.sign(&list.digest()), &hierarchy.issuing_key.public()).unwrap();
        let identifier_der = CertificateIdentifier::new(&hierarchy.issuing, &[1]).der;
        let line = AnswerLine { identifier_der, status: Status::Good, this_update: now(), next_update: None };
        let answer = AnswerToMake::new(&hierarchy.issuing, SCHEME, now(), &[line], Some(&[7; 16]));
        let answer = answer.assemble(&hierarchy.issuing_key.sign(&answer.to_be_signed().digest()));
        let request = TimestampRequest::to_der(&crypto::sha256(b"data"), &[1, 2, 3]);
        let others = vec![leaf.der().to_vec(), cms.clone(), list, answer, request];
        Samples { hierarchy, leaf, cms, others }
    })
}

/// Every reader of strangers' bytes, and what hangs on a successful reading.
fn read_everything(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        let _ = (
            certificate.public_key(),
            certificate.basic_constraints(),
            certificate.key_usage(),
            certificate.policies(),
        );
        let _ =
            (certificate.alternative_names(), certificate.crl_uris(), certificate.ocsp_uris(), certificate.to_signer());
        let root = &samples().hierarchy.root;
        let _ = path::validate(
            &certificate,
            std::slice::from_ref(&certificate),
            std::slice::from_ref(root),
            now(),
            Purpose::Any,
        );
    }
    if let Ok((data, taken)) = SignedData::parse_prefix(bytes) {
        assert!(taken <= bytes.len());
        let _ = data.check(&[], &mut |algorithm| Some(crypto::digest(algorithm, b"data")));
    }
    if let Ok(list) = Crl::parse(bytes) {
        let _ = (list.look_up(&[1]), list.scope(), list.number());
    }
    if let Ok(answer) = OcspResponse::parse(bytes) {
        let _ = answer.verify(&samples().hierarchy.issuing);
    }
    let _ = (
        OcspRequest::parse(bytes),
        TimestampRequest::parse(bytes),
        TimestampToken::parse(bytes),
        VerifiedRequest::parse(bytes),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_bytes_never_panic(which in 0usize..5, edits in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6), cut in any::<u16>()) {
        let mut bytes = samples().others[which].clone();
        for (position, value) in edits {
            let position = usize::from(position) % bytes.len();
            bytes[position] = value;
        }
        if cut % 3 == 0 {
            bytes.truncate(usize::from(cut) % bytes.len());
        }
        read_everything(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_everything(&bytes);
    }
}

#[test]
fn no_changed_byte_of_a_certificate_is_trusted() {
    let samples = samples();
    let (intermediates, anchors) = ([samples.hierarchy.issuing.clone()], [samples.hierarchy.root.clone()]);
    for position in 0..samples.leaf.der().len() {
        let mut bytes = samples.leaf.der().to_vec();
        bytes[position] ^= 0x04;
        if let Ok(changed) = Certificate::from_der(&bytes) {
            let verdict = path::validate(&changed, &intermediates, &anchors, now(), Purpose::DocumentSigning);
            assert!(verdict.is_err(), "byte {position}");
        }
    }
}

#[test]
fn no_changed_byte_of_a_signers_part_is_intact() {
    let samples = samples();
    // Behind the certificates: version, identifier, attributes, signature.
    let from = samples.cms.len() - 260;
    for position in from..samples.cms.len() {
        let mut bytes = samples.cms.clone();
        bytes[position] ^= 0x04;
        let Ok(data) = SignedData::parse(&bytes) else { continue };
        let findings = data.check(&[], &mut |algorithm| Some(crypto::digest(algorithm, b"data")));
        assert!(!findings.iter().any(|found| found.intact()), "byte {position}");
    }
}

#[test]
fn a_cut_object_is_never_read() {
    for sample in &samples().others {
        for length in 0..sample.len() {
            let cut = &sample[..length];
            assert!(Certificate::from_der(cut).is_err() && SignedData::parse(cut).is_err() && Crl::parse(cut).is_err());
            assert!(OcspResponse::parse(cut).is_err() && TimestampRequest::parse(cut).is_err());
        }
    }
}
