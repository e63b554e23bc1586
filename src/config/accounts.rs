//! What is set for the accounts of staff: the second factor of their log-in, how long they may be idle, and how long orders and invitations
//! last. Checked once; decides nothing about an account.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};

/// Accounts of staff.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountsConfig {
    /// `required` where nothing is set; of a demonstration `where_enrolled`.
    pub second_factor: Option<SecondFactorRule>,
    /// Minutes after which an unused session of staff ends.
    pub idle_minutes: i64,
    /// Hours that an invitation can be redeemed.
    pub invitation_hours: i64,
    /// Days that an order waits for its decision.
    pub order_days: i64,
}

/// Of whom a second factor is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorRule {
    /// Of all staff: who has none enrols one after the log-in, before anything else.
    Required,
    /// Of whoever enrolled one.
    WhereEnrolled,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self { second_factor: None, idle_minutes: 30, invitation_hours: 72, order_days: 7 }
    }
}

impl AccountsConfig {
    /// Whether staff without a second factor may only enrol one.
    pub fn requires_second_factor(&self) -> bool {
        self.second_factor.unwrap_or(SecondFactorRule::Required) == SecondFactorRule::Required
    }

    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let bounds = [
            ("accounts.idle_minutes", self.idle_minutes, LONGEST_IDLE_MINUTES),
            ("accounts.invitation_hours", self.invitation_hours, LONGEST_INVITATION_HOURS),
            ("accounts.order_days", self.order_days, LONGEST_ORDER_DAYS),
        ];
        match bounds.into_iter().find(|(_, value, most)| !(1..=*most).contains(value)) {
            Some((key, _, most)) => Err(invalid(key, &format!("is 1 to {most}"))),
            None => Ok(self),
        }
    }
}

/// A whole session.
const LONGEST_IDLE_MINUTES: i64 = 720;
/// A month.
const LONGEST_INVITATION_HOURS: i64 = 744;
const LONGEST_ORDER_DAYS: i64 = 90;
