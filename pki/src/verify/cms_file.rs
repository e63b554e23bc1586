//! The verdict on a bare CMS file with its content inside (CAdES, EN 319 122-1). A detached one is judged once its content is at
//! hand; until then the report says so.

use super::judged::badness;
use super::sentences::Circumstance;
use super::store::Material;
use super::trust::{self, Proof};
use super::{VerificationContext, empty_report, sentences};
use crate::certificate::Certificate;
use crate::cms::{SignedData, SignerFindings};
use crate::crypto;
use crate::path::Purpose;
use crate::revocation::Evidence;
use base64::Engine;
use chuky_model::instant::Instant;
use chuky_model::report::{
    Check, DocumentFormat, Indication, Integrity, Outcome, Report, SignatureReport, SubIndication, TimestampReport,
};

/// Judges a CMS file. `content` is the detached content, where the caller has it.
pub(super) fn verify(bytes: &[u8], content: Option<&[u8]>, context: &VerificationContext) -> Report {
    let mut report = empty_report(DocumentFormat::CAdES);
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    let decoded = from_pem(bytes);
    let data = match SignedData::parse(decoded.as_deref().unwrap_or(bytes)) {
        Ok(data) => data,
        Err(error) => {
            report.checks.push(Check::failed("reading", error.to_string()));
            return broken(report);
        }
    };
    report.checks.push(Check::passed("reading"));
    if data.signers.is_empty() {
        report.integrity = Integrity::None;
        report.indication = Indication::NoSignatureFound;
        (report.message, report.next_step) = sentences::no_signature();
        return report;
    }
    let material = Material::of_cms(context, &data);
    let further: &[Certificate] = &context.intermediates;
    let signers = data.check(further, &mut |algorithm| Some(crypto::digest(algorithm, content?)));
    for (at, signer) in signers.iter().enumerate() {
        let value = data.signers.get(at).map(|signer| signer.signature.as_slice()).unwrap_or_default();
        let (line, timestamps) = judge(at, signer, value, &material, context);
        report.signatures.push(line);
        report.timestamps.extend(timestamps);
    }
    sum_up(report)
}

/// The DER inside a PEM armour.
fn from_pem(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let body = text.split("-----").nth(2)?;
    let digits: String = body.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(digits).ok()
}

fn broken(mut report: Report) -> Report {
    report.integrity = Integrity::Broken;
    report.indication = Indication::TotalFailed;
    report.sub_indication = Some(SubIndication::FormatFailure);
    (report.message, report.next_step) =
        sentences::signed(report.integrity, report.indication, report.sub_indication, Circumstance::None, "");
    report
}

fn judge(
    at: usize,
    signer: &SignerFindings,
    value: &[u8],
    material: &Material,
    context: &VerificationContext,
) -> (SignatureReport, Vec<TimestampReport>) {
    let mut proof = Proof { time: context.at, proven: false };
    let mut timestamps = Vec::new();
    for token in &signer.timestamps {
        let (time, line) = trust::judge_signature_timestamp(token, value, proof, material, context);
        timestamps.push(line);
        if let Some(time) = time.filter(|time| *time < proof.time) {
            proof = Proof { time, proven: true };
        }
    }
    let failed = |name: &str| signer.check(name).is_some_and(|check| check.outcome == Outcome::Failed);
    let trust = trust::judge(signer.signing_certificate.as_ref(), Purpose::DocumentSigning, proof, material, context);
    let trust = match trust::judge_algorithms(signer, proof) {
        Some(weak) if trust.indication == Indication::TotalPassed => weak,
        _ => trust,
    };
    let (integrity, indication, sub_indication) = match signer.outcome() {
        Outcome::Failed if failed("message_digest") => {
            (Integrity::Broken, Indication::TotalFailed, Some(SubIndication::HashFailure))
        }
        Outcome::Failed if failed("signature_value") => {
            (Integrity::Broken, Indication::TotalFailed, Some(SubIndication::SigCryptoFailure))
        }
        Outcome::Failed => (Integrity::Broken, Indication::TotalFailed, Some(SubIndication::FormatFailure)),
        Outcome::NotDone => {
            let sub = match signer.signing_certificate {
                None => SubIndication::NoSigningCertificateFound,
                Some(_) => SubIndication::SignedDataNotFound,
            };
            (Integrity::Unknown, Indication::Indeterminate, Some(sub))
        }
        Outcome::Passed => (Integrity::Intact, trust.indication, trust.sub_indication),
    };
    let mut checks = signer.checks.clone();
    checks.extend(trust.checks);
    let level = if timestamps.is_empty() { "B" } else { "T" };
    let line = SignatureReport {
        id: format!("signer {}", at + 1),
        format: if signer.certificate_is_bound { format!("CAdES-BASELINE-{level}") } else { "CMS".to_owned() },
        integrity,
        indication,
        sub_indication,
        signer: signer.signing_certificate.as_ref().map(|certificate| certificate.to_signer()),
        claimed_signing_time: signer.signing_time.map(Instant::rfc3339),
        best_signature_time: proof.proven.then(|| proof.time.rfc3339()),
        covers: "whole_file".to_owned(),
        changes_after: Vec::new(),
        checks,
    };
    (line, timestamps)
}

/// The file's answer from its signatures' lines: the worst integrity, and of what is intact the first that is open.
pub(super) fn sum_up(mut report: Report) -> Report {
    let Some(worst) = report.signatures.iter().max_by_key(|line| badness(line.integrity)) else { return report };
    report.integrity = worst.integrity;
    (report.indication, report.sub_indication) = (worst.indication, worst.sub_indication);
    if report.integrity == Integrity::Intact
        && let Some(open) = report.signatures.iter().find(|line| line.indication != Indication::TotalPassed)
    {
        (report.indication, report.sub_indication) = (open.indication, open.sub_indication);
    }
    let signer = worst.signer.as_ref().map(|signer| signer.common_name.clone()).unwrap_or_default();
    let circumstance = Circumstance::of(&report.signatures);
    (report.message, report.next_step) =
        sentences::signed(report.integrity, report.indication, report.sub_indication, circumstance, &signer);
    report
}

impl Material {
    /// What a CMS object and the caller bring.
    fn of_cms(context: &VerificationContext, data: &SignedData) -> Self {
        let mut certificates = context.intermediates.clone();
        certificates.extend(data.certificates.iter().cloned());
        let crls = [context.crls.as_slice(), data.crls.as_slice()].concat();
        let responses = [context.ocsp_responses.as_slice(), data.ocsp_responses.as_slice()].concat();
        Self { certificates, evidence: Evidence::read(&crls, &responses) }
    }
}
