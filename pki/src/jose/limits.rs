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

/// What one kind of use allows a serialisation to cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longest serialised JWS, bytes.
    pub longest: usize,
    /// Most JSON values in it.
    pub values: usize,
    /// Most signatures in it.
    pub signatures: usize,
}

/// Payments: many a second, small.
pub const PAYMENT: Bounds = Bounds { longest: LONGEST_JWS, values: MOST_JSON_VALUES, signatures: 1 };
/// Documents: with payload and long-term data inside; 64 MiB of base64 are a document of 48 MiB.
pub const DOCUMENT: Bounds = Bounds { longest: 64 * 1024 * 1024, values: 100_000, signatures: 64 };

/// Longest decoded protected header of a document's signature, bytes: a chain, a policy and content timestamps fit many times.
pub const LONGEST_DOCUMENT_HEADER: usize = 1024 * 1024;
/// Most certificates in a document's `x5c`, and in one `xVals`.
pub const MOST_DOCUMENT_CERTIFICATES: usize = 128;
/// Most components in `etsiU`.
pub const MOST_UNSIGNED_COMPONENTS: usize = 128;
/// Most values in each list of a component, and most references in `sigD` and `sigX5ts`.
pub const MOST_LISTED: usize = 256;
