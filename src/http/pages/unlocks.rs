//! `/unlocks`: staff ask for a locked signature to be unlocked, and a second pair of eyes decides.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`AskForm`] | `/unlocks` | whose signature, and how the identity was established |
//! | decision | `/unlocks/{id}/approve`, `/unlocks/{id}/refuse` | `csrf` |

use super::{Frame, Problems, rendered, rows::Row, texts};
use askama::Template;
use chuky_model::id::UnlockId;
use serde::Deserialize;

/// What is posted to ask.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AskForm {
    pub csrf: String,
    pub idempotency_key: String,
    /// Personal number of the holder, or serial number of the certificate.
    pub whom: String,
    pub reason: String,
}

/// One request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlockCard {
    pub unlock: UnlockId,
    pub holder: String,
    pub organization: String,
    /// Masked.
    pub personal_number: String,
    pub serial: String,
    pub number: i64,
    pub reason: String,
    /// RFC 3339.
    pub asked_at: String,
    pub asked_by: String,
    /// The reader may decide it now.
    pub decidable: bool,
    pub content_digest: String,
}

impl UnlockCard {
    fn rows(&self, frame: &Frame) -> Vec<Row> {
        let when = texts::screen_time(&self.asked_at);
        let asked = frame.fill("by-and-when", &[("who", &self.asked_by), ("when", &when)]);
        let mut rows = vec![
            Row::new(frame, "content-personal-number", &self.personal_number),
            Row::new(frame, "label-serial", &self.serial),
            Row::new(frame, "unlock-number", &frame.fill("unlock-of", &[("number", &self.number.to_string())])),
            Row::new(frame, "unlock-identity", &self.reason),
            Row::new(frame, "unlock-asked", &asked),
        ];
        if !self.organization.is_empty() {
            rows.insert(0, Row::new(frame, "content-organization", &self.organization));
        }
        rows
    }
}

/// The page.
#[derive(Clone, Template)]
#[template(path = "unlocks.html")]
pub struct UnlocksPage {
    pub frame: Frame,
    pub unlocks: Vec<UnlockCard>,
    /// Address of the next page of the list.
    pub next: Option<String>,
    /// The reader may ask.
    pub may_ask: bool,
    pub form: AskForm,
    /// What has just been done: `asked`, `approved` or `refused`; empty for nothing.
    pub done: String,
    /// Of the fields of [`AskForm`].
    pub problems: Problems,
}

impl UnlocksPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["whom", "reason"]), ..self.clone() })
    }

    fn done_text(&self) -> Option<String> {
        ["asked", "approved", "refused"]
            .contains(&self.done.as_str())
            .then(|| self.frame.name_of("unlock-done", &self.done))
    }
}
