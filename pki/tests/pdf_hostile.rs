//! Tricks against the verdict: each file here is signed, then changed or prepared in a way that some reader shows something else.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Outcome, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::{Forge, stream};

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

#[test]
fn unused_content_that_could_be_switched_to_is_a_warning() {
    let warning = |bytes: &[u8]| {
        let report = judge(bytes);
        assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
        let check = report.checks.iter().find(|check| check.name == "prepared_shadows").unwrap().clone();
        (check.outcome, check.reason)
    };
    // The base holds a content stream and a page that nothing refers to.
    let (outcome, reason) = warning(&Forge::signed("").bytes);
    assert_eq!(outcome, Outcome::Failed);
    assert!(reason.starts_with("2 unused") && reason.contains("14 0 R"), "{reason}");
    let second = &[(50, "<</Type/Catalog/Pages 51 0 R>>"), (51, "<</Kids[16 0 R]/Count 1>>")];
    let (_, reason) = warning(&Forge::base().update(second).sign_again(20, "").bytes);
    assert!(reason.starts_with("4 unused"), "{reason}");
    // A second definition that no table lists.
    let mut hidden = Forge::base();
    let twice = format!("4 0 obj\n{}\nendobj\n", stream("BT /F1 12 Tf (Other) Tj ET"));
    hidden.bytes.extend(twice.bytes());
    let (_, reason) = warning(&hidden.sign_again(20, "").bytes);
    assert!(reason.starts_with("3 unused") && reason.contains("4 0 R"), "{reason}");
    // What was replaced before anybody signed is history.
    let (_, reason) = warning(&Forge::base().update(&[(3, &Forge::page("/Contents 14 0 R"))]).sign_again(20, "").bytes);
    assert!(reason.starts_with("1 unused") && reason.contains("16 0 R"), "{reason}");
}
