//! The verdict on an office document: Office Open XML (ECMA-376-2 §13, [MS-OFFCRYPTO] §2.5) and OpenDocument (ODF 1.2 part 3 §5). Both
//! are archives whose signatures name parts one by one; what a reader shows and no signature covers is said by name, and the
//! document is not intact then.

mod open_document;
mod open_xml;
mod shown;

use super::line::badness;
use super::xml_coverage::COVERAGE;
use super::xml_file::{self, Place, Sources, XmlLine};
use super::xml_report;
use super::{VerificationContext, conclusion, empty_report, other_readers, sentences};
use crate::asic::{Archive, ContainerError};
use crate::{Error, crypto};
use chuky_model::report::{
    Change, Check, DocumentFormat, Indication, Integrity, Outcome, Report, SignatureReport, SubIndication,
};
use open_document::OpenDocument;
use open_xml::OpenXml;

/// Judges an archive that may be an office document. `None` where it is none, by what is in it.
pub(super) fn verify(bytes: &[u8], context: &VerificationContext) -> Option<Report> {
    let archive = match Archive::open(bytes) {
        Ok(archive) => archive,
        Err(error) => return unread(bytes, &error),
    };
    let open_xml = OpenXml::read(&archive);
    let open_document = OpenDocument::read(&archive);
    match (open_xml, open_document) {
        // What carries signatures is judged by them, whatever was put beside to make it look like the other kind.
        (Some(package), Some(document)) if !package.is_signed() && document.is_signed() => {
            Some(judge(bytes, &document, context))
        }
        (Some(package), _) => Some(judge(bytes, &package, context)),
        (None, Some(document)) => Some(judge(bytes, &document, context)),
        (None, None) => None,
    }
}

/// The same where another format's reader found no signature: only a signed office document is one then.
pub(super) fn verify_if_signed(bytes: &[u8], context: &VerificationContext) -> Option<Report> {
    verify(bytes, context).filter(|report| !report.signatures.is_empty())
}

/// What the two kinds have in common.
trait Package {
    fn format(&self) -> DocumentFormat;
    fn is_signed(&self) -> bool;
    /// Checks on the package as a whole.
    fn checks(&self) -> Vec<Check>;
    /// The files with signatures.
    fn signature_files(&self) -> Vec<SignatureFile<'_>>;
    /// The bytes that a reference means.
    fn part(&self, uri: &str) -> Option<&[u8]>;
    /// What one signature of a file covers, and whether that is all that a reader shows.
    fn coverage(&self, file: &SignatureFile<'_>, line: &XmlLine) -> Covered;
    /// All contents together, bytes.
    fn length(&self) -> usize;
}

/// A file with signatures.
struct SignatureFile<'a> {
    name: String,
    bytes: Option<&'a [u8]>,
    /// Whether its signatures are over the document, or over its macros only.
    is_over_document: bool,
}

/// What one signature covers.
struct Covered {
    /// `coverage`, and what belongs to it.
    check: Check,
    /// What is shown, or might be, and is not covered, one by one.
    changes: Vec<Change>,
    /// Which parts, for experts.
    parts: Check,
    /// How much, as the report says it.
    covers: String,
    /// Content from elsewhere that is shown with the document and that no signature can cover.
    linked: bool,
}

fn judge(bytes: &[u8], package: &dyn Package, context: &VerificationContext) -> Report {
    let mut report = empty_report(package.format());
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    report.checks.push(Check::passed("reading"));
    report.checks.extend(package.checks());
    report.checks.extend(other_readers::as_pdf(bytes, &[]));
    if !package.is_signed() {
        report.integrity = Integrity::None;
        report.indication = Indication::NoSignatureFound;
        (report.message, report.next_step) = sentences::no_signature();
        return report;
    }
    let find = |uri: &str| package.part(uri);
    let sources = Sources { place: Place::Package, find: &find, length: package.length() };
    let mut linked = None;
    let mut over_document = false;
    for file in package.signature_files() {
        let verdict = file.bytes.ok_or(Error::Malformed("entry"));
        let verdict = verdict.and_then(|xml| xml_file::judge_signatures(xml, &sources, context));
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(error) => {
                report.signatures.push(xml_report::unread(file.name.clone(), "reading", &error));
                continue;
            }
        };
        report.checks.extend(verdict.checks.into_iter().filter(|check| check.name != "reading"));
        report.timestamps.extend(verdict.timestamps);
        if verdict.lines.is_empty() {
            report.signatures.push(xml_report::unread(
                file.name.clone(),
                "reading",
                &Error::Malformed("signature file without a signature"),
            ));
        }
        over_document |= file.is_over_document;
        for line in verdict.lines {
            let covered = package.coverage(&file, &line);
            if covered.linked {
                linked = Some(covered.covers.clone());
            }
            report.signatures.push(covered.applied_to(line, &file.name));
        }
    }
    if !over_document && report.signatures.iter().all(|line| line.integrity == Integrity::Intact) {
        report.checks.push(Check::not_done(COVERAGE, "only macros are signed, the document is not"));
    }
    conclude(&mut report);
    if let Some(covers) = linked.filter(|_| report.integrity == Integrity::Intact) {
        report.message = sentences::only_part(&report.message, &covers);
    }
    report
}

/// The worst of the lines and of what was found about the package as a whole.
fn conclude(report: &mut Report) {
    let lines = report.signatures.iter().map(|line| line.integrity);
    let of_package = report.checks.iter().map(|check| match check.outcome {
        Outcome::Failed => Integrity::Altered,
        Outcome::NotDone => Integrity::Unknown,
        Outcome::Passed => Integrity::Intact,
    });
    let worst = lines.chain(of_package).max_by_key(|integrity| badness(*integrity));
    conclusion::conclude(report, worst.unwrap_or(Integrity::Unknown));
    if report.integrity == Integrity::Unknown
        && report.signatures.iter().all(|line| line.integrity == Integrity::Intact)
    {
        report.sub_indication = Some(SubIndication::PolicyProcessingError);
    }
}

impl Covered {
    /// The line with what its signature covers. Coverage that fails is an alteration, unless worse was found before.
    fn applied_to(self, line: XmlLine, file: &str) -> SignatureReport {
        let mut report = line.report;
        report.id = format!("{file}, {}", report.id);
        report.covers = self.covers;
        let references_match =
            report.checks.iter().any(|check| check.name == COVERAGE && check.outcome != Outcome::NotDone);
        if !references_match {
            // Said already: not every reference matches what is there.
            report.covers = "unknown".to_owned();
            return report;
        }
        match (self.check.outcome, report.integrity) {
            (Outcome::Failed, Integrity::Intact | Integrity::Unknown) => {
                report.integrity = Integrity::Altered;
                report.indication = Indication::TotalFailed;
                report.sub_indication = Some(SubIndication::FormatFailure);
            }
            (Outcome::NotDone, Integrity::Intact) => {
                report.integrity = Integrity::Unknown;
                report.indication = Indication::Indeterminate;
                report.sub_indication = Some(SubIndication::PolicyProcessingError);
            }
            _ => {}
        }
        // What the signature carries itself was checked before under this name; its failure stays.
        report.checks.retain(|check| check.name != COVERAGE || check.outcome == Outcome::Failed);
        report.changes_after.extend(self.changes.into_iter().take(MOST_CHANGES));
        report.checks.push(self.check);
        report.checks.push(self.parts);
        report
    }
}

/// An archive that two readers could see differently. Where it names signatures it is broken; else whether it carries any is not known.
fn unread(bytes: &[u8], error: &ContainerError) -> Option<Report> {
    let named = |name: &[u8]| memchr::memmem::find(bytes, name).is_some();
    let format = match (named(b"[Content_Types].xml"), named(b"application/vnd.oasis.opendocument")) {
        (true, _) => DocumentFormat::Ooxml,
        (false, true) => DocumentFormat::Odf,
        (false, false) => return None,
    };
    let mut report = empty_report(format);
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    let is_signed = named(b"_xmlsignatures/") || named(b"META-INF/documentsignatures.xml");
    conclusion::unread(
        &mut report,
        &match error {
            ContainerError::Malformed(_) if is_signed => Error::Malformed("package"),
            ContainerError::Malformed(what) => Error::Unsupported(format!("{what}; whether it is signed is not known")),
            ContainerError::Limit(what) => Error::Limit(what),
            ContainerError::Unsupported(what) => Error::Unsupported(what.clone()),
        },
    );
    if let Some(check) = report.checks.last_mut() {
        check.reason = error.to_string();
    }
    Some(report)
}

/// Some of a list, so that a report stays readable.
fn some(list: &[String]) -> String {
    let shown: Vec<String> = list.iter().take(MOST_TOLD).map(|one| one.chars().take(LONGEST_TOLD).collect()).collect();
    match list.len().saturating_sub(MOST_TOLD) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Which parts a signature covers, as a check that names them.
fn told(parts: &[String]) -> Check {
    Check { reason: some(parts), ..Check::passed("covered_parts") }
}

/// What an archive's contents are, where they are what the archive says.
fn check_contents(archive: &Archive<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for at in 0..archive.entries().len() {
        match archive.content(at) {
            Ok(_) => {}
            Err(error @ ContainerError::Malformed(_)) => checks.push(Check::failed("content", error.to_string())),
            Err(error) => checks.push(Check::not_done("content", error.to_string())),
        }
    }
    checks.truncate(MOST_TOLD);
    checks
}

/// The check of an archive's or a package's structure, from an error.
fn structure(what: &str, error: &Error) -> Check {
    match error {
        Error::Limit(_) | Error::Unsupported(_) => Check::not_done("package", format!("{what}: {error}")),
        _ => Check::failed("package", format!("{what}: {error}")),
    }
}

/// What nobody permitted, as a line of the report.
fn change(kind: &str, detail: String) -> Change {
    Change { kind: kind.to_owned(), permitted: false, page: None, detail }
}

/// Kinds of such changes.
const PART: &str = "part_not_signed";
const MACRO: &str = "macro_not_signed";
const RELATIONSHIP: &str = "relationship_not_signed";
const CONTENT_TYPE: &str = "part_content_type";
/// Changes told of one signature.
const MOST_CHANGES: usize = 1_000;
/// Names and findings told one by one.
const MOST_TOLD: usize = 40;
const LONGEST_TOLD: usize = 160;
