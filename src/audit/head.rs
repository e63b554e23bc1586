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

    /// Remembers a head durably: written beside, flushed, then renamed over.
    pub fn save(&self, head: &SignedHead) -> Result<(), InternalError> {
        let failed = |error| InternalError::io(self.path.display().to_string())(error);
        let text = serde_json::to_vec(head).map_err(|error| InternalError::other(error.to_string()))?;
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&beside, &self.path).map_err(failed)?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }
}
