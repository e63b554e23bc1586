//! Where a page of a list begins. Lists are ordered by time, then identifier, so that a cursor never skips or repeats a row.

use crate::instant::Instant;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The last row of the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its time.
    pub at: Instant,
    /// Its identifier.
    pub id: Uuid,
}

impl Cursor {
    /// Before the oldest row: a list in rising order begins here.
    pub const OLDEST: Cursor = Cursor { at: Instant(i64::MIN), id: Uuid::nil() };
    /// After the newest row: a list in falling order begins here.
    pub const NEWEST: Cursor = Cursor { at: Instant(i64::MAX), id: Uuid::max() };
}
