//! Relationships (ECMA-376-2 §9.3): how a reader comes from the package to each part. Read strictly, and told apart by what they mean
//! to a reader.

use super::{limits, part};
use crate::error::{Error, Result};
use crate::xml::document::Document;
use crate::xml::encoding;
use std::collections::BTreeSet;

/// One relationship.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    pub id: String,
    pub kind: String,
    pub target: String,
    /// Whether the target lies outside the package.
    pub is_external: bool,
}

/// Reads a relationships part. An identifier that stands twice, or anything beside relationships, and readers might follow others.
pub fn parse(bytes: &[u8]) -> Result<Vec<Relationship>> {
    const WHAT: Error = Error::Malformed("relationships");
    if bytes.len() > limits::MARKUP {
        return Err(Error::Limit("length of a relationships part"));
    }
    let text = encoding::decode(bytes)?;
    let document = Document::parse(&text)?;
    let root = document.document_element();
    if !document.is(root, NAMESPACE, "Relationships") {
        return Err(WHAT);
    }
    let mut known = BTreeSet::new();
    let mut relationships = Vec::new();
    for node in document.children(root) {
        if relationships.len() >= limits::ENTRIES {
            return Err(Error::Limit("relationships of one part"));
        }
        let value = |name: &str| document.attribute(node, name).map(str::to_owned);
        let (Some(id), Some(kind), Some(target)) = (value("Id"), value("Type"), value("Target")) else {
            return Err(WHAT);
        };
        if !document.is(node, NAMESPACE, "Relationship") || !known.insert(id.clone()) {
            return Err(WHAT);
        }
        let is_external = match document.attribute(node, "TargetMode") {
            None | Some("Internal") => false,
            Some("External") => true,
            Some(_) => return Err(WHAT),
        };
        relationships.push(Relationship { id, kind, target, is_external });
    }
    Ok(relationships)
}

impl Relationship {
    /// The part that it leads to, seen from its source; `None` where that is no part of this package.
    pub fn part(&self, source: &str) -> Option<String> {
        if self.is_external { None } else { part::resolve(source, &self.target) }
    }

    /// The last word of its type: the same in the transitional and the strict namespaces (ISO/IEC 29500-1 and -4).
    pub fn word(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a reader might look for a signature, its certificate or the origin of both there, by whatever it compares.
    pub fn may_lead_to_signatures(&self) -> bool {
        self.kind.contains("/relationships/digital-signature/")
            && ["origin", "signature", "certificate"].contains(&self.word())
    }

    /// Whether it leads to a signature, a signature's certificate, or the origin of both, and to nothing else (ECMA-376-2 §13.2).
    pub fn is_of_signatures(&self, source: &str) -> bool {
        let rest = self.kind.strip_prefix(SIGNATURES).filter(|_| !self.is_external);
        match rest {
            Some("origin") => source.is_empty(),
            Some("signature" | "certificate") => !source.is_empty(),
            _ => false,
        }
    }

    /// Whether it leads to something that office programs leave out of their signatures and that shows nothing of the document:
    /// properties and pictures of the whole file, names of people, states of comments, a macro project's own signature. Types count whole: a
    /// reader that does not know a type may show what another relationship makes of the same part.
    pub fn is_about_the_document(&self, source: &str) -> bool {
        let kinds: &[&str] = if source.is_empty() { &OF_PACKAGE } else { &OF_PART };
        !self.is_external && (kinds.contains(&self.kind.as_str()) || (!source.is_empty() && self.is_about_data()))
    }

    /// Whether it leads to data that fields of the document may be bound to (ISO/IEC 29500-1 §15.2.4).
    pub fn is_data(&self) -> bool {
        !self.is_external && self.is_of_office(&["customXml"])
    }

    /// Whether it leads to the properties of such data, by which fields find it (ISO/IEC 29500-1 §15.2.5).
    pub fn is_about_data(&self) -> bool {
        !self.is_external && self.is_of_office(&["customXmlProps"])
    }

    /// In the transitional or the strict namespace.
    fn is_of_office(&self, words: &[&str]) -> bool {
        let word = self.kind.strip_prefix(TRANSITIONAL).or(self.kind.strip_prefix(STRICT));
        word.is_some_and(|word| words.contains(&word))
    }

    /// Whether what it leads to is shown in the document though it lies outside the package. A hyperlink only leads there.
    pub fn shows_what_lies_outside(&self) -> bool {
        self.is_external && !self.is_of_office(&["hyperlink"])
    }
}

const NAMESPACE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const SIGNATURES: &str = "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/";
const TRANSITIONAL: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
const STRICT: &str = "http://purl.oclc.org/ooxml/officeDocument/relationships/";
/// What the package refers to (ECMA-376-2 §11, annex H; ISO/IEC 29500-1 §15.2.12; [MS-OFFCRYPTO] §2.6).
const OF_PACKAGE: [&str; 9] = [
    "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
    "http://schemas.openxmlformats.org/officedocument/2006/relationships/metadata/core-properties",
    "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/extended-properties",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/extendedProperties",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/customProperties",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/metadata/thumbnail",
    "http://schemas.microsoft.com/office/2020/02/relationships/classificationlabels",
];
/// What parts refer to ([MS-DOCX] §2.2, [MS-XLSX] §2.1, [MS-PPTX] §2.1, [MS-OVBA]).
const OF_PART: [&str; 10] = [
    "http://schemas.microsoft.com/office/2011/relationships/people",
    "http://schemas.microsoft.com/office/2017/10/relationships/person",
    "http://schemas.microsoft.com/office/2011/relationships/commentsExtended",
    "http://schemas.microsoft.com/office/2016/09/relationships/commentsIds",
    "http://schemas.microsoft.com/office/2018/08/relationships/commentsExtensible",
    "http://schemas.microsoft.com/office/2006/relationships/vbaProjectSignature",
    "http://schemas.microsoft.com/office/2014/relationships/vbaProjectSignatureAgile",
    "http://schemas.microsoft.com/office/2020/07/relationships/vbaProjectSignatureV3",
    "http://schemas.microsoft.com/office/2015/10/relationships/revisionInfo",
    "http://schemas.microsoft.com/office/2016/11/relationships/changesInfo",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(entries: &str) -> Result<Vec<Relationship>> {
        parse(format!("<Relationships xmlns=\"{NAMESPACE}\">{entries}</Relationships>").as_bytes())
    }

    #[test]
    fn an_identifier_that_stands_twice_is_refused() {
        let one = r#"<Relationship Id="r1" Type="http://x/image" Target="a.png"/>"#;
        assert_eq!(list(one).unwrap().first().unwrap().part("word/d.xml").as_deref(), Some("word/a.png"));
        assert!(list(&format!("{one}{one}")).is_err());
        assert!(list(r#"<Relationship Id="r1" Type="t" Target="a" TargetMode="internal"/>"#).is_err());
        assert!(list("<mc:Choice xmlns:mc=\"urn:x\"/>").is_err());
    }

    #[test]
    fn only_what_shows_nothing_may_stay_unsigned() {
        let of = |kind: &str, external| Relationship {
            id: "r".to_owned(),
            kind: format!("http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"),
            target: "x".to_owned(),
            is_external: external,
        };
        assert!(of("extended-properties", false).is_about_the_document(""));
        assert!(!of("extended-properties", false).is_about_the_document("word/document.xml"));
        assert!(!of("vbaProject", false).is_about_the_document("word/document.xml"));
        // A word alone is no type.
        let people = |kind: &str| Relationship { kind: kind.to_owned(), ..of("x", false) };
        assert!(
            people("http://schemas.microsoft.com/office/2011/relationships/people").is_about_the_document("w/d.xml")
        );
        assert!(!people("urn:x/people").is_about_the_document("w/d.xml"));
        assert!(of("customXml", false).is_data() && !people("urn:x/customXml").is_data());
        let certificate = people(&format!("{SIGNATURES}certificate"));
        assert!(certificate.is_of_signatures("_xmlsignatures/sig1.xml") && !certificate.is_of_signatures(""));
        assert!(!people("urn:x/relationships/digital-signature/certificate").is_of_signatures("s.xml"));
        assert!(of("image", true).shows_what_lies_outside() && !of("hyperlink", true).shows_what_lies_outside());
    }
}
