//! When a token is taken out of service, and how it comes back: after failures in a row or wrong answers the breaker opens, and callers are
//! told so at once or served by another token; trials in the background close it. Nobody has to restart anything.

use super::{Shared, State, link::Failure};
use crate::{
    error::Error,
    limits,
    message::{Request, Response},
};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// What is counted of one token.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Weight of the failures since the last success.
    weight: u32,
    wrong: VecDeque<Instant>,
}

impl Counts {
    /// A call was served.
    pub(super) fn succeeded(&mut self) {
        self.weight = 0;
    }

    /// A call failed, or a worker; whether that is one too many.
    pub(super) fn failed(&mut self, weight: u32) -> bool {
        self.weight = self.weight.saturating_add(weight);
        self.weight >= limits::FAILURES
    }

    /// An answer was wrong; whether that is one too many. Right answers between wrong ones do not make up for them.
    pub(super) fn wrong(&mut self, now: Instant) -> bool {
        self.wrong.retain(|at| now.saturating_duration_since(*at) < limits::WRONG_ANSWERS_WITHIN);
        self.wrong.push_back(now);
        self.wrong.len() >= limits::WRONG_ANSWERS
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Tries a token while it is out of service, and compares its keys while it is not, for as long as the task lives.
pub(super) async fn mind(shared: Arc<Shared>, token: usize) {
    let mut board = shared.board.subscribe();
    loop {
        let is_open = |tokens: &Vec<super::Token>| tokens.get(token).is_some_and(|token| token.open.is_some());
        let is_out = tokio::select! {
            seen = board.wait_for(is_open) => match seen {
                Ok(_) => true,
                Err(_) => return,
            },
            () = shared.doubted(token) => false,
            () = sleep(limits::COMPARE_EVERY) => false,
        };
        if !is_out {
            shared.refresh(token).await;
            continue;
        }
        sleep(limits::TRIAL_PAUSE).await;
        if let Err(error) = tried(&shared, token).await {
            tracing::debug!(event = "hsm.trial.failed", token = shared.label(token), %error);
            continue;
        }
        // It may have come back as another.
        shared.refresh(token).await;
        shared.counts(token).forget();
        shared.change(token, |token| token.open = None);
        tracing::warn!(event = "hsm.token.back", token = shared.label(token), number = token.saturating_add(1));
    }
}

/// Every worker that is up passes some trials one after the other; one that is still busy with what it was given before is passed over.
async fn tried(shared: &Shared, token: usize) -> Result<(), Error> {
    let links: Vec<_> = {
        let board = shared.board.borrow();
        let places = board.get(token).map(|token| token.places.as_slice()).unwrap_or_default();
        places.iter().filter_map(State::live).cloned().collect()
    };
    if links.is_empty() {
        return Err(Error::unavailable("no HSM worker"));
    }
    let mut passed = Err(Error::unavailable("every HSM worker is busy"));
    // As long as any call: a trial takes no more of the token than opening an activation does.
    let within = Request::Trial.patience(shared.settings.stall);
    for link in links {
        for trial in 1..=limits::TRIALS {
            match link.ask(&Request::Trial, within).await {
                Ok(Ok(Response::Passed)) if trial == limits::TRIALS => passed = Ok(()),
                Ok(Ok(Response::Passed)) => {}
                Ok(Ok(_)) => return Err(crate::message::unexpected()),
                Ok(Err(error)) => return Err(error),
                Err(Failure::Busy) => break,
                Err(_) => return Err(Error::DeadlineExceeded),
            }
        }
    }
    passed
}

impl Shared {
    /// A call was served by the token.
    pub(super) fn succeeded(&self, token: usize) {
        self.counts(token).succeeded();
        self.learn_reference(token);
    }

    async fn doubted(&self, token: usize) {
        match self.doubts.get(token) {
            Some(doubt) => doubt.notified().await,
            None => std::future::pending().await,
        }
    }

    /// A call or a worker of the token failed.
    pub(super) fn failed(&self, token: usize, weight: u32, error: &Error) {
        let too_many = {
            let mut counts = self.counts(token);
            match error {
                Error::WrongAnswer { .. } => {
                    tracing::error!(event = "hsm.wrong_answer", token = self.label(token), %error);
                    counts.wrong(Instant::now())
                }
                _ => counts.failed(weight),
            }
        };
        if too_many {
            self.open(token, error);
        }
    }

    fn open(&self, token: usize, error: &Error) {
        let mut opened = false;
        self.change(token, |token| {
            opened = token.open.is_none();
            token.open.get_or_insert_with(|| error.clone());
        });
        if opened {
            let number = token.saturating_add(1);
            tracing::error!(event = "hsm.token.out", token = self.label(token), number, %error);
        }
    }
}

/// How long a worker may sleep in its start: no hung start may keep a token from service much longer than starts do that do not hang, on
/// however busy a machine.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    missed: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { limit: limits::START, missed: 0 }
    }
}

impl Patience {
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// A start succeeded that slept so long.
    pub(super) fn learn(&mut self, took: Duration) {
        self.limit = took.saturating_mul(8).clamp(limits::START_LEAST, limits::START);
        self.missed = 0;
    }

    /// A start was given up. A token that has become slower for good gets more time by and by.
    pub(super) fn missed(&mut self) {
        self.missed = self.missed.saturating_add(1);
        if self.missed.is_multiple_of(8) {
            self.limit = self.limit.saturating_mul(2).min(limits::START);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn failures_in_a_row_count_and_a_success_forgives_them() {
        let mut counts = Counts::default();
        assert!(!counts.failed(1) && !counts.failed(2));
        counts.succeeded();
        assert!(!counts.failed(2));
        assert!(counts.failed(2));
    }

    #[test]
    fn wrong_answers_are_not_forgiven_by_right_ones_but_by_time() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        assert!(!counts.wrong(now));
        counts.succeeded();
        assert!(!counts.wrong(now));
        assert!(counts.wrong(now));
        let later = now.checked_add(limits::WRONG_ANSWERS_WITHIN).unwrap();
        assert!(!counts.wrong(later));
    }

    #[test]
    fn a_start_that_hangs_is_given_up_soon_once_one_is_known() {
        let mut patience = Patience::default();
        assert_eq!(patience.limit(), limits::START);
        patience.learn(Duration::from_millis(100));
        assert_eq!(patience.limit(), limits::START_LEAST);
        (0..8).for_each(|_| patience.missed());
        assert_eq!(patience.limit(), limits::START_LEAST * 2);
    }
}
