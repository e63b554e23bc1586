//! `/welcome`: whoever was invited to an account sets a password. `/second-factor`: an authenticator app for the log-in.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`WelcomeForm`] | `/welcome` | log-in name, invitation code, second secret, password twice |
//! | [`SecondFactorForm`] | `/second-factor`, `/second-factor/confirm` | `csrf`, where to go next, the first code |

use super::{Frame, Problems, form::Secret, quick_response::QuickResponse, rendered};
use askama::Template;
use serde::Deserialize;

/// What is posted to redeem an invitation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WelcomeForm {
    pub login: String,
    pub code: Secret,
    pub second_secret: Secret,
    pub password: Secret,
    pub password_again: Secret,
}

/// What is posted to enrol a second factor.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SecondFactorForm {
    pub csrf: String,
    /// Path to go to afterwards.
    pub next: String,
    pub totp: Secret,
}

/// The page of an invitation.
#[derive(Clone, Template)]
#[template(path = "welcome.html")]
pub struct WelcomePage {
    pub frame: Frame,
    /// As typed before; no secret is.
    pub login: String,
    /// Of the fields of [`WelcomeForm`].
    pub problems: Problems,
}

/// Where the enrolment stands.
#[derive(Clone, PartialEq, Eq)]
pub enum Enrolling {
    /// Nothing was made yet.
    Start,
    /// The secret, in groups of four, and its QR code.
    Shown { secret: String, code: Option<QuickResponse> },
    /// The first code was wrong: another one is asked for, and the secret is not shown again.
    Again,
    /// The account has a second factor.
    Done,
}

/// The page of the enrolment.
#[derive(Clone, Template)]
#[template(path = "second_factor.html")]
pub struct SecondFactorPage {
    pub frame: Frame,
    pub step: Enrolling,
    /// It is asked of the reader before anything else.
    pub due: bool,
    pub next: String,
    /// Of the field `totp`.
    pub problems: Problems,
}

impl WelcomePage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let fields = ["login", "code", "second_secret", "password", "password_again"];
        rendered(&Self { problems: self.problems.among(&fields), ..self.clone() })
    }
}

impl SecondFactorPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["totp"]), ..self.clone() })
    }

    fn asks_for_code(&self) -> bool {
        matches!(self.step, Enrolling::Shown { .. } | Enrolling::Again)
    }
}

/// A base32 secret in groups of four, as it is typed.
pub fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_secret_is_typed_in_groups() {
        assert_eq!(super::grouped("GEZDGNBVGY"), "GEZD GNBV GY");
    }
}
