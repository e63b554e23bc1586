//! XML signatures whose transforms leave out what their references seem to cover: in a container, in a document, in an invoice.

use crate::made::{EXTENDED, archive, file, verdict};
use crate::world::{Party, World, YEAR};
use crate::xmldsig::{BASE64, DSIG, ENVELOPED, EXCLUSIVE, reference, relationships, signature, subtract, transform};
use chuky_model::report::{Integrity, Report};

const CANONICAL: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";

fn signer() -> Party {
    World::new().signer(YEAR)
}

#[track_caller]
fn is(report: &Report, integrity: Integrity) {
    assert_eq!(report.integrity, integrity, "{report:#?}");
}

/// An ASiC-E whose one file is this, with this signature.
fn container(name: &str, content: &[u8], signature: &str) -> Vec<u8> {
    let xml = format!(
        r#"<?xml version="1.0"?><asic:XAdESSignatures xmlns:asic="http://uri.etsi.org/02918/v1.2.1#">{signature}</asic:XAdESSignatures>"#
    );
    archive(&[file("mimetype", EXTENDED), file(name, content), file("META-INF/signatures.xml", xml)])
}

#[test]
fn a_manifest_is_signed_where_all_of_it_is() {
    let signer = signer();
    let object = |content: &[u8]| {
        let listed = reference("doc.txt", &[], content);
        format!(r#"<Object Id="o"><Manifest>{listed}</Manifest></Object>"#)
    };
    let canonical = |text: &str| text.replacen("<Object", &format!(r#"<Object xmlns="{DSIG}""#), 1);
    let honest = object(b"Pay 100");
    let whole = reference("#o", &[transform(EXCLUSIVE)], canonical(&honest).as_bytes());
    let signed = signature(&signer, &[whole], &honest);
    is(&verdict(&container("doc.txt", b"Pay 100", &signed), None), Integrity::Intact);
    is(&verdict(&container("doc.txt", b"Pay 999999", &signed), None), Integrity::Broken);
    // The references were taken out before the digest was made: any others have the same.
    let empty = canonical(r#"<Object Id="o"><Manifest></Manifest></Object>"#);
    let cut = reference("#o", &[subtract(DSIG, "Reference"), transform(EXCLUSIVE)], empty.as_bytes());
    for content in [b"Pay 100".as_slice(), b"Pay 999999"] {
        let signed = signature(&signer, std::slice::from_ref(&cut), &object(content));
        is(&verdict(&container("doc.txt", content, &signed), None), Integrity::Altered);
        // The same for content beside an enveloping signature.
        assert_ne!(verdict(signed.as_bytes(), Some(content)).integrity, Integrity::Intact);
        // A file that is signed beside makes it no better.
        let other = reference("doc.txt", &[], content);
        let both = signature(&signer, &[cut.clone(), other], &object(b"Pay 1"));
        is(&verdict(&container("doc.txt", content, &both), None), Integrity::Altered);
    }
}

/// A signature that is moved into its own manifest does not switch that off.
#[test]
fn a_manifest_with_a_signature_in_it_is_one() {
    let signer = signer();
    let listed = reference("#b", &[transform(EXCLUSIVE)], br#"<Body Id="b">100</Body>"#);
    let manifest =
        format!(r#"<Manifest xmlns="{DSIG}" Id="m">{}</Manifest>"#, listed.replace(&format!(" xmlns=\"{DSIG}\""), ""));
    let of_manifest = reference("#m", &[transform(ENVELOPED), transform(EXCLUSIVE)], manifest.as_bytes());
    let signed = signature(&signer, &[of_manifest], "");
    let document = |sum: &str, inside: bool| {
        let body = format!(r#"<Body Id="b">{sum}</Body>"#);
        match inside {
            true => format!("<Doc>{body}{}</Doc>", manifest.replace("</Manifest>", &format!("{signed}</Manifest>"))),
            false => format!("<Doc>{body}{manifest}{signed}</Doc>"),
        }
    };
    for inside in [false, true] {
        assert_ne!(verdict(document("999", inside).as_bytes(), None).integrity, Integrity::Intact, "{inside}");
    }
    assert_eq!(verdict(document("100", false).as_bytes(), None).integrity, Integrity::Intact);
}

#[test]
fn the_relationship_transform_is_for_packages() {
    let signer = signer();
    // Behind a canonical form it would leave nothing of any document.
    let nothing =
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>"#;
    let transforms = [transform(ENVELOPED), transform(EXCLUSIVE), relationships(&[])];
    let signed = signature(&signer, &[reference("", &transforms, nothing.as_bytes())], "");
    for sum in ["100", "999999"] {
        let document = format!("<Contract><Sum>{sum}</Sum>{signed}</Contract>");
        is(&verdict(document.as_bytes(), None), Integrity::Unknown);
    }
    let honest = reference("", &[transform(ENVELOPED), transform(EXCLUSIVE)], b"<Contract><Sum>100</Sum></Contract>");
    let document = format!("<Contract><Sum>100</Sum>{}</Contract>", signature(&signer, &[honest], ""));
    is(&verdict(document.as_bytes(), None), Integrity::Intact);
    // Over a file of a container it covers no file.
    let of_file = reference("doc.xml", &[relationships(&[])], nothing.as_bytes());
    let signed = signature(&signer, &[of_file], "");
    is(&verdict(&container("doc.xml", b"<Sum>100</Sum>", &signed), None), Integrity::Altered);
}

#[test]
fn comments_of_a_signed_file_are_signed() {
    let signer = signer();
    let judged = |name: &str, method: &str, content: &str, digested: &str| {
        let of_file = reference(name, &[transform(method)], digested.as_bytes());
        verdict(&container(name, content.as_bytes(), &signature(&signer, &[of_file], "")), None).integrity
    };
    assert_eq!(judged("a.xml", CANONICAL, "<a  b='c'/>", "<a b=\"c\"></a>"), Integrity::Intact);
    // What is XML by its name is read as nothing else.
    assert_eq!(judged("a.xml", CANONICAL, "<!--b--><a/>", "<a></a>"), Integrity::Intact);
    assert_eq!(judged("a.xml", CANONICAL, "<a>100<!--b--></a>", "<a>100</a>"), Integrity::Intact);
    assert_eq!(judged("a.xml", CANONICAL, "<a><![CDATA[100]]></a>", "<a>100</a>"), Integrity::Intact);
    // Where they divide a text some of its readers read a part of it, and sections are text to readers of anything else.
    for divided in ["<a>1<!--b-->00</a>", "<a>1<![CDATA[00]]></a>"] {
        assert_ne!(judged("a.xml", CANONICAL, divided, "<a>100</a>"), Integrity::Intact);
    }
    assert_ne!(judged("a.txt", CANONICAL, "<a><![CDATA[100]]></a>", "<a>100</a>"), Integrity::Intact);
    // Two contracts in comments: to their reader they are the text, to the digest they are nothing.
    for sum in ["100", "999999"] {
        let content = format!("<!--Pay {sum}--><a/>");
        assert_eq!(judged("contract.txt", CANONICAL, &content, "<a></a>"), Integrity::Altered);
        let with_comments = format!("{CANONICAL}#WithComments");
        let digested = format!("<!--Pay {sum}-->\n<a></a>");
        assert_eq!(judged("contract.txt", &with_comments, &content, &digested), Integrity::Intact);
    }
    let wide: Vec<u8> = "\u{feff}<!--Pay 100--><a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let of_file = reference("a.txt", &[transform(CANONICAL)], b"<a></a>");
    let signed = signature(&signer, &[of_file], "");
    is(&verdict(&container("a.txt", &wide, &signed), None), Integrity::Altered);
    // Beside an XML signature that stands alone it is not known what the content is.
    is(&verdict(signed.as_bytes(), Some(&wide)), Integrity::Unknown);
}

#[test]
fn base64_covers_no_attributes() {
    let signer = signer();
    let judged = |element: &str, object: &str| {
        let of_element = reference("#o", &[transform(BASE64)], b"100");
        let document = format!("<Contract>{element}{}</Contract>", signature(&signer, &[of_element], object));
        verdict(document.as_bytes(), None).integrity
    };
    assert_eq!(judged(r#"<Sum Id="o">MTAw</Sum>"#, ""), Integrity::Intact);
    assert_ne!(judged(r#"<Sum Id="o" Times="1000">MTAw</Sum>"#, ""), Integrity::Intact);
    // What an enveloped object says about its content is no content.
    let of_object = reference("#o", &[transform(BASE64)], b"100");
    let object =
        r#"<Object Id="o" MimeType="text/plain" Encoding="http://www.w3.org/2000/09/xmldsig#base64">MTAw</Object>"#;
    is(&verdict(signature(&signer, &[of_object], object).as_bytes(), None), Integrity::Intact);
}

#[test]
fn nothing_is_taken_out_of_what_is_signed() {
    let signer = signer();
    let invoice = |sum: &str, transforms: &[String], digested: &str| {
        let signed = signature(&signer, &[reference("#d", transforms, digested.as_bytes())], "");
        let data = format!(r#"<DLHDon Id="d"><Ten>A</Ten><TgTTTBSo>{sum}</TgTTTBSo></DLHDon>"#);
        format!("<HDon>{data}<DSCKS><NBan>{signed}</NBan></DSCKS></HDon>")
    };
    let plain = [transform(EXCLUSIVE)];
    let digested = r#"<DLHDon Id="d"><Ten>A</Ten><TgTTTBSo>100</TgTTTBSo></DLHDon>"#;
    is(&verdict(invoice("100", &plain, digested).as_bytes(), None), Integrity::Intact);
    let cut = [subtract("", "TgTTTBSo"), transform(EXCLUSIVE)];
    for sum in ["100", "999999"] {
        let forged = invoice(sum, &cut, r#"<DLHDon Id="d"><Ten>A</Ten></DLHDon>"#);
        is(&verdict(forged.as_bytes(), None), Integrity::Altered);
    }
    // In a layout that nobody here knows it is not known whether a reader uses what was left out.
    let transforms = [transform(ENVELOPED), subtract("", "Sum"), transform(EXCLUSIVE)];
    let whole = reference("", &transforms, b"<Contract><Who>A</Who></Contract>");
    for sum in ["100", "999999"] {
        let document = format!(
            "<Contract><Who>A</Who><Sum>{sum}</Sum>{}</Contract>",
            signature(&signer, std::slice::from_ref(&whole), "")
        );
        is(&verdict(document.as_bytes(), None), Integrity::Unknown);
    }
}

#[test]
fn attributes_around_what_is_signed_are_named() {
    let signer = signer();
    let around = |attributes: &str| {
        let of_sum = reference("#s1", &[transform(EXCLUSIVE)], br#"<Sum Id="s1">100</Sum>"#);
        let signed = signature(&signer, &[of_sum], "");
        verdict(format!(r#"<Contract{attributes}><Sum Id="s1">100</Sum>{signed}</Contract>"#).as_bytes(), None)
    };
    let reason = |report: &Report| {
        let check = report.signatures[0].checks.iter().find(|check| check.name == "coverage");
        check.unwrap().reason.clone()
    };
    for plain in ["", r#" Id="c""#] {
        assert_eq!(reason(&around(plain)), "it does not cover that it stands in <Contract>");
    }
    let report = around(r#" currency="USD""#);
    is(&report, Integrity::Intact);
    assert_eq!(reason(&report), "it does not cover attributes of <Contract>");
    assert!(report.message.en.contains("only a part"), "{:?}", report.message);
}
