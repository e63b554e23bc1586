//! The one place that reads the wall clock. Everything else takes the time as an argument or asks this clock for it, and asks here
//! how far the kernel trusts it.

use chuky_model::instant::Instant;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Tells the time. A test may shift it; clones share the shift.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shift_microseconds: Arc<AtomicI64>,
}

/// What the kernel says of its clock (adjtimex(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronisation {
    /// Something keeps it with a better clock; at most so many microseconds off.
    Within(i64),
    /// Nothing does.
    None,
}

impl Clock {
    /// The present moment, with the shift applied.
    pub fn now(&self) -> Instant {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let microseconds = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        Instant(microseconds.saturating_add(self.shift_microseconds.load(Ordering::Relaxed)))
    }

    /// Moves this clock and its clones; only tests do.
    pub fn shift_seconds(&self, seconds: i64) {
        self.shift_microseconds.fetch_add(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
    }

    /// Whether the kernel knows its clock to be right. A clock that was shifted is not.
    pub fn synchronisation(&self) -> Synchronisation {
        if self.shift_microseconds.load(Ordering::Relaxed) != 0 {
            return Synchronisation::None;
        }
        // SAFETY: all-zero is a value of this plain C struct; modes = 0 asks and changes nothing; the pointer is to a live, writable
        // struct, which the call fills and does not keep.
        #[allow(unsafe_code)]
        let (state, kernel) = unsafe {
            let mut kernel: libc::timex = std::mem::zeroed();
            (libc::adjtimex(&raw mut kernel), kernel)
        };
        // adjtimex(2): TIME_ERROR where the clock is not synchronised; -1 where it cannot be asked.
        if state < 0 || state == libc::TIME_ERROR || kernel.status & libc::STA_UNSYNC != 0 {
            return Synchronisation::None;
        }
        // A C long: as wide as the machine's words.
        #[allow(clippy::useless_conversion)]
        Synchronisation::Within(i64::from(kernel.maxerror))
    }
}
