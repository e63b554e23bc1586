//! The one place that reads the wall clock. Everything else takes the time as an argument or asks this clock for it, and asks here
//! how far the kernel trusts it.

use chuky_model::instant::Instant;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Tells the time. A test may shift it; clones share the shift.
#[derive(Clone, Debug)]
pub struct Clock {
    shift_microseconds: Arc<AtomicI64>,
    /// The part of the shift that stands for time that went by.
    passed_microseconds: Arc<AtomicI64>,
    /// The wall clock when this process first looked at it, and that moment as the kernel counts without jumps.
    start: (Instant, std::time::Instant),
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            shift_microseconds: Arc::default(),
            passed_microseconds: Arc::default(),
            start: (wall(), std::time::Instant::now()),
        }
    }
}

fn wall() -> Instant {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let microseconds = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    Instant(microseconds.saturating_add(crate::fault::clock_error()))
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
        Instant(wall().0.saturating_add(self.shift_microseconds.load(Ordering::Relaxed)))
    }

    /// The wall clock at the start and what has gone by since: runs evenly whatever happens to the wall clock, and says nothing of its
    /// own about the time of day.
    pub fn steady(&self) -> Instant {
        let (wall, moment) = self.start;
        let elapsed = i64::try_from(moment.elapsed().as_micros()).unwrap_or(i64::MAX);
        let passed = self.passed_microseconds.load(Ordering::Relaxed);
        Instant(wall.0.saturating_add(elapsed).saturating_add(passed))
    }

    /// A moment that has come, even where the wall clock jumped ahead since the start: what is thrown away by age goes by this.
    pub fn certain(&self) -> Instant {
        self.now().min(self.steady())
    }

    /// By how many seconds the wall clock has run ahead of what went by since the start.
    pub fn ahead_seconds(&self) -> i64 {
        self.now().0.saturating_sub(self.steady().0) / 1_000_000
    }

    /// Lets time go by for this clock and its clones; only tests do.
    pub fn shift_seconds(&self, seconds: i64) {
        self.jump_seconds(seconds);
        self.passed_microseconds.fetch_add(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
    }

    /// Sets the wall clock of this clock and its clones ahead or back; only tests do.
    pub fn jump_seconds(&self, seconds: i64) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_moves_the_wall_clock_only() {
        let clock = Clock::default();
        let start = clock.now();
        let passed = |at: Instant| (at.0 - start.0 + 500_000).div_euclid(1_000_000);
        clock.shift_seconds(100);
        assert_eq!([clock.now(), clock.steady(), clock.certain()].map(passed), [100; 3]);
        clock.jump_seconds(1_000);
        assert_eq!([clock.now(), clock.steady(), clock.certain()].map(passed), [1_100, 100, 100]);
        assert!((999..=1_000).contains(&clock.ahead_seconds()));
        clock.jump_seconds(-1_050);
        assert_eq!([clock.now(), clock.steady(), clock.certain()].map(passed), [50, 100, 50]);
    }
}
