//! Bounds of what a stranger's JWS may cost. Each has its unit and its origin; nothing here is a setting.

/// Longest serialised JWS accepted, in bytes: a chain of four certificates of 3 KiB and an order of a few KiB fit several times.
pub const LONGEST_JWS: usize = 64 * 1024;
/// Longest decoded protected header, in bytes.
pub const LONGEST_HEADER: usize = 24 * 1024;
/// Longest payload of a payment, decoded, in bytes.
pub const LONGEST_PAYLOAD: usize = 32 * 1024;
/// Longest signature value, in bytes: RSA-8192.
pub const LONGEST_SIGNATURE: usize = 1024;
/// Most certificates in `x5c`.
pub const MOST_CERTIFICATES: usize = 6;
/// Longest certificate in `x5c`, in bytes of DER.
pub const LONGEST_CERTIFICATE: usize = 8 * 1024;
/// Longest `kid`, in characters.
pub const LONGEST_KEY_IDENTIFIER: usize = 200;
/// Deepest nesting of a strict JSON text.
pub const DEEPEST_JSON: usize = 32;
/// Most values (members and items) in a strict JSON text.
pub const MOST_JSON_VALUES: usize = 4096;
