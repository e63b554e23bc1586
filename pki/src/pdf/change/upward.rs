//! What pages and widgets inherit for readers who begin at them and walk up `Parent`, where our own trees are walked down `Kids`. Both ways must
//! lead to the same.

use super::Comparison;
use super::kind::ChangeKind;
use crate::pdf::file::PdfFile;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object};
use crate::pdf::tree::{FIELD_INHERITED, FormField, Page, PageNode};
use std::collections::HashMap;

/// What a page may inherit (ISO 32000-1 table 30).
pub(super) const PAGE_INHERITED: [&str; 4] = ["Resources", "MediaBox", "CropBox", "Rotate"];
/// Entries of a node of the page tree that are judged by what they make of the pages.
const NODE_ENTRIES: [&[u8]; 3] = [b"Type", b"Parent", b"Kids"];

/// The first value of the key on the way up, beginning at the object itself.
pub(super) fn upward(file: &PdfFile<'_>, from: &Object, key: &str) -> Object {
    let mut node = file.resolve(from);
    for _ in 0..limits::TREE_DEPTH {
        let Some(dictionary) = node.dictionary() else { return Object::Null };
        if let Some(value) = dictionary.value(key).filter(|value| !file.resolve(value).is_null()) {
            return value.clone();
        }
        node = file.value(dictionary, "Parent");
    }
    Object::Null
}

/// As [`upward`], beginning above the object.
fn above(file: &PdfFile<'_>, from: &Object, key: &str) -> Object {
    let parent = from.dictionary().map(|dictionary| file.value(dictionary, "Parent")).unwrap_or_default();
    upward(file, &parent, key)
}

impl Comparison<'_, '_> {
    /// The page's inheritable entries, by both ways.
    pub(super) fn inherited_by_page(&self, old: &Page, new: &Page) -> Vec<&'static str> {
        let same = |key: &str, old: &Object, new: &Object| match key {
            "Resources" => self.same_drawn(old, new),
            _ => self.same(old, new),
        };
        let down = |key: &str| same(key, &old.value(self.old, key), &new.value(self.new, key));
        // Where both lead back, the way up finds what the way down found.
        let both = old.leads_back && new.leads_back;
        let up = |key: &str| {
            both || same(key, &upward(self.old, &old.dictionary, key), &upward(self.new, &new.dictionary, key))
        };
        PAGE_INHERITED.into_iter().filter(|key| !down(key) || !up(key)).collect()
    }

    /// Nodes of the page tree say nothing but which pages there are, and what those inherit. Some readers believe `Count` and leave out what it
    /// leaves out.
    pub(super) fn page_nodes(&self) {
        let (old, new) = (self.old.page_nodes(), self.new.page_nodes());
        let known: HashMap<_, &PageNode> = old.iter().filter_map(|node| Some((node.id?, node))).collect();
        let empty = Dictionary::default();
        for node in new.iter() {
            let before = node.id.and_then(|id| known.get(&id)).and_then(|node| node.dictionary.dictionary());
            let Some(after) = node.dictionary.dictionary() else { continue };
            for key in self.differing_keys(before.unwrap_or(&empty), after) {
                let passed = NODE_ENTRIES.contains(&key.as_slice())
                    || PAGE_INHERITED.iter().any(|known| known.as_bytes() == key)
                    || (before.is_none() && key == b"Count");
                if !passed {
                    let kind = if key == b"Count" { ChangeKind::PageRemoved } else { ChangeKind::PageEntry };
                    let detail = format!(
                        "{} of {} in the page tree changed",
                        String::from_utf8_lossy(&key),
                        super::named(node.id)
                    );
                    self.add(kind, None, None, detail);
                }
            }
        }
    }

    /// The entries that a widget of the field has from above, for who walks up, and that neither are what they were nor what the field has.
    pub(super) fn inherited_by_widgets(&self, old: &FormField, new: &FormField) -> Vec<&'static str> {
        let resolved = |value: &Object| self.new.resolve(value);
        let mut found = Vec::new();
        for ((_, before), (_, after)) in old.widgets.iter().zip(&new.widgets) {
            let has_parent = |widget: &Object| widget.dictionary().is_some_and(|widget| widget.contains("Parent"));
            if !has_parent(before) && !has_parent(after) {
                continue;
            }
            for key in FIELD_INHERITED {
                let (was, is) = (above(self.old, before, key), above(self.new, after, key));
                let of_field = new.value(key).cloned().unwrap_or_default();
                if resolved(&is) != resolved(&of_field) && !self.same(&was, &is) {
                    found.push(key);
                }
            }
        }
        found
    }

    /// Whether a widget of a new signature field is, for who begins at the widget, something else than a signature: a field of another type or with
    /// another value, which a reader would write on the page.
    pub(super) fn is_disguised(&self, field: &FormField, widget: &Object) -> bool {
        let value = |key: &str| self.new.resolve(&upward(self.new, widget, key));
        let of_field = field.value("V").map(|value| self.new.resolve(value)).unwrap_or_default();
        !value("FT").is_name("Sig")
            || value("V") != of_field
            || ["Opt", "RV", "DV"].iter().any(|key| !value(key).is_null())
            // A widget with kids of its own is a field to some.
            || (widget.dictionary() != field.dictionary.dictionary()
                && widget.dictionary().is_some_and(|widget| widget.contains("Kids")))
    }
}
