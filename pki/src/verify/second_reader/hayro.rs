//! hayro-syntax's view, in the common form.

use super::seen::{Entries, Id, Page, Reader, Seen};
use crate::pdf::prefix::Prefix;
use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, MaybeRef, Object, ObjectIdentifier, Stream};
use hayro_syntax::page::Rotation;
use std::borrow::Cow;
use std::sync::Arc;

/// An open file of hayro's.
pub(super) struct Hayro {
    pdf: Pdf,
    pages: Vec<Page>,
}

/// Opens what stands before `end`.
pub(super) fn open(whole: &Arc<Vec<u8>>, end: usize) -> Option<Hayro> {
    let pdf = Pdf::new(Arc::new(Prefix { whole: Arc::clone(whole), end })).ok()?;
    let pages = pdf.pages().iter().take(crate::pdf::limits::PAGES).map(|page| {
        let (media, crop) = (page.media_box(), page.crop_box());
        let turn = match page.rotation() {
            Rotation::None => 0.0,
            Rotation::Horizontal => 90.0,
            Rotation::Flipped => 180.0,
            Rotation::FlippedHorizontal => 270.0,
        };
        let corners = |one: hayro_syntax::object::Rect| [one.x0, one.y0, one.x1, one.y1];
        let all = page.resources();
        let resources = [
            ("ExtGState", &all.ext_g_states),
            ("Font", &all.fonts),
            ("Properties", &all.properties),
            ("ColorSpace", &all.color_spaces),
            ("XObject", &all.x_objects),
            ("Pattern", &all.patterns),
            ("Shading", &all.shadings),
        ];
        let resources = resources.into_iter().filter(|(_, one)| !one.is_empty());
        let resources = resources.map(|(key, one)| (key.as_bytes().to_vec(), Seen::Dictionary(entries(one))));
        Page {
            entries: entries(page.raw()),
            resources: Seen::Dictionary(resources.collect()),
            shape: super::view::shape(&corners(media), &corners(crop), turn),
        }
    });
    let pages = pages.collect();
    Some(Hayro { pdf, pages })
}

impl Hayro {
    fn stream(&self, id: Id) -> Option<Stream<'_>> {
        match self.pdf.xref().get::<Object<'_>>(identifier(id))? {
            Object::Stream(stream) => Some(stream),
            _ => None,
        }
    }
}

impl Reader for Hayro {
    fn pages(&self) -> &[Page] {
        &self.pages
    }

    fn object(&self, id: Id) -> Seen {
        self.pdf.xref().get::<Object<'_>>(identifier(id)).map_or(Seen::Null, |object| seen(&object, id, 0))
    }

    fn raw(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        Some(self.stream(id)?.raw_data())
    }

    fn decoded(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        let stream = self.stream(id)?;
        // It decodes without a bound: what would take more than ours is not asked for.
        let filters = self.value(&entries(stream.dict()), "Filter");
        let filters = match &filters {
            Seen::Array(all) => all.iter().map(|one| self.resolve(one)).collect(),
            one => vec![one.clone()],
        };
        let names: Vec<&[u8]> = filters
            .iter()
            .filter_map(|filter| if let Seen::Name(name) = filter { Some(name.as_slice()) } else { None })
            .collect();
        if !crate::pdf::is_bounded(&stream.raw_data(), &names) {
            return None;
        }
        stream.decoded_data().ok()
    }
}

fn identifier(id: Id) -> ObjectIdentifier {
    ObjectIdentifier::new(id.0, i32::from(id.1))
}

fn entries(dictionary: &Dict<'_>) -> Entries {
    entries_at(dictionary, 0)
}

fn entries_at(dictionary: &Dict<'_>, depth: usize) -> Entries {
    let all = dictionary.entries().map(|(key, value)| (key.to_vec(), maybe(&value, depth + 1)));
    all.filter(|(_, value)| !matches!(value, Seen::Null)).collect()
}

fn maybe(value: &MaybeRef<Object<'_>>, depth: usize) -> Seen {
    match value {
        MaybeRef::Ref(to) => Seen::Reference((to.obj_number, u16::try_from(to.gen_number).unwrap_or(u16::MAX))),
        // A direct stream cannot be; without a number it has no bytes.
        MaybeRef::NotRef(object) => seen(object, (0, 0), depth),
    }
}

fn seen(object: &Object<'_>, id: Id, depth: usize) -> Seen {
    if depth > crate::pdf::limits::NESTING {
        return Seen::Null;
    }
    match object {
        Object::Null(_) => Seen::Null,
        Object::Boolean(value) => Seen::Boolean(*value),
        Object::Number(number) => Seen::Number(number.as_f64()),
        Object::String(bytes) => Seen::String(bytes.to_vec()),
        Object::Name(name) => Seen::Name(name.to_vec()),
        Object::Array(array) => Seen::Array(array.raw_iter().map(|one| maybe(&one, depth + 1)).collect()),
        Object::Dict(dictionary) => Seen::Dictionary(entries_at(dictionary, depth)),
        Object::Stream(stream) => Seen::Stream(id, entries_at(stream.dict(), depth)),
    }
}
