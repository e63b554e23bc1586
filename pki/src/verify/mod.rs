//! The verdict on a document: what it is, what its bytes prove, and whose signature it is (EN 319 102-1). Bytes, evidence and a
//! time in, a report out; the same inputs give the same report for ever. No I/O, no clock, no network; never a panic.

mod anchors;
mod asic_file;
pub mod augmentation;
mod cades;
mod cms_augmentation;
mod cms_file;
mod cms_part;
mod conclusion;
mod covering;
mod digests;
mod format;
mod gaps;
mod judged;
mod jws_file;
mod line;
mod office_file;
mod other_readers;
mod pdf;
pub mod policy;
mod process;
mod records;
mod relied;
mod second_reader;
mod sentences;
mod store;
mod trust;
mod trusted_list;
mod xml_augmentation;
mod xml_carried;
mod xml_certificate;
mod xml_coverage;
mod xml_file;
mod xml_profile;
mod xml_report;
mod xml_signature;
mod xml_timestamp;

use crate::certificate::Certificate;
use crate::crypto;
use crate::revocation::Hold;
pub use anchors::{AnchorPurpose, Period, Recorded, RecordedAnchor, TrustSnapshot};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, DocumentFormat, Indication, Integrity, Report, SubIndication, TrustUsed};
pub use conclusion::leave_open;
use format::Kind;
pub use gaps::{Fetched, Gap, Gaps};
use policy::ValidationPolicy;
pub use relied::Relied;
use std::sync::Arc;
pub use trusted_list::{ListRefused, read_trusted_list, services_of_unchecked_list};

/// Everything a verdict depends on beside the document.
#[derive(Clone, Debug)]
pub struct VerificationContext {
    /// Trusted roots. Without any, trust cannot be determined, but integrity is still judged.
    pub anchors: Vec<Certificate>,
    /// Anchors with purpose, time and origin, beside those.
    pub recorded: Option<Arc<Recorded>>,
    /// Further certificates that paths may use.
    pub intermediates: Vec<Certificate>,
    /// CRLs from elsewhere than the document, DER.
    pub crls: Vec<Vec<u8>>,
    /// OCSP responses from elsewhere than the document, DER.
    pub ocsp_responses: Vec<Vec<u8>>,
    /// Suspensions that were lifted, by the authority's own register.
    pub holds: Vec<Hold>,
    /// The moment at which the verdict is given.
    pub at: Instant,
    /// What the verdict is made by.
    pub policy: Arc<ValidationPolicy>,
    /// Collects what was missing; the verdict does not depend on it.
    pub gaps: Gaps,
    /// Collects what was relied on; the verdict does not depend on it.
    pub relied: Relied,
}

impl VerificationContext {
    /// A context without trust or evidence, at this time.
    pub fn at(at: Instant) -> Self {
        Self {
            anchors: Vec::new(),
            recorded: None,
            intermediates: Vec::new(),
            crls: Vec::new(),
            ocsp_responses: Vec::new(),
            holds: Vec::new(),
            at,
            policy: ValidationPolicy::standard(),
            gaps: Gaps::default(),
            relied: Relied::default(),
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
            context.anchors.len() + context.recorded.as_ref().map_or(0, |recorded| recorded.len())
        ),
        ..Check::passed("inputs")
    });
    let lists = context.crls.iter().filter(|list| list.trim_ascii_start().starts_with(b"-----BEGIN ")).count();
    if lists > 0 {
        let reason = format!(
            "{lists} revocation lists were published as PEM where RFC 5280 §4.2.1.13 wants DER; they were read"
        );
        report.checks.push(Check { reason, ..Check::passed("pem_lists") });
    }
    name_trust(&mut report, context);
    report
}

/// Names the trust snapshot, and what in it is missing or stale: no verdict that it touches is silent about it.
fn name_trust(report: &mut Report, context: &VerificationContext) {
    let Some(snapshot) = context.recorded.as_ref().map(|recorded| recorded.snapshot()) else { return };
    report.trust = Some(TrustUsed { sha256: snapshot.sha256.clone(), created: snapshot.created.clone() });
    let gaps: Vec<String> = snapshot.missing.iter().cloned().chain(snapshot.stale(context.at)).collect();
    report.checks.push(match gaps.is_empty() {
        true => Check { reason: format!("snapshot {}", snapshot.sha256), ..Check::passed(TRUST_DATA) },
        false => Check::not_done(TRUST_DATA, gaps.join("; ")),
    });
}

/// The check that says whether trust data is complete and fresh.
const TRUST_DATA: &str = "trust_data";

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
        trust: None,
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
