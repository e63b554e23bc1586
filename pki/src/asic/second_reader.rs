//! A second opinion on an archive, by a reader in wide use. What two readers see differently is a finding: somebody else would be
//! shown other files than those that were judged.

use super::{ContainerError, Entry};
use std::io::Cursor;

/// Compares names, places, sizes and CRCs.
pub(super) fn compare(bytes: &[u8], entries: &[Entry]) -> Result<(), ContainerError> {
    let differ = |what: &str| Err(ContainerError::Malformed(format!("another reader sees {what}")));
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return differ("no archive") };
    if archive.len() != entries.len() {
        return differ("another number of entries");
    }
    for (at, entry) in entries.iter().enumerate() {
        let Ok(other) = archive.by_index_raw(at) else { return differ("an entry that it cannot read") };
        let number = |value: usize| u64::try_from(value).ok();
        let same = other.name_raw() == entry.name
            && Some(other.size()) == number(entry.size)
            && Some(other.compressed_size()) == number(entry.place.len())
            && other.crc32() == entry.crc
            && other.data_start() == number(entry.place.start);
        if !same {
            return differ(&format!("the entry {:?} otherwise", entry.label()));
        }
    }
    Ok(())
}
