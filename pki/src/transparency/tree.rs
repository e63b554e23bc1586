//! Proofs over a Merkle tree of which only parts are at hand: which perfect subtrees a root, an inclusion proof or a consistency proof is
//! made of (RFC 6962 §2.1), and the check of both proofs.

use crate::merkle::{Hash, node_hash};

pub use crate::merkle::root_of_path;

/// A perfect subtree: over the leaves from `index · 2^height` on, as many as `2^height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub height: u32,
    pub index: u64,
}

/// One hash of a proof: that over these perfect subtrees side by side, of which each is smaller than the one before ([`joined`]).
pub type Part = Vec<Node>;

/// The perfect subtrees over the leaves from `start` to before `end`, where `start` is the beginning of a subtree that holds them all.
fn perfect(start: u64, end: u64) -> Part {
    let (mut at, mut nodes) = (start, Vec::new());
    while at < end {
        let height = (end - at).ilog2();
        nodes.push(Node { height, index: at >> height });
        at += 1 << height;
    }
    nodes
}

/// What the root of a tree of that size is made of.
pub fn root(size: u64) -> Part {
    perfect(0, size)
}

/// The hash over subtrees side by side; `None` where there is none.
pub fn joined(hashes: &[Hash]) -> Option<Hash> {
    let (last, before) = hashes.split_last()?;
    Some(before.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// RFC 6962 §2.1.1, from the leaf's neighbour up; `None` where there is no such leaf.
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Part>> {
    if index >= size {
        return None;
    }
    let (mut start, mut end, mut parts) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            parts.push(perfect(middle, end));
            end = middle;
        } else {
            parts.push(perfect(start, middle));
            start = middle;
        }
    }
    parts.reverse();
    Some(parts)
}

/// RFC 6962 §2.1.2; empty where the old tree is empty or the same, `None` where it is larger.
pub fn consistency(old: u64, size: u64) -> Option<Vec<Part>> {
    if old > size {
        return None;
    }
    if old == 0 || old == size {
        return Some(Vec::new());
    }
    let (mut start, mut end, mut parts) = (0, size, Vec::new());
    // Whether the old tree's edge was left: then its own root is no longer known from outside.
    let mut is_left = false;
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            parts.push(perfect(middle, end));
            end = middle;
        } else {
            parts.push(perfect(start, middle));
            start = middle;
            is_left = true;
        }
    }
    if is_left {
        parts.push(perfect(start, end));
    }
    parts.reverse();
    Some(parts)
}

/// The largest power of two below a size of at least two.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Whether the tree of `size` with `root` has the tree of `old` with `old_root` for its beginning (RFC 9162 §2.1.4.2). An empty tree is the
/// beginning of every one.
pub fn is_consistent((old, old_root): (u64, &Hash), (size, root): (u64, &Hash), proof: &[Hash]) -> bool {
    if old > size {
        return false;
    }
    if old == 0 {
        return proof.is_empty();
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    let mut hashes = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut place, mut last) = (old - 1, size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut before, mut now) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            before = node_hash(hash, &before);
            now = node_hash(hash, &now);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            now = node_hash(&now, hash);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old_root && now == *root
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::merkle::{Tree, leaf_hash};

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect()
    }

    fn hash(leaves: &[Hash], node: Node) -> Hash {
        let start = usize::try_from(node.index << node.height).unwrap();
        Tree::over(leaves[start..start + (1 << node.height)].to_vec()).unwrap().root()
    }

    fn hashes(leaves: &[Hash], parts: Vec<Part>) -> Vec<Hash> {
        let part = |part: Part| joined(&part.into_iter().map(|node| hash(leaves, node)).collect::<Vec<_>>()).unwrap();
        parts.into_iter().map(part).collect()
    }

    #[test]
    fn inclusion_proofs_are_the_trees_own() {
        for size in 1..=70 {
            let leaves = leaves(size);
            let tree = Tree::over(leaves.clone()).unwrap();
            assert_eq!(hashes(&leaves, vec![root(size)]), [tree.root()], "{size}");
            for index in 0..size {
                let path = hashes(&leaves, inclusion(index, size).unwrap());
                assert_eq!(path, tree.path(usize::try_from(index).unwrap()), "{index} of {size}");
            }
            assert_eq!(inclusion(size, size), None);
        }
    }

    #[test]
    fn a_tree_is_consistent_with_its_beginnings_and_with_nothing_else() {
        for size in 1..=40_u64 {
            let all = leaves(size);
            let now = Tree::over(all.clone()).unwrap().root();
            for old in 1..=size {
                let before = Tree::over(leaves(old)).unwrap().root();
                let proof = hashes(&all, consistency(old, size).unwrap());
                assert!(is_consistent((old, &before), (size, &now), &proof), "{old} of {size}");
                // Another beginning, another end, another size, a hash more, less or changed.
                let other = leaf_hash(b"other");
                assert!(!is_consistent((old, &other), (size, &now), &proof), "{old} of {size}");
                assert!(!is_consistent((old, &before), (size, &other), &proof), "{old} of {size}");
                assert!(!is_consistent((old, &before), (size, &now), &[proof.clone(), vec![other]].concat()));
                for at in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[at][5] ^= 1;
                    assert!(!is_consistent((old, &before), (size, &now), &changed), "{old} of {size}");
                    changed.remove(at);
                    assert!(!is_consistent((old, &before), (size, &now), &changed), "{old} of {size}");
                }
            }
            assert!(consistency(size + 1, size).is_none() && consistency(0, size).unwrap().is_empty());
            assert!(!is_consistent((size + 1, &now), (size, &now), &[]));
        }
    }

    /// The known answers of RFC 9162 §2.1.5 for a tree of seven leaves: which nodes stand in each proof.
    #[test]
    fn the_examples_of_the_standard() {
        let node = |height, index| Node { height, index };
        assert_eq!(inclusion(0, 7).unwrap(), [vec![node(0, 1)], vec![node(1, 1)], vec![node(1, 2), node(0, 6)]]);
        assert_eq!(inclusion(6, 7).unwrap(), [vec![node(1, 2)], vec![node(2, 0)]]);
        assert_eq!(
            consistency(3, 7).unwrap(),
            [vec![node(0, 2)], vec![node(0, 3)], vec![node(1, 0)], vec![node(1, 2), node(0, 6)]]
        );
        assert_eq!(consistency(4, 7).unwrap(), [vec![node(1, 2), node(0, 6)]]);
        assert_eq!(consistency(6, 7).unwrap(), [vec![node(1, 2)], vec![node(0, 6)], vec![node(2, 0)]]);
    }
}
