//! One `ds:Signature` element, read strictly (XMLDSig 1.1 §4): each part where the schema puts it, none twice. Reads only; what is
//! unknown is kept as an error beside what it belongs to.

use super::algorithm::{digest_method, shown, signature_method};
use super::canonical::Method;
use super::document::{Document, NodeId};
use super::limits;
use super::names::{DSIG, EXCLUSIVE};
use super::transform::{self, Transform};
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::error::{Error, Result};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A canonicalisation method with the prefixes that `InclusiveNamespaces` lists.
#[derive(Clone, Debug)]
pub struct Canonicalization {
    pub method: Method,
    pub listed: Vec<String>,
}

impl Canonicalization {
    /// What an element with an `Algorithm` attribute names.
    pub fn read(document: &Document<'_>, element: NodeId) -> Result<Self> {
        let uri = document.attribute(element, "Algorithm").unwrap_or_default();
        let method = Method::from_uri(uri);
        let method = method.ok_or_else(|| Error::Unsupported(format!("canonicalisation method {}", shown(uri))))?;
        let list = document.child(element, EXCLUSIVE, "InclusiveNamespaces");
        let list = list.and_then(|list| document.attribute(list, "PrefixList")).unwrap_or_default();
        Ok(Self { method, listed: list.split_ascii_whitespace().map(str::to_owned).collect() })
    }

    /// The prefixes as `canonicalise` wants them.
    pub fn prefixes(&self) -> Vec<&str> {
        self.listed.iter().map(String::as_str).collect()
    }
}

/// A `ds:Reference`.
#[derive(Debug)]
pub struct Reference {
    pub node: NodeId,
    pub id: Option<String>,
    /// `None` where the application knows what is meant.
    pub uri: Option<String>,
    /// The `Type`, empty where absent.
    pub kind: String,
    /// In order; the error where one is not in the list of those allowed.
    pub transforms: Result<Vec<Transform>>,
    /// The error where it is unknown.
    pub digest_algorithm: Result<DigestAlgorithm>,
    pub digest: Vec<u8>,
}

/// A `ds:Signature`, read.
#[derive(Debug)]
pub struct Signature {
    pub node: NodeId,
    pub id: Option<String>,
    pub signed_info: NodeId,
    /// How `SignedInfo` is canonicalised; the error where the method is unknown.
    pub canonicalization: Result<Canonicalization>,
    /// The error where it is unknown.
    pub algorithm: Result<SignatureAlgorithm>,
    pub references: Vec<Reference>,
    /// The `SignatureValue` element.
    pub value_node: NodeId,
    pub value: Vec<u8>,
    pub key_info: Option<NodeId>,
    pub objects: Vec<NodeId>,
}

impl Signature {
    /// Reads the element at `node`.
    pub fn read(document: &Document<'_>, node: NodeId) -> Result<Self> {
        const WHAT: Error = Error::Malformed("ds:Signature");
        let mut children = document.children(node).peekable();
        let mut next = |local: &str| children.next_if(|child| document.is(*child, DSIG, local));
        let signed_info = next("SignedInfo").ok_or(WHAT)?;
        let value_node = next("SignatureValue").ok_or(WHAT)?;
        let key_info = next("KeyInfo");
        let objects: Vec<NodeId> = std::iter::from_fn(|| next("Object")).collect();
        if children.next().is_some() || document.has_own_text(node) {
            return Err(WHAT);
        }
        let mut children = document.children(signed_info).peekable();
        let mut next = |local: &str| children.next_if(|child| document.is(*child, DSIG, local));
        let canonicalization = next("CanonicalizationMethod").ok_or(Error::Malformed("ds:SignedInfo"))?;
        let method = next("SignatureMethod").ok_or(Error::Malformed("ds:SignedInfo"))?;
        let references = read_references(document, children)?;
        Ok(Self {
            node,
            id: document.attribute(node, "Id").map(str::to_owned),
            signed_info,
            canonicalization: Canonicalization::read(document, canonicalization),
            algorithm: signature_method(document, method),
            references,
            value_node,
            value: base64_text(document, value_node)?,
            key_info,
            objects,
        })
    }
}

/// The references of a `Manifest` (XMLDSig §5.1).
pub fn read_manifest(document: &Document<'_>, manifest: NodeId) -> Result<Vec<Reference>> {
    read_references(document, document.children(manifest))
}

fn read_references(document: &Document<'_>, nodes: impl Iterator<Item = NodeId>) -> Result<Vec<Reference>> {
    let mut references = Vec::new();
    for node in nodes {
        if !document.is(node, DSIG, "Reference") {
            return Err(Error::Malformed("ds:SignedInfo or ds:Manifest: something other than a reference"));
        }
        if references.len() >= limits::REFERENCES {
            return Err(Error::Limit("references of one XML signature"));
        }
        references.push(read_reference(document, node)?);
    }
    match references.is_empty() {
        true => Err(Error::Malformed("ds:SignedInfo or ds:Manifest without a reference")),
        false => Ok(references),
    }
}

fn read_reference(document: &Document<'_>, node: NodeId) -> Result<Reference> {
    const WHAT: Error = Error::Malformed("ds:Reference");
    let mut children = document.children(node).peekable();
    let mut next = |local: &str| children.next_if(|child| document.is(*child, DSIG, local));
    let transforms = next("Transforms");
    let method = next("DigestMethod").ok_or(WHAT)?;
    let value = next("DigestValue").ok_or(WHAT)?;
    if children.next().is_some() {
        return Err(WHAT);
    }
    let attribute = |name: &str| document.attribute(node, name).map(str::to_owned);
    Ok(Reference {
        node,
        id: attribute("Id"),
        uri: attribute("URI"),
        kind: attribute("Type").unwrap_or_default(),
        transforms: transforms.map_or(Ok(Vec::new()), |list| transform::read(document, list)),
        digest_algorithm: digest_method(document, method),
        digest: base64_text(document, value)?,
    })
}

/// The octets that an element's text encodes. White space and missing padding are read over; another element inside is not.
pub fn base64_text(document: &Document<'_>, element: NodeId) -> Result<Vec<u8>> {
    if document.children(element).next().is_some() {
        return Err(Error::Malformed("base64: an element inside"));
    }
    decode_base64(&document.text(element))
}

/// Decodes base64 with white space in it.
pub fn decode_base64(text: &str) -> Result<Vec<u8>> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let configuration = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, configuration).decode(compact).map_err(|_| Error::Malformed("base64"))
}
