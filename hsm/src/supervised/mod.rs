//! The HSM behind worker processes: a bounded queue, deadlines, and workers that are killed and replaced where they hang or crash.
//! Loads no PKCS#11 library itself. While the token is gone calls fail at once; when it is back they are served without a restart.

mod gather;
mod link;
mod place;

use crate::{
    api::{Answer, Health, Hsm},
    error::Error,
    limits,
    message::{Request, Response},
    settings::Settings,
};
use chuky_model::id::ActivationId;
use gather::Gather;
use link::{Failure, Link};
pub use place::{add_pepper, destroy_pepper, prepare_token};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, Semaphore, watch},
    task::JoinHandle,
    time::timeout_at,
};
use uuid::Uuid;

/// One token behind its workers. Must be made inside a tokio runtime; dropping it ends the workers.
#[derive(Debug)]
pub struct Supervised {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    /// The state of each worker's place; everyone who waits for one watches this.
    places: watch::Sender<Vec<State>>,
    queue: Semaphore,
    gather: Gather,
    /// Counts activations, for [`Hsm::activation_id`].
    turn: AtomicUsize,
    /// Workers of one token start one after the other: SoftHSM writes the token's file at each log-in, and a process that reads it at
    /// that moment finds no token.
    starting: Mutex<()>,
}

/// What stands in a worker's place.
#[derive(Clone, Debug)]
enum State {
    Starting,
    Live(Arc<Link>),
    /// The last start failed; another is tried soon. Until then calls fail fast.
    Failed(Error),
}

impl Supervised {
    /// Starts the workers and returns at once; see [`Supervised::wait_ready`].
    pub fn start(settings: Settings) -> Self {
        let count = settings.workers.max(1);
        let queue = Semaphore::new(settings.queue.clamp(1, Semaphore::MAX_PERMITS));
        let (places, _) = watch::channel(vec![State::Starting; count]);
        let shared = Arc::new(Shared {
            settings,
            places,
            queue,
            gather: Gather::default(),
            turn: AtomicUsize::new(0),
            starting: Mutex::new(()),
        });
        let tasks = (0..count).map(|index| tokio::spawn(place::keep(Arc::clone(&shared), index))).collect();
        Self { shared, tasks }
    }

    /// Waits until every worker is up, or gives what the first one failed with.
    pub async fn wait_ready(&self) -> Result<(), Error> {
        let mut places = self.shared.places.subscribe();
        let settled = places.wait_for(|states| {
            states.iter().all(|state| matches!(state, State::Live(_)))
                || states.iter().any(|state| matches!(state, State::Failed(_)))
        });
        let states = settled.await.map_err(|_| Error::unavailable("the supervisor has ended"))?;
        states.iter().find_map(State::failure).map_or(Ok(()), Err)
    }

    /// Process identifiers of the live workers, for tests and `doctor`.
    pub fn worker_processes(&self) -> Vec<u32> {
        self.shared.places.borrow().iter().filter_map(|state| state.live().map(|link| link.process)).collect()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // Each task owns its child, which is killed when the task is dropped.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Hsm for Supervised {
    fn call(&self, request: Request, deadline: Duration) -> Answer<'_> {
        Box::pin(async move {
            match gather::kind(&request) {
                Some(kind) => gather::call(&self.shared, kind, gather::items(request), deadline).await,
                None => self.shared.queued(request, deadline).await,
            }
        })
    }

    fn health(&self) -> Health {
        let states = self.shared.places.borrow();
        let workers = states.iter().filter(|state| state.live().is_some()).count();
        let reason = match states.iter().find_map(State::failure) {
            _ if workers > 0 => None,
            Some(error) => Some(error.to_string()),
            None => Some("HSM workers are starting".to_owned()),
        };
        let free = self.shared.queue.available_permits();
        let in_flight = self.shared.settings.queue.max(1).saturating_sub(free);
        Health { ready: workers > 0, reason, workers, in_flight }
    }

    /// The workers take turns: by chance alone two callers at once would meet in one worker half of the time.
    fn activation_id(&self) -> ActivationId {
        let places = self.shared.places.borrow().len();
        let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        let mut id = ActivationId(Uuid::now_v7());
        for _ in 0..TRIES_FOR_A_PLACE {
            if Some(place_of(id.as_bytes(), places)) == turn.checked_rem(places) {
                break;
            }
            id = ActivationId(Uuid::now_v7());
        }
        id
    }
}

impl Shared {
    /// A place in the queue, or busy at once; then as [`Shared::call`].
    async fn queued(&self, request: Request, deadline: Duration) -> Result<Response, Error> {
        let until = Instant::now().checked_add(deadline).ok_or_else(|| Error::invalid("no such deadline"))?;
        let _queued = self.queue.try_acquire().map_err(|_| Error::Busy)?;
        self.call(request, until).await
    }

    /// (1) a worker; (2) its answer within the deadline. A request whose worker ended without answering is given to another, as long as
    /// repeating it is harmless.
    async fn call(&self, request: Request, until: Instant) -> Result<Response, Error> {
        for _ in 0..ATTEMPTS {
            let link = timeout_at(until.into(), self.choose(&request)).await.map_err(|_| Error::DeadlineExceeded)??;
            let Some(remaining) = until.checked_duration_since(Instant::now()).filter(|r| *r >= limits::LEAST_BUDGET)
            else {
                return Err(Error::DeadlineExceeded);
            };
            match link.call(&request, remaining).await {
                Ok(result) => return result,
                Err(Failure::Deadline) => return Err(Error::DeadlineExceeded),
                Err(Failure::NotSent) => {}
                Err(Failure::Ended) if request.is_repeatable() => {}
                Err(Failure::Ended) => break,
            }
        }
        Err(Error::unavailable("the HSM worker ended while it served the request"))
    }

    /// The worker of an activation, else the one with the least to do. Waits while one starts; fails where none can.
    async fn choose(&self, request: &Request) -> Result<Arc<Link>, Error> {
        let mut places = self.places.subscribe();
        loop {
            let chosen = {
                let states = places.borrow_and_update();
                match request.affinity().map(|id| states.get(place_of(id.as_bytes(), states.len()))) {
                    Some(Some(State::Live(link))) => Some(Arc::clone(link)),
                    Some(Some(State::Starting)) => None,
                    _ => match states.iter().filter_map(State::live).min_by_key(|link| link.load()) {
                        Some(link) => Some(Arc::clone(link)),
                        None if states.iter().any(|state| matches!(state, State::Starting)) => None,
                        None => {
                            let failure = states.iter().find_map(State::failure);
                            return Err(failure.unwrap_or_else(|| Error::unavailable("no HSM worker")));
                        }
                    },
                }
            };
            match chosen {
                Some(link) => return Ok(link),
                None => places.changed().await.map_err(|_| Error::unavailable("the supervisor has ended"))?,
            }
        }
    }

    fn set(&self, index: usize, state: State) {
        self.places.send_modify(|states| {
            if let Some(place) = states.get_mut(index) {
                *place = state;
            }
        });
    }
}

impl State {
    fn live(&self) -> Option<&Arc<Link>> {
        match self {
            Self::Live(link) => Some(link),
            Self::Starting | Self::Failed(_) => None,
        }
    }

    fn failure(&self) -> Option<Error> {
        match self {
            Self::Failed(error) => Some(error.clone()),
            Self::Starting | Self::Live(_) => None,
        }
    }
}

/// The place of an activation: its replay memory is there.
fn place_of(id: &[u8; 16], places: usize) -> usize {
    let sum = id.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    sum.checked_rem(places).unwrap_or(0)
}

/// A request meets at most so many workers: one that kills every worker it meets must not go on for ever.
const ATTEMPTS: usize = 3;
/// Identifiers tried until one falls to the worker whose turn it is: with 64 workers one in three thousand falls elsewhere, which costs
/// balance only.
const TRIES_FOR_A_PLACE: usize = 512;
