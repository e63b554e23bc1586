//! What one reader sees changed from the signed revision to the current one: the number of pages, what each draws, its size, its
//! resources and its annotations. Two revisions are walked together and two readers likewise, by meaning, within a budget.

use super::seen::{Entries, Id, Page, Reader, Seen};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// What was found when two things were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Same,
    Different,
    /// A stream that cannot be decoded, or the budget's end.
    Unclear,
}

/// One thing that a reader sees changed. Pages count from 0.
#[derive(Clone, Debug)]
pub(super) enum Difference {
    PageCount(usize),
    Content(usize),
    Shape(usize),
    Resources(usize),
    /// The annotations that are new or look different, and how many are gone.
    Annotations {
        page: usize,
        changed: Vec<Seen>,
        gone: usize,
    },
}

impl Difference {
    /// Whether both are about the same part of the same page.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::PageCount(_), Self::PageCount(_)) => true,
            (Self::Content(one), Self::Content(two))
            | (Self::Shape(one), Self::Shape(two))
            | (Self::Resources(one), Self::Resources(two))
            | (Self::Annotations { page: one, .. }, Self::Annotations { page: two, .. }) => one == two,
            _ => false,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PageCount(count) => write!(out, "{count} pages now"),
            Self::Content(page) => write!(out, "other content on page {}", page + 1),
            Self::Shape(page) => write!(out, "another size of page {}", page + 1),
            Self::Resources(page) => write!(out, "other fonts, pictures or forms on page {}", page + 1),
            Self::Annotations { page, .. } => write!(out, "other annotations on page {}", page + 1),
        }
    }
}

/// How much may be compared. Shared by all comparisons of one reader.
#[derive(Debug)]
pub(super) struct Budget {
    steps: Cell<usize>,
    bytes: Cell<usize>,
}

/// Pairs of objects that are looked at for one reader.
const STEPS: usize = 1_000_000;
/// Bytes of streams that are compared for one reader: 128 MiB.
const BYTES: usize = 128 << 20;

impl Default for Budget {
    fn default() -> Self {
        Self { steps: Cell::new(STEPS), bytes: Cell::new(BYTES) }
    }
}

impl Budget {
    fn step(&self) -> bool {
        self.steps(1)
    }

    fn steps(&self, steps: usize) -> bool {
        self.steps.set(self.steps.get().saturating_sub(steps));
        !self.is_spent()
    }

    fn read(&self, bytes: usize) -> bool {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
        !self.is_spent()
    }

    /// Whether something was left out.
    pub(super) fn is_spent(&self) -> bool {
        self.steps.get() == 0 || self.bytes.get() == 0
    }
}

/// Media box, crop box (or the media box where there is none) and turn.
pub(super) fn shape(media: &[f64], crop: &[f64], turn: f64) -> Vec<f64> {
    let corners = |numbers: &[f64]| match numbers {
        [a, b, c, d] => vec![a.min(*c), b.min(*d), a.max(*c), b.max(*d)],
        _ => Vec::new(),
    };
    let media = corners(media);
    let crop = match corners(crop) {
        crop if crop.is_empty() => media.clone(),
        crop => crop,
    };
    [media, crop, vec![turn.rem_euclid(360.0)]].concat()
}

/// What changed for one reader.
pub(super) fn differences<R: Reader>(old: &R, new: &R, budget: &Budget) -> Vec<Difference> {
    let comparison = Comparison::new(old, new, budget);
    let mut found = Vec::new();
    if old.pages().len() != new.pages().len() {
        found.push(Difference::PageCount(new.pages().len()));
    }
    for (at, (before, after)) in old.pages().iter().zip(new.pages()).enumerate() {
        let differs = |outcome: Outcome| outcome == Outcome::Different;
        found.extend(differs(comparison.content(before, after)).then_some(Difference::Content(at)));
        found.extend(differs(comparison.shape(before, after)).then_some(Difference::Shape(at)));
        found.extend(differs(comparison.resources(before, after)).then_some(Difference::Resources(at)));
        found.extend(comparison.annotations(at, before, after));
    }
    found
}

/// Whether what `theirs` sees changed came to be the same thing for both readers.
pub(super) fn agree<O: Reader, R: Reader>(
    theirs: &Difference,
    ours: (&O, &O),
    others: (&R, &R),
    budget: &Budget,
) -> Outcome {
    let comparison = Comparison::new(ours.1, others.1, budget);
    let pages = |at: usize| Some((ours.1.pages().get(at)?, others.1.pages().get(at)?));
    let compared = match theirs {
        Difference::PageCount(count) => {
            return if ours.1.pages().len() == *count { Outcome::Same } else { Outcome::Different };
        }
        Difference::Content(at) => pages(*at).map(|(own, other)| comparison.content(own, other)),
        Difference::Shape(at) => pages(*at).map(|(own, other)| comparison.shape(own, other)),
        Difference::Resources(at) => pages(*at).map(|(own, other)| comparison.resources(own, other)),
        Difference::Annotations { page, changed, gone } => {
            let own = Comparison::new(ours.0, ours.1, budget);
            let before = ours.0.pages().get(*page);
            let own = before.zip(ours.1.pages().get(*page)).and_then(|(old, new)| own.annotations(*page, old, new));
            own.map(|own| comparison.same_annotations(&own, changed, *gone))
        }
    };
    compared.unwrap_or(Outcome::Different)
}

/// The first page, from 1, whose content two readers of the same bytes see differently.
pub(super) fn first_other_page<O: Reader, R: Reader>(ours: &O, theirs: &R, budget: &Budget) -> Option<usize> {
    let comparison = Comparison::new(ours, theirs, budget);
    let mut pages = ours.pages().iter().zip(theirs.pages());
    pages.position(|(own, other)| comparison.content(own, other) == Outcome::Different).map(|at| at + 1)
}

/// Two views walked together: of two revisions by one reader, or of one revision by two.
struct Comparison<'v, A, B> {
    first: &'v A,
    second: &'v B,
    budget: &'v Budget,
    /// Pairs of objects that were found to be the same.
    known: RefCell<HashSet<(Id, Id)>>,
}

/// Entries that describe how a stream is written.
const STREAM_FORM: [&[u8]; 4] = [b"Length", b"Filter", b"DecodeParms", b"DL"];
/// Entries that lead back or elsewhere, or show nothing.
const PASSED_OVER: [&[u8]; 9] =
    [b"Parent", b"P", b"StructParent", b"StructParents", b"Metadata", b"PieceInfo", b"LastModified", b"Popup", b"IRT"];
/// Resources that content can name.
const RESOURCES: [&[u8]; 7] = [b"ExtGState", b"Font", b"Properties", b"ColorSpace", b"XObject", b"Pattern", b"Shading"];
/// What decides how an annotation looks.
const LOOKS: [&[u8]; 19] = [
    b"Subtype",
    b"Rect",
    b"F",
    b"AS",
    b"AP",
    b"Contents",
    b"DA",
    b"DS",
    b"RC",
    b"MK",
    b"C",
    b"IC",
    b"OC",
    b"Border",
    b"BS",
    b"QuadPoints",
    b"Vertices",
    b"InkList",
    b"L",
];

impl<'v, A: Reader, B: Reader> Comparison<'v, A, B> {
    fn new(first: &'v A, second: &'v B, budget: &'v Budget) -> Self {
        Self { first, second, budget, known: RefCell::default() }
    }

    fn same(&self, first: &Seen, second: &Seen) -> Outcome {
        let mut assumed: HashSet<(Id, Id)> = HashSet::new();
        let mut pending = vec![(first.clone(), second.clone())];
        let mut outcome = Outcome::Same;
        while let Some((first, second)) = pending.pop() {
            if !self.budget.step() {
                return Outcome::Unclear;
            }
            match self.step(first, second, &mut assumed, &mut pending) {
                Outcome::Different => return Outcome::Different,
                Outcome::Unclear => outcome = Outcome::Unclear,
                Outcome::Same => {}
            }
        }
        if outcome == Outcome::Same {
            self.known.borrow_mut().extend(assumed);
        }
        outcome
    }

    fn step(
        &self,
        first: Seen,
        second: Seen,
        assumed: &mut HashSet<(Id, Id)>,
        pending: &mut Vec<(Seen, Seen)>,
    ) -> Outcome {
        let said = |same: bool| if same { Outcome::Same } else { Outcome::Different };
        match (first, second) {
            (Seen::Reference(one), Seen::Reference(two)) => {
                if !self.known.borrow().contains(&(one, two)) && assumed.insert((one, two)) {
                    pending.push((self.first.object(one), self.second.object(two)));
                }
                Outcome::Same
            }
            (reference @ Seen::Reference(_), other) => {
                pending.push((self.first.resolve(&reference), other));
                Outcome::Same
            }
            (other, reference @ Seen::Reference(_)) => {
                pending.push((other, self.second.resolve(&reference)));
                Outcome::Same
            }
            (Seen::Dictionary(one), Seen::Dictionary(two)) => {
                // Pages are compared one by one.
                let page = |entries: &Entries| matches!(entries.get(b"Type".as_slice()), Some(Seen::Name(name)) if name == b"Page");
                if !(page(&one) && page(&two)) {
                    push_entries(one, two, &[], pending);
                }
                Outcome::Same
            }
            (Seen::Array(one), Seen::Array(two)) => {
                let same_length = one.len() == two.len();
                pending.extend(one.into_iter().zip(two));
                said(same_length)
            }
            (Seen::Stream(one, of_one), Seen::Stream(two, of_two)) => {
                let data = self.data((one, &of_one), (two, &of_two));
                push_entries(of_one, of_two, &STREAM_FORM, pending);
                data
            }
            // One reader keeps numbers in single precision.
            (Seen::Number(one), Seen::Number(two)) => said((one - two).abs() <= 1e-4 * one.abs().max(1.0)),
            (Seen::String(one), Seen::String(two)) | (Seen::Name(one), Seen::Name(two)) => said(one == two),
            (Seen::Boolean(one), Seen::Boolean(two)) => said(one == two),
            (Seen::Null, Seen::Null) => Outcome::Same,
            _ => Outcome::Different,
        }
    }

    fn data(&self, one: (Id, &Entries), two: (Id, &Entries)) -> Outcome {
        let filters = |entries: &Entries| -> Seen {
            let both =
                [b"Filter".as_slice(), b"DecodeParms"].map(|key| entries.get(key).cloned().unwrap_or(Seen::Null));
            Seen::Array(both.to_vec())
        };
        let raw = (self.first.raw(one.0), self.second.raw(two.0));
        if let (Some(first), Some(second)) = &raw
            && first == second
            && self.same(&filters(one.1), &filters(two.1)) == Outcome::Same
        {
            return Outcome::Same;
        }
        let (Some(first), Some(second)) = (self.first.decoded(one.0), self.second.decoded(two.0)) else {
            return Outcome::Unclear;
        };
        if !self.budget.read(first.len() + second.len()) {
            return Outcome::Unclear;
        }
        if first == second { Outcome::Same } else { Outcome::Different }
    }

    fn content(&self, one: &Page, two: &Page) -> Outcome {
        let written = |page: &Page| page.entries.get(b"Contents".as_slice()).cloned().unwrap_or(Seen::Null);
        if self.same(&written(one), &written(two)) == Outcome::Same {
            return Outcome::Same;
        }
        match (joined(self.first, &written(one), self.budget), joined(self.second, &written(two), self.budget)) {
            (Some(one), Some(two)) if one == two => Outcome::Same,
            (Some(_), Some(_)) => Outcome::Different,
            _ => Outcome::Unclear,
        }
    }

    fn shape(&self, one: &Page, two: &Page) -> Outcome {
        let near = |(one, two): (&f64, &f64)| (one - two).abs() < 0.01;
        let same = one.shape.len() == two.shape.len() && one.shape.iter().zip(&two.shape).all(near);
        if same { Outcome::Same } else { Outcome::Different }
    }

    fn resources(&self, one: &Page, two: &Page) -> Outcome {
        let only = |resources: Seen| only(&resources, &RESOURCES);
        self.same(&only(self.first.resolve(&one.resources)), &only(self.second.resolve(&two.resources)))
    }

    /// What changed among the annotations of a page, both views being of one reader.
    fn annotations(&self, page: usize, old: &Page, new: &Page) -> Option<Difference> {
        let (old, new) = (self.first.value(&old.entries, "Annots"), self.second.value(&new.entries, "Annots"));
        let listed = old.elements().len() + new.elements().len();
        if !self.budget.steps(listed) {
            return None;
        }
        let identifiers = |list: &Seen| -> BTreeSet<Id> {
            let references = list.elements().iter().take(crate::pdf::limits::ANNOTATIONS);
            references.filter_map(|one| if let Seen::Reference(id) = one { Some(*id) } else { None }).collect()
        };
        let (before, after) = (identifiers(&old), identifiers(&new));
        let look_of_old = |one: &Seen| only(&self.first.resolve(one), &LOOKS);
        let direct: Vec<Seen> =
            old.elements().iter().filter(|one| !matches!(one, Seen::Reference(_))).map(look_of_old).collect();
        let mut changed = Vec::new();
        for annotation in new.elements().iter().take(crate::pdf::limits::ANNOTATIONS) {
            let look = only(&self.second.resolve(annotation), &LOOKS);
            let known = match annotation {
                Seen::Reference(id) if before.contains(id) => {
                    self.same(&look_of_old(annotation), &look) != Outcome::Different
                }
                _ => direct.iter().any(|one| self.same(one, &look) == Outcome::Same),
            };
            if !known {
                changed.push(look);
            }
        }
        let gone = before.difference(&after).count();
        (gone > 0 || !changed.is_empty()).then_some(Difference::Annotations { page, changed, gone })
    }

    /// Whether each annotation that the other reader sees changed is one that we see changed, to the same look.
    fn same_annotations(&self, own: &Difference, changed: &[Seen], gone: usize) -> Outcome {
        let Difference::Annotations { changed: own_changed, gone: own_gone, .. } = own else {
            return Outcome::Different;
        };
        let met = |other: &Seen| own_changed.iter().any(|one| self.same(one, other) != Outcome::Different);
        if gone <= *own_gone && changed.iter().all(met) { Outcome::Same } else { Outcome::Different }
    }
}

fn push_entries(mut one: Entries, mut two: Entries, except: &[&[u8]], pending: &mut Vec<(Seen, Seen)>) {
    let skipped = |key: &[u8]| PASSED_OVER.contains(&key) || except.contains(&key);
    let keys: BTreeSet<Vec<u8>> = one.keys().chain(two.keys()).filter(|key| !skipped(key)).cloned().collect();
    for key in keys {
        let value = |entries: &mut Entries| entries.remove(&key).unwrap_or(Seen::Null);
        pending.push((value(&mut one), value(&mut two)));
    }
}

/// A dictionary with some of its entries only.
fn only(object: &Seen, keys: &[&[u8]]) -> Seen {
    let entries = object.entries().into_iter().flatten();
    Seen::Dictionary(
        entries
            .filter(|(key, _)| keys.contains(&key.as_slice()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

/// ISO 32000-1 §7.8.2: several content streams mean what they mean joined by white space.
fn joined(reader: &impl Reader, contents: &Seen, budget: &Budget) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    let resolved = reader.resolve(contents);
    let parts = match &resolved {
        Seen::Array(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    for part in parts {
        match reader.resolve(part) {
            Seen::Stream(id, _) => {
                let data = reader.decoded(id)?;
                if !budget.read(data.len()) {
                    return None;
                }
                whole.extend_from_slice(&data);
                whole.push(b'\n');
            }
            Seen::Null => {}
            _ => return None,
        }
    }
    while whole.last().is_some_and(u8::is_ascii_whitespace) {
        whole.pop();
    }
    Some(whole)
}
