//! Where the objects of a file lie: by its chain of cross-reference sections, the newest first, or by what a search found.
//! Looks entries up and guesses nothing.

use super::{PdfFile, Reading};
use crate::pdf::xref::{Entry, Section};

impl PdfFile<'_> {
    /// Where the object lies, by the newest section that speaks about it. Offsets are in the slice.
    pub fn entry(&self, number: u32) -> Option<Entry> {
        if self.reading == Reading::Recovered {
            return self.recovered.get(&number).copied();
        }
        match self.sections.listed(self.data, number)? {
            Entry::Offset { offset, generation } => {
                Some(Entry::Offset { offset: offset.saturating_add(self.shift), generation })
            }
            other => Some(other),
        }
    }

    /// Where the object begins, where it stands by itself.
    pub fn offset(&self, number: u32) -> Option<usize> {
        match self.entry(number) {
            Some(Entry::Offset { offset, .. }) => Some(offset),
            _ => None,
        }
    }

    /// Every object number that some section or the search knows, ascending.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> =
            self.sections.iter().flat_map(Section::numbers).chain(self.recovered.keys().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}
