//! `/account`: an account's own passkeys; `/passkeys`: those of others that a security officer confirms.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | adding | `/api/v1/passkeys/options`, `/api/v1/passkeys` | by the page's script: the browser makes the passkey |
//! | [`RemoveForm`] | `/account/passkeys/{id}/remove` | the password again, and whether it is lost |
//! | [`RevokeForm`] | `/account/api-keys/{id}/revoke` | `csrf` |
//! | [`ConfirmForm`] | `/passkeys/{id}/confirm` | the digest of the key whose code was compared |

use super::{Frame, Problems, form::Secret, rendered, rows::Row, texts};
use crate::accounts::{
    ApiKeyView,
    passkey::{PasskeyView, Waiting},
};
use askama::Template;
use serde::Deserialize;

/// What a removal posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RemoveForm {
    pub csrf: String,
    pub password: Secret,
    /// Present where the passkey may be in other hands.
    pub lost: String,
}

/// What ends an API key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RevokeForm {
    pub csrf: String,
}

/// What a confirmation posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfirmForm {
    pub csrf: String,
    pub content_digest: String,
    /// The officer's own passkey's answer, where one was asked: JSON.
    pub assertion: String,
}

/// The account's page.
#[derive(Clone, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    pub frame: Frame,
    pub login: String,
    pub passkeys: Vec<PasskeyView>,
    /// API keys of the account that open something.
    pub keys: Vec<ApiKeyView>,
    /// The account decides on something, so its passkeys are to be confirmed.
    pub approves: bool,
    /// The reader confirms passkeys of others.
    pub confirms: bool,
    /// The service's address is one that browsers give passkeys to.
    pub available: bool,
    /// What has just been done: `added`, `removed`, `lost` or `revoked`; empty for nothing.
    pub done: String,
    /// Of the form as a whole.
    pub problems: Problems,
}

impl AccountPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&[]), ..self.clone() })
    }

    fn done_text(&self) -> Option<String> {
        let known = ["added", "removed", "lost", "revoked"].contains(&self.done.as_str());
        known.then(|| self.frame.name_of("passkey-done", &self.done))
    }

    fn key_rows(&self, key: &ApiKeyView) -> Vec<Row> {
        vec![
            Row::new(&self.frame, "api-key-created", &texts::screen_time(&key.created_at)),
            Row::new(&self.frame, "api-key-until", &texts::screen_time(&key.expires_at)),
        ]
    }

    fn rows(&self, passkey: &PasskeyView) -> Vec<Row> {
        let mut rows = rows(&self.frame, passkey);
        if self.approves && !passkey.confirmed {
            rows.push(Row::new(&self.frame, "passkey-code", &passkey.comparison_code));
        }
        rows
    }
}

/// The passkeys that wait to be confirmed.
#[derive(Clone, Template)]
#[template(path = "passkeys.html")]
pub struct ConfirmPage {
    pub frame: Frame,
    pub waiting: Vec<Waiting>,
    /// One was just confirmed.
    pub done: bool,
    /// Of the form as a whole.
    pub problems: Problems,
}

impl ConfirmPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&[]), ..self.clone() })
    }

    fn rows(&self, waiting: &Waiting) -> Vec<Row> {
        let mut rows = vec![Row::new(&self.frame, "passkey-name", &waiting.passkey.name)];
        rows.extend(rows_of_age(&self.frame, &waiting.passkey));
        rows
    }
}

fn rows(frame: &Frame, passkey: &PasskeyView) -> Vec<Row> {
    let mut rows = rows_of_age(frame, passkey);
    if let Some(at) = &passkey.last_used_at {
        rows.push(Row::new(frame, "passkey-last-used", &texts::screen_time(at)));
    }
    rows
}

fn rows_of_age(frame: &Frame, passkey: &PasskeyView) -> Vec<Row> {
    let place = if passkey.backed_up { "passkey-backed-up" } else { "passkey-on-device" };
    vec![
        Row::new(frame, "passkey-created", &texts::screen_time(&passkey.created_at)),
        Row::new(frame, "passkey-place", &frame.say(place)),
    ]
}
