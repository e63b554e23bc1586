//! What the bytes of one XML signature prove: each reference's digest, the signature value over `SignedInfo`, and that the signer's
//! certificate is the one named in what is signed (XMLDSig §3.2, EN 319 132-1 §4.4, §5.2.2). Says what failed; coverage and trust
//! follow elsewhere.

use super::xml_certificate::{self, Key};
use super::xml_file::{Place, Sources};
use crate::algorithm::DigestAlgorithm;
use crate::certificate::Certificate;
use crate::cms::SignerFindings;
use crate::crypto::Hasher;
use crate::error::{Error, Result};
use crate::xml::canonical::{Method, canonicalise};
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;
use crate::xml::limits;
use crate::xml::names::{DSIG, MANIFEST_TYPE, is_signed_properties_type};
use crate::xml::relationships::Wanted;
use crate::xml::selection::{Budget, Selection, contains, union};
use crate::xml::signature::{Reference, Signature, read_manifest};
use crate::xml::transform::{self, Target, Transform};
use crate::xml::xades::{Qualifying, Values};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, Outcome};
use std::ops::Range;

/// Everything found out about one signature.
#[derive(Debug)]
pub(super) struct XmlFindings {
    pub(super) signature: Signature,
    pub(super) qualifying: Option<Qualifying>,
    pub(super) values: Values,
    /// Checks, certificate and algorithms, in the shape that trust is judged from.
    pub(super) signer: SignerFindings,
    /// Every certificate that the signature brings along.
    pub(super) certificates: Vec<Certificate>,
    /// What each reference with a matching digest covers, by its place among the references.
    pub(super) covered: Vec<(usize, Selection)>,
    /// URIs of what lies outside and matches, manifests' included.
    pub(super) outside: Vec<String>,
    /// Relationships parts of which only what the transform takes was digested and matches, by URI.
    pub(super) relationships: Vec<(String, Wanted)>,
    /// The digest algorithms of the references.
    pub(super) digests: Vec<DigestAlgorithm>,
    /// Parts that a signed manifest names and that are not at hand.
    pub(super) not_at_hand: usize,
}

impl XmlFindings {
    /// All nodes that matching references cover.
    pub(super) fn covered_ranges(&self) -> Vec<Range<u32>> {
        union(self.covered.iter().flat_map(|(_, selection)| selection.ranges().iter().cloned()))
    }

    /// Notes a match outside. Of a relationships part the transform may have left something out.
    fn add_outside(&mut self, reference: &Reference) {
        let uri = reference.uri.clone().unwrap_or_default();
        match reference.transforms.iter().flatten().find_map(Transform::relationships) {
            Some(wanted) => self.relationships.push((uri, wanted.clone())),
            None => self.outside.push(uri),
        }
    }
}

/// What lies outside the document.
pub(super) struct Beside<'b, 's> {
    pub(super) sources: &'b Sources<'s>,
    /// Whether the content may not be the one that a reference names: then a difference proves nothing.
    pub(super) is_a_guess: bool,
}

impl Beside<'_, '_> {
    /// Whether comments may stay out of a file's digest, and borders of CDATA sections: what is XML by its name in a container or a package is read
    /// as nothing else, and they may stand wherever they divide no text; of any other file they are a part.
    fn may_leave_comments(&self, reference: &Reference, octets: &[u8], transforms: &[Transform]) -> bool {
        let name = reference.uri.as_deref().unwrap_or_default().split('?').next().unwrap_or_default();
        let comments = transform::leaves_comments_out(octets, transforms).unwrap_or(true);
        let sections = transform::joins_sections(octets, transforms).unwrap_or(true);
        match self.sources.place != Place::Document && is_markup(name) {
            true if comments || sections => !divides_text(octets, comments),
            true => true,
            false => !comments && !sections,
        }
    }
}

/// Whether comments that are left out, or the borders of CDATA sections, divide a text of a file; of one that cannot be read they do.
fn divides_text(octets: &[u8], comments: bool) -> bool {
    let Ok(text) = encoding::decode(octets) else { return true };
    let Ok(document) = Document::parse(&text) else { return true };
    document.divided_text(document.subtree(NodeId::ROOT), !comments).is_some()
}

/// Whether a file's name says that it is XML.
pub(super) fn is_markup(name: &str) -> bool {
    MARKUP.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

const MARKUP: [&str; 5] = [".xml", ".rels", ".rdf", ".vml", ".svg"];

/// What became of one reference.
enum Answer {
    Inside(Selection),
    Outside,
    NotAtHand,
    OtherDigest,
}

/// Why references did not match, and how many did.
#[derive(Default)]
struct Tally {
    matched: usize,
    failed: Vec<String>,
    not_done: Vec<String>,
}

impl Tally {
    fn error(&mut self, reference: &Reference, error: &Error) {
        match error {
            Error::Unsupported(_) | Error::Limit(_) => self.undone(reference, &error.to_string()),
            _ => self.fail(reference, &error.to_string()),
        }
    }

    fn fail(&mut self, reference: &Reference, reason: &str) {
        if self.failed.len() < SHOWN {
            self.failed.push(format!("{}: {reason}", shown_uri(reference)));
        }
    }

    fn undone(&mut self, reference: &Reference, reason: &str) {
        if self.not_done.len() < SHOWN {
            self.not_done.push(format!("{}: {reason}", shown_uri(reference)));
        }
    }

    fn check(&self, name: &str) -> Check {
        match (self.failed.is_empty(), self.not_done.is_empty()) {
            (false, _) => Check::failed(name, self.failed.join("; ")),
            (true, false) => Check::not_done(name, self.not_done.join("; ")),
            (true, true) => Check { reason: format!("{} digests match", self.matched), ..Check::passed(name) },
        }
    }
}

/// How many references are named in a reason.
const SHOWN: usize = 5;

fn shown_uri(reference: &Reference) -> String {
    match &reference.uri {
        None => "reference without URI".to_owned(),
        Some(uri) => format!("reference {:?}", uri.chars().take(100).collect::<String>()),
    }
}

/// Checks the signature at `node`.
pub(super) fn check(
    document: &Document<'_>,
    node: NodeId,
    further: &[Certificate],
    beside: &Beside<'_, '_>,
    budget: &mut Budget,
) -> Result<XmlFindings> {
    let signature = Signature::read(document, node)?;
    let qualifying = Qualifying::read(document, &signature)?;
    let values = qualifying.as_ref().map(|qualifying| qualifying.values(document)).unwrap_or_default();
    let mut findings = XmlFindings {
        signer: SignerFindings {
            checks: vec![Check::passed("signature_format")],
            signing_certificate: None,
            content_at_hand: true,
            certificate_is_bound: false,
            signing_time: qualifying.as_ref().and_then(|qualifying| qualifying.signing_time),
            digest_algorithm: None,
            signature_algorithm: signature.algorithm.clone().ok(),
            timestamps: Vec::new(),
        },
        qualifying,
        certificates: xml_certificate::all(document, &signature, &values),
        values,
        covered: Vec::new(),
        outside: Vec::new(),
        relationships: Vec::new(),
        digests: Vec::new(),
        not_at_hand: 0,
        signature,
    };
    check_references(document, &mut findings, beside, budget);
    check_signed_properties(document, &mut findings);
    let stated = findings.signer.signing_time.or_else(|| stated_time(document, &findings));
    findings.signer.signing_time = stated;
    let digest = signed_info_digest(document, &findings.signature, budget);
    xml_certificate::choose(document, &mut findings, further, digest, budget);
    Ok(findings)
}

fn check_references(document: &Document<'_>, findings: &mut XmlFindings, beside: &Beside<'_, '_>, budget: &mut Budget) {
    let references = std::mem::take(&mut findings.signature.references);
    let mut tally = Tally::default();
    let mut manifests = Tally::default();
    let mut has_manifest = false;
    for (at, reference) in references.iter().enumerate() {
        match check_reference(document, findings.signature.node, reference, beside, budget) {
            Ok(Answer::Inside(selection)) => {
                tally.matched += 1;
                for manifest in manifests_in(document, reference, &selection) {
                    has_manifest = true;
                    check_manifest(document, manifest, findings, beside, budget, &mut manifests);
                }
                findings.covered.push((at, selection));
            }
            Ok(Answer::Outside) => {
                tally.matched += 1;
                findings.add_outside(reference);
            }
            Ok(Answer::OtherDigest) => tally.fail(reference, OTHER_CONTENT),
            Ok(Answer::NotAtHand) if beside.sources.place == Place::Package => tally.fail(reference, TAKEN_AWAY),
            Ok(Answer::NotAtHand) => tally.undone(reference, NOT_AT_HAND),
            Err(error) => tally.error(reference, &error),
        }
        findings.digests.extend(reference.digest_algorithm.clone().ok());
    }
    findings.signature.references = references;
    findings.digests.sort_unstable();
    findings.digests.dedup();
    findings.signer.checks.push(tally.check(REFERENCES));
    if has_manifest {
        let mut check = manifests.check(MANIFEST);
        if findings.not_at_hand > 0 && check.outcome == Outcome::Passed {
            check = Check::not_done(MANIFEST, format!("{} parts that it names are not at hand", findings.not_at_hand));
        }
        findings.signer.checks.push(check);
    }
}

/// The check of the references' digests.
pub(super) const REFERENCES: &str = "references";
/// The check of what signed manifests name.
pub(super) const MANIFEST: &str = "manifest";
/// Why a reference to something outside was not checked.
pub(super) const NOT_AT_HAND: &str = "the signed content is not at hand";

const OTHER_CONTENT: &str = "the content is not the one that was signed";
const TAKEN_AWAY: &str = "the signed part is missing";

/// XMLDSig §5.1: manifests that a reference covers whole, named by the reference's type or lying in a signed object. One of which a filter took
/// anything out is none: what it names was not signed.
fn manifests_in(document: &Document<'_>, reference: &Reference, selection: &Selection) -> Vec<NodeId> {
    let Some(node) = selection.ranges().first().and_then(|range| first_element(document, range)) else {
        return Vec::new();
    };
    let is_manifest = |node: NodeId| {
        document.is(node, DSIG, "Manifest") && is_whole_but_signatures(document, selection.ranges(), node)
    };
    if is_manifest(node) {
        return vec![node];
    }
    if document.is(node, DSIG, "Object") || reference.kind == MANIFEST_TYPE {
        return document.children(node).filter(|child| is_manifest(*child)).collect();
    }
    Vec::new()
}

/// Whether ranges hold an element with all that stands in it, but for signatures, which their own transform takes out wherever they are moved.
fn is_whole_but_signatures(document: &Document<'_>, ranges: &[Range<u32>], id: NodeId) -> bool {
    let whole = document.subtree(id);
    let mut at = whole.start;
    for range in ranges.iter().filter(|range| range.end > whole.start).chain([&(whole.end..whole.end)]) {
        while at < range.start.min(whole.end) {
            match document.node_at(at) {
                Some(hole) if document.is(hole, DSIG, "Signature") => at = document.subtree(hole).end,
                _ => return false,
            }
        }
        at = at.max(range.end);
    }
    true
}

fn first_element(document: &Document<'_>, range: &Range<u32>) -> Option<NodeId> {
    let first = document.elements_within(NodeId::ROOT).next();
    match range.start {
        0 => first.filter(|node| range.contains(&node.number())),
        _ => document.node_at(range.start).filter(|node| document.element(*node).is_some()),
    }
}

fn check_manifest(
    document: &Document<'_>,
    manifest: NodeId,
    findings: &mut XmlFindings,
    beside: &Beside<'_, '_>,
    budget: &mut Budget,
    tally: &mut Tally,
) {
    // Many references may be to one manifest, so that reading it counts each time.
    let read = budget.spend(document.subtree(manifest).len().saturating_mul(limits::COST_OF_A_REFERENCE));
    let references = match read.and_then(|()| read_manifest(document, manifest)) {
        Ok(references) => references,
        Err(error @ (Error::Limit(_) | Error::Unsupported(_))) => return tally.not_done.push(error.to_string()),
        Err(error) => return tally.failed.push(error.to_string()),
    };
    for reference in references {
        match check_reference(document, findings.signature.node, &reference, beside, budget) {
            Ok(Answer::Inside(selection)) => {
                tally.matched += 1;
                // A manifest's references are no signature's own: they count for what is covered, and for nothing else.
                findings.covered.push((usize::MAX, selection));
            }
            Ok(Answer::Outside) => {
                tally.matched += 1;
                findings.add_outside(&reference);
            }
            Ok(Answer::OtherDigest) => tally.fail(&reference, OTHER_CONTENT),
            Ok(Answer::NotAtHand) if beside.sources.place == Place::Package => tally.fail(&reference, TAKEN_AWAY),
            Ok(Answer::NotAtHand) => findings.not_at_hand += 1,
            Err(error) => tally.error(&reference, &error),
        }
        findings.digests.extend(reference.digest_algorithm.clone().ok());
    }
}

fn check_reference(
    document: &Document<'_>,
    signature: NodeId,
    reference: &Reference,
    beside: &Beside<'_, '_>,
    budget: &mut Budget,
) -> Result<Answer> {
    budget.spend(limits::COST_OF_A_REFERENCE)?;
    let algorithm = reference.digest_algorithm.clone()?;
    let transforms = reference.transforms.clone()?;
    let target = match reference.uri.as_deref() {
        Some(uri) if uri.is_empty() || uri.starts_with('#') => {
            const WHAT: &str = "reference: nothing in the document has this identifier";
            let found = transform::same_document(document, uri)?;
            // Which attribute is an identifier, a schema may say that is not at hand; those of signatures are known.
            let of_signature = reference.kind.starts_with(DSIG) || is_signed_properties_type(&reference.kind);
            let lost = || if of_signature { Error::Malformed(WHAT) } else { Error::Unsupported(WHAT.into()) };
            Target::Nodes(found.ok_or_else(lost)?)
        }
        uri => match beside.sources.content(uri) {
            Some(octets) => Target::Octets(octets),
            None => return Ok(Answer::NotAtHand),
        },
    };
    let mut process = |target: Target<'_>, transforms: &[Transform]| {
        let mut hasher = Hasher::new(algorithm);
        let mut sink = |piece: &[u8]| hasher.update(piece);
        let covered = transform::process(document, signature, target, transforms, Method::DEFAULT, budget, &mut sink)?;
        Ok::<_, Error>((hasher.finish() == reference.digest, covered))
    };
    let octets = if let Target::Octets(octets) = &target { Some(*octets) } else { None };
    let mut answer = process(target, &transforms)?;
    if let (false, Some(octets), Some(other)) = (answer.0, octets, Transform::as_xmlsec_wrote(&transforms)) {
        answer = process(Target::Octets(octets), &other)?;
    }
    match answer {
        (true, Some(selection)) => Ok(Answer::Inside(selection)),
        (true, None) if octets.is_some_and(|octets| !beside.may_leave_comments(reference, octets, &transforms)) => {
            Err(Error::Unsupported("comments or CDATA sections of the file are not covered".into()))
        }
        (true, None) => Ok(Answer::Outside),
        (false, None) if beside.is_a_guess => Ok(Answer::NotAtHand),
        (false, _) => Ok(Answer::OtherDigest),
    }
}

/// EN 319 132-1 §4.4.2: a reference of that type must be to the `SignedProperties` of this very signature.
fn check_signed_properties(document: &Document<'_>, findings: &mut XmlFindings) {
    const NAME: &str = "signed_properties";
    let typed = |reference: &Reference| is_signed_properties_type(&reference.kind);
    let Some(qualifying) = &findings.qualifying else {
        if findings.signature.references.iter().any(typed) {
            findings.signer.checks.push(Check::failed(NAME, "a reference is to signed properties that are not there"));
        }
        return;
    };
    let Some(properties) = qualifying.signed_properties else { return };
    let whole = |selection: &Selection| selection.ranges() == [document.subtree(properties)];
    let mut references = findings.covered.iter().filter(|(at, selection)| *at != usize::MAX && whole(selection));
    let named = references.next().and_then(|(at, _)| findings.signature.references.get(*at));
    let target = qualifying.target.strip_prefix('#');
    let elsewhere = target.is_some_and(|target| findings.signature.id.as_deref() != Some(target));
    let failed =
        findings.signer.checks.iter().any(|check| check.name == REFERENCES && check.outcome != Outcome::Passed);
    let others = findings.signature.references.iter().filter(|reference| typed(reference)).count();
    let check = match named {
        None if failed => Check::not_done(NAME, "not every reference could be resolved"),
        None => Check::failed(NAME, "no reference covers the signed properties of this signature"),
        Some(_) if others > 1 => Check::failed(NAME, "more than one reference claims to be to signed properties"),
        Some(reference) if others == 1 && !typed(reference) => {
            Check::failed(NAME, "the reference that claims to be to the signed properties is to something else")
        }
        Some(_) if elsewhere => Check::failed(NAME, "the qualifying properties name another signature as their target"),
        // §4.4.2 demands the type; signers of older versions left it out, and what is signed is the same.
        Some(_) if others == 0 => Check { reason: "their reference has no Type".to_owned(), ..Check::passed(NAME) },
        Some(_) => Check::passed(NAME),
    };
    findings.signer.checks.push(check);
}

/// The time in a signed `SigningTime` outside XAdES, as Vietnamese e-invoices carry it (Decision 1450/QĐ-TCT), in the `SignatureTime`
/// of office packages (ECMA-376-2 §13.2.4.19) or the date of OpenDocument signatures: local where no zone is named. It proves nothing.
fn stated_time(document: &Document<'_>, findings: &XmlFindings) -> Option<Instant> {
    let covered = findings.covered_ranges();
    let inside = findings.signature.objects.iter().flat_map(|object| document.elements_within(*object));
    let is_time = |node: NodeId| {
        let above = document.parent(node).map(|above| document.local_name(above));
        matches!(
            (above, document.local_name(node)),
            (_, "SigningTime") | (Some("SignatureTime"), "Value") | (Some("SignatureProperty"), "date")
        )
    };
    let mut named = inside.filter(|node| is_time(*node) && contains(&covered, *node));
    let text = document.text(named.next()?);
    let text = text.trim();
    Instant::parse_rfc3339(text).or_else(|| Instant::parse_rfc3339(&format!("{text}+07:00")))
}

/// The canonical `SignedInfo`, as the key signs it: by digest, or whole for EdDSA.
pub(super) enum Signed {
    Digest(Vec<u8>),
    Message(Vec<u8>),
}

fn signed_info_digest(document: &Document<'_>, signature: &Signature, budget: &mut Budget) -> Result<Signed> {
    let canonicalization = signature.canonicalization.clone()?;
    let algorithm = signature.algorithm.clone()?;
    let selection = Selection::subtree(document, signature.signed_info, true);
    let prefixes = canonicalization.prefixes();
    match algorithm.digest() {
        Some(digest) => {
            let mut hasher = Hasher::new(digest);
            let mut sink = |piece: &[u8]| hasher.update(piece);
            canonicalise(document, &selection, canonicalization.method, &prefixes, budget, &mut sink)?;
            Ok(Signed::Digest(hasher.finish()))
        }
        None => {
            let mut message = Vec::new();
            let mut sink = |piece: &[u8]| message.extend_from_slice(piece);
            canonicalise(document, &selection, canonicalization.method, &prefixes, budget, &mut sink)?;
            Ok(Signed::Message(message))
        }
    }
}

/// Verifies the value. ECDSA values in XML are r‖s (XMLDSig 1.1 §6.4.3).
pub(super) fn verify_value(key: &Key, signature: &Signature, signed: &Signed) -> Result<()> {
    use crate::algorithm::SignatureAlgorithm::{Dsa, Ecdsa};
    let algorithm = signature.algorithm.clone()?;
    match (algorithm, signed) {
        (Ecdsa(_), Signed::Digest(digest)) => key.verify_ecdsa_raw(digest, &signature.value),
        (Dsa(_), Signed::Digest(digest)) => {
            // XMLDSig §6.4.1: r‖s as well.
            let der = crate::crypto::ecdsa_raw_to_der(&signature.value).ok_or(Error::BadSignature)?;
            key.verify_digest(algorithm, digest, &der)
        }
        (_, Signed::Digest(digest)) => key.verify_digest(algorithm, digest, &signature.value),
        (_, Signed::Message(message)) => key.verify_message(algorithm, message, &signature.value),
    }
}
