//! The signed head of the log, and the copy of it that is remembered outside the database, so that a log cut short or
//! replaced as a whole shows.

use super::merkle::Hash;
use crate::error::InternalError;
use chuky_model::{algorithm::SignatureScheme, instant::Instant};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// Size and root of the log at a moment, signed by the audit key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    pub size: u64,
    #[serde(with = "hex::serde")]
    pub root: Hash,
    pub at: Instant,
    #[serde(with = "hex::serde")]
    pub signature: Vec<u8>,
}

/// The label of the audit key on the token of status and time.
pub const AUDIT_KEY: &str = "chuky-audit";
/// What the audit key signs with.
pub const AUDIT_SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;

/// The digest that the audit key signs: SHA-256 of a fixed prefix, size, root and time.
pub fn digest(size: u64, root: &Hash, at: Instant) -> Hash {
    use sha2::{Digest, Sha256};
    Sha256::new()
        .chain_update(b"chuky-audit-head-v1")
        .chain_update(size.to_be_bytes())
        .chain_update(root)
        .chain_update(at.0.to_be_bytes())
        .finalize()
        .into()
}

/// The file outside the database that remembers the last head.
#[derive(Clone, Debug)]
pub struct RememberedHead {
    path: PathBuf,
}

impl RememberedHead {
    /// The file of this name; it need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The remembered head; `None` before the first.
    pub fn load(&self) -> Result<Option<SignedHead>, InternalError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(InternalError::io(self.path.display().to_string())(error)),
        };
        let head = serde_json::from_slice(&text);
        head.map(Some).map_err(|error| InternalError::other(format!("{}: {error}", self.path.display())))
    }

    /// Puts the remembered head aside under a name with the time, or finds the one that was put aside under it. `None` where there is none.
    pub fn put_aside(&self, at: Instant) -> Result<Option<SignedHead>, InternalError> {
        let aside = Self::at(self.path.with_extension(format!("before-{}.json", at.unix_seconds())));
        if self.path.exists() && !aside.path.exists() {
            fs::rename(&self.path, &aside.path).map_err(InternalError::io(self.path.display().to_string()))?;
        }
        aside.load()
    }

    /// Remembers a head durably: written beside, flushed, then renamed over. A longer one that is remembered already stays: several processes of
    /// one machine may remember here.
    pub fn save(&self, head: &SignedHead) -> Result<(), InternalError> {
        let failed = |error| InternalError::io(self.path.display().to_string())(error);
        let alone = File::create(self.path.with_extension("lock")).map_err(failed)?;
        alone.lock().map_err(failed)?;
        match self.load()? {
            Some(kept) if kept.size == head.size && kept.root != head.root => {
                return Err(InternalError::LogNotWhole(format!("another log of {} entries was remembered", head.size)));
            }
            Some(kept) if kept.size >= head.size => return Ok(()),
            _ => {}
        }
        let text = serde_json::to_vec(head).map_err(|error| InternalError::other(error.to_string()))?;
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&beside, &self.path).map_err(failed)?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_remembered_only_grows() {
        let directory = tempfile::tempdir().unwrap();
        let remembered = RememberedHead::at(directory.path().join("head.json"));
        let head = |size: u64, root: u8| SignedHead { size, root: [root; 32], at: Instant(1), signature: vec![1] };
        remembered.save(&head(5, 1)).unwrap();
        remembered.save(&head(3, 2)).unwrap();
        remembered.save(&head(5, 1)).unwrap();
        assert_eq!(remembered.load().unwrap(), Some(head(5, 1)));
        assert!(matches!(remembered.save(&head(5, 2)), Err(InternalError::LogNotWhole(_))));
        remembered.save(&head(6, 3)).unwrap();
        assert_eq!(remembered.load().unwrap(), Some(head(6, 3)));
        // Put aside, a shorter one is the first.
        assert_eq!(remembered.put_aside(Instant(2)).unwrap(), Some(head(6, 3)));
        remembered.save(&head(2, 4)).unwrap();
        assert_eq!(remembered.load().unwrap(), Some(head(2, 4)));
    }
}
