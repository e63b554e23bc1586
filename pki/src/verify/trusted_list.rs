//! Whether a trusted list is genuine (TS 119 612 §5.7, annex B): one enveloped XAdES signature that covers every node of the list, by a
//! certificate that the caller named by its fingerprint. Only what is genuine is read further.

use super::VerificationContext;
use super::policy::Used;
use super::xml_file::{Place, Sources};
use super::xml_signature::{self, Beside, XmlFindings};
use crate::error::Error;
use crate::trusted_list::{self, TrustedList};
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;
use crate::xml::names::DSIG;
use crate::xml::selection::{Budget, union};
use crate::{algorithm::SignatureAlgorithm, limits};
use chuky_model::instant::Instant;
use chuky_model::report::Outcome;
use serde::{Deserialize, Serialize};

/// Why a trusted list was refused; one line for the administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{0}")]
pub struct ListRefused(pub String);

impl From<Error> for ListRefused {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, ListRefused> {
    Err(ListRefused(reason.into()))
}

/// Reads a list that is signed with one of the certificates of these SHA-256 fingerprints, as of that time.
pub fn read_trusted_list(bytes: &[u8], signers: &[[u8; 32]], at: Instant) -> Result<TrustedList, ListRefused> {
    if bytes.len() > limits::LONGEST_TRUSTED_LIST {
        return refuse(format!("the list has more than {} bytes", limits::LONGEST_TRUSTED_LIST));
    }
    let text = encoding::decode(bytes)?;
    let document = Document::parse(&text)?;
    let root = root(&document)?;
    let node = signature(&document, root)?;
    let sources = Sources { place: Place::Document, find: &|_| None, length: bytes.len() };
    let beside = Beside { sources: &sources, is_a_guess: false };
    let mut budget = Budget::for_length(bytes.len());
    let findings = xml_signature::check(&document, node, &[], &beside, &mut budget)?;
    let signer = signed_by(&findings, signers)?;
    covers_all(&document, root, &findings)?;
    acceptable(&findings, at)?;
    let list = trusted_list::read(&document, root, signer)?;
    dated(&list, &findings, at)?;
    Ok(list)
}

/// Whether the bytes can be read as a list, and how many services it has; says nothing about whether it is genuine.
pub fn services_of_unchecked_list(bytes: &[u8]) -> Result<usize, ListRefused> {
    let text = encoding::decode(bytes)?;
    let document = Document::parse(&text)?;
    let list = trusted_list::read(&document, root(&document)?, [0; 32])?;
    let european = list.is_european();
    Ok(list.services.iter().filter(|service| !service.periods(european).is_empty()).count())
}

/// The root element of a list that is not nested too deeply.
fn root(document: &Document<'_>) -> Result<NodeId, ListRefused> {
    let root = document.document_element();
    if !document.is(root, trusted_list::TSL, "TrustServiceStatusList") {
        return refuse("the file is no trusted list: its root element is not a TrustServiceStatusList");
    }
    shallow(document, root)?;
    Ok(root)
}

fn shallow(document: &Document<'_>, root: NodeId) -> Result<(), ListRefused> {
    // Nodes come in document order: the ends of the elements that are open are enough.
    let mut open: Vec<u32> = Vec::new();
    for node in document.elements_within(root) {
        while open.last().is_some_and(|end| *end <= node.number()) {
            open.pop();
        }
        open.push(document.subtree(node).end);
        if open.len() > limits::DEEPEST_TRUSTED_LIST {
            return refuse(format!("elements are nested deeper than {}", limits::DEEPEST_TRUSTED_LIST));
        }
    }
    Ok(())
}

/// The one signature, which is a child of the root.
fn signature(document: &Document<'_>, root: NodeId) -> Result<NodeId, ListRefused> {
    let mut own = document.children(root).filter(|node| document.is(*node, DSIG, "Signature"));
    let Some(node) = own.next() else { return refuse("the list is not signed") };
    let mut all = document.elements_within(root).filter(|other| document.is(*other, DSIG, "Signature"));
    match all.find(|other| !document.is_within(*other, node)) {
        Some(_) => refuse("the list holds more than one signature"),
        None => Ok(node),
    }
}

/// The signer's fingerprint, where it was named and the signature is good.
fn signed_by(findings: &XmlFindings, signers: &[[u8; 32]]) -> Result<[u8; 32], ListRefused> {
    let wrong = findings.signer.checks.iter().find(|check| check.outcome != Outcome::Passed);
    if let Some(check) = wrong {
        return refuse(format!("the list's signature is not good: {}: {}", check.name, check.reason));
    }
    let Some(certificate) = &findings.signer.signing_certificate else {
        return refuse("the list does not carry the certificate that it was signed with");
    };
    let fingerprint = *certificate.fingerprint();
    if signers.contains(&fingerprint) {
        return Ok(fingerprint);
    }
    let name: String = certificate.subject().common_name().chars().filter(|letter| !letter.is_control()).collect();
    let found = hex::encode(fingerprint);
    refuse(format!("the list is signed with another certificate than you named: {name}, SHA-256 {found}"))
}

/// Every node of the list but the signature's own.
fn covers_all(document: &Document<'_>, root: NodeId, findings: &XmlFindings) -> Result<(), ListRefused> {
    let covered = findings.covered_ranges();
    let all = union(covered.into_iter().chain([document.subtree(findings.signature.node)]));
    let list = document.subtree(root);
    match all.iter().any(|range| range.start <= list.start && range.end >= list.end) {
        true => Ok(()),
        false => refuse("the signature does not cover the whole list"),
    }
}

/// Algorithms that are reliable today: the list is to be relied on from now on.
fn acceptable(findings: &XmlFindings, at: Instant) -> Result<(), ListRefused> {
    let signer = &findings.signer;
    let key = signer.signing_certificate.as_ref().and_then(|certificate| certificate.public_key().ok());
    let signed_with = signer.signature_algorithm.and_then(SignatureAlgorithm::digest);
    let used = Used {
        what: "signature of the list".to_owned(),
        digests: findings.digests.iter().copied().chain(signed_with).collect(),
        scheme: signer.signature_algorithm,
        key: key.map(|key| key.key_type()),
    };
    match VerificationContext::at(at).policy.weakness(&used, at) {
        Some(weakness) => refuse(format!("{} is not reliable", weakness.what)),
        None => Ok(()),
    }
}

/// The list is no message from the future, and its signer's certificate was and is valid.
fn dated(list: &TrustedList, findings: &XmlFindings, at: Instant) -> Result<(), ListRefused> {
    if list.issued > at {
        return refuse(format!("the list was issued on {}, which is in the future", list.issued.rfc3339()));
    }
    if list.next_update.is_some_and(|next| next <= list.issued) {
        return refuse("the list's next update is not later than its issue");
    }
    let Some(certificate) = &findings.signer.signing_certificate else { return Ok(()) };
    let (from, until) = (certificate.not_before().rfc3339(), certificate.not_after().rfc3339());
    match certificate.is_valid_at(list.issued) && certificate.is_valid_at(at) {
        true => Ok(()),
        false => refuse(format!("the certificate that the list is signed with is valid only from {from} to {until}")),
    }
}
