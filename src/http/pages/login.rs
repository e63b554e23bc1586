//! `/login`: name and password. What was typed wrong is not said more exactly than that it does not fit.

use super::{Frame, Problems, form::Secret, html, rendered};
use askama::Template;
use axum::{
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

/// What the log-in form posts to `/login`.
#[derive(Debug, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    pub csrf: String,
    #[serde(default)]
    pub login: String,
    #[serde(default)]
    pub password: Secret,
    /// The code of an authenticator app; empty where the account has none.
    #[serde(default)]
    pub totp: Secret,
    /// Path to go to afterwards; see [`safe_next`].
    #[serde(default)]
    pub next: String,
}

/// The log-in page.
#[derive(Clone, Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    pub frame: Frame,
    /// The name as typed before, never the password.
    pub login: String,
    /// Path to go to afterwards; empty for `/`.
    pub next: String,
    /// Of the fields `login`, `password` and the form as a whole.
    pub problems: Problems,
}

/// What may stand behind `/login?`.
#[derive(Debug, Default, Deserialize)]
pub struct LoginQuery {
    /// Path to go to afterwards; see [`safe_next`].
    #[serde(default)]
    pub next: String,
}

/// `GET /login`.
pub async fn show(frame: Frame, query: Result<Query<LoginQuery>, QueryRejection>) -> Response {
    let next = query.map(|Query(query)| query.next).unwrap_or_default();
    let page = LoginPage { frame, login: String::new(), next: safe_next(&next).to_owned(), problems: Problems::none() };
    html(StatusCode::OK, page.html())
}

impl LoginPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["login", "password", "totp"]), ..self.clone() })
    }
}

/// A path of this very site to go to after log-in, `/` for anything else (an address of somebody else's site, `//host`,
/// a backslash that browsers read as a slash, control characters).
pub fn safe_next(next: &str) -> &str {
    let own =
        next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.chars().any(char::is_control);
    if own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::safe_next;

    #[test]
    fn only_own_paths_follow_a_login() {
        assert_eq!(safe_next("/booth"), "/booth");
        for foreign in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x"] {
            assert_eq!(safe_next(foreign), "/", "{foreign:?}");
        }
    }
}
