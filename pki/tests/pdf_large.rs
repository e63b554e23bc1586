//! Files above what readers of other makes are given. Whoever appends must not be able to silence them by padding, and honest large files that
//! were signed once more must not suffer for their size.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Indication, Integrity, Outcome, Report, SubIndication};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::updates::EVIL;
use forge::{Forge, look, stream};

/// What other readers are given at most: `second_reader::LARGEST`.
const LARGEST: usize = 64 << 20;

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

/// A scan's worth of bytes that compress no further.
fn scan(bytes: usize) -> String {
    let mut state = 1_u32;
    let letters = (0..bytes).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'A' + u8::try_from(state >> 28).unwrap())
    });
    stream(&letters.collect::<String>())
}

/// The text field filled, permitted without a certification.
fn filled(forge: Forge, further: &[(u32, &str)]) -> Vec<u8> {
    let field = Forge::text_field("/V(Hue)/AP<</N 43 0 R>>");
    let shown = look("BT /F1 12 Tf 2 5 Td (Hue) Tj ET");
    let mut objects = vec![(7, field.as_str()), (43, shown.as_str())];
    objects.extend_from_slice(further);
    forge.update(&objects).bytes
}

#[track_caller]
fn asked(report: &Report, outcome: Outcome) {
    for name in ["second_reader", "third_reader"] {
        let check = report.checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(check.outcome, outcome, "{name}: {}", check.reason);
    }
}

#[test]
fn padding_behind_a_signature_silences_nobody() {
    let report = judge(&filled(Forge::signed(""), &[]));
    assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
    asked(&report, Outcome::Passed);
    // Larger than many files, and still read by all.
    let report = judge(&filled(Forge::signed(""), &[(44, &scan(17 << 20))]));
    assert_eq!(report.integrity, Integrity::Intact, "{:#?}", report.checks);
    asked(&report, Outcome::Passed);
    // Too large for them: nobody knows.
    let padding = scan(LARGEST);
    let report = judge(&filled(Forge::signed(""), &[(44, &padding)]));
    assert_eq!((report.integrity, report.indication), (Integrity::Unknown, Indication::Indeterminate));
    assert_eq!(report.sub_indication, Some(SubIndication::PolicyProcessingError));
    assert!(report.message.en.contains("cross-checked"), "{}", report.message.en);
    asked(&report, Outcome::NotDone);
    let changes = report.signatures[0].checks.iter().find(|check| check.name == "changes").unwrap();
    assert!(changes.outcome == Outcome::NotDone && changes.reason.contains("larger"), "{changes:?}");
    // So is a second signature that makes a small file large; what is written plainly and signs nothing was never asked about.
    let padded = Forge::signed("").update(&[(44, &padding)]);
    assert_eq!(judge(&padded.bytes).integrity, Integrity::Intact);
    let report = judge(&padded.sign_again(30, "").bytes);
    assert_eq!(report.integrity, Integrity::Unknown, "{:#?}", report.checks);
    let lines: Vec<_> = report.signatures.iter().map(|line| line.integrity).collect();
    assert_eq!(lines, [Integrity::Unknown, Integrity::Intact]);
}

#[test]
fn a_large_file_that_is_signed_again_stays_intact() {
    let large = || Forge::base().update(&[(44, &scan(LARGEST))]).sign_again(20, "");
    assert_eq!(judge(&large().bytes).integrity, Integrity::Intact);
    let report = judge(&large().sign_again(30, "").bytes);
    assert_eq!(report.integrity, Integrity::Intact, "{:#?} {:#?}", report.checks, report.signatures[0]);
    asked(&report, Outcome::NotDone);
    let store = "<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R/DSS<</Certs[]>>>>";
    let report = judge(&large().sign_again(30, "").update(&[(1, store)]).bytes);
    assert_eq!(report.integrity, Integrity::Intact, "{:#?}", report.checks);
    // What touches something that was there is for other readers to confirm, and what is forged stays forged.
    assert_eq!(judge(&filled(large(), &[])).integrity, Integrity::Unknown);
    assert_eq!(judge(&large().update(&[(4, &stream(EVIL))]).bytes).integrity, Integrity::Altered);
}
