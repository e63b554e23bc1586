//! Bounds of the verification flow, with their units and reasons.

use std::time::Duration;

/// Uploads at once, on their way or judged; one more is told to try again. Each may hold a spool of the largest upload on disk.
pub const ARRIVING: usize = 128;
/// Those of one account or address.
pub const ARRIVING_EACH: usize = 16;
/// Documents that are judged at once.
pub const UNDER_WAY: usize = 32;
/// How long a document that has arrived waits for its turn to be judged.
pub const WAIT_TO_BE_JUDGED: Duration = Duration::from_secs(30);
/// How long one part of a form may take to arrive: as long as a request with one document.
pub const LONGEST_PART: Duration = Duration::from_secs(300);
/// Bytes of a document that `chuky verify` hands to a reader, which maps it whole into its bounded memory.
pub const LARGEST_FILE: u64 = 512 << 20;
/// Documents whose pages are drawn at once: it takes a reader for up to seconds, and verdicts must not wait for pictures.
pub const DRAWING: usize = 1;
/// How long a document waits for its turn to be drawn; its report is then given without pictures.
pub const WAIT_TO_DRAW: Duration = Duration::from_secs(5);
/// Pages that a reader is told of when it draws.
pub const PAGES_NAMED: usize = 1_000;
/// Signatures that it is told of.
pub const SIGNATURES_NAMED: usize = 1_000;
/// Documents of one request that are judged at a time.
pub const BATCH_AT_A_TIME: usize = 4;
/// Documents of one request.
pub const BATCH: usize = 1_000;
/// Bytes of a file read at a time.
pub const PIECE: usize = 256 << 10;
/// Bytes of a file's name that a report repeats.
pub const LONGEST_NAME: usize = 1_024;
