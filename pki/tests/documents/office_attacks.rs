//! Office Open XML packages of which a signature seems to cover more than it does: one signature, two documents, and never both intact.

use crate::made::{archive, file, verdict};
use crate::world::{Party, World, YEAR};
use crate::xmldsig::{EXCLUSIVE, reference, relationships, signature, transform};
use chuky_model::report::{Integrity, Outcome, Report};

const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const MAIN: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
const HOLDER: &str = "application/vnd.openxmlformats-package.relationships+xml";

type Relation<'a> = (&'a str, String, &'a str);

fn listed(relations: &[Relation<'_>]) -> String {
    let one =
        |(id, kind, target): &Relation<'_>| format!(r#"<Relationship Id="{id}" Type="{kind}" Target="{target}"/>"#);
    let all: String = relations.iter().map(one).collect();
    format!(r#"<?xml version="1.0"?><Relationships xmlns="{PACKAGE}">{all}</Relationships>"#)
}

/// What the relationship transform makes of those that are named.
fn taken(relations: &[Relation<'_>], named: &[&str]) -> String {
    let kept = relations.iter().filter(|(id, ..)| named.contains(id));
    let one = |(id, kind, target): &Relation<'_>| {
        format!(r#"<Relationship Id="{id}" Target="{target}" TargetMode="Internal" Type="{kind}"></Relationship>"#)
    };
    format!(r#"<Relationships xmlns="{PACKAGE}">{}</Relationships>"#, kept.map(one).collect::<String>())
}

/// A package with one signature.
struct Made<'a> {
    body: String,
    /// The document's octets, where they are not UTF-8 of its text.
    main: Option<Vec<u8>>,
    /// Further parts, with their types.
    parts: Vec<(&'a str, &'a str, Vec<u8>)>,
    /// Those that the signature covers.
    signed: &'a [&'a str],
    of_package: Vec<Relation<'a>>,
    of_document: Vec<Relation<'a>>,
    /// The document's relationships that the signature covers.
    signed_of_document: &'a [&'a str],
    /// Transforms over the relationships of the document, where they are not the usual ones, with their result.
    transforms: Option<(Vec<String>, String)>,
    /// Whether the document goes through the relationship transform.
    document_as_relationships: bool,
}

fn made<'a>(body: &str) -> Made<'a> {
    Made {
        body: body.to_owned(),
        main: None,
        parts: Vec::new(),
        signed: &[],
        of_package: Vec::new(),
        of_document: Vec::new(),
        signed_of_document: &[],
        transforms: None,
        document_as_relationships: false,
    }
}

impl Made<'_> {
    fn document(&self) -> Vec<u8> {
        let text = format!(
            r#"<?xml version="1.0"?><w:document xmlns:w="{WORD}" xmlns:r="{OFFICE}"><w:body>{}</w:body></w:document>"#,
            self.body
        );
        self.main.clone().unwrap_or(text.into_bytes())
    }

    /// The package, after the content of one part was exchanged.
    fn exchanged(&self, signer: &Party, part: &str, content: &[u8]) -> Vec<u8> {
        let usual = |named: &[&str]| vec![relationships(named), transform(EXCLUSIVE)];
        let mut root: Vec<Relation<'_>> = vec![("rId1", format!("{OFFICE}/officeDocument"), "word/document.xml")];
        root.extend(self.of_package.iter().cloned());
        let of_root = reference(
            &format!("/_rels/.rels?ContentType={HOLDER}"),
            &usual(&["rId1"]),
            taken(&root, &["rId1"]).as_bytes(),
        );
        root.push(("rIdS", format!("{PACKAGE}/digital-signature/origin"), "_xmlsignatures/origin.sigs"));
        let uri = format!("/word/document.xml?ContentType={MAIN}");
        let of_main = match self.document_as_relationships {
            true => reference(&uri, &usual(&[]), taken(&[], &[]).as_bytes()),
            false => reference(&uri, &[], &self.document()),
        };
        let mut references = vec![of_root, of_main];
        if !self.of_document.is_empty() {
            let usual = (usual(self.signed_of_document), taken(&self.of_document, self.signed_of_document));
            let (transforms, result) = self.transforms.clone().unwrap_or(usual);
            let uri = format!("/word/_rels/document.xml.rels?ContentType={HOLDER}");
            references.push(reference(&uri, &transforms, result.as_bytes()));
        }
        let signed = self.parts.iter().filter(|(name, ..)| self.signed.contains(name));
        references
            .extend(signed.map(|(name, kind, bytes)| reference(&format!("/{name}?ContentType={kind}"), &[], bytes)));
        let overrides: String = [("word/document.xml", MAIN), ("_xmlsignatures/sig1.xml", SIGNATURE)]
            .into_iter()
            .chain(self.parts.iter().map(|(name, kind, _)| (*name, *kind)))
            .map(|(name, kind)| format!(r#"<Override PartName="/{name}" ContentType="{kind}"/>"#))
            .collect();
        let types = format!(
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="{HOLDER}"/><Default Extension="sigs" ContentType="application/vnd.openxmlformats-package.digital-signature-origin"/>{overrides}</Types>"#
        );
        let to_signature = [("rId1", format!("{PACKAGE}/digital-signature/signature"), "sig1.xml")];
        let mut files = vec![
            file("[Content_Types].xml", types),
            file("_rels/.rels", listed(&root)),
            file("word/document.xml", self.document()),
            file("_xmlsignatures/origin.sigs", ""),
            file("_xmlsignatures/_rels/origin.sigs.rels", listed(&to_signature)),
            file("_xmlsignatures/sig1.xml", signature(signer, &references, "")),
        ];
        if !self.of_document.is_empty() {
            files.push(file("word/_rels/document.xml.rels", listed(&self.of_document)));
        }
        files.extend(self.parts.iter().map(|(name, _, bytes)| file(name, bytes)));
        if let Some(found) = files.iter_mut().find(|file| file.name == part.as_bytes()) {
            found.content = content.to_vec();
        }
        archive(&files)
    }

    fn report(&self, signer: &Party) -> Report {
        verdict(&self.exchanged(signer, "", b""), None)
    }
}

const SIGNATURE: &str = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml";
const PARAGRAPH: &str = "<w:p><w:r><w:t>Pay 100</w:t></w:r></w:p>";
const PNG: &str = "image/png";

fn signer() -> Party {
    World::new().signer(YEAR)
}

fn image() -> Relation<'static> {
    ("rId5", format!("{OFFICE}/image"), "media/image1.png")
}

#[track_caller]
fn is(report: &Report, integrity: Integrity) {
    assert_eq!(report.integrity, integrity, "{report:#?}");
}

#[test]
fn honest_packages_are_intact() {
    let signer = signer();
    is(&made(PARAGRAPH).report(&signer), Integrity::Intact);
    let swapped = made(PARAGRAPH).exchanged(&signer, "word/document.xml", b"<x/>");
    is(&verdict(&swapped, None), Integrity::Broken);
    let illustrated = Made {
        parts: vec![("word/media/image1.png", PNG, b"black".to_vec())],
        signed: &["word/media/image1.png"],
        of_document: vec![image()],
        signed_of_document: &["rId5"],
        ..made(PARAGRAPH)
    };
    is(&illustrated.report(&signer), Integrity::Intact);
    is(&Made { signed: &[], ..illustrated }.report(&signer), Integrity::Altered);
}

#[test]
fn the_relationship_transform_covers_relationships_only() {
    let signer = signer();
    // Of a document it leaves nothing, whatever the document says.
    let empty = Made { document_as_relationships: true, ..made(PARAGRAPH) };
    is(&empty.report(&signer), Integrity::Altered);
    let other = empty.exchanged(&signer, "word/document.xml", b"<w:document xmlns:w=\"urn:w\">Pay 999999</w:document>");
    is(&verdict(&other, None), Integrity::Altered);
    // Of what the first transform took the second takes nothing.
    let twice = Made {
        parts: vec![("word/media/image1.png", PNG, b"black".to_vec())],
        signed: &["word/media/image1.png"],
        of_document: vec![image()],
        transforms: Some((
            vec![relationships(&["rId5"]), relationships(&[]), transform(EXCLUSIVE)],
            taken(&[image()], &[]),
        )),
        ..made(PARAGRAPH)
    };
    assert_ne!(twice.report(&signer).integrity, Integrity::Intact);
    // A list of relationships that the document shows as a part is more than its relationships.
    let shown = Made {
        of_document: vec![("rId7", format!("{OFFICE}/aFChunk"), "_rels/document.xml.rels")],
        signed_of_document: &["rId7"],
        ..made(PARAGRAPH)
    };
    is(&shown.report(&signer), Integrity::Altered);
}

#[test]
fn no_relationship_excuses_what_another_one_shows() {
    let signer = signer();
    let kinds = [
        "http://schemas.microsoft.com/office/2011/relationships/people".to_owned(),
        "urn:x/people".to_owned(),
        "urn:x/customXml".to_owned(),
        format!("{OFFICE}/customXml"),
        format!("{OFFICE}/customXmlProps"),
        format!("{PACKAGE}/digital-signature/certificate"),
        "urn:x/relationships/digital-signature/signature".to_owned(),
    ];
    for kind in kinds {
        for signed in [&["rId5"][..], &["rId5", "rId6"]] {
            let excused = Made {
                parts: vec![("word/media/image1.png", PNG, b"black".to_vec())],
                of_document: vec![image(), ("rId6", kind.clone(), "media/image1.png")],
                signed_of_document: signed,
                ..made(PARAGRAPH)
            };
            let report = excused.report(&signer);
            assert!(
                matches!(report.integrity, Integrity::Altered | Integrity::Broken),
                "{kind} {signed:?}: {report:#?}"
            );
        }
    }
    // A part in the trash is none, unless something leads there.
    let trashed = Made {
        parts: vec![("[trash]/0001.dat", PNG, b"black".to_vec())],
        of_document: vec![("rId5", format!("{OFFICE}/image"), "/[trash]/0001.dat")],
        signed_of_document: &["rId5"],
        ..made(PARAGRAPH)
    };
    is(&trashed.report(&signer), Integrity::Altered);
}

#[test]
fn what_office_programs_leave_unsigned_may_stay() {
    let signer = signer();
    let people = Made {
        parts: vec![("word/people.xml", "application/xml", b"<people/>".to_vec())],
        of_document: vec![(
            "rId6",
            "http://schemas.microsoft.com/office/2011/relationships/people".to_owned(),
            "people.xml",
        )],
        ..made(PARAGRAPH)
    };
    is(&people.report(&signer), Integrity::Intact);
    let other = Made { of_document: vec![("rId6", "urn:x/people".to_owned(), "people.xml")], ..people };
    is(&other.report(&signer), Integrity::Altered);
}

/// A document with this body, and properties that its signature does not cover.
fn with_properties<'a>(body: &str) -> Made<'a> {
    let core = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties".to_owned();
    Made {
        parts: vec![(
            "docProps/core.xml",
            "application/vnd.openxmlformats-package.core-properties+xml",
            b"<c:coreProperties xmlns:c=\"urn:c\"/>".to_vec(),
        )],
        of_package: vec![("rId9", core, "docProps/core.xml")],
        ..made(body)
    }
}

fn field(pieces: &[&str]) -> String {
    let text: String = pieces.iter().map(|one| format!("<w:r><w:instrText>{one}</w:instrText></w:r>")).collect();
    let mark = |kind: &str| format!(r#"<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>"#);
    format!("<w:p>{}{text}{}<w:r><w:t>100</w:t></w:r>{}</w:p>", mark("begin"), mark("separate"), mark("end"))
}

#[test]
fn fields_that_show_unsigned_properties_leave_it_open() {
    let signer = signer();
    for body in [
        field(&[" TITLE "]),
        field(&["DOCPROPERTY Amount \\* MERGEFORMAT"]),
        field(&["docprop", "erty Amount"]),
        field(&["INFO &#84;itle"]),
        "<w:fldSimple w:instr=\" SUBJECT \"/>".to_owned(),
        // Names its data nowhere: it is filled from wherever its path leads.
        "<w:sdt><w:sdtPr><w:dataBinding w:xpath=\"/*[1]\"/></w:sdtPr></w:sdt>".to_owned(),
    ] {
        let report = with_properties(&body).report(&signer);
        assert_eq!(report.integrity, Integrity::Unknown, "{body}: {report:#?}");
        let coverage = report.signatures[0].checks.iter().find(|check| check.name == "coverage").unwrap();
        assert!(coverage.outcome == Outcome::NotDone && coverage.reason.contains("docProps/core.xml"), "{coverage:?}");
        // Covered, there is nothing to ask.
        is(&made(&body).report(&signer), Integrity::Intact);
    }
    for body in [PARAGRAPH.to_owned(), field(&["PAGE"]), field(&["NUMPAGES"]), field(&["HYPERLINK \"x\" \\o TITLE"])] {
        is(&with_properties(&body).report(&signer), Integrity::Intact);
    }
    // A field that shows another file is said, like a picture from elsewhere.
    let report = made(&field(&["INCLUDETEXT \"https://example.vn/a.docx\""])).report(&signer);
    is(&report, Integrity::Intact);
    assert!(report.message.en.contains("only a part"), "{:?}", report.message);
}

/// A document with data that its signature does not cover.
fn with_data<'a>(body: &str, signed: &'a [&'a str]) -> Made<'a> {
    Made {
        parts: vec![
            ("customXml/item1.xml", "application/xml", b"<sum>100</sum>".to_vec()),
            ("customXml/itemProps1.xml", "application/xml", b"<p id=\"{1}\"/>".to_vec()),
            (
                "customXml/_rels/item1.xml.rels",
                HOLDER,
                listed(&[("rId1", format!("{OFFICE}/customXmlProps"), "itemProps1.xml")]).into_bytes(),
            ),
        ],
        signed,
        of_document: vec![("rId8", format!("{OFFICE}/customXml"), "../customXml/item1.xml")],
        signed_of_document: &["rId8"],
        ..made(body)
    }
}

#[test]
fn no_encoding_hides_that_the_document_shows_unsigned_data() {
    let signer = signer();
    is(&with_data(PARAGRAPH, &[]).report(&signer), Integrity::Intact);
    let bound = "<w:sdt><w:sdtPr><w:dataBinding w:storeItemID=\"{1}\"/></w:sdtPr></w:sdt>";
    is(&with_data(bound, &[]).report(&signer), Integrity::Unknown);
    let text = String::from_utf8(with_data(bound, &[]).document()).unwrap();
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let wide: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        let mark = order(0xfeff);
        let hidden = Made { main: Some([&mark[..], &wide].concat()), ..with_data(bound, &[]) };
        is(&hidden.report(&signer), Integrity::Unknown);
    }
    // By which data a field finds its own is as much what it shows.
    is(&with_data(bound, &["customXml/item1.xml"]).report(&signer), Integrity::Unknown);
    let all = &["customXml/item1.xml", "customXml/itemProps1.xml", "customXml/_rels/item1.xml.rels"];
    is(&with_data(bound, all).report(&signer), Integrity::Intact);
}
