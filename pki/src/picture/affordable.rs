//! Whether a page can be drawn with bounded work: forms within forms multiply, and the drawing library counts nothing. An estimate from above, made by our
//! own reader, so that a file that is built to hurt is refused before it is drawn.

use super::limits;
use crate::pdf::{Dictionary, Object, ObjectId, PdfFile, Stream, is_bounded};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Whether the page, counted from 0, can be drawn with all its annotations.
pub(super) fn is_affordable(file: &PdfFile<'_>, page: usize) -> bool {
    let pages = file.pages();
    let Some(page) = pages.get(page) else { return false };
    let Some(dictionary) = page.dictionary.dictionary() else { return false };
    let resources = page.value(file, "Resources");
    let mut roots: Vec<Object> =
        dictionary.entries().filter(|(key, _)| *key != b"Parent").map(|(_, value)| value.clone()).collect();
    roots.push(resources.clone());
    let Some(streams) = reachable(file, roots) else { return false };
    if !streams.iter().all(|(_, stream)| decodes_within_bounds(file, stream)) {
        return false;
    }
    let mut estimate = Estimate { file, known: HashMap::new() };
    let contents = page.value(file, "Contents");
    let parts = match &contents {
        Object::Array(parts) => parts.iter().map(|part| file.resolve(part)).collect(),
        other => vec![other.clone()],
    };
    let inherited = resources.dictionary().cloned().unwrap_or_default();
    let mut total = Some(0_u64);
    for part in parts.iter().filter_map(Object::stream) {
        total = sum(total, estimate.content(part, &inherited, 0));
    }
    // Every appearance that the page leads to is drawn once at most, beside those that others draw.
    let forms = streams.iter().filter(|(_, stream)| stream.dictionary.is_name("Subtype", "Form"));
    for (id, stream) in forms {
        total = sum(total, estimate.form(*id, stream, &inherited, 0));
    }
    total.is_some_and(|total| total <= limits::CONTENT)
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one?.checked_add(other?)
}

/// The streams that these objects lead to, `None` where there are too many.
fn reachable(file: &PdfFile<'_>, roots: Vec<Object>) -> Option<Vec<(ObjectId, Arc<Stream>)>> {
    let (mut met, mut found, mut pending) = (HashSet::new(), Vec::new(), roots);
    let mut looked_at = 0_usize;
    while let Some(object) = pending.pop() {
        looked_at += 1;
        if looked_at > limits::PAGE_OBJECTS * 16 || met.len() > limits::PAGE_OBJECTS {
            return None;
        }
        let resolved = match &object {
            Object::Reference(id) if met.insert(*id) => {
                let resolved = file.object(*id);
                if let Object::Stream(stream) = &resolved {
                    found.push((*id, Arc::clone(stream)));
                }
                resolved
            }
            Object::Reference(_) => continue,
            other => other.clone(),
        };
        match &resolved {
            Object::Array(elements) => pending.extend(elements.iter().cloned()),
            other => {
                let entries = other.dictionary().into_iter().flat_map(Dictionary::entries);
                let leads = entries.filter(|(key, _)| !ELSEWHERE.contains(key));
                pending.extend(leads.map(|(_, value)| value.clone()));
            }
        }
    }
    Some(found)
}

/// Keys that lead away from what a page draws.
const ELSEWHERE: [&[u8]; 10] =
    [b"Parent", b"P", b"Dest", b"A", b"AA", b"V", b"Popup", b"IRT", b"StructParent", b"Metadata"];

fn decodes_within_bounds(file: &PdfFile<'_>, stream: &Stream) -> bool {
    let number = |key: &str| file.value(&stream.dictionary, key).integer().unwrap_or(0);
    let pixels = number("Width").checked_mul(number("Height"));
    if pixels.is_none_or(|pixels| pixels > limits::IMAGE_PIXELS) {
        return false;
    }
    let filters = file.value(&stream.dictionary, "Filter");
    let filters = match &filters {
        Object::Array(all) => all.iter().map(|one| file.resolve(one)).collect(),
        one => vec![one.clone()],
    };
    let names: Vec<&[u8]> = filters.iter().filter_map(Object::name).collect();
    file.raw(stream).is_ok_and(|raw| is_bounded(&raw, &names))
}

/// Bytes of content that are gone through, from above.
struct Estimate<'f, 'd> {
    file: &'f PdfFile<'d>,
    /// By object; `None` while it is being found out, and where there is no end.
    known: HashMap<ObjectId, Option<u64>>,
}

impl Estimate<'_, '_> {
    fn form(&mut self, id: ObjectId, stream: &Stream, inherited: &Dictionary, depth: usize) -> Option<u64> {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        self.known.insert(id, None);
        let found = self.content(stream, inherited, depth);
        self.known.insert(id, found);
        found
    }

    fn content(&mut self, stream: &Stream, inherited: &Dictionary, depth: usize) -> Option<u64> {
        if depth > limits::FORM_DEPTH {
            return None;
        }
        let own = self.file.value(&stream.dictionary, "Resources");
        let resources = own.dictionary().unwrap_or(inherited);
        let content = self.file.decoded(stream).ok()?;
        let length = u64::try_from(content.len()).ok()?;
        let (mut dearest, mut has_letters) = (0, false);
        // A name may be written with escapes; then any of them may be meant.
        let escaped = memchr::memchr(b'#', &content).is_some();
        let is_named = |name: &[u8]| escaped || memchr::memmem::find(&content, &[b"/", name].concat()).is_some();
        for category in ["XObject", "Pattern", "Font"] {
            let all = self.file.value(resources, category);
            let named = all.dictionary().into_iter().flat_map(Dictionary::entries).filter(|(name, _)| is_named(name));
            for (_, value) in named {
                let object = self.file.resolve(value);
                let drawn = match &object {
                    Object::Stream(_) => vec![value.clone()],
                    // The letters of a Type 3 font are contents of their own.
                    Object::Dictionary(font) if font.is_name("Subtype", "Type3") => {
                        has_letters = true;
                        let letters = self.file.value(font, "CharProcs");
                        letters
                            .dictionary()
                            .into_iter()
                            .flat_map(Dictionary::entries)
                            .map(|(_, one)| one.clone())
                            .collect()
                    }
                    _ => continue,
                };
                for one in drawn {
                    let (Some(id), Object::Stream(stream)) = (one.reference(), self.file.resolve(&one)) else {
                        continue;
                    };
                    if !stream.dictionary.is_name("Subtype", "Image") {
                        dearest = dearest.max(self.form(id, &stream, resources, depth + 1)?);
                    }
                }
            }
        }
        let named =
            memchr::memmem::find_iter(&content, b"Do").count() + memchr::memmem::find_iter(&content, b"cn").count();
        let times = if has_letters { length } else { u64::try_from(named).ok()? };
        length.checked_add(times.checked_mul(dearest)?)
    }
}
