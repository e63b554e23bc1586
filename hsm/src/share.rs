//! Shares of a secret for M of N custodians: Shamir's scheme over GF(2⁸), each share with what is needed to tell a mistyped or foreign
//! one by name. Fewer than M shares say nothing about the secret. Multiplication is by shifts and masks: no table, no branch on secrets.

use crate::{
    error::Error,
    secret::{Pin, Secret32},
};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What a shared secret opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Security officers' PINs of every token.
    OfficerPin,
    /// User PINs of the service's tokens.
    UserPin,
    /// User PIN of the root's token.
    RootPin,
    /// Wrapping key, row MAC key and data secret of the subscribers token.
    Keys,
    /// One pepper; apart from the others, so that it can die alone.
    Pepper(u8),
    /// Key of the backups.
    Backup,
}

impl Purpose {
    /// Its stable name, as ceremonies' files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OfficerPin => "officer_pin",
            Self::UserPin => "user_pin",
            Self::RootPin => "root_pin",
            Self::Keys => "keys",
            Self::Pepper(_) => "pepper",
            Self::Backup => "backup",
        }
    }

    fn to_octets(self) -> [u8; 2] {
        match self {
            Self::OfficerPin => [FORMAT | 1, 0],
            Self::UserPin => [FORMAT | 2, 0],
            Self::RootPin => [FORMAT | 3, 0],
            Self::Keys => [FORMAT | 4, 0],
            Self::Pepper(version) => [FORMAT | 5, version],
            Self::Backup => [FORMAT | 6, 0],
        }
    }

    fn from_octets(octets: [u8; 2]) -> Option<Self> {
        let all = [Self::OfficerPin, Self::UserPin, Self::RootPin, Self::Keys, Self::Pepper(octets[1]), Self::Backup];
        all.into_iter().find(|purpose| purpose.to_octets() == octets)
    }
}

/// One custodian's share.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    pub purpose: Purpose,
    /// How many are needed.
    pub threshold: u8,
    /// How many there are.
    pub count: u8,
    /// From 1.
    pub index: u8,
    /// Names the set: a digest of the secret, so that what shares give together is also checked by it.
    pub set: [u8; 4],
    value: Secret32,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} {} of {}, set {})", self.purpose.name(), self.index, self.count, hex::encode(self.set))
    }
}

/// Why shares give no secret. Whoever entered them can tell which one to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Its length or letters are not those of a share.
    #[error("not a share: {SHARE_LETTERS} letters and digits are expected, {found} were entered")]
    Length { found: usize },
    /// The checksum does not fit.
    #[error("mistyped: the checksum does not fit")]
    Mistyped,
    /// Two sets were mixed.
    #[error("share {index} is of set {found}, the others are of set {expected}")]
    Mixed { index: u8, found: String, expected: String },
    /// The same share twice.
    #[error("share {index} was entered twice")]
    Twice { index: u8 },
    #[error("{threshold} shares are needed, {given} were entered")]
    TooFew { given: usize, threshold: u8 },
    /// Every checksum fits, and yet they do not belong together.
    #[error("the shares do not give the secret of their set: one of them was altered")]
    Altered,
    #[error("a secret is shared among 2 to {MOST_SHARES} custodians, of whom at least 2 and at most all are needed")]
    Numbers,
}

/// Splits a secret among `count` custodians, any `threshold` of whom can bring it together.
pub fn split(purpose: Purpose, secret: &Secret32, threshold: u8, count: u8) -> Result<Vec<Share>, ShareError> {
    if threshold < 2 || count > MOST_SHARES || threshold > count {
        return Err(ShareError::Numbers);
    }
    let coefficients: Vec<Secret32> = (1..threshold).map(|_| Secret32::random()).collect();
    let set = set_of(purpose, secret);
    let share = |index| {
        let mut value = Zeroizing::new([0_u8; 32]);
        for (at, octet) in value.iter_mut().enumerate() {
            // Horner's rule, the secret last.
            let above = coefficients.iter().rev().fold(0, |sum, next| multiply(sum, index) ^ next.expose()[at]);
            *octet = multiply(above, index) ^ secret.expose()[at];
        }
        Share { purpose, threshold, count, index, set, value: Secret32::new(*value) }
    };
    Ok((1..=count).map(share).collect())
}

/// Brings shares together, in any order; more than needed do no harm.
pub fn combine(shares: &[Share]) -> Result<Secret32, ShareError> {
    let first = shares.first().ok_or(ShareError::TooFew { given: 0, threshold: 2 })?;
    for (place, share) in shares.iter().enumerate() {
        if (share.set, share.purpose, share.threshold) != (first.set, first.purpose, first.threshold) {
            let (found, expected) = (hex::encode(share.set), hex::encode(first.set));
            return Err(ShareError::Mixed { index: share.index, found, expected });
        }
        if shares.iter().take(place).any(|earlier| earlier.index == share.index) {
            return Err(ShareError::Twice { index: share.index });
        }
    }
    let needed = usize::from(first.threshold);
    let used = shares.get(..needed).ok_or(ShareError::TooFew { given: shares.len(), threshold: first.threshold })?;
    let mut value = Zeroizing::new([0_u8; 32]);
    for share in used {
        // Lagrange at 0: the product of x ÷ (x − own); subtraction is exclusive or.
        let others = used.iter().filter(|other| other.index != share.index);
        let weight = others
            .fold(1, |product, other| multiply(product, multiply(other.index, inverse(other.index ^ share.index))));
        value.iter_mut().zip(share.value.expose()).for_each(|(sum, octet)| *sum ^= multiply(*octet, weight));
    }
    let secret = Secret32::new(*value);
    if set_of(first.purpose, &secret) == first.set { Ok(secret) } else { Err(ShareError::Altered) }
}

impl Share {
    /// Groups of four letters and digits without look-alikes (Crockford's alphabet), as they are printed and typed.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut octets = Zeroizing::new(Vec::with_capacity(SHARE_OCTETS));
        octets.extend_from_slice(&self.purpose.to_octets());
        octets.extend_from_slice(&[self.threshold, self.count, self.index]);
        octets.extend_from_slice(&self.set);
        octets.extend_from_slice(self.value.expose());
        let sum = checksum(&octets);
        octets.extend_from_slice(&sum);
        let mut text = Zeroizing::new(String::with_capacity(SHARE_LETTERS * 5 / 4));
        let (mut bits, mut held) = (0_u32, 0_u32);
        let mut letters = 0;
        for octet in octets.iter() {
            (bits, held) = ((bits << 8 | u32::from(*octet)) & 0xfff, held + 8);
            while held >= 5 {
                held -= 5;
                if letters > 0 && letters % 4 == 0 {
                    text.push('-');
                }
                text.push(letter((bits >> held & 31) as u8));
                letters += 1;
            }
        }
        bits.zeroize();
        text
    }

    /// Reads what [`Share::to_text`] gave, however it is grouped and in either case.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let typed = text.chars().filter(|letter| !letter.is_whitespace() && !"-–.".contains(*letter));
        let values: Zeroizing<Vec<u8>> = Zeroizing::new(typed.map(|letter| value_of(letter).unwrap_or(32)).collect());
        if values.len() != SHARE_LETTERS {
            return Err(ShareError::Length { found: values.len() });
        }
        if values.contains(&32) {
            return Err(ShareError::Mistyped);
        }
        let mut octets = Zeroizing::new(Vec::with_capacity(SHARE_OCTETS));
        let (mut bits, mut held) = (0_u32, 0_u32);
        for value in values.iter() {
            (bits, held) = ((bits << 5 | u32::from(*value)) & 0xfff, held + 5);
            if held >= 8 {
                held -= 8;
                octets.push((bits >> held & 255) as u8);
            }
        }
        bits.zeroize();
        Self::from_octets(&octets).ok_or(ShareError::Mistyped)
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        let (body, sum) = octets.split_last_chunk::<4>()?;
        if checksum(body) != *sum {
            return None;
        }
        let (head, value) = body.split_first_chunk::<9>()?;
        let [kind, number, threshold, count, index, set @ ..] = *head;
        let fits = (2..=count).contains(&threshold) && count <= MOST_SHARES && (1..=count).contains(&index);
        let value = Zeroizing::new(<[u8; 32]>::try_from(value).ok()?);
        let purpose = Purpose::from_octets([kind, number]).filter(|_| fits)?;
        Some(Self { purpose, threshold, count, index, set, value: Secret32::new(*value) })
    }
}

/// A token's PIN out of a shared secret: 128 bits, for that token and role only.
pub fn pin_of(secret: &Secret32, purpose: Purpose, token_label: &str) -> Result<Pin, Error> {
    let derived = derive(secret, &[b"chuky-token-pin-v1", purpose.name().as_bytes(), token_label.as_bytes()])?;
    Pin::parse(&Zeroizing::new(hex::encode(&derived.expose()[..16])))
}

/// The secret of that name out of a shared one.
pub fn secret_of(secret: &Secret32, name: &str) -> Result<Secret32, Error> {
    derive(secret, &[b"chuky-token-key-v1", name.as_bytes()])
}

fn derive(secret: &Secret32, parts: &[&[u8]]) -> Result<Secret32, Error> {
    let mut info = Vec::new();
    for part in parts {
        info.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        info.extend_from_slice(part);
    }
    let mut value = Zeroizing::new([0_u8; 32]);
    let expanded = hkdf::Hkdf::<Sha256>::new(None, secret.expose()).expand(&info, value.as_mut());
    expanded.map_err(|_| Error::invalid("too much was asked of HKDF"))?;
    Ok(Secret32::new(*value))
}

/// The name of a set: thirty-two bits of a 256-bit secret's digest tell sets apart and nothing about the secret.
pub fn set_of(purpose: Purpose, secret: &Secret32) -> [u8; 4] {
    let digest = Sha256::new().chain_update(b"chuky-share-set-v1").chain_update(purpose.to_octets());
    first_four(digest.chain_update(secret.expose()))
}

fn checksum(body: &[u8]) -> [u8; 4] {
    first_four(Sha256::new().chain_update(b"chuky-share-text-v1").chain_update(body))
}

fn first_four(digest: Sha256) -> [u8; 4] {
    let digest: [u8; 32] = digest.finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// Product in GF(2⁸) with the polynomial of FIPS 197 §4.2, in constant time.
fn multiply(left: u8, right: u8) -> u8 {
    let (mut left, mut product) = (left, 0);
    for bit in 0..8 {
        product ^= left & (right >> bit & 1).wrapping_neg();
        left = (left << 1) ^ (0x1b & (left >> 7).wrapping_neg());
    }
    product
}

/// The multiplicative inverse, a²⁵⁴; 0 for 0.
fn inverse(value: u8) -> u8 {
    // 254 = 11111110 in binary: square, and multiply at each one.
    let mut power = 1;
    for bit in (0..8).rev() {
        power = multiply(power, power);
        let factor = if 254_u8 >> bit & 1 == 1 { value } else { 1 };
        power = multiply(power, factor);
    }
    power
}

/// The letter of a value below 32, without a look-up by the secret value: every letter is looked at.
fn letter(value: u8) -> char {
    let chosen = ALPHABET.iter().zip(0_u8..).fold(0, |chosen, (letter, at)| {
        let same = (u16::from(at ^ value).wrapping_sub(1) >> 8) as u8;
        chosen | (letter & same)
    });
    char::from(chosen)
}

/// The value of a letter; look-alikes count as what they look like.
fn value_of(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|known| char::from(*known) == letter)?;
    u8::try_from(place).ok()
}

impl Drop for Share {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl ZeroizeOnDrop for Share {}

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The version of the format, above the purpose.
const FORMAT: u8 = 0x10;
/// Purpose, threshold, count, index, set, value, checksum.
const SHARE_OCTETS: usize = 2 + 3 + 4 + 32 + 4;
/// Eighteen groups of four.
pub const SHARE_LETTERS: usize = SHARE_OCTETS * 8 / 5;
/// Custodians of one secret: more than any ceremony has.
pub const MOST_SHARES: u8 = 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_field_is_that_of_fips_197() {
        // FIPS 197 §4.2, §4.2.1 and the S-box's first step.
        for (left, right, product) in [(0x57, 0x83, 0xc1), (0x57, 0x13, 0xfe), (0x53, 0xca, 0x01), (0x02, 0x80, 0x1b)] {
            assert_eq!(multiply(left, right), product);
        }
        assert!((1..=255).all(|value| multiply(value, inverse(value)) == 1));
        assert_eq!(inverse(0), 0);
    }

    #[test]
    fn a_known_polynomial_gives_known_shares_back() {
        // f(x) = 42 + 99·x in every octet: f(1) = db, f(2) = 6b, f(3) = f2.
        let secret = Secret32::new([0x42; 32]);
        let set = set_of(Purpose::Backup, &secret);
        let share = |index, octet| Share {
            purpose: Purpose::Backup,
            threshold: 2,
            count: 3,
            index,
            set,
            value: Secret32::new([octet; 32]),
        };
        let shares = [share(1, 0xdb), share(2, 0x6b), share(3, 0xf2)];
        for pair in [[0, 1], [0, 2], [2, 1]] {
            assert!(combine(&pair.map(|at: usize| shares[at].clone())) == Ok(secret.clone()));
        }
        let text = shares[0].to_text();
        assert_eq!(text.len(), SHARE_LETTERS + SHARE_LETTERS / 4 - 1);
        assert_eq!(Share::parse(&text).unwrap(), shares[0]);
    }

    #[test]
    fn every_choice_of_enough_shares_gives_the_secret_and_fewer_are_refused() {
        let secret = Secret32::random();
        let shares = split(Purpose::Pepper(1), &secret, 3, 5).unwrap();
        for chosen in 0..32_u32 {
            let some: Vec<Share> = (0..5).filter(|at| chosen >> at & 1 == 1).map(|at| shares[at].clone()).collect();
            match some.len() {
                0..=2 => assert!(matches!(combine(&some), Err(ShareError::TooFew { .. }))),
                _ => assert!(combine(&some) == Ok(secret.clone())),
            }
        }
        assert_eq!(split(Purpose::Keys, &secret, 1, 3), Err(ShareError::Numbers));
        assert_eq!(split(Purpose::Keys, &secret, 4, 3), Err(ShareError::Numbers));
        assert_eq!(split(Purpose::Keys, &secret, 2, 17), Err(ShareError::Numbers));
        assert!(split(Purpose::Keys, &secret, 16, 16).is_ok());
    }

    #[test]
    fn what_is_wrong_with_shares_is_named() {
        let shares = split(Purpose::OfficerPin, &Secret32::random(), 2, 3).unwrap();
        let other = split(Purpose::OfficerPin, &Secret32::random(), 2, 3).unwrap();
        let elsewhere = split(Purpose::UserPin, &Secret32::random(), 2, 3).unwrap();
        for foreign in [&other[1], &elsewhere[1]] {
            let mixed = combine(&[shares[0].clone(), foreign.clone()]);
            assert!(matches!(mixed, Err(ShareError::Mixed { index: 2, .. })), "{mixed:?}");
        }
        assert_eq!(combine(&[shares[0].clone(), shares[0].clone()]), Err(ShareError::Twice { index: 1 }));
        let mut altered = shares[1].clone();
        altered.value = Secret32::random();
        assert_eq!(combine(&[shares[0].clone(), altered]), Err(ShareError::Altered));
        // Every single letter that is mistyped is found; the case, spaces and look-alikes do not matter.
        let text = shares[0].to_text();
        for (at, letter) in text.char_indices().filter(|(_, letter)| *letter != '-') {
            let mut wrong = text.to_string();
            wrong.replace_range(at..=at, if letter == '7' { "8" } else { "7" });
            assert_eq!(Share::parse(&wrong), Err(ShareError::Mistyped));
        }
        let typed = text.to_lowercase().replace('-', "  ").replace('0', "o").replace('1', "l");
        assert_eq!(Share::parse(&typed).unwrap(), shares[0]);
        assert_eq!(Share::parse("ABCD"), Err(ShareError::Length { found: 4 }));
        assert_eq!(Share::parse(&text.replacen(|c: char| c != '-', "U", 1)), Err(ShareError::Mistyped));
        assert!(!format!("{:?}", shares[0]).contains(&text[20..24]));
    }

    #[test]
    fn pins_and_keys_differ_by_token_and_name() {
        let secret = Secret32::new([7; 32]);
        let pin = |purpose, label| pin_of(&secret, purpose, label).unwrap().expose().to_owned();
        assert_eq!(pin(Purpose::UserPin, "a").len(), 32);
        assert_eq!(pin(Purpose::UserPin, "a"), pin(Purpose::UserPin, "a"));
        assert_ne!(pin(Purpose::UserPin, "a"), pin(Purpose::UserPin, "b"));
        assert_ne!(pin(Purpose::UserPin, "a"), pin(Purpose::OfficerPin, "a"));
        assert!(secret_of(&secret, "wrapping").unwrap() != secret_of(&secret, "data").unwrap());
    }
}
