//! Which entries of a container belong together: signature, manifest and files, and what is left over. Compares digests; says each
//! disagreement by the entry's name.

use crate::algorithm::DigestAlgorithm;
use crate::asic::{Archive, ContainerError, FileList, Manifest, Role, limits};
use crate::cms::SignedData;
use crate::crypto;
use crate::error::{Error, Result};
use crate::evidence_record::{Alternatives, canonical_form};
use crate::verify::cades::Content;
use crate::verify::other_readers;
use crate::verify::xml_signature::is_markup;
use crate::xml::canonical::Method;
use crate::xml::transform::{has_comments, percent_decoded};
use chuky_model::report::{Check, DocumentFormat, Outcome};
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;

/// A container with its manifests read.
pub(super) struct Container<'a> {
    archive: &'a Archive<'a>,
    roles: Vec<Role>,
    simple: bool,
    manifests: Vec<(usize, Manifest)>,
    /// Each entry's content, digested once for each algorithm.
    contents: Vec<std::result::Result<Content<'a>, ContainerError>>,
    checks: Vec<Check>,
}

/// What a signature file covers.
pub(super) struct Covered<'a> {
    /// The octets that it signs.
    pub(super) content: Option<&'a [u8]>,
    /// The entries that it covers, directly or by way of its manifest.
    pub(super) entries: BTreeSet<usize>,
    /// The files that it names: what an evidence record covers.
    pub(super) objects: Vec<usize>,
    /// `manifest` and `manifest_reference`.
    pub(super) checks: Vec<Check>,
    /// The algorithms by which the manifest knows the files: who finds two files of one digest exchanges them.
    pub(super) digests: Vec<DigestAlgorithm>,
}

impl<'a> Container<'a> {
    /// Sorts the entries by what they are for.
    pub(super) fn read(archive: &'a Archive<'a>) -> Self {
        let roles: Vec<Role> = archive.entries().iter().map(|entry| entry.role()).collect();
        let contents = (0..roles.len()).map(|at| archive.content(at).map(|bytes| Content::new(Some(bytes)))).collect();
        let mut container = Self { archive, roles, simple: false, manifests: Vec::new(), contents, checks: Vec::new() };
        container.check_contents();
        container.read_manifests();
        container.simple = container.is_simple();
        container.check_mimetype();
        container.check_file_list();
        container
    }

    /// ASiC-S or ASiC-E.
    pub(super) fn format(&self) -> DocumentFormat {
        if self.simple { DocumentFormat::AsicS } else { DocumentFormat::AsicE }
    }

    /// What was found about the container as a whole.
    pub(super) fn checks(&self) -> &[Check] {
        &self.checks
    }

    pub(super) fn entries_of(&self, role: Role) -> Vec<usize> {
        self.roles.iter().enumerate().filter(|(_, one)| **one == role).map(|(at, _)| at).collect()
    }

    pub(super) fn label(&self, at: usize) -> String {
        self.archive.entries().get(at).map(|entry| entry.label()).unwrap_or_default()
    }

    /// The CMS objects in the entries of this role.
    pub(super) fn cms(&self, role: Role) -> Vec<(usize, Result<SignedData>)> {
        let entries = self.entries_of(role);
        let read = |at: usize| match self.archive.content(at) {
            Ok(bytes) => SignedData::parse(bytes),
            Err(ContainerError::Limit(what)) => Err(Error::Limit(what)),
            Err(_) => Err(Error::Malformed("entry")),
        };
        entries.into_iter().take(limits::SIGNATURES).map(|at| (at, read(at))).collect()
    }

    /// What a signature, timestamp or evidence record covers: the manifest that names it, or in the simple form the one data file.
    pub(super) fn covered_by(&self, signature: usize) -> Covered<'a> {
        let naming: Vec<&(usize, Manifest)> = self
            .manifests
            .iter()
            .filter(|(_, manifest)| self.archive.find(&manifest.signature) == Some(signature))
            .collect();
        match (naming.as_slice(), self.entries_of(Role::Data).as_slice()) {
            ([(at, manifest)], _) => self.covered_by_manifest(*at, manifest),
            ([], [data]) if self.simple => Covered {
                content: self.archive.content(*data).ok(),
                entries: BTreeSet::from([*data]),
                objects: vec![*data],
                checks: vec![Check::passed("signed_file")],
                digests: Vec::new(),
            },
            ([], _) => {
                let reason =
                    if self.simple { "not exactly one signed file" } else { "no manifest names this signature" };
                nothing(reason)
            }
            _ => nothing("several manifests name this signature"),
        }
    }

    fn covered_by_manifest(&self, at: usize, manifest: &Manifest) -> Covered<'a> {
        let mut entries = BTreeSet::from([at]);
        let mut objects = Vec::new();
        let mut failed = Vec::new();
        let mut undone = Vec::new();
        for reference in &manifest.references {
            let Some(file) = self.archive.find(&reference.uri) else {
                failed.push(format!("{} is missing", reference.uri));
                continue;
            };
            objects.push(file);
            match (&reference.algorithm, self.contents.get(file)) {
                (Err(name), _) => undone.push(format!("{}: digest algorithm {name:?}", reference.uri)),
                (Ok(algorithm), Some(Ok(content)))
                    if content.digest(*algorithm).as_ref() == Some(&reference.digest) =>
                {
                    entries.insert(file);
                }
                (Ok(_), Some(Ok(_))) => failed.push(format!("{} is not the file that was signed", reference.uri)),
                (Ok(_), _) => undone.push(format!("{} cannot be read", reference.uri)),
            }
        }
        let check = match (failed.is_empty(), undone.is_empty()) {
            (false, _) => Check::failed("manifest_reference", some(&failed)),
            (true, false) => Check::not_done("manifest_reference", some(&undone)),
            (true, true) => Check::passed("manifest_reference"),
        };
        let algorithms: BTreeSet<DigestAlgorithm> =
            manifest.references.iter().filter_map(|reference| reference.algorithm.clone().ok()).collect();
        let digests = algorithms.into_iter().collect();
        Covered { content: self.archive.content(at).ok(), entries, objects, checks: vec![check], digests }
    }

    /// An entry's bytes, where they can be read.
    pub(super) fn bytes(&self, at: usize) -> Option<&'a [u8]> {
        self.archive.content(at).ok()
    }

    /// The entry with exactly this name.
    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        self.archive.entries().iter().position(|entry| entry.name == name.as_bytes())
    }

    /// The entry that a reference means.
    pub(super) fn referenced(&self, uri: &str) -> Option<usize> {
        self.archive.find(uri)
    }

    /// All contents together, bytes.
    pub(super) fn length(&self) -> usize {
        self.archive.entries().iter().map(|entry| entry.size).fold(0, usize::saturating_add)
    }

    /// The digests that entries may be known by in an evidence record; `None` where one cannot be read.
    pub(super) fn digests(
        &self,
        entries: &[usize],
        algorithm: DigestAlgorithm,
        method: Option<Method>,
    ) -> Option<Vec<Alternatives>> {
        let of_entry = |at: &usize| {
            let mut digests = vec![self.contents.get(*at)?.as_ref().ok()?.digest(algorithm)?];
            let bytes = self.bytes(*at)?;
            // A form without comments would be that of another file as well, and only to readers of XML the same one.
            let whole = |method: &Method| {
                method.keeps_comments() || is_markup(&self.label(*at)) || has_comments(bytes).is_ok_and(|some| !some)
            };
            let form = method.filter(whole).and_then(|method| canonical_form(bytes, method));
            digests.extend(form.map(|form| crypto::digest(algorithm, &form)));
            Some(digests)
        };
        entries.iter().map(of_entry).collect()
    }

    /// How much of the data a set of entries is, as the report says it.
    pub(super) fn covers(&self, entries: &BTreeSet<usize>) -> String {
        let data = self.entries_of(Role::Data);
        let known = data.iter().filter(|at| entries.contains(at)).count();
        if known == data.len() { "whole_file".to_owned() } else { format!("{known} of {} files", data.len()) }
    }

    /// Every data file must be covered, or be one that nobody can take for a signed one.
    pub(super) fn check_coverage(&self, covered: &BTreeSet<usize>) -> Check {
        let (known, left): (Vec<usize>, Vec<usize>) =
            self.entries_of(Role::Data).into_iter().partition(|at| covered.contains(at));
        if left.is_empty() {
            return Check::passed("coverage");
        }
        let names: Vec<String> = left.iter().map(|at| format!("{:?}", self.label(*at))).collect();
        match self.taken_for_signed(&known, &left) {
            None => Check::failed(UNSIGNED_PARTS, some(&names)),
            Some(why) => Check::failed("coverage", format!("no signature covers {}; {why}", some(&names))),
        }
    }

    /// The check that fails where readers of PDF open the container itself.
    pub(super) fn as_pdf(&self, bytes: &[u8], covered: &BTreeSet<usize>) -> Option<Check> {
        let places = covered.iter().filter_map(|at| self.archive.entries().get(*at)).map(|entry| entry.place.clone());
        other_readers::as_pdf(bytes, &places.collect::<Vec<_>>())
    }

    /// Why a reader would take one of the files `left` for a signed one. An `ASiCManifest` lists what is signed and leaves the rest unsaid
    /// (EN 319 162-1 §4.4.3.2), so that a file beside it is a file of its own; everywhere else the container is signed as a whole.
    fn taken_for_signed(&self, known: &[usize], left: &[usize]) -> Option<String> {
        let is_there = |role| self.roles.contains(&role);
        if self.simple || is_there(Role::Xades) || is_there(Role::FileList) || !is_there(Role::Manifest) {
            return Some("a container of this kind is signed as a whole".to_owned());
        }
        if known.is_empty() {
            return Some("no file is signed".to_owned());
        }
        let signed: BTreeSet<String> = known.iter().filter_map(|at| confusable_name(self.name(*at))).collect();
        left.iter().find_map(|at| {
            let label = self.label(*at);
            match confusable_name(self.name(*at)) {
                None => Some(format!(
                    "{label:?} stands among the container's own files, or could be drawn like another name"
                )),
                Some(name) if signed.contains(&name) => Some(format!("{label:?} has the name of a signed file")),
                Some(_) => None,
            }
        })
    }

    fn name(&self, at: usize) -> &[u8] {
        self.archive.entries().get(at).map_or(&[], |entry| &entry.name)
    }

    /// Every entry's bytes must be what the archive says they are.
    fn check_contents(&mut self) {
        for content in &self.contents {
            match content {
                Ok(_) => {}
                Err(error @ ContainerError::Malformed(_)) => {
                    self.checks.push(Check::failed("content", error.to_string()))
                }
                Err(error) => self.checks.push(Check::not_done("manifest", error.to_string())),
            }
        }
        self.checks.truncate(MOST_TOLD);
    }

    fn read_manifests(&mut self) {
        for at in self.entries_of(Role::Manifest) {
            let label = self.label(at);
            if self.manifests.len() >= 2 * limits::SIGNATURES {
                self.checks.push(Check::not_done("manifest", "more manifests than the limit"));
                return;
            }
            match self.archive.content(at).and_then(Manifest::parse) {
                Ok(manifest) if self.archive.find(&manifest.signature).is_none() => {
                    let reason = format!("{label}: {} is missing", manifest.signature);
                    self.checks.push(Check::failed("manifest", reason));
                }
                Ok(manifest) => self.manifests.push((at, manifest)),
                Err(error @ ContainerError::Limit(_)) => {
                    self.checks.push(Check::not_done("manifest", format!("{label}: {error}")));
                }
                Err(error) => self.checks.push(Check::failed("manifest", format!("{label}: {error}"))),
            }
        }
        for role in [Role::Cades, Role::Timestamp, Role::Xades] {
            if self.entries_of(role).len() > limits::SIGNATURES {
                self.checks.push(Check::not_done("signatures", "more signature files than the limit"));
            }
        }
    }

    /// EN 319 162-1 §4.3.3.1, §4.4.3.1: the type is told by `mimetype`; else by what is there.
    fn is_simple(&self) -> bool {
        match self.mimetype().as_deref() {
            Some(SIMPLE) => return true,
            Some(EXTENDED) => return false,
            _ => {}
        }
        let lists = self.entries_of(Role::FileList).len();
        let manifest = self.manifests.iter().any(|(_, manifest)| {
            self.archive.find(&manifest.signature).and_then(|at| self.roles.get(at)) == Some(&Role::Cades)
        });
        self.entries_of(Role::Data).len() <= 1 && lists == 0 && !manifest
    }

    fn mimetype(&self) -> Option<String> {
        let at = *self.entries_of(Role::Mimetype).first()?;
        let text = std::str::from_utf8(self.archive.content(at).ok()?).ok()?;
        // A byte order mark is of an editor, and says nothing else to anybody.
        Some(text.trim_start_matches('\u{feff}').trim().to_owned())
    }

    fn check_mimetype(&mut self) {
        let check = match self.mimetype() {
            None => Check::not_done("mimetype", "there is none"),
            Some(kind) if kind == SIMPLE && self.entries_of(Role::Data).len() > 1 => {
                Check::failed("mimetype", "it says ASiC-S, and there is more than one file")
            }
            Some(kind) if !is_media_type(&kind) => Check::failed("mimetype", "it is no media type"),
            // EN 319 162-1 §4.3.3.1: the signed file's own type may stand there.
            Some(kind) => Check { reason: kind.chars().take(100).collect(), ..Check::passed("mimetype") },
        };
        self.checks.push(check);
    }

    fn check_file_list(&mut self) {
        let Some(at) = self.entries_of(Role::FileList).first().copied() else { return };
        let list = match self.archive.content(at).and_then(FileList::parse) {
            Ok(list) => list,
            Err(error @ ContainerError::Limit(_)) => {
                return self.checks.push(Check::not_done("manifest", format!("{}: {error}", self.label(at))));
            }
            Err(error) => return self.checks.push(Check::failed("manifest", format!("{}: {error}", self.label(at)))),
        };
        let named: Vec<(String, Option<usize>)> = list
            .paths
            .into_iter()
            .filter(|path| !path.ends_with('/'))
            .map(|path| {
                let found = self.archive.find(&path);
                (path, found)
            })
            .collect();
        let missing: Vec<String> = named.iter().filter(|(_, at)| at.is_none()).map(|(path, _)| path.clone()).collect();
        let listed: BTreeSet<usize> = named.iter().filter_map(|(_, at)| *at).collect();
        let unlisted: Vec<String> = self
            .entries_of(Role::Data)
            .into_iter()
            .filter(|at| !listed.contains(at))
            .map(|at| self.label(at))
            .collect();
        self.checks.push(match (missing.is_empty(), unlisted.is_empty()) {
            (false, _) => Check::failed("file_list", format!("it lists {}, which is missing", some(&missing))),
            (true, false) => Check::failed("file_list", format!("it does not list {}", some(&unlisted))),
            (true, true) => Check::passed("file_list"),
        });
        debug_assert!(self.checks.last().is_some_and(|check| check.outcome != Outcome::NotDone));
    }
}

/// RFC 6838 §4.2: two names with a slash between them; parameters may follow.
fn is_media_type(text: &str) -> bool {
    let name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let kind = text.split(';').next().unwrap_or_default().trim_end();
    let is_line = text.len() <= LONGEST_MEDIA_TYPE && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    is_line && kind.split_once('/').is_some_and(|(first, second)| name(first) && name(second))
}

fn nothing<'a>(reason: &str) -> Covered<'a> {
    Covered {
        content: None,
        entries: BTreeSet::new(),
        objects: Vec::new(),
        checks: vec![Check::failed("manifest", reason)],
        digests: Vec::new(),
    }
}

/// What a person, and a system that unpacks, sees of a file's name, so that two that look alike are one: the last part of the path up to a colon
/// (behind which NTFS names a stream), percent-encoding, accents, signs and what compatibility forms add taken off, in lower case, and one
/// letter for those that are drawn alike. `None` for what stands where the container keeps files of its own, and for a name with letters that
/// are not Latin: each of them may be drawn like another (UTS #39 §4).
fn confusable_name(name: &[u8]) -> Option<String> {
    let name: String = percent_decoded(&String::from_utf8_lossy(name)).nfkd().collect::<String>().to_lowercase();
    let (folder, file) = name.rsplit_once(['/', '\\']).unwrap_or(("", &name));
    let own = folder.split(['/', '\\']).any(|part| part == "meta-inf") || file.starts_with("mimetype");
    let file = file.split(':').next().unwrap_or_default();
    let letters: String = file.chars().filter(|letter| letter.is_alphanumeric()).map(without_stroke).collect();
    let seen = ALIKE.iter().fold(letters, |seen, (one, other)| seen.replace(one, other));
    // A name without any letter looks like any other, and so does one whose letters stand in another order than they are drawn.
    let plain =
        !seen.is_empty() && !file.contains(is_direction) && seen.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!own && plain).then_some(seen)
}

/// Unicode's marks that turn the direction of writing (UAX #9 §2).
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Vietnamese has one letter whose mark is no accent of its own.
fn without_stroke(letter: char) -> char {
    if letter == 'đ' { 'd' } else { letter }
}

/// Letters and digits of the Latin alphabet that many fonts draw alike.
const ALIKE: [(&str, &str); 8] =
    [("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("8", "b"), ("rn", "m"), ("vv", "w"), ("2", "z")];

/// Some of a list, so that a report stays readable.
fn some(list: &[String]) -> String {
    let shown: Vec<String> = list.iter().take(MOST_TOLD).map(|one| one.chars().take(120).collect()).collect();
    match list.len().saturating_sub(MOST_TOLD) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The check on files that no signature covers and that nobody takes for signed ones.
pub(super) const UNSIGNED_PARTS: &str = "unsigned_parts";
const SIMPLE: &str = "application/vnd.etsi.asic-s+zip";
const EXTENDED: &str = "application/vnd.etsi.asic-e+zip";
/// Names and findings told one by one.
const MOST_TOLD: usize = 8;
/// Two names of at most 127 characters each (RFC 6838 §4.2).
const LONGEST_MEDIA_TYPE: usize = 255;
