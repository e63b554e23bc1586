//! What is set for registration: what a first activation asks for beside its code, and what an approval
//! is proved with. Checked against what else is set; decides nothing about
//! a request.

use super::{ConfigError, invalid};
use crate::accounts::passkey::RelyingParty;
use serde::{Deserialize, Serialize};

/// How requests are registered and their codes redeemed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationConfig {
    pub second_secret: SecondSecretRule,
    pub approval: ApprovalRule,
    /// Where a subscriber has their certificate suspended at once, as receipts say it: a hotline's number, perhaps with its hours. Empty: the
    /// page of one's own certificates.
    pub suspend_contact: String,
}

/// When decisions that authorise need a passkey of whoever makes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalRule {
    /// From an account's first confirmed passkey on; accounts without one decide in their session.
    #[default]
    PasskeyWhereEnrolled,
    /// Always.
    PasskeyRequired,
}

/// When the first activation of a person asks for a second secret, which is sent to the contact that the request names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondSecretRule {
    /// Where the request names a contact and messages are handed over (`messages.spool_dir`, `messages.gateway`).
    #[default]
    WhereReachable,
    /// Always: a request without a contact is not approved.
    Required,
}

impl RegistrationConfig {
    /// Refuses to demand what nobody would send.
    pub(super) fn checked(self, sends_messages: bool, public_url: &str) -> Result<Self, ConfigError> {
        if self.second_secret == SecondSecretRule::Required && !sends_messages {
            return Err(invalid("registration.second_secret", "\"required\" needs messages.spool_dir or a gateway"));
        }
        if self.approval == ApprovalRule::PasskeyRequired && RelyingParty::at(public_url).is_none() {
            let what = "\"passkey_required\" needs a server.public_url with https and a host name";
            return Err(invalid("registration.approval", what));
        }
        let letters = self.suspend_contact.chars().count();
        if letters > LONGEST_CONTACT || self.suspend_contact.chars().any(char::is_control) {
            return Err(invalid("registration.suspend_contact", "has at most 120 characters, on one line"));
        }
        Ok(self)
    }
}

/// A line of the receipt.
const LONGEST_CONTACT: usize = 120;
