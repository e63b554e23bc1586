//! The verdict on a PDF file: signatures found, each one's coverage and cryptography, what changed after it, and trust.
//! Judged from the newest to the oldest, so that a document timestamp proves the age of everything it covers.

use super::cms_part::{self, Body};
use super::digests::Digests;
use super::judged::Judged;
use super::line::badness;
use super::process::proofs::Objects;
use super::second_reader::{self, Opinions};
use super::store::{self, Material, SecurityStore};
use super::trust::Proof;
use super::{VerificationContext, conclusion, covering, empty_report, sentences};
use crate::cms::{SignedData, SignerFindings};
use crate::crypto;
use crate::pdf::change::{ChangeKind, Finding, Needs, Permissions, Step, steps};
use crate::pdf::prepared::prepared;
use crate::pdf::signature::{self, Fault, PdfSignature};
use crate::pdf::{FormField, Object, PdfError, PdfFile, Reading, Revisions, limits};
use crate::picture::covering::UNDRAWN;
use chuky_model::instant::Instant;
use chuky_model::report::{Check, DocumentFormat, Indication, Integrity, Outcome, Report, SubIndication};
use std::cell::OnceCell;

/// Judges a PDF file.
pub(super) fn verify(bytes: &[u8], context: &VerificationContext) -> Report {
    let mut report = empty_report(DocumentFormat::PAdES);
    // 1. Read, strictly or by repair.
    let file = match PdfFile::open(bytes) {
        Ok(file) => file,
        Err(error) => {
            report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
            if let PdfError::Encrypted(reason) = error {
                closed(reason, &mut report);
                return report;
            }
            report.sub_indication = Some(SubIndication::FormatFailure);
            report.checks.push(Check::failed("reading", error.to_string()));
            return report;
        }
    };
    let revisions = Revisions::of(file);
    let file = revisions.whole();
    // 2. Find the signatures, those that no field refers to as well.
    let mut found = signature::signatures(file);
    let hidden = signature::unreferenced_signatures(file, &found);
    if found.len() > limits::SIGNATURES {
        found.truncate(limits::SIGNATURES);
        report.checks.push(Check::not_done("signatures", "more signatures than the limit"));
    }
    // 3. Each one alone: its signed revision, its CMS object, what it permits.
    let mut judged = judge_alone(&revisions, found);
    // Whoever signed later signed the document without them: then they are history, not an attack on today's signatures.
    let superseded = |hidden: &PdfSignature| {
        let sound = judged.iter().filter(|one| one.signature.faults.is_empty());
        let mut gaps = sound.filter_map(|one| Some(one.signature.byte_range?.gap_start));
        gaps.any(|gap| hidden.place.is_some_and(|place| place < gap))
    };
    let (past, hidden): (Vec<_>, Vec<_>) = hidden.into_iter().partition(|(_, signature)| superseded(signature));
    if !past.is_empty() {
        let reason = format!("{} earlier signatures are no longer part of the document", past.len());
        report.checks.push(Check { reason, ..Check::passed("earlier_signatures") });
    }
    judged.extend(hidden.into_iter().map(|(_, signature)| unlinked(signature)));
    // 4. Digests of all ranges and of the file in one pass; the signers checked.
    let wanted: Vec<_> =
        judged.iter().filter_map(|one| Some((one.signature.byte_range?, one.body.algorithms()))).collect();
    let digests = Digests::compute(bytes, &wanted);
    report.sha256 = Some(hex::encode(&digests.file));
    for one in &mut judged {
        one.signers = one.body.check(&one.signature, &digests);
        one.content_timestamps = one.body.content_timestamps(&one.signature, &digests);
    }
    // 5. What changed after each one.
    let opinions = judge_what_follows(&revisions, &mut judged);
    // 6. Trust and time, newest first.
    judge_trust(file, &judged, context, &mut report);
    // 7. The whole file's answer.
    reading_checks(file, &mut report);
    report.checks.extend(opinions);
    sum_up(&judged, &mut report);
    if judged.iter().any(|one| one.unheard.is_some()) && report.integrity == Integrity::Unknown {
        (report.message, report.next_step) = sentences::unheard();
    }
    if let Some(reason) = file.locked()
        && matches!(report.integrity, Integrity::None | Integrity::Intact | Integrity::Unknown)
    {
        closed(reason, &mut report);
    }
    if report.integrity == Integrity::Intact {
        report.checks.push(prepared_shadows(&revisions, &judged));
    }
    report
}

/// The changes after each signature, by our own reader and by the others, whose answers are given back.
fn judge_what_follows(revisions: &Revisions<'_>, judged: &mut [Judged]) -> Vec<Check> {
    let steps = judge_changes(revisions, judged);
    let opinions = other_readers(revisions, judged, &steps);
    for check in opinions.checks.iter().filter(|check| check.outcome == Outcome::Failed) {
        disagree(&check.reason, judged);
    }
    if let Some(why) = opinions.unheard {
        leave_open(why, &steps, judged);
    }
    opinions.checks
}

/// What readers of other makes say, where something follows a signature or where our own reading had to be repaired.
///
/// Where every step is written so plainly that it can be read in one way only, and left alone what was there but for the lists that name new
/// long-term data, they are not asked: most files that follow the standards for the long term end like this, and large ones would be read four times
/// for nothing. Nor are they asked where every signature was found altered already.
///
/// A file that was larger when it was first signed than they are given stays without their opinion where each step is as plain, leaves alone what was
/// there, and signs at most: counted is what the first signer made, so that no padding behind it makes a file large.
fn other_readers(revisions: &Revisions<'_>, judged: &[Judged], steps: &[Step]) -> Opinions {
    let file = revisions.whole();
    if file.locked().is_some() {
        return Opinions::default();
    }
    let mut sound =
        judged.iter().filter(|one| one.signature.faults.is_empty() && one.signature.byte_range.is_some()).peekable();
    if sound.peek().is_some() && sound.all(|one| one.changes.iter().any(|change| !change.permitted)) {
        return Opinions::not_asked("what follows was found to be an alteration already");
    }
    if !steps.is_empty() && steps.iter().all(|step| only_adds(step, Needs::Nothing)) {
        return Opinions::not_asked(
            "nothing but long-term data follows, written so that it can be read in one way only",
        );
    }
    let sound = |one: &&Judged| one.signature.faults.is_empty();
    let ranges = judged.iter().filter(sound).filter_map(|one| one.signature.byte_range);
    match ranges.min_by_key(|range| range.end) {
        Some(first) if signature::has_later_bytes(file.data(), first) => {
            let signed_large = first.end > second_reader::LARGEST && !steps.is_empty();
            if signed_large && steps.iter().all(|step| only_adds(step, Needs::Signing)) {
                return Opinions::not_asked(
                    "a file this large is signed again, written so that it can be read in one way only",
                );
            }
            second_reader::compare(file, Some((first.end, revisions.until(first.end))))
        }
        Some(_) if second_reader::was_repaired(file) => second_reader::compare(file, None),
        _ => Opinions::default(),
    }
}

/// Whether a step can be read in one way only, leaves alone what was there, and needs no more than this permission.
fn only_adds(step: &Step, most: Needs) -> bool {
    step.plain && step.only_adds && step.findings.iter().all(|one| one.kind.needs() <= most)
}

/// Nobody else could be asked about what follows these signatures: whether they are intact is not known.
fn leave_open(why: &'static str, steps: &[Step], judged: &mut [Judged]) {
    for one in judged {
        let Some(range) = one.signature.byte_range else { continue };
        let mut later = steps.iter().filter(|step| step.from >= range.end);
        if later.any(|step| !only_adds(step, Needs::Nothing)) {
            one.unheard = Some(why);
        }
    }
}

/// What two readers see differently was not what the signer signed: nobody can have permitted it.
fn disagree(what: &str, judged: &mut [Judged]) {
    let sound = |one: &&mut Judged| one.signature.faults.is_empty() && one.signature.byte_range.is_some();
    for one in judged.iter_mut().filter(sound) {
        let kind = ChangeKind::ReadersDisagree;
        one.judge_changes([Finding { kind, page: None, field: None, detail: what.to_owned() }].iter(), &[]);
    }
}

/// A warning on a file that is intact: content that lies ready in the newest signed revision and is not shown. It takes nothing
/// from the verdict, for a later revision that shows it would be an alteration.
fn prepared_shadows(revisions: &Revisions<'_>, judged: &[Judged]) -> Check {
    let ranges = judged.iter().filter_map(|one| one.signature.byte_range);
    let newest = ranges.max_by_key(|range| range.end);
    let data = revisions.whole().data();
    // White space behind the signature adds nothing.
    let end = newest.map(|range| if signature::has_later_bytes(data, range) { range.end } else { data.len() });
    let signed = match end.and_then(|end| revisions.until(end)) {
        Some(signed) => signed,
        None => return Check::not_done(PREPARED, "there is no signed revision that can be read"),
    };
    match prepared(&signed) {
        Err(why) => Check::not_done(PREPARED, why),
        Ok(found) => match found.first() {
            None => Check::passed(PREPARED),
            Some(first) => {
                let reason = format!(
                    "{} unused objects would change what is seen if used, the first: {}, {}",
                    found.len(),
                    first.id,
                    first.what
                );
                Check::failed(PREPARED, reason)
            }
        },
    }
}

const PREPARED: &str = "prepared_shadows";

fn judge_alone(revisions: &Revisions<'_>, found: Vec<PdfSignature>) -> Vec<Judged> {
    let file = revisions.whole();
    let ends = file.revisions();
    let mut permissions = Permissions::default();
    let mut judged = Vec::new();
    for mut signature in found {
        let mut own = Permissions::default();
        if let Some(range) = signature.byte_range {
            let data = file.data();
            if signature::has_later_bytes(data, range) {
                match revisions.until(range.end) {
                    Some(signed) => bind(&signed, &mut signature, &mut permissions, &mut own),
                    None => signature.faults.push(Fault {
                        check: "coverage",
                        reason: "the signed revision cannot be read by itself".to_owned(),
                    }),
                }
            } else {
                bind(file, &mut signature, &mut permissions, &mut own);
            }
        }
        let body = match signature.byte_range {
            Some(_) => cms_part::read(&signature),
            None => Body::None(Check::not_done("cryptography", "the signed bytes are not established")),
        };
        let covers = covers(file, &signature, &ends);
        judged.push(Judged {
            signature,
            body,
            signers: Vec::new(),
            content_timestamps: Vec::new(),
            permissions: permissions.clone(),
            own_level: own.level,
            changes: Vec::new(),
            closed: None,
            unheard: None,
            covers,
        });
    }
    judged
}

/// Finds the signature in its signed revision: some field must refer to a dictionary at the very same place there.
fn bind(signed: &PdfFile<'_>, signature: &mut PdfSignature, permissions: &mut Permissions, own: &mut Permissions) {
    let refers = |field: &&FormField| match (field.value("V").and_then(Object::reference), signature.id) {
        (Some(id), Some(own)) => id == own,
        (None, None) => field.value("V").and_then(Object::dictionary) == Some(&signature.dictionary),
        _ => false,
    };
    let fields = signed.fields();
    let Some(field) = fields.iter().find(refers) else {
        let reason = "in the signed revision no field refers to this signature".to_owned();
        signature.faults.push(Fault { check: "signature_dictionary", reason });
        return;
    };
    let value = field.value("V").map(|value| signed.resolve(value)).unwrap_or_default();
    if value.dictionary() != Some(&signature.dictionary) {
        let reason = "its dictionary is not the one of the signed revision".to_owned();
        signature.faults.push(Fault { check: "signature_dictionary", reason });
    }
    let Some(dictionary) = value.dictionary() else { return };
    let lock = field.dictionary.dictionary().map(|field| signed.value(field, "Lock")).unwrap_or_default();
    permissions.restrict(signed, dictionary, &lock);
    own.restrict(signed, dictionary, &lock);
}

/// A signature that some revision holds and today's form does not name.
fn unlinked(mut signature: PdfSignature) -> Judged {
    let reason = "no field of the document refers to this signature".to_owned();
    signature.faults.push(Fault { check: "signature_dictionary", reason });
    Judged {
        signature,
        body: Body::None(Check::not_done("cryptography", "the signature is not part of the document")),
        signers: Vec::new(),
        content_timestamps: Vec::new(),
        permissions: Permissions::default(),
        own_level: None,
        changes: Vec::new(),
        closed: None,
        unheard: None,
        covers: "unknown".to_owned(),
    }
}

fn covers(file: &PdfFile<'_>, signature: &PdfSignature, revisions: &[usize]) -> String {
    let Some(range) = signature.byte_range else { return "unknown".to_owned() };
    if !signature::has_later_bytes(file.data(), range) {
        return "whole_file".to_owned();
    }
    // The end that a revision has may count one end of line that the signer did not sign.
    let number = revisions.iter().filter(|end| **end <= range.end.saturating_add(2)).count();
    format!("revision {} of {}", number.max(1), revisions.len().max(number).max(2))
}

fn judge_changes(revisions: &Revisions<'_>, judged: &mut [Judged]) -> Vec<Step> {
    let file = revisions.whole();
    let bytes = file.data();
    let sound = |one: &Judged| one.signature.byte_range.filter(|_| one.signature.faults.is_empty());
    let mut ends: Vec<usize> = judged.iter().filter_map(sound).map(|range| range.end).collect();
    ends.sort_unstable();
    ends.dedup();
    let later = judged.iter().filter_map(sound).max_by_key(|range| range.end);
    let to_the_end = later.is_some_and(|range| signature::has_later_bytes(bytes, range));
    let mut steps: Vec<Step> = steps(revisions, &ends, to_the_end);
    let undrawn = if file.locked().is_none() { covering::judge(revisions, &mut steps) } else { Vec::new() };
    let levels: Vec<(usize, Option<i64>)> =
        judged.iter().filter_map(|one| Some((one.signature.byte_range?.end, one.own_level))).collect();
    for one in judged.iter_mut() {
        let Some(range) = sound(one) else { continue };
        let later: Vec<Option<i64>> =
            levels.iter().filter(|(end, _)| *end > range.end).map(|(_, level)| *level).collect();
        let findings = steps.iter().filter(|step| step.from >= range.end).flat_map(|step| &step.findings);
        match file.locked() {
            // In a file that was closed when it was signed nobody can tell a change from a new seal.
            Some(reason) if !findings.clone().any(|finding| finding.kind == ChangeKind::Encryption) => {
                one.closed = Some(reason);
            }
            _ => one.judge_changes(findings, &later),
        }
        if undrawn.iter().any(|from| *from >= range.end) {
            one.unheard = Some(UNDRAWN);
        }
    }
    steps
}

/// The answer about an encrypted file that does not open.
fn closed(reason: &str, report: &mut Report) {
    report.integrity = Integrity::Unknown;
    report.indication = Indication::Indeterminate;
    report.sub_indication = Some(SubIndication::SignedDataNotFound);
    report.checks.push(Check::not_done("decryption", format!("the file is encrypted: {reason}")));
    (report.message, report.next_step) = sentences::closed();
}

fn judge_trust(file: &PdfFile<'_>, judged: &[Judged], context: &VerificationContext, report: &mut Report) {
    let objects: Vec<&SignedData> = judged.iter().filter_map(|one| one.body.signed_data()).collect();
    // Without anchors nothing of it would be asked for.
    let asked = context.has_anchors();
    let mut store = if asked { SecurityStore::read(file) } else { SecurityStore::default() };
    let keep = judged.iter().any(|one| one.signature.is_document_timestamp());
    let material = if asked { store::of_pdf(context, &mut store, &objects, keep) } else { Material::default() };
    let stored = store::first_in_store(file);
    // What each signature carries, read once however many timestamps cover it.
    let carried: Vec<OnceCell<Objects>> = judged.iter().map(|_| OnceCell::new()).collect();
    let mut proof = Proof { time: context.at, proven: false };
    let mut later = Later { has_store: stored.is_some(), ..Later::default() };
    for (place, one) in judged.iter().enumerate().rev() {
        if let Some((time, line)) = one.document_timestamp(proof, &material, context) {
            report.timestamps.push(line);
            later.timestamped = true;
            // EN 319 142-1 §6.3: what makes an archive is a timestamp behind the revocation data.
            let end = one.signature.byte_range.map_or(0, |range| range.gap_start);
            later.archived |= stored.is_some_and(|stored| stored < end);
            if let Some(time) = time.filter(|time| *time < proof.time) {
                proof = Proof { time, proven: true };
                material.prove(time, |objects| {
                    objects.extend(&store.before(end));
                    for (one, carried) in judged.iter().zip(&carried).take(place) {
                        let Some(data) = one.body.signed_data() else { continue };
                        objects.extend(carried.get_or_init(|| {
                            let mut own = Objects::default();
                            own.signed_data_and_tokens(data);
                            own
                        }));
                    }
                });
            }
            continue;
        }
        let level = |signer: &SignerFindings| level(&one.signature, signer, later);
        let (lines, timestamps) = one.reports(proof, &level, &material, context);
        report.signatures.extend(lines.into_iter().rev());
        report.timestamps.extend(timestamps.into_iter().rev());
    }
    report.signatures.reverse();
    report.timestamps.reverse();
}

/// What the document has beside a signature.
#[derive(Clone, Copy, Default)]
struct Later {
    /// A store with revocation data.
    has_store: bool,
    /// A document timestamp behind the signature.
    timestamped: bool,
    /// One behind the revocation data, too.
    archived: bool,
}

/// The signature's format and level by what is there (EN 319 142-1 §6); whether it is valid is another matter.
fn level(signature: &PdfSignature, signer: &SignerFindings, later: Later) -> String {
    let sub_filter = signature.sub_filter();
    if sub_filter != "ETSI.CAdES.detached" || !signer.certificate_is_bound {
        return format!("PDF {}", if sub_filter.is_empty() { "signature" } else { &sub_filter });
    }
    let has_time = later.timestamped || !signer.timestamps.is_empty();
    let letter = match (has_time, later.has_store, later.archived) {
        (true, true, true) => "LTA",
        (true, true, false) => "LT",
        (true, false, _) => "T",
        (false, _, _) => "B",
    };
    format!("PAdES-BASELINE-{letter}")
}

fn reading_checks(file: &PdfFile<'_>, report: &mut Report) {
    let oddities = file.oddities();
    let mut check = Check::passed("reading");
    if file.reading() == Reading::Recovered {
        check.reason = "the cross-reference data is damaged; objects were searched for".to_owned();
    } else if !oddities.is_empty() {
        check.reason = format!("{oddities:?}");
    }
    report.checks.push(check);
}

fn sum_up(judged: &[Judged], report: &mut Report) {
    // EN 319 102-1 §5.5.4: a timestamp that fails is not used as a proof; it takes nothing from the signatures. Where there are
    // only timestamps, they are what the file is judged by.
    let signatures: Vec<&Judged> = judged.iter().filter(|one| !one.signature.is_document_timestamp()).collect();
    let counted = if signatures.is_empty() { judged.iter().collect() } else { signatures };
    let worst = counted.iter().map(|one| one.worst()).max_by_key(|integrity| badness(*integrity));
    report.integrity = worst.unwrap_or(Integrity::None);
    let undone = report.checks.iter().any(|check| check.name == "signatures");
    if undone && report.integrity == Integrity::Intact {
        report.integrity = Integrity::Unknown;
    }
    let integrity = report.integrity;
    conclusion::conclude(report, integrity);
}

/// A PDF date (ISO 32000-1 §7.9.4), `D:YYYYMMDDHHmmSSOHH'mm'`, later parts optional.
pub(super) fn date(text: &str) -> Option<Instant> {
    let text = text.strip_prefix("D:").unwrap_or(text);
    let digits: String = text.chars().take_while(char::is_ascii_digit).take(14).collect();
    let part = |range: std::ops::Range<usize>, default: &str| digits.get(range).unwrap_or(default).to_owned();
    let zone: String = text.get(digits.len()..)?.chars().filter(|letter| *letter != '\'').collect();
    let offset = match zone.get(..1) {
        Some(sign @ ("+" | "-")) => format!("{sign}{}:{}", zone.get(1..3)?, zone.get(3..5).unwrap_or("00")),
        _ => "Z".to_owned(),
    };
    let whole = format!(
        "{}-{}-{}T{}:{}:{}{offset}",
        digits.get(0..4)?,
        part(4..6, "01"),
        part(6..8, "01"),
        part(8..10, "00"),
        part(10..12, "00"),
        part(12..14, "00")
    );
    Instant::parse_rfc3339(&whole)
}
