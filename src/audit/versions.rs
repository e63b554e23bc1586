//! The newest version of each row that authorises, as the audit log tells it: kept in memory, asked of the log once a row, and fed by
//! the sequencer with whatever is appended, on this node or on another. Holds numbers under digests only and decides nothing.

use crate::{error::Result, store::Store};
use chuky_model::record::audit::AuditEntry;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What the log says about versions of rows. One of each process, shared.
#[derive(Debug, Default)]
pub struct RowVersions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Grows whenever everything is forgotten, so that an answer of the log from before is not kept.
    generation: u64,
    versions: HashMap<[u8; 16], i64>,
}

impl RowVersions {
    /// The newest version of a row (`noun:key`); 0 where the log knows of none. Asks the log where memory has nothing.
    pub async fn newest(&self, store: &Store, subject: &str) -> Result<i64> {
        let key = key(subject);
        let known = self.known().versions.get(&key).copied();
        match known {
            Some(version) => Ok(version),
            None => self.asked(store, subject, key).await,
        }
    }

    /// The same, asking the log in any case: for what is rare and worth most, so that not even the moment is open until another
    /// node's entry has been appended.
    pub async fn newest_by_log(&self, store: &Store, subject: &str) -> Result<i64> {
        self.asked(store, subject, key(subject)).await
    }

    /// A genuine row of this version was seen, so that everything before it is old.
    pub fn learn(&self, subject: &str, version: i64) {
        self.known().raise(key(subject), version);
    }

    /// What appended entries tell.
    pub(super) fn learn_from<'e>(&self, entries: impl IntoIterator<Item = &'e AuditEntry>) {
        let mut known = self.known();
        for entry in entries {
            if let Some(version) = entry.row_version {
                known.raise(key(&entry.subject), version);
            }
        }
    }

    /// Forgets everything: entries may have been appended that were not followed.
    pub(super) fn forget(&self) {
        self.known().forget();
    }

    async fn asked(&self, store: &Store, subject: &str, key: [u8; 16]) -> Result<i64> {
        let generation = self.known().generation;
        let logged = store.newest_row_version(subject).await?.unwrap_or(0);
        let mut known = self.known();
        match known.generation == generation {
            true => Ok(known.raise(key, logged)),
            false => Ok(logged),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Versions only grow; the one that is known then.
    fn raise(&mut self, key: [u8; 16], version: i64) -> i64 {
        if self.versions.len() >= ROWS_REMEMBERED && !self.versions.contains_key(&key) {
            self.forget();
        }
        let known = self.versions.entry(key).or_insert(version);
        *known = version.max(*known);
        *known
    }

    fn forget(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.versions.clear();
    }
}

/// Identifiers are given by the service, so that nobody chooses them to collide: 128 bits are enough.
fn key(subject: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(subject).into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// Rows whose version is kept: about 40 bytes each. Beyond it everything is forgotten, and asked again row by row.
const ROWS_REMEMBERED: usize = 200_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn versions_grow_and_an_answer_from_before_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_file(&directory.path().join("versions.sqlite")).await.unwrap();
        let versions = RowVersions::default();
        assert_eq!(versions.newest(&store, "account:1").await.unwrap(), 0);
        versions.learn("account:1", 3);
        versions.learn("account:1", 2);
        assert_eq!(versions.newest(&store, "account:1").await.unwrap(), 3);
        assert_eq!(versions.newest_by_log(&store, "account:1").await.unwrap(), 3, "memory is not lowered by the log");
        versions.forget();
        assert_eq!(versions.newest(&store, "account:1").await.unwrap(), 0);
        for row in 0..=ROWS_REMEMBERED {
            versions.learn(&row.to_string(), 1);
        }
        assert!(versions.known().versions.len() <= ROWS_REMEMBERED);
    }
}
