//! What is set for registration: what a first activation asks for beside its code, and what an approval
//! is proved with. Checked against what else is set; decides nothing about
//! a request.

use super::{ConfigError, invalid};
use crate::accounts::passkey::RelyingParty;
use serde::{Deserialize, Serialize};

/// How requests are registered and their codes redeemed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationConfig {
    pub second_secret: SecondSecretRule,
    pub approval: ApprovalRule,
    pub second_certificate: SecondCertificateRule,
    /// Years that a person is old who is given a certificate; the service's own policy.
    pub lowest_age: u8,
    pub expired_cards: ExpiredCardRule,
    /// Where a subscriber has their certificate suspended at once, as receipts say it: a hotline's number, perhaps with its hours. Empty: the
    /// page of one's own certificates.
    pub suspend_contact: String,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        Self {
            second_secret: SecondSecretRule::default(),
            approval: ApprovalRule::default(),
            second_certificate: SecondCertificateRule::default(),
            lowest_age: 15,
            expired_cards: ExpiredCardRule::default(),
            suspend_contact: String::new(),
        }
    }
}

/// What is done where a request for a new certificate is entered of a person who has one in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondCertificateRule {
    /// It is not taken: the one in force is renewed, changed, or revoked first.
    #[default]
    Refuse,
    /// It is taken; the booth's page warns of it, and the audit log says so.
    Warn,
    /// It is taken, and the audit log says so.
    Allow,
}

/// What is done with an identity card that has ended by its day of issue and the birth of its holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiredCardRule {
    #[default]
    Refuse,
    Allow,
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
    /// Where the request names a contact and messages are handed over (`messages.spool_dir`, `messages.gateway`, `messages.mail`).
    #[default]
    WhereReachable,
    /// Always: a request without a contact is not approved.
    Required,
}

impl RegistrationConfig {
    /// Refuses to demand what nobody would send.
    pub(super) fn checked(self, sends_messages: bool, public_url: &str) -> Result<Self, ConfigError> {
        if self.second_secret == SecondSecretRule::Required && !sends_messages {
            return Err(invalid(
                "registration.second_secret",
                "\"required\" needs messages.spool_dir, a gateway or messages.mail",
            ));
        }
        if self.approval == ApprovalRule::PasskeyRequired && RelyingParty::at(public_url).is_none() {
            let what = "\"passkey_required\" needs a server.public_url with https and a host name";
            return Err(invalid("registration.approval", what));
        }
        if self.lowest_age > OLDEST_LOWEST {
            return Err(invalid("registration.lowest_age", "is a number of years, at most 100"));
        }
        let letters = self.suspend_contact.chars().count();
        if letters > LONGEST_CONTACT || self.suspend_contact.chars().any(char::is_control) {
            return Err(invalid("registration.suspend_contact", "has at most 120 characters, on one line"));
        }
        Ok(self)
    }

    /// Whether a card that has ended is refused.
    pub fn refuse_expired_cards(&self) -> bool {
        self.expired_cards == ExpiredCardRule::Refuse
    }
}

const OLDEST_LOWEST: u8 = 100;
/// A line of the receipt.
const LONGEST_CONTACT: usize = 120;
