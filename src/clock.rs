//! The one place that reads the wall clock. Everything else takes the time as an argument or asks this clock for it.

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
}
