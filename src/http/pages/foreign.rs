//! `/foreign-certificates`: a certificate of another authority is shown as it was found, its text is signed with the token, and where its name is not
//! its holder's somebody decides.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | offer | `/foreign-certificates/challenges` | `csrf`, files `certificate` and `chain`, `port` |
//! | proof | `/foreign-certificates` | `csrf`, `challenge`, `scheme`, `value` |
//! | decisions | `/foreign-certificates/{id}/approve`, `/refuse`, `/remove`, `/check` | [`ForeignForm`] |

use super::{Frame, Problems, form::percent_encoded, rendered, rows::Row, texts};
use crate::{
    foreign::{ChallengeView, ForeignView},
    http::bridge,
};
use askama::Template;
use chuky_model::record::state::{ForeignCertificateState, ForeignStatus};
use serde::Deserialize;

/// What the forms post.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ForeignForm {
    pub csrf: String,
    pub challenge: String,
    pub value: String,
    pub scheme: String,
    pub content_digest: String,
    pub reason: String,
    /// What was shown, and where the bridge listens: for the page that asks again.
    pub shown: String,
    pub port: Option<u16>,
    /// Of whoever decides by passkey.
    pub assertion: String,
}

/// The first step: which certificate.
#[derive(Clone, Template)]
#[template(path = "foreign_new.html")]
pub struct OfferPage {
    pub frame: Frame,
    pub port: u16,
    /// Of the fields `certificate` and `chain`.
    pub problems: Problems,
}

/// The second step: its text is signed.
#[derive(Clone, Template)]
#[template(path = "foreign_proof.html")]
pub struct ProofPage {
    pub frame: Frame,
    pub challenge: ChallengeView,
    /// The challenge once more, as the form carries it.
    pub shown: String,
    pub site: String,
    pub port: u16,
    /// Of the field `value`.
    pub problems: Problems,
}

/// One that is registered, or waits.
#[derive(Clone, Template)]
#[template(path = "foreign_one.html")]
pub struct ForeignPage {
    pub frame: Frame,
    pub card: ForeignView,
    /// Of the field `reason`.
    pub problems: Problems,
}

/// Those that wait for a decision.
#[derive(Clone, Template)]
#[template(path = "foreign_waiting.html")]
pub struct WaitingPage {
    pub frame: Frame,
    pub cards: Vec<ForeignView>,
    pub next: Option<String>,
}

impl OfferPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["certificate", "chain"]), ..self.clone() })
    }
}

impl ProofPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["value"]), ..self.clone() })
    }

    fn bridge(&self) -> String {
        super::own::address(self.port)
    }

    fn port_option(&self) -> String {
        if self.port == bridge::PORT { String::new() } else { format!(" --port {}", self.port) }
    }

    /// What is typed on a terminal for the bridge.
    fn bridge_command(&self) -> String {
        format!("chuky bridge --module /usr/lib/libvgca_pkcs11.so --site {}{}", self.site, self.port_option())
    }

    /// What is typed where no bridge runs.
    fn prove_command(&self) -> String {
        format!("chuky prove --module /usr/lib/libvgca_pkcs11.so --site {} --text proof.txt", self.site)
    }

    /// The text as a file, without another address.
    fn text_link(&self) -> String {
        format!("data:text/plain;charset=utf-8,{}", percent_encoded(&self.challenge.text))
    }

    fn rows(&self) -> Vec<Row> {
        let frame = &self.frame;
        let found = &self.challenge;
        let mut rows = vec![Row::new(frame, "foreign-named", &found.common_name)];
        if !found.organization.is_empty() {
            rows.push(Row::new(frame, "foreign-organization", &found.organization));
        }
        rows.extend([
            Row::new(frame, "content-issuer", &found.issuer),
            Row::new(frame, "label-serial", &found.serial),
            Row::new(frame, "credential-valid-until", &texts::screen_day(&found.not_after)),
            Row::new(frame, "foreign-status", &frame.name_of("foreign-status", found.status.name())),
            Row::new(frame, "foreign-fit", &frame.name_of("foreign-fit", found.fit.name())),
        ]);
        rows
    }

    fn status_unknown(&self) -> bool {
        self.challenge.status == ForeignStatus::Unknown
    }
}

impl ForeignPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["reason"]), ..self.clone() })
    }
}

impl WaitingPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

impl ForeignView {
    /// What the card says of it.
    pub fn rows(&self, frame: &Frame) -> Vec<Row> {
        let mut rows = vec![Row::new(frame, "foreign-named", &self.common_name)];
        if !self.organization.is_empty() {
            rows.push(Row::new(frame, "foreign-organization", &self.organization));
        }
        rows.extend([
            Row::new(frame, "content-issuer", &self.issuer),
            Row::new(frame, "label-serial", &self.serial),
            Row::new(frame, "certificate-valid-from", &texts::screen_day(&self.not_before)),
            Row::new(frame, "credential-valid-until", &texts::screen_day(&self.not_after)),
            Row::new(
                frame,
                "foreign-status",
                &frame.fill(
                    "foreign-status-at",
                    &[
                        ("status", &frame.name_of("foreign-status", self.status.name())),
                        ("at", &texts::screen_time(&self.status_at)),
                    ],
                ),
            ),
        ]);
        rows
    }

    /// What whoever decides compares.
    pub fn comparison(&self, frame: &Frame) -> Vec<Row> {
        vec![
            Row::new(frame, "foreign-holder", &self.holder),
            Row::new(frame, "field-login", &self.login),
            Row::new(frame, "foreign-named", &self.common_name),
            Row::new(frame, "foreign-fit", &frame.name_of("foreign-fit", self.fit.name())),
            Row::new(frame, "foreign-fingerprint", &self.fingerprint),
        ]
    }

    /// What its state is called on the page and in the styles.
    pub fn state_name(&self) -> &'static str {
        match (self.state, self.status, self.expired) {
            (ForeignCertificateState::Waiting, _, _) => "waiting",
            (ForeignCertificateState::Refused, _, _) => "refused",
            (ForeignCertificateState::Removed, _, _) => "removed",
            (_, ForeignStatus::Revoked, _) => "revoked",
            (_, _, true) => "expired",
            (_, ForeignStatus::Suspended, _) => "suspended",
            _ => "registered",
        }
    }

    /// The colour of that state.
    pub fn state_class(&self) -> &'static str {
        match self.state_name() {
            "waiting" => "submitted",
            "registered" => "issued",
            "refused" | "removed" => "rejected",
            other => other,
        }
    }

    /// Whether it still stands with its holder.
    pub fn stands(&self) -> bool {
        matches!(self.state, ForeignCertificateState::Waiting | ForeignCertificateState::Registered)
    }

    /// Whether what its authority says could not be asked.
    pub fn status_unknown(&self) -> bool {
        self.status == ForeignStatus::Unknown
    }
}
