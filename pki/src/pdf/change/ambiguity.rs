//! What readers of different makes take differently in later bytes: keys that come twice, numbers listed twice, hybrid sections that
//! contradict themselves, object streams with more than is listed, words that may begin an object. Nobody can permit it.

use crate::pdf::file::{PdfFile, Reading};
use crate::pdf::lexer::Lexer;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, ObjectId};
use crate::pdf::recovery;
use crate::pdf::xref::{Entry, Section};

/// The first ambiguity in what the newer revision appended, in English.
pub(super) fn found(old: &PdfFile<'_>, new: &PdfFile<'_>) -> Option<String> {
    let from = old.data().len();
    if new.reading() == Reading::Recovered {
        return None;
    }
    let own: Vec<&Section> = new.sections().iter().filter(|section| section.offset >= from).collect();
    for section in &own {
        if let Some(number) = section.contradicts_itself(new.data()) {
            return Some(format!("a cross-reference section says two things about object {number}"));
        }
        if doubled(&Object::Dictionary(section.trailer.clone().into())) {
            return Some("a trailer has a key twice".to_owned());
        }
    }
    let mut streams = Vec::new();
    for number in own.iter().flat_map(|section| section.numbers()).take(limits::PREPARED_LOOKUPS) {
        let object = new.object(ObjectId::new(number, 0));
        if doubled(&object) {
            return Some(format!("a dictionary in object {number} has a key twice"));
        }
        if let Some(id) = misses(new, &object) {
            // What was written like this before is read as it was.
            let before = references(&old.object(ObjectId::new(number, 0)));
            if !before.contains(&id) {
                return Some(format!("object {number} refers to {id}, which has another generation"));
            }
        }
        let place = new.entry(number);
        if object.stream().is_some_and(|stream| stream.dictionary.is_name("Type", "ObjStm"))
            && matches!(place, Some(Entry::Offset { offset, .. }) if offset >= from)
        {
            streams.push(number);
        }
    }
    for stream in streams {
        // Readers find the object by its index or by its number; both must lead to the same one.
        let listed = |index: usize, inner: u32| matches!(new.entry(inner), Some(Entry::InStream { stream: at, index: own }) if at == stream && own as usize == index);
        let numbers = new.numbers_in_stream(stream);
        if numbers.is_empty() && new.locked().is_none() {
            return Some(format!("object stream {stream} cannot be read"));
        }
        if let Some((_, inner)) = numbers.into_iter().enumerate().find(|(index, inner)| !listed(*index, *inner)) {
            return Some(format!("object stream {stream} defines object {inner}, which is found elsewhere"));
        }
    }
    other_generation(new, &own, from).or_else(|| hidden_word(new, from))
}

/// A reference whose generation is not that of its object: some readers find nothing there, others go by the number.
fn misses(new: &PdfFile<'_>, object: &Object) -> Option<ObjectId> {
    references(object).into_iter().find(|id| match new.entry(id.number) {
        Some(Entry::Offset { generation, .. }) => generation != id.generation,
        Some(Entry::InStream { .. }) => id.generation != 0,
        Some(Entry::Free) | None => false,
    })
}

/// The references in the object, at any depth.
fn references(object: &Object) -> Vec<ObjectId> {
    let mut found = Vec::new();
    let mut pending = vec![object];
    while let Some(object) = pending.pop() {
        match object {
            Object::Reference(id) => found.push(*id),
            Object::Array(elements) => pending.extend(elements.iter()),
            other => {
                pending.extend(other.dictionary().into_iter().flat_map(Dictionary::entries).map(|(_, value)| value))
            }
        }
    }
    found
}

/// Readers ask for number and generation, or for the number alone: later definitions must have the generation that the entry
/// names, and that an earlier definition had.
fn other_generation(new: &PdfFile<'_>, own: &[&Section], from: usize) -> Option<String> {
    let data = new.data();
    let earlier: Vec<&Section> = new.sections().iter().filter(|section| section.offset < from).collect();
    for number in own.iter().flat_map(|section| section.numbers()).take(limits::PREPARED_LOOKUPS) {
        let Some(Entry::Offset { offset, generation }) = new.entry(number) else { continue };
        let written = Lexer::new(data, offset).take_object_header();
        let before = earlier.iter().find_map(|section| section.entry(data, number));
        let before = match before {
            Some(Entry::Offset { generation, .. }) => generation,
            Some(Entry::InStream { .. }) | None => 0,
            // A freed number comes back with the next generation.
            Some(Entry::Free) => generation,
        };
        if written.is_some_and(|written| written.generation != generation) || before != generation {
            return Some(format!("object {number} has another generation than its entry or than before"));
        }
    }
    None
}

/// Whether a dictionary in the object, at any depth, has a key twice.
fn doubled(object: &Object) -> bool {
    let mut pending = vec![object];
    while let Some(object) = pending.pop() {
        match object {
            Object::Array(elements) => pending.extend(elements.iter()),
            other => {
                let Some(dictionary) = other.dictionary() else { continue };
                if dictionary.has_duplicates() && has_two_meanings(dictionary) {
                    return true;
                }
                pending.extend(dictionary.entries().map(|(_, value)| value));
            }
        }
    }
    false
}

/// ISO 32000-2 §7.3.7: the value of a key that comes twice is undefined. The same value twice means one thing all the same, and so
/// do both types of a signature dictionary (§12.8.1, table 255), whose `SubFilter` says what it is.
fn has_two_meanings(dictionary: &Dictionary) -> bool {
    let harmless = |key: &[u8], value: &Object| {
        let last = dictionary.value_of(key);
        let signature = |value: &Object| value.is_name("Sig") || value.is_name("DocTimeStamp");
        last == Some(value) || (key == b"Type" && signature(value) && last.is_some_and(signature))
    };
    !dictionary.entries().all(|(key, value)| harmless(key, value))
}

/// The word `obj` standing alone in the later bytes without plain numbers before it: some readers see an object there, behind a
/// comment or much white space.
fn hidden_word(new: &PdfFile<'_>, from: usize) -> Option<String> {
    let data = new.data();
    let tail = data.get(from..)?;
    let letter = |at: Option<usize>| at.and_then(|at| data.get(at)).is_some_and(u8::is_ascii_alphabetic);
    memchr::memmem::find_iter(tail, b"obj").map(|at| from + at).find_map(|at| {
        let alone = !letter(at.checked_sub(1)) && !letter(at.checked_add(3));
        (alone && recovery::header_before(data, at).is_none())
            .then(|| format!("something at offset {at} may be taken for an object"))
    })
}
