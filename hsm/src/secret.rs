//! Secrets that travel to the worker: they are wiped when dropped, never printed, and compared in constant time only.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Thirty-two secret bytes: what Argon2id made of a PIN, an activation secret, a data key.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct Secret32([u8; 32]);

impl Secret32 {
    /// Takes the bytes over. The caller wipes its own copy.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Fresh from the system's generator.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes);
        Self(bytes)
    }

    /// The bytes, for hashing and sealing only.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret32 {}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(…)")
    }
}

/// A token's user or SO PIN: 128 random bits in hexadecimal (hsm.md: eight digits would fall in hours to whoever has the files).
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct Pin(String);

impl Pin {
    /// A new PIN from the system's generator.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 16];
        rand::fill(&mut bytes);
        let pin = Self(hex::encode(bytes));
        bytes.zeroize();
        pin
    }

    /// A PIN read from where the operator keeps it; surrounding white space does not count. PKCS#11 wants 4–255 bytes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        if !(4..=255).contains(&trimmed.len()) {
            return Err(Error::invalid("a token's PIN has 4 to 255 bytes"));
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The text, for logging in and for the file that keeps it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn for_login(&self) -> cryptoki::types::AuthPin {
        cryptoki::types::AuthPin::new(self.0.clone().into_boxed_str())
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}
