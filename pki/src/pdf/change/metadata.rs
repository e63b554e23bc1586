//! What a metadata packet (XMP, ISO 16684-1) tells a reader who is shown the document's properties or its title: compared property by
//! property, so that dates and tools may change and nothing else. A packet that cannot be read that way is compared by its bytes.

use super::Comparison;
use super::kind::ChangeKind;
use crate::pdf::file::PdfFile;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object};
use crate::pdf::tree::text;
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Namespace and local name of a property.
type Property = (String, String);
/// Its values, each as one text that says all of it.
type Properties = BTreeMap<Property, Vec<Value>>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    /// Elements, attributes and text.
    whole: String,
    /// The text alone, where there is one piece.
    text: Option<String>,
}

impl Comparison<'_, '_> {
    /// The kind of change between the `Metadata` of two dictionaries that differ there, and what it is about. `information` is the document's
    /// `Info`, which a packet may repeat.
    pub(super) fn metadata_kind(
        &self,
        old: &Dictionary,
        new: &Dictionary,
        information: Option<&Dictionary>,
    ) -> (ChangeKind, String) {
        let packets = (self.packet(self.old, old), self.packet(self.new, new));
        let (Some(before), Some(after)) = packets else {
            return (ChangeKind::DocumentInformation, "a packet that is no XMP".to_owned());
        };
        let mut names: Vec<&Property> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let changed = names.into_iter().find(|name| match (before.get(*name), after.get(*name)) {
            (None, Some(values)) => !self.repeats(name, values, information),
            (before, after) => before != after,
        });
        match changed {
            Some((namespace, local)) => {
                let shown: String = format!("{local} of {namespace}").chars().take(SHOWN).collect();
                (ChangeKind::DocumentInformation, shown)
            }
            None => (ChangeKind::Metadata, String::new()),
        }
    }

    /// What the packet of a dictionary says; empty where there is none, `None` where that cannot be told.
    fn packet(&self, file: &PdfFile<'_>, dictionary: &Dictionary) -> Option<Properties> {
        match file.value(dictionary, "Metadata") {
            Object::Null => Some(Properties::new()),
            Object::Stream(stream) if !self.is_spent() => {
                let bytes = file.decoded_regularly(&stream).ok()?;
                self.charge(bytes.len() / BYTES_OF_A_PAIR);
                (bytes.len() <= limits::METADATA_BYTES).then(|| properties(&bytes))?
            }
            _ => None,
        }
    }

    /// Whether a property that was not there says what `Info` says, or what is true of every PDF.
    fn repeats(&self, (namespace, local): &Property, values: &[Value], information: Option<&Dictionary>) -> bool {
        let [Value { text: Some(value), .. }] = values else { return false };
        let key = match (namespace.as_str(), local.as_str()) {
            (DUBLIN_CORE, "format") => return value == "application/pdf",
            (DUBLIN_CORE, "title") => "Title",
            (DUBLIN_CORE, "creator") => "Author",
            (DUBLIN_CORE, "description") => "Subject",
            (PDF, "Keywords") => "Keywords",
            _ => return false,
        };
        let Some(said) = information.map(|information| self.new.value(information, key)) else { return false };
        said.string().is_some_and(|said| text(said).trim() == value)
    }
}

/// The properties of a packet that a reader may show. `None` of whatever is not one description of a document as XMP writes it.
fn properties(bytes: &[u8]) -> Option<Properties> {
    let text = encoding::decode(bytes.trim_ascii()).ok()?;
    // Programs that look for a packet or a value in the octets find them in comments too, and read a part of a divided text.
    if text.contains("<!--") || text.contains("<![CDATA[") {
        return None;
    }
    let document = Document::parse(text.trim_matches([' ', '\t', '\r', '\n', '\0'])).ok()?;
    let mut root = document.document_element();
    if document.namespace(root) == META {
        let mut children = document.children(root);
        let (Some(only), None) = (children.next(), children.next()) else { return None };
        if document.has_own_text(root) {
            return None;
        }
        root = only;
    }
    if !document.is(root, RDF, "RDF") || document.has_own_text(root) {
        return None;
    }
    let mut found = Properties::new();
    for description in document.children(root) {
        if !document.is(description, RDF, "Description") || document.has_own_text(description) {
            return None;
        }
        for attribute in document.attributes(description) {
            let (namespace, local) = (document.namespace_of(attribute), attribute.local);
            match (namespace, local) {
                (RDF, "about") | ("", "about") | (XML, _) => {}
                (RDF | "", _) => return None,
                _ => {
                    add(&mut found, namespace, local, (attribute.value.to_string(), Some(attribute.value.to_string())))
                }
            }
        }
        for property in document.children(description) {
            // Text beside elements is no value of XMP (ISO 16684-1 §7.4), and so much of it could be written as often as it is deep.
            let mixed = |node: &NodeId| document.children(*node).next().is_some() && document.has_own_text(*node);
            if document.elements_within(property).any(|node| mixed(&node)) || has_foreign_parts(&document, property) {
                return None;
            }
            let value = (whole(&document, property), only_text(&document, property));
            add(&mut found, document.namespace(property), document.local_name(property), value);
        }
    }
    found.values_mut().for_each(|values| values.sort_unstable());
    Some(found)
}

fn add(found: &mut Properties, namespace: &str, local: &str, (whole, text): (String, Option<String>)) {
    if !is_free(namespace, local) {
        let text = text.map(|text| text.trim().to_owned());
        found.entry((namespace.to_owned(), local.to_owned())).or_default().push(Value { whole, text });
    }
}

/// All that a property's element holds, in one form: whether it is written as attributes or elements stays a difference.
fn whole(document: &Document<'_>, property: NodeId) -> String {
    let mut written = String::new();
    let mut open: Vec<NodeId> = Vec::new();
    for node in document.elements_within(property) {
        while open.last().is_some_and(|above| !document.is_within(node, *above)) {
            open.pop();
            written.push('>');
        }
        open.push(node);
        if node != property {
            // Of a written name nothing can pass for another one: neither holds a line feed.
            let _ = write!(written, "<{}\n{}\n", document.namespace(node), document.local_name(node));
        }
        for attribute in document.attributes(node) {
            let (namespace, value) = (document.namespace_of(attribute), attribute.value.as_ref());
            let _ = write!(written, "{namespace}\n{}\n{}\n{value}", attribute.local, value.len());
        }
        if document.children(node).next().is_none() {
            let value = document.text(node);
            if node == property {
                written.push_str(&value);
            } else {
                let _ = write!(written, "{}\n{value}", value.len());
            }
        }
    }
    written
}

/// Whether a property that may change freely holds what is none of its own: readers that collect descriptions at any depth find it there.
fn has_foreign_parts(document: &Document<'_>, property: NodeId) -> bool {
    let (namespace, local) = (document.namespace(property), document.local_name(property));
    let known = |part: &str| part.is_empty() || part == namespace || PARTS.contains(&part);
    let is_foreign = |node: NodeId| {
        let attributes = document.attributes(node).iter();
        !known(document.namespace(node)) || attributes.map(|one| document.namespace_of(one)).any(|part| !known(part))
    };
    is_free(namespace, local) && document.elements_within(property).any(is_foreign)
}

fn is_free(namespace: &str, local: &str) -> bool {
    FREE.iter().any(|(known, names)| *known == namespace && (names.is_empty() || names.contains(&local)))
}

/// The text of a property that is one text: by itself or as the one item of a list.
fn only_text(document: &Document<'_>, property: NodeId) -> Option<String> {
    let mut leaves = document.elements_within(property).filter(|node| document.children(*node).next().is_none());
    match (leaves.next(), leaves.next()) {
        (Some(only), None) if !document.is(only, RDF, "Alt") => Some(document.text(only).into_owned()),
        _ => None,
    }
}

const META: &str = "adobe:ns:meta/";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
const PDF: &str = "http://ns.adobe.com/pdf/1.3/";
/// Of what the history of a file is written.
const PARTS: [&str; 6] = [
    RDF,
    XML,
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "http://ns.adobe.com/xap/1.0/sType/Version#",
    "http://ns.adobe.com/xap/1.0/sType/ManifestItem#",
];
/// Dates, tools, and the history of the file: what every program that writes a file changes. Of a namespace without names every property.
const FREE: [(&str, &[&str]); 3] = [
    ("http://ns.adobe.com/xap/1.0/", &["CreateDate", "CreatorTool", "MetadataDate", "ModifyDate"]),
    ("http://ns.adobe.com/xap/1.0/mm/", &[]),
    (PDF, &["Producer", "Trapped"]),
];
/// Reading so many bytes of a packet counts as comparing one pair of objects.
const BYTES_OF_A_PAIR: usize = 16;
/// Characters of a property's name that a finding repeats.
const SHOWN: usize = 120;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn packet(attributes: &str, content: &str) -> Option<Properties> {
        properties(
            format!(
                r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}" xmlns:dc="{DUBLIN_CORE}" xmlns:pdf="{PDF}" xmlns:xmp="http://ns.adobe.com/xap/1.0/"><rdf:Description rdf:about=""{attributes}>{content}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>   "#
            )
            .as_bytes(),
        )
    }

    #[test]
    fn only_dates_and_tools_are_free() {
        let title = "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">A</rdf:li></rdf:Alt></dc:title>";
        let before = packet("", title).unwrap();
        for (attributes, content) in [
            (" xmp:ModifyDate=\"2026\"", title.to_owned()),
            ("", format!("{title}<xmp:ModifyDate>2026</xmp:ModifyDate><pdf:Producer>P</pdf:Producer>")),
            ("", title.replace("<rdf:Alt>", "<rdf:Alt>\n  ")),
        ] {
            assert_eq!(packet(attributes, &content).unwrap(), before, "{content}");
        }
        for (attributes, content) in [
            ("", title.replace('A', "B")),
            ("", title.replace("x-default", "vi")),
            ("", title.replace("</rdf:Alt>", "<rdf:li xml:lang=\"vi\">B</rdf:li></rdf:Alt>")),
            ("", format!("{title}<pdf:Keywords>k</pdf:Keywords>")),
            (" pdf:Keywords=\"k\"", title.to_owned()),
            (" xmp:Label=\"k\"", title.to_owned()),
            ("", String::new()),
        ] {
            assert_ne!(packet(attributes, &content).unwrap(), before, "{content}");
        }
        // One property twice, and what is no description.
        assert_ne!(packet("", &format!("{title}{title}")).unwrap(), before);
        let deep = format!("{title}<mm:History xmlns:mm=\"http://ns.adobe.com/xap/1.0/mm/\">{title}</mm:History>");
        for other in [
            title.replace('A', "A<!---->"),
            title.replace('A', "<![CDATA[A]]>"),
            format!("{title}<a:b xmlns:a='a'>c<d/></a:b>"),
            deep,
        ] {
            assert_eq!(packet("", &other), None, "{other}");
        }
        for other in ["<html>A</html>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>", "text"] {
            assert_eq!(properties(other.as_bytes()), None);
        }
    }
}
