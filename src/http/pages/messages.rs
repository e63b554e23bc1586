//! `/messages`: the newest messages of a demonstration.

use super::{Frame, rendered};
use askama::Template;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownMessage {
    pub to: String,
    pub text: String,
    pub at: String,
}

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "messages.html")]
pub struct MessagesPage {
    pub frame: Frame,
    /// Newest first.
    pub messages: Vec<ShownMessage>,
}

impl MessagesPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}
