//! What is set for the database: where it is, and how long it is waited for. Opens nothing.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};

/// Which database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:///path` or `postgres://…`; SQLite in the data directory where absent.
    pub url: Option<String>,
    /// How long a statement of PostgreSQL may take.
    pub wait_seconds: u64,
}

impl DatabaseConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.wait_seconds {
            1..=600 => Ok(()),
            _ => Err(invalid("database.wait_seconds", "between 1 and 600")),
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, wait_seconds: 40 }
    }
}
