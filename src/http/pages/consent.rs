//! `/csc/v1/oauth2/authorize` and `/csc/v2/oauth2/authorize`: an application asks a user for the signing API, or for signatures over
//! exactly some hashes, and the user agrees or not.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | consent | the same address | the request's own parameters, `pin` where signatures are asked for, `decision` |

use super::{Frame, Problems, form::Secret, rendered, rows::Row};
use crate::custody::Demand;
use askama::Template;
use chuky_model::id::CredentialId;
use serde::Deserialize;

/// What the form posts beside the request's own parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConsentForm {
    pub csrf: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
    /// `approve`, or anything else.
    pub decision: String,
}

/// Signatures that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishCard {
    pub holder: String,
    pub serial: String,
    /// Hex, grouped; the first ones of a long list.
    pub hashes: Vec<String>,
    pub count: usize,
    pub description: String,
    pub credential: CredentialId,
    /// What signing takes beside the PIN.
    pub demand: Demand,
    /// Who will sign: the application, as activations name it.
    pub acting: String,
    /// All hashes, hex, separated by blanks; empty where they are too many for a passkey.
    pub shown: String,
}

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    pub frame: Frame,
    /// The page's own path, which the form posts to.
    pub action: String,
    /// The application's registered name.
    pub client: String,
    /// Where the answer goes, as far as a person can judge it: scheme and host.
    pub origin: String,
    /// Names and values of the request.
    pub parameters: Vec<(&'static str, String)>,
    /// `None` where nothing is signed now.
    pub wish: Option<WishCard>,
    /// Whether the application may go on for weeks.
    pub lasting: bool,
    pub problems: Problems,
}

impl ConsentPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["pin", "totp"]), ..self.clone() })
    }

    fn takes_passkey(&self) -> bool {
        self.wish.as_ref().is_some_and(|wish| wish.demand.takes_passkey() && !wish.shown.is_empty())
    }

    fn lead(&self) -> String {
        let key = match (&self.wish, self.lasting) {
            (Some(_), _) => "consent-sign-lead",
            (None, true) => "consent-lasting-lead",
            (None, false) => "consent-service-lead",
        };
        self.frame.fill(key, &[("client", &self.client)])
    }

    fn rows(&self, wish: &WishCard) -> Vec<Row> {
        let mut rows = vec![
            Row::new(&self.frame, "consent-holder", &wish.holder),
            Row::new(&self.frame, "label-serial", &wish.serial),
            Row::new(&self.frame, "consent-count", &wish.count.to_string()),
        ];
        if !wish.description.is_empty() {
            rows.push(Row::new(&self.frame, "consent-description", &wish.description));
        }
        rows
    }

    fn more(&self, wish: &WishCard) -> String {
        let left = wish.count.saturating_sub(wish.hashes.len());
        match left {
            0 => String::new(),
            left => self.frame.fill("consent-more-hashes", &[("count", &left.to_string())]),
        }
    }
}
