//! What one guess of a PIN costs, how many there are, and whose signatures need more than a PIN. Checked once; knows no PIN.

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
    /// The second factor of signatures by persons of the officials' hierarchy.
    pub second_factor_officials: FactorRule,
    /// The same of agencies' seals and systems.
    pub second_factor_agencies: FactorRule,
    /// The same of the citizens' hierarchy.
    pub second_factor_citizens: FactorRule,
}

/// Which signatures need a second factor beside the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorRule {
    /// None: the PIN alone.
    None,
    /// Those of accounts that own a second factor, or once owned one.
    WhereEnrolled,
    /// All: an account without a second factor signs nothing.
    Required,
}

impl Default for SealConfig {
    fn default() -> Self {
        Self {
            memory_kib: SEAL_MEMORY_FLOOR_KIB,
            iterations: SEAL_ITERATIONS_FLOOR,
            tries: 5,
            pepper_days: 90,
            second_factor_officials: FactorRule::WhereEnrolled,
            second_factor_agencies: FactorRule::WhereEnrolled,
            second_factor_citizens: FactorRule::None,
        }
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
