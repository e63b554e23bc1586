//! The socket to one live worker: calls that wait for their answers, and when each of them proves the worker hung.

use crate::{
    error::Error,
    frame::{self, FromWorker, ToWorker},
    message::{Request, Response},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use zeroize::Zeroizing;

/// Why a call got no answer from this worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Deadline,
    /// The worker ended before it was given the request.
    NotSent,
    /// The worker ended with the request.
    Ended,
    /// No thread of the worker became free for it, which proves nothing.
    Busy,
}

/// A live worker. Where a call goes unanswered for longer than is healthy, the worker is hung whatever the caller's deadline: the caller
/// is told in time for another worker to answer.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) process: u32,
    frames: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>,
    /// As many calls at once as the worker has threads: what it is given, it works on, so only its own slowness can be blamed on it.
    dispatch: Arc<Semaphore>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
    load: AtomicUsize,
    dismissed: Notify,
}

#[derive(Debug)]
struct Waiting {
    answer: oneshot::Sender<Result<Response, Error>>,
    hung_at: Instant,
    /// Given back with the answer.
    _permit: OwnedSemaphorePermit,
}

impl Link {
    pub(super) fn new(process: u32, threads: usize, frames: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>) -> Self {
        Self {
            process,
            frames,
            dispatch: Arc::new(Semaphore::new(threads.max(1))),
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            load: AtomicUsize::new(0),
            dismissed: Notify::new(),
        }
    }

    /// Calls waiting for this worker or running in it.
    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Acquire)
    }

    /// Gives the request to the worker and waits for its answer. A caller that stops waiting leaves the entry, which goes on
    /// proving the worker alive or hung.
    pub(super) async fn call(
        &self,
        request: &Request,
        within: Duration,
        patience: Duration,
    ) -> Result<Result<Response, Error>, Failure> {
        let _loaded = Load::add(&self.load);
        let until = Instant::now().checked_add(within).ok_or(Failure::Deadline)?;
        let permit = tokio::time::timeout_at(until.into(), Arc::clone(&self.dispatch).acquire_owned())
            .await
            .map_err(|_| Failure::Deadline)?
            .map_err(|_| Failure::NotSent)?;
        self.send(request, until, patience, permit).await
    }

    /// Asks the supervisor's own questions (probe, trial, fingerprint). Each takes a thread's place as a call does and its time begins with
    /// that, so neither is ever late through the other; where no thread becomes free within that time it is not asked.
    pub(super) async fn ask(&self, request: &Request, within: Duration) -> Result<Result<Response, Error>, Failure> {
        let _loaded = Load::add(&self.load);
        let permit = tokio::time::timeout(within, Arc::clone(&self.dispatch).acquire_owned())
            .await
            .map_err(|_| Failure::Busy)?
            .map_err(|_| Failure::NotSent)?;
        let until = Instant::now().checked_add(within).ok_or(Failure::Deadline)?;
        self.send(request, until, within, permit).await
    }

    async fn send(
        &self,
        request: &Request,
        until: Instant,
        patience: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Result<Result<Response, Error>, Failure> {
        let now = Instant::now();
        let remaining = until.saturating_duration_since(now);
        let id = self.next.fetch_add(1, Ordering::AcqRel);
        let milliseconds = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        let frame = match frame::encode(&ToWorker::Call { id, milliseconds, request: request.clone() }) {
            Ok(frame) => frame,
            Err(error) => return Ok(Err(error)),
        };
        let (sender, receiver) = oneshot::channel();
        let hung_at = now.checked_add(remaining.min(patience).max(LEAST_PATIENCE)).ok_or(Failure::Deadline)?;
        {
            let mut waiting = self.waiting();
            // Closed since the thread's place was taken: nobody would let the caller know any more.
            if self.dispatch.is_closed() {
                return Err(Failure::NotSent);
            }
            waiting.insert(id, Waiting { answer: sender, hung_at, _permit: permit });
        }
        if self.frames.send(frame).is_err() {
            self.waiting().remove(&id);
            return Err(Failure::NotSent);
        }
        match tokio::time::timeout_at(until.into(), receiver).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err(Failure::Ended),
            Err(_) => Err(Failure::Deadline),
        }
    }

    /// Hands an answer to who waits for it.
    pub(super) fn answered(&self, message: FromWorker) -> Result<(), Error> {
        let FromWorker::Answer { id, result } = message else {
            return Err(Error::Protocol { reason: "started twice".to_owned() });
        };
        if let Some(waiting) = self.waiting().remove(&id) {
            // Its caller may have gone.
            drop(waiting.answer.send(result));
        }
        Ok(())
    }

    /// For how long some call has waited longer than it may.
    pub(super) fn hung_for(&self, now: Instant) -> Option<Duration> {
        self.waiting().values().filter_map(|waiting| now.checked_duration_since(waiting.hung_at)).max()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.load() == 0 && self.waiting().is_empty()
    }

    /// The worker met a token that is not the one it should be: it ends.
    pub(super) fn dismiss(&self) {
        self.dismissed.notify_one();
    }

    pub(super) async fn dismissed(&self) {
        self.dismissed.notified().await;
    }

    /// Takes no more calls and lets every waiting one know that no answer comes.
    pub(super) fn close(&self) {
        self.dispatch.close();
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call while it lasts, however it ends.
struct Load<'a>(&'a AtomicUsize);

impl<'a> Load<'a> {
    fn add(load: &'a AtomicUsize) -> Self {
        load.fetch_add(1, Ordering::AcqRel);
        Self(load)
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A caller in more of a hurry than this does not prove a worker hung.
const LEAST_PATIENCE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A question to a worker whose threads all work on calls that may take long is not asked, and proves nothing.
    #[tokio::test]
    async fn a_question_waits_for_a_thread_and_blames_nobody() {
        let (frames, mut sent) = mpsc::unbounded_channel();
        let link = Arc::new(Link::new(1, 1, frames));
        let calling = Arc::clone(&link);
        let long = Duration::from_secs(60);
        let call = tokio::spawn(async move { calling.call(&Request::Probe, long, long).await });
        sent.recv().await.unwrap();
        let within = Duration::from_millis(300);
        let asked = link.ask(&Request::Fingerprint, within).await;
        assert!(matches!(asked, Err(Failure::Busy)), "{asked:?}");
        let later = Instant::now().checked_add(Duration::from_secs(30)).unwrap();
        assert!(link.hung_for(later).is_none(), "only the call may prove it");
        assert!(sent.try_recv().is_err(), "it was not given to the worker");
        link.answered(FromWorker::Answer { id: 0, result: Ok(Response::Passed) }).unwrap();
        call.await.unwrap().unwrap().unwrap();
        // With a thread free it is asked, its time begins then, and it proves the worker hung.
        let asked = link.ask(&Request::Fingerprint, within).await;
        assert!(matches!(asked, Err(Failure::Deadline)), "{asked:?}");
        assert!(link.hung_for(Instant::now()).is_some());
    }

    /// Whoever had a thread's place when the worker ended is told so at once, and does not wait for an answer that nobody gives.
    #[tokio::test]
    async fn a_call_that_meets_the_end_is_told() {
        let (frames, _kept) = mpsc::unbounded_channel();
        let link = Link::new(1, 1, frames);
        let permit = Arc::clone(&link.dispatch).acquire_owned().await.unwrap();
        link.close();
        let long = Duration::from_secs(60);
        let until = Instant::now().checked_add(long).unwrap();
        let sent = tokio::time::timeout(Duration::from_secs(5), link.send(&Request::Probe, until, long, permit)).await;
        assert!(matches!(sent, Ok(Err(Failure::NotSent))), "{sent:?}");
    }
}
