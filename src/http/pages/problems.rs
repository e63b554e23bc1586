//! What is wrong with a form, field by field, said beside the field. Keys only: the texts lie in `web/texts`.

use super::frame::Frame;

/// One thing that is wrong, and with which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The form's field; empty where it is the form as a whole.
    pub field: &'static str,
    /// The text's key, `problem-…`.
    pub key: &'static str,
    /// Values that the text needs.
    pub arguments: Vec<(&'static str, String)>,
}

/// Everything that is wrong with a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Nothing wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// One problem of one field.
    pub fn one(field: &'static str, key: &'static str) -> Self {
        Self::none().and(field, key)
    }

    /// These problems and one more.
    #[must_use]
    pub fn and(mut self, field: &'static str, key: &'static str) -> Self {
        self.0.push(Problem { field, key, arguments: Vec::new() });
        self
    }

    /// These problems and one more, whose text needs values.
    #[must_use]
    pub fn and_with(mut self, field: &'static str, key: &'static str, arguments: Vec<(&'static str, String)>) -> Self {
        self.0.push(Problem { field, key, arguments });
        self
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentences about that field, in the frame's language.
    pub fn of(&self, frame: &Frame, field: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|problem| problem.field == field)
            .map(|problem| {
                let arguments: Vec<(&str, &str)> =
                    problem.arguments.iter().map(|(name, value)| (*name, value.as_str())).collect();
                frame.fill(problem.key, &arguments)
            })
            .collect()
    }
}
