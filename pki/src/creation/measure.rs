//! What a file's octets are measured by, in one pass: digest, size, and the checksum of archives.

use crate::algorithm::DigestAlgorithm;
use crate::crypto::Hasher;
use flate2::Crc;

/// A file being measured.
pub struct Measure {
    hasher: Hasher,
    crc: Crc,
    size: u64,
}

/// A file, measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub digest: Vec<u8>,
    /// CRC-32, as archives have it.
    pub crc: u32,
    /// Bytes.
    pub size: u64,
}

impl Measure {
    /// Begins, with a digest of this algorithm.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self { hasher: Hasher::new(algorithm), crc: Crc::new(), size: 0 }
    }

    /// The next octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.hasher.update(octets);
        self.crc.update(octets);
        self.size = self.size.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
    }

    /// All octets were given.
    pub fn finish(self) -> Measured {
        Measured { digest: self.hasher.finish(), crc: self.crc.sum(), size: self.size }
    }
}
