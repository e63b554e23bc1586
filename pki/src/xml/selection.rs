//! Sets of nodes as ranges of node numbers, and the budget that hostile references cannot outgrow. Pure set arithmetic.

use super::document::{Document, NodeId};
use super::limits;
use crate::error::{Error, Result};
use std::ops::Range;

/// A node set made of whole subtrees, possibly with subtrees cut out: ranges of node numbers, sorted, apart from each other. An
/// element's attributes and namespaces are in it where the element is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub(super) ranges: Vec<Range<u32>>,
    /// Whether comments belong to it (XMLDSig §4.4.3.3 leaves them out of most references).
    pub(super) comments: bool,
}

impl Selection {
    /// The subtree of one node.
    pub fn subtree(document: &Document<'_>, id: NodeId, comments: bool) -> Self {
        Self { ranges: vec![document.subtree(id)], comments }
    }

    /// The ranges, sorted.
    pub fn ranges(&self) -> &[Range<u32>] {
        &self.ranges
    }

    /// Whether comments belong to it.
    pub fn has_comments(&self) -> bool {
        self.comments
    }

    /// Whether the node is in it.
    pub fn contains(&self, id: NodeId) -> bool {
        contains(&self.ranges, id)
    }

    /// Takes subtrees out.
    pub(super) fn subtract(&mut self, subtrees: impl IntoIterator<Item = Range<u32>>) {
        let holes = union(subtrees);
        let mut left = Vec::new();
        let mut holes = holes.into_iter().peekable();
        for range in self.ranges.drain(..) {
            let mut start = range.start;
            while let Some(hole) = holes.peek().filter(|hole| hole.start < range.end) {
                if hole.start > start {
                    left.push(start..hole.start);
                }
                start = start.max(hole.end);
                if hole.end > range.end {
                    break;
                }
                holes.next();
            }
            if start < range.end {
                left.push(start..range.end);
            }
        }
        self.ranges = left;
    }

    /// Keeps only what lies in these subtrees.
    pub(super) fn intersect(&mut self, subtrees: impl IntoIterator<Item = Range<u32>>) {
        let kept = union(subtrees);
        let mut left = Vec::new();
        let mut others = kept.iter().peekable();
        for range in &self.ranges {
            while let Some(other) = others.peek() {
                let common = range.start.max(other.start)..range.end.min(other.end);
                if common.start < common.end {
                    left.push(common);
                }
                if other.end > range.end {
                    break;
                }
                others.next();
            }
        }
        self.ranges = left;
    }

    /// Adds subtrees.
    pub(super) fn add(&mut self, subtrees: impl IntoIterator<Item = Range<u32>>) {
        self.ranges = union(self.ranges.drain(..).chain(subtrees));
    }
}

/// Ranges in any order, as sorted ranges apart from each other.
pub fn union(ranges: impl IntoIterator<Item = Range<u32>>) -> Vec<Range<u32>> {
    let mut sorted: Vec<Range<u32>> = ranges.into_iter().filter(|range| range.start < range.end).collect();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u32>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Whether sorted ranges hold the node.
pub fn contains(ranges: &[Range<u32>], id: NodeId) -> bool {
    let after = ranges.partition_point(|range| range.start <= id.0);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|range| range.contains(&id.0))
}

/// What may still be done for one document.
#[derive(Debug)]
pub struct Budget {
    left: u64,
}

impl Budget {
    /// For a document, with its detached content, of this many bytes.
    pub fn for_length(length: usize) -> Self {
        Self { left: limits::WORK_BASE.saturating_add(limits::WORK_FACTOR.saturating_mul(length as u64)) }
    }

    /// Takes work off; an error where none is left.
    pub fn spend(&mut self, work: usize) -> Result<()> {
        self.left = self.left.checked_sub(work as u64).ok_or_else(|| {
            self.left = 0;
            Error::Limit("work that the references of one document may cause")
        })?;
        Ok(())
    }

    /// Whether the limit was reached.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_arithmetic_is_that_of_sets() {
        let sets = |seed: u32| -> Vec<Range<u32>> {
            let numbers = (0..5).map(|at| (seed.wrapping_mul(2_654_435_761).rotate_left(at * 7) % 40, at));
            numbers.map(|(start, at)| start..start + (seed >> at) % 9).collect()
        };
        let members = |ranges: &[Range<u32>]| (0..60).map(|at| contains(ranges, NodeId(at))).collect::<Vec<_>>();
        for seed in 0..2_000 {
            let (left, right) = (union(sets(seed)), sets(seed + 77));
            let (mut minus, mut and, mut or) =
                [(); 3].map(|()| Selection { ranges: left.clone(), comments: true }).into();
            minus.subtract(right.clone());
            and.intersect(right.clone());
            or.add(right.clone());
            let (left, right) = (members(&left), members(&union(right)));
            let pairs = || left.iter().zip(&right);
            assert_eq!(members(&minus.ranges), pairs().map(|(a, b)| *a && !b).collect::<Vec<_>>(), "{seed}");
            assert_eq!(members(&and.ranges), pairs().map(|(a, b)| *a && *b).collect::<Vec<_>>(), "{seed}");
            assert_eq!(members(&or.ranges), pairs().map(|(a, b)| *a || *b).collect::<Vec<_>>(), "{seed}");
        }
    }
}
