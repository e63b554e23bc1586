//! Bounds on what this package reads, in one place, with their units and reasons.

/// Deepest nesting of BER constructed encodings that is followed; real CMS stays below 20.
pub const DEEPEST_BER: usize = 48;
/// Longest certificate read, bytes; the largest seen in public trust lists is below 10 KiB.
pub const LONGEST_CERTIFICATE: usize = 256 * 1024;
/// Most extensions in one certificate, CRL or response.
pub const MOST_EXTENSIONS: usize = 64;
/// Most attribute type-and-value pairs in one name.
pub const MOST_NAME_ATTRIBUTES: usize = 128;
/// Most certificates read from one CMS object.
pub const MOST_CERTIFICATES: usize = 1_000;
/// Most CRLs, and most OCSP responses, read from one CMS object.
pub const MOST_REVOCATION_VALUES: usize = 1_000;
/// Most signer infos in one CMS object.
pub const MOST_SIGNERS: usize = 64;
/// Most attributes in one signer info.
pub const MOST_ATTRIBUTES: usize = 128;
/// RSA moduli accepted for verification, bits. OpenSSL itself stops at 16384.
pub const RSA_MODULUS_BITS: std::ops::RangeInclusive<u32> = 512..=16_384;
/// Longest RSA public exponent accepted, bits (FIPS 186-5 §5.4 allows up to 256).
pub const RSA_EXPONENT_BITS: u32 = 256;
