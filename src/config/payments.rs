//! Settings of payments: how long and how many are remembered, and whether anybody may bring them. Refuses a retention that would forget a
//! payment while it could still be presented.

use super::{ConfigError, invalid};
use chuky_pki::payment::limits::{CLOCK_SKEW_SECONDS, LONGEST_WINDOW_SECONDS};
use serde::Deserialize;

/// How payments are remembered, and who may bring them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsConfig {
    /// Whole days (UTC) for which an accepted payment is remembered after its own.
    pub retention_days: i64,
    /// Payments that one process remembers at most, about 18 bytes each.
    pub most_remembered: usize,
    /// Whether only registered providers consume payments.
    pub registered_only: bool,
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        Self { retention_days: 7, most_remembered: 20_000_000, registered_only: false }
    }
}

impl PaymentsConfig {
    /// Refuses a retention that ends before an order can have expired everywhere.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(SHORTEST_RETENTION_DAYS..=400).contains(&self.retention_days) {
            return Err(invalid("payments.retention_days", "is 4 to 400"));
        }
        if !(1_000..=500_000_000).contains(&self.most_remembered) {
            return Err(invalid("payments.most_remembered", "is 1000 to 500000000"));
        }
        Ok(())
    }
}

/// An order accepted at the last moment of a day may be presented until its window and the clock skew are over.
const SHORTEST_RETENTION_DAYS: i64 = (LONGEST_WINDOW_SECONDS + CLOCK_SKEW_SECONDS) / 86_400 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payments_are_remembered_longer_than_orders_are_fresh() {
        let days = |retention_days| PaymentsConfig { retention_days, ..PaymentsConfig::default() };
        assert!(days(3).check().is_err() && days(4).check().is_ok() && days(401).check().is_err());
        assert!(SHORTEST_RETENTION_DAYS * 86_400 > LONGEST_WINDOW_SECONDS + CLOCK_SKEW_SECONDS);
    }
}
