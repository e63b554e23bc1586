//! PINs of subscribers: at least eight characters, not one of those that everybody tries first; and `s = Argon2id(PIN, salt)`,
//! the secret that the HSM worker seals a key under.

use crate::error::{InternalError, RequestError, Result};
use argon2::{Algorithm, Argon2, Params, Version};
use chuky_hsm::Secret32;
use chuky_model::{person::PersonalNumber, record::credential::Credential};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Semaphore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A PIN that keeps the rules. It wipes itself and cannot be printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pin(String);

/// Why a PIN is not accepted when it is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    #[error("a PIN has 8 to 64 characters")]
    Length,
    #[error("this PIN is one of the first that anybody would try")]
    Guessable,
    #[error("a PIN is no date: birthdays are tried first")]
    Date,
    #[error("a PIN does not hold the personal number or the year of birth alone")]
    Personal,
}

impl From<PinError> for RequestError {
    fn from(error: PinError) -> Self {
        let (code, vi, en) = match error {
            PinError::Length => ("pin_length", "Mã PIN cần từ 8 đến 64 ký tự.", "A PIN has 8 to 64 characters."),
            PinError::Guessable => (
                "pin_guessable",
                "Mã PIN này quá dễ đoán. Hãy chọn mã khác, ví dụ ghép vài từ không liên quan.",
                "This PIN is too easy to guess. Choose another, for instance a few unrelated words.",
            ),
            PinError::Date => (
                "pin_date",
                "Mã PIN không được là ngày tháng, vì ngày sinh dễ đoán. Hãy chọn mã khác, ví dụ ghép vài từ không liên quan.",
                "A PIN must not be a date, as birthdays are easy to guess. Choose another, for instance a few unrelated words.",
            ),
            PinError::Personal => (
                "pin_personal",
                "Mã PIN không được chứa số định danh của bạn. Hãy chọn mã khác.",
                "A PIN must not hold your personal number. Choose another.",
            ),
        };
        Self::invalid("pin", code, vi, en)
    }
}

impl Pin {
    /// A PIN that is being chosen: every rule is checked.
    pub fn choose(text: &str, personal_number: Option<&PersonalNumber>) -> Result<Self, PinError> {
        if !(SHORTEST as usize..=LONGEST).contains(&text.chars().count()) {
            return Err(PinError::Length);
        }
        if let Some(number) = personal_number
            && (text.contains(number.reveal()) || number.reveal().contains(text))
        {
            return Err(PinError::Personal);
        }
        if is_guessable(text) {
            return Err(PinError::Guessable);
        }
        if is_about_a_date(text) { Err(PinError::Date) } else { Ok(Self(text.to_owned())) }
    }

    /// A PIN that is being used. Only its length is bounded: the seal decides whether it is right.
    pub fn enter(text: &str) -> Result<Self, PinError> {
        if text.is_empty() || text.chars().count() > LONGEST {
            Err(PinError::Length)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Whether both are the same text.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// Cost and salt of one credential's Argon2id, stored with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealParameters {
    pub memory_kib: u32,
    pub iterations: u32,
    #[serde(with = "hex::serde")]
    pub salt: [u8; 16],
}

impl SealParameters {
    /// Fresh parameters of this cost with a random salt.
    pub fn random(memory_kib: u32, iterations: u32) -> Self {
        let mut salt = [0; 16];
        rand::rng().fill_bytes(&mut salt);
        Self { memory_kib, iterations, salt }
    }

    /// Those that a credential's row holds.
    pub fn of(credential: &Credential) -> Result<Self> {
        let unreadable = || InternalError::other("a credential's Argon2id parameters are out of range");
        Ok(Self {
            memory_kib: u32::try_from(credential.pin_memory).map_err(|_| unreadable())?,
            iterations: u32::try_from(credential.pin_iterations).map_err(|_| unreadable())?,
            salt: credential.pin_salt.as_slice().try_into().map_err(|_| unreadable())?,
        })
    }
}

/// Runs Argon2id, a bounded number at a time: each run takes 64 MiB and more.
#[derive(Clone)]
pub struct Stretcher {
    places: Arc<Semaphore>,
}

impl Stretcher {
    /// So many runs at a time; the memory in use is that many times the cost.
    pub fn new(at_a_time: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_a_time)) }
    }

    /// `s = Argon2id(PIN, salt)`, 32 bytes (RFC 9106, one lane).
    pub async fn stretch(&self, pin: &Pin, parameters: &SealParameters) -> Result<Secret32> {
        let place = self.places.clone().acquire_owned().await;
        let _place = place.map_err(|_| InternalError::other("the service is stopping"))?;
        let (pin, parameters) = (pin.clone(), parameters.clone());
        let stretched = tokio::task::spawn_blocking(move || argon2id(&pin, &parameters)).await;
        stretched.map_err(|error| InternalError::other(format!("Argon2id: {error}")))?
    }
}

fn argon2id(pin: &Pin, parameters: &SealParameters) -> Result<Secret32> {
    let failed = |error: argon2::Error| InternalError::other(format!("Argon2id: {error}"));
    let cost = Params::new(parameters.memory_kib, parameters.iterations, 1, Some(32)).map_err(failed)?;
    let mut secret = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
        .hash_password_into(pin.0.as_bytes(), &parameters.salt, secret.as_mut_slice())
        .map_err(failed)?;
    Ok(Secret32::new(*secret))
}

/// Runs of one character, steps up or down, a short piece repeated, and the words that every list of leaked PINs starts with.
fn is_guessable(text: &str) -> bool {
    let lower = text.to_lowercase();
    let characters: Vec<char> = lower.chars().collect();
    let steps: Vec<i64> =
        characters.windows(2).map(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]))).collect();
    let one_step = steps.iter().all(|step| *step == steps[0]) && steps[0].abs() <= 1;
    let repeated = (1..=characters.len() / 2).any(|piece| {
        piece <= LONGEST_REPEATED_PIECE && characters.iter().enumerate().all(|(i, c)| *c == characters[i % piece])
    });
    one_step
        || repeated
        || DENIED.iter().any(|word| lower.contains(word) && characters.len() < word.chars().count() + AROUND)
}

/// A day of the calendar with fewer than four characters around it, in whichever order of day, month and year: all the days of two centuries
/// are fewer than a thousandth of what eight digits can be, and somebody's birthday is known.
fn is_about_a_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let others = text.chars().filter(|c| !c.is_ascii_digit() && !DATE_SEPARATORS.contains(c)).count();
    if others >= AROUND {
        return false;
    }
    if let [first, second, third] = parts[..]
        && first.len() + second.len() + third.len() <= 8
        && (is_date(first, second, third) || is_date(second, first, third) || is_date(third, second, first))
    {
        return true;
    }
    let digits: String = parts.concat();
    let spare = AROUND.saturating_sub(others);
    digits.len() < 8 + spare && (0..spare).filter_map(|start| digits.get(start..start + 8)).any(is_joined_date)
}

/// `DDMMYYYY`, `MMDDYYYY`, `YYYYMMDD`, `YYYYDDMM`.
fn is_joined_date(digits: &str) -> bool {
    let Some((front, back)) = digits.split_at_checked(4) else { return false };
    let ((first, second), (third, last)) = (front.split_at(2), back.split_at(2));
    is_date(first, second, back)
        || is_date(second, first, back)
        || is_date(last, third, front)
        || is_date(third, last, front)
}

/// A day of 1900 to 2099.
fn is_date(day: &str, month: &str, year: &str) -> bool {
    let (Ok(day), Ok(month), Ok(year)) = (day.parse::<u32>(), month.parse::<u32>(), year.parse::<u32>()) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1900..=2099).contains(&year) && (1..=days).contains(&day)
}

/// Characters of the shortest PIN.
pub const SHORTEST: u32 = 8;
const LONGEST: usize = 64;
/// `12121212`, `abcabcabc`, `20262026`.
const LONGEST_REPEATED_PIECE: usize = 4;

/// Characters around a date or a denied word that make something else of it.
const AROUND: usize = 4;
const DATE_SEPARATORS: &[char] = &['/', '-', '.', ' '];

/// Lower case. A PIN that is one of these with fewer than [`AROUND`] characters around it is denied.
const DENIED: &[&str] = &[
    "12345678",
    "87654321",
    "123456",
    "654321",
    "password",
    "matkhau",
    "mật khẩu",
    "iloveyou",
    "qwerty",
    "asdfgh",
    "1q2w3e4r",
    "abc123",
    "anhyeuem",
    "emyeuanh",
    "vietnam",
    "hanoi",
    "thanglong",
    "11223344",
    "88888888",
    "99999999",
    "0123456",
    "147258369",
    "789456",
    "chukyso",
    "chuky",
    "admin",
    "letmein",
    "welcome",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_everybody_tries_is_denied() {
        for pin in ["12345678", "87654321", "aaaaaaaa", "12121212", "20262026", "abcdefgh", "password1", "MatKhau12"] {
            assert!(matches!(Pin::choose(pin, None), Err(PinError::Guessable)), "{pin}");
        }
        assert!(matches!(Pin::choose("7391462", None), Err(PinError::Length)));
        let number = PersonalNumber::parse("001190012345").unwrap();
        assert!(matches!(Pin::choose("x001190012345", Some(&number)), Err(PinError::Personal)));
        assert!(matches!(Pin::choose("90012345", Some(&number)), Err(PinError::Personal)));
        for pin in ["73914628", "mèo-xanh-ăn-phở", "correct horse"] {
            assert!(Pin::choose(pin, Some(&number)).is_ok(), "{pin}");
        }
    }

    #[test]
    fn no_day_of_the_calendar_is_a_pin() {
        for pin in [
            "05031990",
            "19900503",
            "19900305",
            "03051990",
            "31121999",
            "29022000",
            "05/03/1990",
            "5-3-1990",
            "1990.03.05",
            "a05031990",
            "05031990a",
            "05 03 1990!",
            "050319901",
            "1990 3 5",
        ] {
            assert!(matches!(Pin::choose(pin, None), Err(PinError::Date)), "{pin}");
        }
        // No such day or year, or a date that is a small part of what is to be known.
        for pin in [
            "29021999",
            "31043990",
            "05031890",
            "33331990",
            "mèo con 05031990",
            "05031990 và hoa",
            "39146285",
            "472-95-8163",
        ] {
            assert!(Pin::choose(pin, None).is_ok(), "{pin}");
        }
    }

    #[tokio::test]
    async fn salt_and_pin_make_the_secret() {
        let stretcher = Stretcher::new(1);
        let cheap = |salt| SealParameters { memory_kib: 64, iterations: 1, salt: [salt; 16] };
        let secret = |pin: &str, salt| {
            let (stretcher, pin) = (stretcher.clone(), Pin::enter(pin).unwrap());
            async move { stretcher.stretch(&pin, &cheap(salt)).await.unwrap() }
        };
        assert!(secret("73914628", 1).await == secret("73914628", 1).await);
        assert!(secret("73914628", 1).await != secret("73914629", 1).await);
        assert!(secret("73914628", 1).await != secret("73914628", 2).await);
    }
}
