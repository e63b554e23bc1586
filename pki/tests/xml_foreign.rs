//! XML signatures by signxml and xmlsec are intact, and changed ones are not; canonical forms are those of libxml2.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod xml;

use chuky_model::report::Integrity;
use chuky_pki::xml::canonical::{Method, canonicalise};
use chuky_pki::xml::document::{Document, NodeId};
use chuky_pki::xml::encoding;
use chuky_pki::xml::selection::{Budget, Selection};
use xml::{assert_intact, assert_not_intact, file, files, told, verify, verify_detached};

#[test]
fn what_foreign_tools_sign_is_intact() {
    let Some(folder) = files() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".xml") || name == "detached.xml" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let report = assert_intact(&text, &name);
        let partly = name.starts_with("part") || name == "invoice.xml" || name == "invoices.xml";
        assert_eq!(report.message.en.contains("only a part"), partly, "{name}: {}", told(&report));
        assert!(report.signatures.iter().all(|line| line.signer.is_some()), "{name}");
        // Every bit of the signature value counts, and so does what is signed.
        let at = text.find("SignatureValue>").unwrap() + 40;
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_not_intact(&changed, &format!("{name} with another value"));
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn changed_content_is_not_intact() {
    for (name, from, to) in [
        ("signxml-enveloped-canonical_xml_1_1", "Hóa", "Hoá"),
        ("signxml-xades", "<leaf", "<!-- --><leaf1/><leaf"),
        ("xmlsec-comments", "<leaf", "<leaf1/><leaf"),
        ("xmlsec-xpointer", "<!-- inside -->", ""),
        ("xmlsec-listed", "urn:unused", "urn:used"),
        ("xmlsec-inclusive", "xml:lang=\"vi\"", "xml:lang=\"en\""),
        ("part-inclusive", "xml:lang=\"vi\"", "xml:lang=\"en\""),
        ("xmlsec-base64", "ZGV0", "ZGV1"),
        ("invoice", ">1000000<", ">9000000<"),
        ("invoice", "2026-05-06", "2026-05-07"),
        ("part", ">signed<", ">forged<"),
    ] {
        let Some(text) = file(name) else { return };
        assert!(text.contains(from), "{name} has no {from}");
        assert_not_intact(text.replacen(from, to, 1), name);
    }
    // Comments are no part of what this one signs, and white space inside a tag is none of anybody's.
    let Some(text) = file("xmlsec-exclusive") else { return };
    assert_intact(text.replace("<!-- inside -->", ""), "a comment removed");
    assert_intact(text.replace("one=\"1\"", "one = '1'"), "another way to write");
    assert_intact(text.replace("utf-8", "UTF-8").replace("<empty/>", "<empty></empty>"), "another way to write");
}

#[test]
fn an_invoice_states_its_time() {
    let Some(text) = file("invoice") else { return };
    let report = assert_intact(text, "invoice");
    assert_eq!(report.signatures[0].claimed_signing_time.as_deref(), Some("2026-05-06T07:08:09Z"));
    assert_eq!(report.signatures[0].covers, "element DLHDon, element Object");
}

#[test]
fn detached_content_is_asked_for_and_compared() {
    let Some(folder) = files() else { return };
    let signature = std::fs::read(folder.join("detached.xml")).unwrap();
    let content = std::fs::read(folder.join("content.bin")).unwrap();
    let report = verify_detached(&signature, &content);
    assert_eq!(report.integrity, Integrity::Intact, "{}", told(&report));
    assert!(report.signatures[0].covers.contains("content.bin"), "{}", told(&report));
    assert_eq!(verify_detached(&signature, b"other content").integrity, Integrity::Broken);
    let report = verify(&signature);
    assert_eq!(report.integrity, Integrity::Unknown, "{}", told(&report));
    assert_eq!(report.sub_indication, Some(chuky_model::report::SubIndication::SignedDataNotFound));
}

#[test]
fn every_encoding_of_the_same_document_is_intact() {
    let Some(text) = file("xmlsec-exclusive") else { return };
    let undeclared = text.split_once("?>").unwrap().1;
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(undeclared.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_intact(wide, "UTF-16");
    assert_intact(format!("\u{feff}{text}"), "a byte order mark");
}

#[test]
fn canonical_forms_are_those_of_libxml2() {
    let Some(folder) = files() else { return };
    let mut compared = 0;
    for number in 0.. {
        let place = folder.join("c14n");
        let Ok(bytes) = std::fs::read(place.join(format!("{number}.xml"))) else { break };
        let text = encoding::decode(&bytes).unwrap();
        let document = Document::parse(&text).unwrap();
        for (mode, uri, listed) in [
            ("inclusive", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#", &[][..]),
            ("inclusive", "http://www.w3.org/2006/12/xml-c14n11#", &[]),
            ("exclusive", "http://www.w3.org/2001/10/xml-exc-c14n#", &[]),
            ("listed", "http://www.w3.org/2001/10/xml-exc-c14n#", &["a", "c"]),
        ] {
            for (suffix, comments) in [("", ""), ("-comments", "WithComments")] {
                let uri = format!("{uri}{comments}");
                let method = Method::from_uri(uri.strip_suffix('#').filter(|_| !uri.contains("exc")).unwrap_or(&uri));
                let all = Selection::subtree(&document, NodeId::ROOT, true);
                let mut output = Vec::new();
                let mut sink = |piece: &[u8]| output.extend_from_slice(piece);
                let mut budget = Budget::for_length(text.len());
                canonicalise(&document, &all, method.unwrap(), listed, &mut budget, &mut sink).unwrap();
                let expected = std::fs::read(place.join(format!("{number}.{mode}{suffix}"))).unwrap();
                let shown = String::from_utf8_lossy(&output);
                assert_eq!(shown, String::from_utf8_lossy(&expected), "document {number}, {uri}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 150 * 8);
}
