//! What an XML signature covers, and whether that is what a reader of the document uses: the answer to signature wrapping. A
//! signature over an element that nobody reads proves nothing about the one that everybody reads.

use super::xml_file::Place;
use super::xml_profile::{self, Rest};
use super::xml_signature::{REFERENCES, XmlFindings};
use crate::error::{Error, Result};
use crate::xml::document::{Document, NodeId};
use crate::xml::names::DSIG;
use crate::xml::selection::{Budget, contains, union};
use crate::xml::xades;
use chuky_model::report::{Check, Outcome};
use std::ops::Range;

/// The answer for one signature.
#[derive(Clone, Debug)]
pub(super) struct Coverage {
    pub(super) check: Check,
    /// For the report's `covers`.
    pub(super) covers: String,
    /// Whether nothing in the file is left uncovered but signatures.
    pub(super) whole: bool,
}

/// The check's name.
pub(super) const COVERAGE: &str = "coverage";
/// What the report says of a signature that covers all there is.
pub(super) const WHOLE: &str = "whole_file";

/// A signature with the nodes that it covers.
pub(super) struct Known {
    pub(super) node: NodeId,
    pub(super) ranges: Vec<Range<u32>>,
}

/// What stands around a signature.
pub(super) struct Around<'a> {
    /// The sound signatures of the document, in document order.
    pub(super) all: &'a [Known],
    /// The elements of all of them.
    pub(super) nodes: &'a [NodeId],
    /// What they carry and do not cover; the error where there was too much to look.
    pub(super) carried: std::result::Result<&'a [NodeId], &'a Error>,
    pub(super) place: Place,
}

/// Judges one signature.
pub(super) fn judge(
    document: &Document<'_>,
    findings: &XmlFindings,
    around: &Around<'_>,
    budget: &mut Budget,
) -> Coverage {
    let answer = |check: Check, covers: &str, whole: bool| Coverage { check, covers: covers.to_owned(), whole };
    let references = findings.signer.check(REFERENCES).map(|check| check.outcome);
    if references != Some(Outcome::Passed) {
        let check = Check::not_done(COVERAGE, "not every reference matches what is there");
        return answer(check, "unknown", false);
    }
    if let Some(above) = countersigned(document, findings.signature.node) {
        return counter_signature(document, findings, above);
    }
    let judged = match around.place {
        Place::Container | Place::Package => beside_files(document, findings, around, budget),
        Place::Document => within_document(document, findings, around, budget)
            .and_then(|found| undivided(found, document, (findings, around.nodes), budget)),
    };
    judged.unwrap_or_else(|error| answer(Check::not_done(COVERAGE, error.to_string()), "unknown", false))
}

/// The signature that this one stands in as a counter-signature (EN 319 132-1 §5.2.7.2).
fn countersigned(document: &Document<'_>, node: NodeId) -> Option<NodeId> {
    let parent = document.parent(node)?;
    if !xades::is(document, parent, "CounterSignature") {
        return None;
    }
    document.ancestors(parent).find(|above| document.is(*above, DSIG, "Signature"))
}

fn counter_signature(document: &Document<'_>, findings: &XmlFindings, above: NodeId) -> Coverage {
    let value = document.child(above, DSIG, "SignatureValue");
    let covered = value.is_some_and(|value| {
        let whole = document.subtree(value);
        findings.covered.iter().any(|(at, selection)| *at != usize::MAX && selection.ranges() == [whole.clone()])
    });
    let id = document.attribute(above, "Id").unwrap_or_default();
    let check = match covered {
        true => Check::passed(COVERAGE),
        false => Check::failed(COVERAGE, "a counter-signature that does not cover the value of its signature"),
    };
    Coverage { check, covers: format!("signature value of {id:?}"), whole: true }
}

/// A signature in a container or an office package: which files must be covered is their matter; what the signature itself carries, such as a
/// manifest or the picture of a signature line, must be covered too.
fn beside_files(
    document: &Document<'_>,
    findings: &XmlFindings,
    around: &Around<'_>,
    budget: &mut Budget,
) -> Result<Coverage> {
    let rest = beside_objects(document, findings, &findings.covered_ranges(), budget)?;
    let nothing = match around.place {
        Place::Package => findings.outside.is_empty() && findings.relationships.is_empty(),
        _ => findings.outside.is_empty() && findings.not_at_hand == 0,
    };
    let check = match (nothing, rest.is_empty()) {
        (true, _) => Check::failed(COVERAGE, "it covers no file beside it"),
        (false, false) => Check::failed(COVERAGE, beside_what_is_signed(document, &rest)),
        (false, true) => Check::passed(COVERAGE),
    };
    Ok(Coverage { check, covers: outside(findings), whole: true })
}

fn beside_what_is_signed(document: &Document<'_>, rest: &Rest) -> String {
    format!("beside what is signed the signature carries {} that it does not cover", rest.describe(document))
}

/// What lies outside the document and is covered, in words.
fn outside(findings: &XmlFindings) -> String {
    let mut named: Vec<String> = findings.outside.iter().take(SHOWN).map(|uri| shown(uri)).collect();
    if findings.outside.len() > SHOWN {
        named.push(format!("{} more", findings.outside.len() - SHOWN));
    }
    if findings.not_at_hand > 0 {
        named.push(format!("{} parts of its manifest that are not at hand", findings.not_at_hand));
    }
    named.join(", ")
}

const SHOWN: usize = 5;

fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(100).collect::<String>())
}

/// What the signature covers of the document, apart from itself.
fn content(document: &Document<'_>, findings: &XmlFindings) -> Vec<NodeId> {
    let own = [
        findings.signature.key_info,
        Some(findings.signature.signed_info),
        findings.qualifying.as_ref().map(|qualifying| qualifying.node),
    ];
    let is_own = |id: NodeId| own.iter().flatten().any(|part| document.is_within(id, *part));
    let holds_only_own = |id: NodeId| {
        document.is(id, DSIG, "Object")
            && document.children(id).all(is_own)
            && !document.has_own_text(id)
            && document.children(id).next().is_some()
    };
    let ranges = findings.covered.iter().flat_map(|(_, selection)| selection.ranges());
    let starts = ranges.filter_map(|range| {
        // Before the document element stands nothing that a reader uses; a filter may have taken the element itself out.
        let number = if range.start == 0 { document.document_element().number() } else { range.start };
        document.node_at(number).filter(|node| range.contains(&number) && document.element(*node).is_some())
    });
    let mut content: Vec<NodeId> = starts.filter(|node| !is_own(*node) && !holds_only_own(*node)).collect();
    content.sort_unstable();
    content.dedup();
    content
}

fn within_document(
    document: &Document<'_>,
    findings: &XmlFindings,
    around: &Around<'_>,
    budget: &mut Budget,
) -> Result<Coverage> {
    let signature = findings.signature.node;
    let root = document.document_element();
    let covered = findings.covered_ranges();
    let content = content(document, findings);
    let beside = outside(findings);
    if content.is_empty() && beside.is_empty() {
        let check = Check::failed(COVERAGE, "it covers nothing but itself");
        return Ok(Coverage { check, covers: "nothing".to_owned(), whole: false });
    }
    // A signature of things outside says nothing about the document that it stands in, unless it is that document.
    let enveloping = signature == root;
    let mut rest = match enveloping {
        true => beside_objects(document, findings, &covered, budget)?,
        false => uncovered(document, root, &covered, around.nodes, budget)?,
    };
    rest.carried = carried_uncovered(&covered, around, budget)?;
    if !enveloping || rest.is_empty() {
        rest.add_instructions(document, &covered);
    }
    if enveloping && rest.stylesheet {
        let check = Check::not_done(COVERAGE, "a stylesheet that it does not cover decides what a browser shows");
        return Ok(Coverage { check, covers: beside, whole: false });
    }
    if enveloping {
        rest.instructions.clear();
    }
    rest.keep_frames(document, &content, signature, budget)?;
    if rest.is_empty() && rest.around.is_empty() {
        let inside = if content.is_empty() { "" } else { WHOLE };
        let covers = if beside.is_empty() { inside.to_owned() } else { join(inside, &beside) };
        return Ok(Coverage { check: Check::passed(COVERAGE), covers, whole: true });
    }
    if signature == root {
        let check = Check::failed(COVERAGE, beside_what_is_signed(document, &rest));
        return Ok(Coverage { check, covers: beside, whole: false });
    }
    let named: Vec<String> =
        content.iter().take(SHOWN).map(|id| format!("element {}", document.local_name(*id))).collect();
    let covers = join(&named.join(", "), &beside);
    let part = xml_profile::Part { signature, content: &content, covered: &covered, rest: &rest };
    let check = xml_profile::judge(document, &part, around.all, budget)?;
    Ok(Coverage { check, covers, whole: false })
}

/// Texts in what is covered must be whole for every reader. Canonical XML leaves comments out and joins CDATA sections with what is beside them:
/// who adds one to a signed number leaves the digest alone, and a reader that takes an element's first piece of text reads another number.
fn undivided(
    found: Coverage,
    document: &Document<'_>,
    (findings, signatures): (&XmlFindings, &[NodeId]),
    budget: &mut Budget,
) -> Result<Coverage> {
    if found.check.outcome != Outcome::Passed {
        return Ok(found);
    }
    // A signature that its own transform passes by can be moved into a signed number as a comment can.
    let covered = findings.covered_ranges();
    for signature in signatures.iter().filter(|one| !contains(&covered, **one)) {
        let Some(parent) = document.parent(*signature).filter(|parent| contains(&covered, *parent)) else { continue };
        budget.spend(document.children(parent).count())?;
        if document.has_text_behind(*signature) {
            let reason = format!(
                "a signature divides the text of <{}>: some readers read a part of it",
                document.local_name(parent).chars().take(100).collect::<String>()
            );
            return Ok(Coverage { check: Check::not_done(COVERAGE, reason), ..found });
        }
    }
    for (_, selection) in &findings.covered {
        for range in selection.ranges() {
            budget.spend(range.len())?;
            let Some(element) = document.divided_text(range.clone(), selection.has_comments()) else { continue };
            let reason = format!(
                "a comment or a CDATA section divides the text of <{}>, and no signature covers that: some readers read a part of it",
                document.local_name(element).chars().take(100).collect::<String>()
            );
            return Ok(Coverage { check: Check::not_done(COVERAGE, reason), ..found });
        }
    }
    Ok(found)
}

fn join(inside: &str, beside: &str) -> String {
    [inside, beside].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What signatures carry, and neither this one nor their own references cover.
fn carried_uncovered(covered: &[Range<u32>], around: &Around<'_>, budget: &mut Budget) -> Result<Vec<NodeId>> {
    let carried = around.carried.map_err(Clone::clone)?;
    budget.spend(carried.len())?;
    Ok(carried.iter().copied().filter(|id| !contains(covered, *id)).collect())
}

/// Objects of an enveloping signature that it does not cover.
fn beside_objects(
    document: &Document<'_>,
    findings: &XmlFindings,
    covered: &[Range<u32>],
    budget: &mut Budget,
) -> Result<Rest> {
    let mut rest = Rest::default();
    let own = findings.qualifying.as_ref().map(|qualifying| document.subtree(qualifying.node));
    let covered = union(covered.iter().cloned().chain(own));
    for object in &findings.signature.objects {
        budget.spend(document.subtree(*object).len() + 1)?;
        if document.children(*object).next().is_none() && !document.has_own_text(*object) {
            if !contains(&covered, *object) && xml_profile::has_telling_attributes(document, *object) {
                rest.with_attributes.push(*object);
            }
            continue;
        }
        rest.absorb(uncovered(document, *object, &covered, &[], budget)?);
    }
    Ok(rest)
}

/// What of a subtree no range covers, apart from signatures and from elements that only hold covered ones and signatures.
fn uncovered(
    document: &Document<'_>,
    top: NodeId,
    covered: &[Range<u32>],
    signatures: &[NodeId],
    budget: &mut Budget,
) -> Result<Rest> {
    let mut rest = Rest::default();
    let subtree = document.subtree(top);
    let mut at = subtree.start;
    while at < subtree.end {
        budget.spend(1)?;
        let Some(id) = document.node_at(at) else { break };
        let next = covered.partition_point(|range| range.end <= at);
        if let Some(range) = covered.get(next).filter(|range| range.start <= at) {
            at = range.end;
            continue;
        }
        let own = document.subtree(id);
        if document.element(id).is_none() {
            rest.add_instruction(document, id);
            at = own.end;
            continue;
        }
        if signatures.binary_search(&id).is_ok() {
            rest.signatures.push(own.clone());
            at = own.end;
            continue;
        }
        let holds_covered = covered.get(next).is_some_and(|range| range.start < own.end);
        let first = signatures.partition_point(|signature| *signature <= id);
        let holds_signature = signatures.get(first).is_some_and(|signature| document.is_within(*signature, id));
        if holds_covered || holds_signature {
            budget.spend(own.len())?;
            rest.add_holder(document, id);
            at += 1;
        } else {
            rest.loose.push(id);
            at = own.end;
        }
    }
    Ok(rest)
}
