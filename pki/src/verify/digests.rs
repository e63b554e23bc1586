//! Digests of signed ranges and of the whole file in one pass: ranges of one file begin alike, so a state is copied where a
//! range's gap begins, and time stays linear in the file however many signatures it has.

use crate::algorithm::DigestAlgorithm;
use crate::crypto::Hasher;
use crate::pdf::signature::ByteRange;
use std::collections::BTreeMap;

/// What was computed.
#[derive(Debug, Default)]
pub(super) struct Digests {
    /// SHA-256 of the whole file.
    pub(super) file: Vec<u8>,
    ranges: BTreeMap<(usize, DigestAlgorithm), Vec<u8>>,
}

impl Digests {
    /// Computes the file's SHA-256 and, for each range, the digests in these algorithms.
    pub(super) fn compute(data: &[u8], wanted: &[(ByteRange, Vec<DigestAlgorithm>)]) -> Self {
        let mut digests = Self::default();
        let mut algorithms: Vec<DigestAlgorithm> =
            wanted.iter().flat_map(|(_, algorithms)| algorithms.clone()).collect();
        algorithms.push(DigestAlgorithm::Sha256);
        algorithms.sort_unstable();
        algorithms.dedup();
        for algorithm in algorithms {
            let mut ranges: Vec<ByteRange> =
                wanted.iter().filter(|(_, each)| each.contains(&algorithm)).map(|(range, _)| *range).collect();
            ranges.sort_by_key(|range| range.gap_start);
            let mut hasher = Hasher::new(algorithm);
            let mut done = 0;
            for range in ranges {
                hasher.update(data.get(done..range.gap_start).unwrap_or_default());
                done = range.gap_start.max(done);
                let mut own = hasher.clone();
                own.update(data.get(range.gap_end..range.end).unwrap_or_default());
                digests.ranges.insert((range.end, algorithm), own.finish());
            }
            if algorithm == DigestAlgorithm::Sha256 {
                hasher.update(data.get(done..).unwrap_or_default());
                digests.file = hasher.finish();
            }
        }
        digests
    }

    /// The digest of a range, `None` where it was not asked for.
    pub(super) fn of(&self, range: ByteRange, algorithm: DigestAlgorithm) -> Option<Vec<u8>> {
        self.ranges.get(&(range.end, algorithm)).cloned()
    }
}
