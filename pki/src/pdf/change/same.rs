//! Equality of two objects by meaning: through references, whatever their numbers, filters or cross-reference form.
//! Works on a list, not by recursion, and looks at a bounded number of pairs.

use super::Comparison;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, ObjectId, Stream};
use crate::pdf::work;
use std::collections::HashSet;

/// Entries that describe how a stream is written, not what it is.
const STREAM_FORM: [&[u8]; 4] = [b"Length", b"Filter", b"DecodeParms", b"DL"];

/// Keys whose values may be fields and annotations. Elsewhere, in resources above all, nothing is taken for one.
const HOLDERS: [&[u8]; 11] =
    [b"Annots", b"Kids", b"Fields", b"Parent", b"Popup", b"IRT", b"Obj", b"CO", b"T", b"AN", b"TA"];

/// Pairs still to be compared, each with whether it may be a field or annotation.
type Pending = Vec<(Object, Object, bool)>;

impl Comparison<'_, '_> {
    /// Whether both mean the same. References to pages mean the page's place; references to fields and annotations, their number.
    pub(super) fn same(&self, old: &Object, new: &Object) -> bool {
        self.same_under(old, new, false)
    }

    /// As [`Comparison::same`]; `held` says whether a reference here may be to a field or annotation that is compared on its own.
    fn same_under(&self, old: &Object, new: &Object, held: bool) -> bool {
        let mut assumed = HashSet::new();
        let mut pending: Pending = vec![(old.clone(), new.clone(), held)];
        while let Some((old, new, held)) = pending.pop() {
            self.pairs.set(self.pairs.get().saturating_add(1));
            work::count(1);
            let within = self.pairs.get() <= limits::COMPARED_PAIRS;
            if !within || !self.same_step(&old, &new, held, &mut assumed, &mut pending) {
                return false;
            }
        }
        // Only now is it certain that the pairs assumed on the way are the same.
        self.known_same.borrow_mut().extend(assumed);
        true
    }

    /// Whether the values of the key are the same, a missing key being null.
    pub(super) fn same_value(&self, old: &Dictionary, new: &Dictionary, key: &[u8]) -> bool {
        let null = Object::Null;
        let (old, new) = (old.value_of(key).unwrap_or(&null), new.value_of(key).unwrap_or(&null));
        self.same_under(old, new, HOLDERS.contains(&key))
    }

    /// The keys, in either dictionary, whose values differ.
    pub(super) fn differing_keys(&self, old: &Dictionary, new: &Dictionary) -> Vec<Vec<u8>> {
        let mut keys: Vec<&[u8]> = old.entries().chain(new.entries()).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().filter(|key| !self.same_value(old, new, key)).map(<[u8]>::to_vec).collect()
    }

    fn same_step(
        &self,
        old: &Object,
        new: &Object,
        held: bool,
        assumed: &mut HashSet<(ObjectId, ObjectId, bool)>,
        pending: &mut Pending,
    ) -> bool {
        match (old, new) {
            (Object::Reference(from), Object::Reference(to)) => {
                let pages = (self.old_page_index.get(from), self.new_page_index.get(to));
                if pages != (None, None) {
                    return pages.0 == pages.1;
                }
                // A signature's `Reference` names the catalogue, whose entries are compared one by one.
                let root = |file: &crate::pdf::PdfFile<'_>| file.trailer().value("Root").and_then(Object::reference);
                let catalogues = (root(self.old) == Some(*from), root(self.new) == Some(*to));
                if catalogues.0 || catalogues.1 {
                    return catalogues.0 == catalogues.1;
                }
                let (before, after) = (self.old.object(*from), self.new.object(*to));
                // What draws is never taken for an annotation, though somebody listed it among them.
                let draws = before.stream().is_some() || after.stream().is_some();
                if held && !draws && (self.held.contains(from) || self.held.contains(to)) {
                    return from == to;
                }
                let key = (*from, *to, held);
                if !self.known_same.borrow().contains(&key) && assumed.insert(key) {
                    pending.push((before, after, held));
                }
                true
            }
            (Object::Reference(_), other) if !matches!(other, Object::Reference(_)) => {
                pending.push((self.old.resolve(old), new.clone(), held));
                true
            }
            (_, Object::Reference(_)) => {
                pending.push((old.clone(), self.new.resolve(new), held));
                true
            }
            (Object::Dictionary(old), Object::Dictionary(new)) => push_entries(old, new, &[], pending),
            (Object::Array(old), Object::Array(new)) => {
                pending.extend(old.iter().cloned().zip(new.iter().cloned()).map(|(old, new)| (old, new, held)));
                old.len() == new.len()
            }
            (Object::Stream(old), Object::Stream(new)) => {
                push_entries(&old.dictionary, &new.dictionary, &STREAM_FORM, pending) && self.same_data(old, new)
            }
            (Object::Integer(_) | Object::Real(_), Object::Integer(_) | Object::Real(_)) => {
                old.number() == new.number()
            }
            _ => old == new,
        }
    }

    fn same_data(&self, old: &Stream, new: &Stream) -> bool {
        let entry = |file: &crate::pdf::PdfFile<'_>, stream: &Stream, key| file.value(&stream.dictionary, key);
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
        match (self.old.decoded(old), self.new.decoded(new)) {
            (Ok(old), Ok(new)) => old == new,
            _ => false,
        }
    }
}

fn push_entries(old: &Dictionary, new: &Dictionary, except: &[&[u8]], pending: &mut Pending) -> bool {
    for (key, _) in old.entries().chain(new.entries().filter(|(key, _)| old.value_of(key).is_none())) {
        if except.contains(&key) {
            continue;
        }
        let value = |dictionary: &Dictionary| dictionary.value_of(key).cloned().unwrap_or_default();
        match (value(old), value(new)) {
            // Cheap answers first, so that a difference is found before much is read.
            (Object::Name(old), Object::Name(new)) if old != new => return false,
            (Object::Integer(old), Object::Integer(new)) if old != new => return false,
            (old, new) => pending.push((old, new, HOLDERS.contains(&key))),
        }
    }
    true
}
