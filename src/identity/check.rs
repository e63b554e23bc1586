//! The outcome of an identity check as it stands in a request: what was found, of which fields, when. Whether it passed follows from that.

use chuky_model::{
    instant::Instant,
    person::{PersonalNumber, Sex},
};
use serde::{Deserialize, Serialize};

/// What is asked of a provider: as the card says and the operator confirmed.
#[derive(Clone, Copy)]
pub struct Asked<'d> {
    pub number: &'d PersonalNumber,
    pub name: &'d str,
    /// `YYYY-MM-DD`.
    pub birth_date: &'d str,
    pub sex: Sex,
}

/// What was found of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityCheck {
    pub finding: Finding,
    /// What differs, where something does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    pub at: Instant,
    /// Why the request was entered although the check failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ground: String,
}

/// What a provider found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// No database was asked: whoever entered the request has compared card and face.
    Statement,
    Matches,
    Differs,
    /// Nobody has this number.
    Unknown,
    Deceased,
    /// No answer came in time, or none that can be relied on.
    Unavailable,
}

/// What the check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    NotDone,
}

/// A field that may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Name,
    BirthDate,
    Sex,
}

impl IdentityCheck {
    /// Passed where the database knows exactly this person, and nowhere else.
    pub fn outcome(&self) -> Outcome {
        match self.finding {
            Finding::Matches => Outcome::Passed,
            Finding::Differs | Finding::Unknown | Finding::Deceased => Outcome::Failed,
            Finding::Statement | Finding::Unavailable => Outcome::NotDone,
        }
    }

    /// As the audit log has it: nothing of the person.
    pub fn told(&self) -> serde_json::Value {
        let provider = if self.finding == Finding::Statement { "manual" } else { "population" };
        serde_json::json!({
            "provider": provider, "outcome": self.outcome(), "finding": self.finding, "fields": self.fields,
            "despite": !self.ground.is_empty(),
        })
    }
}

impl Finding {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Matches => "matches",
            Self::Differs => "differs",
            Self::Unknown => "unknown",
            Self::Deceased => "deceased",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Field {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::BirthDate => "birth_date",
            Self::Sex => "sex",
        }
    }
}

impl Outcome {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotDone => "not_done",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_match_has_passed() {
        use Finding::{Deceased, Differs, Matches, Statement, Unavailable, Unknown};
        for finding in [Statement, Matches, Differs, Unknown, Deceased, Unavailable] {
            let check = IdentityCheck { finding, fields: Vec::new(), at: Instant(0), ground: String::new() };
            assert_eq!(check.outcome() == Outcome::Passed, finding == Matches, "{finding:?}");
        }
    }
}
