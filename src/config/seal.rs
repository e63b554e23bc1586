//! What one guess of a PIN costs, and how many there are. Checked once; knows no PIN.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};

/// Cost of one PIN guess: Argon2id.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SealConfig {
    pub memory_kib: u32,
    pub iterations: u32,
    /// Wrong PINs before the credential locks.
    pub tries: u32,
    /// Days that a pepper is kept after its successor was made: so long old backups of the database can be restored.
    pub pepper_days: i64,
}

impl Default for SealConfig {
    fn default() -> Self {
        Self { memory_kib: SEAL_MEMORY_FLOOR_KIB, iterations: SEAL_ITERATIONS_FLOOR, tries: 5, pepper_days: 90 }
    }
}

impl SealConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.memory_kib < SEAL_MEMORY_FLOOR_KIB || self.iterations < SEAL_ITERATIONS_FLOOR {
            return Err(invalid("seal", "memory_kib is at least 65536 and iterations at least 3"));
        }
        match self.tries {
            1..=MOST_PIN_TRIES => Ok(()),
            _ => Err(invalid("seal.tries", "is 1 to 10")),
        }
    }
}

/// 64 MiB: the floor that the custody design sets for Argon2id (RFC 9106 §4, second recommendation, with more memory than asked).
const SEAL_MEMORY_FLOOR_KIB: u32 = 65_536;
/// Passes over that memory, the floor of the custody design.
const SEAL_ITERATIONS_FLOOR: u32 = 3;
/// Beyond this a four-digit part of a PIN is worth trying.
const MOST_PIN_TRIES: u32 = 10;
