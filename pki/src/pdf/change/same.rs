//! Equality of two objects by meaning: through references, whatever their numbers, filters or cross-reference form.
//! Works on a list, not by recursion, and looks at a bounded number of pairs.

use super::Comparison;
use crate::pdf::file::PdfFile;
use crate::pdf::object::{Dictionary, Object, ObjectId, Stream};
use crate::pdf::work;
use std::collections::HashSet;

/// Entries that describe how a stream is written, not what it is.
const STREAM_FORM: [&[u8]; 4] = [b"Length", b"Filter", b"DecodeParms", b"DL"];

/// What kind of place in the graph a value was reached through: it decides whether a reference there may be compared by what it
/// names rather than by what it leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Below something that draws: content, resources, appearances. Nothing there is a page, a field or an annotation, whatever lists it.
    drawn: bool,
    /// Fields and annotations are compared on their own and may be named here.
    held: bool,
    /// Pages, likewise.
    pages: bool,
    /// The catalogue, likewise.
    root: bool,
}

/// Keys whose values may be fields and annotations.
const HOLDERS: [&[u8]; 11] =
    [b"Annots", b"Kids", b"Fields", b"Parent", b"Popup", b"IRT", b"Obj", b"CO", b"T", b"AN", b"TA"];
/// Keys whose values may be pages: their own tree, annotations, structure, destinations, articles and named pages.
const PAGE_HOLDERS: [&[u8]; 9] = [b"P", b"Pg", b"Parent", b"Kids", b"Dest", b"D", b"Page", b"Pages", b"Names"];
/// Keys below which everything is drawn (ISO 32000-1 §7.8, §12.5.5, §12.7.2).
const DRAWING: [&[u8]; 4] = [b"Contents", b"Resources", b"AP", b"DR"];
/// How a destination shows its page (ISO 32000-1 table 151).
const FITS: [&[u8]; 8] = [b"XYZ", b"Fit", b"FitH", b"FitV", b"FitR", b"FitB", b"FitBH", b"FitBV"];

impl Place {
    /// The place below the key.
    pub(super) fn under(self, key: &[u8]) -> Self {
        if self.drawn || DRAWING.contains(&key) {
            return Self { drawn: true, ..Self::default() };
        }
        // ISO 32000-1 table 253: what a signature's reference was computed over.
        Self { drawn: false, held: HOLDERS.contains(&key), pages: PAGE_HOLDERS.contains(&key), root: key == b"Data" }
    }

    /// The place of an array's elements: the first one of a destination is a page, whatever the destination is called (§12.3.2).
    pub(super) fn within(self, elements: &[Object]) -> Self {
        let fits = elements.get(1).and_then(Object::name).is_some_and(|name| FITS.contains(&name));
        Self { pages: self.pages || (fits && !self.drawn), ..self }
    }
}

/// Pairs still to be compared, each with its place.
type Pending = Vec<(Object, Object, Place)>;

impl Comparison<'_, '_> {
    /// Whether both mean the same. Where that is their place, references to pages mean the page's place and references to fields and
    /// annotations their number.
    pub(super) fn same(&self, old: &Object, new: &Object) -> bool {
        self.same_at(old, new, Place::default())
    }

    /// As [`Comparison::same`], for something that is drawn.
    pub(super) fn same_drawn(&self, old: &Object, new: &Object) -> bool {
        self.same_at(old, new, Place::default().under(b"Resources"))
    }

    fn same_at(&self, old: &Object, new: &Object, place: Place) -> bool {
        let mut assumed = HashSet::new();
        let mut pending: Pending = vec![(old.clone(), new.clone(), place)];
        while let Some((old, new, place)) = pending.pop() {
            self.charge(1);
            work::count(1);
            if self.is_spent() || !self.same_step(&old, &new, place, &mut assumed, &mut pending) {
                return false;
            }
        }
        // Only now is it certain that the pairs assumed on the way are the same.
        self.known_same.borrow_mut().extend(assumed);
        true
    }

    /// Whether the values of the key are the same, a missing key being null.
    pub(super) fn same_value(&self, old: &Dictionary, new: &Dictionary, key: &[u8]) -> bool {
        self.same_value_at(old, new, key, Place::default())
    }

    fn same_value_at(&self, old: &Dictionary, new: &Dictionary, key: &[u8], place: Place) -> bool {
        let null = Object::Null;
        let (old, new) = (old.value_of(key).unwrap_or(&null), new.value_of(key).unwrap_or(&null));
        self.same_at(old, new, place.under(key))
    }

    /// The keys, in either dictionary, whose values differ.
    pub(super) fn differing_keys(&self, old: &Dictionary, new: &Dictionary) -> Vec<Vec<u8>> {
        let mut keys: Vec<&[u8]> = old.entries().chain(new.entries()).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().filter(|key| !self.same_value(old, new, key)).map(<[u8]>::to_vec).collect()
    }

    /// Whether a reference at this place is compared by what it names: the object is one that is compared on its own. What draws never is,
    /// though somebody listed it among pages, fields or annotations.
    pub(super) fn is_named_only(&self, file: &PdfFile<'_>, id: ObjectId, place: Place) -> bool {
        self.names(file, id, place).is_some()
    }

    fn names(&self, file: &PdfFile<'_>, id: ObjectId, place: Place) -> Option<Named> {
        if !(place.held || place.pages || place.root) {
            return None;
        }
        let is_old = std::ptr::eq(file, self.old);
        let index = if is_old { &self.old_page_index } else { &self.new_page_index };
        let named = match index.get(&id) {
            Some(page) if place.pages => Named::Page(*page),
            _ if place.root && file.trailer().value("Root").and_then(Object::reference) == Some(id) => Named::Root,
            _ if place.held && self.held.contains(&id) => Named::Held(id),
            _ => return None,
        };
        file.object(id).stream().is_none().then_some(named)
    }

    fn same_step(
        &self,
        old: &Object,
        new: &Object,
        place: Place,
        assumed: &mut HashSet<(ObjectId, ObjectId, Place)>,
        pending: &mut Pending,
    ) -> bool {
        match (old, new) {
            (Object::Reference(from), Object::Reference(to)) => {
                match (self.names(self.old, *from, place), self.names(self.new, *to, place)) {
                    (None, None) => {}
                    (before, after) => return before == after,
                }
                let key = (*from, *to, place);
                if !self.known_same.borrow().contains(&key) && assumed.insert(key) {
                    pending.push((self.old.object(*from), self.new.object(*to), place));
                }
                true
            }
            (Object::Reference(_), other) if !matches!(other, Object::Reference(_)) => {
                pending.push((self.old.resolve(old), new.clone(), place));
                true
            }
            (_, Object::Reference(_)) => {
                pending.push((old.clone(), self.new.resolve(new), place));
                true
            }
            (Object::Dictionary(old), Object::Dictionary(new)) => push_entries(old, new, &[], place, pending),
            (Object::Array(old), Object::Array(new)) => {
                let place = place.within(old);
                pending.extend(old.iter().cloned().zip(new.iter().cloned()).map(|(old, new)| (old, new, place)));
                old.len() == new.len()
            }
            (Object::Stream(old), Object::Stream(new)) => {
                push_entries(&old.dictionary, &new.dictionary, &STREAM_FORM, place, pending) && self.same_data(old, new)
            }
            (Object::Integer(_) | Object::Real(_), Object::Integer(_) | Object::Real(_)) => {
                old.number() == new.number()
            }
            _ => old == new,
        }
    }

    fn same_data(&self, old: &Stream, new: &Stream) -> bool {
        let entry = |file: &PdfFile<'_>, stream: &Stream, key| file.value(&stream.dictionary, key);
        let same_place = old.start == new.start;
        // Readers that believe a wrong `Length` see another part of the same bytes.
        if same_place && entry(self.old, old, "Length") != entry(self.new, new, "Length") {
            return false;
        }
        // Keys differ from object to object, so the same sealed bytes of another object are other bytes.
        let same_bytes = same_place && old.length == new.length && old.id == new.id
            || matches!((self.old.raw(old), self.new.raw(new)), (Ok(old), Ok(new)) if old == new);
        // Bytes mean what their filters make of them, and those may stand in objects of their own.
        let same_form = |key: &[u8]| self.same_value(&old.dictionary, &new.dictionary, key);
        if same_bytes && same_form(b"Filter") && same_form(b"DecodeParms") {
            return true;
        }
        // Other bytes mean the same only where every reader's filters make the same of them.
        match (self.old.decoded_regularly(old), self.new.decoded_regularly(new)) {
            (Ok(old), Ok(new)) => old == new,
            _ => false,
        }
    }
}

/// What a reference names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// The page at this place.
    Page(usize),
    /// A field or annotation.
    Held(ObjectId),
    /// The catalogue.
    Root,
}

fn push_entries(old: &Dictionary, new: &Dictionary, except: &[&[u8]], place: Place, pending: &mut Pending) -> bool {
    for (key, _) in old.entries().chain(new.entries().filter(|(key, _)| old.value_of(key).is_none())) {
        if except.contains(&key) {
            continue;
        }
        let value = |dictionary: &Dictionary| dictionary.value_of(key).cloned().unwrap_or_default();
        match (value(old), value(new)) {
            // Cheap answers first, so that a difference is found before much is read.
            (Object::Name(old), Object::Name(new)) if old != new => return false,
            (Object::Integer(old), Object::Integer(new)) if old != new => return false,
            (old, new) => pending.push((old, new, place.under(key))),
        }
    }
    true
}
