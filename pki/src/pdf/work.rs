//! Counts the steps of reading and comparing that cost more than a look at something known: objects and sections read, entries indexed, fields
//! built, pairs compared. So that tests see how work grows with a file, whatever else the machine does. Changes nothing.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Counts so many steps of this thread.
pub(crate) fn count(steps: u64) {
    STEPS.with(|so_far| so_far.set(so_far.get().wrapping_add(steps)));
}

/// The steps of this thread so far.
pub fn steps() -> u64 {
    STEPS.with(Cell::get)
}
