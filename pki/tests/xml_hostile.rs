//! Hostile XML: mutated, deep, wide, many. Every input ends in a report, without a panic and in a time that grows with its length.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod xml;

use chuky_model::report::{Integrity, Report};
use std::fmt::Write;
use std::time::{Duration, Instant};
use xml::{assert_intact, assert_not_intact, file, files, told, verify};

/// A debug build on a busy machine; a release build is ten times faster.
const LONGEST: Duration = Duration::from_secs(30);
const DS: &str = "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";

fn in_time(text: &str, what: &str) -> Report {
    let began = Instant::now();
    let report = verify(text);
    let took = began.elapsed();
    println!("{took:?} for {what}, {} bytes", text.len());
    assert!(took < LONGEST, "{what}: {took:?}");
    assert_ne!(report.integrity, Integrity::Intact, "{what}: {}", told(&report));
    report
}

fn reference(uri: &str, transforms: &str) -> String {
    format!(
        "<ds:Reference URI=\"{uri}\"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>"
    )
}

fn signature(references: &str) -> String {
    format!(
        "<ds:Signature {DS}><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/><ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>{references}</ds:SignedInfo><ds:SignatureValue>AAAA</ds:SignatureValue></ds:Signature>"
    )
}

#[test]
fn mutated_files_end_in_a_report() {
    if files().is_none() {
        return;
    }
    let mut state = 0x9e37_79b9_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for name in ["invoices", "signxml-xades", "xmlsec-xpath", "xmlsec-base64", "part-inclusive"] {
        let genuine = file(name).unwrap().into_bytes();
        for _ in 0..300 {
            let mut mutated = genuine.clone();
            for _ in 0..=random(3) {
                let (at, from) = (random(mutated.len()), random(genuine.len()));
                let length = mutated.len();
                match random(4) {
                    0 => mutated[at] = random(256) as u8,
                    1 => drop(mutated.drain(at..(at + random(40)).min(length))),
                    2 => mutated.truncate(at.max(1)),
                    _ => {
                        let piece = genuine[from..(from + random(200)).min(genuine.len())].to_vec();
                        mutated.splice(at..at, piece);
                    }
                }
            }
            let report = verify(&mutated);
            assert!(!report.message.vi.is_empty() && !report.message.en.is_empty());
        }
    }
}

#[test]
fn entities_and_document_types_are_refused() {
    let Some(text) = file("xmlsec-exclusive") else { return };
    let body = text.split_once("?>").unwrap().1;
    let bomb = "<!DOCTYPE doc [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let outside = "<!DOCTYPE doc [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
    let attributes = "<!DOCTYPE doc [<!ATTLIST doc a CDATA \"forged\">]>";
    for declaration in [bomb, outside, attributes, "<!DOCTYPE doc []>"] {
        let report = in_time(&format!("{declaration}{body}"), declaration);
        assert_eq!(report.integrity, Integrity::Unknown, "{}", told(&report));
    }
    // The namespace itself in an entity: nothing in the bytes names it.
    let hidden = "<!DOCTYPE d [<!ENTITY n \"http://www.w3.org/2000/09/xmld\">]><d xmlns=\"&n;sig#\"/>";
    assert_eq!(in_time(hidden, "hidden").integrity, Integrity::Unknown);
    let report = in_time(&signature("&#x3c;").replace("xmldsig#\"", "xmldsi&#103;#\""), "by reference");
    assert_eq!(report.integrity, Integrity::Broken, "{}", told(&report));
    assert_eq!(verify("<html><body>no signature</body></html>").integrity, Integrity::None);
}

#[test]
fn deep_wide_and_many_stay_within_bounds() {
    let deep = format!("{}{}{}", "<a>".repeat(200_000), signature(&reference("", "")), "</a>".repeat(200_000));
    assert_eq!(in_time(&deep, "deep").integrity, Integrity::Unknown);
    let attributes: String = (0..100_000).fold(String::new(), |mut text, at| {
        write!(text, " a{at}=\"\"").unwrap();
        text
    });
    in_time(&format!("<a{attributes}>{}</a>", signature(&reference("", ""))), "attributes");
    let namespaces: String = (0..4_000).fold(String::new(), |mut text, at| {
        write!(text, " xmlns:n{at}=\"u{at}\"").unwrap();
        text
    });
    let children = "<k/>".repeat(20_000);
    let references: String = (0..2_000).map(|_| reference("", "")).collect();
    in_time(&format!("<a{namespaces}>{children}{}</a>", signature(&references)), "namespaces");
    let long = format!(
        "<a Id=\"{0}\">{1}</a>",
        "i".repeat(2_000_000),
        signature(&reference(&format!("#{}", "i".repeat(2_000_000)), ""))
    );
    in_time(&long, "a long identifier");
    let path = "<ds:Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"><f:XPath xmlns:f=\"http://www.w3.org/2002/06/xmldsig-filter2\" Filter=\"subtract\">//*//*//*//*</f:XPath></ds:Transform>";
    let nested = format!("{}{}", "<b>".repeat(400), "</b>".repeat(400)).repeat(50);
    in_time(&format!("<a>{nested}{}</a>", signature(&reference("", path).repeat(500))), "paths");
}

#[test]
fn ten_thousand_signatures_or_references_end_in_a_report() {
    let body = "<p>text</p>".repeat(5_000);
    let many = signature(&reference(
        "",
        "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>",
    ))
    .repeat(10_000);
    let report = in_time(&format!("<a>{body}{many}</a>"), "signatures");
    assert!(report.checks.iter().any(|check| check.name == "signatures"), "{:?}", report.checks);
    for uri in ["", "#x", "other.bin"] {
        let report =
            in_time(&format!("<a><b Id=\"x\">{body}</b>{}</a>", signature(&reference(uri, "").repeat(10_000))), uri);
        assert_eq!(report.signatures.len(), 1);
    }
    let report = in_time(&format!("<a>{}</a>", signature(&reference("", "").repeat(10_001))), "one too many");
    assert!(told(&report).contains("limit"), "{}", told(&report));
}

#[test]
fn ten_thousand_references_to_one_manifest_stay_within_bounds() {
    let manifest =
        format!("<ds:Object {DS}><ds:Manifest Id=\"m\">{}</ds:Manifest></ds:Object>", reference("x", "").repeat(5_000));
    let digest = digest_of(&manifest);
    let right = reference("#m", "").replace("AAAA", &digest);
    let whole = signature(&right.repeat(5_000)).replace("</ds:Signature>", &format!("{manifest}</ds:Signature>"));
    in_time(&whole, "manifests");
}

/// The digest of the manifest in its canonical form, which it is written in.
fn digest_of(object: &str) -> String {
    let from = object.find("<ds:Manifest").unwrap();
    let to = object.find("</ds:Object>").unwrap();
    let canonical = object[from..to].replacen("<ds:Manifest", &format!("<ds:Manifest {DS}"), 1);
    openssl::base64::encode_block(&openssl::sha::sha256(canonical.as_bytes()))
}

#[test]
fn many_signatures_of_one_document_are_judged() {
    let Some(text) = file("xmlsec-xpath") else { return };
    let at = text.find("<ds:Signature").unwrap();
    let end = text.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    // The expression leaves every signature out, so each copy is as genuine as the first.
    let copies = text[at..end].repeat(40);
    let report = assert_intact(format!("{}{copies}{}", &text[..at], &text[end..]), "copies");
    assert_eq!(report.signatures.len(), 40);
    let one_broken = copies.replacen("<ds:DigestValue>", "<ds:DigestValue>AAAA", 1);
    assert_not_intact(format!("{}{one_broken}{}", &text[..at], &text[end..]), "one of them broken");
}
