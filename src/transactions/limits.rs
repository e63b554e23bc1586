//! Bounds of the payment flow, with their units and reasons.

/// Payments that wait for the disk; more are told to try again. At 8,000 a second this is half a second of waiting.
pub const WAITING: usize = 4_096;
/// Payments in one transaction: enough that the flush is shared, few enough that a group stays within milliseconds.
pub const LARGEST_GROUP: usize = 256;
/// Groups that are authenticated and stored at a time: while one waits for its flush, the next is made.
pub const GROUPS_UNDER_WAY: usize = 2;
/// Receipts under one signed root: a path of twelve hashes.
pub const RECEIPTS_IN_A_TREE: usize = 4_096;
/// Rows in which processes count a provider's payments of a day.
pub const SLOTS: i64 = 16;
/// Times that a provider's address is asked to take an alarm: with the pauses between, about three days.
pub const TRIES: i64 = 20;
/// Seconds after the first try; twice as many after each further one, up to [`LONGEST_PAUSE_SECONDS`]. Longer than a try may take.
pub const FIRST_PAUSE_SECONDS: i64 = 60;
/// Seconds between two tries at most.
pub const LONGEST_PAUSE_SECONDS: i64 = 6 * 3_600;
/// Alarms that one provider is told in a round.
pub const ALARMS_A_ROUND: i64 = 32;
/// Days for which alarms are kept, told or not.
pub const ALARMS_KEPT_DAYS: i64 = 90;
