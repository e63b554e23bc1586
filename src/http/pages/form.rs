//! What forms have in common: secrets that are typed, and check boxes.

use serde::{Deserialize, Deserializer};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A text as a part of an address: RFC 3986 §2.1, everything but letters and digits.
pub fn percent_encoded(text: &str) -> String {
    let octet = |octet: u8| match octet.is_ascii_alphanumeric() {
        true => char::from(octet).to_string(),
        false => format!("%{octet:02X}"),
    };
    text.bytes().map(octet).collect()
}

/// A password, PIN or code as it came from a form. Erased when dropped, never shown.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// A secret of that text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A day typed as `5/3/1990` (or with dots, hyphens, spaces) as `1990-03-05`; other text comes back as it is, for the rule
/// behind the form to refuse.
pub fn iso_date(typed: &str) -> String {
    let parts: Vec<&str> = typed.split(['/', '-', '.', ' ']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [day, month, year] if day.len() <= 2 => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => typed.trim().to_owned(),
    }
}

/// Reads a check box: present with any text is checked, absent (the field's default) is not.
pub fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(!String::deserialize(deserializer)?.is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn days_are_typed_in_many_ways() {
        for typed in ["05/03/1990", "5/3/1990", "5.3.1990", " 5-3-1990 ", "1990-03-05"] {
            assert_eq!(super::iso_date(typed), "1990-03-05", "{typed}");
        }
        assert_eq!(super::iso_date("hôm nay"), "hôm nay");
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", super::Secret::new("19051890")), "Secret(…)");
    }
}
