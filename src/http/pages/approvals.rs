//! `/approvals`: what applications want signed and wait for its signer to approve on this device. The number that an application shows is never
//! on these pages.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`ApproveForm`] | `/approvals/{id}/approve` | the number, the PIN, a second factor |
//! | [`RefuseForm`] | `/approvals/{id}/refuse` | why |

use super::{Frame, Problems, form::Secret, rendered, rows::Row, texts};
use crate::{
    accounts::passkey::MOST_SHOWN,
    approvals::{ApprovalView, Asker},
};
use askama::Template;
use serde::Deserialize;

/// What approving posts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ApproveForm {
    pub csrf: String,
    pub number: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
}

/// What refusing posts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RefuseForm {
    pub csrf: String,
    pub why: String,
}

/// What waits.
#[derive(Clone, Template)]
#[template(path = "approvals.html")]
pub struct ApprovalsPage {
    pub frame: Frame,
    pub approvals: Vec<ApprovalView>,
    /// What has just been done.
    pub done: Option<Done>,
}

/// What the list says above itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Approved,
    Refused,
}

impl ApprovalsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn done_text(&self) -> Option<String> {
        self.done.map(|done| match done {
            Done::Approved => self.frame.say("approval-done"),
            Done::Refused => self.frame.say("approval-refused"),
        })
    }

    fn asker(&self, approval: &ApprovalView) -> String {
        asker(&self.frame, approval)
    }

    fn rows(&self, approval: &ApprovalView) -> Vec<Row> {
        let frame = &self.frame;
        let mut rows = vec![Row::new(frame, "consent-count", &approval.hashes.len().to_string())];
        rows.extend(described(frame, approval));
        rows.push(Row::new(frame, "approval-left", &left(frame, approval)));
        rows
    }
}

/// One of them, to be decided.
#[derive(Clone, Template)]
#[template(path = "approval.html")]
pub struct ApprovalPage {
    pub frame: Frame,
    pub approval: ApprovalView,
    /// As it was typed.
    pub number: String,
    /// Of the fields of [`ApproveForm`].
    pub problems: Problems,
}

impl ApprovalPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["number", "pin", "totp"]), ..self.clone() })
    }

    fn lead(&self) -> String {
        match &self.approval.asker {
            Asker::Application(name) => self.frame.fill("approval-lead", &[("client", name)]),
            Asker::OwnAccount => self.frame.say("approval-lead-own"),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let (frame, approval) = (&self.frame, &self.approval);
        let mut rows = vec![
            Row::new(frame, "consent-holder", &approval.holder),
            Row::new(frame, "label-serial", &approval.serial),
            Row::new(frame, "consent-count", &approval.hashes.len().to_string()),
        ];
        rows.extend(described(frame, approval));
        rows.push(Row::new(frame, "approval-asked-at", &texts::screen_time(&approval.asked_at.rfc3339())));
        rows.push(Row::new(frame, "approval-left", &left(frame, approval)));
        rows
    }

    /// Name and hash of each, grouped; the first ones of a long list.
    fn things(&self) -> Vec<(String, String)> {
        let names = self.approval.said.names.iter().map(String::as_str).chain(std::iter::repeat(""));
        let hashes = self.approval.hashes.iter().take(THINGS_SHOWN);
        hashes.zip(names).map(|(hash, name)| (name.to_owned(), grouped(hash))).collect()
    }

    fn more(&self) -> String {
        match self.approval.hashes.len().saturating_sub(THINGS_SHOWN) {
            0 => String::new(),
            left => self.frame.fill("consent-more-hashes", &[("count", &left.to_string())]),
        }
    }

    /// All hashes, hex, separated by blanks; empty where they are too many for a passkey.
    fn shown(&self) -> String {
        let shown: Vec<String> = self.approval.hashes.iter().map(hex::encode).collect();
        if shown.len() > MOST_SHOWN { String::new() } else { shown.join(" ") }
    }

    fn takes_passkey(&self) -> bool {
        self.approval.demand.takes_passkey() && self.approval.hashes.len() <= MOST_SHOWN
    }

    /// Each reason to refuse, with its words.
    fn reasons(&self) -> [(&'static str, String); 3] {
        [
            ("not_mine", self.frame.say("approval-why-not-mine")),
            ("not_right", self.frame.say("approval-why-not-right")),
            ("not_now", self.frame.say("approval-why-not-now")),
        ]
    }
}

fn asker(frame: &Frame, approval: &ApprovalView) -> String {
    match &approval.asker {
        Asker::Application(name) => name.clone(),
        Asker::OwnAccount => frame.say("approval-own"),
    }
}

fn described(frame: &Frame, approval: &ApprovalView) -> Option<Row> {
    let said = approval.said.description.as_str();
    (!said.is_empty()).then(|| Row::new(frame, "consent-description", said))
}

fn left(frame: &Frame, approval: &ApprovalView) -> String {
    let (minutes, seconds) = (approval.left.div_euclid(60).to_string(), approval.left.rem_euclid(60).to_string());
    let until = texts::screen_time(&approval.expires_at.rfc3339());
    frame.fill("approval-left-value", &[("minutes", &minutes), ("seconds", &seconds), ("until", &until)])
}

fn grouped(hash: &[u8]) -> String {
    let groups: Vec<String> = hash.chunks(4).map(hex::encode).collect();
    groups.join(" ")
}

/// Documents that are written out; the rest is counted.
const THINGS_SHOWN: usize = 20;
