//! OpenDocument packages: what may lie beside the signed files, and what a signed file may show from there.

use crate::made::{File, archive, file, verdict};
use crate::world::{Party, World, YEAR};
use crate::xmldsig::{DSIG, reference, signature};
use chuky_model::report::{Integrity, Report};

const TEXT: &str = "application/vnd.oasis.opendocument.text";
const SIGNATURES: &str = "urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0";

/// A text document whose one frame shows `address`, signed as a whole.
fn document(signer: &Party, address: &str) -> Vec<File> {
    let content = format!(
        r#"<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:d="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:x="http://www.w3.org/1999/xlink"><o:body><d:image x:href="{address}"/></o:body></o:document-content>"#
    );
    let manifest = format!(
        r#"<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:file-entry m:full-path="/" m:media-type="{TEXT}"/></m:manifest>"#
    );
    let mut files = vec![
        file("mimetype", TEXT),
        file("content.xml", content),
        file("Pictures/1.png", "signed"),
        file("META-INF/manifest.xml", manifest),
    ];
    let references: Vec<String> =
        files.iter().map(|file| reference(std::str::from_utf8(&file.name).unwrap(), &[], &file.content)).collect();
    let signed = signature(signer, &references, "");
    let signed = format!(r#"<document-signatures xmlns="{SIGNATURES}">{signed}</document-signatures>"#);
    files.push(file("META-INF/documentsignatures.xml", signed));
    files
}

fn with(mut files: Vec<File>, name: &str, content: &str) -> Report {
    files.push(file(name, content));
    verdict(&archive(&files), None)
}

#[track_caller]
fn is(report: &Report, integrity: Integrity) {
    assert_eq!(report.integrity, integrity, "{report:#?}");
}

#[test]
fn nothing_but_signatures_lies_beside_what_is_signed() {
    let signer = World::new().signer(YEAR);
    let honest = document(&signer, "Pictures/1.png");
    is(&verdict(&archive(&honest), None), Integrity::Intact);
    // Another program's signatures (ODF 1.2-3 §5.1).
    let others =
        format!(r#"<document-signatures xmlns="{SIGNATURES}"><Signature xmlns="{DSIG}"/></document-signatures>"#);
    is(&with(honest.clone(), "META-INF/othersignatures.xml", &others), Integrity::Intact);
    for (name, content) in [
        ("META-INF/xsignatures.png", "a picture"),
        ("META-INF/signatures/a.png", "a picture"),
        ("META-INF/signatures/content.xml", others.as_str()),
        ("META-INF/othersignatures.xml", "<svg/>"),
        ("Pictures/2.png", "a picture"),
    ] {
        is(&with(honest.clone(), name, content), Integrity::Altered);
    }
}

#[test]
fn what_a_signed_part_shows_is_signed() {
    let signer = World::new().signer(YEAR);
    for address in [
        "META-INF/documentsignatures.xml",
        "./META-INF/../META-INF/documentsignatures.xml#s",
        "META-INF%2Fdocumentsignatures.xml",
        "vnd.sun.star.Package:META-INF/documentsignatures.xml",
    ] {
        is(&verdict(&archive(&document(&signer, address)), None), Integrity::Altered);
    }
    let leads_away = document(&signer, "http://example.vn/META-INF/documentsignatures.xml");
    is(&verdict(&archive(&leads_away), None), Integrity::Intact);
}
