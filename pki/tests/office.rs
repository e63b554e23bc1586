//! Signed office documents: genuine ones are intact, by LibreOffice as well as by an independent maker, and each known way to change
//! what a reader shows without breaking a digest is found and named.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "office/mod.rs"]
mod office;

use chuky_model::report::{DocumentFormat, Indication, Integrity, Outcome};
use office::{
    archive, assert_intact, assert_says, changed, foreign, kept, parts, told, verify, verify_trusted, with_file,
    with_text,
};
use std::path::Path;
use std::process::Command;

const KEPT: [&str; 4] = ["letter.odt", "sheet.ods", "letter.docx", "sheet.xlsx"];

#[test]
fn what_libreoffice_signed_is_intact() {
    for name in KEPT {
        let report = assert_intact(&kept(name), name);
        let is_open = name.ends_with("odt") || name.ends_with("ods");
        assert_eq!(report.format, if is_open { DocumentFormat::Odf } else { DocumentFormat::Ooxml }, "{name}");
        let line = &report.signatures[0];
        assert_eq!(line.format, "XAdES-BASELINE-B", "{name}");
        assert!(line.signer.as_ref().unwrap().common_name.contains("Nguyen Van An"));
        assert!(line.claimed_signing_time.as_deref().unwrap().starts_with("2026-"), "{name}");
        let covered = line.checks.iter().find(|check| check.name == "covered_parts").unwrap();
        let main = ["content.xml", "word/document.xml", "xl/workbook.xml"];
        assert!(main.iter().any(|main| covered.reason.contains(main)), "{}", told(&report));
        // The properties of the file are what office programs leave out of Open XML signatures; it is said.
        assert_eq!(line.covers == "whole_file", is_open, "{name}: {}", line.covers);
        assert_eq!(told(&report).contains("docProps/core.xml"), !is_open, "{}", told(&report));
        // With its root the path is valid, and only the status of the certificate is missing.
        let trusted = verify_trusted(&kept(name));
        assert!(
            trusted.signatures[0].checks.iter().any(|check| check.name == "certificate_path"),
            "{}",
            told(&trusted)
        );
    }
}

#[test]
fn what_libreoffice_signs_now_is_intact() {
    let there =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    let uno = Command::new("/usr/bin/python3").args(["-c", "import uno"]).output();
    if !there("soffice") || !uno.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no LibreOffice with Python; scripts/install-packages test installs it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/office/libreoffice.py");
    let run = |arguments: &[&str]| {
        let output = Command::new("/usr/bin/python3").arg(&script).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["sign", folder.path().to_str().unwrap()]);
    for name in KEPT {
        assert_intact(&std::fs::read(folder.path().join(name)).unwrap(), name);
    }
}

#[test]
fn what_an_independent_maker_signed_is_intact() {
    for (name, signers) in [
        ("word.docx", 1),
        ("twice.xlsx", 2),
        ("old.docx", 1),
        ("by-type.xlsx", 1),
        ("macro.docm", 1),
        ("data.docx", 1),
        ("twice.odt", 2),
        ("macro.odt", 2),
    ] {
        let Some(bytes) = foreign(name) else { return };
        let report = assert_intact(&bytes, name);
        assert_eq!(report.signatures.len(), signers, "{name}: {}", told(&report));
        assert!(!report.message.en.contains("only a part"), "{name}: {}", report.message.en);
        let times: Vec<_> = report.signatures.iter().map(|line| line.claimed_signing_time.as_deref()).collect();
        assert!(times.iter().all(|time| *time == Some("2026-05-06T07:08:09Z")), "{name}: {times:?}");
    }
}

#[test]
fn what_is_shown_from_elsewhere_is_said_to_be_unsigned() {
    for name in ["linked.docx", "linked.odt"] {
        let Some(bytes) = foreign(name) else { return };
        let report = assert_intact(&bytes, name);
        assert!(report.message.en.contains("only a part"), "{name}: {}", report.message.en);
        assert!(told(&report).contains("https://example.vn/seal.png"), "{}", told(&report));
    }
}

#[test]
fn a_document_without_signature_has_none() {
    let Some(bytes) = foreign("plain.docx") else { return };
    let report = verify(&bytes);
    assert_eq!((report.integrity, report.indication), (Integrity::None, Indication::NoSignatureFound));
    assert_eq!(report.format, DocumentFormat::Ooxml);
    let without = |name: &str, signatures: &str| {
        changed(&kept(name), |files| files.retain(|(one, _)| !one.starts_with(signatures)))
    };
    assert_eq!(verify(&without("letter.odt", "META-INF/documentsig")).integrity, Integrity::None);
    assert_eq!(verify(&without("letter.docx", "_xmlsignatures/")).integrity, Integrity::None);
    // A package of no office program stays what it was: not looked into.
    let other = archive(&vec![("readme.txt".to_owned(), b"text".to_vec())]);
    assert_eq!(verify(&other).integrity, Integrity::Unknown);
}

#[test]
fn every_signed_part_counts() {
    for name in KEPT {
        let bytes = kept(name);
        for (at, (part, content)) in parts(&bytes).iter().enumerate() {
            let is_signature = part.starts_with("_xmlsignatures/") || part == "META-INF/documentsignatures.xml";
            let is_apart = part.starts_with("docProps/") || part == "[Content_Types].xml";
            if is_signature || is_apart || content.is_empty() {
                continue;
            }
            let longer = changed(&bytes, |files| files[at].1.extend_from_slice(b"<!-- -->"));
            let is_text = part.ends_with(".xml") || part.ends_with(".rels");
            // A comment behind the end is nothing to canonical XML, and to no reader.
            if !is_text {
                assert_eq!(verify(&longer).integrity, Integrity::Broken, "{name}: {part} made longer");
            }
            let gone = changed(&bytes, |files| drop(files.remove(at)));
            assert_eq!(
                verify(&gone).integrity,
                Integrity::Broken,
                "{name}: {part} taken away: {}",
                told(&verify(&gone))
            );
        }
    }
}

#[test]
fn changed_text_is_found() {
    for (name, part, from, to) in [
        ("letter.odt", "content.xml", "12/Q", "13/Q"),
        ("sheet.ods", "content.xml", "office:value=\"1000\"", "office:value=\"9000\""),
        ("letter.docx", "word/document.xml", "12/Q", "13/Q"),
        ("sheet.xlsx", "xl/worksheets/sheet1.xml", "<v>1000</v>", "<v>9000</v>"),
        ("letter.docx", "word/_rels/document.xml.rels", "styles.xml", "other.xml"),
    ] {
        assert_says(&with_text(&kept(name), part, from, to), Integrity::Broken, part, name);
    }
}

#[test]
fn a_part_that_was_added_is_named() {
    let word = kept("letter.docx");
    let header = with_file(&word, "word/header1.xml", b"<w:hdr xmlns:w=\"urn:w\">9.000</w:hdr>");
    assert_says(&header, Integrity::Altered, "the part word/header1.xml", "a header that nothing refers to");
    let related = with_text(
        &header,
        "word/_rels/document.xml.rels",
        "</Relationships>",
        r#"<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/header" Target="header1.xml"/></Relationships>"#,
    );
    assert_says(&related, Integrity::Altered, "rId99 (header)", "a header with a relationship");
    let macro_project = with_file(&word, "word/vbaProject.bin", b"\xd0\xcf\x11\xe0");
    assert_says(&macro_project, Integrity::Altered, "the macro project word/vbaProject.bin", "a macro");
    let report = verify(&macro_project);
    let kinds: Vec<&str> = report.signatures[0].changes_after.iter().map(|change| change.kind.as_str()).collect();
    assert_eq!(kinds, ["macro_not_signed"]);
    let linked = with_text(
        &word,
        "word/_rels/document.xml.rels",
        "</Relationships>",
        r#"<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate" Target="http://a/b.dotm" TargetMode="External"/></Relationships>"#,
    );
    assert_says(&linked, Integrity::Altered, "attachedTemplate", "a template from elsewhere");
    let text = kept("letter.odt");
    for (name, says) in [
        ("Pictures/seal.png", "Pictures/seal.png"),
        ("META-INF/extra.xml", "META-INF/extra.xml"),
        ("Basic/Standard/Module1.xml", "the macro Basic/Standard/Module1.xml"),
        ("Object 1/content.xml", "Object 1/content.xml"),
    ] {
        assert_says(&with_file(&text, name, b"<x/>"), Integrity::Altered, says, name);
    }
}

#[test]
fn a_relationship_that_leads_elsewhere_is_found() {
    let Some(sheets) = foreign("twice.xlsx") else { return };
    // The sheets change places: by their relationships, by their names in the archive, by their order in the workbook.
    let rels = "xl/_rels/workbook.xml.rels";
    let swapped = with_text(&sheets, rels, "worksheets/sheet1.xml", "worksheets/sheet2.xml");
    assert_says(&swapped, Integrity::Broken, rels, "one sheet instead of another");
    let moved = changed(&sheets, |files| {
        for (name, _) in files.iter_mut() {
            *name = match name.as_str() {
                "xl/worksheets/sheet1.xml" => "xl/worksheets/sheet2.xml".to_owned(),
                "xl/worksheets/sheet2.xml" => "xl/worksheets/sheet1.xml".to_owned(),
                other => other.to_owned(),
            }
        }
    });
    assert_says(&moved, Integrity::Broken, "sheet1.xml", "the sheets' content exchanged");
    let renamed = with_text(&sheets, "xl/workbook.xml", "\"Thu\"", "\"Chi\"");
    assert_says(&renamed, Integrity::Broken, "xl/workbook.xml", "a sheet's name");
    let double = r#"<Relationship Id="rId1" Type="x" Target="worksheets/sheet2.xml"/></Relationships>"#;
    let double = with_text(&sheets, rels, "</Relationships>", double);
    assert_says(&double, Integrity::Broken, "", "an identifier that stands twice");
    let main = r#"<Relationship Id="rId0" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" Target="xl/other.xml"/></Relationships>"#;
    let main = with_text(&sheets, "_rels/.rels", "</Relationships>", main);
    assert_says(&main, Integrity::Altered, "several parts are named as the document", "a second document");
}

#[test]
fn a_content_type_that_is_not_the_signed_one_is_found() {
    let word = kept("letter.docx");
    let types = "[Content_Types].xml";
    let other = with_text(&word, types, "wordprocessingml.styles+xml", "wordprocessingml.header+xml");
    assert_says(&other, Integrity::Altered, "word/styles.xml was signed as", "another type");
    let gone = with_text(&word, types, "/word/styles.xml", "/word/others.xml");
    assert_says(&gone, Integrity::Altered, "word/styles.xml was signed as", "the type of its extension");
    let double = r#"<Override PartName="/WORD/styles.xml" ContentType="text/html"/></Types>"#;
    assert_says(
        &with_text(&word, types, "</Types>", double),
        Integrity::Altered,
        "content types",
        "a type that is given twice",
    );
}

#[test]
fn names_that_readers_take_for_one_are_found() {
    let word = kept("letter.docx");
    for name in ["word/Document.xml", "word/document%2Exml", "word/document.xml/[0].piece"] {
        let report = verify(&with_file(&word, name, b"<x/>"));
        assert!(matches!(report.integrity, Integrity::Altered | Integrity::Broken), "{name}: {}", told(&report));
        assert!(
            report.checks.iter().any(|check| check.name == "package" && check.outcome == Outcome::Failed),
            "{name}"
        );
    }
    // One name twice: the archive itself is refused, whichever of the two the digest is of.
    let mut bytes = with_file(&word, "word/documenu.xml", b"<x/>");
    let old = b"word/documenu.xml";
    while let Some(at) = bytes.windows(old.len()).position(|window| window == old) {
        bytes[at..at + old.len()].copy_from_slice(b"word/document.xml");
    }
    assert_says(&bytes, Integrity::Broken, "two entries have the name", "a name that stands twice");
    // The local header names another file than the directory.
    let mut bytes = archive(&parts(&word));
    let is_header = |window: &[u8]| window.starts_with(b"PK\x03\x04") && window.ends_with(b"word/document.xml");
    let at = bytes.windows(47).position(is_header).unwrap();
    bytes[at + 35] = b'x';
    assert_says(&bytes, Integrity::Broken, "local header and directory disagree", "two names of one file");
}

#[test]
fn data_that_the_document_shows_must_be_signed() {
    // Nothing tells whether what such fields show is still what the signer saw.
    let Some(bound) = foreign("bound.docx") else { return };
    assert_says(&bound, Integrity::Unknown, "customXml/item1.xml", "fields bound to data that is not signed");
    let title = foreign("title.docx").unwrap();
    assert_says(&title, Integrity::Unknown, "docProps/core.xml", "a field bound to the title");
    // Where nothing is bound to it, such data may change: no reader shows it.
    let data = foreign("data.docx").unwrap();
    assert_intact(&with_text(&data, "customXml/item1.xml", "1.000", "9.000"), "data that is not shown");
    // But what is damaged may make a reader repair, and show something else.
    let damaged = with_text(&data, "docProps/app.xml", "<Properties/>", "<Properties>");
    assert_says(&damaged, Integrity::Altered, "damaged part docProps/app.xml", "damaged properties");
}

#[test]
fn a_signature_over_a_part_only_is_not_over_the_document() {
    for (name, integrity, says) in [
        ("partly.docx", Integrity::Altered, "word/styles.xml"),
        ("partly.odt", Integrity::Altered, "styles.xml"),
        ("old.odt", Integrity::Unknown, "before ODF 1.2"),
        ("macros-only.odt", Integrity::Unknown, "only macros are signed"),
    ] {
        let Some(bytes) = foreign(name) else { return };
        assert_says(&bytes, integrity, says, name);
    }
}

#[test]
fn a_signature_is_no_other_documents() {
    let (Some(one), Some(other)) = (foreign("word.docx"), foreign("macro.docm")) else { return };
    let of = |bytes: &[u8], name: &str| parts(bytes).into_iter().find(|(one, _)| one == name).unwrap().1;
    let signature = "_xmlsignatures/sig1.xml";
    let taken = of(&other, signature);
    let moved = changed(&one, |files| {
        files.iter_mut().filter(|(name, _)| name == signature).for_each(|file| file.1 = taken.clone())
    });
    assert_ne!(verify(&moved).integrity, Integrity::Intact);
    // Universal forgery: no references, an empty file, no signature in it, references outside of what is signed.
    for content in [&b""[..], b"<x/>", b"<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>"] {
        let forged = changed(&one, |files| {
            files.iter_mut().filter(|(name, _)| name == signature).for_each(|file| file.1 = content.to_vec());
        });
        assert_eq!(verify(&forged).integrity, Integrity::Broken, "{}", told(&verify(&forged)));
    }
    for (from, to) in [
        ("Id=\"idPackageObject\"", "Id=\"idOther\""),
        ("URI=\"#idPackageObject\"", "URI=\"#idOfficeObject\""),
        ("<Manifest>", "<Manifest Id=\"m\">"),
    ] {
        assert_says(&with_text(&one, signature, from, to), Integrity::Broken, "", from);
    }
    // A picture of a signature line that nobody signed, in front and behind.
    let picture = "<Object Id=\"idValidSigLnImg\">AAAA</Object>";
    for place in ["<Object Id=\"idOfficeObject\">", "</Signature>"] {
        let added = with_text(&one, signature, place, &format!("{picture}{place}"));
        assert_says(&added, Integrity::Altered, "does not cover", "a picture");
    }
}

#[test]
fn a_package_of_many_parts_is_judged_in_time() {
    for name in ["many.docx", "many.odt"] {
        let Some(bytes) = foreign(name) else { return };
        let begun = std::time::Instant::now();
        assert_intact(&bytes, name);
        println!("{name}, {} kB: {:?}", bytes.len() / 1000, begun.elapsed());
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{name}: {:?}", begun.elapsed());
    }
    let large = with_file(&kept("letter.docx"), "word/large.xml", &vec![b' '; 64 << 20]);
    assert_says(&large, Integrity::Altered, "word/large.xml", "a large part");
}

#[test]
fn one_kind_does_not_hide_the_other() {
    // A signed Open XML package that is made to look like OpenDocument, or like a container, is judged by its signature.
    let word = kept("letter.docx");
    for kind in ["application/vnd.oasis.opendocument.text", "application/vnd.etsi.asic-e+zip"] {
        let mixed = changed(&word, |files| files.insert(0, ("mimetype".to_owned(), kind.as_bytes().to_vec())));
        assert_says(&mixed, Integrity::Altered, "mimetype", kind);
    }
    let text = changed(&kept("letter.odt"), |files| {
        files.push((
            "[Content_Types].xml".to_owned(),
            b"<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_vec(),
        ));
        files.push(("word/document.xml".to_owned(), b"<x/>".to_vec()));
    });
    assert_says(&text, Integrity::Altered, "word/document.xml", "an OpenDocument file that looks like Open XML");
}
