//! Our own reader's view, in the common form.

use super::seen::{Entries, Id, Page, Reader, Seen};
use crate::pdf::{Dictionary, Object, ObjectId, PdfFile};
use std::borrow::Cow;

/// An open file of ours.
pub(super) struct Ours<'f, 'd> {
    file: &'f PdfFile<'d>,
    pages: Vec<Page>,
}

impl<'f, 'd> Ours<'f, 'd> {
    pub(super) fn new(file: &'f PdfFile<'d>) -> Self {
        let walked = file.pages();
        let pages = walked.iter().map(|page| {
            let media = numbers(file, &page.value(file, "MediaBox"));
            let crop = numbers(file, &page.value(file, "CropBox"));
            let turn = page.value(file, "Rotate").number().unwrap_or(0.0);
            Page {
                entries: page.dictionary.dictionary().map(entries).unwrap_or_default(),
                resources: seen(&page.value(file, "Resources")),
                shape: super::view::shape(&media, &crop, turn),
            }
        });
        let pages = pages.collect();
        Self { file, pages }
    }

    fn with_stream<T>(&self, id: Id, take: impl Fn(&crate::pdf::Stream) -> Option<T>) -> Option<T> {
        take(self.file.object(ObjectId::new(id.0, id.1)).stream()?)
    }
}

impl Reader for Ours<'_, '_> {
    fn pages(&self) -> &[Page] {
        &self.pages
    }

    fn object(&self, id: Id) -> Seen {
        seen(&self.file.object(ObjectId::new(id.0, id.1)))
    }

    fn raw(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        self.with_stream(id, |stream| self.file.raw(stream).ok())
    }

    fn decoded(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        self.with_stream(id, |stream| self.file.decoded(stream).ok().map(Cow::Owned))
    }
}

fn numbers(file: &PdfFile<'_>, array: &Object) -> Vec<f64> {
    array.array().unwrap_or_default().iter().filter_map(|one| file.resolve(one).number()).collect()
}

fn entries(dictionary: &Dictionary) -> Entries {
    // The last of a doubled key counts.
    let known = dictionary.entries().filter(|(_, value)| !value.is_null());
    known.map(|(key, value)| (key.to_vec(), seen(value))).collect()
}

fn seen(object: &Object) -> Seen {
    match object {
        Object::Null => Seen::Null,
        Object::Boolean(value) => Seen::Boolean(*value),
        Object::Integer(_) | Object::Real(_) => Seen::Number(object.number().unwrap_or(0.0)),
        Object::String(bytes) => Seen::String(bytes.to_vec()),
        Object::Name(name) => Seen::Name(name.to_vec()),
        Object::Array(elements) => Seen::Array(elements.iter().map(seen).collect()),
        Object::Dictionary(dictionary) => Seen::Dictionary(entries(dictionary)),
        Object::Stream(stream) => Seen::Stream((stream.id.number, stream.id.generation), entries(&stream.dictionary)),
        Object::Reference(id) => Seen::Reference((id.number, id.generation)),
    }
}
