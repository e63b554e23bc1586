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

/// Where the signatures stand that are on a page, counted from 0, whoever made them.
pub(super) fn of_all_signatures(file: &PdfFile<'_>, page: usize) -> Vec<[f64; 4]> {
    let fields = file.fields();
    let signed = fields.iter().take(limits::FIELDS).filter(|field| {
        let is_signature = field.value("FT").is_some_and(|kind| file.resolve(kind).is_name("Sig"));
        is_signature && field.value("V").is_some_and(|value| !file.resolve(value).is_null())
    });
    let widgets = signed.flat_map(|field| &field.widgets);
    let places: BTreeMap<ObjectId, [f64; 4]> =
        widgets.filter_map(|(id, widget)| Some(((*id)?, corners(file, widget)?))).collect();
    let pages = file.pages();
    let listed = pages.get(page).map(|page| page.value(file, "Annots")).unwrap_or_default();
    let listed = listed.array().unwrap_or_default().iter().filter_map(Object::reference);
    listed.filter_map(|id| places.get(&id).copied()).collect()
}

fn corners(file: &PdfFile<'_>, widget: &Object) -> Option<[f64; 4]> {
    let rectangle = file.value(widget.dictionary()?, "Rect");
    let numbers: Vec<f64> = rectangle.array()?.iter().filter_map(|one| file.resolve(one).number()).collect();
    let [one, two, three, four]: [f64; 4] = numbers.try_into().ok()?;
    let (left, right) = (one.min(three), one.max(three));
    let (bottom, top) = (two.min(four), two.max(four));
    (right - left >= 1.0 && top - bottom >= 1.0).then_some([left, bottom, right, top])
}
