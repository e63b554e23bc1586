//! One CMS signer judged in full (EN 319 122-1, EN 319 102-1 §5.6): its bytes, its timestamps from the newest to the oldest so that
//! each proves the age of what it covers, its counter-signatures, its level. Used for bare CMS and for CMS inside containers.

use super::VerificationContext;
use super::line::{self, Draft};
use super::process::{Elements, NamedPolicy};
use super::records;
use super::store::Material;
use super::trust::{self, Proof};
use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, tag};
use crate::cms::{
    ATTRIBUTE_ORDER, ArchiveTimestamp, Attribute, SignedData, SignerFindings, SignerInfo, before_evidence_records,
};
use crate::evidence_record::EvidenceRecord;
use crate::{crypto, limits, oid};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, Outcome, SignatureReport, TimestampReport};
use der::asn1::ObjectIdentifier;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The signed content, attached or not, digested once for each algorithm.
pub(super) struct Content<'a> {
    bytes: Option<&'a [u8]>,
    known: RefCell<BTreeMap<DigestAlgorithm, Vec<u8>>>,
}

impl<'a> Content<'a> {
    /// The octets, where they are at hand.
    pub(super) fn new(bytes: Option<&'a [u8]>) -> Self {
        Self { bytes, known: RefCell::default() }
    }

    pub(super) fn is_missing(&self) -> bool {
        self.bytes.is_none()
    }

    pub(super) fn digest(&self, algorithm: DigestAlgorithm) -> Option<Vec<u8>> {
        let bytes = self.bytes?;
        Some(self.known.borrow_mut().entry(algorithm).or_insert_with(|| crypto::digest(algorithm, bytes)).clone())
    }
}

/// Everything that judging the signers of one CMS object takes.
pub(super) struct Judge<'a> {
    pub(super) data: &'a SignedData,
    pub(super) content: &'a Content<'a>,
    pub(super) material: &'a Material,
    pub(super) context: &'a VerificationContext,
    /// What is known about the object's age from outside it.
    pub(super) outer: Proof,
    /// Put in front of each line's identifier.
    pub(super) prefix: &'a str,
    /// The `ContentInfo` as it stands in the file, where evidence records in it are looked at.
    pub(super) whole: Option<&'a [u8]>,
    /// What the signature covers, as the report says it.
    pub(super) covers: &'a str,
    /// Checks that stand in front of each signer's own, e.g. of a container's manifest.
    pub(super) before: &'a [Check],
    /// The algorithms of digests that stand between what is signed and what it covers: of a container's manifest.
    pub(super) between: &'a [DigestAlgorithm],
}

/// What came out of it.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) signatures: Vec<SignatureReport>,
    pub(super) timestamps: Vec<TimestampReport>,
    /// Said about the file where a bound stopped the judging; empty otherwise.
    pub(super) undone: Vec<Check>,
    counter_signatures: usize,
}

impl Judge<'_> {
    /// Judges every signer.
    pub(super) fn signers(&self) -> Lines {
        let mut lines = Lines::default();
        for (at, signer) in self.data.signers.iter().enumerate() {
            let id = format!("{}signer {}", self.prefix, at + 1);
            let (known, beside) = (&self.material.certificates, self.content.bytes);
            let mut findings =
                signer.check_beside(self.data, known, beside, &mut |algorithm| self.content.digest(algorithm));
            doubt_order(&mut findings);
            findings.checks.splice(0..0, self.before.iter().cloned());
            let (proof, signature_times) = self.timestamps(signer, &id, &mut lines);
            let content_times = self.content_timestamps(signer, &id, &mut lines);
            let checks = [findings.checks.as_slice(), &remarks(signer)].concat();
            let format = self.level(signer, &findings);
            let mut draft = draft(&findings, signer, id.clone(), format, self.covers.to_owned(), checks);
            draft.elements = Elements { content_times, signature_times, ..draft.elements };
            draft.elements.digests.extend(self.between);
            lines.signatures.push(draft.judge(proof, self.material, self.context));
            self.counter_signatures(signer, &id, 1, &mut lines);
        }
        lines
    }

    /// The timestamps over the signature, newest first; returns the earliest proof of existence and the times of those that are valid.
    fn timestamps(&self, signer: &SignerInfo, id: &str, lines: &mut Lines) -> (Proof, Vec<Instant>) {
        let recorded = self.records(signer, id, lines);
        let (mut proof, mut times) = (recorded, Vec::new());
        let mut read: Vec<ArchiveTimestamp> = Vec::new();
        for archive in signer.archive_timestamps() {
            match archive {
                Ok(archive) => read.push(archive),
                Err(_) if lines.is_full(id) => break,
                Err(error) => {
                    lines.timestamps.push(trust::unread_timestamp(&format!("archive timestamp of {id}"), &error));
                }
            }
        }
        read.sort_by_key(|archive| std::cmp::Reverse(archive.token.time));
        let mut sound: Vec<(ArchiveTimestamp, Instant)> = Vec::new();
        for archive in read {
            if lines.is_full(&format!("archive timestamps of {id}")) {
                return (proof, times);
            }
            let known = self.imprint_of(&archive, signer);
            let mut findings = archive.token.check(&self.material.certificates, &mut |_| known.clone().ok().flatten());
            if let Err(error) = &known {
                findings.checks.push(Check::failed("archive_timestamp", error.to_string()));
            }
            let between: Vec<DigestAlgorithm> = archive.index_algorithm().into_iter().collect();
            // Those before and beside it that cover it, and no other, say how old it is.
            let covering = sound.iter().filter(|(later, _)| later.covers(archive.kind(), &archive.value));
            let covered = covering.fold(recorded, |proof, (_, time)| proof.or_earlier(*time));
            let (time, mut report) =
                trust::timestamp_over(&archive.token, findings, covered, &between, self.material, self.context);
            report.checks.insert(0, trust::kind_of_timestamp(&format!("archive timestamp of {id}")));
            lines.timestamps.push(report);
            if let Some(time) = time {
                proof = proof.or_earlier(time);
                times.push(time);
                self.material.prove(time, |objects| objects.protected(&archive.protected(self.data, signer)));
                sound.push((archive, time));
            }
        }
        for (kind, what) in OVER_THE_SIGNATURE {
            for value in signer.unsigned_values(&kind) {
                if lines.is_full(&format!("timestamps of {id}")) {
                    return (proof, times);
                }
                // Its own age is proven by the archive timestamps that cover it.
                let covering = sound.iter().filter(|(archive, _)| archive.covers(&kind, value));
                let own = covering.fold(self.outer, |proof, (_, time)| proof.or_earlier(*time));
                let (time, report) = trust::judge_token(
                    value,
                    &format!("{what} of {id}"),
                    &mut |algorithm| self.over_the_signature(&kind, signer, algorithm),
                    own,
                    self.material,
                    self.context,
                );
                lines.timestamps.push(report);
                // A timestamp over references alone says nothing about the signature.
                if let Some(time) = time.filter(|_| kind != oid::CERTIFICATES_AND_CRLS_TIME_STAMP) {
                    proof = proof.or_earlier(time);
                    times.push(time);
                }
            }
        }
        (proof, times)
    }

    /// Evidence records among the unsigned attributes (RFC 4998 appendix A): the object as it was before them, and for external ones the content
    /// beside it. A valid one proves the age of everything in the object.
    fn records(&self, signer: &SignerInfo, id: &str, lines: &mut Lines) -> Proof {
        let mut proof = self.outer;
        let Some(whole) = self.whole else { return proof };
        let is_record = |one: &&Attribute| RECORDS.contains(&one.oid);
        for (place, attribute) in signer.unsigned_attributes.iter().filter(is_record).enumerate() {
            let what = format!("evidence record of {id}");
            let Some(value) = attribute.values.first().filter(|_| !lines.is_full(&what)) else { break };
            let record = match EvidenceRecord::parse(value) {
                Ok(record) => record,
                Err(error) => {
                    lines.timestamps.push(trust::unread_timestamp(&what, &error));
                    continue;
                }
            };
            // Records beside each other cover the object without any of them, later ones those before, wherever in the SET they stand.
            let keeps: [&dyn Fn(usize) -> bool; 3] = [&|_| false, &|other| other < place, &|other| other != place];
            let forms: Vec<Vec<u8>> =
                keeps.iter().filter_map(|kept| before_evidence_records(whole, kept).ok()).collect();
            let mut digests = |algorithm: DigestAlgorithm| {
                let object: Vec<Vec<u8>> = forms.iter().map(|form| crypto::digest(algorithm, form)).collect();
                match attribute.oid == oid::EVIDENCE_RECORD_EXTERNAL {
                    true => Some(vec![vec![self.content.digest(algorithm)?], object]),
                    false => Some(vec![object]),
                }
            };
            let recorded = records::judge(&record, &what, &[], &mut digests, self.context);
            lines.timestamps.extend(recorded.reports);
            if let Some(time) = recorded.time {
                proof = proof.or_earlier(time);
                self.material.prove(time, |objects| objects.signed_data_and_tokens(self.data));
            }
        }
        proof
    }

    fn imprint_of(&self, archive: &ArchiveTimestamp, signer: &SignerInfo) -> crate::error::Result<Option<Vec<u8>>> {
        let digest = &mut |algorithm| self.content.digest(algorithm);
        let imprints = archive.imprints(self.data, signer, self.content.bytes, digest)?;
        Ok(imprints.and_then(|imprints| {
            let fits = imprints.iter().find(|imprint| **imprint == archive.token.digest);
            fits.or(imprints.first()).cloned()
        }))
    }

    /// What the timestamps of the extended levels cover (EN 319 122-1 annex A.1.5).
    fn over_the_signature(
        &self,
        kind: &ObjectIdentifier,
        signer: &SignerInfo,
        algorithm: DigestAlgorithm,
    ) -> Option<Vec<u8>> {
        if *kind == oid::SIGNATURE_TIME_STAMP {
            return Some(crypto::digest(algorithm, &signer.signature));
        }
        let mut parts = Vec::new();
        if *kind == oid::ESCAPED_TIME_STAMP {
            parts.extend_from_slice(&signer.signature);
            append(&mut parts, signer, &oid::SIGNATURE_TIME_STAMP);
        }
        append(&mut parts, signer, &oid::COMPLETE_CERTIFICATE_REFERENCES);
        append(&mut parts, signer, &oid::COMPLETE_REVOCATION_REFERENCES);
        Some(crypto::digest(algorithm, &parts))
    }

    /// Timestamps over the content (EN 319 122-1 §5.2.8): they prove that the content is older, not the signature. Returns the times of those
    /// that are valid.
    fn content_timestamps(&self, signer: &SignerInfo, id: &str, lines: &mut Lines) -> Vec<Instant> {
        let mut times = Vec::new();
        for value in signer.signed_values(&oid::CONTENT_TIME_STAMP) {
            if lines.is_full(&format!("content timestamps of {id}")) {
                break;
            }
            let (time, report) = trust::judge_token(
                value,
                &format!("content timestamp of {id}"),
                &mut |algorithm| self.content.digest(algorithm),
                self.outer,
                self.material,
                self.context,
            );
            times.extend(time);
            lines.timestamps.push(report);
        }
        times
    }

    fn counter_signatures(&self, signed: &SignerInfo, of: &str, depth: usize, lines: &mut Lines) {
        for (at, counter) in signed.counter_signatures().into_iter().enumerate() {
            if depth > limits::DEEPEST_COUNTER_SIGNATURE || lines.counter_signatures >= limits::MOST_COUNTER_SIGNATURES
            {
                lines.undone.push(Check::not_done("signatures", "more counter-signatures than the limit"));
                return;
            }
            lines.counter_signatures += 1;
            let id = format!("{of}, counter-signature {}", at + 1);
            let counter = match counter {
                Ok(counter) => counter,
                Err(error) => {
                    lines.undone.push(Check::failed("counter_signature", format!("{id}: {error}")));
                    continue;
                }
            };
            let mut findings = counter.check_counter_signature(signed, self.data, &self.material.certificates);
            doubt_order(&mut findings);
            // What proves the age of the signature around it need not cover it: only its own timestamps count.
            let (time, signature_times) = self.timestamps(&counter, &id, lines);
            let checks = [findings.checks.as_slice(), &remarks(&counter)].concat();
            let mut draft = draft(
                &findings,
                &counter,
                id.clone(),
                format!("{} counter-signature", name(&findings)),
                format!("signature of {of}"),
                checks,
            );
            draft.elements.signature_times = signature_times;
            lines.signatures.push(draft.judge(time, self.material, self.context));
            self.counter_signatures(&counter, &id, depth + 1, lines);
        }
    }

    /// The level by what is there (EN 319 122-1 §6, EN 319 122-2 §5); whether it is valid is another matter.
    fn level(&self, signer: &SignerInfo, findings: &SignerFindings) -> String {
        let has = |kind: &ObjectIdentifier| signer.unsigned_values(kind).next().is_some();
        let archived = has(&oid::ARCHIVE_TIME_STAMP_V3) || has(&oid::ARCHIVE_TIME_STAMP_V2);
        let values = has(&oid::REVOCATION_VALUES) || has(&oid::CERTIFICATE_VALUES);
        let references = has(&oid::COMPLETE_CERTIFICATE_REFERENCES) || has(&oid::COMPLETE_REVOCATION_REFERENCES);
        let timed = has(&oid::SIGNATURE_TIME_STAMP);
        let referenced_time = has(&oid::ESCAPED_TIME_STAMP) || has(&oid::CERTIFICATES_AND_CRLS_TIME_STAMP);
        let evidence = self.data.revocation_der.is_some() || has(&oid::REVOCATION_VALUES);
        match name(findings) {
            "CAdES" if references && archived => "CAdES-E-A".to_owned(),
            "CAdES" if references => {
                let longer = if referenced_time { "X" } else { "C" };
                format!("CAdES-E-{longer}{}", if values && referenced_time { "L" } else { "" })
            }
            "CAdES" => {
                let letter = match (timed, evidence, archived) {
                    (true, true, true) => "LTA",
                    (true, true, false) => "LT",
                    (true, false, _) => "T",
                    (false, _, _) => "B",
                };
                format!("CAdES-BASELINE-{letter}")
            }
            other => other.to_owned(),
        }
    }
}

impl Lines {
    /// Whether no further timestamp is judged; said once.
    fn is_full(&mut self, what: &str) -> bool {
        let full = self.timestamps.len() >= limits::MOST_TIMESTAMPS;
        if full && self.undone.iter().all(|check| check.name != "timestamps") {
            self.undone.push(Check::not_done("timestamps", format!("more than the limit, the first left out: {what}")));
        }
        full
    }
}

/// A certificate that a signed attribute binds makes it CAdES (EN 319 122-1 §5.2.2).
fn name(findings: &SignerFindings) -> &'static str {
    if findings.certificate_is_bound { "CAdES" } else { "CMS" }
}

fn draft<'f>(
    findings: &'f SignerFindings,
    signer: &SignerInfo,
    id: String,
    format: String,
    covers: String,
    checks: Vec<Check>,
) -> Draft<'f> {
    Draft {
        id,
        format,
        covers,
        integrity: line::integrity(findings),
        certificate: findings.signing_certificate.as_ref(),
        elements: elements(findings, Some(signer)),
        claimed: findings.signing_time,
        changes: Vec::new(),
        checks,
    }
}

/// Readers of CMS files disagree about a value that does not fit the DER encoding of its attributes: some refuse it, as RFC 5652 §5.4 says, others
/// take the order of the file. What two readers see differently is not intact. Readers of PDF all take the order of the file.
fn doubt_order(findings: &mut SignerFindings) {
    let order = findings.checks.iter_mut().filter(|check| check.name == ATTRIBUTE_ORDER);
    order.for_each(|check| check.outcome = Outcome::NotDone);
}

/// What constraints look at, but for the timestamps.
pub(super) fn elements(findings: &SignerFindings, signer: Option<&SignerInfo>) -> Elements {
    Elements {
        certificate_is_bound: findings.certificate_is_bound,
        digests: trust::digests(findings).collect(),
        scheme: findings.signature_algorithm,
        policy: signer.and_then(|signer| signer.signed_values(&oid::SIGNATURE_POLICY).next()).and_then(named_policy),
        ..Elements::default()
    }
}

/// EN 319 122-1 §5.2.9.1: the identifier and the digest of its document.
fn named_policy(value: &[u8]) -> Option<NamedPolicy> {
    let implied = NamedPolicy { identifier: String::new(), digest: None };
    let Ok(mut fields) = Element::only(value, "SignaturePolicy").map(|element| element.reader()) else {
        return Some(implied);
    };
    let Ok(identifier) = fields.oid("SignaturePolicyId") else { return Some(implied) };
    let digest = || {
        let mut hash = fields.sequence("SigPolicyHash").ok()?;
        let algorithm = DigestAlgorithm::from_identifier(&hash.expect(tag::SEQUENCE, "SigPolicyHash").ok()?).ok()?;
        Some((algorithm, hash.expect(tag::OCTET_STRING, "SigPolicyHash").ok()?.content.to_vec()))
    };
    let mut digest = digest;
    Some(NamedPolicy { identifier: identifier.to_string(), digest: digest() })
}

/// An attribute, type and values, as the timestamps of the extended levels cover it.
fn append(parts: &mut Vec<u8>, signer: &SignerInfo, kind: &ObjectIdentifier) {
    use crate::asn1::write;
    for attribute in signer.unsigned_attributes.iter().filter(|attribute| attribute.oid == *kind) {
        parts.extend_from_slice(&write::oid(&attribute.oid));
        parts.extend_from_slice(&write::parts(tag::SET, &attribute.values));
    }
}

/// What is there and is not judged here: said, so that nobody takes it for checked.
fn remarks(signer: &SignerInfo) -> Vec<Check> {
    let mut remarks = Vec::new();
    if let Some(value) = signer.signed_values(&oid::SIGNATURE_POLICY).next() {
        remarks.push(Check::not_done("signature_policy", policy(value)));
    }
    if signer.unsigned_values(&oid::LONG_TERM_VALIDATION).next().is_some() {
        remarks.push(Check::not_done("long_term_validation", "the long-term-validation attribute is not used"));
    }
    remarks
}

/// EN 319 122-1 §5.2.9.1: a policy by identifier, or NULL where it is implied.
fn policy(value: &[u8]) -> String {
    match Element::only(value, "SignaturePolicy") {
        Ok(element) if element.tag == tag::NULL => "a policy is implied and not named".to_owned(),
        Ok(element) => match element.reader().oid("SignaturePolicyId") {
            Ok(identifier) => format!("the policy {identifier} is named; its rules are not at hand"),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    }
}

/// The unsigned attributes that hold evidence records.
const RECORDS: [ObjectIdentifier; 2] = [oid::EVIDENCE_RECORD_INTERNAL, oid::EVIDENCE_RECORD_EXTERNAL];

const OVER_THE_SIGNATURE: [(ObjectIdentifier, &str); 3] = [
    (oid::ESCAPED_TIME_STAMP, "timestamp over signature and references"),
    (oid::CERTIFICATES_AND_CRLS_TIME_STAMP, "timestamp over references"),
    (oid::SIGNATURE_TIME_STAMP, "signature timestamp"),
];
