//! What is sent to a population database and what comes back: a small JSON contract of our own (`docs/privacy.md`). The interface of the national
//! database is not public; an installation that is connected to it changes this file and nothing else.

use super::{
    Asked,
    check::{Field, Finding},
};
use chuky_model::person::Sex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Asks whether a person is as the card says.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Comes back in the answer, so that none is taken for another's.
    pub id: Uuid,
    pub number: String,
    pub name: String,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    pub sex: Sex,
}

/// What the database says.
#[derive(Debug, Deserialize, Serialize)]
pub struct Answer {
    pub id: Uuid,
    pub answer: Said,
    /// What differs; of `differs` one at least, of everything else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// The four answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    Match,
    Differs,
    Unknown,
    Deceased,
}

impl Question {
    pub(super) fn of(asked: Asked<'_>) -> Self {
        Self {
            id: Uuid::new_v4(),
            number: asked.number.reveal().to_owned(),
            name: asked.name.to_owned(),
            birth_date: asked.birth_date.to_owned(),
            sex: asked.sex,
        }
    }
}

impl Answer {
    /// What it means; `None` of one that contradicts itself or answers something else.
    pub(super) fn finding(mut self, id: Uuid) -> Option<(Finding, Vec<Field>)> {
        let mut fields = std::mem::take(&mut self.fields);
        fields.sort_by_key(|field| field.name());
        fields.dedup();
        if self.id != id || (self.answer == Said::Differs) == fields.is_empty() {
            return None;
        }
        let finding = match self.answer {
            Said::Match => Finding::Matches,
            Said::Differs => Finding::Differs,
            Said::Unknown => Finding::Unknown,
            Said::Deceased => Finding::Deceased,
        };
        Some((finding, fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_itself_is_no_answer() {
        let id = Uuid::from_u128(7);
        let finding = |answer, fields: &[Field], of| Answer { id: of, answer, fields: fields.to_vec() }.finding(id);
        assert_eq!(finding(Said::Match, &[], id), Some((Finding::Matches, Vec::new())));
        let twice = [Field::Sex, Field::Name, Field::Sex];
        assert_eq!(finding(Said::Differs, &twice, id), Some((Finding::Differs, vec![Field::Name, Field::Sex])));
        assert_eq!(finding(Said::Match, &[Field::Name], id), None);
        assert_eq!(finding(Said::Differs, &[], id), None);
        assert_eq!(finding(Said::Match, &[], Uuid::from_u128(8)), None);
    }
}
