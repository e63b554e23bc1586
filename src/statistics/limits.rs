//! Bounds of figures, with their units and reasons.

/// Months of one report: five years, as long as the longest certificate is valid.
pub const MOST_MONTHS: usize = 60;
/// Months that a report covers where nobody says how many.
pub const USUAL_MONTHS: i32 = 12;
/// Rows that are asked for at once: some hundred kilobytes.
pub const PAGE: i64 = 2_000;
/// Sealed details that are opened between two looks at what else is to be done: a few milliseconds.
pub const DETAILS_PAGE: i64 = 500;
/// Open data: a smaller count is not told. National statistical offices use 3 to 10; a small commune asks for the upper end.
pub const LEAST_TOLD: u64 = 10;
/// Open data: what is told is rounded down to a multiple of this, so that what two publications differ by is no count of persons.
pub const ROUNDED_TO: u64 = 10;
/// Seconds for which open data are answered as they were: they change once a month.
pub const OPEN_DATA_KEPT: i64 = 3_600;
/// Characters of a unit's code in a question.
pub const LONGEST_CODE: usize = 35;
