//! Where signature fields stand: the page, by the annotations that it lists, and the rectangle of the widget.

use super::limits;
use crate::pdf::{Object, ObjectId, PdfFile};
use std::collections::BTreeMap;

/// One widget of a signature.
pub(super) struct Place {
    /// Among the report's signatures, from 1.
    pub(super) signature: u32,
    /// From 0.
    pub(super) page: usize,
    /// In the page's space: left, bottom, right, top.
    pub(super) corners: [f64; 4],
}

/// The places of the signatures that are named so. A field without extent is invisible and has none.
pub(super) fn of_signatures(file: &PdfFile<'_>, names: &[String]) -> Vec<Place> {
    let numbers: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(1..).collect();
    let fields = file.fields();
    let mut wanted: BTreeMap<ObjectId, (u32, [f64; 4])> = BTreeMap::new();
    for field in fields.iter().take(limits::FIELDS) {
        let is_signed = field.value("FT").is_some_and(|kind| kind.is_name("Sig")) && field.value("V").is_some();
        let Some(number) = numbers.get(field.name.as_str()).filter(|_| is_signed) else { continue };
        for (id, widget) in &field.widgets {
            if let (Some(id), Some(corners)) = (id, corners(file, widget)) {
                wanted.insert(*id, (*number, corners));
            }
        }
    }
    let mut places = Vec::new();
    if wanted.is_empty() {
        return places;
    }
    for (at, page) in file.pages().iter().enumerate() {
        let annotations = page.value(file, "Annots");
        for id in annotations.array().unwrap_or_default().iter().filter_map(Object::reference) {
            if let Some((signature, corners)) = wanted.remove(&id) {
                places.push(Place { signature, page: at, corners });
            }
        }
    }
    places
}

fn corners(file: &PdfFile<'_>, widget: &Object) -> Option<[f64; 4]> {
    let rectangle = file.value(widget.dictionary()?, "Rect");
    let numbers: Vec<f64> = rectangle.array()?.iter().filter_map(|one| file.resolve(one).number()).collect();
    let [one, two, three, four]: [f64; 4] = numbers.try_into().ok()?;
    let (left, right) = (one.min(three), one.max(three));
    let (bottom, top) = (two.min(four), two.max(four));
    (right - left >= 1.0 && top - bottom >= 1.0).then_some([left, bottom, right, top])
}
