//! Numbers at a booth: how many were given and called, and what was called where. Nothing of them says who has which number.

use super::record;
use crate::instant::Instant;

record! {
    /// A unit's queue on a day.
    BoothQueue in "booth_queue" {
        /// The last number that was given; 0 before the first.
        given: i64,
        /// The last number that was called; never beyond the last given.
        called: i64,
    }
}

record! {
    /// A number that was called.
    BoothCall in "booth_call" {
        number: i64,
        /// The number of the desk that its holder goes to.
        desk: i64,
        called_at: Instant,
    }
}
