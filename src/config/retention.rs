//! For how long what came to its end is kept. Checked once; takes nothing away.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};

/// What goes by itself, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Days after which a message that was handed over is removed.
    pub message_days: i64,
    /// Days after which nobody stands in a request that was rejected or that nobody redeemed.
    pub request_days: i64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { message_days: 90, request_days: 365 }
    }
}

impl RetentionConfig {
    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let bounds = [
            ("retention.message_days", self.message_days, 1),
            // A code lasts 720 hours at most and may be made anew.
            ("retention.request_days", self.request_days, 31),
        ];
        match bounds.into_iter().find(|(_, days, least)| !(*least..=LONGEST).contains(days)) {
            Some((key, _, least)) => Err(invalid(key, &format!("is {least} to {LONGEST}"))),
            None => Ok(self),
        }
    }
}

/// Ten years.
const LONGEST: i64 = 3_650;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_at_once_or_stays_for_ever() {
        assert!(RetentionConfig::default().checked().is_ok());
        for wrong in [0, 3_651] {
            assert!(RetentionConfig { message_days: wrong, ..RetentionConfig::default() }.checked().is_err());
            assert!(RetentionConfig { request_days: wrong, ..RetentionConfig::default() }.checked().is_err());
        }
        assert!(RetentionConfig { request_days: 30, ..RetentionConfig::default() }.checked().is_err());
    }
}
