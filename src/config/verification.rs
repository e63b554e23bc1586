//! Settings of the verification flow: what verdicts are made by, and what may be fetched for them.

use crate::fetching::FetchConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What verdicts are made by.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerificationConfig {
    /// The validation policy where nobody names one.
    pub policy: String,
    /// A folder of further policies, one TOML file each.
    pub policies_dir: Option<PathBuf>,
    /// Days after its issue for which a trusted list is relied on at most, where its next update is not earlier.
    pub trusted_list_days: i64,
    /// Days that a verdict stays under its short link.
    pub link_days: i64,
    /// What may be fetched for verdicts.
    pub fetch: FetchConfig,
}

impl Default for VerificationConfig {
    fn default() -> Self {
        Self {
            policy: "default".to_owned(),
            policies_dir: None,
            trusted_list_days: 183,
            link_days: 90,
            fetch: FetchConfig::default(),
        }
    }
}
