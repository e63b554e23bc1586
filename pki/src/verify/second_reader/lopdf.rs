//! lopdf's view, in the common form. It reads every object at once, so its memory is bounded by the size of the file and by what one
//! stream may decode to.

use super::seen::{Entries, Id, Page, Reader, Seen};
use lopdf::{Dictionary, Document, LoadOptions, Object};
use std::borrow::Cow;

/// Bytes that one object stream may decode to: 64 MiB.
const STREAM_BYTES: usize = 64 << 20;

/// An open file of lopdf's.
pub(super) struct Lopdf {
    document: Document,
    pages: Vec<Page>,
}

/// Opens a file.
pub(super) fn open(data: &[u8]) -> Option<Lopdf> {
    let document = Document::load_mem_with_options(data, LoadOptions::with_max_decompressed_size(STREAM_BYTES)).ok()?;
    if document.is_encrypted() {
        return None;
    }
    let ids = document.page_iter().take(crate::pdf::limits::PAGES);
    let pages = ids.filter_map(|id| page(&document, document.get_dictionary(id).ok()?)).collect();
    Some(Lopdf { document, pages })
}

fn page(document: &Document, dictionary: &Dictionary) -> Option<Page> {
    let value = |key: &[u8]| {
        let mut node = dictionary;
        for _ in 0..crate::pdf::limits::TREE_DEPTH {
            if let Ok(value) = node.get_deref(key, document)
                && !value.is_null()
            {
                return Some(value);
            }
            node = node.get_deref(b"Parent", document).ok()?.as_dict().ok()?;
        }
        None
    };
    let numbers = |key: &[u8]| -> Vec<f64> {
        let elements = value(key).and_then(|value| value.as_array().ok()).map(Vec::as_slice).unwrap_or_default();
        let resolved = elements.iter().filter_map(|one| Some(document.dereference(one).ok()?.1));
        resolved.filter_map(|one| Some(f64::from(one.as_float().ok()?))).collect()
    };
    let turn = value(b"Rotate").and_then(|turn| turn.as_float().ok()).unwrap_or(0.0);
    Some(Page {
        entries: entries(dictionary),
        resources: value(b"Resources").map_or(Seen::Null, |resources| seen(resources, (0, 0))),
        shape: super::view::shape(&numbers(b"MediaBox"), &numbers(b"CropBox"), f64::from(turn)),
    })
}

impl Reader for Lopdf {
    fn pages(&self) -> &[Page] {
        &self.pages
    }

    fn object(&self, id: Id) -> Seen {
        self.document.objects.get(&id).map_or(Seen::Null, |object| seen(object, id))
    }

    fn raw(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(&self.document.objects.get(&id)?.as_stream().ok()?.content))
    }

    fn decoded(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        let stream = self.document.objects.get(&id)?.as_stream().ok()?;
        if stream.dict.get(b"Filter").is_err() {
            return Some(Cow::Borrowed(&stream.content));
        }
        stream.decompressed_content_with_limit(crate::pdf::limits::STREAM_BYTES).ok().map(Cow::Owned)
    }
}

fn entries(dictionary: &Dictionary) -> Entries {
    let known = dictionary.iter().filter(|(_, value)| !value.is_null());
    known.map(|(key, value)| (key.clone(), seen(value, (0, 0)))).collect()
}

fn seen(object: &Object, id: Id) -> Seen {
    match object {
        Object::Null => Seen::Null,
        Object::Boolean(value) => Seen::Boolean(*value),
        Object::Integer(number) => Seen::Number(*number as f64),
        Object::Real(number) => Seen::Number(f64::from(*number)),
        Object::String(bytes, _) => Seen::String(bytes.clone()),
        Object::Name(name) => Seen::Name(name.clone()),
        Object::Array(elements) => Seen::Array(elements.iter().map(|one| seen(one, (0, 0))).collect()),
        Object::Dictionary(dictionary) => Seen::Dictionary(entries(dictionary)),
        Object::Stream(stream) => Seen::Stream(id, entries(&stream.dict)),
        Object::Reference(id) => Seen::Reference(*id),
    }
}
