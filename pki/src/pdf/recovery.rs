//! What lenient readers do with a file whose cross-reference data is missing or wrong: search for `N G obj`, take the
//! last definition of each number, and the last trailer that names a catalogue. Bounded, linear in the file.

use super::lexer::{Lexer, is_space};
use super::limits;
use super::object::{Dictionary, Object, ObjectId};
use super::xref::Entry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub entries: BTreeMap<u32, Entry>,
    pub trailer: Dictionary,
    /// Object streams in file order, to be unpacked by the file.
    pub object_streams: Vec<u32>,
}

/// Searches the whole slice.
pub(super) fn search(data: &[u8]) -> Found {
    let mut found = Found::default();
    let mut trailer = BTreeMap::new();
    let mut catalogue = None;
    for at in memchr::memmem::find_iter(data, b"obj") {
        let Some((start, id)) = header_before(data, at) else { continue };
        if found.entries.len() >= limits::RECOVERED_OBJECTS {
            break;
        }
        found.entries.insert(id.number, Entry::Offset { offset: start, generation: id.generation });
        // Only objects of three types matter here, and their dictionaries say so near the beginning.
        let Some(head) = data.get(at + 3..data.len().min(at + 3 + TYPE_WINDOW)) else { continue };
        if !TYPES.iter().any(|name| memchr::memmem::find(head, name).is_some()) {
            continue;
        }
        let Ok(Object::Dictionary(dictionary)) = Lexer::new(data, at + 3).object() else { continue };
        if dictionary.is_name("Type", "XRef") {
            merge(&mut trailer, &dictionary);
        } else if dictionary.is_name("Type", "ObjStm") {
            found.object_streams.push(id.number);
        } else if dictionary.is_name("Type", "Catalog") {
            catalogue = Some(id);
        }
    }
    for at in memchr::memmem::find_iter(data, b"trailer") {
        if let Ok(Object::Dictionary(dictionary)) = Lexer::new(data, at + 7).object() {
            merge(&mut trailer, &dictionary);
        }
    }
    if let Some(id) = catalogue {
        trailer.entry(b"Root".to_vec()).or_insert(Object::Reference(id));
    }
    found.trailer = Dictionary::from_entries(trailer.into_iter().map(|(key, value)| (key.into(), value)).collect());
    found
}

/// How far into an object its `Type` is searched for.
const TYPE_WINDOW: usize = 2_048;
const TYPES: [&[u8]; 3] = [b"/XRef", b"/ObjStm", b"/Catalog"];

/// The later trailer wins where it names the keys that matter.
fn merge(into: &mut BTreeMap<Vec<u8>, Object>, dictionary: &Arc<Dictionary>) {
    for key in ["Root", "Info", "Encrypt", "ID", "Size"] {
        if let Some(value) = dictionary.value(key) {
            into.insert(key.as_bytes().to_vec(), value.clone());
        }
    }
}

/// The `N G ` before `obj` at this offset, and where it begins.
pub(super) fn header_before(data: &[u8], at: usize) -> Option<(usize, ObjectId)> {
    let (generation, before) = number_before(data, at)?;
    let (number, start) = number_before(data, before)?;
    // The digits of a longer token, as in `endobj` or `1.5 0 obj`, are no header.
    let free = start
        .checked_sub(1)
        .and_then(|at| data.get(at))
        .is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.');
    let number = u32::try_from(number).ok().filter(|number| *number <= limits::OBJECT_NUMBER)?;
    free.then_some((start, ObjectId::new(number, u16::try_from(generation).ok()?)))
}

/// A number that ends, behind optional white space, at this offset; and where it begins.
fn number_before(data: &[u8], at: usize) -> Option<(u64, usize)> {
    let head = data.get(..at)?;
    let spaces = head.iter().rev().take(64).take_while(|byte| is_space(**byte)).count();
    let head = head.get(..at.checked_sub(spaces)?)?;
    let digits = head.iter().rev().take(11).take_while(|byte| byte.is_ascii_digit()).count();
    if spaces == 0 || digits == 0 || digits > 10 {
        return None;
    }
    let start = head.len().checked_sub(digits)?;
    let value = head.get(start..)?.iter().fold(0_u64, |sum, byte| sum * 10 + u64::from(byte.saturating_sub(b'0')));
    Some((value, start))
}
