//! Bounds of a payment order and of what the verifier remembers. The published schema states the same numbers, and a test compares them.

/// Longest `id`, in characters.
pub const LONGEST_ID: usize = 64;
/// Longest `payer` and `payee`, in characters.
pub const LONGEST_PARTY: usize = 200;
/// Longest `reference`, in characters.
pub const LONGEST_REFERENCE: usize = 500;
/// Longest `created` and `expires`, in characters: RFC 3339 with nanoseconds and an offset has 35.
pub const LONGEST_TIME: usize = 40;
/// Largest amount that every JSON reader carries exactly: 2^53 − 1 (RFC 8785 §3.2.2.3, RFC 7493 §2.2).
pub const LARGEST_EXACT_AMOUNT: u64 = 9_007_199_254_740_991;
/// Largest amount accepted unless the settings say otherwise, in minor units.
pub const LARGEST_AMOUNT: u64 = 1_000_000_000_000_000;
/// Longest time between `created` and `expires` unless the settings say otherwise, in seconds: three days.
pub const LONGEST_WINDOW_SECONDS: i64 = 3 * 24 * 3600;
/// How far the payer's clock may run ahead unless the settings say otherwise, in seconds.
pub const CLOCK_SKEW_SECONDS: i64 = 60;
/// Longest amount as a decimal, in characters: 18 digits, a point and five behind it (ISO 20022, ActiveCurrencyAndAmount), twice over.
pub const LONGEST_AMOUNT: usize = 48;
/// Longest message in XML or CMS, and longest signature and content together, in bytes: a chain and an OCSP answer fit several times.
pub const LONGEST_MESSAGE: usize = 96 * 1024;
/// Signers remembered in each of the two generations of the cache; one takes about 6 KiB.
pub const SIGNERS_REMEMBERED: usize = 4096;
/// How long a verified path may be reused before it is built anew, in seconds.
pub const PATH_REUSED_SECONDS: i64 = 3600;
/// Longest protected header that is worth remembering, in characters of base64url.
pub const LONGEST_REMEMBERED_HEADER: usize = 16 * 1024;
