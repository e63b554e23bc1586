//! Evidence records in XML (RFC 6283): the same trees and timestamps, with renewals over canonical XML. A renewed hash tree, which
//! starts a second chain, is not read.

use super::{Chain, EvidenceRecord, Stamp};
use crate::error::{Error, Result};
use crate::limits;
use crate::timestamp::TimestampToken;
use crate::xml::algorithm::digest_method;
use crate::xml::canonical::{Method, canonicalise};
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;
use crate::xml::selection::{Budget, Selection};
use base64::{Engine as _, engine::general_purpose::STANDARD};

const WHAT: &str = "EvidenceRecord in XML";
const NAMESPACE: &str = "urn:ietf:params:xml:ns:ers";

impl EvidenceRecord {
    /// Reads a record in XML.
    pub fn parse_xml(input: &[u8]) -> Result<Self> {
        if input.len() > limits::LONGEST_EVIDENCE_RECORD {
            return Err(Error::Limit("length of an evidence record"));
        }
        let text = encoding::decode(input)?;
        let document = Document::parse(&text)?;
        let root = document.document_element();
        if !document.is(root, NAMESPACE, "EvidenceRecord") {
            return Err(Error::Malformed(WHAT));
        }
        let sequence = child(&document, root, "ArchiveTimeStampSequence")?;
        let mut chains = document.children(sequence);
        let (Some(chain), None) = (chains.next(), chains.next()) else {
            return Err(Error::Unsupported("evidence record in XML with a renewed hash tree".into()));
        };
        let algorithm = digest_method(&document, child(&document, chain, "DigestMethod")?)?;
        let method = child(&document, chain, "CanonicalizationMethod")?;
        let method = document.attribute(method, "Algorithm").and_then(Method::from_uri);
        let method = method.ok_or_else(|| Error::Unsupported("canonicalisation of an evidence record".into()))?;
        let mut budget = Budget::for_length(input.len());
        let mut stamps = Vec::new();
        let named = document.children(chain).filter(|id| document.is(*id, NAMESPACE, "ArchiveTimeStamp"));
        for (at, stamp) in named.enumerate() {
            // RFC 6283 §3.1.1: ordered, from 1.
            let order = document.attribute(stamp, "Order").and_then(|order| order.parse::<usize>().ok());
            if order != Some(at + 1) {
                return Err(Error::Malformed(WHAT));
            }
            if at >= limits::MOST_TIMESTAMPS {
                return Err(Error::Limit("timestamps of an evidence record"));
            }
            let time = child(&document, stamp, "TimeStamp")?;
            let token = child(&document, time, "TimeStampToken")?;
            let token = TimestampToken::parse(&decoded(&document, token)?)?;
            let mut covered = Vec::new();
            let selection = Selection::subtree(&document, time, true);
            canonicalise(&document, &selection, method, &[], &mut budget, &mut |piece| {
                covered.extend_from_slice(piece)
            })?;
            stamps.push(Stamp { algorithm, tree: tree(&document, stamp)?, covered_by_renewal: covered, token });
        }
        if stamps.is_empty() {
            return Err(Error::Malformed(WHAT));
        }
        Ok(Self { chains: vec![Chain { earlier: Vec::new(), stamps }], canonicalisation: Some(method) })
    }
}

/// The canonical form of a data object that is XML; `None` where it is not.
pub fn canonical_form(content: &[u8], method: Method) -> Option<Vec<u8>> {
    if content.len() > limits::LONGEST_EVIDENCE_RECORD || !content.trim_ascii_start().starts_with(b"<") {
        return None;
    }
    let text = encoding::decode(content).ok()?;
    let document = Document::parse(&text).ok()?;
    let selection = Selection::subtree(&document, NodeId::ROOT, true);
    let mut form = Vec::with_capacity(content.len());
    let mut budget = Budget::for_length(content.len());
    canonicalise(&document, &selection, method, &[], &mut budget, &mut |piece| form.extend_from_slice(piece)).ok()?;
    Some(form)
}

fn tree(document: &Document<'_>, stamp: NodeId) -> Result<Vec<Vec<Vec<u8>>>> {
    let Some(tree) = document.child(stamp, NAMESPACE, "HashTree") else { return Ok(Vec::new()) };
    let mut lists = Vec::new();
    let mut members = 0;
    for (at, list) in document.children(tree).enumerate() {
        let order = document.attribute(list, "Order").and_then(|order| order.parse::<usize>().ok());
        if !document.is(list, NAMESPACE, "Sequence") || order != Some(at + 1) {
            return Err(Error::Malformed(WHAT));
        }
        let mut digests = Vec::new();
        for value in document.children(list) {
            members += 1;
            if members > limits::MOST_TREE_MEMBERS {
                return Err(Error::Limit("digests in an evidence record"));
            }
            digests.push(decoded(document, value)?);
        }
        lists.push(digests);
    }
    Ok(lists)
}

fn child(document: &Document<'_>, above: NodeId, name: &str) -> Result<NodeId> {
    document.child(above, NAMESPACE, name).ok_or(Error::Malformed(WHAT))
}

fn decoded(document: &Document<'_>, id: NodeId) -> Result<Vec<u8>> {
    let digits: String = document.text(id).chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).map_err(|_| Error::Malformed(WHAT))
}
