//! The verdict on an Associated Signature Container (EN 319 162-1): the archive's structure, which files each signature covers by
//! way of its manifest, the signatures themselves, and what nobody signed. A covered file that is missing, or one that a reader would take
//! for signed and that no signature covers, is said, and the container is not intact; another file that nobody signed is named first.

pub(super) mod augmentation;
mod coverage;
mod timestamps;

use super::cades::{Content, Judge};
use super::line::{Draft, badness};
use super::store::{Gathering, Material};
use super::trust::Proof;
use super::xml_file::{self, Place, Sources};
use super::{VerificationContext, conclusion, empty_report};
use crate::asic::{Archive, ContainerError, Role, limits};
use crate::cms::SignedData;
use crate::{Error, crypto};
use chuky_model::report::{Check, DocumentFormat, Integrity, Outcome, Report, SignatureReport};
use coverage::{Container, Covered};
use std::collections::{BTreeMap, BTreeSet};
use timestamps::Held;

/// Judges a container.
pub(super) fn verify(bytes: &[u8], format: DocumentFormat, context: &VerificationContext) -> Report {
    let mut report = empty_report(format);
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    // 1. The archive, so that every reader sees the same files.
    let archive = match Archive::open(bytes) {
        Ok(archive) => archive,
        Err(error) => {
            unread(&mut report, &error);
            return report;
        }
    };
    report.checks.push(Check::passed("reading"));
    // 2. What its files are for, and the manifests.
    let container = Container::read(&archive);
    report.format = container.format();
    report.checks.extend(container.checks().iter().cloned());
    // 3. Signatures and timestamps read, their evidence gathered.
    let signatures = container.cms(Role::Cades);
    let tokens = container.cms(Role::Timestamp);
    let mut gathering = Gathering::new(context);
    signatures
        .iter()
        .chain(&tokens)
        .filter_map(|(_, data)| data.as_ref().ok())
        .for_each(|data| gathering.add_signed_data(data));
    let material = gathering.read(context);
    // 4. Timestamps, newest first: each proves the age of what its manifest lists.
    let mut covered: BTreeSet<usize> = BTreeSet::new();
    let held = Held { container: &container, signatures: &signatures, tokens: &tokens, material: &material };
    let mut timed = timestamps::judge(&held, context);
    timestamps::judge_records(&held, &mut timed, context);
    report.timestamps.append(&mut timed.reports);
    report.checks.append(&mut timed.undone);
    // 5. The signatures.
    let mut judging = Judging { container: &container, material: &material, context, proofs: &timed.proofs };
    for (at, data) in &signatures {
        covered.extend(judging.cades(*at, data, &mut report));
    }
    for at in container.entries_of(Role::Xades).into_iter().take(limits::SIGNATURES) {
        covered.extend(judging.xades(at, &mut report));
    }
    // 6. What stands alone: timestamps are what the container is judged by where there is no signature.
    let lone = report.signatures.is_empty();
    if lone {
        covered.extend(&timed.covered);
    }
    // 7. The whole container's answer.
    report.checks.push(if lone && timed.is_partly_read {
        Check::not_done("coverage", "what an evidence record covers is not known")
    } else {
        container.check_coverage(&covered)
    });
    report.checks.extend(container.as_pdf(bytes, &covered));
    conclude(&mut report, if lone { timed.integrity } else { None });
    report
}

fn unread(report: &mut Report, error: &ContainerError) {
    conclusion::unread(
        report,
        &match error {
            ContainerError::Malformed(_) => Error::Malformed("container"),
            ContainerError::Limit(what) => Error::Limit(what),
            ContainerError::Unsupported(what) => Error::Unsupported(what.clone()),
        },
    );
    if let Some(check) = report.checks.last_mut() {
        check.reason = error.to_string();
    }
}

/// The worst of the lines and of what was found about the container as a whole.
fn conclude(report: &mut Report, lone: Option<Integrity>) {
    let lines = report.signatures.iter().map(|line| line.integrity).chain(lone);
    let worst = lines.max_by_key(|integrity| badness(*integrity));
    // A manifest of a signature that is gone, or that cannot be read, says that there was one.
    let says_signed = report.checks.iter().any(|check| check.name == "manifest" && check.outcome != Outcome::Passed);
    let Some(worst) = worst.or(says_signed.then_some(Integrity::Intact)) else {
        return conclusion::conclude(report, Integrity::None);
    };
    let of_container = report.checks.iter().map(|check| match (check.outcome, check.name.as_str()) {
        (Outcome::Failed, "coverage" | "file_list") => Integrity::Altered,
        // A record that fails is not used as a proof; it takes nothing from signatures.
        (Outcome::Failed, "evidence_record") => Integrity::Intact,
        // What is signed stays intact; the report says what is not.
        (Outcome::Failed, coverage::UNSIGNED_PARTS) => Integrity::Intact,
        (Outcome::Failed, _) => Integrity::Broken,
        (Outcome::NotDone, "manifest" | "timestamps" | "signatures" | "coverage") => Integrity::Unknown,
        _ => Integrity::Intact,
    });
    let worst = of_container.chain([worst]).max_by_key(|integrity| badness(*integrity)).unwrap_or(Integrity::Unknown);
    conclusion::conclude(report, worst);
    let unsigned = report.checks.iter().find(|check| check.name == coverage::UNSIGNED_PARTS);
    if let Some(parts) = unsigned.map(|check| check.reason.clone()) {
        conclusion::with_unsigned_parts(report, &parts);
    }
}

fn unread_check(error: &Error) -> Check {
    match error {
        Error::Limit(_) | Error::Unsupported(_) => Check::not_done("reading", error.to_string()),
        _ => Check::failed("reading", error.to_string()),
    }
}

struct Judging<'a, 'b> {
    container: &'a Container<'b>,
    material: &'a Material,
    context: &'a VerificationContext,
    /// What timestamps in the container prove about its entries.
    proofs: &'a BTreeMap<usize, Proof>,
}

impl Judging<'_, '_> {
    /// A CAdES file; returns the entries that it covers.
    fn cades(&mut self, at: usize, data: &crate::error::Result<SignedData>, report: &mut Report) -> BTreeSet<usize> {
        let id = self.container.label(at);
        let data = match data {
            Ok(data) => data,
            Err(error) => {
                report.signatures.push(self.line(&id, "CAdES", unread_check(error)));
                return BTreeSet::new();
            }
        };
        if data.signers.is_empty() {
            report.signatures.push(self.line(&id, "CAdES", Check::failed("reading", "the CMS object has no signer")));
            return BTreeSet::new();
        }
        let Covered { content, entries, mut checks, digests, .. } = self.container.covered_by(at);
        if let (Some(inside), Some(content)) = (&data.content, content)
            && inside != content
        {
            checks.push(Check::failed("message_digest", "it carries a content that is not the container's"));
        }
        let lines = Judge {
            data,
            content: &Content::new(content),
            material: self.material,
            context: self.context,
            outer: self.proofs.get(&at).copied().unwrap_or(Proof { time: self.context.at, proven: false }),
            whole: self.container.bytes(at),
            prefix: &format!("{id}, "),
            covers: &self.container.covers(&entries),
            before: &checks,
            between: &digests,
        }
        .signers();
        report.signatures.extend(lines.signatures);
        report.timestamps.extend(lines.timestamps);
        report.checks.extend(lines.undone);
        entries
    }

    /// An XML file with signatures; returns the entries that they cover.
    fn xades(&mut self, at: usize, report: &mut Report) -> BTreeSet<usize> {
        let id = self.container.label(at);
        let xml = self.container.bytes(at).unwrap_or_default();
        let find = |uri: &str| self.container.by_name(uri).and_then(|at| self.container.bytes(at));
        let outer = self.proofs.get(&at).copied().unwrap_or(Proof { time: self.context.at, proven: false });
        let sources = Sources { place: Place::Container, find: &find, length: self.container.length() };
        let verdict = match xml_file::judge_signatures_of_age(xml, &sources, outer, self.context) {
            Ok(verdict) => verdict,
            Err(error) => {
                report.signatures.push(self.line(&id, "XAdES", unread_check(&error)));
                return BTreeSet::new();
            }
        };
        report.checks.extend(verdict.checks.into_iter().filter(|check| check.name != "reading"));
        report.timestamps.extend(verdict.timestamps);
        if verdict.lines.is_empty() {
            report.signatures.push(self.line(&id, "XAdES", Check::failed("reading", "the file holds no signature")));
        }
        let mut covered = BTreeSet::new();
        for one in verdict.lines {
            let entries: BTreeSet<usize> = one.files.iter().filter_map(|uri| self.container.referenced(uri)).collect();
            let mut line = one.report;
            line.id = format!("{id}, {}", line.id);
            line.covers = self.container.covers(&entries);
            report.signatures.push(line);
            covered.extend(entries);
        }
        covered
    }

    fn line(&self, id: &str, format: &str, check: Check) -> SignatureReport {
        let draft = Draft::unread(id, format, check);
        draft.judge(Proof { time: self.context.at, proven: false }, self.material, self.context)
    }
}
