//! Certificate serial numbers (RFC 5280 §4.1.2.2: positive, at most 20 octets).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// A serial number as big-endian octets without leading zeros, 1 to 20 of them. Shown as lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(Vec<u8>);

/// Why octets or text are not a serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SerialError {
    #[error("a serial number has 1 to 20 octets and is not zero")]
    Length,
    #[error("a serial number is written in hexadecimal digits")]
    NotHex,
}

impl Serial {
    /// Octets of randomness in the serials Chuky makes: 127 random bits, top bit clear so that DER stays at 16 octets.
    pub const RANDOM_OCTETS: usize = 16;

    /// From random octets: the top bit is cleared and the one below set, so that the length is always 16.
    pub fn from_random(mut octets: [u8; Self::RANDOM_OCTETS]) -> Self {
        octets[0] = (octets[0] & 0x7f) | 0x40;
        Self(octets.to_vec())
    }

    /// From the content octets of a DER INTEGER or plain big-endian octets; leading zeros are dropped.
    pub fn from_octets(octets: &[u8]) -> Result<Self, SerialError> {
        let significant: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
        if significant.is_empty() || significant.len() > 20 {
            return Err(SerialError::Length);
        }
        Ok(Self(significant))
    }

    /// Big-endian octets without leading zeros.
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl FromStr for Serial {
    type Err = SerialError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let even = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
        Self::from_octets(&hex::decode(even).map_err(|_| SerialError::NotHex)?)
    }
}

impl Serialize for Serial {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Serial {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
