//! A circuit breaker: after so many failures in a row nothing is asked for a while, so that people at a booth do not wait for a database that is
//! away. Then one question is let through, and what comes of it decides.

use chuky_model::instant::Instant;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of one service.
pub(super) struct Breaker {
    most: u32,
    pause_seconds: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(most: u32, pause_seconds: u32) -> Self {
        Self { most, pause_seconds: i64::from(pause_seconds), state: Mutex::default() }
    }

    /// Whether to ask now. Of those who come after a pause one is let through.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now.plus_seconds(self.pause_seconds));
                true
            }
            None => true,
        }
    }

    /// What came of a question.
    pub(super) fn record(&self, answered: bool, now: Instant) {
        let mut state = self.state();
        if answered {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.most {
            state.open_until = Some(now.plus_seconds(self.pause_seconds));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_pause_and_one_question_ends_the_pause() {
        let breaker = Breaker::new(2, 30);
        let at = |seconds: i64| Instant::from_unix_seconds(1_000 + seconds);
        breaker.record(false, at(0));
        breaker.record(true, at(1));
        breaker.record(false, at(2));
        assert!(breaker.admits(at(2)), "two failures, not in a row");
        breaker.record(false, at(3));
        assert!(!breaker.admits(at(3)) && !breaker.admits(at(32)));
        assert!(breaker.admits(at(33)), "one is let through");
        assert!(!breaker.admits(at(34)), "and no other meanwhile");
        breaker.record(false, at(35));
        assert!(!breaker.admits(at(64)));
        assert!(breaker.admits(at(65)));
        breaker.record(true, at(66));
        assert!(breaker.admits(at(66)) && breaker.admits(at(66)));
    }
}
