//! Entries of an archive with other octets: their headers and the directory are written anew, every other entry stays where and as it is.

use super::ContainerError;
use super::archive::{Archive, number};
use crate::splice::Splice;
use flate2::Crc;
use std::ops::Range;

type Result<T> = std::result::Result<T, ContainerError>;

impl Archive<'_> {
    /// What changes in the archive where these entries, by their place in the directory, have these octets. They are stored, not compressed.
    pub fn replaced(&self, contents: &[(usize, Vec<u8>)]) -> Result<Vec<Splice>> {
        let end = self.bytes().len().saturating_sub(END_LENGTH + self.comment().len());
        let directory = end..self.bytes().len();
        if number(self.bytes(), end + DIRECTORY_AT, 4) == Some(LARGE) {
            return Err(unsupported("a ZIP64 archive"));
        }
        let (mut splices, mut records) = (Vec::new(), Vec::new());
        for (at, entry) in self.entries().iter().enumerate() {
            let mut record = self.bytes().get(entry.record.clone()).unwrap_or_default().to_vec();
            if has_large_fields(&record) {
                return Err(unsupported("an archive with ZIP64 fields"));
            }
            if let Some((_, content)) = contents.iter().find(|(place, _)| *place == at) {
                patch(&mut record, content)?;
                splices.push(Splice::between(entry.whole.start, entry.whole.end, local(&record, &entry.name, content)));
            }
            records.push((entry.whole.start, record));
        }
        splices.sort_by_key(|splice| splice.at);
        let begins = self.entries().iter().map(|entry| entry.record.start).min().unwrap_or(end);
        let mut tail = Vec::new();
        for (start, mut record) in records {
            put(&mut record, LOCAL_AT, moved(start, &splices)?)?;
            tail.append(&mut record);
        }
        let mut last = self.bytes().get(directory).unwrap_or_default().to_vec();
        put(&mut last, DIRECTORY_AT, moved(begins, &splices)?)?;
        tail.append(&mut last);
        splices.push(Splice::between(begins, self.bytes().len(), tail));
        Ok(splices)
    }
}

/// Where an octet goes that stands behind some of them.
fn moved(place: usize, splices: &[Splice]) -> Result<u32> {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    let mut before = splices.iter().filter(|splice| splice.at < place);
    let after = before.try_fold(place, |place: u64, splice| {
        let inserted = u64::try_from(splice.inserted.len()).ok()?;
        place.checked_add(inserted)?.checked_sub(splice.removed)
    });
    let after = after.and_then(|after| u32::try_from(after).ok()).filter(|after| *after < u32::MAX);
    after.ok_or(ContainerError::Limit("size of a container"))
}

/// A record of the directory (APPNOTE 4.3.12) of an entry that is stored.
fn patch(record: &mut [u8], content: &[u8]) -> Result<()> {
    let size = u32::try_from(content.len()).ok().filter(|size| *size < u32::MAX);
    let size = size.ok_or(ContainerError::Limit("size of a container"))?;
    let mut crc = Crc::new();
    crc.update(content);
    // Of the flags, that the name is UTF-8 stays.
    let utf8 = number(record, FLAGS_AT, 2).unwrap_or_default() & 0x0800;
    put_short(record, FLAGS_AT, u16::try_from(utf8).unwrap_or_default())?;
    put_short(record, METHOD_AT, 0)?;
    put(record, CRC_AT, crc.sum())?;
    put(record, CRC_AT + 4, size)?;
    put(record, CRC_AT + 8, size)
}

/// The local header of that record (APPNOTE 4.3.7) with the octets.
fn local(record: &[u8], name: &[u8], content: &[u8]) -> Vec<u8> {
    // Version needed, flags, method, time, date, CRC and both sizes stand in the same order.
    let fields = record.get(6..28).unwrap_or_default();
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    [&b"PK\x03\x04"[..], fields, &length.to_le_bytes(), &0_u16.to_le_bytes(), name, content].concat()
}

/// Whether a size or a place stands in an extra field.
fn has_large_fields(record: &[u8]) -> bool {
    [CRC_AT + 4, CRC_AT + 8, LOCAL_AT].iter().any(|at| number(record, *at, 4).is_none_or(|value| value == LARGE))
}

fn put(octets: &mut [u8], at: usize, value: u32) -> Result<()> {
    write(octets, at..at + 4, &value.to_le_bytes())
}

fn put_short(octets: &mut [u8], at: usize, value: u16) -> Result<()> {
    write(octets, at..at + 2, &value.to_le_bytes())
}

fn write(octets: &mut [u8], range: Range<usize>, value: &[u8]) -> Result<()> {
    let place = octets.get_mut(range).ok_or_else(|| ContainerError::malformed("a record is cut off"))?;
    place.copy_from_slice(value);
    Ok(())
}

fn unsupported(what: &str) -> ContainerError {
    ContainerError::Unsupported(format!("{what} is not written"))
}

/// Of the record at the end, without its comment.
const END_LENGTH: usize = 22;
/// In it: where the directory begins.
const DIRECTORY_AT: usize = 16;
/// In a record of the directory.
const FLAGS_AT: usize = 8;
const METHOD_AT: usize = 10;
const CRC_AT: usize = 16;
const LOCAL_AT: usize = 42;
/// What stands where a number is elsewhere.
const LARGE: usize = 0xffff_ffff;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::creation::container::{File, Kind, frame};
    use crate::splice::spliced;

    #[test]
    fn an_entry_grows_and_every_reader_sees_the_others_as_they_were() {
        let meta = vec![("a.xml", b"short".to_vec()), ("b.xml", b"behind".to_vec())];
        let mut crc = Crc::new();
        crc.update(b"content");
        let file = File { name: "văn bản.txt", size: 7, crc: crc.sum() };
        let framed = frame(Kind::Extended, file, &meta).unwrap();
        let whole = [&framed.before[..], b"content", &framed.after].concat();
        let archive = Archive::open(&whole).unwrap();
        let at = archive.find("META-INF/a.xml").unwrap();
        let longer = b"something that is longer than before".to_vec();
        let splices = archive.replaced(&[(at, longer.clone())]).unwrap();
        let grown = spliced(&whole, &splices).unwrap();
        let read = Archive::open(&grown).unwrap();
        let content = |name: &str| read.content(read.find(name).unwrap()).unwrap().to_vec();
        assert_eq!(content("META-INF/a.xml"), longer);
        assert_eq!(content("META-INF/b.xml"), b"behind");
        assert_eq!(content("văn bản.txt"), b"content");
        assert!(grown.starts_with(&framed.before), "what stands before is untouched");
        assert_eq!(read.entries().len(), archive.entries().len());
    }

    #[test]
    fn an_archive_beyond_32_bits_is_refused() {
        assert!(moved(usize::MAX, &[]).is_err());
        assert!(moved(0xffff_0000, &[Splice::between(0, 0, vec![0; 0x1_0000])]).is_err());
    }
}
