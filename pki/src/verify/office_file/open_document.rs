//! OpenDocument: what each signature of a package leaves uncovered. A document signature must cover every file of the package but the
//! signature files (ODF 1.2-3 §5.3); a macro signature covers macro libraries and says nothing about the document (§5.4).

use super::{Covered, MACRO, PART, Package, SignatureFile, change, check_contents, some, structure, told};
use crate::asic::Archive;
use crate::error::Error;
use crate::office::limits;
use crate::office::open_document::{PackageManifest, Role, holds_signatures, leads_to, role, shown_from_outside};
use crate::verify::xml_coverage::COVERAGE;
use crate::verify::xml_file::XmlLine;
use crate::verify::xml_signature::is_markup;
use crate::xml::transform::percent_decoded;
use chuky_model::report::{Change, Check, DocumentFormat};
use std::collections::{BTreeMap, BTreeSet};

/// A package with its files sorted by what they are for.
pub(super) struct OpenDocument<'a> {
    archive: &'a Archive<'a>,
    roles: Vec<Role>,
    names: BTreeMap<&'a [u8], usize>,
    manifest: PackageManifest,
    checks: Vec<Check>,
}

impl<'a> OpenDocument<'a> {
    /// Reads the package; `None` where the archive is none.
    pub(super) fn read(archive: &'a Archive<'a>) -> Option<Self> {
        let roles = (0..archive.entries().len()).map(|at| role_of(archive, at)).collect::<Vec<Role>>();
        let at = |wanted: Role| roles.iter().position(|one| *one == wanted);
        let content = |wanted: Role| at(wanted).and_then(|at| archive.content(at).ok());
        let says_so = content(Role::Mimetype).is_some_and(|kind| kind.starts_with(MEDIA_TYPE));
        let signed = at(Role::DocumentSignatures).is_some() || at(Role::MacroSignatures).is_some();
        let named = |name: &[u8]| archive.entries().iter().any(|entry| entry.name == name);
        let looks_so = at(Role::Manifest).is_some() && named(b"content.xml");
        if !(says_so || signed || looks_so) {
            return None;
        }
        let mut checks = check_contents(archive);
        let manifest = match content(Role::Manifest).ok_or(Error::Malformed("it is missing")) {
            Ok(bytes) => PackageManifest::parse(bytes),
            Err(error) => Err(error),
        };
        let manifest = manifest.unwrap_or_else(|error| {
            checks.push(structure("META-INF/manifest.xml", &error));
            PackageManifest::default()
        });
        if manifest.is_encrypted {
            checks.push(Check::not_done("encryption", "the document is encrypted, and what it shows cannot be read"));
        }
        let names = archive.entries().iter().enumerate().map(|(at, entry)| (entry.name.as_slice(), at)).collect();
        Some(Self { archive, roles, names, manifest, checks })
    }

    fn files(&self, wanted: impl Fn(Role) -> bool) -> impl Iterator<Item = usize> {
        self.roles.iter().enumerate().filter(move |(_, role)| wanted(**role)).map(|(at, _)| at)
    }

    fn label(&self, at: usize) -> String {
        self.archive.entries().get(at).map(|entry| entry.label()).unwrap_or_default()
    }

    fn content(&self, at: usize) -> &[u8] {
        self.archive.content(at).unwrap_or_default()
    }

    fn at(&self, uri: &str) -> Option<usize> {
        let position = |name: &str| self.names.get(name.as_bytes()).copied();
        position(uri).or_else(|| position(&percent_decoded(uri)))
    }

    /// Whether the type that the package gives itself is the one that its manifest gives it.
    fn types_agree(&self, mimetype: usize) -> bool {
        let named = std::str::from_utf8(self.content(mimetype)).map(str::trim).ok();
        named.is_some() && named == self.manifest.media_type.as_deref()
    }

    /// A covered part that names a file of the package which no signature covers.
    fn uncovered_reference(&self, covered: &BTreeSet<usize>) -> (Option<String>, Option<Error>) {
        let is_meant = |name: &str| self.at(name).is_some_and(|at| !covered.contains(&at));
        let mut lost = None;
        for at in covered.iter().filter(|at| self.roles.get(**at) != Some(&Role::Manifest)) {
            let label = self.label(*at);
            if !is_markup(&label) {
                continue;
            }
            match leads_to(self.content(*at), &label, is_meant) {
                Ok(Some(name)) => return (Some(format!("{name}, which {label} shows")), None),
                Ok(None) => {}
                // What is no XML that can be read names nothing; the two that every document has are told elsewhere.
                Err(error @ Error::Limit(_)) => lost = Some(error),
                Err(_) => {}
            }
        }
        (None, lost)
    }

    /// What a covered part shows from outside.
    fn linked(&self, covered: &BTreeSet<usize>) -> (Vec<String>, Option<Error>) {
        let mut linked = Vec::new();
        let mut lost = None;
        for at in covered {
            let label = self.label(*at);
            if ["content.xml", "styles.xml"].contains(&label.rsplit('/').next().unwrap_or_default()) {
                match shown_from_outside(self.content(*at)) {
                    Ok(found) => linked.extend(found),
                    Err(error) => lost = Some(error),
                }
            }
        }
        (linked, lost)
    }

    /// A document's signature.
    fn document_coverage(&self, covered: &BTreeSet<usize>) -> (Check, Vec<Change>, bool) {
        let mut left = Vec::new();
        let mut without_manifest = false;
        for (at, role) in self.roles.iter().enumerate().filter(|(at, _)| !covered.contains(at)) {
            match role {
                Role::Folder | Role::DocumentSignatures | Role::MacroSignatures | Role::OtherSignatures => {}
                // ODF 1.1 and before: neither of the two was signed.
                Role::Mimetype if self.types_agree(at) => {}
                Role::Manifest => without_manifest = true,
                Role::Macro => left.push(change(MACRO, format!("the macro {}", self.label(at)))),
                Role::Mimetype | Role::Content => left.push(change(PART, self.label(at))),
            }
        }
        let (reference, unsearched) = self.uncovered_reference(covered);
        left.extend(reference.map(|name| change(PART, name)));
        if !left.is_empty() {
            let names: Vec<String> = left.iter().map(|change| change.detail.clone()).collect();
            return (Check::failed(COVERAGE, format!("it does not cover {}", some(&names))), left, false);
        }
        let (linked, lost) = self.linked(covered);
        let check = match (lost.or(unsearched), without_manifest, linked.is_empty()) {
            (Some(error), _, _) => Check::not_done(COVERAGE, error.to_string()),
            (None, true, _) => {
                let reason = "it does not cover META-INF/manifest.xml, as signatures before ODF 1.2 did not; \
                    what programs take the files for is not signed";
                Check::not_done(COVERAGE, reason)
            }
            (None, false, false) => {
                let reason = format!("shown from outside, and not covered: {}", some(&linked));
                Check { reason, ..Check::passed(COVERAGE) }
            }
            (None, false, true) => Check::passed(COVERAGE),
        };
        (check, left, !linked.is_empty())
    }
}

/// The role that an entry has by its name, where what it holds bears it out.
fn role_of(archive: &Archive<'_>, at: usize) -> Role {
    let content = || archive.content(at).unwrap_or_default();
    match archive.entries().get(at).map_or(Role::Content, |entry| role(&entry.name)) {
        Role::OtherSignatures if !holds_signatures(content()) => Role::Content,
        Role::Folder if !content().is_empty() => Role::Content,
        role => role,
    }
}

impl Package for OpenDocument<'_> {
    fn format(&self) -> DocumentFormat {
        DocumentFormat::Odf
    }

    fn is_signed(&self) -> bool {
        self.files(|role| matches!(role, Role::DocumentSignatures | Role::MacroSignatures)).next().is_some()
    }

    fn checks(&self) -> Vec<Check> {
        self.checks.clone()
    }

    fn signature_files(&self) -> Vec<SignatureFile<'_>> {
        let files = self.files(|role| matches!(role, Role::DocumentSignatures | Role::MacroSignatures));
        let files = files.take(limits::SIGNATURES).map(|at| SignatureFile {
            name: self.label(at),
            bytes: self.archive.content(at).ok(),
            is_over_document: self.roles.get(at) == Some(&Role::DocumentSignatures),
        });
        files.collect()
    }

    fn part(&self, uri: &str) -> Option<&[u8]> {
        self.at(uri).and_then(|at| self.archive.content(at).ok())
    }

    fn length(&self) -> usize {
        self.archive.entries().iter().map(|entry| entry.size).fold(0, usize::saturating_add)
    }

    fn coverage(&self, file: &SignatureFile<'_>, line: &XmlLine) -> Covered {
        let covered: BTreeSet<usize> = line.files.iter().filter_map(|uri| self.at(uri)).collect();
        let labels: Vec<String> = covered.iter().map(|at| self.label(*at)).collect();
        let is_content = |role: Role| {
            !matches!(role, Role::Folder | Role::DocumentSignatures | Role::MacroSignatures | Role::OtherSignatures)
        };
        let all = self.files(is_content).count();
        let (check, changes, linked) = if file.is_over_document {
            self.document_coverage(&covered)
        } else {
            let left: Vec<String> = self
                .files(|role| role == Role::Macro)
                .filter(|at| !covered.contains(at))
                .map(|at| self.label(at))
                .collect();
            let check = match left.is_empty() {
                true => Check { reason: "macros only".to_owned(), ..Check::passed(COVERAGE) },
                false => Check::failed(COVERAGE, format!("it does not cover {}", some(&left))),
            };
            (check, Vec::new(), false)
        };
        let whole = covered.len() >= all && check.reason.is_empty();
        let covers = if whole { "whole_file".to_owned() } else { format!("{} of {all} parts", covered.len()) };
        Covered { check, changes, parts: told(&labels), covers, linked }
    }
}

/// What every media type of the format begins with (ODF 1.2-3 §3.3).
const MEDIA_TYPE: &[u8] = b"application/vnd.oasis.opendocument";
