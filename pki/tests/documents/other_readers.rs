//! Files that readers of other kinds open as well, and texts around a signature that no signature covers: whatever anybody sees of
//! them and nobody signed is never "intact". Damaged signatures are broken, never "none".

use crate::made::{
    EXTENDED, archive, base64url, compact, extended, file, manifest, naming_the_signer, signer, simple, verdict,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::report::{Integrity, Outcome, Report};
use chuky_pki::asn1::{Element, tag, write};
use chuky_pki::oid;

/// A PDF that nobody signed, with its places counted from a byte of another file.
fn pdf(at: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.4\n".to_vec();
    let mut table = String::from("xref\n0 4\n0000000000 65535 f \n");
    for object in [
        "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n",
        "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n",
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n",
    ] {
        table.push_str(&format!("{:010} 00000 n \n", at + bytes.len()));
        bytes.extend_from_slice(object.as_bytes());
    }
    let start = at + bytes.len();
    bytes.extend_from_slice(format!("{table}trailer<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").as_bytes());
    bytes
}

fn assert_altered(report: &Report, what: &str) {
    assert_eq!(report.integrity, Integrity::Altered, "{what}: {:?}", report.checks);
    let told = report.checks.iter().any(|check| check.name == "coverage" && check.outcome == Outcome::Failed);
    assert!(told, "{what}: {:?}", report.checks);
}

/// The object with one more certificate of a format of its own (RFC 5652 §10.2.2), which nobody signs.
fn with_other_certificate(cms: &[u8], content: &[u8]) -> Vec<u8> {
    const WHAT: &str = "SignedData";
    let mut content_info = Element::sequence(cms, WHAT).unwrap();
    let content_type = content_info.oid(WHAT).unwrap();
    let explicit = content_info.expect(tag::constructed(0), WHAT).unwrap();
    let mut fields = Element::sequence(explicit.content, WHAT).unwrap();
    let mut parts = Vec::new();
    while !fields.is_empty() {
        let part = fields.any().unwrap();
        let other = write::parts(0xa3, &[write::oid(&oid::DATA), write::octet_string(content)]);
        parts.push(match part.tag == tag::constructed(0) {
            true => write::element(part.tag, &[&other, part.content].concat()),
            false => part.raw.to_vec(),
        });
    }
    write::sequence(&[write::oid(&content_type), write::element(tag::constructed(0), &write::sequence(&parts))])
}

#[test]
fn a_pdf_in_what_nobody_signed_is_an_alteration() {
    // In a CMS object's certificates.
    let cms = signer().sign(&[b"content"]);
    assert_eq!(verdict(&with_other_certificate(&cms, b"harmless"), Some(b"content")).integrity, Integrity::Intact);
    assert_altered(&verdict(&with_other_certificate(&cms, &pdf(100)), Some(b"content")), "certificate");
    // In a container's own files, and in one that no manifest names.
    let first = |name: &str, content: Vec<u8>| {
        let mut files = extended();
        files.retain(|file| file.name != name.as_bytes());
        files.insert(0, file(name, content));
        verdict(&archive(&files), None)
    };
    assert_eq!(first("mimetype", EXTENDED.into()).integrity, Integrity::Intact);
    assert_eq!(first("mimetype", pdf(38)).integrity, Integrity::Broken, "no media type");
    assert_altered(&first("z.pdf", pdf(35)), "z.pdf");
    let mut files = simple();
    files[0].content = format!("text/x;{}", "x".repeat(10)).into_bytes();
    assert_eq!(verdict(&archive(&files), None).integrity, Integrity::Intact);
    // In the gap that a local header's extra field makes.
    let mut bytes = archive(&simple());
    let inserted = pdf(38);
    let length = u16::try_from(inserted.len()).unwrap();
    let extra = [&[0x99, 0x99][..], &length.to_le_bytes(), &inserted].concat();
    bytes.splice(38..38, extra.clone());
    bytes[28..30].copy_from_slice(&u16::try_from(extra.len()).unwrap().to_le_bytes());
    let report = verdict(&moved(bytes, u32::try_from(extra.len()).unwrap()), None);
    assert_altered(&report, "extra field");
}

/// The archive whose places behind the first entry are so many bytes later.
fn moved(mut bytes: Vec<u8>, by: u32) -> Vec<u8> {
    let end = bytes.len() - 22;
    let add = |bytes: &mut Vec<u8>, at: usize| {
        let value = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) + by;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    };
    add(&mut bytes, end + 16);
    let mut at = usize::try_from(u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap())).unwrap();
    let mut is_first = true;
    while at < end {
        if !is_first {
            add(&mut bytes, at + 42);
        }
        is_first = false;
        at += 46 + usize::from(u16::from_le_bytes(bytes[at + 28..at + 30].try_into().unwrap()));
    }
    bytes
}

#[test]
fn a_signed_pdf_inside_stays_intact() {
    // The content that is signed may be a PDF, attached or stored in a container.
    let content = pdf(0);
    let manifest = manifest("META-INF/signature001.p7s", &[("a.pdf", &content)]);
    let signature = signer().sign(&[manifest.as_bytes()]);
    let files = [
        file("a.pdf", &content),
        file("META-INF/ASiCManifest001.xml", manifest),
        file("META-INF/signature001.p7s", signature),
    ];
    let report = verdict(&archive(&files), None);
    assert_eq!(report.integrity, Integrity::Intact, "{:?}", report.checks);
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[test]
fn text_beside_a_block_is_an_alteration_and_two_blocks_are_broken() {
    let cms = signer().sign(&[b"content"]);
    let given = |text: &str| verdict(text.as_bytes(), Some(b"content"));
    for label in ["CMS", "PKCS7"] {
        assert_eq!(given(&format!("\n{}\n", pem(label, &cms))).integrity, Integrity::Intact);
    }
    let block = pem("CMS", &cms);
    assert_altered(&given(&format!("Trả 9.000.000 đồng\n{block}")), "before");
    assert_altered(&given(&format!("{block}Trả 9.000.000 đồng\n")), "behind");
    for other in [pem("PKCS7", &cms), pem("CERTIFICATE", b"0"), "-----BEGIN X".to_owned()] {
        assert_eq!(given(&format!("{block}{other}")).integrity, Integrity::Broken, "{other}");
        assert_eq!(given(&format!("{other}{block}")).integrity, Integrity::Broken, "{other}");
    }
}

#[test]
fn a_message_that_reads_two_ways_is_broken() {
    let cms = STANDARD.encode(signer().sign(&[b"Content-Type: text/plain\r\n\r\n1.000.000"]));
    let message = |head: &str| {
        format!(
            "MIME-Version: 1.0\r\n{head}\r\n\r\npreamble\r\n--a\r\nContent-Type: text/plain\r\n\r\n1.000.000\r\n--a\r\n\
             Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n{cms}\r\n--a--\r\n"
        )
    };
    let plain = "Content-Type: multipart/signed; boundary=\"a\"; micalg=sha-256";
    assert_eq!(verdict(message(plain).as_bytes(), None).integrity, Integrity::Intact);
    for head in [
        format!("{plain}\r\nContent-Type: text/plain"),
        format!("Content-Type: text/plain\r\n{plain}"),
        "Content-Type: multipart/signed; boundary=\"a\"; boundary=\"b\"".to_owned(),
    ] {
        assert_eq!(verdict(message(&head).as_bytes(), None).integrity, Integrity::Broken, "{head}");
    }
}

#[test]
fn a_damaged_json_signature_is_broken_and_a_lookalike_too() {
    let whole = compact(&format!(r#"{{"alg":"ES256",{}}}"#, naming_the_signer()), b"payload");
    assert_eq!(verdict(whole.as_bytes(), None).integrity, Integrity::Intact);
    let parts: Vec<&str> = whole.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for damaged in [
        format!("{header}.{payload}"),
        format!("{whole}.x"),
        format!("{header}={payload}.{signature}").replace('=', "=."),
        format!("{header}.{payload}.{signature}=="),
        format!("{}!{}.{payload}.{signature}", &header[..20], &header[21..]),
        format!("{}\n{}.{payload}.{signature}", &header[..20], &header[20..]),
        format!("{header}.{payload}.{signature}\u{a0}"),
    ] {
        assert_eq!(verdict(damaged.as_bytes(), None).integrity, Integrity::Broken, "{damaged}");
    }
    let json = |more: &str| {
        let text = format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"{more}}}"#);
        verdict(text.as_bytes(), None).integrity
    };
    assert_eq!(json(""), Integrity::Intact);
    assert_eq!(json(r#","note":"x""#), Integrity::Intact);
    for lookalike in ["Payload", "PAYLOAD", "\u{17f}ignature", "Protected", "Header", "SignatureS"] {
        assert_eq!(json(&format!(r#","{lookalike}":"{}""#, base64url("9000000"))), Integrity::Broken, "{lookalike}");
    }
    let cut = format!(r#"{{"payload":"{payload}","protected":"{header}","sig"#);
    assert_eq!(verdict(cut.as_bytes(), None).integrity, Integrity::Broken);
    // What only resembles one has no signature.
    for text in [r#"{"protected": true, "payload": 1}"#, "eyJhbGciOiJub25lIn0", "day la van ban. khong co chu ky."] {
        assert_eq!(verdict(text.as_bytes(), None).integrity, Integrity::None, "{text}");
    }
}

#[test]
fn a_manifest_without_its_signature_is_broken() {
    let mut files = extended();
    files.retain(|file| file.name != b"META-INF/signature001.p7s");
    assert_eq!(verdict(&archive(&files), None).integrity, Integrity::Broken);
}
