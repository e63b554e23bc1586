//! OCSP responders that a trusted list names beside an authority: their answers count about its certificates, in their time, and for nothing else.

use crate::world::{LONG, Party, Role, World, YEAR, time};
use chuky_model::report::{Indication, Report, SubIndication};
use chuky_pki::verify::{
    AnchorPurpose, Period, Recorded, RecordedAnchor, TrustSnapshot, VerificationContext, verify_document,
};
use std::sync::Arc;

const AT: &str = "2026-06-16T00:00:00Z";

fn recorded(
    party: &Party,
    purpose: AnchorPurpose,
    answers_for: &[&Party],
    period: (&str, Option<&str>),
) -> RecordedAnchor {
    RecordedAnchor {
        certificate: party.certificate.der().to_vec(),
        purposes: vec![purpose],
        periods: vec![Period { from: Some(time(period.0)), until: period.1.map(time) }],
        known_until: Some(time("2026-12-01T00:00:00Z")),
        origin: "trusted list TEST no. 1".to_owned(),
        answers_for: answers_for.iter().map(|one| *one.certificate.fingerprint()).collect(),
    }
}

fn judged(bytes: &[u8], anchors: Vec<RecordedAnchor>) -> Report {
    let snapshot = TrustSnapshot { anchors, ..TrustSnapshot::default() };
    let recorded = Some(Arc::new(Recorded::read(snapshot).unwrap()));
    verify_document(bytes, "made", &VerificationContext { recorded, ..VerificationContext::at(time(AT)) })
}

#[track_caller]
fn is(report: &Report, sub: Option<SubIndication>) {
    let indication = if sub.is_none() { Indication::TotalPassed } else { Indication::Indeterminate };
    assert_eq!((report.indication, report.sub_indication), (indication, sub), "{report:#?}");
}

#[test]
fn a_responder_of_a_trusted_list_answers_for_its_providers_authorities_alone() {
    let world = World::new();
    let signer = world.signer(YEAR);
    let always = ("2020-01-01T00:00:00Z", None);
    let status = Party::new("TEST status", 0x60, Role::Status, LONG, None);
    let stranger = Party::new("TEST status", 0x61, Role::Status, LONG, None);
    let answer =
        |by: &Party| by.answer(&world.issuing, &signer.certificate, "2026-06-15T12:00:00Z", "2026-06-17T00:00:00Z");
    let signed = |answers: Vec<Vec<u8>>| {
        let mut cms = world.cades(&signer, b"content", Vec::new());
        cms.answers = answers;
        cms.make().0
    };
    let authority = || recorded(&world.issuing, AnchorPurpose::Signatures, &[], always);
    let responder = |answers_for: &[&Party], period| recorded(&status, AnchorPurpose::Statuses, answers_for, period);
    let document = signed(vec![answer(&status)]);
    // Nobody vouches for the responder.
    is(&judged(&document, vec![authority()]), Some(SubIndication::TryLater));
    is(&judged(&document, vec![authority(), responder(&[&world.issuing], always)]), None);
    // For another provider's authority, or out of its time, it does not count.
    for other in [
        responder(&[&world.root], always),
        responder(&[], always),
        responder(&[&world.issuing], ("2020-01-01T00:00:00Z", Some("2026-06-15T00:00:00Z"))),
        responder(&[&world.issuing], ("2026-06-16T00:00:00Z", None)),
    ] {
        is(&judged(&document, vec![authority(), other]), Some(SubIndication::TryLater));
    }
    // Somebody else of its name.
    let forged = signed(vec![answer(&stranger)]);
    let both = || vec![authority(), responder(&[&world.issuing], always)];
    is(&judged(&forged, both()), Some(SubIndication::TryLater));
    // A responder ends no path, whatever it may have signed.
    let own = Party::new("Nguyễn Văn An", 0x62, Role::Signer, YEAR, Some(&status));
    let by_responder = world.cades(&own, b"content", Vec::new()).make().0;
    is(&judged(&by_responder, both()), Some(SubIndication::NoCertificateChainFound));
    is(&judged(&document, vec![responder(&[&world.issuing], always)]), Some(SubIndication::NoCertificateChainFound));
}
