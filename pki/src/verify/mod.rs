//! The verdict on a document: what it is, what its bytes prove, and whose signature it is (EN 319 102-1). Bytes, evidence and a
//! time in, a report out; the same inputs give the same report for ever. No I/O, no clock, no network; never a panic.

mod asic_file;
mod cades;
mod cms_file;
mod cms_part;
mod conclusion;
mod digests;
mod format;
mod judged;
mod jws_file;
mod line;
mod office_file;
mod pdf;
pub mod policy;
mod process;
mod records;
mod second_reader;
mod sentences;
mod store;
mod trust;
mod xml_certificate;
mod xml_coverage;
mod xml_file;
mod xml_profile;
mod xml_report;
mod xml_signature;
mod xml_timestamp;

use crate::certificate::Certificate;
use crate::crypto;
use chuky_model::instant::Instant;
use chuky_model::report::{Check, DocumentFormat, Indication, Integrity, Report, SubIndication};
use format::Kind;
use policy::ValidationPolicy;
use std::sync::Arc;

/// Everything a verdict depends on beside the document.
#[derive(Clone, Debug)]
pub struct VerificationContext {
    /// Trusted roots. Without any, trust cannot be determined, but integrity is still judged.
    pub anchors: Vec<Certificate>,
    /// Further certificates that paths may use.
    pub intermediates: Vec<Certificate>,
    /// CRLs from elsewhere than the document, DER.
    pub crls: Vec<Vec<u8>>,
    /// OCSP responses from elsewhere than the document, DER.
    pub ocsp_responses: Vec<Vec<u8>>,
    /// The moment at which the verdict is given.
    pub at: Instant,
    /// What the verdict is made by.
    pub policy: Arc<ValidationPolicy>,
}

impl VerificationContext {
    /// A context without trust or evidence, at this time.
    pub fn at(at: Instant) -> Self {
        Self {
            anchors: Vec::new(),
            intermediates: Vec::new(),
            crls: Vec::new(),
            ocsp_responses: Vec::new(),
            at,
            policy: ValidationPolicy::standard(),
        }
    }
}

/// Judges a document. `name` is shown in the report as the file's name.
pub fn verify_document(bytes: &[u8], name: &str, context: &VerificationContext) -> Report {
    verify_with_content(bytes, None, name, context)
}

/// Judges a document whose signature may be detached from `content`.
pub fn verify_with_content(bytes: &[u8], content: Option<&[u8]>, name: &str, context: &VerificationContext) -> Report {
    let kind = format::recognise(bytes);
    let mut report = match kind {
        Kind::Pdf => pdf::verify(bytes, context),
        Kind::Cms => cms_file::verify(bytes, content, context),
        Kind::Jws => jws_file::verify(bytes, content, context),
        Kind::Asice | Kind::Asics => {
            let report = asic_file::verify(bytes, kind.document_format(), context);
            let is_signed = !report.signatures.is_empty() || !report.timestamps.is_empty();
            let office = if is_signed { None } else { office_file::verify_if_signed(bytes, context) };
            office.unwrap_or(report)
        }
        Kind::Ooxml | Kind::Odf | Kind::Zip => {
            office_file::verify(bytes, context).unwrap_or_else(|| unsupported(bytes, kind))
        }
        Kind::Xml | Kind::SignedXml => xml_file::verify(bytes, content, kind, context),
        other => unsupported(bytes, other),
    };
    report.file = name.to_owned();
    report.policy = Some(context.policy.used());
    report.checks.push(Check {
        reason: format!(
            "policy {:?} at {}, {} trust anchors",
            context.policy.name,
            context.at.rfc3339(),
            context.anchors.len()
        ),
        ..Check::passed("inputs")
    });
    report
}

/// The report on a file that could not be read at all: `sha256` is null.
pub fn unreadable_report(name: &str, reason: &str) -> Report {
    let mut report = empty_report(DocumentFormat::Unknown);
    report.file = name.to_owned();
    report.checks.push(Check::failed("reading", reason));
    (report.message, report.next_step) = sentences::unreadable();
    report
}

/// A report that says nothing yet: unknown, indeterminate.
fn empty_report(format: DocumentFormat) -> Report {
    let (message, next_step) = sentences::unreadable();
    Report {
        file: String::new(),
        sha256: None,
        format,
        integrity: Integrity::Unknown,
        indication: Indication::Indeterminate,
        sub_indication: None,
        message,
        next_step,
        signatures: Vec::new(),
        timestamps: Vec::new(),
        policy: None,
        checks: Vec::new(),
    }
}

fn unsupported(bytes: &[u8], kind: Kind) -> Report {
    let mut report = empty_report(kind.document_format());
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    report.checks.push(Check { reason: kind.description().to_owned(), ..Check::passed("format") });
    if kind.may_hold_signature() {
        report.checks.push(Check::not_done("signatures", format!("{} cannot be checked yet", kind.description())));
        report.sub_indication = Some(SubIndication::PolicyProcessingError);
        (report.message, report.next_step) = sentences::not_supported(kind.description());
    } else {
        report.integrity = Integrity::None;
        report.indication = Indication::NoSignatureFound;
        (report.message, report.next_step) = sentences::no_signature();
    }
    report
}
