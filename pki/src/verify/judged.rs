//! One PDF signature on its way from bytes to a line of the report: coverage, changes, cryptography, trust, put together.
//! The verdict is derived from the checks, never stored beside them.

use super::VerificationContext;
use super::cades;
use super::cms_part::Body;
use super::line::{self, Draft, badness};
use super::process::Elements;
use super::store::Material;
use super::trust::{self, Proof};
use crate::cms::SignerFindings;
use crate::pdf::change::{Finding, Permissions};
use crate::pdf::signature::PdfSignature;
use crate::timestamp::TimestampToken;
use chuky_model::instant::Instant;
use chuky_model::report::{Change, Check, Indication, Integrity, SignatureReport, SubIndication, TimestampReport};
use std::collections::BTreeSet;

/// A signature with everything found out about its bytes.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) signature: PdfSignature,
    pub(super) body: Body,
    pub(super) signers: Vec<SignerFindings>,
    /// Timestamps over the covered bytes among the signed attributes, with the signer's place.
    pub(super) content_timestamps: Vec<(usize, TimestampToken, SignerFindings)>,
    pub(super) permissions: Permissions,
    /// The level that this signature alone asks for.
    pub(super) own_level: Option<i64>,
    pub(super) changes: Vec<Change>,
    /// Why an encrypted file could not be looked into.
    pub(super) closed: Option<&'static str>,
    /// Why other readers could not be asked about what follows, though it had to be asked.
    pub(super) unheard: Option<&'static str>,
    pub(super) covers: String,
}

impl Judged {
    /// Fills in the changes that came after, with what the signers up to this one permitted.
    pub(super) fn judge_changes<'f>(
        &mut self,
        findings: impl Iterator<Item = &'f Finding>,
        later_levels: &[Option<i64>],
    ) {
        let (mut seen, earlier) = (BTreeSet::new(), self.changes.len());
        for finding in findings {
            let (permitted, rule) = self.permissions.judge(finding);
            let kept = self.changes.len() < crate::pdf::limits::CHANGES;
            if (permitted && !kept)
                || !seen.insert((finding.kind, finding.page, finding.detail.as_str(), permitted, rule))
            {
                continue;
            }
            let change = Change {
                kind: finding.kind.name().to_owned(),
                permitted,
                page: finding.page,
                detail: format!("{}: {rule}", finding.detail),
            };
            if !self.changes.iter().take(earlier).any(|known| *known == change) {
                self.changes.push(change);
            }
        }
        for kind in later_levels.iter().filter_map(|level| self.permissions.loosened_by(*level)) {
            self.changes.push(Change {
                kind: kind.name().to_owned(),
                permitted: false,
                page: None,
                detail: "a later signature allows more than this one: never permitted".to_owned(),
            });
        }
    }

    /// The coverage and change checks, common to every signer of this signature.
    fn structure_checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        for name in ["signature_dictionary", "byte_range", "contents", "coverage"] {
            let reasons: Vec<&str> = self
                .signature
                .faults
                .iter()
                .filter(|fault| fault.check == name)
                .map(|fault| fault.reason.as_str())
                .collect();
            checks.push(match (reasons.is_empty(), self.signature.byte_range) {
                (false, _) => Check::failed(name, reasons.join("; ")),
                (true, None) => Check::not_done(name, "another structural check failed first"),
                (true, Some(_)) => Check::passed(name),
            });
        }
        let unpermitted = self.changes.iter().filter(|change| !change.permitted).count();
        checks.push(match (self.signature.byte_range, unpermitted) {
            _ if self.closed.is_some() => {
                Check::not_done("changes", format!("the file is encrypted: {}", self.closed.unwrap_or_default()))
            }
            (None, _) => Check::not_done("changes", "there is no sound signed revision to compare with"),
            (Some(_), 0) => match self.unheard {
                Some(why) => Check::not_done("changes", format!("no second reader could confirm what follows: {why}")),
                None => Check::passed("changes"),
            },
            (Some(_), count) => {
                let first = self.changes.iter().find(|change| !change.permitted);
                let first = first.map(|change| format!("{}, {}", change.kind, change.detail)).unwrap_or_default();
                Check::failed("changes", format!("{count} changes that nobody permitted, the first: {first}"))
            }
        });
        checks
    }

    /// Integrity of one signer's signature, with the sub-indication that goes with it.
    fn integrity(&self, signer: &SignerFindings) -> (Integrity, Option<SubIndication>) {
        if self.signature.byte_range.is_none() || !self.signature.faults.is_empty() {
            return (Integrity::Broken, Some(SubIndication::FormatFailure));
        }
        match line::integrity(signer) {
            (Integrity::Broken, sub) => (Integrity::Broken, sub),
            _ if self.closed.is_some() => (Integrity::Unknown, Some(SubIndication::SignedDataNotFound)),
            _ if self.changes.iter().any(|change| !change.permitted) => {
                (Integrity::Altered, Some(SubIndication::FormatFailure))
            }
            (Integrity::Intact, _) if self.unheard.is_some() => {
                (Integrity::Unknown, Some(SubIndication::PolicyProcessingError))
            }
            other => other,
        }
    }

    /// The worst integrity of all signers.
    pub(super) fn worst(&self) -> Integrity {
        self.signers
            .iter()
            .map(|signer| self.integrity(signer).0)
            .max_by_key(|one| badness(*one))
            .unwrap_or(Integrity::Broken)
    }

    /// The document timestamp's report, and its time where it proves one.
    pub(super) fn document_timestamp(
        &self,
        proof: Proof,
        material: &Material,
        context: &VerificationContext,
    ) -> Option<(Option<Instant>, TimestampReport)> {
        let findings = self.signers.first()?.clone();
        let (time, mut report) = match &self.body {
            Body::Token(token) => trust::timestamp_report(token, findings, proof, material, context),
            _ if self.signature.is_document_timestamp() => {
                let report = TimestampReport {
                    time: String::new(),
                    authority: String::new(),
                    indication: Indication::TotalFailed,
                    sub_indication: Some(SubIndication::FormatFailure),
                    checks: findings.checks,
                };
                (None, report)
            }
            _ => return None,
        };
        report.checks.splice(0..0, self.structure_checks());
        let worst = self.worst();
        let sound = worst == Integrity::Intact;
        if !sound {
            let open = worst == Integrity::Unknown;
            report.indication = if open { Indication::Indeterminate } else { Indication::TotalFailed };
            report.sub_indication = self.integrity(self.signers.first()?).1.or(report.sub_indication);
        }
        Some((time.filter(|_| sound), report))
    }

    /// A line of the report for each signer, and the timestamps that the signers carry.
    pub(super) fn reports(
        &self,
        proof: Proof,
        level: &dyn Fn(&SignerFindings) -> String,
        material: &Material,
        context: &VerificationContext,
    ) -> (Vec<SignatureReport>, Vec<TimestampReport>) {
        let mut lines = Vec::new();
        let mut timestamps = Vec::new();
        for (at, signer) in self.signers.iter().enumerate() {
            let mut proof = proof;
            let mut elements = cades::elements(signer, self.body.signed_data().and_then(|data| data.signers.get(at)));
            elements.digests.extend(self.body.digest_between());
            for (_, token, findings) in self.content_timestamps.iter().filter(|(of, _, _)| *of == at) {
                let none = Proof { time: context.at, proven: false };
                let (time, mut report) = trust::timestamp_report(token, findings.clone(), none, material, context);
                report.checks.insert(0, trust::kind_of_timestamp("content timestamp"));
                timestamps.push(report);
                elements.content_times.extend(time);
            }
            // A document timestamp that came later is over the signature too.
            elements.signature_times.extend(proof.proven.then_some(proof.time));
            let value =
                self.body.signed_data().and_then(|data| data.signers.get(at)).map(|signer| signer.signature.as_slice());
            // A signature timestamp covers none of the others: each is as old as the document timestamps say.
            let covered = proof;
            for token in &signer.timestamps {
                let value = value.unwrap_or_default();
                let (time, report) = trust::judge_signature_timestamp(token, value, covered, material, context);
                timestamps.push(report);
                elements.signature_times.extend(time);
                proof = time.map_or(proof, |time| proof.or_earlier(time));
            }
            lines.push(self.line(at, signer, (elements, proof), level(signer), material, context));
        }
        (lines, timestamps)
    }

    fn line(
        &self,
        at: usize,
        signer: &SignerFindings,
        (elements, proof): (Elements, Proof),
        format: String,
        material: &Material,
        context: &VerificationContext,
    ) -> SignatureReport {
        let mut checks = self.structure_checks();
        checks.extend(signer.checks.iter().cloned());
        let name = self.signature.fields.first().cloned();
        let name = name.filter(|name| !name.is_empty()).or_else(|| self.signature.id.map(|id| id.to_string()));
        let name = name.unwrap_or_else(|| "signature".to_owned());
        let draft = Draft {
            id: if at == 0 { name } else { format!("{name}#{}", at + 1) },
            format,
            covers: self.covers.clone(),
            integrity: self.integrity(signer),
            certificate: signer.signing_certificate.as_ref(),
            elements,
            claimed: self.signature.text("M").and_then(|date| super::pdf::date(&date)).or(signer.signing_time),
            changes: self.changes.clone(),
            checks,
        };
        draft.judge(proof, material, context)
    }
}
