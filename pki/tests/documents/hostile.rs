//! Bytes from nowhere: mutated documents never panic, never take long, and a change never makes a document intact that says
//! something else.

use crate::cms::{counter_signature, with_unsigned};
use crate::made::{archive, compact, extended, naming_the_signer, signer, simple, token, verdict};
use chuky_model::report::Integrity;
use chuky_pki::asn1::write;
use chuky_pki::oid;
use std::time::{Duration, Instant};

fn samples() -> Vec<Vec<u8>> {
    let cms = signer().sign(&[b"content"]);
    vec![
        archive(&extended()),
        archive(&simple()),
        cms.clone(),
        with_unsigned(&cms, &oid::ARCHIVE_TIME_STAMP_V3, &token(&[7; 32], crate::made::now())),
        compact(&format!(r#"{{"alg":"ES256",{}}}"#, naming_the_signer()), b"payload").into_bytes(),
    ]
}

#[test]
fn mutated_documents_never_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let samples = samples();
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < Duration::from_secs(5) {
        let mut bytes = samples[random(samples.len())].clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] ^= 1 << random(8),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, u8::try_from(random(256)).unwrap()),
                _ => {
                    let from = random(bytes.len());
                    let piece = bytes[from..bytes.len().min(from + 64)].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        let one = Instant::now();
        let _ = verdict(&bytes, Some(b"content"));
        assert!(one.elapsed() < Duration::from_secs(30), "one input took {:?}", one.elapsed());
        count += 1;
    }
    println!("{count} mutated documents");
    assert!(count > 100);
}

#[test]
fn one_flipped_bit_never_leaves_another_document_intact() {
    // Every byte of the signed files and of the manifest.
    let bytes = archive(&extended());
    assert_eq!(verdict(&bytes, None).integrity, Integrity::Intact);
    let files = chuky_pki::asic::Archive::open(&bytes).unwrap();
    // A compressed stream has bits that mean nothing, and a signature file unsigned ones.
    let signed = |entry: &&chuky_pki::asic::Entry| !entry.name.ends_with(b".p7s") && !entry.deflated;
    let places: Vec<_> = files.entries().iter().filter(signed).cloned().collect();
    for entry in places {
        for at in entry.place.clone() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert_ne!(verdict(&changed, None).integrity, Integrity::Intact, "{} at {at}", entry.label());
        }
    }
}

#[test]
fn many_signers_and_deep_nests_end_in_a_report() {
    let began = Instant::now();
    // Ten thousand signers.
    let cms = signer().sign(&[b"content"]);
    let value = chuky_pki::cms::SignedData::parse(&cms).unwrap().signers[0].signature.clone();
    let counter = counter_signature(&value);
    let many = vec![counter.clone(); 10_000];
    let signed = write::sequence(&[
        write::unsigned(1),
        write::element(0x31, &[]),
        write::sequence(&[write::oid(&oid::DATA)]),
        write::parts(0x31, &many),
    ]);
    let crowd = write::sequence(&[write::oid(&oid::SIGNED_DATA), write::element(0xa0, &signed)]);
    assert_eq!(verdict(&crowd, Some(b"content")).integrity, Integrity::Unknown);
    // Counter-signatures of counter-signatures.
    let mut nested = counter.clone();
    for _ in 0..30 {
        let attribute = write::sequence(&[write::oid(&oid::COUNTERSIGNATURE), write::element(0x31, &nested)]);
        let fields = chuky_pki::asn1::Element::sequence(&counter, "SignerInfo").unwrap().rest().to_vec();
        nested = write::parts(0x30, &[fields, write::element(0xa1, &attribute)]);
    }
    let report = verdict(&with_unsigned(&cms, &oid::COUNTERSIGNATURE, &nested), Some(b"content"));
    assert_ne!(report.integrity, Integrity::Intact);
    assert!(report.signatures.len() < 10);
    // Nested and wide JSON, nested BER.
    for text in [
        format!(r#"{{"payload":"","signatures":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)),
        format!(r#"{{"protected":"","signature":"","payload":[{}1]}}"#, "1,".repeat(1_000_000)),
    ] {
        assert_ne!(verdict(text.as_bytes(), None).integrity, Integrity::Intact);
    }
    let deep =
        [b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02".to_vec(), [0xa0, 0x80].repeat(1_000_000)].concat();
    assert_ne!(verdict(&deep, None).integrity, Integrity::Intact);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
