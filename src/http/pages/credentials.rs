//! `/credentials`: a subscriber's own signatures with their state, the change of a PIN, and what applications may do.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`PinForm`] | `/credentials/{id}/pin` | the old PIN, the new one twice |
//! | end | `/credentials/grants/{id}/end` | none |

use super::{Frame, Problems, form::Secret, rendered, rows::Row, texts};
use crate::oauth::GrantView;
use askama::Template;
use chuky_model::{
    id::CredentialId,
    instant::Instant,
    record::state::{CertificateState, CredentialState},
};
use serde::Deserialize;

/// What the change of a PIN posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PinForm {
    pub csrf: String,
    pub idempotency_key: String,
    pub old_pin: Secret,
    pub new_pin: Secret,
    pub new_pin_again: Secret,
}

/// One of the subscriber's signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialCard {
    pub credential: CredentialId,
    pub holder: String,
    pub organization: String,
    /// Lower-case hex.
    pub serial: String,
    pub issuer: String,
    pub valid_until: Instant,
    pub state: CredentialState,
    pub certificate_state: CertificateState,
    pub tries_left: u32,
    /// How often four eyes may still unlock it.
    pub unlocks_left: u32,
    /// Whether its signatures can show a picture.
    pub may_keep_picture: bool,
}

impl CredentialCard {
    fn rows(&self, frame: &Frame) -> Vec<Row> {
        let mut rows = vec![
            Row::new(frame, "label-serial", &self.serial),
            Row::new(frame, "content-issuer", &self.issuer),
            Row::new(frame, "credential-valid-until", &texts::screen_day(&self.valid_until.rfc3339())),
        ];
        if !self.organization.is_empty() {
            rows.insert(0, Row::new(frame, "content-organization", &self.organization));
        }
        if self.usable() {
            rows.push(Row::new(frame, "credential-tries-left", &self.tries_left.to_string()));
        }
        rows
    }

    fn usable(&self) -> bool {
        self.state == CredentialState::Active && self.certificate_state != CertificateState::Revoked
    }

    fn locked(&self) -> bool {
        self.state == CredentialState::Locked
    }

    /// What the state is called: the certificate's where that ends the use, else the key's.
    fn state_name(&self) -> &'static str {
        match self.certificate_state {
            CertificateState::Revoked | CertificateState::Suspended => self.certificate_state.name(),
            _ => self.state.name(),
        }
    }

    fn locked_note(&self, frame: &Frame) -> String {
        match self.unlocks_left {
            0 => frame.say("credential-locked-for-good"),
            left => frame.fill("credential-locked", &[("left", &left.to_string())]),
        }
    }
}

/// The list.
#[derive(Clone, Template)]
#[template(path = "credentials.html")]
pub struct CredentialsPage {
    pub frame: Frame,
    pub credentials: Vec<CredentialCard>,
    /// What applications may do for the subscriber now.
    pub grants: Vec<GrantView>,
    /// What has just been done.
    pub done: Option<Done>,
}

/// What the list says above itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    PinChanged,
    GrantEnded,
}

impl CredentialsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn can_sign(&self) -> bool {
        self.credentials.iter().any(CredentialCard::usable)
    }

    fn done_text(&self) -> Option<String> {
        self.done.map(|done| match done {
            Done::PinChanged => self.frame.say("pin-changed"),
            Done::GrantEnded => self.frame.say("grant-ended"),
        })
    }

    fn grant_rows(&self, grant: &GrantView) -> Vec<Row> {
        let frame = &self.frame;
        let mut rows = Vec::new();
        if grant.service {
            rows.push(Row::new(frame, "grant-may", &frame.say("grant-service")));
        }
        if grant.signatures > 0 {
            rows.push(Row::new(frame, "grant-signatures", &grant.signatures.to_string()));
        }
        rows.push(Row::new(frame, "grant-since", &texts::screen_time(&grant.since)));
        rows.push(Row::new(frame, "grant-until", &texts::screen_time(&grant.until)));
        rows
    }
}

/// The form for another PIN.
#[derive(Clone, Template)]
#[template(path = "pin.html")]
pub struct PinPage {
    pub frame: Frame,
    pub card: CredentialCard,
    pub idempotency_key: String,
    pub shortest_pin: u32,
    /// Of the fields of [`PinForm`].
    pub problems: Problems,
}

impl PinPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(PIN_FIELDS), ..self.clone() })
    }

    fn pin_rule(&self) -> String {
        self.frame.fill("pin-rule", &[("shortest", &self.shortest_pin.to_string())])
    }

    fn old_pin_hint(&self) -> String {
        self.frame.fill("pin-old-hint", &[("left", &self.card.tries_left.to_string())])
    }
}

/// The fields that have a place for their problems.
const PIN_FIELDS: &[&str] = &["old_pin", "new_pin", "new_pin_again"];
