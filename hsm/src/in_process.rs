//! The HSM in this very process: for the ceremony, and for tests of this package. A hanging token hangs its threads for good here;
//! the service uses [`crate::Supervised`].

use crate::{
    api::{Answer, Health, Hsm, Standing, TokenHealth},
    engine::{Core, Job, Pool},
    error::Error,
    frame::Start,
    judge::KeyReader,
    limits,
    message::Request,
    settings::Settings,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Threads of this process, one session each.
#[derive(Debug)]
pub struct InProcess {
    pool: Pool,
    in_flight: Arc<AtomicUsize>,
}

impl InProcess {
    /// Opens the role's first token, runs its self-test and starts the threads; signatures are judged by what the reader gives.
    pub fn start(settings: &Settings, reader: KeyReader) -> Result<Self, Error> {
        let start = Start::first_of(settings)?;
        let core = Core::open(start, reader)?;
        let pool = Pool::start(core, settings.threads, settings.queue)?;
        Ok(Self { pool, in_flight: Arc::default() })
    }
}

impl Hsm for InProcess {
    fn call(&self, request: Request, deadline: Duration) -> Answer<'_> {
        Box::pin(async move {
            if deadline < limits::LEAST_BUDGET {
                return Err(Error::DeadlineExceeded);
            }
            let until = Instant::now().checked_add(deadline).ok_or_else(|| Error::invalid("no such deadline"))?;
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let in_flight = Arc::clone(&self.in_flight);
            in_flight.fetch_add(1, Ordering::AcqRel);
            let answer = Box::new(move |result| {
                in_flight.fetch_sub(1, Ordering::AcqRel);
                // Nobody may be waiting any more.
                drop(sender.send(result));
            });
            if let Err(error) = self.pool.submit(Job { request, until, answer }) {
                self.in_flight.fetch_sub(1, Ordering::AcqRel);
                return Err(error);
            }
            match tokio::time::timeout(deadline, receiver).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(Error::unavailable("the signing thread has ended")),
                Err(_) => Err(Error::DeadlineExceeded),
            }
        })
    }

    fn health(&self) -> Health {
        let lost = self.pool.core().is_lost();
        let reason = lost.then(|| "the token is gone".to_owned());
        let core = self.pool.core();
        let token = TokenHealth {
            label: core.label().to_owned(),
            serial: Some(core.token.serial.clone()),
            standing: if lost { Standing::Out } else { Standing::Serving },
            reason: reason.clone(),
            workers: self.pool.thread_count(),
        };
        Health {
            ready: !lost,
            reason,
            workers: self.pool.thread_count(),
            in_flight: self.in_flight.load(Ordering::Acquire),
            tokens: vec![token],
        }
    }
}
