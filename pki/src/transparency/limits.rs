//! Bounds of what is read of transparency logs.

/// Longest signed note, octets. One signature of the longest kind has 5 kB; a log and thirty-one witnesses with Ed25519 need 5 kB.
pub const LONGEST_NOTE: usize = 64 * 1024;
/// Most signatures of one note; verifiers accept at least 16 (signed-note).
pub const MOST_SIGNATURES: usize = 32;
/// Longest name of a key, and longest origin of a log, octets.
pub const LONGEST_NAME: usize = 255;
/// Most hashes of one proof: a tree has at most 2^63 leaves.
pub const MOST_HASHES: usize = 63;
/// Longest entry of a log in a bundle: its length has two octets (tlog-tiles).
pub const LONGEST_ENTRY: usize = 65_535;
/// Longest proof, octets: its extra data is one entry.
pub const LONGEST_PROOF: usize = LONGEST_NOTE + 2 * LONGEST_ENTRY;
