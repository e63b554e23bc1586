//! Office Open XML: what each signature of a package leaves uncovered. Every part and every relationship must be covered, each part
//! as the content type that it is shown as; only what office programs never sign and what shows nothing of the document may stay.

use super::shown::Shown;
use super::{
    CONTENT_TYPE, Covered, MACRO, PART, Package, RELATIONSHIP, SignatureFile, change, check_contents, some, structure,
    told,
};
use crate::asic::Archive;
use crate::error::Error;
use crate::office::relationship::{self, Relationship};
use crate::office::{ContentTypes, limits, part};
use crate::verify::xml_coverage::COVERAGE;
use crate::verify::xml_file::XmlLine;
use crate::xml::document::Document;
use crate::xml::encoding;
use crate::xml::relationships::Wanted;
use chuky_model::report::{Change, Check, DocumentFormat};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// A package with its types and relationships read.
pub(super) struct OpenXml<'a> {
    archive: &'a Archive<'a>,
    /// Entries by the one form of their names.
    parts: BTreeMap<String, usize>,
    types: ContentTypes,
    /// By the relationships part: its source, and what it holds.
    relationships: BTreeMap<usize, (String, Vec<Relationship>)>,
    /// Signatures, their certificates, their origin, and the relationships of these.
    of_signatures: BTreeSet<usize>,
    signatures: Vec<usize>,
    /// What any relationship leads to that may show it. Nothing else that leads there excuses it.
    displayed: BTreeSet<usize>,
    /// What each entry shows from elsewhere, once somebody asked.
    shown: Vec<OnceCell<Shown>>,
    checks: Vec<Check>,
}

impl<'a> OpenXml<'a> {
    /// Reads the package; `None` where the archive is none.
    pub(super) fn read(archive: &'a Archive<'a>) -> Option<Self> {
        let mut package = Self {
            archive,
            parts: BTreeMap::new(),
            types: ContentTypes::default(),
            relationships: BTreeMap::new(),
            of_signatures: BTreeSet::new(),
            signatures: Vec::new(),
            displayed: BTreeSet::new(),
            shown: vec![OnceCell::new(); archive.entries().len()],
            checks: check_contents(archive),
        };
        package.read_names();
        let types = *package.parts.get(TYPES)?;
        match package.archive.content(types).map_err(|_| Error::Malformed("entry")).and_then(ContentTypes::parse) {
            Ok(types) => package.types = types,
            Err(error) => package.checks.push(structure("content types", &error)),
        }
        package.read_relationships();
        package.find_signatures();
        Some(package)
    }

    fn read_names(&mut self) {
        for (at, entry) in self.archive.entries().iter().enumerate().filter(|(_, entry)| !entry.name.ends_with(b"/")) {
            let key = part::key(&entry.label());
            // ECMA-376-2 §10.2.3: a part in several pieces. Office programs write none, and readers join them or do not.
            if key.rsplit('/').next().is_some_and(|last| last.starts_with('[') && last.ends_with(".piece")) {
                self.checks.push(Check::failed("package", format!("{key}: a part in pieces")));
            }
            if self.parts.insert(key, at).is_some() {
                let reason = format!("{}: another part has an equivalent name", entry.label());
                self.checks.push(Check::failed("package", reason));
            }
        }
    }

    fn read_relationships(&mut self) {
        for (key, at) in &self.parts {
            let Some(source) = part::source_of(key) else { continue };
            let content = self.archive.content(*at).map_err(|_| Error::Malformed("entry"));
            match content.and_then(relationship::parse) {
                Ok(found) => {
                    self.relationships.insert(*at, (source, found));
                }
                Err(error) => self.checks.push(structure(key, &error)),
            }
        }
        let displays = |(source, one): &(&str, &Relationship)| !may_stay(one, source) && !one.is_data();
        let targets = self.all().filter(displays).filter_map(|(source, one)| self.target(source, one));
        let displayed: BTreeSet<usize> = targets.collect();
        self.displayed = displayed;
        let main = self.all().filter(|(source, one)| source.is_empty() && one.word() == "officeDocument").count();
        if main > 1 {
            self.checks.push(Check::failed("package", "several parts are named as the document"));
        }
    }

    fn all(&self) -> impl Iterator<Item = (&str, &Relationship)> {
        self.relationships.values().flat_map(|(source, found)| found.iter().map(move |one| (source.as_str(), one)))
    }

    fn target(&self, source: &str, one: &Relationship) -> Option<usize> {
        one.part(source).and_then(|key| self.parts.get(&key).copied())
    }

    /// By relationship, by content type, or by where office programs keep them: a signature that one reader would find is judged.
    fn find_signatures(&mut self) {
        let mut of_signatures = BTreeSet::new();
        let mut signatures = BTreeSet::new();
        for (source, one) in self.all().filter(|(_, one)| one.may_lead_to_signatures()) {
            let Some(at) = self.target(source, one) else { continue };
            of_signatures.insert(at);
            if one.word() == "signature" {
                signatures.insert(at);
            }
        }
        for (key, at) in &self.parts {
            let by_type = |wanted: &str| self.types.of(key) == Some(wanted);
            let is_xml = key.ends_with(".xml");
            if by_type(SIGNATURE_TYPE) || (key.starts_with(FOLDER) && is_xml) {
                signatures.insert(*at);
            } else if by_type(ORIGIN_TYPE) || by_type(CERTIFICATE_TYPE) {
                of_signatures.insert(*at);
            }
        }
        of_signatures.extend(&signatures);
        of_signatures.retain(|at| !self.displayed.contains(at));
        let holders = self.relationships.iter().filter(|(_, (source, found))| {
            let own = self.parts.get(source).is_some_and(|at| of_signatures.contains(at));
            own && found.iter().all(|one| one.is_of_signatures(source))
        });
        let holders: Vec<usize> = holders.map(|(at, _)| *at).collect();
        of_signatures.extend(holders);
        self.of_signatures = of_signatures;
        self.signatures = signatures.into_iter().collect();
        if self.signatures.len() > limits::SIGNATURES {
            self.checks.push(Check::not_done("signatures", "more signature parts than the limit"));
        }
    }

    fn at(&self, uri: &str) -> Option<(usize, String, Option<String>)> {
        let (name, wanted) = part::split_reference(uri);
        let key = part::key(name);
        self.parts.get(&key).map(|at| (*at, key, wanted))
    }

    fn label(&self, at: usize) -> String {
        self.archive.entries().get(at).map(|entry| entry.label()).unwrap_or_default()
    }

    fn content(&self, at: usize) -> &[u8] {
        self.archive.content(at).unwrap_or_default()
    }
}

/// What is found about one signature while relationships and parts are gone through.
#[derive(Default)]
struct Findings {
    /// What is shown, or might be, and is not covered.
    left: Vec<Change>,
    /// What is not covered and need not be.
    apart: BTreeSet<usize>,
    /// What is not covered and shows in fields that are bound to it.
    bound: BTreeSet<usize>,
    /// Content from outside that is shown.
    linked: Vec<String>,
    /// Parts whose content type is not the signed one.
    other_type: Vec<Change>,
}

impl Package for OpenXml<'_> {
    fn format(&self) -> DocumentFormat {
        DocumentFormat::Ooxml
    }

    fn is_signed(&self) -> bool {
        !self.signatures.is_empty()
    }

    fn checks(&self) -> Vec<Check> {
        self.checks.clone()
    }

    fn signature_files(&self) -> Vec<SignatureFile<'_>> {
        let files = self.signatures.iter().take(limits::SIGNATURES).map(|at| SignatureFile {
            name: self.label(*at),
            bytes: self.archive.content(*at).ok(),
            is_over_document: true,
        });
        files.collect()
    }

    fn part(&self, uri: &str) -> Option<&[u8]> {
        self.at(uri).and_then(|(at, _, _)| self.archive.content(at).ok())
    }

    fn length(&self) -> usize {
        self.archive.entries().iter().map(|entry| entry.size).fold(0, usize::saturating_add)
    }

    fn coverage(&self, _: &SignatureFile<'_>, line: &XmlLine) -> Covered {
        let mut found = Findings::default();
        let mut covered = BTreeSet::new();
        let with_transform = line.relationships.iter().map(|(uri, _)| (uri, true));
        for (uri, transformed) in line.files.iter().map(|uri| (uri, false)).chain(with_transform) {
            let Some((at, key, signed)) = self.at(uri) else { continue };
            // The relationship transform tells nothing of a part that holds none, and of one that is shown it leaves out the rest.
            if transformed && (!self.relationships.contains_key(&at) || self.displayed.contains(&at)) {
                continue;
            }
            let now = self.types.of(&key);
            match signed {
                Some(signed) if now == Some(signed.as_str()) => {
                    covered.insert(at);
                }
                Some(signed) => {
                    let now = now.unwrap_or("of no type");
                    let detail = format!("{} was signed as {signed} and is now {now}", self.label(at));
                    found.other_type.push(change(CONTENT_TYPE, detail));
                }
                None => {
                    let detail = format!("the type of {} is not signed", self.label(at));
                    found.other_type.push(change(CONTENT_TYPE, detail));
                }
            }
        }
        self.judge_relationships(line, &covered, &mut found);
        self.judge_parts(&covered, &mut found);
        self.told(&covered, found)
    }
}

impl OpenXml<'_> {
    fn judge_relationships(&self, line: &XmlLine, covered: &BTreeSet<usize>, found: &mut Findings) {
        // A reader fills fields that are bound to data or properties from these, whatever the document says (ISO/IEC 29500-1
        // §17.5.2.6). Nothing tells whether what is not covered is still what it was.
        let shown = self.shown(covered);
        found.linked.extend(shown.outside.iter().cloned());
        let whole: BTreeSet<usize> = line.files.iter().filter_map(|uri| Some(self.at(uri)?.0)).collect();
        let mut wanted: BTreeMap<usize, Vec<&Wanted>> = BTreeMap::new();
        for (uri, one) in &line.relationships {
            if let Some((at, _, _)) = self.at(uri) {
                wanted.entry(at).or_default().push(one);
            }
        }
        for (at, (source, all)) in &self.relationships {
            if self.of_signatures.contains(at) {
                continue;
            }
            for one in all {
                let taken = || wanted.get(at).into_iter().flatten().any(|wanted| wanted.takes(&one.id, &one.kind));
                let signed = covered.contains(at) && (whole.contains(at) || taken());
                let target = self.target(source, one);
                if signed && one.shows_what_lies_outside() {
                    found.linked.push(one.target.clone());
                }
                let (may_stay, is_data) = (may_stay(one, source), one.is_data());
                let of_data = is_data || one.is_about_data();
                if (of_data && shown.data) || (source.is_empty() && may_stay && shown.properties) {
                    found.bound.extend(target);
                }
                match (signed, target) {
                    (true, Some(target)) if is_data => drop(found.apart.insert(target)),
                    (true, _) => {}
                    (false, target) if may_stay => found.apart.extend(target),
                    (false, _) => {
                        let from = if source.is_empty() { "the package" } else { source };
                        let detail =
                            format!("the relationship {} ({}) from {from} to {}", one.id, one.word(), one.target);
                        found.left.push(change(RELATIONSHIP, detail));
                    }
                }
            }
        }
    }

    /// What parts show together.
    fn shown(&self, parts: &BTreeSet<usize>) -> Shown {
        let mut together = Shown::default();
        for at in parts {
            let one = self.shown.get(*at).map(|cell| cell.get_or_init(|| Shown::read(self.content(*at))));
            one.into_iter().for_each(|one| together.absorb(one));
        }
        together
    }

    fn judge_parts(&self, covered: &BTreeSet<usize>, found: &mut Findings) {
        found.apart.retain(|at| !self.displayed.contains(at));
        for (key, at) in &self.parts {
            // Items in the trash are no parts (ECMA-376-2 §10.2.6), as long as nothing leads there.
            let is_none = key == TYPES || key.starts_with("[trash]/");
            let is_apart = (is_none || self.relationships.contains_key(at)) && !self.displayed.contains(at);
            if is_apart || covered.contains(at) || self.of_signatures.contains(at) {
                continue;
            }
            if !found.apart.contains(at) {
                let is_macro = key.ends_with("vbaproject.bin");
                let (kind, what) = if is_macro { (MACRO, "the macro project") } else { (PART, "the part") };
                found.left.push(change(kind, format!("{what} {}", self.label(*at))));
            } else if !is_sound(key, self.content(*at)) {
                // A reader that repairs what is damaged may drop more than this part.
                found.left.push(change(PART, format!("the damaged part {}", self.label(*at))));
            }
        }
    }

    fn told(&self, covered: &BTreeSet<usize>, mut found: Findings) -> Covered {
        found.apart.retain(|at| !covered.contains(at) && !self.of_signatures.contains(at));
        found.bound.retain(|at| found.apart.contains(at));
        let labels = |parts: &BTreeSet<usize>| parts.iter().map(|at| self.label(*at)).collect::<Vec<_>>();
        let apart = labels(&found.apart);
        let check = if !found.other_type.is_empty() {
            Check::failed(COVERAGE, some(&details(&found.other_type)))
        } else if !found.left.is_empty() {
            Check::failed(COVERAGE, format!("it does not cover {}", some(&details(&found.left))))
        } else if !found.bound.is_empty() {
            let bound = labels(&found.bound);
            Check::not_done(
                COVERAGE,
                format!("the document has fields that show what it does not cover: {}", some(&bound)),
            )
        } else {
            let linked = match found.linked.is_empty() {
                true => String::new(),
                false => format!("shown from outside, and not covered: {}", some(&found.linked)),
            };
            let apart = match apart.is_empty() {
                true => String::new(),
                false => format!("not covered, and no part of what is shown: {}", some(&apart)),
            };
            let reasons: Vec<String> = [linked, apart].into_iter().filter(|reason| !reason.is_empty()).collect();
            Check { reason: reasons.join("; "), ..Check::passed(COVERAGE) }
        };
        let all = self.parts.len().saturating_sub(1 + self.of_signatures.len());
        let whole = covered.len() >= all && check.reason.is_empty();
        Covered {
            check,
            changes: found.other_type.into_iter().chain(found.left).collect(),
            parts: told(&labels(covered)),
            covers: if whole { "whole_file".to_owned() } else { format!("{} of {all} parts", covered.len()) },
            linked: !found.linked.is_empty(),
        }
    }
}

fn details(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.detail.clone()).collect()
}

/// Whether a part that no signature covers is at least what it claims to be.
fn is_sound(key: &str, content: &[u8]) -> bool {
    !key.ends_with(".xml") || encoding::decode(content).is_ok_and(|text| Document::parse(&text).is_ok())
}

/// Whether a relationship may be left out of signatures: what it leads to shows nothing of the document.
fn may_stay(one: &Relationship, source: &str) -> bool {
    one.is_about_the_document(source) || one.is_of_signatures(source)
}

const TYPES: &str = "[content_types].xml";
/// Where office programs keep signatures.
const FOLDER: &str = "_xmlsignatures/";
const SIGNATURE_TYPE: &str = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml";
const ORIGIN_TYPE: &str = "application/vnd.openxmlformats-package.digital-signature-origin";
const CERTIFICATE_TYPE: &str = "application/vnd.openxmlformats-package.digital-signature-certificate";
