//! From one signed revision to the next, and from the last one to the end of the file: each step is compared once, however many
//! signatures look at it. Each step is read strictly and, where a lenient reader might see something else, by repair as well.

use super::kind::{ChangeKind, Needs};
use super::quiet::Quiet;
use super::{Finding, LaterWidget, ambiguity, compare, compare_next, redefined};
use crate::pdf::file::{PdfFile, Reading};
use crate::pdf::lexer::Lexer;
use crate::pdf::object::{Object, ObjectId};
use crate::pdf::xref::{Entry, SectionForm};
use crate::pdf::{Revisions, recovery};

/// What changed between two ends of revisions.
#[derive(Clone, Debug)]
pub struct Step {
    /// End of the older revision.
    pub from: usize,
    /// End of the newer one, or of the file.
    pub to: usize,
    /// Every difference.
    pub findings: Vec<Finding>,
    /// Whether what was added is written so that no reader can take it in another way.
    pub plain: bool,
    /// Whether it left alone what was there, so that no reader can see that in another way than before.
    pub only_adds: bool,
    /// Widgets of the signatures that it adds, which may hide what is under them.
    pub widgets: Vec<LaterWidget>,
}

/// The steps between these ends (ascending, of readable revisions), and to the end of the file where `to_the_end`.
pub fn steps(revisions: &Revisions<'_>, ends: &[usize], to_the_end: bool) -> Vec<Step> {
    let mut stops: Vec<usize> = ends.to_vec();
    if to_the_end {
        stops.push(revisions.whole().data().len());
    }
    stops.sort_unstable();
    stops.dedup();
    let mut steps = Vec::new();
    let mut stops = stops.into_iter();
    let open = |end: usize| (end, revisions.until(end));
    // The newer revision of one step is the older one of the next.
    let Some(mut older) = stops.next().map(open) else { return steps };
    let quiet = Quiet::default();
    for stop in stops {
        let newer = open(stop);
        let (findings, plain, only_adds, widgets) = match (&older.1, &newer.1) {
            (Some(old), Some(new)) => {
                let (findings, plain, widgets) = step(old, new, &quiet);
                // Asked only where the answer counts.
                let asked = plain && findings.iter().all(|one| one.kind.needs() <= Needs::Signing);
                (findings, plain, asked && redefined::leaves_alone(old, new), widgets)
            }
            _ => (vec![unreadable("one of the revisions cannot be read")], false, false, Vec::new()),
        };
        steps.push(Step { from: older.0, to: newer.0, findings, plain, only_adds, widgets });
        older = newer;
    }
    steps
}

fn step(old: &PdfFile<'_>, new: &PdfFile<'_>, quiet: &Quiet) -> (Vec<Finding>, bool, Vec<LaterWidget>) {
    let (from, to) = (old.data().len(), new.data().len());
    let both_strict = old.reading() == Reading::Strict && new.reading() == Reading::Strict;
    let (mut findings, widgets) = compare_next(old, new, quiet);
    let ambiguous = ambiguity::found(old, new);
    let clear = ambiguous.is_none();
    if let Some(detail) = ambiguous {
        findings.push(Finding { kind: ChangeKind::ReadersDisagree, page: None, field: None, detail });
    }
    if both_strict && !is_newly_odd(old, new) && tail_is_accounted_for(new, from, to) {
        return (findings, clear, widgets);
    }
    if old.reading() == Reading::Strict && new.reading() == Reading::Recovered {
        findings.push(Finding {
            kind: ChangeKind::ReadersDisagree,
            page: None,
            field: None,
            detail: "what follows the signed revision can only be read by repairing the file".to_owned(),
        });
    }
    // What was signed is what the signer's reader showed, not what a repair of it would.
    match PdfFile::open_recovered(new.data()) {
        Ok(new) => add_lenient(&mut findings, compare(old, &new)),
        Err(_) => findings.push(unreadable("the later revision cannot be repaired")),
    }
    if opens_otherwise(behind_all(new, from)) {
        findings.push(Finding {
            kind: ChangeKind::ReadersDisagree,
            page: None,
            field: None,
            detail: "what stands behind the document is opened by readers of other formats".to_owned(),
        });
    }
    if new.sections().first().is_none_or(|section| section.offset < from) {
        // Nothing in the later bytes is a revision of its own.
        findings.push(Finding {
            kind: ChangeKind::UnusedBytes,
            page: None,
            field: None,
            detail: format!("{} bytes behind the signed revision that are no revision", to - from),
        });
    }
    (findings, false, widgets)
}

/// The bytes behind the end of the newest revision, or behind the older one where there is no newer.
fn behind_all<'a>(new: &PdfFile<'a>, from: usize) -> &'a [u8] {
    let newest = new.sections().first().map(|section| section.offset).filter(|offset| *offset >= from);
    let ends = newest.and_then(|offset| {
        let rest = new.data().get(offset..)?;
        memchr::memmem::find(rest, END).map(|at| offset + at + END.len())
    });
    new.data().get(ends.unwrap_or(from)..).unwrap_or_default()
}

/// Whether readers of archives or of web pages find something of theirs: an archive's end is looked for from the end of a file, markup wherever
/// it begins.
fn opens_otherwise(bytes: &[u8]) -> bool {
    let archive = [&b"PK\x03\x04"[..], b"PK\x05\x06"].iter().any(|mark| memchr::memmem::find(bytes, mark).is_some());
    let is_markup =
        |at: usize| bytes.get(at + 1).is_some_and(|next| next.is_ascii_alphabetic() || b"!?".contains(next));
    archive || memchr::memchr_iter(b'<', bytes).any(is_markup)
}

const END: &[u8] = b"%%EOF";

/// Whether the later revision has something that readers get over in their own ways, which the older one does not have.
fn is_newly_odd(old: &PdfFile<'_>, new: &PdfFile<'_>) -> bool {
    let known = old.oddities();
    // Objects are read when they are needed: what stands at the same place is as odd in the older revision.
    let same_place = |id: ObjectId| old.entry(id.number) == new.entry(id.number);
    new.oddities().iter().any(|oddity| !known.contains(oddity) && !oddity.object().is_some_and(same_place))
}

fn unreadable(why: &str) -> Finding {
    Finding {
        kind: ChangeKind::Unknown,
        page: None,
        field: None,
        detail: format!("the change cannot be judged: {why}"),
    }
}

/// What only a repairing reader sees is a change too, and that readers disagree makes it one that nobody can permit.
fn add_lenient(findings: &mut Vec<Finding>, lenient: Vec<Finding>) {
    for finding in lenient {
        let known = findings.iter().any(|strict| strict.kind == finding.kind && strict.field == finding.field);
        if known || finding.kind.needs() == Needs::Nothing {
            continue;
        }
        let detail = format!("a reader that repairs the file sees: {} ({})", finding.detail, finding.kind.name());
        findings.push(Finding { kind: ChangeKind::ReadersDisagree, detail, ..finding });
    }
}

/// Whether searching the later bytes finds exactly the objects that their cross-reference sections list, each at its place,
/// and no trailer beside the sections' own: then a repairing reader sees what a strict one sees.
fn tail_is_accounted_for(new: &PdfFile<'_>, from: usize, to: usize) -> bool {
    let data = new.data();
    let Some(tail) = data.get(from..to) else { return false };
    let own: Vec<_> = new.sections().iter().filter(|section| section.offset >= from).collect();
    if own.is_empty() {
        return false;
    }
    let mut previous: Option<usize> = None;
    for at in memchr::memmem::find_iter(tail, b"obj") {
        let Some((start, id)) = recovery::header_before(data, from + at) else { continue };
        if start < from {
            return false;
        }
        // What stands inside a stream's data is listed by nobody; repairing readers may take it for an object all the same.
        let listed = own.iter().any(|section| {
            section.offset == start
                || matches!(section.entry(data, id.number), Some(Entry::Offset { offset, .. }) if offset == start)
        });
        if !listed || previous.is_some_and(|previous| previous >= start) {
            return false;
        }
        previous = Some(start);
    }
    let trailers = memchr::memmem::find_iter(tail, b"trailer").count();
    let tables = own.iter().filter(|section| section.form != SectionForm::Stream).count();
    if !ends_in_sight(data) || size_leaves_out(new, from) || !own.iter().all(|section| section.is_regular(data)) {
        return false;
    }
    let catalogues_last = own.iter().all(|section| section.trailer.value("Root") == new.trailer().value("Root"));
    trailers == tables && (catalogues_last || own.len() <= 1) && ids_are_plain(&own)
}

/// ISO 32000-2 table 15: an object whose number is not below `Size` counts as missing. Few readers heed it, and some writers give a
/// later trailer too small a number.
fn size_leaves_out(new: &PdfFile<'_>, from: usize) -> bool {
    let (later, earlier): (Vec<_>, Vec<_>) = new.sections().iter().partition(|section| section.offset >= from);
    let sizes = later.iter().filter_map(|section| section.trailer.value("Size").and_then(Object::integer));
    let size = sizes.min().unwrap_or(0);
    earlier.iter().filter_map(|section| section.highest()).any(|number| i64::from(number) >= size)
}

/// Whether the last `startxref` and its `%%EOF` stand where every reader looks for them, and nothing but white space follows.
fn ends_in_sight(data: &[u8]) -> bool {
    let Some(at) =
        memchr::memmem::rfind(data.get(data.len().saturating_sub(SIGHT)..).unwrap_or_default(), b"startxref")
    else {
        return false;
    };
    let at = data.len().saturating_sub(SIGHT) + at;
    let mut lexer = Lexer::new(data, at + 9);
    if lexer.take_unsigned().is_none() {
        return false;
    }
    let rest = data.get(lexer.position()..).unwrap_or_default().trim_ascii();
    rest == b"%%EOF"
}

/// How far from the end readers look for `startxref`: 1,024 bytes (ISO 32000-1 annex H, note 18).
const SIGHT: usize = 1_024;

/// Generations above zero are read differently by searching readers.
fn ids_are_plain(sections: &[&crate::pdf::xref::Section]) -> bool {
    sections.iter().all(|section| {
        section
            .trailer
            .value("Root")
            .and_then(|root| root.reference())
            .is_some_and(|root: ObjectId| root.generation == 0)
    })
}
