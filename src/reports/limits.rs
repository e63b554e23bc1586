//! Bounds of reports, with their units and reasons.

/// Bytes of a timestamp token beside the certificates in it: attributes and an RSA-4096 signature stay below.
pub const TOKEN_BYTES: usize = 4 << 10;
/// Signatures and timestamps that the report for people lists one by one; the rest is counted and stands in JSON and XML.
pub const LISTED: usize = 100;
/// Pages whose pictures the report for people shows; each has two of up to 5 MB before they are compressed.
pub const PAGES_SHOWN: usize = 4;
/// Checks and changes that it lists for one of them.
pub const LISTED_EACH: usize = 30;
