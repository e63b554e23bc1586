//! What is wrong with a form, field by field, said beside the field. Sentences come from `web/texts` by their key, or from
//! the flow that refused, which brings its own in both languages. Nothing here decides that something is wrong.

use super::frame::Frame;
use chuky_model::text::Bilingual;

/// How a problem is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wording {
    /// The text of a key `problem-…`, with the values it needs.
    Text(&'static str, Vec<(&'static str, String)>),
    /// The sentence of the flow that refused.
    Said(Bilingual),
}

/// One thing that is wrong, and with which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The form's field; empty where it is the form as a whole.
    pub field: &'static str,
    pub wording: Wording,
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

    /// What a flow refused, in its own words; `None` where it names no field.
    pub fn said(field: Option<&'static str>, sentence: Bilingual) -> Self {
        Self(vec![Problem { field: field.unwrap_or_default(), wording: Wording::Said(sentence) }])
    }

    /// These problems and one more.
    #[must_use]
    pub fn and(self, field: &'static str, key: &'static str) -> Self {
        self.and_with(field, key, Vec::new())
    }

    /// These problems and one more, whose text needs values.
    #[must_use]
    pub fn and_with(mut self, field: &'static str, key: &'static str, arguments: Vec<(&'static str, String)>) -> Self {
        self.0.push(Problem { field, wording: Wording::Text(key, arguments) });
        self
    }

    /// The same problems; those of fields that the form does not have become problems of the form, so that each is seen.
    #[must_use]
    pub fn among(&self, fields: &[&str]) -> Self {
        let place = |problem: &Problem| {
            let field = if fields.contains(&problem.field) { problem.field } else { "" };
            Problem { field, wording: problem.wording.clone() }
        };
        Self(self.0.iter().map(place).collect())
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentences about that field, in the frame's language.
    pub fn of(&self, frame: &Frame, field: &str) -> Vec<String> {
        self.0.iter().filter(|problem| problem.field == field).map(|problem| problem.wording.sentence(frame)).collect()
    }
}

impl Wording {
    fn sentence(&self, frame: &Frame) -> String {
        match self {
            Self::Text(key, arguments) => {
                let arguments: Vec<(&str, &str)> =
                    arguments.iter().map(|(name, value)| (*name, value.as_str())).collect();
                frame.fill(key, &arguments)
            }
            Self::Said(sentence) => frame.of(sentence).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chuky_model::text::Language;

    #[test]
    fn a_problem_of_a_field_that_is_not_there_is_still_seen() {
        let said = Problems::said(Some("phone"), Bilingual::new("Sai.", "Wrong."));
        let frame = Frame::new(Language::En, "/");
        assert_eq!(said.of(&frame, "phone"), ["Wrong."]);
        assert_eq!(said.among(&["pin"]).of(&frame, ""), ["Wrong."]);
        assert!(said.among(&["phone"]).of(&frame, "").is_empty());
    }
}
