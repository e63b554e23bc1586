//! One XML signature on its way to a line of the report: timestamps from the newest to the oldest, trust at the time that they prove,
//! integrity from the checks. The verdict is derived from the checks, never stored beside them.

use super::VerificationContext;
use super::cades;
use super::line::Draft;
use super::process::NamedPolicy;
use super::process::proofs::Objects;
use super::store::{Gathering, Material};
use super::trust::{self, Proof};
use super::xml_certificate;
use super::xml_coverage::{COVERAGE, Coverage};
use super::xml_file::{Place, Sources};
use super::xml_signature::{MANIFEST, NOT_AT_HAND, REFERENCES, XmlFindings};
use super::xml_timestamp::{self, Order};
use crate::error::Error;
use crate::timestamp::TimestampToken;
use crate::xml::document::{Document, NodeId};
use crate::xml::limits;
use crate::xml::selection::Budget;
use crate::xml::xades::{Timestamp, TimestampKind};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, Indication, Integrity, Outcome, SignatureReport, SubIndication, TimestampReport};

/// Certificates and evidence of all signatures together. Without anchors nothing of it would be asked for.
pub(super) fn material<'f>(context: &VerificationContext, findings: impl Iterator<Item = &'f XmlFindings>) -> Material {
    if !context.has_anchors() {
        return Material::default();
    }
    let mut gathering = Gathering::new(context);
    for one in findings {
        gathering.add_known(&one.certificates);
        gathering.add_values(one.values.crls.iter().cloned(), one.values.ocsp_responses.iter().cloned());
        let timestamps = one.qualifying.iter().flat_map(|qualifying| &qualifying.timestamps);
        timestamps.flat_map(|timestamp| timestamp.tokens.iter().flatten()).for_each(|token| gathering.add_token(token));
    }
    gathering.read(context)
}

/// What the signatures bring along: it existed when the file did.
pub(super) fn prove(objects: &mut Objects, findings: &XmlFindings) {
    findings.certificates.iter().for_each(|certificate| objects.certificate(certificate));
    findings.values.crls.iter().for_each(|crl| objects.crl(crl));
    findings.values.ocsp_responses.iter().for_each(|response| objects.response(response));
    let timestamps = findings.qualifying.iter().flat_map(|qualifying| &qualifying.timestamps);
    timestamps.flat_map(|timestamp| timestamp.tokens.iter().flatten()).for_each(|token| objects.token(token));
}

/// A signature with everything that its line is made from.
pub(super) struct Judged<'j, 'd, 's> {
    pub(super) document: &'j Document<'d>,
    pub(super) findings: &'j XmlFindings,
    pub(super) coverage: &'j Coverage,
    pub(super) sources: &'j Sources<'s>,
    pub(super) material: &'j Material,
    pub(super) context: &'j VerificationContext,
    /// What is known about the document's age from outside it.
    pub(super) outer: Proof,
}

impl Judged<'_, '_, '_> {
    /// The line of the report, and the timestamps, oldest first. `at` is the place among the document's signatures.
    pub(super) fn line(&self, at: usize, budget: &mut Budget) -> (SignatureReport, Vec<TimestampReport>) {
        let signer = &self.findings.signer;
        let mut elements = cades::elements(signer, None);
        elements.digests.extend(&self.findings.digests);
        elements.policy = self
            .findings
            .qualifying
            .as_ref()
            .and_then(|qualifying| qualifying.policy.clone())
            .map(|named| NamedPolicy { identifier: named.identifier, digest: named.digest });
        let mut proof = self.outer;
        let mut timestamps = Vec::new();
        let mut sound: Vec<(&Timestamp, Instant)> = Vec::new();
        for timestamp in self.newest_first() {
            // What was stamped before signing proves nothing about the signature's age.
            let later = !matches!(timestamp.kind, TimestampKind::AllDataObjects | TimestampKind::IndividualDataObjects);
            // Its own age is proven by those that cover it, and by no other.
            let covering = sound.iter().filter(|(one, _)| one.covers(timestamp));
            let known = covering.fold(self.outer, |proof, (_, time)| proof.or_earlier(*time));
            for token in &timestamp.tokens {
                let (matched, report) = self.timestamp(timestamp, token, known, budget);
                timestamps.push(report);
                let Some((time, order)) = matched else { continue };
                sound.push((timestamp, time));
                match timestamp.kind {
                    _ if !later => elements.content_times.push(time),
                    // References alone say nothing about the signature.
                    TimestampKind::References => {}
                    _ => {
                        proof = proof.or_earlier(time);
                        elements.signature_times.push(time);
                    }
                }
                if timestamp.kind == TimestampKind::Archive {
                    self.material.prove(time, |objects| self.covered(objects, timestamp, order));
                }
            }
        }
        timestamps.reverse();
        let mut checks = signer.checks.clone();
        checks.push(self.coverage.check.clone());
        checks.extend(self.remarks());
        let draft = Draft {
            id: self.findings.signature.id.clone().unwrap_or_else(|| format!("signature {}", at + 1)),
            format: self.format(),
            covers: self.coverage.covers.clone(),
            integrity: self.integrity(),
            certificate: signer.signing_certificate.as_ref(),
            elements,
            claimed: signer.signing_time,
            changes: Vec::new(),
            checks,
        };
        (draft.judge(proof, self.material, self.context), timestamps)
    }

    /// What is there and is not judged here: said, so that nobody takes it for checked.
    fn remarks(&self) -> Vec<Check> {
        let Some(qualifying) = &self.findings.qualifying else { return Vec::new() };
        let mut remarks = Vec::new();
        if let Some(named) = &qualifying.policy {
            let reason = match named.identifier.as_str() {
                "" => "a policy is implied and not named".to_owned(),
                identifier => format!("the policy {identifier} is named; its rules are not at hand"),
            };
            remarks.push(Check::not_done("signature_policy", reason));
        }
        let sealed = |node: &NodeId| self.document.local_name(*node) == "SealingEvidenceRecords";
        if qualifying.unsigned.iter().any(sealed) {
            let reason = "evidence records in XML signatures are not used as proofs of existence";
            remarks.push(Check::not_done("evidence_record", reason));
        }
        remarks
    }

    /// EN 319 132-1 §5.5.2: an archive timestamp covers the key information and the unsigned properties before it.
    fn covered(&self, objects: &mut Objects, timestamp: &Timestamp, order: Order) {
        let in_info = xml_certificate::in_key_info(self.document, &self.findings.signature);
        in_info.iter().for_each(|der| objects.certificate_der(der));
        let Some(qualifying) = &self.findings.qualifying else { return };
        let counts = |node: NodeId| order.covers(self.document.local_name(node));
        let values = qualifying.values_before(self.document, timestamp.position, &counts);
        values.certificates.iter().for_each(|der| objects.certificate_der(der));
        values.crls.iter().for_each(|crl| objects.crl(crl));
        values.ocsp_responses.iter().for_each(|response| objects.response(response));
        let earlier = qualifying.timestamps.iter().filter(|one| one.position < timestamp.position);
        earlier.flat_map(|one| one.tokens.iter().flatten()).for_each(|token| objects.token(token));
    }

    fn newest_first(&self) -> Vec<&Timestamp> {
        let all = self.findings.qualifying.iter().flat_map(|qualifying| &qualifying.timestamps);
        let mut sorted: Vec<&Timestamp> = all.collect();
        sorted.sort_by_key(|timestamp| {
            let rank = match timestamp.kind {
                TimestampKind::Archive => 0,
                TimestampKind::SignatureAndReferences | TimestampKind::References => 1,
                TimestampKind::Signature => 2,
                TimestampKind::AllDataObjects | TimestampKind::IndividualDataObjects => 3,
            };
            (rank, std::cmp::Reverse(timestamp.position))
        });
        sorted
    }

    fn timestamp(
        &self,
        timestamp: &Timestamp,
        token: &crate::error::Result<Vec<u8>>,
        proof: Proof,
        budget: &mut Budget,
    ) -> (Option<(Instant, Order)>, TimestampReport) {
        // Its own signature, and those on the way to an anchor.
        let spent = budget.spend(4 * limits::COST_OF_A_VERIFICATION);
        let parsed = token.as_ref().map_err(Clone::clone).and_then(|der| TimestampToken::parse(der));
        let token = match spent.and(parsed) {
            Ok(token) => token,
            Err(error) => return (None, lost_timestamp(&error)),
        };
        let context =
            xml_timestamp::Context { document: self.document, findings: self.findings, sources: self.sources };
        let matched = xml_timestamp::matches(&context, timestamp, token.digest_algorithm, &token.digest, budget);
        let further = &self.material.certificates;
        let mut findings = token.check(further, &mut |_| match matched {
            Ok(Some(_)) => Some(token.digest.clone()),
            Ok(None) | Err(Error::Malformed(_)) => Some(Vec::new()),
            Err(_) => None,
        });
        let kind = self.document.local_name(timestamp.node);
        if let Some(check) = findings.checks.iter_mut().find(|check| check.name == "message_imprint") {
            check.reason = match (&matched, check.reason.is_empty()) {
                (Err(error), _) => format!("{kind}: {error}"),
                (Ok(_), true) => kind.to_owned(),
                (Ok(_), false) => format!("{kind}: {}", check.reason),
            };
        }
        let (time, report) = trust::timestamp_report(&token, findings, proof, self.material, self.context);
        (time.zip(matched.ok().flatten()), report)
    }

    fn integrity(&self) -> (Integrity, Option<SubIndication>) {
        let checks = || self.findings.signer.checks.iter().filter(|check| self.counts(check));
        let failed = |name: &str| checks().any(|check| check.name == name && check.outcome == Outcome::Failed);
        if failed(REFERENCES) || failed(MANIFEST) {
            return (Integrity::Broken, Some(SubIndication::HashFailure));
        }
        if failed("signature_value") {
            return (Integrity::Broken, Some(SubIndication::SigCryptoFailure));
        }
        if checks().any(|check| check.outcome == Outcome::Failed) {
            return (Integrity::Broken, Some(SubIndication::FormatFailure));
        }
        if self.coverage.check.outcome == Outcome::Failed {
            debug_assert_eq!(self.coverage.check.name, COVERAGE);
            return (Integrity::Altered, Some(SubIndication::FormatFailure));
        }
        let mut undone = checks().filter(|check| check.outcome == Outcome::NotDone);
        match (undone.next(), self.coverage.check.outcome) {
            (Some(check), _) if check.reason.contains(NOT_AT_HAND) || check.name == MANIFEST => {
                (Integrity::Unknown, Some(SubIndication::SignedDataNotFound))
            }
            (Some(check), _) if check.name == "signing_certificate" => {
                (Integrity::Unknown, Some(SubIndication::NoSigningCertificateFound))
            }
            (Some(_), _) => (Integrity::Unknown, Some(SubIndication::CryptoConstraintsFailureNoPoe)),
            (None, Outcome::NotDone) => (Integrity::Unknown, Some(SubIndication::PolicyProcessingError)),
            (None, _) => (Integrity::Intact, None),
        }
    }

    /// XMLDSig §5.1: what a manifest names is the application's matter; in a container it is there, or something is wrong.
    fn counts(&self, check: &Check) -> bool {
        check.name != MANIFEST
            || check.outcome != Outcome::NotDone
            || self.sources.place != Place::Document
            || self.findings.not_at_hand == 0
    }

    /// The format and level by what is there (EN 319 132-1 §6); whether it is valid is another matter.
    fn format(&self) -> String {
        let Some(qualifying) = &self.findings.qualifying else { return "XMLDSig".to_owned() };
        if !self.findings.signer.certificate_is_bound {
            return "XAdES".to_owned();
        }
        let has = |kind| qualifying.timestamps.iter().any(|timestamp| timestamp.kind == kind);
        let values = &self.findings.values;
        let has_values = !values.crls.is_empty() || !values.ocsp_responses.is_empty();
        let letter = match (has(TimestampKind::Signature), has_values, has(TimestampKind::Archive)) {
            (_, _, true) if has_values || has(TimestampKind::Signature) => "LTA",
            (true, true, _) => "LT",
            (true, false, _) => "T",
            (false, _, _) => "B",
        };
        format!("XAdES-BASELINE-{letter}")
    }
}

/// A timestamp that could not be read, or for which no work was left.
fn lost_timestamp(error: &Error) -> TimestampReport {
    const NAME: &str = "timestamp";
    let (indication, sub_indication, check) = match error {
        Error::Limit(_) | Error::Unsupported(_) => {
            (Indication::Indeterminate, None, Check::not_done(NAME, error.to_string()))
        }
        _ => (Indication::TotalFailed, Some(SubIndication::FormatFailure), Check::failed(NAME, error.to_string())),
    };
    TimestampReport { time: String::new(), authority: String::new(), indication, sub_indication, checks: vec![check] }
}

/// The line of a signature whose structure cannot be read.
pub(super) fn unreadable(document: &Document<'_>, node: NodeId, at: usize, error: &Error) -> SignatureReport {
    let id = document.attribute(node, "Id").map(str::to_owned);
    unread(id.unwrap_or_else(|| format!("signature {}", at + 1)), "signature_format", error)
}

/// The line of a signature that could not be read: broken, or beyond what is read here and then not judged.
pub(super) fn unread(id: String, check: &'static str, error: &Error) -> SignatureReport {
    let beyond = matches!(error, Error::Unsupported(_) | Error::Limit(_));
    let (integrity, indication, sub_indication) = match beyond {
        true => (Integrity::Unknown, Indication::Indeterminate, SubIndication::PolicyProcessingError),
        false => (Integrity::Broken, Indication::TotalFailed, SubIndication::FormatFailure),
    };
    let outcome = if beyond { Check::not_done } else { Check::failed };
    SignatureReport {
        id,
        format: "XMLDSig".to_owned(),
        integrity,
        indication,
        sub_indication: Some(sub_indication),
        signer: None,
        claimed_signing_time: None,
        best_signature_time: None,
        covers: "unknown".to_owned(),
        changes_after: Vec::new(),
        checks: vec![outcome(check, error.to_string())],
    }
}
