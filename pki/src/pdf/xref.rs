//! Cross-reference sections (ISO 32000-1 §7.5.4, §7.5.8): tables, streams and hybrids, and the `Prev` chain that joins them.
//! Entries of a regular table or stream are looked up in place, so opening a file costs nothing per object. Never guesses:
//! what does not read as the specification says is an error, and searching for objects is `recovery`'s matter.

use super::error::PdfError;
use super::filter;
use super::lexer::Lexer;
use super::limits;
use super::object::{Dictionary, Object, ObjectId, Stream};
use std::sync::Arc;

/// Where an object lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The object is free: a reference to it is null.
    Free,
    /// At this offset in the file (from the header where it is not first).
    Offset { offset: usize, generation: u16 },
    /// In this object stream, at this index.
    InStream { stream: u32, index: u32 },
}

/// How a section is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionForm {
    Table,
    Stream,
    /// A table whose trailer names a cross-reference stream (`XRefStm`).
    Hybrid,
}

/// One cross-reference section with its trailer.
#[derive(Clone, Debug)]
pub struct Section {
    /// Where `startxref` or `Prev` points: the offset in the slice.
    pub offset: usize,
    /// Just behind the trailer dictionary, or behind the stream's data.
    pub end: usize,
    pub form: SectionForm,
    /// The trailer, or the dictionary of the cross-reference stream.
    pub trailer: Dictionary,
    /// The stream of a hybrid file; it is asked after the table.
    pub hybrid: Option<Box<Section>>,
    entries: Entries,
}

#[derive(Clone, Debug)]
enum Entries {
    /// Runs of 20-byte entries in the file.
    Table(Arc<[Run]>),
    /// A table with entries of irregular length, sorted by number.
    Irregular(Arc<[(u32, Entry)]>),
    /// Decoded rows of a stream; `Run::at` counts bytes in them.
    Stream { rows: Arc<[u8]>, widths: [usize; 3], runs: Arc<[Run]> },
}

#[derive(Clone, Copy, Debug)]
struct Run {
    first: u32,
    count: u32,
    at: usize,
}

impl Run {
    fn index_of(&self, number: u32) -> Option<usize> {
        let index = number.checked_sub(self.first)?;
        (index < self.count).then_some(index as usize)
    }
}

/// Bytes of one entry of a table, §7.5.4.
const TABLE_ENTRY: usize = 20;

impl Section {
    /// Reads the section at this offset; `shift` is added to every offset the file names.
    pub(super) fn read(data: &[u8], offset: usize, shift: usize) -> Result<Self, PdfError> {
        let mut lexer = Lexer::new(data, offset);
        let mut section = if lexer.take_keyword("xref") {
            Self::read_table(data, offset, lexer)?
        } else {
            Self::read_stream(data, offset)?
        };
        if section.form == SectionForm::Table
            && let Some(at) = section.trailer.value("XRefStm").and_then(Object::integer)
        {
            let at = usize::try_from(at).ok().and_then(|at| at.checked_add(shift));
            // A reader that does not find the stream carries on without it.
            section.hybrid = at.and_then(|at| Self::read_stream(data, at).ok()).map(Box::new);
            section.form = SectionForm::Hybrid;
        }
        Ok(section)
    }

    fn read_table<'a>(data: &'a [u8], offset: usize, mut lexer: Lexer<'a>) -> Result<Self, PdfError> {
        let error = |what| PdfError::CrossReference { offset, what };
        let mut runs: Vec<Run> = Vec::new();
        let mut regular = true;
        let mut irregular = Vec::new();
        while !lexer.take_keyword("trailer") {
            let first = lexer.take_unsigned().and_then(|first| u32::try_from(first).ok());
            let count = lexer.take_unsigned().and_then(|count| u32::try_from(count).ok());
            let (Some(first), Some(count)) = (first, count) else { return Err(error("subsection header")) };
            if runs.len() >= limits::SUBSECTIONS || first.saturating_add(count) > limits::OBJECT_NUMBER + 1 {
                return Err(PdfError::Limit("entries of a cross-reference table"));
            }
            lexer.skip_space();
            let run = Run { first, count, at: lexer.position() };
            match regular_end(data, run) {
                Some(end) => {
                    if !regular {
                        table_entries(data, run, &mut irregular);
                    }
                    lexer = Lexer::new(data, end);
                }
                None => {
                    if regular {
                        runs.iter().for_each(|run| table_entries(data, *run, &mut irregular));
                        regular = false;
                    }
                    irregular_entries(&mut lexer, run, &mut irregular).ok_or(error("table entry"))?;
                }
            }
            runs.push(run);
        }
        let Object::Dictionary(trailer) = lexer.object()? else { return Err(error("trailer is not a dictionary")) };
        // The first of several entries for a number counts, so the sort must be stable.
        irregular.sort_by_key(|(number, _)| *number);
        let entries = if regular { Entries::Table(runs.into()) } else { Entries::Irregular(irregular.into()) };
        let trailer = (*trailer).clone();
        Ok(Self { offset, end: lexer.position(), form: SectionForm::Table, trailer, hybrid: None, entries })
    }

    fn read_stream(data: &[u8], offset: usize) -> Result<Self, PdfError> {
        let error = |what| PdfError::CrossReference { offset, what };
        let mut lexer = Lexer::new(data, offset);
        let id = lexer.take_object_header().ok_or(error("neither a table nor a stream"))?;
        let Object::Dictionary(dictionary) = lexer.object()? else { return Err(error("not a stream")) };
        if !dictionary.is_name("Type", "XRef") {
            return Err(error("stream is not of type XRef"));
        }
        // §7.5.8.2: all values direct, `Length` included.
        let stream =
            stream_at(data, lexer.position(), &dictionary, id, dictionary.value("Length").and_then(Object::integer))
                .ok_or(error("no stream data"))?
                .0;
        let (end, rows) = (stream.start + stream.length, {
            let raw = data.get(stream.start..stream.start + stream.length).unwrap_or_default();
            filter::decode_direct(raw, &stream.dictionary)?
        });
        let widths = stream_widths(&stream.dictionary).ok_or(error("malformed W"))?;
        let runs =
            stream_runs(&stream.dictionary, widths.iter().sum(), rows.len()).ok_or(error("malformed Index or Size"))?;
        let entries = Entries::Stream { rows: rows.into(), widths, runs: runs.into() };
        Ok(Self { offset, end, form: SectionForm::Stream, trailer: stream.dictionary, hybrid: None, entries })
    }

    /// The offset behind everything that the section was read from.
    pub(super) fn reach(&self) -> usize {
        self.hybrid.as_ref().map_or(self.end, |hybrid| hybrid.end.max(self.end))
    }

    /// Whether the section is written as the specification says: it begins at its very offset, and a table has entries of 20 bytes.
    pub fn is_regular(&self, data: &[u8]) -> bool {
        let head = data.get(self.offset..).unwrap_or_default();
        match self.form {
            SectionForm::Stream => head.first().is_some_and(u8::is_ascii_digit),
            _ => head.starts_with(b"xref") && matches!(self.entries, Entries::Table(_)),
        }
    }

    /// The entry for the object, the hybrid stream asked second.
    pub fn entry(&self, data: &[u8], number: u32) -> Option<Entry> {
        match self.own_entry(data, number) {
            // ISO 32000-1 §7.5.8.4: the table calls free what only the stream knows.
            own @ (None | Some(Entry::Free)) => {
                self.hybrid.as_ref().and_then(|hybrid| hybrid.own_entry(data, number)).or(own)
            }
            found => found,
        }
    }

    /// Whether the section says two things about an object: the number listed twice, or the table and the stream of a hybrid
    /// apart. Readers take one or the other.
    pub fn contradicts_itself(&self, data: &[u8]) -> Option<u32> {
        let twice = |section: &Self| {
            let mut numbers: Vec<u32> = section.own_numbers().filter(|number| *number > 0).collect();
            numbers.sort_unstable();
            numbers.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first().copied())
        };
        let hybrid = self.hybrid.as_deref();
        let apart = hybrid.and_then(|hybrid| {
            hybrid.own_numbers().find(|number| {
                let (table, stream) = (self.own_entry(data, *number), hybrid.own_entry(data, *number));
                !matches!(table, None | Some(Entry::Free)) && table != stream
            })
        });
        twice(self).or_else(|| twice(hybrid?)).or(apart)
    }

    fn own_entry(&self, data: &[u8], number: u32) -> Option<Entry> {
        match &self.entries {
            Entries::Table(runs) => runs.iter().find_map(|run| {
                let at = run.at.checked_add(run.index_of(number)?.checked_mul(TABLE_ENTRY)?)?;
                table_entry(data.get(at..at.checked_add(TABLE_ENTRY)?)?)
            }),
            Entries::Irregular(entries) => {
                let at = entries.partition_point(|(other, _)| *other < number);
                entries.get(at).filter(|(other, _)| *other == number).map(|(_, entry)| *entry)
            }
            Entries::Stream { rows, widths, runs } => {
                let width: usize = widths.iter().sum();
                runs.iter().find_map(|run| {
                    let at = run.at.checked_add(run.index_of(number)?.checked_mul(width)?)?;
                    stream_entry(rows.get(at..at.checked_add(width)?)?, widths)
                })
            }
        }
    }

    /// Every object number that this section speaks about, the hybrid stream's included, with repetitions.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.own_numbers().chain(self.hybrid.iter().flat_map(|section| section.own_numbers()))
    }

    fn own_numbers(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match &self.entries {
            Entries::Table(runs) | Entries::Stream { runs, .. } => {
                Box::new(runs.iter().flat_map(|run| run.first..run.first.saturating_add(run.count)))
            }
            Entries::Irregular(entries) => Box::new(entries.iter().map(|(number, _)| *number)),
        }
    }

    /// The highest number that this section speaks about.
    pub fn highest(&self) -> Option<u32> {
        let own = match &self.entries {
            Entries::Table(runs) | Entries::Stream { runs, .. } => {
                let filled = runs.iter().filter(|run| run.count > 0);
                filled.map(|run| run.first.saturating_add(run.count - 1)).max()
            }
            Entries::Irregular(entries) => entries.last().map(|(number, _)| *number),
        };
        own.max(self.hybrid.as_ref().and_then(|hybrid| hybrid.highest()))
    }

    /// The offset that `Prev` names, `None` where there is no such key or it is no offset.
    pub fn previous(&self) -> Option<usize> {
        let previous = self.trailer.value("Prev")?;
        let number = previous.integer().or_else(|| {
            // Some writers give a real.
            previous.number().filter(|number| number.fract() == 0.0 && *number < 1e15).map(|number| number as i64)
        })?;
        usize::try_from(number).ok()
    }
}

/// The end of a run of 20-byte entries, `None` where what follows it is neither a subsection nor the trailer.
fn regular_end(data: &[u8], run: Run) -> Option<usize> {
    let end = run.at.checked_add((run.count as usize).checked_mul(TABLE_ENTRY)?)?;
    if run.count > 0 {
        table_entry(data.get(run.at..run.at + TABLE_ENTRY)?)?;
        table_entry(data.get(end - TABLE_ENTRY..end)?)?;
    }
    let mut lexer = Lexer::new(data, end);
    (lexer.take_keyword("trailer") || (lexer.take_unsigned().is_some() && lexer.take_unsigned().is_some()))
        .then_some(end)
}

fn table_entries(data: &[u8], run: Run, out: &mut Vec<(u32, Entry)>) {
    let rows = data.get(run.at..).unwrap_or_default().chunks_exact(TABLE_ENTRY);
    let numbers = run.first..run.first.saturating_add(run.count);
    out.extend(numbers.zip(rows).filter_map(|(number, row)| Some((number, table_entry(row)?))));
}

fn irregular_entries(lexer: &mut Lexer<'_>, run: Run, out: &mut Vec<(u32, Entry)>) -> Option<()> {
    for number in run.first..run.first.saturating_add(run.count) {
        let mut ahead = lexer.clone();
        if ahead.take_keyword("trailer") {
            // Fewer entries than announced: readers stop here.
            return Some(());
        }
        let offset = usize::try_from(lexer.take_unsigned()?).ok()?;
        let generation = u16::try_from(lexer.take_unsigned()?).unwrap_or(u16::MAX);
        let entry = if lexer.take_keyword("n") {
            Entry::Offset { offset, generation }
        } else if lexer.take_keyword("f") {
            Entry::Free
        } else {
            return None;
        };
        out.push((number, entry));
    }
    Some(())
}

/// `nnnnnnnnnn ggggg n` and a two-character end of line.
fn table_entry(row: &[u8]) -> Option<Entry> {
    let digits = |range: std::ops::Range<usize>| {
        row.get(range)?.iter().try_fold(0_usize, |sum, byte| {
            byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(usize::from(byte - b'0')))
        })
    };
    let offset = digits(0..10)?;
    let generation = u16::try_from(digits(11..16)?).unwrap_or(u16::MAX);
    if row.get(10) != Some(&b' ') || row.get(16) != Some(&b' ') {
        return None;
    }
    match row.get(17)? {
        b'n' => Some(Entry::Offset { offset, generation }),
        b'f' => Some(Entry::Free),
        _ => None,
    }
}

/// A row of a cross-reference stream, table 18. An unknown type is a reference to null.
fn stream_entry(row: &[u8], widths: &[usize; 3]) -> Option<Entry> {
    let [first, second, third] = *widths;
    let field = |start: usize, width: usize| -> Option<u64> {
        Some(row.get(start..start + width)?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    // A missing type field means type 1.
    let kind = if first == 0 { 1 } else { field(0, first)? };
    let (second, third) = (field(first, second)?, field(first + second, third)?);
    Some(match kind {
        1 => Entry::Offset {
            offset: usize::try_from(second).ok()?,
            generation: u16::try_from(third).unwrap_or(u16::MAX),
        },
        2 => Entry::InStream { stream: u32::try_from(second).ok()?, index: u32::try_from(third).ok()? },
        _ => Entry::Free,
    })
}

fn stream_widths(dictionary: &Dictionary) -> Option<[usize; 3]> {
    let values = dictionary.value("W")?.array()?;
    let mut widths = [0_usize; 3];
    for (width, value) in widths.iter_mut().zip(values) {
        *width = usize::try_from(value.integer()?).ok().filter(|width| *width <= 8)?;
    }
    (values.len() >= 3 && widths.iter().sum::<usize>() > 0).then_some(widths)
}

/// The runs that `Index` names, as far as there are rows for them: what is only claimed costs nothing.
fn stream_runs(dictionary: &Dictionary, width: usize, length: usize) -> Option<Vec<Run>> {
    let size = dictionary.value("Size")?.integer()?;
    let whole = [Object::Integer(0), Object::Integer(size)];
    let index = match dictionary.value("Index") {
        Some(index) => index.array()?,
        None => &whole,
    };
    if index.len() / 2 > limits::SUBSECTIONS {
        return None;
    }
    let mut at = 0_usize;
    let mut runs = Vec::with_capacity(index.len() / 2);
    for pair in index.chunks_exact(2) {
        let [first, count] = pair else { return None };
        let first = u32::try_from(first.integer()?).ok()?;
        let count = u32::try_from(count.integer()?).ok()?;
        if first.saturating_add(count) > limits::OBJECT_NUMBER + 1 {
            return None;
        }
        let present = length.saturating_sub(at).checked_div(width)?;
        runs.push(Run { first, count: count.min(u32::try_from(present).unwrap_or(u32::MAX)), at });
        at = at.checked_add((count as usize).checked_mul(width)?)?;
    }
    Some(runs)
}

/// The stream whose dictionary ended at this position. The second value says whether `Length` was right.
/// `None` where no `stream` keyword follows.
pub(super) fn stream_at(
    data: &[u8],
    position: usize,
    dictionary: &Dictionary,
    id: ObjectId,
    length: Option<i64>,
) -> Option<(Stream, bool)> {
    let mut lexer = Lexer::new(data, position);
    if !lexer.take_keyword("stream") {
        return None;
    }
    // §7.3.8.1: CR LF or LF, not CR alone; readers accept that too.
    let mut start = lexer.position();
    if data.get(start) == Some(&b'\r') {
        start += 1;
    }
    if data.get(start) == Some(&b'\n') {
        start += 1;
    }
    let make = |length| Stream { dictionary: dictionary.clone(), start, length, id };
    if let Some(length) = length.and_then(|length| usize::try_from(length).ok())
        && let Some(end) = start.checked_add(length).filter(|end| *end <= data.len())
        && Lexer::new(data, end).take_keyword("endstream")
    {
        return Some((make(length), true));
    }
    let rest = data.get(start..)?;
    let mut length = memchr::memmem::find(rest, b"endstream").or_else(|| memchr::memmem::find(rest, b"endobj"))?;
    // The end of line before `endstream` is not data.
    if length > 0 && rest.get(length - 1) == Some(&b'\n') {
        length -= 1;
    }
    if length > 0 && rest.get(length - 1) == Some(&b'\r') {
        length -= 1;
    }
    Some((make(length), false))
}
