//! Content that lies ready in a signed revision and is not shown: a second catalogue, a page outside the tree, content that no page
//! draws, and definitions that no cross-reference section lists (shadow attacks "hide and replace"). An update that switches to one
//! is an alteration; here it is only looked for beforehand. Judges nothing, and looks at a bounded number of objects.

use super::file::{PdfFile, Reading};
use super::lexer::{Lexer, is_space};
use super::limits;
use super::object::{Dictionary, Object, ObjectId};
use super::recovery::header_before;
use super::xref::{Entry, stream_at};
use std::collections::BTreeSet;

/// One object that would change what is seen if something referred to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prepared {
    /// The object.
    pub id: ObjectId,
    /// What it is, in English.
    pub what: &'static str,
}

/// The prepared objects, or why they were not looked for.
pub fn prepared(file: &PdfFile<'_>) -> Result<Vec<Prepared>, &'static str> {
    if file.reading() == Reading::Recovered {
        return Err("the file has no usable cross-reference data");
    }
    if file.locked().is_some() {
        return Err("the file is encrypted and stays closed");
    }
    let numbers = file.numbers();
    if numbers.len().saturating_mul(file.sections().len()) > limits::PREPARED_LOOKUPS {
        return Err("the file has more objects than are looked at");
    }
    let reached = reachable(file);
    let mut found: Vec<Prepared> = numbers
        .into_iter()
        .filter(|number| !reached.contains(number))
        .filter_map(|number| {
            let id = ObjectId::new(number, 0);
            Some(Prepared { id, what: shown_if_used(file, &file.object(id))? })
        })
        .collect();
    // What an earlier revision showed and a later one replaced is the document's history.
    // Every `%%EOF` may end one; a linearised file has one that does not.
    let data = file.data();
    let ends = memchr::memmem::rfind_iter(data, b"%%EOF").map(|at| at.saturating_add(5));
    for end in ends.take(limits::PREPARED_REVISIONS) {
        if found.is_empty() {
            break;
        }
        let Some(Ok(earlier)) = data.get(..end).map(PdfFile::open_strict) else { continue };
        let reached = reachable(&earlier);
        found.retain(|prepared| !reached.contains(&prepared.id.number));
    }
    found.extend(unlisted(file));
    found.sort();
    found.dedup();
    Ok(found)
}

/// Numbers of the objects that the trailer leads to, and of the object streams they lie in.
fn reachable(file: &PdfFile<'_>) -> BTreeSet<u32> {
    let mut reached = BTreeSet::new();
    let trailers = file.sections().iter().take(1).map(|section| &section.trailer);
    let mut pending: Vec<Object> =
        trailers.flat_map(|trailer| trailer.entries().map(|(_, value)| value.clone()).collect::<Vec<_>>()).collect();
    while let Some(object) = pending.pop() {
        match &object {
            Object::Reference(id) if reached.insert(id.number) => pending.push(file.object(*id)),
            Object::Array(elements) => pending.extend(elements.iter().filter(|one| leads_on(one)).cloned()),
            Object::Dictionary(_) | Object::Stream(_) => {
                let entries = object.dictionary().into_iter().flat_map(Dictionary::entries);
                pending.extend(entries.map(|(_, value)| value).filter(|one| leads_on(one)).cloned());
            }
            _ => {}
        }
    }
    reached
}

fn leads_on(object: &Object) -> bool {
    matches!(object, Object::Reference(_) | Object::Array(_) | Object::Dictionary(_) | Object::Stream(_))
}

/// What a reader would show of the object if something referred to it, `None` for nothing by itself.
fn shown_if_used(file: &PdfFile<'_>, object: &Object) -> Option<&'static str> {
    match object {
        Object::Dictionary(dictionary) => {
            // Readers do without the type where the other entries say it.
            let is = |kind: &str, entries: [&str; 2]| match dictionary.value("Type") {
                Some(name) => name.is_name(kind),
                None => entries.iter().all(|key| dictionary.contains(key)),
            };
            if is("Catalog", ["Pages", "Pages"]) {
                Some("a second catalogue")
            } else if is("Pages", ["Kids", "Count"]) {
                Some("a second page tree")
            } else if is("Page", ["Contents", "Resources"]) || is("Page", ["Contents", "MediaBox"]) {
                Some("a page outside the page tree")
            } else {
                None
            }
        }
        // §7.8.2: a content stream has no type, and an image, a font file or a function has entries of its own.
        Object::Stream(stream)
            if stream.dictionary.entries().all(|(key, _)| CONTENT_ENTRIES.contains(&key))
                && file.decoded(stream).is_ok_and(|content| draws(&content) == Some(true)) =>
        {
            Some("content that no page draws")
        }
        _ => None,
    }
}

/// Entries that a page's content stream has.
const CONTENT_ENTRIES: [&[u8]; 4] = [b"Length", b"Filter", b"DecodeParms", b"Resources"];

/// Whether these are operators that put text, pictures or filled areas on a page (ISO 32000-1 annex A). `None` where it was given
/// up: too much, or no content at all.
pub(super) fn draws(content: &[u8]) -> Option<bool> {
    uses(content, &[b"Tj", b"TJ", b"'", b"\"", b"Do", b"BI", b"sh", b"f", b"F", b"f*", b"B", b"B*"])
}

fn uses(content: &[u8], operators: &[&[u8]]) -> Option<bool> {
    let mut lexer = Lexer::new(content, 0);
    let mut steps = 0_usize;
    while steps < limits::PREPARED_OPERATORS {
        steps += 1;
        lexer.skip_space();
        if lexer.position() >= content.len() {
            return Some(false);
        }
        if lexer.try_object().is_ok() {
            continue;
        }
        match lexer.take_operator() {
            Some(operator) if operators.contains(&operator) => return Some(true),
            Some(operator) if operator.len() <= LONGEST_OPERATOR => {}
            _ => return None,
        }
    }
    None
}

/// Letters of the longest operators, `BDC` and the like. What has longer words is no content stream.
const LONGEST_OPERATOR: usize = 3;

/// Definitions in the bytes that no section of the chain lists at their place.
fn unlisted(file: &PdfFile<'_>) -> Vec<Prepared> {
    let data = file.data();
    let mut found = Vec::new();
    let mut behind = 0_usize;
    let finder = memchr::memmem::Finder::new(b"obj");
    let mut from = 0_usize;
    // A stream's data is stepped over, so this is no loop over matches.
    while let Some(at) = data.get(from..).and_then(|rest| finder.find(rest)).map(|at| from + at) {
        from = (at + 3).max(behind);
        let Some((start, id)) = header_before(data, at).filter(|(start, _)| *start >= behind) else { continue };
        // What the newest section lists at this very place was read already.
        if matches!(file.entry(id.number), Some(Entry::Offset { offset, .. }) if offset == start) {
            let object = file.object(id);
            behind = object.stream().map_or(start, |stream| stream.start.saturating_add(stream.length));
            from = from.max(behind);
            continue;
        }
        let mut lexer = Lexer::new(data, start);
        if lexer.take_object_header().is_none() {
            continue;
        }
        let Ok(object) = lexer.object() else { continue };
        // Whatever stands inside a stream's data is no definition.
        let stream = object.dictionary().and_then(|dictionary| {
            let length = file.value(dictionary, "Length").integer();
            stream_at(data, lexer.position(), dictionary, id, length)
        });
        behind = stream.as_ref().map_or(lexer.position(), |(stream, _)| stream.start.saturating_add(stream.length));
        from = from.max(behind);
        let listed = file.sections().iter().any(|section| {
            section.offset == start
                || matches!(section.entry(data, id.number), Some(Entry::Offset { offset, .. })
                    if leads_to(data, offset.saturating_add(file.shift()), start))
        });
        if listed || found.len() >= limits::CHANGES {
            continue;
        }
        let object = stream.map_or(object, |(stream, _)| Object::Stream(stream.into()));
        if let Some(what) = shown_if_used(file, &object) {
            found.push(Prepared { id, what });
        }
    }
    found
}

/// Whether a reader that goes to the offset finds what begins at `start`: nothing but white space lies between.
fn leads_to(data: &[u8], offset: usize, start: usize) -> bool {
    offset == start
        || (offset < start && data.get(offset..start).is_some_and(|gap| gap.iter().all(|byte| is_space(*byte))))
}
