//! Trust and time in the verdict on a document: with and without anchors, outside the certificate's validity.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Indication, Integrity, Outcome, Report, SubIndication};
use chuky_pki::certificate::Certificate;
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::Forge;

fn judge(bytes: &[u8], at: &str, trusted: bool) -> Report {
    let mut context = VerificationContext::at(Instant::parse_rfc3339(at).unwrap());
    if trusted {
        context.anchors.push(Certificate::from_der(&forge::certificate()).unwrap());
    }
    verify_document(bytes, "made.pdf", &context)
}

#[test]
fn a_trusted_signer_passes_and_is_named() {
    let report = judge(&Forge::signed("").bytes, "2026-11-22T00:00:00Z", true);
    assert_eq!(report.indication, Indication::TotalPassed, "{:#?}", report.signatures);
    assert_eq!(report.sub_indication, None);
    assert_eq!(report.signatures[0].signer.as_ref().unwrap().common_name, "TEST Signer");
    assert!(report.message.vi.contains("TEST Signer") && report.message.en.contains("valid"));
    // The claimed time proves nothing.
    assert_eq!(report.signatures[0].best_signature_time, None);
}

#[test]
fn without_anchors_trust_is_open_and_integrity_is_judged() {
    let report = judge(&Forge::signed("").bytes, "2026-11-22T00:00:00Z", false);
    assert_eq!((report.integrity, report.indication), (Integrity::Intact, Indication::Indeterminate));
    assert_eq!(report.sub_indication, Some(SubIndication::NoCertificateChainFound));
    let path = report.signatures[0].checks.iter().find(|check| check.name == "certificate_path").unwrap();
    assert_eq!(path.outcome, Outcome::NotDone);
}

#[test]
fn an_altered_document_fails_however_trusted_the_signer() {
    let bytes = Forge::signed("").update(&[(4, &forge::stream("BT (Forged) Tj ET"))]).bytes;
    let report = judge(&bytes, "2026-11-22T00:00:00Z", true);
    assert_eq!((report.integrity, report.indication), (Integrity::Altered, Indication::TotalFailed));
}

#[test]
fn an_unknown_issuer_leaves_trust_open() {
    let mut context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    let other = rcgen::generate_simple_self_signed(vec!["other.test".into()]).unwrap();
    context.anchors.push(Certificate::from_der(other.cert.der()).unwrap());
    let report = verify_document(&Forge::signed("").bytes, "made.pdf", &context);
    assert_eq!((report.integrity, report.indication), (Integrity::Intact, Indication::Indeterminate));
    assert_eq!(report.sub_indication, Some(SubIndication::NoCertificateChainFound));
}

#[test]
fn the_same_inputs_give_the_same_report() {
    let bytes = Forge::signed("").sign_again(30, "").bytes;
    let first = serde_json::to_string(&judge(&bytes, "2026-11-22T00:00:00Z", true)).unwrap();
    let second = serde_json::to_string(&judge(&bytes, "2026-11-22T00:00:00Z", true)).unwrap();
    assert_eq!(first, second);
}
