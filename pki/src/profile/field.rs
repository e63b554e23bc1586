//! The rule of one subject attribute: whether it must be there, how often, how long, in which form. Values are judged as they will
//! stand in the certificate, in NFC and without outer spaces.

use crate::name::{DistinguishedName, NameAttribute};
use serde::{Deserialize, Serialize};
use unicode_normalization::is_nfc;

/// One attribute of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    pub attribute: NameAttribute,
    #[serde(default)]
    pub required: bool,
    /// How often it may stand.
    #[serde(default = "once")]
    pub most: usize,
    /// Characters; the upper bound of RFC 5280, appendix A.1, where absent.
    #[serde(default)]
    pub longest: Option<usize>,
    /// What a value must begin with: one of these, with something behind it. Any value where empty.
    #[serde(default)]
    pub begins: Vec<String>,
}

impl FieldRule {
    /// Whether the subject keeps this rule; else what it breaks, without the value, which may be personal.
    pub(super) fn admits(&self, subject: &DistinguishedName) -> Result<(), String> {
        let short = self.attribute.short();
        let values: Vec<&str> = subject
            .0
            .iter()
            .filter(|(attribute, _)| *attribute == self.attribute)
            .map(|(_, value)| value.as_str())
            .collect();
        if self.required && values.is_empty() {
            return Err(format!("the subject lacks {short}"));
        }
        if values.len() > self.most {
            return Err(format!("the subject has {short} more than {} times", self.most));
        }
        for value in values {
            if !is_nfc(value) || value.trim() != value || value.chars().any(char::is_control) {
                return Err(format!("TCVN 6909: {short} is not in NFC, or has outer spaces or control characters"));
            }
            if value.chars().count() > self.longest() {
                return Err(format!("{short} is longer than {} characters", self.longest()));
            }
            if !self.begins.is_empty() && !self.begins.iter().any(|start| begins(value, start)) {
                return Err(format!("{short} does not begin with one of {}", self.begins.join(" ")));
            }
        }
        Ok(())
    }

    /// The longest value, in characters.
    pub fn longest(&self) -> usize {
        self.longest.unwrap_or_else(|| self.attribute.longest())
    }
}

fn begins(value: &str, start: &str) -> bool {
    value.strip_prefix(start).is_some_and(|rest| !rest.is_empty())
}

fn once() -> usize {
    1
}
