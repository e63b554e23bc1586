//! The Merkle tree of RFC 9162 §2.1 over audit leaves: root, inclusion and consistency by hashes alone. Pure.
//! A frontier (one hash a set bit of the size) is enough to append, so appending never reads the log again.

use sha2::{Digest, Sha256};

pub use chuky_pki::merkle::{Hash, leaf_hash, node_hash};

/// The right edge of a growing tree: the roots of its perfect subtrees, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of so many leaves with these roots, one for each bit of the size that is set, largest first.
    pub(super) fn of(size: u64, peaks: Vec<Hash>) -> Self {
        Self { size, peaks }
    }

    /// The roots of its perfect subtrees, largest first.
    pub(super) fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one bit of the size is a perfect subtree that the new leaf completes into a larger one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root; of the empty tree `SHA-256("")` (RFC 9162 §2.1.1).
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Octets of a hash.
pub(super) const HASH_OCTETS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 9162 §2.1.1, recursively.
    fn root_by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&root_by_definition(&leaves[..split]), &root_by_definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_frontier_agrees_with_the_definition() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        for index in 0..300_u32 {
            assert_eq!(frontier.root(), root_by_definition(&leaves), "{index} leaves");
            let leaf = leaf_hash(&index.to_be_bytes());
            frontier.append(leaf);
            leaves.push(leaf);
        }
    }

    #[test]
    fn known_roots() {
        // The test vectors of the certificate transparency reference implementation, leaves "" and "00".
        let mut frontier = Frontier::default();
        frontier.append(leaf_hash(b""));
        assert_eq!(hex::encode(frontier.root()), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        frontier.append(leaf_hash(&[0x00]));
        assert_eq!(hex::encode(frontier.root()), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}
