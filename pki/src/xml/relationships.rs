//! The relationship transform of Office Open XML signatures (ECMA-376-2 §12.2.4.26): of a relationships part, those that the signer
//! named, sorted, in canonical form. Takes octets and gives octets.

use super::document::{Document, NodeId};
use super::encoding;
use crate::error::Result;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Which relationships are signed.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    identifiers: Vec<String>,
    types: Vec<String>,
    with_marks: bool,
}

impl Wanted {
    /// Whether a relationship of this identifier and type is among them.
    pub fn takes(&self, identifier: &str, kind: &str) -> bool {
        let named = |list: &[String], value: &str| list.binary_search_by(|one| one.as_str().cmp(value)).is_ok();
        named(&self.identifiers, identifier) || named(&self.types, kind)
    }

    /// The same, in the form that older xmlsec made, and with it LibreOffice 7.4: an empty element for each piece of text or
    /// comment, before the relationships. It tells no less than the standard's form, so that a match proves the same.
    pub fn as_xmlsec_wrote(&self) -> Self {
        Self { with_marks: true, ..self.clone() }
    }
}

const SIGNATURE: &str = "http://schemas.openxmlformats.org/package/2006/digital-signature";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

pub(super) fn read(document: &Document<'_>, transform: NodeId) -> Wanted {
    let mut wanted = Wanted::default();
    for child in document.children(transform) {
        let value = |name: &str| document.attribute(child, name).map(str::to_owned);
        if document.is(child, SIGNATURE, "RelationshipReference") {
            wanted.identifiers.extend(value("SourceId"));
        } else if document.is(child, SIGNATURE, "RelationshipsGroupReference") {
            wanted.types.extend(value("SourceType"));
        }
    }
    wanted.identifiers.sort_unstable();
    wanted.types.sort_unstable();
    wanted
}

pub(super) fn transform(octets: &[u8], wanted: &Wanted) -> Result<Vec<u8>> {
    let text = encoding::decode(octets)?;
    let document = Document::parse(&text)?;
    let mut kept = BTreeMap::new();
    for relationship in document.children(document.document_element()) {
        let value = |name: &str| document.attribute(relationship, name).unwrap_or_default();
        if document.is(relationship, RELATIONSHIPS, "Relationship") && wanted.takes(value("Id"), value("Type")) {
            let mode = document.attribute(relationship, "TargetMode").unwrap_or("Internal");
            kept.insert(value("Id"), (value("Target"), mode, value("Type")));
        }
    }
    let mut output = format!("<Relationships xmlns=\"{RELATIONSHIPS}\">");
    if wanted.with_marks {
        output.extend(document.loose_children(document.document_element()).map(|is_text| match is_text {
            true => "<text></text>",
            false => "<comment></comment>",
        }));
    }
    for (id, (target, mode, kind)) in kept {
        let [id, target, mode, kind] = [id, target, mode, kind].map(escaped);
        let written = write!(
            output,
            "<Relationship Id=\"{id}\" Target=\"{target}\" TargetMode=\"{mode}\" Type=\"{kind}\"></Relationship>"
        );
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    output.push_str("</Relationships>");
    Ok(output.into_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
        .replace('\t', "&#x9;")
        .replace('\n', "&#xA;")
        .replace('\r', "&#xD;")
}
