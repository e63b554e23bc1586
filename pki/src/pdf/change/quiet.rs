//! Which fields a step cannot have changed: nothing that they lead to is defined anew in it. Keeps a long chain of signatures from being
//! compared field by field at each step. Says "unchanged" only where both revisions read the very same objects.

use super::Comparison;
use super::same::Place;
use crate::pdf::file::{PdfFile, Reading};
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, ObjectId};
use crate::pdf::tree::FormField;
use crate::pdf::xref::Entry;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// Object numbers that each field, by its own, leads to: kept from step to step.
#[derive(Debug, Default)]
pub(super) struct Quiet(RefCell<HashMap<u32, Rc<Vec<u32>>>>);

/// The numbers that the later revision defines anew, `None` where it does not simply continue the older one.
pub(super) fn redefined(old: &PdfFile<'_>, new: &PdfFile<'_>) -> Option<HashSet<u32>> {
    let from = old.data().len();
    let strict = old.reading() == Reading::Strict && new.reading() == Reading::Strict;
    let (later, earlier): (Vec<_>, Vec<_>) = new.sections().iter().partition(|section| section.offset >= from);
    let continues =
        earlier.iter().map(|section| section.offset).eq(old.sections().iter().map(|section| section.offset));
    (strict && continues && old.shift() == new.shift())
        .then(|| later.iter().flat_map(|section| section.numbers()).collect())
}

impl Comparison<'_, '_> {
    /// Whether the field is read from the same objects in both revisions, and so is everything it leads to.
    pub(super) fn is_quiet(&self, old: &FormField, new: &FormField) -> bool {
        let (Some(redefined), Some(id)) = (&self.redefined, old.id.filter(|id| new.id == Some(*id))) else {
            return false;
        };
        let same_parts = old.widgets.len() == new.widgets.len()
            && old.widgets.iter().zip(&new.widgets).all(|(old, new)| old.0 == new.0 && is_same(&old.1, &new.1));
        if !self.same_page_order || !same_parts || !is_same(&old.dictionary, &new.dictionary) {
            return false;
        }
        if old.name != new.name || old.inherited != new.inherited || !self.is_led_by_itself(new) {
            return false;
        }
        let known = self.quiet.0.borrow().get(&id.number).cloned();
        let leads_to = match known {
            Some(known) => known,
            None => match self.leads_to(old) {
                Some(numbers) => Rc::new(numbers),
                None => return false,
            },
        };
        let quiet = !leads_to.iter().any(|number| redefined.contains(number));
        if quiet {
            self.quiet.0.borrow_mut().insert(id.number, leads_to);
        } else {
            self.quiet.0.borrow_mut().remove(&id.number);
        }
        quiet
    }

    /// The numbers of the objects that decide about the field, object streams included; `None` where there are many.
    fn leads_to(&self, field: &FormField) -> Option<Vec<u32>> {
        let mut numbers: BTreeSet<u32> = field.id.iter().map(|id| id.number).collect();
        numbers.extend(field.widgets.iter().filter_map(|(id, _)| Some((*id)?.number)));
        let start = Place::default();
        let mut pending: Vec<(Object, Place)> = vec![(field.dictionary.clone(), start)];
        pending.extend(field.widgets.iter().map(|(_, widget)| (widget.clone(), start)));
        pending.extend(field.inherited.entries().map(|(key, value)| (value.clone(), start.under(key))));
        while let Some((object, place)) = pending.pop() {
            match &object {
                Object::Reference(id) if !self.is_named_only(self.old, *id, place) && numbers.insert(id.number) => {
                    if let Some(Entry::InStream { stream, .. }) = self.old.entry(id.number) {
                        numbers.insert(stream);
                    }
                    pending.push((self.old.object(*id), place));
                }
                Object::Array(elements) => {
                    let place = place.within(elements);
                    pending.extend(elements.iter().map(|element| (element.clone(), place)));
                }
                other => pending.extend(
                    other
                        .dictionary()
                        .into_iter()
                        .flat_map(Dictionary::entries)
                        .map(|(key, value)| (value.clone(), place.under(key))),
                ),
            }
            if numbers.len() > limits::FIELD_OBJECTS || pending.len() > limits::FIELD_OBJECTS * 16 {
                return None;
            }
        }
        Some(numbers.into_iter().collect())
    }

    /// Whether who walks up from a widget comes to this very field, and from the field to nothing that is a field or annotation of its own.
    fn is_led_by_itself(&self, field: &FormField) -> bool {
        let parent = |object: &Object| object.dictionary().and_then(|dictionary| dictionary.value("Parent")).cloned();
        let elsewhere = |id: ObjectId| self.held.contains(&id) && Some(id) != field.id;
        let leads = |object: &Object| match parent(object) {
            None | Some(Object::Null) => true,
            Some(parent) => parent.reference().is_some_and(|id| !elsewhere(id)),
        };
        let mut widgets = field.widgets.iter().filter(|(id, _)| *id != field.id || id.is_none());
        leads(&field.dictionary)
            && widgets.all(|(_, widget)| field.id.is_some() && parent(widget) == field.id.map(Object::Reference))
    }
}

/// Whether both are one dictionary read once, not merely two that say the same.
fn is_same(old: &Object, new: &Object) -> bool {
    matches!((old, new), (Object::Dictionary(old), Object::Dictionary(new)) if Arc::ptr_eq(old, new))
}
