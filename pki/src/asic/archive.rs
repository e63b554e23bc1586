//! The ZIP archive (PKWARE APPNOTE 6.3) read so strictly that no two readers can see different files in it: one central directory
//! that ends with the file, local headers that agree with it, entries that touch each other, nothing before, between or behind.
//! Reads by offset over the bytes; inflates within bounds.

use super::entry::{Entry, Role};
use super::{ContainerError, limits, second_reader};
use crate::xml::transform::percent_decoded;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::ops::Range;

type Result<T> = std::result::Result<T, ContainerError>;

/// An archive whose structure is sound.
#[derive(Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
    comment: &'a [u8],
    contents: Vec<OnceCell<Result<Cow<'a, [u8]>>>>,
    /// Bytes that may still come out of compression.
    budget: Cell<usize>,
}

impl<'a> Archive<'a> {
    /// Reads the structure; contents are read when they are asked for.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        let (bytes, end) = without_surplus(bytes)?;
        let mut central = Cursor { bytes, at: end.directory.start, end: end.directory.end };
        let mut found = Vec::new();
        let mut names = BTreeSet::new();
        while central.at < central.end {
            if found.len() >= limits::ENTRIES {
                return Err(ContainerError::Limit("entries in one container"));
            }
            let begins = central.at;
            let mut record = central_record(&mut central)?;
            record.record = begins..central.at;
            check_name(&record.name)?;
            if !names.insert(record.name.clone()) {
                let name = String::from_utf8_lossy(&record.name).into_owned();
                return Err(ContainerError::Malformed(format!("two entries have the name {name:?}")));
            }
            found.push(record);
        }
        if found.len() != end.entries {
            return Err(ContainerError::malformed("the directory has another number of entries than it says"));
        }
        let entries = places(bytes, found, end.directory.start)?;
        second_reader::compare(bytes, &entries)?;
        let contents = entries.iter().map(|_| OnceCell::new()).collect();
        Ok(Self { bytes, entries, comment: end.comment, contents, budget: Cell::new(limits::INFLATED) })
    }

    /// The entries in the order of the directory.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The whole archive.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The archive's comment.
    pub fn comment(&self) -> &[u8] {
        self.comment
    }

    /// Every entry with this role.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = usize> + '_ {
        self.entries.iter().enumerate().filter(move |(_, entry)| entry.role() == role).map(|(at, _)| at)
    }

    /// The entry that a name or a reference by URI means: percent-encoding is taken off where the plain text names nothing.
    pub fn find(&self, uri: &str) -> Option<usize> {
        let position = |name: &[u8]| self.entries.iter().position(|entry| entry.name == name);
        let relative = uri.strip_prefix("./").or(uri.strip_prefix('/')).unwrap_or(uri);
        [uri, relative]
            .iter()
            .find_map(|text| position(text.as_bytes()).or_else(|| position(percent_decoded(text).as_bytes())))
    }

    /// An entry's bytes: borrowed where it is stored, else inflated once and kept. CRC and size must be what the archive says.
    pub fn content(&self, at: usize) -> Result<&[u8]> {
        let (Some(entry), Some(cell)) = (self.entries.get(at), self.contents.get(at)) else {
            return Err(ContainerError::malformed("no such entry"));
        };
        cell.get_or_init(|| self.read(entry)).as_deref().map_err(Clone::clone)
    }

    fn read(&self, entry: &Entry) -> Result<Cow<'a, [u8]>> {
        let packed = self.bytes.get(entry.place.clone()).unwrap_or_default();
        let content = if entry.deflated {
            let left = self.budget.get().checked_sub(entry.size).ok_or(ContainerError::Limit("inflated bytes"))?;
            if entry.size > limits::UNQUESTIONED && entry.size / limits::RATIO > packed.len() {
                return Err(ContainerError::Limit("compression ratio of an entry"));
            }
            self.budget.set(left);
            Cow::Owned(inflate(packed, entry)?)
        } else {
            Cow::Borrowed(packed)
        };
        let mut crc = Crc::new();
        crc.update(&content);
        if crc.sum() != entry.crc {
            return Err(ContainerError::Malformed(format!("{}: the CRC does not match", entry.label())));
        }
        Ok(content)
    }
}

fn inflate(packed: &[u8], entry: &Entry) -> Result<Vec<u8>> {
    let wrong = || ContainerError::Malformed(format!("{}: the compressed data is damaged", entry.label()));
    let mut inflater = Decompress::new(false);
    // One byte more than it says, so that an entry that is longer shows.
    let mut content = Vec::with_capacity(entry.size.saturating_add(1));
    loop {
        let taken = usize::try_from(inflater.total_in()).map_err(|_| wrong())?;
        let rest = packed.get(taken..).unwrap_or_default();
        let before = (inflater.total_in(), content.len());
        let status = inflater.decompress_vec(rest, &mut content, FlushDecompress::Finish).map_err(|_| wrong())?;
        if content.len() > entry.size {
            return Err(wrong());
        }
        match status {
            Status::StreamEnd => break,
            _ if (inflater.total_in(), content.len()) == before => return Err(wrong()),
            _ => {}
        }
    }
    let all_in = usize::try_from(inflater.total_in()).is_ok_and(|taken| taken == packed.len());
    if all_in && content.len() == entry.size { Ok(content) } else { Err(wrong()) }
}

/// No name that leads out of the container, or that readers spell differently.
fn check_name(name: &[u8]) -> Result<()> {
    let wrong =
        |what: &str| Err(ContainerError::Malformed(format!("{what} in the name {:?}", String::from_utf8_lossy(name))));
    if name.is_empty() || name.len() > limits::NAME {
        return Err(ContainerError::Malformed("an entry's name is empty or too long".to_owned()));
    }
    if name.iter().any(|byte| *byte < 0x20 || *byte == b'\\' || *byte == 0x7f) {
        return wrong("a control character or backslash");
    }
    let path = name.strip_suffix(b"/").unwrap_or(name);
    if path.split(|byte| *byte == b'/').any(|part| part.is_empty() || part == b"." || part == b"..") {
        return wrong("a step out of the container");
    }
    Ok(())
}

struct End<'a> {
    directory: Range<usize>,
    entries: usize,
    comment: &'a [u8],
}

/// The archive's end, behind which some transports leave a zero or a line end: up to four octets that no reader takes for anything.
fn without_surplus(bytes: &[u8]) -> Result<(&[u8], End<'_>)> {
    let error = match end_of_directory(bytes) {
        Ok(end) => return Ok((bytes, end)),
        Err(error) => error,
    };
    let mut shorter = bytes;
    for _ in 0..limits::SURPLUS {
        let Some((b'\0' | b'\r' | b'\n', rest)) = shorter.split_last() else { break };
        shorter = rest;
        // Without a comment, so that whoever looks for the end from behind finds this one first.
        match end_of_directory(shorter) {
            Ok(end) if end.comment.is_empty() => return Ok((shorter, end)),
            _ => {}
        }
    }
    Err(error)
}

/// APPNOTE 4.3.14 to 4.3.16. The record must end the file; a second place that could be one makes the archive ambiguous.
fn end_of_directory(bytes: &[u8]) -> Result<End<'_>> {
    let first = bytes.len().saturating_sub(limits::COMMENT + END_LENGTH);
    let mut at = None;
    let window = bytes.get(first..).unwrap_or_default();
    for found in memchr::memmem::find_iter(window, b"PK\x05\x06").map(|found| first + found) {
        let length = number(bytes, found + 20, 2);
        if length.and_then(|length| found.checked_add(END_LENGTH + length)) == Some(bytes.len()) {
            if at.is_some() {
                return Err(ContainerError::malformed("two ends of the directory"));
            }
            at = Some(found);
        }
    }
    let at = at.ok_or_else(|| ContainerError::malformed("no end of the directory, or bytes behind it"))?;
    let field = |offset: usize, length: usize| {
        number(bytes, at + offset, length).ok_or_else(|| ContainerError::malformed("end of the directory"))
    };
    if field(4, 2)? != 0 || field(6, 2)? != 0 {
        return Err(ContainerError::Unsupported("an archive in several parts".to_owned()));
    }
    let (entries, size, offset) = (field(10, 2)?, field(12, 4)?, field(16, 4)?);
    let comment = bytes.get(at + END_LENGTH..).unwrap_or_default();
    if entries == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
        return large_end(bytes, at, comment);
    }
    if field(8, 2)? != entries || offset.checked_add(size) != Some(at) {
        return Err(ContainerError::malformed("the directory does not stand where it says"));
    }
    Ok(End { directory: offset..at, entries, comment })
}

/// ZIP64: the locator in front of the end, and the record it names in front of that.
fn large_end<'a>(bytes: &'a [u8], end: usize, comment: &'a [u8]) -> Result<End<'a>> {
    let wrong = || ContainerError::malformed("ZIP64 end of the directory");
    let locator = end.checked_sub(20).ok_or_else(wrong)?;
    let at = |offset: usize, length: usize| number(bytes, offset, length).ok_or_else(wrong);
    let record = at(locator + 8, 8)?;
    let is_record = bytes.get(record..).is_some_and(|rest| rest.starts_with(b"PK\x06\x06"));
    let is_locator = bytes.get(locator..).is_some_and(|rest| rest.starts_with(b"PK\x06\x07"));
    if !is_locator || !is_record || at(record + 4, 8)?.checked_add(record + 12) != Some(locator) {
        return Err(wrong());
    }
    let (entries, size, offset) = (at(record + 32, 8)?, at(record + 40, 8)?, at(record + 48, 8)?);
    if at(record + 24, 8)? != entries || offset.checked_add(size) != Some(record) {
        return Err(wrong());
    }
    Ok(End { directory: offset..record, entries, comment })
}

/// One record of the directory (APPNOTE 4.3.12).
struct Central {
    name: Vec<u8>,
    flags: usize,
    method: usize,
    crc: u32,
    packed: usize,
    size: usize,
    local: usize,
    /// Where it stands itself.
    record: Range<usize>,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end);
        let end = end.ok_or_else(|| ContainerError::malformed("a record is cut off"))?;
        let taken = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(taken)
    }
}

fn central_record(cursor: &mut Cursor<'_>) -> Result<Central> {
    let fixed = cursor.take(46)?;
    let field = |offset, length| number(fixed, offset, length).unwrap_or_default();
    if !fixed.starts_with(b"PK\x01\x02") {
        return Err(ContainerError::malformed("a record of the directory"));
    }
    let name = cursor.take(field(28, 2))?.to_vec();
    let extra = cursor.take(field(30, 2))?;
    cursor.take(field(32, 2))?;
    let label = || String::from_utf8_lossy(&name).into_owned();
    let flags = field(8, 2);
    if flags & ENCRYPTED != 0 {
        return Err(ContainerError::Unsupported(format!("{}: encrypted", label())));
    }
    let method = field(10, 2);
    if method != STORED && method != DEFLATED {
        return Err(ContainerError::Unsupported(format!("{}: compression method {method}", label())));
    }
    if ![0, 0xffff].contains(&field(34, 2)) {
        return Err(ContainerError::Unsupported("an archive in several parts".to_owned()));
    }
    let sizes = Sizes { size: field(24, 4), packed: field(20, 4), local: Some(field(42, 4)) }.with(extra)?;
    if names_itself_otherwise(extra, &name) {
        return Err(ContainerError::Malformed(format!("{}: it has two names", label())));
    }
    let local = sizes.local.unwrap_or_default();
    let crc = u32::try_from(field(16, 4)).unwrap_or_default();
    Ok(Central { name, flags, method, crc, packed: sizes.packed, size: sizes.size, local, record: 0..0 })
}

/// Sizes and place, completed from the ZIP64 extra field where they are all ones (APPNOTE 4.5.3).
struct Sizes {
    size: usize,
    packed: usize,
    local: Option<usize>,
}

impl Sizes {
    fn with(mut self, extra: &[u8]) -> Result<Self> {
        let Some(large) = extra_field(extra, 0x0001) else { return Ok(self) };
        let mut at = 0;
        let local = &mut self.local;
        for value in [&mut self.size, &mut self.packed].into_iter().chain(local.as_mut()) {
            if *value == 0xffff_ffff {
                *value = number(large, at, 8).ok_or_else(|| ContainerError::malformed("ZIP64 extra field"))?;
                at += 8;
            }
        }
        Ok(self)
    }
}

fn extra_field(mut extra: &[u8], wanted: usize) -> Option<&[u8]> {
    loop {
        let (kind, length) = (number(extra, 0, 2)?, number(extra, 2, 2)?);
        let content = extra.get(4..4 + length)?;
        if kind == wanted {
            return Some(content);
        }
        extra = extra.get(4 + length..)?;
    }
}

/// Info-ZIP's Unicode path (APPNOTE 4.6.9): some readers take the name from there. Only where it is for this name, which its CRC
/// tells, and only where the name itself is no plain ASCII that it would contradict.
fn names_itself_otherwise(extra: &[u8], name: &[u8]) -> bool {
    let Some(content) = extra_field(extra, 0x7075) else { return false };
    let mut crc = Crc::new();
    crc.update(name);
    let of_this_name = number(content, 1, 4) == usize::try_from(crc.sum()).ok();
    of_this_name && name.is_ascii() && content.get(5..).is_some_and(|unicode| unicode != name)
}

/// Where the entries' bytes are: local headers that agree, one behind the other from the first byte to the directory.
fn places(bytes: &[u8], found: Vec<Central>, directory: usize) -> Result<Vec<Entry>> {
    let mut by_place: Vec<usize> = (0..found.len()).collect();
    by_place.sort_by_key(|at| found.get(*at).map(|record| record.local));
    let mut starts = vec![(0, 0); found.len()];
    let mut expected = 0;
    for at in by_place {
        let (Some(record), Some(start)) = (found.get(at), starts.get_mut(at)) else { continue };
        if record.local != expected {
            let what = if record.local < expected { "entries overlap" } else { "bytes that belong to no entry" };
            return Err(ContainerError::malformed(what));
        }
        *start = local_header(bytes, record, directory)?;
        expected = start.1;
    }
    if expected != directory {
        return Err(ContainerError::malformed("bytes between the last entry and the directory"));
    }
    let entries = found.into_iter().zip(starts).map(|(record, (start, end))| Entry {
        name: record.name,
        deflated: record.method == DEFLATED,
        crc: record.crc,
        place: start..start.saturating_add(record.packed),
        size: record.size,
        whole: record.local..end,
        record: record.record,
    });
    Ok(entries.collect())
}

/// Compares the local header (APPNOTE 4.3.7); returns where the data begins and where the next entry must.
fn local_header(bytes: &[u8], record: &Central, directory: usize) -> Result<(usize, usize)> {
    let label = String::from_utf8_lossy(&record.name).into_owned();
    let wrong = |what: &str| ContainerError::Malformed(format!("{label}: {what}"));
    let mut cursor = Cursor { bytes, at: record.local, end: directory };
    let fixed = cursor.take(30)?;
    let field = |offset, length| number(fixed, offset, length).unwrap_or_default();
    if !fixed.starts_with(b"PK\x03\x04") {
        return Err(wrong("no local header where the directory says"));
    }
    let name = cursor.take(field(26, 2))?;
    let extra = cursor.take(field(28, 2))?;
    let differing = (field(6, 2) ^ record.flags) & DECIDING_FLAGS;
    // Writers that set the flag for UTF-8 (APPNOTE appendix D) in one of the two places only name the same file with the same octets.
    let same_flags = differing == 0 || differing == UTF8 && std::str::from_utf8(&record.name).is_ok();
    if name != record.name || field(8, 2) != record.method || !same_flags {
        return Err(wrong("local header and directory disagree"));
    }
    if names_itself_otherwise(extra, name) {
        return Err(wrong("it has two names"));
    }
    let sizes = Sizes { size: field(22, 4), packed: field(18, 4), local: None }.with(extra)?;
    let crc = field(14, 4);
    let agree = |value: usize, central: usize| value == central || (value == 0 && record.flags & DESCRIPTOR != 0);
    let record_crc = usize::try_from(record.crc).unwrap_or_default();
    // With a descriptor a writer that streams knows no sizes yet and may fill the fields with ones for ZIP64.
    let unknown = record.flags & DESCRIPTOR != 0 && field(18, 4) == 0xffff_ffff;
    if !agree(crc, record_crc) || !(unknown || agree(sizes.size, record.size) && agree(sizes.packed, record.packed)) {
        return Err(wrong("local header and directory disagree about size or CRC"));
    }
    if record.method == STORED && record.size != record.packed {
        return Err(wrong("stored with two sizes"));
    }
    if record.name.ends_with(b"/") && record.size != 0 {
        return Err(wrong("a folder with content"));
    }
    let start = cursor.at;
    cursor.take(record.packed)?;
    if record.flags & DESCRIPTOR != 0 {
        descriptor(&mut cursor, record, record_crc).ok_or_else(|| wrong("its data descriptor disagrees"))?;
    }
    Ok((start, cursor.at))
}

/// APPNOTE 4.3.9: CRC and sizes behind the data, with or without a signature, in four or eight bytes.
fn descriptor(cursor: &mut Cursor<'_>, record: &Central, crc: usize) -> Option<()> {
    let rest = cursor.bytes.get(cursor.at..cursor.end)?;
    for marked in [4, 0] {
        if marked == 4 && !rest.starts_with(b"PK\x07\x08") {
            continue;
        }
        for width in [4, 8] {
            let values = [(0, 4, crc), (4, width, record.packed), (4 + width, width, record.size)];
            if values.iter().all(|(at, width, value)| number(rest, marked + at, *width) == Some(*value)) {
                return cursor.take(marked + 4 + 2 * width).ok().map(|_| ());
            }
        }
    }
    None
}

/// A little-endian number; `None` where the bytes end before it, or where no memory is that large.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let octets = bytes.get(at..at.checked_add(length)?)?;
    let value = octets.iter().rev().fold(0u64, |value, octet| (value << 8) | u64::from(*octet));
    usize::try_from(value).ok()
}

/// Length of the end record without its comment.
const END_LENGTH: usize = 22;
const STORED: usize = 0;
const DEFLATED: usize = 8;
/// Flags (APPNOTE 4.4.4): encrypted, in any way; sizes behind the data; names in UTF-8.
const ENCRYPTED: usize = 0x2041;
const DESCRIPTOR: usize = 0x0008;
const UTF8: usize = 0x0800;
const DECIDING_FLAGS: usize = ENCRYPTED | DESCRIPTOR | UTF8;
