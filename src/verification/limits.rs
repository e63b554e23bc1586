//! Bounds of the verification flow, with their units and reasons.

/// Uploads and verdicts under way at once; one more is told to try again. Each may hold a spool of the largest upload on disk.
pub const UNDER_WAY: usize = 32;
/// Bytes of a document that `chuky verify` hands to a reader, which maps it whole into its bounded memory.
pub const LARGEST_FILE: u64 = 512 << 20;
/// Bytes of a file read at a time.
pub const PIECE: usize = 256 << 10;
/// Bytes of a file's name that a report repeats.
pub const LONGEST_NAME: usize = 1_024;
