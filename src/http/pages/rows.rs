//! Rows of label and value, as cards list them. Plain text only: templates escape it, and nothing here may hold HTML.

use super::Frame;

/// One row of label and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub label: String,
    pub value: String,
}

impl Row {
    /// A row whose label is the text of that key.
    pub fn new(frame: &Frame, label: &str, value: &str) -> Self {
        Self { label: frame.say(label), value: value.to_owned() }
    }
}
