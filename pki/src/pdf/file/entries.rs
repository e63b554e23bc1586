//! Where the objects of a file lie: by its chain of cross-reference sections, the newest first, or by what a search found.
//! Looks entries up and guesses nothing.

use super::{PdfFile, Reading};
use crate::pdf::limits;
use crate::pdf::xref::{Entry, Section};

impl PdfFile<'_> {
    /// Where the object lies, by the newest section that speaks about it. Offsets are in the slice.
    pub fn entry(&self, number: u32) -> Option<Entry> {
        if self.reading == Reading::Recovered {
            return self.recovered.get(&number).copied();
        }
        match self.listed(number)? {
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

    /// What the newest section that speaks about the number says. A long chain of updates is looked through once.
    fn listed(&self, number: u32) -> Option<Entry> {
        let updates = self.updates.get_or_init(|| {
            let (_, later) = self.sections.split_last().filter(|(_, later)| later.len() > 3)?;
            let most = later.iter().flat_map(Section::numbers).take(limits::INDEXED_UPDATES + 1).count();
            (most <= limits::INDEXED_UPDATES).then(|| {
                let pairs = later.iter().rev().flat_map(|section| {
                    section.numbers().filter_map(|number| Some((number, section.entry(self.data, number)?)))
                });
                pairs.collect()
            })
        });
        match updates {
            Some(known) => known
                .get(&number)
                .copied()
                .or_else(|| self.sections.last().and_then(|section| section.entry(self.data, number))),
            None => self.sections.iter().find_map(|section| section.entry(self.data, number)),
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
