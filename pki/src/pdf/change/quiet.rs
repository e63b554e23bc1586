//! Which fields a step cannot have changed: nothing that they lead to is defined anew in it. Keeps a long chain of signatures from being
//! compared field by field at each step. Says "unchanged" only where both revisions read the very same objects.

use super::Comparison;
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
        if old.name != new.name || old.inherited != new.inherited {
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
        let mut pending: Vec<Object> = vec![field.dictionary.clone()];
        pending.extend(field.widgets.iter().map(|(_, widget)| widget.clone()));
        pending.extend(field.inherited.entries().map(|(_, value)| value.clone()));
        while let Some(object) = pending.pop() {
            match &object {
                Object::Reference(id) if !self.stands_alone(*id) && numbers.insert(id.number) => {
                    if let Some(Entry::InStream { stream, .. }) = self.old.entry(id.number) {
                        numbers.insert(stream);
                    }
                    pending.push(self.old.object(*id));
                }
                Object::Array(elements) => pending.extend(elements.iter().cloned()),
                other => pending.extend(
                    other.dictionary().into_iter().flat_map(Dictionary::entries).map(|(_, value)| value.clone()),
                ),
            }
            if numbers.len() > limits::FIELD_OBJECTS || pending.len() > limits::FIELD_OBJECTS * 16 {
                return None;
            }
        }
        Some(numbers.into_iter().collect())
    }

    /// Pages, fields, annotations and the catalogue are compared on their own.
    fn stands_alone(&self, id: ObjectId) -> bool {
        let root = self.old.trailer().value("Root").and_then(Object::reference);
        self.old_page_index.contains_key(&id) || self.held.contains(&id) || root == Some(id)
    }
}

/// Whether both are one dictionary read once, not merely two that say the same.
fn is_same(old: &Object, new: &Object) -> bool {
    matches!((old, new), (Object::Dictionary(old), Object::Dictionary(new)) if Arc::ptr_eq(old, new))
}
