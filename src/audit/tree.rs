//! The log's Merkle tree for those who ask for parts of it: leaves lie in the database, the hashes over each full tile of 256 in memory
//! (a 255th of the log, 32 octets each). Nothing of it is believed: a checkpoint is signed where its root is that of a signed head.

use crate::{
    error::{InternalError, Result},
    store::Store,
};
use chuky_pki::{
    merkle::{Hash, Tree},
    transparency::{
        tile::{HEIGHT, Tile, WIDTH},
        tree::{Node, Part, joined},
    },
};
use std::collections::HashMap;
use tokio::sync::RwLock;

/// The tree over what the log holds.
pub struct StoredTree {
    store: Store,
    /// First the hashes over tiles of leaves, then those over tiles of these, and so on: full tiles only.
    levels: RwLock<Vec<Vec<Hash>>>,
}

/// Parts of the tree for one answer: each tile of leaves is read once.
pub struct Reading<'t> {
    tree: &'t StoredTree,
    leaves: HashMap<u64, Vec<Hash>>,
}

impl StoredTree {
    /// The tree of that database.
    pub fn over(store: Store) -> Self {
        Self { store, levels: RwLock::default() }
    }

    /// Takes in the full tiles of a log of that size.
    pub async fn grow(&self, size: u64) -> Result<()> {
        let mut levels = self.levels.write().await;
        loop {
            let done = levels.first().map_or(0, |level| level.len() as u64);
            let wanted = (size / WIDTH).saturating_sub(done).min(TILES_AT_A_TIME);
            if wanted == 0 {
                return Ok(());
            }
            let leaves = self.leaves(done * WIDTH, wanted * WIDTH).await?;
            for tile in leaves.chunks(tile_width()) {
                add(&mut levels, root(tile.to_vec())?);
            }
        }
    }

    /// Begins an answer.
    pub fn read(&self) -> Reading<'_> {
        Reading { tree: self, leaves: HashMap::new() }
    }

    /// The hashes of a tile in a log of that size; `None` where the log has not so many.
    pub async fn tile(&self, tile: Tile, size: u64) -> Result<Option<Vec<Hash>>> {
        let Some(level) = tile.level else { return Ok(None) };
        let begin = tile.index.checked_mul(WIDTH);
        let end = begin.and_then(|begin| begin.checked_add(tile.width));
        let held = size.checked_shr(level.saturating_mul(HEIGHT)).unwrap_or(0);
        let (Some(begin), Some(_)) = (begin, end.filter(|end| *end <= held)) else { return Ok(None) };
        self.hashes(level, begin, tile.width).await.map(Some)
    }

    async fn hashes(&self, level: u32, from: u64, count: u64) -> Result<Vec<Hash>> {
        let Some(above) = level.checked_sub(1) else { return self.leaves(from, count).await };
        let levels = self.levels.read().await;
        let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let found = levels.get(place(u64::from(above))).and_then(|level| level.get(place(from)..place(from + count)));
        Ok(found.ok_or_else(|| InternalError::other("the audit log's tree lacks a tile"))?.to_vec())
    }

    async fn leaves(&self, from: u64, count: u64) -> Result<Vec<Hash>> {
        let column = |number: u64| i64::try_from(number).map_err(|_| InternalError::other("the audit log is full"));
        let rows = self.store.audit_hashes(column(from)?, column(count)?).await?;
        let hash = |(place, (sequence, hash)): (u64, (i64, Vec<u8>))| {
            (u64::try_from(sequence) == Ok(place)).then(|| hash.try_into().ok()).flatten()
        };
        let hashes: Option<Vec<Hash>> = (from..).zip(rows).map(hash).collect();
        let whole = hashes.filter(|hashes| hashes.len() as u64 == count);
        Ok(whole.ok_or_else(|| InternalError::other(format!("the audit log lacks entries from {from} on")))?)
    }
}

impl Reading<'_> {
    /// The hash over subtrees side by side.
    pub async fn hash(&mut self, part: &Part) -> Result<Hash> {
        let mut hashes = Vec::with_capacity(part.len());
        for node in part {
            hashes.push(self.node(*node).await?);
        }
        Ok(joined(&hashes).ok_or_else(|| InternalError::other("a part of a tree without nodes"))?)
    }

    /// The hashes of a proof.
    pub async fn proof(&mut self, parts: &[Part]) -> Result<Vec<Hash>> {
        let mut hashes = Vec::with_capacity(parts.len());
        for part in parts {
            hashes.push(self.hash(part).await?);
        }
        Ok(hashes)
    }

    async fn node(&mut self, node: Node) -> Result<Hash> {
        let (level, within) = (node.height / HEIGHT, node.height % HEIGHT);
        let (from, count) = (node.index << within, 1_u64 << within);
        if level > 0 {
            return root(self.tree.hashes(level, from, count).await?);
        }
        // A node below the height of a tile lies in one.
        let (tile, place) = (from / WIDTH, usize::try_from(from % WIDTH).unwrap_or_default());
        let end = place + (1 << within);
        if self.leaves.get(&tile).is_none_or(|leaves| leaves.len() < end) {
            let read = self.tree.leaves(tile * WIDTH, end as u64).await?;
            self.leaves.insert(tile, read);
        }
        let leaves = self.leaves.get(&tile).and_then(|leaves| leaves.get(place..end)).unwrap_or_default();
        root(leaves.to_vec())
    }
}

/// Puts the hash over a full tile of leaves in its place, and those over full tiles above.
fn add(levels: &mut Vec<Vec<Hash>>, hash: Hash) {
    let mut hash = Some(hash);
    let mut at = 0;
    while let Some(next) = hash {
        if levels.len() == at {
            levels.push(Vec::new());
        }
        hash = levels.get_mut(at).and_then(|level| {
            level.push(next);
            let full = level.len().is_multiple_of(tile_width());
            let last = level.len().checked_sub(tile_width()).filter(|_| full)?;
            Tree::over(level.get(last..)?.to_vec()).map(|tree| tree.root())
        });
        at += 1;
    }
}

fn root(hashes: Vec<Hash>) -> Result<Hash> {
    let tree = Tree::over(hashes).ok_or_else(|| InternalError::other("a tile without hashes"))?;
    Ok(tree.root())
}

const fn tile_width() -> usize {
    WIDTH as usize
}

/// Tiles of leaves read at a time while the tree grows: 4,096 hashes.
const TILES_AT_A_TIME: u64 = 16;
