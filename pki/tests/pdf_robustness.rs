//! No file may panic, recurse deeply, loop or take memory without bound: truncations, mutations, noise, and files built to hurt.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::Forge;
use proptest::prelude::*;
use std::time::{Duration, Instant as Clock};

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

/// Judges within a time that only a loop or a blow-up exceeds, even unoptimised on a loaded machine.
#[track_caller]
fn quickly(name: &str, bytes: &[u8]) -> Report {
    let start = Clock::now();
    let report = judge(bytes);
    assert!(start.elapsed() < Duration::from_secs(30), "{name}: {:?}", start.elapsed());
    report
}

#[test]
fn truncated_files_get_a_report_and_are_never_intact() {
    let signed = Forge::signed("").sign_again(30, "").bytes;
    for length in (0..signed.len() - 2).step_by(97) {
        let report = quickly("truncated", &signed[..length]);
        let covered = report.signatures.iter().all(|signature| signature.covers == "whole_file");
        assert!(report.integrity != Integrity::Intact || covered, "at {length}: {:#?}", report.signatures);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = Forge::signed("").update(&[(40, "<</A[1 2 (x)]>>")]).bytes;
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        judge(&bytes);
    }

    #[test]
    fn spliced_files_never_panic(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), length in 1_usize..400) {
        let mut bytes = Forge::signed("").bytes;
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let piece: Vec<u8> = bytes[from..(from + length).min(bytes.len())].to_vec();
        bytes.splice(to..to, piece);
        judge(&bytes);
    }

    #[test]
    fn noise_behind_a_header_never_panics(noise in prop::collection::vec(any::<u8>(), 0..3000)) {
        judge(&[b"%PDF-1.7\n", noise.as_slice()].concat());
    }
}

#[test]
fn ten_megabytes_of_noise_are_unknown() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise: Vec<u8> = (0..10 << 20)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect();
    assert_eq!(quickly("noise", &noise).integrity, Integrity::Unknown);
    noise[..9].copy_from_slice(b"%PDF-1.7\n");
    assert_eq!(quickly("noise with a header", &noise).integrity, Integrity::Unknown);
}

#[test]
fn files_built_to_hurt_end_soon() {
    let repeated = |text: &str, count: usize| text.repeat(count);
    let wrap = |objects: &str| format!("%PDF-1.7\n{objects}\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF");
    let catalogue =
        "1 0 obj<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>endobj 2 0 obj<</Kids[3 0 R]>>endobj ";
    let cases = [
        ("nested arrays", wrap(&format!("{catalogue}3 0 obj{}endobj", repeated("[", 500_000)))),
        ("nested dictionaries", wrap(&format!("{catalogue}3 0 obj{}endobj", repeated("<</A", 300_000)))),
        ("open strings", wrap(&format!("{catalogue}3 0 obj{}endobj", repeated("(", 500_000)))),
        ("a circle of pages", wrap(&format!("{catalogue}3 0 obj<</Kids[2 0 R 3 0 R 3 0 R]>>endobj"))),
        (
            "a circle of fields",
            wrap(&format!(
                "{catalogue}4 0 obj<</T(a)/Kids[4 0 R 4 0 R 5 0 R]>>endobj 5 0 obj<</T(b)/Kids[4 0 R]>>endobj"
            )),
        ),
        ("a circle of references", wrap(&format!("{catalogue}3 0 obj 4 0 R endobj 4 0 obj 3 0 R endobj"))),
        (
            "a circle of lengths",
            wrap(&format!(
                "{catalogue}3 0 obj<</Length 4 0 R>>stream\nx endstream endobj 4 0 obj<</Length 3 0 R>>stream\ny endstream endobj"
            )),
        ),
        (
            "an object stream in itself",
            wrap(&format!(
                "{catalogue}5 0 obj<</Type/ObjStm/N 9/First 9/Length 20>>stream\n5 0 5 0 6 0 [5 0 R] endstream endobj"
            )),
        ),
        ("many headers", wrap(&format!("{catalogue}{}", repeated("7 0 obj ", 200_000)))),
        ("many trailers", wrap(&format!("{catalogue}{}", repeated("trailer<</Size 1>>", 50_000)))),
        ("many ranges", wrap(&format!("{catalogue}9 0 obj<<{}>>endobj", repeated("/ByteRange[0 1 2 3]", 50_000)))),
        (
            "many signature fields",
            wrap(&format!(
                "1 0 obj<</Pages 2 0 R/AcroForm<</Fields[{}]>>>>endobj 2 0 obj<</Kids[]>>endobj 4 0 obj<</FT/Sig/T(x)/V<</ByteRange[0 1 2 3]>>>>endobj",
                repeated("<</FT/Sig/V<</ByteRange[0 1 2 3]/Contents<3000>>>>>", 20_000)
            )),
        ),
    ];
    for (name, text) in cases {
        let report = quickly(name, text.as_bytes());
        assert_ne!(report.integrity, Integrity::Intact, "{name}");
    }
    let chain = format!("%PDF-1.7\n{}startxref\n9\n%%EOF", "xref\n0 0\ntrailer<</Prev 9/Root 1 0 R>>\n");
    quickly("a chain in a circle", chain.as_bytes());
    let huge = "%PDF-1.7\nxref\n0 8000000\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF";
    quickly("a table that claims millions", huge.as_bytes());
}

#[test]
fn decompression_bombs_are_bounded() {
    // A megabyte of zeros deflates to a kilobyte; nested twice it would be a gigabyte.
    let zeros = vec![0_u8; 1 << 20];
    let deflate = |data: &[u8]| {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let inner: Vec<u8> = deflate(&zeros);
    let outer = deflate(&inner.repeat(1000));
    let mut bytes = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Kids[]>>endobj\n".to_vec();
    bytes.extend(
        format!("3 0 obj<</Type/ObjStm/N 1/First 4/Filter[/FlateDecode/FlateDecode]/Length {}>>stream\n", outer.len())
            .bytes(),
    );
    bytes.extend(&outer);
    bytes.extend(b"\nendstream endobj\ntrailer<</Root 1 0 R>>");
    quickly("a bomb", &bytes);
}

#[test]
fn other_formats_are_recognised_by_content() {
    for (bytes, integrity) in [
        (&b""[..], Integrity::None),
        (b"just a text", Integrity::None),
        (b"\x89PNG\r\n\x1a\n0000", Integrity::None),
        (b"<a/>", Integrity::None),
        (b"<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>", Integrity::Broken),
        (b"{\"a\":1}", Integrity::None),
        (b"{\"payload\":\"\",\"protected\":\"\",\"signature\":\"\"}", Integrity::Broken),
        (b"PK\x03\x04 something", Integrity::Unknown),
        (b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", Integrity::Broken),
        (b"\x00\x01\x02\xff", Integrity::Unknown),
    ] {
        let report = judge(bytes);
        assert_eq!(report.integrity, integrity, "{bytes:?}");
        assert!(report.sha256.is_some() && !report.message.vi.is_empty() && !report.next_step.en.is_empty());
    }
}
