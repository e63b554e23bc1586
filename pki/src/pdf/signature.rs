//! Signatures of a PDF file as its form names them, with the exact places of their `Contents` and `ByteRange` in the file, and
//! what is wrong with them (ISO 32000-2 §12.8.1; USF, ISA and SWA attacks). Judges coverage only, never the CMS inside.

use super::file::{PdfFile, after_end_of_line};
use super::lexer::{DictionarySpans, Lexer, hex_value, is_space};
use super::limits;
use super::object::{Dictionary, Object, ObjectId};
use super::xref::Entry;

/// The three offsets that a sound `ByteRange` says: the bytes `0..gap_start` and `gap_end..end` are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the `<` of `Contents`.
    pub gap_start: usize,
    /// Just behind its `>`.
    pub gap_end: usize,
    /// End of the signed revision.
    pub end: usize,
}

/// Something that makes a signature broken, with the check that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the check that fails: `byte_range`, `contents`, `coverage` or `signature_dictionary`.
    pub check: &'static str,
    /// English, for experts.
    pub reason: String,
}

/// One signature dictionary that a field's `V` refers to.
#[derive(Clone, Debug)]
pub struct PdfSignature {
    /// Names of the fields that refer to it, the first one first.
    pub fields: Vec<String>,
    /// `None` where the dictionary stands directly in the field.
    pub id: Option<ObjectId>,
    /// Offset of the dictionary's `<<` in the file; `None` where it lies in an object stream or cannot be read.
    pub place: Option<usize>,
    /// Just behind its `>>`, `None` where it could not be read there.
    pub end: Option<usize>,
    /// Its entries as read today.
    pub dictionary: Dictionary,
    /// Sound offsets, `None` where `faults` says why not.
    pub byte_range: Option<ByteRange>,
    /// Decoded `Contents`, the padding included.
    pub contents: Vec<u8>,
    /// The file is encrypted: software that seals the placeholder before it writes the signature leaves the sealed rest behind it.
    pub in_encrypted_file: bool,
    /// Empty where the coverage is sound.
    pub faults: Vec<Fault>,
}

impl PdfSignature {
    /// `SubFilter`, empty where missing.
    pub fn sub_filter(&self) -> String {
        let name = self.dictionary.value("SubFilter").and_then(Object::name).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    /// Whether this is a document timestamp (ISO 32000-2 §12.8.5).
    pub fn is_document_timestamp(&self) -> bool {
        self.dictionary.is_name("Type", "DocTimeStamp") || self.sub_filter() == "ETSI.RFC3161"
    }

    /// A text entry such as `Name`, `Reason`, `Location`.
    pub fn text(&self, key: &str) -> Option<String> {
        self.dictionary.value(key)?.string().map(super::tree::text)
    }

    /// The signed bytes in their two pieces; `None` without a sound range.
    pub fn signed_bytes<'a>(&self, data: &'a [u8]) -> Option<[&'a [u8]; 2]> {
        let range = self.byte_range?;
        Some([data.get(..range.gap_start)?, data.get(range.gap_end..range.end)?])
    }

    fn fault(&mut self, check: &'static str, reason: impl Into<String>) {
        self.faults.push(Fault { check, reason: reason.into() });
    }
}

/// The signatures of the file in the order of their signed revisions; those without a sound range come last.
pub fn signatures(file: &PdfFile<'_>) -> Vec<PdfSignature> {
    let mut found: Vec<PdfSignature> = Vec::new();
    for field in file.fields().iter() {
        let is_signature = field.value("FT").is_some_and(|kind| file.resolve(kind).is_name("Sig"));
        let Some(value) = field.value("V") else { continue };
        let resolved = file.resolve(value);
        // A field without a type is counted where its value looks like a signature.
        let looks = resolved.dictionary().is_some_and(|value| value.contains("ByteRange"));
        if !is_signature && !looks {
            continue;
        }
        match value.reference() {
            Some(id) => match found.iter_mut().find(|known| known.id == Some(id)) {
                Some(known) => known.fields.push(field.name.clone()),
                None => found.extend(read_referenced(file, id, field.name.clone())),
            },
            None => found.extend(read_direct(file, field.id, field.name.clone(), &resolved)),
        }
    }
    judge_together(&mut found);
    found.sort_by_key(|signature| signature.byte_range.map_or(usize::MAX, |range| range.end));
    found
}

fn read_referenced(file: &PdfFile<'_>, id: ObjectId, name: String) -> Option<PdfSignature> {
    let object = file.object(id);
    let place = match file.entry(id.number) {
        Some(Entry::Offset { offset, .. }) => {
            let mut lexer = Lexer::new(file.data(), offset);
            lexer.take_object_header().map(|_| {
                lexer.skip_space();
                lexer.position()
            })
        }
        _ => None,
    };
    match object {
        Object::Dictionary(dictionary) => Some(judge(file, vec![name], Some(id), place, (*dictionary).clone())),
        // ISO 32000-1 §7.3.10: a reference to nothing is null, and a field whose value is null is not signed.
        Object::Null if place.is_none() => None,
        _ => Some(unreadable(name, id)),
    }
}

fn unreadable(name: String, id: ObjectId) -> PdfSignature {
    let mut signature = PdfSignature {
        fields: vec![name],
        id: Some(id),
        place: None,
        end: None,
        dictionary: Dictionary::default(),
        byte_range: None,
        contents: Vec::new(),
        in_encrypted_file: false,
        faults: Vec::new(),
    };
    signature.fault("signature_dictionary", format!("{id} is not a readable signature dictionary"));
    signature
}

fn read_direct(file: &PdfFile<'_>, field: Option<ObjectId>, name: String, value: &Object) -> Option<PdfSignature> {
    let dictionary = value.dictionary()?.clone();
    let place = field.and_then(|field| match file.entry(field.number) {
        Some(Entry::Offset { offset, .. }) => {
            let mut lexer = Lexer::new(file.data(), offset);
            lexer.take_object_header()?;
            let (_, spans) = lexer.dictionary_with_spans().ok()?;
            spans.iter().rev().find(|span| span.key == b"V").map(|span| span.start)
        }
        _ => None,
    });
    Some(judge(file, vec![name], None, place, dictionary))
}

/// Rules 1 and 2 of the coverage, for one signature alone.
fn judge(
    file: &PdfFile<'_>,
    fields: Vec<String>,
    id: Option<ObjectId>,
    place: Option<usize>,
    dictionary: Dictionary,
) -> PdfSignature {
    let mut signature = PdfSignature {
        fields,
        id,
        place,
        end: None,
        dictionary,
        byte_range: None,
        contents: Vec::new(),
        in_encrypted_file: file.trailer().contains("Encrypt"),
        faults: Vec::new(),
    };
    let data = file.data();
    let spans = place.and_then(|place| {
        let mut lexer = Lexer::new(data, place);
        let spans = lexer.dictionary_with_spans().ok()?.1;
        signature.end = Some(lexer.position());
        Some(spans)
    });
    let Some(spans) = spans else {
        signature.fault("signature_dictionary", "the signature dictionary does not stand in the file itself");
        return signature;
    };
    let gap = judge_contents(&mut signature, data, &spans);
    let range = judge_range(&mut signature, data, &spans);
    let (Some((gap_start, gap_end)), Some(range)) = (gap, range) else { return signature };
    if (range.gap_start, range.gap_end) != (gap_start, gap_end) {
        let reason = format!(
            "the gap {}..{} is not the place of this dictionary's Contents, {gap_start}..{gap_end}",
            range.gap_start, range.gap_end
        );
        signature.fault("byte_range", reason);
        return signature;
    }
    signature.byte_range = Some(range);
    signature
}

fn only_once<'s>(spans: &'s DictionarySpans, key: &str) -> Result<&'s super::lexer::ValueSpan, &'static str> {
    let mut with_key = spans.iter().filter(|span| span.key == key.as_bytes());
    match (with_key.next(), with_key.next()) {
        (None, _) => Err("is missing"),
        (Some(_), Some(_)) => Err("comes twice"),
        (Some(span), None) => Ok(span),
    }
}

fn judge_contents(signature: &mut PdfSignature, data: &[u8], spans: &DictionarySpans) -> Option<(usize, usize)> {
    let span = match only_once(spans, "Contents") {
        Ok(span) => span,
        Err(reason) => {
            signature.fault("contents", format!("Contents {reason}"));
            return None;
        }
    };
    let written = data.get(span.start..span.end)?;
    let [b'<', digits @ .., b'>'] = written else {
        signature.fault("contents", "Contents is not a hexadecimal string written directly");
        return None;
    };
    if !digits.iter().all(|byte| hex_value(*byte).is_some()) || digits.len() % 2 != 0 {
        signature.fault("contents", "Contents holds something other than pairs of hexadecimal digits");
        return None;
    }
    signature.contents =
        signature.dictionary.value("Contents").and_then(Object::string).map(<[u8]>::to_vec).unwrap_or_default();
    if signature.contents.iter().all(|byte| *byte == 0) {
        signature.fault("contents", "Contents is empty");
        return None;
    }
    Some((span.start, span.end))
}

fn judge_range(signature: &mut PdfSignature, data: &[u8], spans: &DictionarySpans) -> Option<ByteRange> {
    if let Err(reason) = only_once(spans, "ByteRange") {
        signature.fault("byte_range", format!("ByteRange {reason}"));
        return None;
    }
    let numbers: Option<Vec<usize>> = signature
        .dictionary
        .value("ByteRange")
        .and_then(Object::array)
        .and_then(|array| array.iter().map(|element| usize::try_from(element.integer()?).ok()).collect());
    let Some([start, first, second_start, second]) = numbers.as_deref().and_then(|numbers| numbers.first_chunk::<4>())
    else {
        signature.fault("byte_range", "ByteRange is not an array of four non-negative integers");
        return None;
    };
    let end = second_start.checked_add(*second).filter(|end| *end <= data.len());
    let Some(end) = end.filter(|_| numbers.as_ref().is_some_and(|numbers| numbers.len() == 4)) else {
        signature.fault("byte_range", "ByteRange reaches beyond the file or has more than two ranges");
        return None;
    };
    if *start != 0 || first >= second_start || *second == 0 {
        signature.fault("byte_range", "ByteRange does not begin at 0 with two ranges around a gap");
        return None;
    }
    if !ends_a_revision(data, end) {
        signature.fault("coverage", format!("the signed bytes end at {end}, which is not the end of a revision"));
        return None;
    }
    Some(ByteRange { gap_start: *first, gap_end: *second_start, end })
}

/// Whether `%%EOF` stands right before this offset; white space behind it is signed too and harms nobody.
fn ends_a_revision(data: &[u8], end: usize) -> bool {
    let head = data.get(..end).unwrap_or_default();
    let spaces = head.iter().rev().take(limits::HEADER_WINDOW).take_while(|byte| is_space(**byte)).count();
    head.len().checked_sub(spaces).and_then(|length| head.get(..length)).is_some_and(|head| head.ends_with(b"%%EOF"))
}

/// Rule 1's last sentence: how the ranges of several signatures lie to each other.
fn judge_together(found: &mut [PdfSignature]) {
    let ranges: Vec<Option<ByteRange>> = found.iter().map(|signature| signature.byte_range).collect();
    for (at, signature) in found.iter_mut().enumerate() {
        let Some(own) = signature.byte_range else { continue };
        let others = ranges.iter().enumerate().filter(|(other, _)| *other != at).filter_map(|(_, range)| *range);
        for other in others {
            // Each signature signs a revision of its own, and its gap lies behind the revisions signed before it.
            let odd = own.end == other.end || (other.end < own.end && own.gap_start < other.end);
            if odd && signature.byte_range.is_some() {
                signature.byte_range = None;
                signature.faults.push(Fault {
                    check: "byte_range",
                    reason: "its range overlaps another signature's in a way that no signing software makes".to_owned(),
                });
            }
        }
    }
}

/// Whether anything but a little white space follows the signed revision. Much of it moves the end out of readers' sight, who then
/// repair the file.
pub fn has_later_bytes(data: &[u8], range: ByteRange) -> bool {
    let later = data.get(after_end_of_line(data, range.end)..).unwrap_or_default();
    later.len() > limits::TRAILING_SPACE || later.iter().any(|byte| !is_space(*byte))
}

/// Offsets of objects, known to some revision of the file, that hold a signature which no field of today's form refers to.
/// Found by searching the raw bytes for `/ByteRange`.
pub fn unreferenced_signatures(file: &PdfFile<'_>, known: &[PdfSignature]) -> Vec<(ObjectId, PdfSignature)> {
    let data = file.data();
    let known: Vec<_> = known.iter().filter_map(|signature| Some(signature.place?..signature.end?)).collect();
    let mut found = Vec::new();
    let mut looked_until = 0;
    let outside = outside_streams(file);
    let finder = memchr::memmem::Finder::new(b"/ByteRange");
    let places = outside.iter().flat_map(|part| {
        let found = finder.find_iter(data.get(part.clone()).unwrap_or_default());
        found.map(|at| part.start + at)
    });
    for at in places.take(limits::SIGNATURES) {
        // What stands inside an object that was looked at already is no further signature.
        if at < looked_until || known.iter().any(|extent| extent.contains(&at)) {
            continue;
        }
        let Some((id, place)) = enclosing_object(data, at) else { continue };
        // Bytes that look like an object inside some stream are nobody's signature.
        let listed = file.sections().iter().any(|section| {
            matches!(section.entry(data, id.number), Some(Entry::Offset { offset, .. }) if enclosing_matches(data, offset, id, place))
        });
        if !listed && !file.sections().is_empty() {
            continue;
        }
        let mut lexer = Lexer::new(data, place);
        let read = lexer.dictionary_with_spans();
        looked_until = lexer.position();
        let Ok((dictionary, _)) = read else { continue };
        if lexer.position() > at && dictionary.contains("Contents") && !grants_usage_rights(file, &dictionary) {
            found.push((id, judge(file, Vec::new(), Some(id), Some(place), dictionary)));
        }
    }
    found
}

/// The parts of a large file that lie outside the data of its streams; the whole of a small one. A stream in whose data some section
/// lists an object is no stream here.
fn outside_streams(file: &PdfFile<'_>) -> Vec<std::ops::Range<usize>> {
    let data = file.data();
    let numbers = file.numbers();
    if data.len() < limits::STEPPED_OVER
        || numbers.len().saturating_mul(file.sections().len()) > limits::STEPPING_LOOKUPS
    {
        return std::iter::once(0..data.len()).collect();
    }
    let mut places: Vec<usize> = Vec::new();
    for (section, number) in
        file.sections().iter().flat_map(|section| numbers.iter().map(move |number| (section, number)))
    {
        if let Some(Entry::Offset { offset, .. }) = section.entry(data, *number) {
            places.push(offset.saturating_add(file.shift()));
        }
    }
    places.sort_unstable();
    let mut outside = Vec::new();
    let mut from = 0;
    let mut streams: Vec<_> = numbers
        .iter()
        .filter_map(|number| match file.object(ObjectId::new(*number, 0)) {
            Object::Stream(stream) => Some(stream.start..stream.start.saturating_add(stream.length)),
            _ => None,
        })
        .collect();
    streams.sort_unstable_by_key(|stream| stream.start);
    for stream in streams {
        let first = places.partition_point(|place| *place < stream.start);
        let is_free = places.get(first).is_none_or(|place| *place >= stream.end);
        if is_free && stream.start >= from && stream.end <= data.len() {
            // A key that begins in front of the data cannot reach into it: `stream` stands between.
            outside.push(from..stream.start);
            from = stream.end;
        }
    }
    outside.push(from..data.len());
    outside
}

/// Usage rights signatures (ISO 32000-1 §12.8.2.3) are no field's value and speak to one vendor's reader only.
fn grants_usage_rights(file: &PdfFile<'_>, dictionary: &Dictionary) -> bool {
    let references = file.value(dictionary, "Reference");
    let mut references = references.array().unwrap_or_default().iter().map(|reference| file.resolve(reference));
    references.any(|reference| {
        let method =
            reference.dictionary().map(|reference| file.value(reference, "TransformMethod")).unwrap_or_default();
        matches!(method.name(), Some(b"UR" | b"UR3"))
    })
}

fn enclosing_matches(data: &[u8], offset: usize, id: ObjectId, place: usize) -> bool {
    let mut lexer = Lexer::new(data, offset);
    let header = lexer.take_object_header();
    lexer.skip_space();
    header.is_some_and(|header| header.number == id.number) && lexer.position() == place
}

/// The object whose header is the last one before this offset, and where its dictionary begins.
fn enclosing_object(data: &[u8], at: usize) -> Option<(ObjectId, usize)> {
    let from = at.saturating_sub(limits::SIGNATURE_BYTES);
    let window = data.get(from..at)?;
    let mut end = window.len();
    while let Some(keyword) = memchr::memmem::rfind(window.get(..end)?, b" obj") {
        if let Some((start, id)) = super::recovery::header_before(data, from + keyword + 1) {
            let mut lexer = Lexer::new(data, start);
            lexer.take_object_header()?;
            lexer.skip_space();
            return Some((id, lexer.position()));
        }
        end = keyword;
    }
    None
}
