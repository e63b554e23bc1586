//! The verdict on a signed XML document (XMLDSig 1.1, EN 319 132-1), and the entry for containers whose signatures are XML files.
//! Every `ds:Signature` in the document gets its line, wherever it stands.

use super::conclusion;
use super::format::Kind;
use super::trust::Proof;
use super::xml_carried;
use super::xml_coverage::{self, Around, Coverage, Known};
use super::xml_report::{self, Judged};
use super::xml_signature::{self, XmlFindings};
use super::xml_timestamp::is_signature;
use super::{VerificationContext, empty_report, sentences};
use crate::crypto;
use crate::error::{Error, Result};
use crate::xml::document::{Document, NodeId};
use crate::xml::relationships::Wanted;
use crate::xml::selection::Budget;
use crate::xml::transform::percent_decoded;
use crate::xml::{encoding, limits};
use chuky_model::report::{
    Check, DocumentFormat, Indication, Integrity, Outcome, Report, SignatureReport, SubIndication, TimestampReport,
};

/// Where the XML with the signatures stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the document: what it holds must be covered.
    Document,
    /// In a container: it must cover files beside it, and all that a signed manifest names must be there.
    Container,
    /// In an office package: as in a container, a part that is missing was taken away, and the signature carries nothing unsigned.
    Package,
}

/// What lies beside the XML.
pub(super) struct Sources<'s> {
    pub(super) place: Place,
    /// The bytes that a reference's URI names: asked with the URI as it stands, and once more percent-decoded. `""` where a
    /// reference has no URI.
    pub(super) find: &'s dyn Fn(&str) -> Option<&'s [u8]>,
    /// All bytes together, for the budget.
    pub(super) length: usize,
}

impl<'s> Sources<'s> {
    pub(super) fn content(&self, uri: Option<&str>) -> Option<&'s [u8]> {
        let uri = uri.unwrap_or_default();
        (self.find)(uri).or_else(|| (self.find)(&percent_decoded(uri)))
    }
}

/// One judged signature.
pub(super) struct XmlLine {
    pub(super) report: SignatureReport,
    /// URIs, as they stand, of the files whose content matches; those of signed manifests included.
    pub(super) files: Vec<String>,
    /// Relationships parts of which the named relationships match, by URI.
    pub(super) relationships: Vec<(String, Wanted)>,
    /// Whether it covers all of the document that it stands in.
    pub(super) whole: bool,
    /// How many files a signed manifest names that were not at hand.
    pub(super) not_at_hand: usize,
}

impl XmlLine {
    fn unread(report: SignatureReport) -> Self {
        Self { report, files: Vec::new(), relationships: Vec::new(), whole: false, not_at_hand: 0 }
    }
}

/// All signatures of one XML document.
pub(super) struct XmlVerdict {
    pub(super) lines: Vec<XmlLine>,
    pub(super) timestamps: Vec<TimestampReport>,
    /// Checks on the document as a whole: `reading`, and `signatures` where not all were looked at.
    pub(super) checks: Vec<Check>,
}

/// Judges every signature of an XML document. The entry for container readers: ASiC with XAdES, Office Open XML, OpenDocument.
pub(super) fn judge_signatures(xml: &[u8], sources: &Sources<'_>, context: &VerificationContext) -> Result<XmlVerdict> {
    judge_signatures_of_age(xml, sources, Proof { time: context.at, proven: false }, context)
}

/// The same for a document whose age something outside it proves.
pub(super) fn judge_signatures_of_age(
    xml: &[u8],
    sources: &Sources<'_>,
    outer: Proof,
    context: &VerificationContext,
) -> Result<XmlVerdict> {
    let text = encoding::decode(xml)?;
    let document = Document::parse_signed(&text)?;
    Ok(judge_document(&document, sources, outer, context))
}

/// Judges an XML file. `content` is the detached content, where the caller has it.
pub(super) fn verify(bytes: &[u8], content: Option<&[u8]>, kind: Kind, context: &VerificationContext) -> Report {
    let mut report = empty_report(DocumentFormat::XAdES);
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    let length = content.map_or(0, <[u8]>::len);
    let sources = Sources { place: Place::Document, find: &|_| content, length };
    let verdict = match judge_signatures(bytes, &sources, context) {
        Ok(verdict) => verdict,
        Err(error) if kind == Kind::SignedXml || may_hide_one(bytes, &error) => return unreadable(report, &error),
        // Where no signature is named and no reader could read the document, there is none.
        Err(_) => return super::unsupported(bytes, kind),
    };
    report.checks = verdict.checks;
    if content.is_some() && verdict.lines.iter().all(|line| line.files.is_empty()) {
        let reason = "no signature is over the content that was given".to_owned();
        report.checks.push(Check { reason, ..Check::passed("content") });
    }
    if verdict.lines.is_empty() {
        report.format = DocumentFormat::Unknown;
        report.integrity = Integrity::None;
        report.indication = Indication::NoSignatureFound;
        (report.message, report.next_step) = sentences::no_signature();
        return report;
    }
    let partly = verdict.lines.iter().find(|line| !line.whole).map(|line| line.report.covers.clone());
    let not_at_hand: usize = verdict.lines.iter().map(|line| line.not_at_hand).sum();
    report.signatures = verdict.lines.into_iter().map(|line| line.report).collect();
    report.timestamps = verdict.timestamps;
    conclusion::of_lines(&mut report);
    if report.integrity == Integrity::Intact && report.checks.iter().any(|check| check.outcome == Outcome::NotDone) {
        report.integrity = Integrity::Unknown;
        report.indication = Indication::Indeterminate;
        report.sub_indication = Some(SubIndication::PolicyProcessingError);
        (report.message, report.next_step) = sentences::signed(
            report.integrity,
            report.indication,
            report.sub_indication,
            sentences::Circumstance::None,
            "",
        );
    }
    if let Some(covers) = partly.filter(|_| report.integrity == Integrity::Intact) {
        report.message = sentences::only_part(&report.message, &covers);
    }
    if not_at_hand > 0 && report.integrity == Integrity::Intact {
        report.message = sentences::parts_not_at_hand(&report.message, not_at_hand);
    }
    report
}

/// Whether a document that this reader refuses may hold a signature for readers that expand entities.
fn may_hide_one(bytes: &[u8], error: &Error) -> bool {
    matches!(error, Error::Unsupported(_) | Error::Limit(_)) && memchr::memmem::find(bytes, b"<!ENTITY").is_some()
}

/// What cannot be read may be broken, or beyond what this reader takes; the two are told apart.
fn unreadable(mut report: Report, error: &Error) -> Report {
    let beyond = matches!(error, Error::Unsupported(_) | Error::Limit(_));
    report.checks.push(match beyond {
        true => Check::not_done("reading", error.to_string()),
        false => Check::failed("reading", error.to_string()),
    });
    (report.integrity, report.indication, report.sub_indication) = match beyond {
        true => (Integrity::Unknown, Indication::Indeterminate, Some(SubIndication::PolicyProcessingError)),
        false => (Integrity::Broken, Indication::TotalFailed, Some(SubIndication::FormatFailure)),
    };
    if !beyond {
        (report.message, report.next_step) = sentences::signed(
            report.integrity,
            report.indication,
            report.sub_indication,
            sentences::Circumstance::None,
            "",
        );
    }
    report
}

/// How many different things outside the document its references name, up to 2.
fn outside_uris(document: &Document<'_>) -> usize {
    let references = document.elements_within(NodeId::ROOT).filter(|node| document.local_name(*node) == "Reference");
    let uris = references.map(|node| document.attribute(node, "URI").unwrap_or("\0"));
    let mut outside = uris.filter(|uri| !uri.is_empty() && !uri.starts_with('#'));
    match outside.next() {
        None => 0,
        Some(first) => 1 + usize::from(outside.any(|uri| uri != first)),
    }
}

/// What was found out about one signature element.
enum Found {
    Read(Box<XmlFindings>),
    Unreadable(Error),
}

fn judge_document(
    document: &Document<'_>,
    sources: &Sources<'_>,
    outer: Proof,
    context: &VerificationContext,
) -> XmlVerdict {
    // Content that was given without a name may be any of several: other content proves nothing then.
    let is_a_guess = sources.place == Place::Document && outside_uris(document) > 1;
    let mut checks = vec![Check::passed("reading")];
    let nodes: Vec<NodeId> =
        document.elements_within(NodeId::ROOT).filter(|node| is_signature(document, *node)).collect();
    let mut budget = Budget::for_length(document.text_length().saturating_add(sources.length));
    let mut found = Vec::new();
    for node in nodes.iter().take(limits::SIGNATURES) {
        let beside = xml_signature::Beside { sources, is_a_guess };
        let findings = xml_signature::check(document, *node, &context.intermediates, &beside, &mut budget);
        found.push(match findings {
            Ok(findings) => Found::Read(Box::new(findings)),
            Err(error) => Found::Unreadable(error),
        });
    }
    if nodes.len() > limits::SIGNATURES {
        let reason = format!("{} signatures, more than the limit of {}", nodes.len(), limits::SIGNATURES);
        checks.push(Check::not_done("signatures", reason));
    }
    let read = || found.iter().filter_map(|one| if let Found::Read(findings) = one { Some(&**findings) } else { None });
    let known: Vec<Known> = read()
        .filter(|findings| findings.signer.outcome() != Outcome::Failed)
        .map(|findings| Known { node: findings.signature.node, ranges: findings.covered_ranges() })
        .collect();
    let carried = xml_carried::carried(document, &nodes, &known, &mut budget);
    let around = Around { all: &known, nodes: &nodes, carried: carried.as_deref(), place: sources.place };
    let coverage: Vec<Coverage> =
        read().map(|findings| xml_coverage::judge(document, findings, &around, &mut budget)).collect();
    let material = xml_report::material(context, read());
    if outer.proven {
        material.prove(outer.time, |objects| read().for_each(|findings| xml_report::prove(objects, findings)));
    }
    let mut verdict = XmlVerdict { lines: Vec::new(), timestamps: Vec::new(), checks };
    let mut coverage = coverage.into_iter();
    for (at, one) in found.iter().enumerate() {
        match (one, nodes.get(at)) {
            (Found::Read(findings), _) => {
                let Some(coverage) = coverage.next() else { continue };
                let (coverage, material) = (&coverage, &material);
                let judged = Judged { document, findings, coverage, sources, material, context, outer };
                let (report, timestamps) = judged.line(at, &mut budget);
                verdict.timestamps.extend(timestamps);
                verdict.lines.push(XmlLine {
                    report,
                    files: findings.outside.clone(),
                    relationships: findings.relationships.clone(),
                    whole: coverage.whole,
                    not_at_hand: findings.not_at_hand,
                });
            }
            (Found::Unreadable(error), Some(node)) => {
                let report = xml_report::unreadable(document, *node, at, error);
                verdict.lines.push(XmlLine::unread(report));
            }
            (Found::Unreadable(_), None) => {}
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use chuky_model::instant::Instant;

    /// Made by xmlsec: one reference to `content.bin`, a bare key.
    const SIGNATURES: &str = include_str!("../../tests/data/detached.xml");

    fn judged(files: &[(&str, &[u8])]) -> XmlVerdict {
        let find = |uri: &str| files.iter().find(|(name, _)| *name == uri).map(|(_, bytes)| *bytes);
        let sources = Sources { place: Place::Container, find: &find, length: 100 };
        let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
        judge_signatures(SIGNATURES.as_bytes(), &sources, &context).unwrap()
    }

    #[test]
    fn a_container_is_asked_for_the_files_by_name() {
        let integrity = |verdict: &XmlVerdict| verdict.lines.first().unwrap().report.integrity;
        let right = judged(&[("content.bin", b"content of a container\n"), ("other", b"x")]);
        assert_eq!(integrity(&right), Integrity::Intact);
        assert_eq!(right.lines.first().unwrap().files, ["content.bin"]);
        assert_eq!(integrity(&judged(&[("content.bin", b"forged")])), Integrity::Broken);
        assert_eq!(integrity(&judged(&[("other", b"content of a container\n")])), Integrity::Unknown);
    }
}
