//! Merkle trees of RFC 9162 §2.1 (and RFC 6962 §2.1): hashing with a prefix for leaves and another for nodes, inclusion paths and their
//! check. Pure; knows nothing of what the leaves say.

use crate::crypto::sha256;

/// A node or leaf hash.
pub type Hash = [u8; 32];

/// RFC 9162 §2.1.1: `SHA-256(0x00 ‖ leaf)`.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0x00], leaf].concat())
}

/// RFC 9162 §2.1.1: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut node = [0; 65];
    node[0] = 0x01;
    node[1..33].copy_from_slice(left);
    node[33..].copy_from_slice(right);
    sha256(&node)
}

/// A whole tree, for giving each leaf its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// From the leaves to the root; a last node without a right neighbour goes up as it is.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over these leaf hashes; `None` where there are none.
    pub fn over(leaves: Vec<Hash>) -> Option<Self> {
        let mut levels = vec![leaves];
        loop {
            let last = levels.last().filter(|level| !level.is_empty())?;
            if last.len() == 1 {
                return Some(Self { levels });
            }
            let above = last.chunks(2).map(|pair| match pair {
                [left, right] => node_hash(left, right),
                [alone] => *alone,
                _ => Hash::default(),
            });
            let above = above.collect();
            levels.push(above);
        }
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// The inclusion path of a leaf (RFC 9162 §2.1.3.1), nearest neighbour first; empty where there is no such leaf, and in a tree of one.
    pub fn path(&self, leaf: usize) -> Vec<Hash> {
        let neighbour = |(height, level): (usize, &Vec<Hash>)| level.get((leaf >> height) ^ 1).copied();
        let below_root = self.levels.len().saturating_sub(1);
        match self.levels.first().is_some_and(|leaves| leaf < leaves.len()) {
            true => self.levels.iter().take(below_root).enumerate().filter_map(neighbour).collect(),
            false => Vec::new(),
        }
    }
}

/// The root that a leaf and its path lead to in a tree of that size (RFC 9162 §2.1.3.2); `None` where the path has another length than
/// the leaf's place asks for.
pub fn root_of_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let mut last = size.checked_sub(1).filter(|last| index <= *last)?;
    let mut place = index;
    let mut hash = leaf;
    for neighbour in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(neighbour, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, neighbour);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The definitions of RFC 9162 §2.1.1 and §2.1.3.1, recursively.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&root(left), &root(right))
            }
        }
    }

    fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        let (mut path, other) = match index < split {
            true => (path(index, left), root(right)),
            false => (path(index - split, right), root(left)),
        };
        path.push(other);
        path
    }

    #[test]
    fn roots_and_paths_are_those_of_the_definition_and_lead_nowhere_else() {
        for size in 1..=130_usize {
            let leaves: Vec<Hash> = (0..size).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
            let tree = Tree::over(leaves.clone()).unwrap();
            assert_eq!(tree.root(), root(&leaves), "{size}");
            for (index, leaf) in leaves.iter().enumerate() {
                let found = tree.path(index);
                assert_eq!(found, path(index, &leaves), "{index} of {size}");
                let (index, size) = (index as u64, size as u64);
                assert_eq!(root_of_path(*leaf, index, size, &found), Some(tree.root()));
                // Another place, another leaf, a shorter or longer path lead elsewhere.
                if size > 1 {
                    let other = root_of_path(*leaf, (index + 1) % size, size, &found);
                    assert_ne!(other, Some(tree.root()), "{index} of {size}");
                    assert_eq!(root_of_path(*leaf, index, size, &found[1..]), None);
                }
                assert_ne!(root_of_path(leaf_hash(b""), index, size, &found), Some(tree.root()));
                assert_eq!(root_of_path(*leaf, index, size, &[found.clone(), vec![*leaf]].concat()), None);
                assert_eq!(root_of_path(*leaf, size, size, &found), None);
            }
            assert!(tree.path(size).is_empty());
        }
        assert_eq!(Tree::over(Vec::new()), None);
        assert_eq!(root_of_path(leaf_hash(b""), 0, 0, &[]), None);
    }

    #[test]
    fn known_roots() {
        // The test vectors of the certificate transparency reference implementation, leaves "" and "00".
        let leaves = vec![leaf_hash(b""), leaf_hash(&[0x00])];
        assert_eq!(hex::encode(leaves[0]), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let root = Tree::over(leaves).unwrap().root();
        assert_eq!(hex::encode(root), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}
