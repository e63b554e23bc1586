//! Personal identity numbers. They are secrets of their holders: never in a log, a URL, a report or an error.

use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The 12 digits of a Vietnamese identity card: `PPP G YY RRRRRR` (Circular 59/2021). `Debug` and `Display` show a mask.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PersonalNumber(String);

/// Why text is not a personal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonalNumberError {
    #[error("số định danh gồm đúng 12 chữ số / a personal number has exactly 12 digits")]
    NotTwelveDigits,
}

/// Sex as the card and the number's fourth digit state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    Male,
    Female,
}

/// In what a card and its number differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// The digits 5 and 6 are not the year's last two.
    Year,
    /// They are, and the fourth digit is of another century.
    Century,
    Sex,
}

impl PersonalNumber {
    /// Reads 12 ASCII digits; surrounding white space is dropped.
    pub fn parse(text: &str) -> Result<Self, PersonalNumberError> {
        let digits = text.trim();
        if digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits.to_owned()))
        } else {
            Err(PersonalNumberError::NotTwelveDigits)
        }
    }

    /// The digits in clear, for a certificate's subject and for encryption only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `001•••••1234`: enough for the holder to check, too little for anybody else.
    pub fn masked(&self) -> String {
        format!("{}•••••{}", &self.0[..3], &self.0[8..])
    }

    /// The sex that the fourth digit states: even male, odd female.
    pub fn sex(&self) -> Sex {
        if (self.0.as_bytes()[3] - b'0').is_multiple_of(2) { Sex::Male } else { Sex::Female }
    }

    /// Where the birth was registered; `None` where the first three digits are no province's.
    pub fn province(&self) -> Option<&'static str> {
        self.0.get(..3).and_then(crate::province::province_of)
    }

    /// What of a year of birth and a sex does not fit the number, each by itself.
    pub fn disagreements(&self, year: u16, sex: Option<Sex>) -> Vec<Disagreement> {
        let stated = self.birth_year();
        let time = match (stated == year, stated % 100 == year % 100) {
            (true, _) => None,
            (false, true) => Some(Disagreement::Century),
            (false, false) => Some(Disagreement::Year),
        };
        let sex = sex.filter(|sex| *sex != self.sex()).map(|_| Disagreement::Sex);
        time.into_iter().chain(sex).collect()
    }

    /// The four-digit year of birth that the digits 4–6 state.
    pub fn birth_year(&self) -> u16 {
        let digit = |index: usize| u16::from(self.0.as_bytes()[index] - b'0');
        1900 + 100 * (digit(3) / 2) + 10 * digit(4) + digit(5)
    }
}

impl TryFrom<String> for PersonalNumber {
    type Error = PersonalNumberError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PersonalNumber> for String {
    fn from(number: PersonalNumber) -> Self {
        number.0.clone()
    }
}

impl fmt::Debug for PersonalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for PersonalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_state_sex_and_year() {
        let number = PersonalNumber::parse(" 001190012345 ").expect("12 digits");
        assert_eq!((number.sex(), number.birth_year()), (Sex::Female, 1990));
        let child = PersonalNumber::parse("001210012345").expect("12 digits");
        assert_eq!((child.sex(), child.birth_year()), (Sex::Male, 2010));
        assert!(PersonalNumber::parse("00119001234").is_err());
        assert!(PersonalNumber::parse("00119001234٣").is_err());
    }

    #[test]
    fn neither_debug_nor_display_show_the_number() {
        let number = PersonalNumber::parse("001190012345").expect("12 digits");
        assert_eq!(format!("{number:?} {number}"), "001•••••2345 001•••••2345");
    }
}
