//! The chain of cross-reference sections of a file. Its revisions are ends of one and the same chain, which is followed and indexed once however
//! many of them are looked at.

use crate::pdf::limits;
use crate::pdf::work;
use crate::pdf::xref::{Entry, Section};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;

/// Sections, newest first; those of a revision are the last ones of the whole file's.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    parts: Rc<Parts>,
    from: usize,
}

#[derive(Debug, Default)]
struct Parts {
    all: Vec<Section>,
    /// Where each section stands in the list, by its offset.
    places: HashMap<usize, usize>,
    /// How far into the file each section and those after it in the list were read from.
    reaches: Vec<usize>,
    /// What all sections but the oldest say of each object, with their place in the list, ascending. `None` where they are few or say too much.
    index: OnceCell<Option<Index>>,
}

type Index = HashMap<u32, Vec<(usize, Entry)>>;

impl Chain {
    /// A chain that was followed to its end.
    pub(super) fn of(all: Vec<Section>) -> Self {
        let places = all.iter().enumerate().map(|(place, section)| (section.offset, place)).collect();
        let mut reach = 0;
        let mut reaches: Vec<usize> = Vec::with_capacity(all.len());
        for section in all.iter().rev() {
            reach = section.reach().max(reach);
            reaches.push(reach);
        }
        reaches.reverse();
        Self { parts: Rc::new(Parts { all, places, reaches, index: OnceCell::new() }), from: 0 }
    }

    /// The same chain from the section at this offset on, where it was read from the first `length` bytes alone.
    pub(super) fn beginning_at(&self, offset: usize, length: usize) -> Option<Self> {
        let from = *self.parts.places.get(&offset)?;
        let fits = self.parts.reaches.get(from).is_some_and(|reach| *reach <= length);
        fits.then(|| Self { parts: Rc::clone(&self.parts), from })
    }

    /// What the newest section that speaks about the number says. A long chain is looked through once.
    pub(super) fn listed(&self, data: &[u8], number: u32) -> Option<Entry> {
        // Only the whole file's bytes show what all of its sections say.
        let index = match self.from {
            0 => self.parts.index.get_or_init(|| self.parts.index(data)).as_ref(),
            _ => self.parts.index.get().and_then(Option::as_ref),
        };
        match index {
            Some(index) => {
                let known = index.get(&number).and_then(|told| {
                    let first = told.partition_point(|(place, _)| *place < self.from);
                    told.get(first).map(|(_, entry)| *entry)
                });
                known.or_else(|| self.last().and_then(|section| section.entry(data, number)))
            }
            None => self.iter().find_map(|section| section.entry(data, number)),
        }
    }
}

impl Deref for Chain {
    type Target = [Section];
    fn deref(&self) -> &[Section] {
        self.parts.all.get(self.from..).unwrap_or_default()
    }
}

impl Parts {
    fn index(&self, data: &[u8]) -> Option<Index> {
        let (_, later) = self.all.split_last().filter(|(_, later)| later.len() > FEW)?;
        let most = later.iter().flat_map(Section::numbers).take(limits::INDEXED_UPDATES + 1).count();
        if most > limits::INDEXED_UPDATES {
            return None;
        }
        let mut index = Index::new();
        for (place, section) in later.iter().enumerate() {
            for number in section.numbers() {
                work::count(1);
                let told = index.entry(number).or_default();
                // The first of several entries of one section counts, which is the one that it answers with.
                if told.last().is_none_or(|(last, _)| *last != place)
                    && let Some(entry) = section.entry(data, number)
                {
                    told.push((place, entry));
                }
            }
        }
        Some(index)
    }
}

/// Sections that are asked one by one.
const FEW: usize = 3;
