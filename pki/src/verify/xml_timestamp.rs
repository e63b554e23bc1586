//! What the timestamps of a XAdES signature cover, put together octet by octet (EN 319 132-1 §5.2.8, §5.3, §5.5.2, Annex A.1.5).
//! Gives digests; whether a token proves anything is judged with them elsewhere.

use super::xml_file::Sources;
use super::xml_signature::XmlFindings;
use crate::algorithm::DigestAlgorithm;
use crate::crypto::Hasher;
use crate::error::{Error, Result};
use crate::xml::canonical::{Method, canonicalise};
use crate::xml::document::{Document, NodeId};
use crate::xml::names::{DSIG, is_signed_properties_type};
use crate::xml::selection::{Budget, Selection};
use crate::xml::signature::{Canonicalization, Reference};
use crate::xml::transform::{self, Target};
use crate::xml::xades::{Qualifying, Timestamp, TimestampKind};

/// Where a signature's parts are found.
pub(super) struct Context<'c, 'd, 's> {
    pub(super) document: &'c Document<'d>,
    pub(super) findings: &'c XmlFindings,
    pub(super) sources: &'c Sources<'s>,
}

/// Whether the covered octets have this digest, in any of the orders that the versions of XAdES prescribe.
pub(super) fn matches(
    context: &Context<'_, '_, '_>,
    timestamp: &Timestamp,
    algorithm: DigestAlgorithm,
    digest: &[u8],
    budget: &mut Budget,
) -> Result<Option<Order>> {
    let Some(qualifying) = &context.findings.qualifying else { return Ok(None) };
    let mut tried: Vec<(Vec<NodeId>, Vec<NodeId>)> = Vec::new();
    for order in [Order::Appearance, Order::Listed, Order::WithoutValidationData] {
        for all_objects in [false, true] {
            let properties = properties(context.document, qualifying, timestamp, order);
            let objects = objects(context, timestamp, all_objects);
            let parts = (properties, objects);
            if tried.contains(&parts) {
                continue;
            }
            let mut work = Work { context, timestamp, hasher: Hasher::new(algorithm), budget };
            work.cover(&parts.0, &parts.1)?;
            if work.hasher.finish() == digest {
                return Ok(Some(order));
            }
            tried.push(parts);
        }
    }
    Ok(None)
}

/// The digest of what a further timestamp of that kind must be over, behind all unsigned properties, as version 1.4.1 and EN 319 132-1 have it.
pub(super) fn imprint(
    context: &Context<'_, '_, '_>,
    kind: TimestampKind,
    algorithm: DigestAlgorithm,
    budget: &mut Budget,
) -> Result<Vec<u8>> {
    let qualifying = context.findings.qualifying.as_ref().ok_or(Error::Malformed("xades:QualifyingProperties"))?;
    let timestamp = Timestamp {
        node: qualifying.node,
        kind,
        canonicalization: Ok(Canonicalization { method: Method::EXCLUSIVE, listed: Vec::new() }),
        tokens: Vec::new(),
        included: Vec::new(),
        position: qualifying.unsigned.len(),
    };
    let properties = properties(context.document, qualifying, &timestamp, Order::Appearance);
    let objects = objects(context, &timestamp, true);
    let mut work = Work { context, timestamp: &timestamp, hasher: Hasher::new(algorithm), budget };
    work.cover(&properties, &objects)?;
    Ok(work.hasher.finish())
}

/// Which unsigned properties an archive timestamp covers, and in what order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As they stand in the file: version 1.4.1 and later.
    Appearance,
    /// As TS 101 903 V1.3.2 lists them for timestamps over references.
    Listed,
    /// Version 1.3.2 archive timestamps do not know the validation data of 1.4.1.
    WithoutValidationData,
}

impl Order {
    /// Whether an unsigned property of that name, which stands before, is among them.
    pub(super) fn covers(self, name: &str) -> bool {
        self != Self::WithoutValidationData || name != VALIDATION_DATA
    }
}

/// EN 319 132-1 §5.5.1.
const VALIDATION_DATA: &str = "TimeStampValidationData";

/// The unsigned properties that it covers.
fn properties(document: &Document<'_>, qualifying: &Qualifying, timestamp: &Timestamp, order: Order) -> Vec<NodeId> {
    let wanted: &[&str] = match timestamp.kind {
        TimestampKind::Archive => &[],
        TimestampKind::References => REFERENCES,
        TimestampKind::SignatureAndReferences => SIGNATURE_AND_REFERENCES,
        _ => return Vec::new(),
    };
    let name = |node: &NodeId| document.local_name(*node);
    let before = qualifying.unsigned.iter().take(timestamp.position).copied();
    let mut kept: Vec<NodeId> = before.filter(|node| wanted.is_empty() || wanted.contains(&name(node))).collect();
    match order {
        Order::Appearance => {}
        Order::Listed => kept.sort_by_key(|node| wanted.iter().position(|one| *one == name(node))),
        Order::WithoutValidationData => kept.retain(|node| order.covers(name(node))),
    }
    kept
}

/// The objects that an archive timestamp covers, without that of the qualifying properties: `all` of them (EN 319 132-1 §5.5.2.2), or those that
/// no reference names (XAdES 1.3.2, and signers that kept to it).
fn objects(context: &Context<'_, '_, '_>, timestamp: &Timestamp, all: bool) -> Vec<NodeId> {
    if timestamp.kind != TimestampKind::Archive {
        return Vec::new();
    }
    let (document, findings) = (context.document, context.findings);
    let holds_properties = |object: NodeId| {
        findings.qualifying.as_ref().is_some_and(|qualifying| document.is_within(qualifying.node, object))
    };
    let is_referenced = |object: NodeId| {
        let whole = document.subtree(object);
        let named = |uri: &str| document.attribute(object, "Id").is_some_and(|id| uri.strip_prefix('#') == Some(id));
        findings.covered.iter().any(|(_, selection)| selection.ranges() == [whole.clone()])
            || findings.signature.references.iter().filter_map(|one| one.uri.as_deref()).any(named)
    };
    let objects = findings.signature.objects.iter().copied().filter(|object| !holds_properties(*object));
    objects.filter(|object| all || !is_referenced(*object)).collect()
}

const REFERENCES: &[&str] = &[
    "CompleteCertificateRefs",
    "CompleteCertificateRefsV2",
    "CompleteRevocationRefs",
    "AttributeCertificateRefs",
    "AttributeCertificateRefsV2",
    "AttributeRevocationRefs",
];

const SIGNATURE_AND_REFERENCES: &[&str] = &[
    "SignatureTimeStamp",
    "CompleteCertificateRefs",
    "CompleteCertificateRefsV2",
    "CompleteRevocationRefs",
    "AttributeCertificateRefs",
    "AttributeCertificateRefsV2",
    "AttributeRevocationRefs",
];

struct Work<'w, 'c, 'd, 's> {
    context: &'w Context<'c, 'd, 's>,
    timestamp: &'w Timestamp,
    hasher: Hasher,
    budget: &'w mut Budget,
}

impl Work<'_, '_, '_, '_> {
    fn cover(&mut self, properties: &[NodeId], objects: &[NodeId]) -> Result<()> {
        let findings = self.context.findings;
        let signature = &findings.signature;
        match self.timestamp.kind {
            TimestampKind::Signature => self.element(signature.value_node),
            TimestampKind::References => self.elements(properties),
            TimestampKind::SignatureAndReferences => {
                self.element(signature.value_node)?;
                self.elements(properties)
            }
            TimestampKind::AllDataObjects => {
                let data = signature.references.iter().filter(|one| !is_signed_properties_type(&one.kind));
                data.into_iter().try_for_each(|reference| self.reference(reference))
            }
            TimestampKind::IndividualDataObjects => self.individual(&signature.references),
            TimestampKind::Archive => {
                signature.references.iter().try_for_each(|reference| self.reference(reference))?;
                self.element(signature.signed_info)?;
                self.element(signature.value_node)?;
                signature.key_info.map_or(Ok(()), |info| self.element(info))?;
                self.elements(properties)?;
                self.elements(objects)
            }
        }
    }

    fn individual(&mut self, references: &[Reference]) -> Result<()> {
        for uri in &self.timestamp.included {
            let id = uri.strip_prefix('#').unwrap_or(uri);
            let found = references.iter().find(|reference| reference.id.as_deref() == Some(id));
            match found {
                Some(reference) => self.reference(reference)?,
                None => return Err(Error::Malformed("XAdES: a timestamp includes what is no reference")),
            }
        }
        Ok(())
    }

    fn elements(&mut self, nodes: &[NodeId]) -> Result<()> {
        nodes.iter().try_for_each(|node| self.element(*node))
    }

    fn element(&mut self, node: NodeId) -> Result<()> {
        let Canonicalization { method, listed } = self.timestamp.canonicalization.clone()?;
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let document = self.context.document;
        let selection = Selection::subtree(document, node, true);
        let hasher = &mut self.hasher;
        canonicalise(document, &selection, method, &listed, self.budget, &mut |piece| hasher.update(piece))
    }

    /// What a reference's digest was made of; nodes by this timestamp's method.
    fn reference(&mut self, reference: &Reference) -> Result<()> {
        let document = self.context.document;
        let method = self.timestamp.canonicalization.clone()?.method;
        let target = match reference.uri.as_deref() {
            Some(uri) if uri.is_empty() || uri.starts_with('#') => {
                let found = transform::same_document(document, uri)?;
                Target::Nodes(found.ok_or(Error::Malformed("reference: nothing in the document has this identifier"))?)
            }
            uri => Target::Octets(self.context.sources.content(uri).ok_or(Error::Unsupported(NOT_AT_HAND.to_owned()))?),
        };
        let transforms = reference.transforms.clone()?;
        let signature = self.context.findings.signature.node;
        let hasher = &mut self.hasher;
        let mut sink = |piece: &[u8]| hasher.update(piece);
        transform::process(document, signature, target, &transforms, method, self.budget, &mut sink).map(drop)
    }
}

const NOT_AT_HAND: &str = "timestamp over content that is not at hand";

/// Whether an element is a `ds:Signature`.
pub(super) fn is_signature(document: &Document<'_>, node: NodeId) -> bool {
    document.is(node, DSIG, "Signature")
}
