//! Augmentation of XAdES signatures (EN 319 132-1 §5.3 to §5.5): unsigned properties put behind those that are there, by their place in the text, so
//! that every other octet of the document stays.

use super::augmentation::{Addition, DIGEST, Over, missing, only};
use super::xml_file::Sources;
use super::xml_signature::{self, Beside};
use super::xml_timestamp::{self, Context, is_signature};
use crate::creation::xades;
use crate::error::{Error, Result};
use crate::splice::Splice;
use crate::xml::document::{Document, ElementEnd, NodeId};
use crate::xml::names::XADES_132;
use crate::xml::selection::Budget;
use crate::xml::signature::Signature;
use crate::xml::xades::{Qualifying, TimestampKind, is};
use crate::xml::{encoding, limits};

/// The identifiers of the signatures that stand outside others, as the report has them.
pub(super) fn signatures(bytes: &[u8]) -> Result<Vec<String>> {
    let (text, _) = encoding::utf8(bytes)?;
    let document = Document::parse(text)?;
    let nodes = nodes(&document);
    let outer = nodes.iter().filter(|(node, _)| !document.ancestors(*node).any(|above| is_signature(&document, above)));
    Ok(outer.map(|(_, name)| name.clone()).collect())
}

/// What a timestamp is over, as [`super::xml_timestamp`] compares it.
pub(super) fn imprint(bytes: &[u8], sources: &Sources<'_>, signature: &str, over: Over) -> Result<Vec<u8>> {
    let (text, _) = encoding::utf8(bytes)?;
    let document = Document::parse(text)?;
    let node = find(&document, signature)?;
    let mut budget = Budget::for_length(document.text_length().saturating_add(sources.length));
    let beside = Beside { sources, is_a_guess: false };
    let findings = xml_signature::check(&document, node, &[], &beside, &mut budget)?;
    qualifying(&document, node)?;
    let kind = match over {
        Over::Signature => TimestampKind::Signature,
        Over::Archive => TimestampKind::Archive,
    };
    let context = Context { document: &document, findings: &findings, sources };
    xml_timestamp::imprint(&context, kind, DIGEST, &mut budget)
}

/// What changes in the text.
pub(super) fn add(bytes: &[u8], additions: &[(String, Addition)]) -> Result<Vec<Splice>> {
    let (text, mark) = encoding::utf8(bytes)?;
    let document = Document::parse(text)?;
    let mut properties: Vec<(NodeId, String)> = Vec::new();
    for (name, addition) in additions {
        let node = find(&document, name)?;
        let added = properties_of(&document, node, addition)?;
        match properties.iter_mut().find(|(known, _)| *known == node) {
            Some((_, text)) => text.push_str(&added),
            None => properties.push((node, added)),
        }
    }
    let mut splices = Vec::new();
    for (node, added) in properties.into_iter().filter(|(_, added)| !added.is_empty()) {
        splices.push(splice(&document, &qualifying(&document, node)?, &added, mark)?);
    }
    splices.sort_by_key(|splice| splice.at);
    Ok(splices)
}

fn properties_of(document: &Document<'_>, node: NodeId, addition: &Addition) -> Result<String> {
    Ok(match addition {
        Addition::Timestamp { over: Over::Signature, token } => xades::signature_timestamp(token),
        Addition::Timestamp { over: Over::Archive, token } => xades::archive_timestamp(token),
        Addition::ValidationData(data) => {
            let qualifying = qualifying(document, node)?;
            let values = qualifying.values(document);
            let data = missing(data, &values.certificates, &values.crls, &values.ocsp_responses);
            let stands = |name: &str| qualifying.unsigned.iter().any(|property| is(document, *property, name));
            xades::validation_data(&data, stands("CertificateValues") || stands("RevocationValues")).concat()
        }
    })
}

/// Behind the last unsigned property, in the innermost list that is there.
fn splice(document: &Document<'_>, qualifying: &Qualifying, added: &str, mark: usize) -> Result<Splice> {
    let below = |node: NodeId, name: &str| document.children(node).find(|child| is(document, *child, name));
    let list = below(qualifying.node, "UnsignedProperties");
    let inner = list.and_then(|list| below(list, "UnsignedSignatureProperties"));
    let (place, text) = match (inner, list) {
        (Some(inner), _) => (inner, added.to_owned()),
        (None, Some(list)) => {
            // They stand before those of data objects (§4.3.4).
            if document.children(list).next().is_some() {
                return Err(Error::Unsupported("unsigned properties of data objects alone".into()));
            }
            (list, xades::unsigned_signature_properties(added))
        }
        (None, None) => (qualifying.node, xades::unsigned_properties(added)),
    };
    const WHAT: Error = Error::Malformed("the place of unsigned properties");
    Ok(match document.end_of(place).ok_or(WHAT)? {
        ElementEnd::Tag(at) => Splice::between(at + mark, at + mark, text.into_bytes()),
        ElementEnd::Empty { end, name } => {
            let behind = end + mark;
            let text = format!(">{text}</{name}>");
            Splice::between(behind.checked_sub(2).ok_or(WHAT)?, behind, text.into_bytes())
        }
    })
}

/// All signatures with what the report calls them.
fn nodes(document: &Document<'_>) -> Vec<(NodeId, String)> {
    let nodes = document.elements_within(NodeId::ROOT).filter(|node| is_signature(document, *node));
    let named = nodes.take(limits::SIGNATURES).enumerate().map(|(at, node)| {
        let id = document.attribute(node, "Id").map(str::to_owned);
        (node, id.unwrap_or_else(|| format!("signature {}", at + 1)))
    });
    named.collect()
}

fn find(document: &Document<'_>, signature: &str) -> Result<NodeId> {
    let nodes = nodes(document);
    let names: Vec<String> = nodes.iter().map(|(_, name)| name.clone()).collect();
    let at = only(&names, signature)?;
    nodes.get(at).map(|(node, _)| *node).ok_or(Error::Malformed("ds:Signature"))
}

/// Its properties. What is added is of this version, and may stand beside those of 1.3.2 and later only.
fn qualifying(document: &Document<'_>, node: NodeId) -> Result<Qualifying> {
    let signature = Signature::read(document, node)?;
    let found = Qualifying::read(document, &signature)?;
    let found = found.ok_or_else(|| Error::Unsupported("XML signature without XAdES properties".into()))?;
    match document.namespace(found.node) {
        XADES_132 => Ok(found),
        other => Err(Error::Unsupported(format!("XAdES of version {}", other.chars().take(100).collect::<String>()))),
    }
}
