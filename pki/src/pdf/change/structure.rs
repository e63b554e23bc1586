//! The structure tree (ISO 32000-1 §14.7): it may grow by elements for new signature widgets, and by nothing that says
//! something to a reader (replacement text, alternative text, content).

use super::Comparison;
use super::fields::NewWidgets;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object};

/// Entries of the root that only index the elements.
const INDEXES: [&[u8]; 3] = [b"ParentTree", b"ParentTreeNextKey", b"IDTree"];
/// Entries of an element that a reader hears or sees instead of the content, or that change what it is.
const SPOKEN: [&str; 4] = ["ActualText", "Alt", "E", "T"];

impl Comparison<'_, '_> {
    pub(super) fn structure_only_grew(&self, old: &Dictionary, new: &Dictionary, widgets: &NewWidgets) -> bool {
        let null = Object::Null;
        let root = |dictionary: &Dictionary| dictionary.value("StructTreeRoot").unwrap_or(&null).clone();
        // A tree that is new as a whole may speak of new widgets only.
        if self.old.resolve(&root(old)).is_null() {
            return self.is_widget_element(&root(new), widgets);
        }
        let mut pending = vec![(root(old), root(new), 0_usize)];
        let mut steps = 0_usize;
        while let Some((old, new, depth)) = pending.pop() {
            steps += 1;
            if steps > limits::ELEMENTS || depth > limits::TREE_DEPTH * 4 {
                return false;
            }
            if self.same(&old, &new) {
                continue;
            }
            let (old, new) = (self.old.resolve(&old), self.new.resolve(&new));
            let (Some(old), Some(new)) = (old.dictionary(), new.dictionary()) else { return false };
            for key in self.differing_keys(old, new) {
                match key.as_slice() {
                    b"K" => {
                        let kids = (self.kids_of(self.old, old), self.kids_of(self.new, new));
                        if !self.kids_grew(kids, depth, widgets, &mut pending) {
                            return false;
                        }
                    }
                    b"P" => {}
                    key if INDEXES.contains(&key) => {}
                    _ => return false,
                }
            }
        }
        true
    }

    fn kids_of(&self, file: &crate::pdf::PdfFile<'_>, element: &Dictionary) -> Vec<Object> {
        let written = element.value("K").cloned().unwrap_or_default();
        match file.resolve(&written) {
            Object::Array(kids) => kids.to_vec(),
            Object::Null => Vec::new(),
            _ => vec![written],
        }
    }

    /// Old kids stay in their order; each further one is an element for a new widget.
    fn kids_grew(
        &self,
        (old, new): (Vec<Object>, Vec<Object>),
        depth: usize,
        widgets: &NewWidgets,
        pending: &mut Vec<(Object, Object, usize)>,
    ) -> bool {
        let mut rest = old.into_iter().peekable();
        for kid in new {
            let belongs =
                rest.peek().is_some_and(|old| old.reference().is_some() && old.reference() == kid.reference());
            if belongs || !self.is_widget_element(&kid, widgets) {
                match rest.next() {
                    Some(old) => pending.push((old, kid, depth + 1)),
                    None => return false,
                }
            }
        }
        rest.next().is_none()
    }

    /// An element that holds nothing but references to new widgets.
    fn is_widget_element(&self, element: &Object, widgets: &NewWidgets) -> bool {
        let mut pending = vec![element.clone()];
        let mut steps = 0_usize;
        while let Some(object) = pending.pop() {
            steps += 1;
            self.charge(1);
            let object = self.new.resolve(&object);
            let Some(dictionary) = object.dictionary() else { return false };
            if steps > 1_000 || self.is_spent() || SPOKEN.iter().any(|key| dictionary.contains(key)) {
                return false;
            }
            if dictionary.is_name("Type", "OBJR") {
                if !dictionary.value("Obj").and_then(Object::reference).is_some_and(|id| widgets.contains(&id)) {
                    return false;
                }
                continue;
            }
            pending.extend(self.kids_of(self.new, dictionary));
        }
        true
    }
}
