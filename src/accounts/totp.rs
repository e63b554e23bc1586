//! Time-based one-time passwords (RFC 6238 over RFC 4226), as every authenticator app makes them: HMAC-SHA-1, six digits, thirty seconds.
//! Pure: time is an argument, and what was used before is the caller's to remember.

use chuky_model::instant::Instant;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The secret that device and service share. It wipes itself and cannot be printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TotpSecret([u8; SECRET_OCTETS]);

impl TotpSecret {
    /// A fresh one.
    pub fn random() -> Self {
        let mut octets = [0; SECRET_OCTETS];
        rand::rng().fill_bytes(&mut octets);
        Self(octets)
    }

    /// From the octets that [`TotpSecret::octets`] gave; `None` for another length.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    /// The octets, to be encrypted.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// As it is typed into an app: base32 (RFC 4648 §6).
    pub fn base32(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SECRET_OCTETS.saturating_mul(8).div_ceil(5)));
        for five in self.0.chunks(5) {
            let bits = five.iter().fold(0_u64, |bits, octet| (bits << 8) | u64::from(*octet));
            for place in (0..8).rev() {
                let index = usize::try_from((bits >> (place * 5)) & 31).unwrap_or_default();
                text.push(char::from(BASE32[index]));
            }
        }
        text
    }

    /// What an app reads from a QR code (`otpauth://totp/…`): the account's name and this service's beside the secret.
    pub fn address(&self, issuer: &str, login: &str) -> Zeroizing<String> {
        let (issuer, login) = (percent_encoded(issuer), percent_encoded(login));
        let secret = self.base32();
        Zeroizing::new(format!("otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}", secret.as_str()))
    }

    /// The time step whose code was typed: of this moment, or of the one before or after (RFC 6238 §5.2); `None` for a wrong code and for
    /// one of a step up to `used`, which was taken before.
    pub fn step_of(&self, typed: &TotpCode, now: Instant, used: Option<i64>) -> Option<i64> {
        let current = now.unix_seconds().div_euclid(STEP_SECONDS);
        let mut found = None;
        for step in [current, current.saturating_sub(1), current.saturating_add(1)] {
            let right = bool::from(self.code(step).as_bytes().ct_eq(typed.0.as_bytes()));
            if right && used.is_none_or(|used| step > used) && found.is_none() {
                found = Some(step);
            }
        }
        found
    }

    /// The code of a time step (RFC 4226 §5.3).
    pub fn code(&self, step: i64) -> Zeroizing<String> {
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let offset = usize::from(hash.last().copied().unwrap_or_default() & 0x0f);
        let four = hash.iter().skip(offset).take(4).fold(0_u32, |number, octet| (number << 8) | u32::from(*octet));
        Zeroizing::new(format!("{:06}", (four & 0x7fff_ffff) % 1_000_000))
    }
}

/// A code as somebody typed it; spaces do not count. It wipes itself and cannot be printed.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct TotpCode(String);

impl TotpCode {
    /// The code in a text. One that is too long is cut, and so is wrong.
    pub fn enter(text: &str) -> Self {
        Self(text.chars().filter(|letter| !letter.is_whitespace()).take(LONGEST).collect())
    }

    /// Whether none was typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpCode(…)")
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// RFC 3986 §2.1: everything but unreserved characters.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(octet)),
            _ => encoded.push_str(&format!("%{octet:02X}")),
        }
    }
    encoded
}

/// RFC 4226 §4: 160 bits are recommended.
const SECRET_OCTETS: usize = 20;
/// RFC 6238 §5.2.
const STEP_SECONDS: i64 = 30;
/// Characters that are looked at: more are no code.
const LONGEST: usize = 16;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret::from_octets(b"12345678901234567890").unwrap()
    }

    fn at(seconds: i64) -> Instant {
        Instant(seconds * 1_000_000)
    }

    /// RFC 6238, appendix B (its last six digits), and RFC 4648 §10's alphabet.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (20_000_000_000, "353130")]
        {
            assert_eq!(secret().code(seconds / 30).as_str(), code);
            assert_eq!(secret().step_of(&TotpCode::enter(code), at(seconds), None), Some(seconds / 30));
        }
        assert_eq!(secret().base32().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_serves_once_and_for_a_moment() {
        let (code, step) = (secret().code(100), 100);
        let typed = TotpCode::enter(&format!("{} {}", &code[..3], &code[3..]));
        for seconds in [2_970, 3_000, 3_029, 3_059] {
            assert_eq!(secret().step_of(&typed, at(seconds), None), Some(step), "{seconds}");
            assert_eq!(secret().step_of(&typed, at(seconds), Some(99)), Some(step));
            assert_eq!(secret().step_of(&typed, at(seconds), Some(100)), None, "taken before");
        }
        for seconds in [2_969, 3_060] {
            assert_eq!(secret().step_of(&typed, at(seconds), None), None, "{seconds}");
        }
        assert_eq!(secret().step_of(&TotpCode::default(), at(3_000), None), None);
        assert_eq!(secret().step_of(&TotpCode::enter(&"1".repeat(10_000)), at(3_000), None), None);
    }

    #[test]
    fn an_address_names_service_and_account() {
        assert_eq!(
            secret().address("Chuky (H26)", "an@ubnd").as_str(),
            "otpauth://totp/Chuky%20%28H26%29:an%40ubnd?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Chuky%20%28H26%29"
        );
    }
}
