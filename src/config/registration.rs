//! What is set for registration: what a first activation asks for beside its code. Checked against what else is set; decides nothing about
//! a request.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};

/// How requests are registered and their codes redeemed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationConfig {
    pub second_secret: SecondSecretRule,
}

/// When the first activation of a person asks for a second secret, which is sent to the contact that the request names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondSecretRule {
    /// Where the request names a contact and messages are handed over (`messages.spool_dir`).
    #[default]
    WhereReachable,
    /// Always: a request without a contact is not approved.
    Required,
}

impl RegistrationConfig {
    /// Refuses to demand what nobody would send.
    pub(super) fn checked(self, sends_messages: bool) -> Result<Self, ConfigError> {
        if self.second_secret == SecondSecretRule::Required && !sends_messages {
            return Err(invalid("registration.second_secret", "\"required\" needs messages.spool_dir"));
        }
        Ok(self)
    }
}
