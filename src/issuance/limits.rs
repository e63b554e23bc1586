//! Bounds of what status services keep and make, in one place, with their units and reasons.

/// Octets of a list that are read, stored and sent at a time.
pub const LIST_PIECE: usize = 1 << 20;
/// Octets of a list that is put into a signature or handed to a reader; beyond that an OCSP answer is the evidence.
pub const LONGEST_LIST_IN_MEMORY: i64 = 4 << 20;
/// Lists whose pieces are kept beside the newest: who began to fetch one may finish.
pub(super) const LISTS_KEPT: i64 = 10;
/// Seconds between two publications of a list of more than one piece; with the round of the background it stays within a minute.
pub(super) const LONG_LIST_PAUSE: i64 = 20;
/// Seconds after which a list that is good for ever, of a CA that has not ended, is taken for what an end left that broke off: longer than
/// answers about a million certificates take to archive.
pub(super) const LAST_LIST_SETTLES: i64 = 6 * 3_600;
/// Nodes that publish at once overtake each other a few times at most.
pub(super) const MOST_TRIES: u32 = 10;
/// Seconds for which an OCSP answer made in advance is given out, and for which a cache may keep one.
pub const OCSP_ANSWER_SECONDS: i64 = 60;
/// Seconds after which an answer that is asked for is made anew in the background.
pub(super) const OCSP_ANSWER_RENEWED: i64 = 30;
/// OCSP answers kept; one takes about 2 KiB.
pub(super) const MOST_ANSWERS_KEPT: usize = 32_768;
/// Answers made anew in one round of the background, which comes every five seconds.
pub(super) const MOST_ANSWERS_RENEWED: usize = 500;
