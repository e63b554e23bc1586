//! Ready-made RSA keys, as session objects in this process's memory only: a stored blob that nobody has sealed yet would sign for
//! ever without a PIN. Filled by a thread of its own while nobody else uses the token.

use crate::{
    engine::Core,
    error::Error,
    objects::{self, PairUse},
    settings::StockTarget,
};
use chuky_model::algorithm::KeyAlgorithm;
use cryptoki::{object::ObjectHandle, session::Session};
use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A generated pair that waits for its owner.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) public: ObjectHandle,
    pub(crate) private: ObjectHandle,
}

/// The stock of one process.
#[derive(Debug)]
pub(crate) struct Stock {
    targets: Vec<StockTarget>,
    ready: Mutex<HashMap<KeyAlgorithm, Vec<Ready>>>,
    taken: Condvar,
    stopped: AtomicBool,
}

impl Stock {
    pub(crate) fn new(targets: Vec<StockTarget>) -> Self {
        let targets = targets.into_iter().filter(|target| target.algorithm.modulus_bits().is_some()).collect();
        Self { targets, ready: Mutex::default(), taken: Condvar::new(), stopped: AtomicBool::new(false) }
    }

    /// A ready key, if there is one.
    pub(crate) fn take(&self, algorithm: KeyAlgorithm) -> Option<Ready> {
        let key = self.lock().get_mut(&algorithm)?.pop();
        self.taken.notify_all();
        key
    }

    /// Keys present.
    pub(crate) fn levels(&self) -> Vec<StockTarget> {
        let ready = self.lock();
        let count = |algorithm| ready.get(&algorithm).map_or(0, Vec::len);
        self.targets.iter().map(|t| StockTarget { algorithm: t.algorithm, count: count(t.algorithm) }).collect()
    }

    /// Forgets all keys: their session or token is gone.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    /// Ends the filling thread after the key it is making.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.taken.notify_all();
    }

    fn next_short(&self) -> Option<KeyAlgorithm> {
        let ready = self.lock();
        self.targets
            .iter()
            .find(|target| ready.get(&target.algorithm).map_or(0, Vec::len) < target.count)
            .map(|target| target.algorithm)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<KeyAlgorithm, Vec<Ready>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the filling thread where there is anything to fill.
pub(crate) fn start(core: &Arc<Core>) -> Option<JoinHandle<()>> {
    if core.stock.targets.is_empty() {
        return None;
    }
    let core = Arc::clone(core);
    let filling = move || {
        while !core.stock.stopped.load(Ordering::Acquire) {
            if let Err(error) = fill(&core) {
                tracing::warn!(event = "hsm.stock.failed", %error);
                core.stock.forget();
                std::thread::sleep(PAUSE_AFTER_FAILURE);
            }
        }
    };
    let started = std::thread::Builder::new().name(THREAD.to_owned()).spawn(filling);
    // Without it keys are made when they are asked for.
    started.inspect_err(|error| tracing::warn!(event = "hsm.stock.failed", %error)).ok()
}

/// Fills until stopped or until the token refuses; the session that made the keys lives as long.
fn fill(core: &Core) -> Result<(), Error> {
    let session: Session = core.token.session()?;
    while !core.stock.stopped.load(Ordering::Acquire) {
        let Some(algorithm) = core.stock.next_short() else {
            let guard = core.stock.lock();
            drop(core.stock.taken.wait_timeout(guard, PAUSE_WHEN_FULL));
            continue;
        };
        let mut waited = Duration::ZERO;
        while core.running() > 0 && waited < LONGEST_YIELD {
            std::thread::sleep(YIELD);
            waited = waited.saturating_add(YIELD);
        }
        let (public, private) = objects::generate_pair(&session, algorithm, PairUse::Wrapped)?;
        core.stock.lock().entry(algorithm).or_default().push(Ready { public, private });
    }
    core.stock.forget();
    Ok(())
}

/// Its name, by which the supervisor tells its work from that of calls.
pub(crate) const THREAD: &str = "hsm-stock";
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);
const PAUSE_WHEN_FULL: Duration = Duration::from_secs(1);
const YIELD: Duration = Duration::from_millis(20);
/// A service that is never idle still needs keys.
const LONGEST_YIELD: Duration = Duration::from_millis(500);
