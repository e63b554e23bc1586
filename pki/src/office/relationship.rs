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

    /// Whether it leads to a signature, a signature's certificate, or the origin of both (ECMA-376-2 §13.2).
    pub fn is_of_signatures(&self) -> bool {
        self.kind.contains("/relationships/digital-signature/")
            && ["origin", "signature", "certificate"].contains(&self.word())
    }

    /// Whether it leads to something that office programs leave out of their signatures and that shows nothing of the document:
    /// properties and pictures of the whole file, names of people, states of comments, a macro project's own signature.
    pub fn is_about_the_document(&self, source: &str) -> bool {
        let of_package =
            ["core-properties", "extended-properties", "custom-properties", "thumbnail", "classificationlabels"];
        let of_part = [
            "customXmlProps",
            "people",
            "person",
            "commentsExtended",
            "commentsIds",
            "commentsExtensible",
            "vbaProjectSignature",
            "vbaProjectSignatureAgile",
            "vbaProjectSignatureV3",
            "revisionInfo",
            "changesInfo",
        ];
        let words: &[&str] = if source.is_empty() { &of_package } else { &of_part };
        !self.is_external && words.contains(&self.word())
    }

    /// Whether what it leads to is shown in the document though it lies outside the package. A hyperlink only leads there.
    pub fn shows_what_lies_outside(&self) -> bool {
        self.is_external && self.word() != "hyperlink"
    }
}

const NAMESPACE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

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
        assert!(of("image", true).shows_what_lies_outside() && !of("hyperlink", true).shows_what_lies_outside());
    }
}
