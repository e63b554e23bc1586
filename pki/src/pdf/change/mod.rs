//! What changed between a signed revision and a later one: the graphs reachable from both catalogues are compared by meaning,
//! and every difference becomes a finding of a known kind. Rules: the design of the verdict, ISO 32000-2 §12.8.2.2.
//! Decides nothing about permission; that is `permission`, with the signers' own words.

mod ambiguity;
mod appearance;
mod document;
mod embedded;
mod fields;
mod filling;
mod font;
mod kind;
mod known_fonts;
mod mark;
mod markup;
mod metadata;
mod pages;
mod painting;
mod paths;
mod permission;
mod quiet;
mod redefined;
mod same;
mod steps;
mod structure;
mod upward;

pub(in crate::pdf) use font::letters_of_font;
pub use kind::{ChangeKind, Needs};
pub use permission::Permissions;
pub use steps::{Step, steps};

use super::file::PdfFile;
use super::limits;
use super::object::{Object, ObjectId};
use super::tree::{FormField, Page};
use quiet::Quiet;
use same::Place;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// 1-based, where it is on a page.
    pub page: Option<u32>,
    /// The field's full name, where it is about one.
    pub field: Option<String>,
    /// English: the object and what was found.
    pub detail: String,
}

/// The widget of a later signature that shows something at a place where none was to be signed.
#[derive(Clone, Debug, PartialEq)]
pub struct LaterWidget {
    /// 1-based.
    pub page: u32,
    /// The widget.
    pub id: ObjectId,
    /// Left, bottom, right, top in the page's space.
    pub place: [f64; 4],
    /// Whether it brings its appearance along; otherwise readers make one from its colours.
    pub is_drawn: bool,
}

/// Two revisions being compared.
pub(super) struct Comparison<'f, 'd> {
    old: &'f PdfFile<'d>,
    new: &'f PdfFile<'d>,
    old_pages: Rc<Vec<Page>>,
    new_pages: Rc<Vec<Page>>,
    old_fields: Rc<Vec<FormField>>,
    new_fields: Rc<Vec<FormField>>,
    /// Page objects with their index.
    old_page_index: BTreeMap<ObjectId, usize>,
    new_page_index: BTreeMap<ObjectId, usize>,
    /// Fields, widgets and annotations: compared on their own, so references to them need only agree.
    held: Held,
    /// How often the later form refers to each signature.
    signatures: OnceCell<HashMap<ObjectId, usize>>,
    /// Pairs that were found to be the same, each at its place.
    known_same: RefCell<HashSet<(ObjectId, ObjectId, Place)>>,
    /// Pages that were compared, by their objects: one listed again is the same one.
    known_pages: RefCell<HashSet<(ObjectId, ObjectId)>>,
    pairs: Cell<usize>,
    findings: RefCell<Vec<Finding>>,
    later_widgets: RefCell<Vec<LaterWidget>>,
    /// What the later revision defines anew, where it simply continues the older one.
    redefined: Option<HashSet<u32>>,
    same_page_order: bool,
    quiet: &'f Quiet,
}

/// Objects by what they are.
struct Held {
    /// Fields and widgets of each revision.
    old: Rc<HashSet<ObjectId>>,
    new: Rc<HashSet<ObjectId>>,
    /// Annotations of both.
    annotations: HashSet<ObjectId>,
}

impl Held {
    fn contains(&self, id: &ObjectId) -> bool {
        self.old.contains(id) || self.new.contains(id) || self.annotations.contains(id)
    }

    /// Whether it was a field or widget and is none now.
    fn lost_its_field(&self, id: &ObjectId) -> bool {
        self.old.contains(id) && !self.new.contains(id)
    }

    /// Whether it is a field or widget that both revisions know.
    fn is_common_field(&self, id: &ObjectId) -> bool {
        self.old.contains(id) && self.new.contains(id)
    }
}

/// Every difference between the two readings, `old` being the signed one.
pub fn compare(old: &PdfFile<'_>, new: &PdfFile<'_>) -> Vec<Finding> {
    compare_next(old, new, &Quiet::default()).0
}

/// As [`compare`], for one of several steps in their order, with the later signatures' widgets.
fn compare_next(old: &PdfFile<'_>, new: &PdfFile<'_>, quiet: &Quiet) -> (Vec<Finding>, Vec<LaterWidget>) {
    let comparison = Comparison::new(old, new, quiet);
    // The form comes first: it knows which new widgets belong to signatures.
    let widgets = comparison.form();
    comparison.pages(&widgets);
    comparison.document(&widgets.new);
    if comparison.is_spent() {
        comparison.add(ChangeKind::Unknown, None, None, "the limit of compared objects was reached".to_owned());
    }
    let mut findings = comparison.findings.into_inner();
    findings.sort();
    findings.dedup();
    (findings, comparison.later_widgets.into_inner())
}

impl<'f, 'd> Comparison<'f, 'd> {
    fn new(old: &'f PdfFile<'d>, new: &'f PdfFile<'d>, quiet: &'f Quiet) -> Self {
        let (old_pages, new_pages) = (old.pages(), new.pages());
        let (old_fields, new_fields) = (old.fields(), new.fields());
        let mut annotations = HashSet::new();
        // Looking at each annotation of each page is work that a small file can ask much of.
        let mut looked_at = 0_usize;
        for (file, pages) in [(old, &old_pages), (new, &new_pages)] {
            let mut met = HashSet::new();
            for page in pages.iter().filter(|page| page.id.is_none_or(|id| met.insert(id))) {
                let listed = page.value(file, "Annots");
                let listed = listed.array().unwrap_or_default();
                looked_at = looked_at.saturating_add(listed.len());
                if looked_at > limits::COMPARED_PAIRS {
                    break;
                }
                annotations.extend(listed.iter().take(limits::ANNOTATIONS).filter_map(Object::reference));
            }
        }
        let held = Held { old: old.field_ids(), new: new.field_ids(), annotations };
        let index = |pages: &[Page]| -> BTreeMap<ObjectId, usize> {
            pages.iter().enumerate().filter_map(|(at, page)| Some((page.id?, at))).collect()
        };
        let (old_page_index, new_page_index) = (index(&old_pages), index(&new_pages));
        Self {
            old,
            new,
            same_page_order: old_page_index == new_page_index,
            old_page_index,
            new_page_index,
            old_pages,
            new_pages,
            old_fields,
            new_fields,
            held,
            signatures: OnceCell::new(),
            known_same: RefCell::default(),
            known_pages: RefCell::default(),
            pairs: Cell::new(looked_at),
            findings: RefCell::default(),
            later_widgets: RefCell::default(),
            redefined: quiet::redefined(old, new),
            quiet,
        }
    }

    /// Counts so many pairs of objects as compared.
    fn charge(&self, pairs: usize) {
        self.pairs.set(self.pairs.get().saturating_add(pairs));
    }

    /// Whether more was to be compared than the limit.
    fn is_spent(&self) -> bool {
        self.pairs.get() > limits::COMPARED_PAIRS
    }

    fn add(&self, kind: ChangeKind, page: Option<u32>, field: Option<&str>, detail: String) {
        let mut findings = self.findings.borrow_mut();
        // Beyond the bound one more finding of each kind still counts, so nothing unpermitted gets lost.
        if findings.len() < limits::CHANGES || !findings.iter().any(|finding| finding.kind == kind) {
            findings.push(Finding { kind, page, field: field.map(str::to_owned), detail });
        }
    }
}

/// Something of an object for messages: its number, or that it is direct.
fn named(id: Option<ObjectId>) -> String {
    id.map_or_else(|| "a direct object".to_owned(), |id| format!("object {} {}", id.number, id.generation))
}

/// A 1-based page number.
fn page_number(index: usize) -> Option<u32> {
    u32::try_from(index).ok()?.checked_add(1)
}
