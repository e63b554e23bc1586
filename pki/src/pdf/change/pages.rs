//! Pages: their number and order, what they draw, their boxes, and their annotations.

use super::fields::SignatureWidgets;
use super::kind::ChangeKind;
use super::upward::PAGE_INHERITED;
use super::{Comparison, LaterWidget, named, page_number};
use crate::pdf::file::PdfFile;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, ObjectId};
use crate::pdf::tree::Page;
use std::collections::{BTreeSet, HashSet};

/// Markup that cannot pass for content: ISO 32000-2 §12.5.6. `FreeText`, `Stamp`, `Square` and the like can.
const PLAIN_ANNOTATIONS: [&[u8]; 8] =
    [b"Text", b"Popup", b"Highlight", b"Underline", b"Squiggly", b"StrikeOut", b"Caret", b"Ink"];
const SAFE_ANNOTATION_CHANGES: [&[u8]; 2] = [b"P", b"StructParent"];

impl Comparison<'_, '_> {
    pub(super) fn pages(&self, widgets: &SignatureWidgets) {
        let (before, after) = (self.old_pages.len(), self.new_pages.len());
        let again = |pages: &[Page], index: usize| pages.len().saturating_sub(index) > limits::PAGES_LISTED_AGAIN;
        if again(&self.old_pages, self.old_page_index.len()) || again(&self.new_pages, self.new_page_index.len()) {
            let detail = "pages are listed again more often than can be judged".to_owned();
            self.add(ChangeKind::Unknown, None, None, detail);
            return;
        }
        if before != after {
            let kind = if before < after { ChangeKind::PageAdded } else { ChangeKind::PageRemoved };
            self.add(kind, page_number(before.min(after)), None, format!("{before} pages when signed, {after} now"));
        }
        if before == after {
            self.page_nodes();
        }
        for (at, (old, new)) in self.old_pages.iter().zip(self.new_pages.iter()).enumerate() {
            self.page(at, old, new, widgets);
            if self.is_spent() {
                return;
            }
        }
    }

    fn page(&self, at: usize, old: &Page, new: &Page, widgets: &SignatureWidgets) {
        let number = page_number(at);
        for key in self.inherited_by_page(old, new) {
            let kind = if key == "Resources" { ChangeKind::PageResources } else { ChangeKind::PageGeometry };
            self.add(kind, number, None, format!("{key} of {} changed", named(new.id)));
        }
        if let (Some(old), Some(new)) = (old.id, new.id)
            && !self.known_pages.borrow_mut().insert((old, new))
        {
            return;
        }
        self.annotations(number, old, new, widgets);
        let (Some(old_dictionary), Some(new_dictionary)) = (old.dictionary.dictionary(), new.dictionary.dictionary())
        else {
            return;
        };
        let own = |key: &[u8]| {
            !matches!(key, b"Parent" | b"Annots") && !PAGE_INHERITED.iter().any(|known| known.as_bytes() == key)
        };
        let mut keys: Vec<&[u8]> =
            old_dictionary.entries().chain(new_dictionary.entries()).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys.into_iter().filter(|key| own(key)) {
            if self.same_value(old_dictionary, new_dictionary, key) {
                continue;
            }
            let kind = match key {
                b"Contents" if self.same_content(old_dictionary, new_dictionary) => continue,
                b"Contents" => ChangeKind::PageContent,
                b"BleedBox" | b"TrimBox" | b"ArtBox" | b"UserUnit" => ChangeKind::PageGeometry,
                b"Metadata" => self.metadata_kind(old_dictionary, new_dictionary, None).0,
                b"PieceInfo" | b"LastModified" | b"Tabs" => ChangeKind::Metadata,
                b"StructParents" => ChangeKind::StructureTree,
                b"AA" => ChangeKind::Action,
                _ => ChangeKind::PageEntry,
            };
            self.add(kind, number, None, format!("{} of {} changed", String::from_utf8_lossy(key), named(new.id)));
        }
    }

    /// ISO 32000-1 §7.8.2: several content streams mean what they mean joined by white space.
    fn same_content(&self, old: &Dictionary, new: &Dictionary) -> bool {
        match (joined_content(self.old, old), joined_content(self.new, new)) {
            (Some(old), Some(new)) => old == new,
            _ => false,
        }
    }

    fn annotations(&self, page: Option<u32>, old: &Page, new: &Page, widgets: &SignatureWidgets) {
        let listed = |file: &PdfFile<'_>, page: &Page| -> Vec<Object> {
            page.value(file, "Annots").array().unwrap_or_default().to_vec()
        };
        let (old_list, new_list) = (listed(self.old, old), listed(self.new, new));
        if new_list.len() > limits::ANNOTATIONS || old_list.len() > limits::ANNOTATIONS {
            self.add(ChangeKind::Unknown, page, None, "more annotations than can be judged".to_owned());
            return;
        }
        self.charge(old_list.len() + new_list.len());
        if self.is_spent() {
            return;
        }
        let ids = |list: &[Object]| -> HashSet<ObjectId> { list.iter().filter_map(Object::reference).collect() };
        let (old_ids, new_ids) = (ids(&old_list), ids(&new_list));
        let mut direct: Vec<Object> = old_list.iter().filter(|object| object.reference().is_none()).cloned().collect();
        let mut covered = 0.0;
        for annotation in &new_list {
            match annotation.reference() {
                Some(id) if old_ids.contains(&id) => {
                    self.annotation_changed(page, id);
                    if widgets.signed.contains(&id) {
                        self.judge_signed_widget(page, id, new, &mut covered);
                        // The place was in what the first signer signed: a signature was to stand there, over whatever does.
                        self.note_later_widget(page, id, !self.had_this_place(id));
                    }
                }
                Some(id) if widgets.new.contains(&id) || widgets.signed.contains(&id) => {
                    self.judge_signed_widget(page, id, new, &mut covered);
                    self.note_later_widget(page, id, true);
                }
                Some(_) => self.annotation_added(page, annotation, &mut direct),
                None => match direct.iter().position(|old| self.same(old, annotation)) {
                    Some(at) => {
                        direct.swap_remove(at);
                    }
                    None => self.annotation_added(page, annotation, &mut direct),
                },
            }
        }
        let gone = old_list.iter().filter(|object| object.reference().is_some_and(|id| !new_ids.contains(&id)));
        for annotation in gone.chain(&direct) {
            let object = self.old.resolve(annotation);
            self.annotation_kind(page, annotation.reference(), &object, ChangeKind::AnnotationRemoved);
        }
        self.judge_order(page, &old_list, &new_list);
    }

    /// Annotations are drawn in order, so an order that changed can hide one.
    fn judge_order(&self, page: Option<u32>, old: &[Object], new: &[Object]) {
        // Mostly some were added behind those that there were.
        if new.starts_with(old) {
            let before: HashSet<ObjectId> = old.iter().filter_map(Object::reference).collect();
            let later = new.get(old.len()..).unwrap_or_default().iter().filter_map(Object::reference);
            if later.into_iter().all(|id| !before.contains(&id)) {
                return;
            }
        }
        let common = |list: &[Object], other: &[Object]| -> Vec<ObjectId> {
            let other: BTreeSet<ObjectId> = other.iter().filter_map(Object::reference).collect();
            list.iter().filter_map(Object::reference).filter(|id| other.contains(id)).collect()
        };
        if common(old, new) != common(new, old) {
            self.add(ChangeKind::AnnotationChanged, page, None, "the order of annotations changed".to_owned());
        }
    }

    fn annotation_added(&self, page: Option<u32>, annotation: &Object, old_direct: &mut Vec<Object>) {
        let object = self.new.resolve(annotation);
        // A direct annotation made indirect is still the same annotation.
        if let Some(at) = old_direct.iter().position(|old| self.same(old, &object)) {
            old_direct.swap_remove(at);
            return;
        }
        self.annotation_kind(page, annotation.reference(), &object, ChangeKind::AnnotationAdded);
    }

    fn annotation_kind(&self, page: Option<u32>, id: Option<ObjectId>, object: &Object, plain: ChangeKind) {
        let empty = Dictionary::default();
        let dictionary = object.dictionary().unwrap_or(&empty);
        let subtype = dictionary.value("Subtype").and_then(Object::name).unwrap_or_default();
        let kind = match subtype {
            _ if dictionary.contains("A") || dictionary.contains("AA") => ChangeKind::Action,
            b"Widget" if plain == ChangeKind::AnnotationAdded => ChangeKind::FieldAdded,
            b"Widget" => ChangeKind::FieldChanged,
            // An evil annotation: markup whose appearance shows or hides something by itself.
            _ if plain != ChangeKind::AnnotationRemoved && self.passes_for_content(subtype, dictionary) => {
                ChangeKind::ContentLikeAnnotation
            }
            subtype if PLAIN_ANNOTATIONS.contains(&subtype) => plain,
            _ => ChangeKind::ContentLikeAnnotation,
        };
        let what = match plain {
            ChangeKind::AnnotationRemoved => "removed",
            ChangeKind::AnnotationAdded => "added",
            _ => "changed",
        };
        self.add(kind, page, None, format!("{} annotation, {}, {what}", String::from_utf8_lossy(subtype), named(id)));
    }

    fn annotation_changed(&self, page: Option<u32>, id: ObjectId) {
        // The form's comparison has looked at the widgets of fields that both revisions know.
        if self.held.is_common_field(&id) {
            return;
        }
        if self.held.lost_its_field(&id) {
            let detail = format!("the widget {} belongs to no field any more", named(Some(id)));
            self.add(ChangeKind::FieldChanged, page, None, detail);
        }
        let (old, new) = (self.old.object(id), self.new.object(id));
        let empty = Dictionary::default();
        let differing = self.differing_keys(old.dictionary().unwrap_or(&empty), new.dictionary().unwrap_or(&empty));
        if differing.iter().any(|key| !SAFE_ANNOTATION_CHANGES.contains(&key.as_slice())) {
            self.annotation_kind(page, Some(id), &new, ChangeKind::AnnotationChanged);
        }
    }

    /// Whether the signed revision has the widget at the very place where it is now.
    fn had_this_place(&self, id: ObjectId) -> bool {
        let place = |file: &PdfFile<'_>| corners(file, &file.value(file.object(id).dictionary()?, "Rect"));
        place(self.old).is_some_and(|old| Some(old) == place(self.new))
    }

    /// Remembers the widget of a later signature that may hide what stands under it.
    fn note_later_widget(&self, page: Option<u32>, id: ObjectId, may_hide: bool) {
        let widget = self.new.object(id);
        let (Some(page), Some(dictionary)) = (page, widget.dictionary()) else { return };
        let Some(place) = corners(self.new, &self.new.value(dictionary, "Rect")) else { return };
        let mut later = self.later_widgets.borrow_mut();
        if may_hide && later.len() < limits::ANNOTATIONS && self.draws_something(&widget) {
            let appearance = self.new.value(dictionary, "AP");
            let is_drawn = appearance.dictionary().is_some_and(|all| !self.new.value(all, "N").is_null());
            later.push(LaterWidget { page, id, place, is_drawn });
        }
    }

    /// The widget of a field that is new or newly signed hides content where it covers most of what the page shows, whatever permission there is; and
    /// one that is no widget has nothing to show.
    fn judge_signed_widget(&self, page: Option<u32>, id: ObjectId, on: &Page, covered: &mut f64) {
        let widget = self.new.object(id);
        let Some(widget) = widget.dictionary() else { return };
        if !widget.is_name("Subtype", "Widget") {
            let detail = format!("the widget of a later signature, {}, is another annotation", named(Some(id)));
            self.add(ChangeKind::MisleadingAppearance, page, None, detail);
        }
        let area = |rectangle: &Object| {
            let [left, bottom, right, top] = corners(self.new, rectangle)?;
            Some((right - left) * (top - bottom))
        };
        let own = area(&self.new.value(widget, "Rect")).unwrap_or(0.0);
        *covered += own;
        // What a person sees is the crop box.
        let boxes = ["CropBox", "MediaBox"].iter().filter_map(|key| area(&on.value(self.new, key)));
        let whole = boxes.fold(f64::INFINITY, f64::min);
        if *covered > whole * MOST_COVERED && own > 0.0 {
            let detail = format!("the widget of a later signature, {}, covers most of the page", named(Some(id)));
            self.add(ChangeKind::MisleadingAppearance, page, None, detail);
        }
    }
}

/// The corners of a rectangle: left, bottom, right, top.
fn corners(file: &PdfFile<'_>, rectangle: &Object) -> Option<[f64; 4]> {
    let numbers: Vec<f64> = rectangle.array()?.iter().filter_map(|one| file.resolve(one).number()).collect();
    let [a, b, c, d]: [f64; 4] = numbers.try_into().ok()?;
    Some([a.min(c), b.min(d), a.max(c), b.max(d)])
}

/// The part of a page that a signature's widget may cover. Signature fields that people make cover a few per cent.
const MOST_COVERED: f64 = 0.4;

fn joined_content(file: &PdfFile<'_>, page: &Dictionary) -> Option<Vec<u8>> {
    let contents = file.value(page, "Contents");
    let parts: Vec<Object> = match &contents {
        Object::Array(parts) => parts.iter().map(|part| file.resolve(part)).collect(),
        other => vec![other.clone()],
    };
    let mut joined = Vec::new();
    for part in parts {
        match part {
            // Where `Length` is wrong, readers differ about where the data ends.
            Object::Stream(stream)
                if file.value(&stream.dictionary, "Length").integer() != i64::try_from(stream.length).ok() =>
            {
                return None;
            }
            Object::Stream(stream) => joined.extend(file.decoded_regularly(&stream).ok()?),
            Object::Null => {}
            _ => return None,
        }
        joined.push(b'\n');
        if joined.len() > limits::STREAM_BYTES {
            return None;
        }
    }
    while joined.last().is_some_and(u8::is_ascii_whitespace) {
        joined.pop();
    }
    Some(joined)
}
