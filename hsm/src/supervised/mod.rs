//! The HSM behind worker processes: a bounded queue, deadlines, workers that are killed and replaced where they hang or crash, and tokens
//! that stand in for each other. Loads no PKCS#11 library itself. While no token can serve calls fail at once; when one is back they are
//! served without a restart.

mod breaker;
mod gather;
mod link;
mod place;
mod same;

use crate::{
    api::{Answer, Health, Hsm, Standing, TokenHealth},
    error::Error,
    limits,
    message::{Fingerprint, Request, Response},
    settings::{Settings, TokenAddress},
};
use breaker::{Counts, Patience};
use chuky_model::id::ActivationId;
use gather::Gather;
use link::{Failure, Link};
pub use place::{add_pepper, destroy_pepper, prepare_token};
use std::{
    sync::{
        Arc, Mutex as StdMutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, Notify, Semaphore, watch},
    task::JoinHandle,
    time::timeout_at,
};
use uuid::Uuid;

/// The tokens of one role behind their workers. Must be made inside a tokio runtime; dropping it ends the workers.
#[derive(Debug)]
pub struct Supervised {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    addresses: Vec<TokenAddress>,
    /// The state of each token; everyone who waits for one watches this.
    board: watch::Sender<Vec<Token>>,
    counts: Vec<StdMutex<Counts>>,
    /// Told where a token's keys are to be looked at now.
    doubts: Vec<Notify>,
    /// The token whose keys the others must hold, once one served a call.
    reference: OnceLock<usize>,
    queue: Semaphore,
    gather: Gather,
    /// Counts activations, for [`Hsm::activation_id`].
    turn: AtomicUsize,
    /// Workers of one token start one after the other: SoftHSM writes the token's file at each log-in, and a process that reads it at
    /// that moment finds no token.
    starting: Vec<Mutex<Patience>>,
}

/// One token as it stands.
#[derive(Clone, Debug)]
struct Token {
    /// The state of each worker's place.
    places: Vec<State>,
    /// Why it was taken out of service, where it was.
    open: Option<Error>,
    /// What it was last found to hold, while it was the token that it is known as.
    fingerprint: Option<Fingerprint>,
    /// Everything that it was ever found to hold.
    known: Fingerprint,
    /// In what it differs from the other tokens, where it does.
    different: Option<Error>,
    /// Service keys of the first token that it does not hold.
    lacks: Vec<String>,
}

/// What stands in a worker's place.
#[derive(Clone, Debug)]
enum State {
    Starting,
    Live(Arc<Link>),
    /// The worker met other keys than are known of the token; a fresh one looks again soon.
    Strange(Error),
    /// The last start failed; another is tried soon. Until then calls fail fast.
    Failed(Error),
}

impl Supervised {
    /// Starts the workers and returns at once; see [`Supervised::wait_ready`].
    pub fn start(settings: Settings) -> Self {
        let workers = settings.workers.max(1);
        let addresses = settings.addresses();
        let token = Token {
            places: vec![State::Starting; workers],
            open: None,
            fingerprint: None,
            known: Fingerprint::default(),
            different: None,
            lacks: Vec::new(),
        };
        let (board, _) = watch::channel(vec![token; addresses.len()]);
        let shared = Arc::new(Shared {
            queue: Semaphore::new(settings.queue.clamp(1, Semaphore::MAX_PERMITS)),
            settings,
            board,
            counts: addresses.iter().map(|_| StdMutex::default()).collect(),
            doubts: addresses.iter().map(|_| Notify::default()).collect(),
            reference: OnceLock::new(),
            gather: Gather::default(),
            turn: AtomicUsize::new(0),
            starting: addresses.iter().map(|_| Mutex::default()).collect(),
            addresses,
        });
        let mut tasks = Vec::new();
        for token in 0..shared.addresses.len() {
            tasks.push(tokio::spawn(breaker::mind(Arc::clone(&shared), token)));
            tasks.extend((0..workers).map(|place| tokio::spawn(place::keep(Arc::clone(&shared), token, place))));
        }
        Self { shared, tasks }
    }

    /// Waits until every token is up or has failed. An error where none can serve, or where one does not hold the first one's keys.
    pub async fn wait_ready(&self) -> Result<(), Error> {
        let mut board = self.shared.board.subscribe();
        let settled = board.wait_for(|tokens| tokens.iter().all(Token::is_settled));
        let tokens = settled.await.map_err(|_| Error::unavailable("the supervisor has ended"))?;
        if let Some(different) = tokens.iter().find_map(Token::difference) {
            return Err(different);
        }
        match tokens.iter().any(|token| token.failure().is_none()) {
            true => Ok(()),
            false => Err(tokens.iter().find_map(Token::failure).unwrap_or_else(|| Error::unavailable("no HSM worker"))),
        }
    }

    /// Process identifiers of the live workers, those of the first token first; for tests and `doctor`.
    pub fn worker_processes(&self) -> Vec<u32> {
        let board = self.shared.board.borrow();
        board.iter().flat_map(Token::live).map(|link| link.process).collect()
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
        let board = self.shared.board.borrow();
        let serving = board.iter().position(Token::is_fit);
        let tokens: Vec<TokenHealth> = board
            .iter()
            .enumerate()
            .map(|(index, token)| token.health(self.shared.label(index), index, serving))
            .collect();
        let free = self.shared.queue.available_permits();
        Health {
            ready: serving.is_some(),
            reason: match serving {
                Some(_) => None,
                None => {
                    Some(board.iter().find_map(Token::why_not).unwrap_or_else(|| "HSM workers are starting".into()))
                }
            },
            workers: serving.and_then(|index| tokens.get(index)).map_or(0, |token| token.workers),
            in_flight: self.shared.settings.queue.max(1).saturating_sub(free),
            tokens,
        }
    }

    /// The workers take turns: by chance alone two callers at once would meet in one worker half of the time.
    fn activation_id(&self) -> ActivationId {
        let places = self.shared.settings.workers.max(1);
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

    /// (1) a worker of the first token that can serve; (2) its answer within the deadline. What a worker could not answer is given to
    /// another, of another token where there is one, as long as repeating it is harmless.
    async fn call(&self, request: Request, until: Instant) -> Result<Response, Error> {
        self.refuse_second_key(&request)?;
        let mut failed: Option<(usize, Error)> = None;
        for _ in 0..ATTEMPTS {
            let chosen =
                timeout_at(until.into(), self.choose(&request, failed.as_ref().map(|(token, _)| *token))).await;
            let (token, link) = match (chosen, failed.take()) {
                (Ok(Ok(chosen)), _) => chosen,
                (Ok(Err(_)), Some((_, error))) => return Err(error.final_answer()),
                (Ok(Err(error)), None) => return Err(error),
                (Err(_), _) => return Err(Error::DeadlineExceeded),
            };
            let Some(remaining) = until.checked_duration_since(Instant::now()).filter(|r| *r >= limits::LEAST_BUDGET)
            else {
                return Err(Error::DeadlineExceeded);
            };
            let error = match link.call(&request, remaining, request.patience(self.settings.stall)).await {
                Ok(Err(error)) if error.blames_token() => {
                    self.failed(token, 1, &error);
                    if matches!(error, Error::WrongAnswer { .. }) {
                        self.doubt(token);
                    }
                    error
                }
                // A token without the key, such as one from before a pepper was made: another may have it. What is wrong with one key says
                // nothing about the others, so the breaker does not count it.
                Ok(Err(error @ (Error::UnknownKey { .. } | Error::OtherKey { .. }))) => {
                    if matches!(error, Error::OtherKey { .. }) {
                        tracing::error!(event = "hsm.other_key", token = self.label(token), %error);
                        self.doubt(token);
                    }
                    if !self.another_is_fit(token) {
                        return Err(error);
                    }
                    error
                }
                Ok(result) => {
                    self.succeeded(token);
                    if matches!(request, Request::GenerateServiceKey { .. }) && result.is_ok() {
                        self.refresh_one(token, &link).await;
                    }
                    return result;
                }
                Err(Failure::Deadline | Failure::Busy) => return Err(Error::DeadlineExceeded),
                Err(Failure::NotSent) => {
                    failed = Some((token, Error::unavailable("the HSM worker ended before it served the request")));
                    continue;
                }
                // Its end is counted where it is noticed.
                Err(Failure::Ended) => Error::unavailable("the HSM worker ended while it served the request"),
            };
            if !request.is_repeatable() {
                return Err(error.final_answer());
            }
            failed = Some((token, error));
        }
        Err(failed.map_or_else(|| Error::unavailable("no HSM worker"), |(_, error)| error.final_answer()))
    }

    /// A worker of the first token that can serve, one that has just failed the request coming last: the worker of an activation, else
    /// the one with the least to do. Waits while one starts; fails where none can.
    async fn choose(&self, request: &Request, failed: Option<usize>) -> Result<(usize, Arc<Link>), Error> {
        let mut board = self.board.subscribe();
        loop {
            let chosen = {
                let tokens = board.borrow_and_update();
                let candidates = candidates(&tokens, request, failed);
                let live = candidates.iter().copied().find(|index| tokens.get(*index).is_some_and(Token::is_fit));
                let starting = candidates.iter().copied().find(|index| tokens.get(*index).is_some_and(Token::may_come));
                match (live, starting) {
                    (Some(index), _) => {
                        tokens.get(index).and_then(|token| token.link(request)).map(|link| (index, link))
                    }
                    (None, Some(_)) => None,
                    (None, None) => return Err(why_none(&tokens, &candidates, request)),
                }
            };
            match chosen {
                Some(chosen) => return Ok(chosen),
                None => board.changed().await.map_err(|_| Error::unavailable("the supervisor has ended"))?,
            }
        }
    }

    fn another_is_fit(&self, token: usize) -> bool {
        self.board.borrow().iter().enumerate().any(|(index, other)| index != token && other.is_fit())
    }

    /// Has a token's keys looked at now.
    fn doubt(&self, token: usize) {
        if let Some(doubt) = self.doubts.get(token) {
            doubt.notify_one();
        }
    }

    fn change(&self, token: usize, change: impl FnOnce(&mut Token)) {
        self.board.send_modify(|tokens| {
            if let Some(token) = tokens.get_mut(token) {
                change(token);
            }
        });
    }

    fn set(&self, token: usize, place: usize, state: State) {
        self.change(token, |token| {
            if let Some(found) = token.places.get_mut(place) {
                *found = state;
            }
        });
    }

    fn counts(&self, token: usize) -> MutexGuard<'_, Counts> {
        // A token that is not in the list is not counted apart. There is a first one whatever the settings say: `Settings::addresses`
        // begins with the settings' own token.
        let counts = self.counts.get(token).or(self.counts.first());
        counts.expect("there is a first token").lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn label(&self, token: usize) -> &str {
        self.addresses.get(token).map_or("", |address| address.token_label.as_str())
    }
}

/// Tokens that may serve the request, in order: for a new key the first alone; for a key those that hold it, where any is known to.
fn candidates(tokens: &[Token], request: &Request, failed: Option<usize>) -> Vec<usize> {
    if matches!(request, Request::GenerateServiceKey { .. }) {
        return vec![0];
    }
    let mut all: Vec<usize> = (0..tokens.len()).collect();
    if let Some(label) = request.label() {
        let holds = |index: &usize| tokens.get(*index).is_some_and(|token| token.holds(label));
        if all.iter().any(holds) {
            all.retain(holds);
        }
    }
    all.sort_by_key(|index| Some(*index) == failed);
    all
}

fn why_none(tokens: &[Token], candidates: &[usize], request: &Request) -> Error {
    let found = candidates.iter().filter_map(|index| tokens.get(*index)).find_map(Token::why_not);
    let why = found.unwrap_or_else(|| "no HSM worker".to_owned());
    match request.label().filter(|_| candidates.len() < tokens.len()) {
        Some(label) => Error::unavailable(format!("no other token holds {label}: {why}")),
        None => Error::unavailable(why),
    }
}

impl Token {
    fn live(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.places.iter().filter_map(State::live)
    }

    /// Whether calls may go to it now.
    fn is_fit(&self) -> bool {
        self.open.is_none() && self.different.is_none() && self.live().next().is_some()
    }

    /// Whether it is worth waiting for.
    fn may_come(&self) -> bool {
        let starting = self.places.iter().any(|state| matches!(state, State::Starting));
        self.open.is_none() && self.different.is_none() && starting
    }

    fn is_settled(&self) -> bool {
        let is_up = |state: &State| matches!(state, State::Live(_) | State::Strange(_));
        self.places.iter().all(is_up) || self.failure().is_some()
    }

    fn failure(&self) -> Option<Error> {
        self.open.clone().or_else(|| self.places.iter().find_map(State::failure))
    }

    fn why_not(&self) -> Option<String> {
        self.difference().or_else(|| self.failure()).map(|error| error.to_string())
    }

    /// Why it is not the token that it should be: it differs from the others, or every worker that is up met other keys than are known.
    fn difference(&self) -> Option<Error> {
        let strange = || self.places.iter().find_map(State::strange).filter(|_| self.live().next().is_none());
        // One that is away is out, whatever it was when it was last seen.
        let is_away = self.places.iter().all(|state| matches!(state, State::Failed(_)));
        self.different.clone().filter(|_| !is_away).or_else(strange)
    }

    fn holds(&self, label: &str) -> bool {
        self.fingerprint.as_ref().is_some_and(|found| found.service_key(label).is_some())
    }

    /// The worker for a request: an activation's own, and `None` while that one starts; else the one with the least to do.
    fn link(&self, request: &Request) -> Option<Arc<Link>> {
        let own = request.affinity().and_then(|id| self.places.get(place_of(id.as_bytes(), self.places.len())));
        match own {
            Some(State::Live(link)) => Some(Arc::clone(link)),
            Some(State::Starting) => None,
            _ => self.live().min_by_key(|link| link.load()).cloned(),
        }
    }

    fn health(&self, label: &str, index: usize, serving: Option<usize>) -> TokenHealth {
        let standing = match serving {
            _ if self.difference().is_some() => Standing::Different,
            Some(serving) if serving == index => Standing::Serving,
            _ if self.is_fit() => Standing::StandingBy,
            _ if self.failure().is_some() => Standing::Out,
            _ => Standing::Starting,
        };
        let lacks = (!self.lacks.is_empty()).then(|| format!("it lacks {}", self.lacks.join(", ")));
        let strange = self.places.iter().find_map(State::strange).map(|error| error.to_string());
        TokenHealth {
            label: label.to_owned(),
            serial: self.fingerprint.as_ref().map(|found| found.serial.clone()),
            standing,
            reason: if self.is_fit() { lacks.or(strange) } else { self.why_not() },
            workers: self.live().count(),
        }
    }
}

impl State {
    fn live(&self) -> Option<&Arc<Link>> {
        match self {
            Self::Live(link) => Some(link),
            Self::Starting | Self::Strange(_) | Self::Failed(_) => None,
        }
    }

    fn failure(&self) -> Option<Error> {
        match self {
            Self::Failed(error) => Some(error.clone()),
            Self::Starting | Self::Live(_) | Self::Strange(_) => None,
        }
    }

    fn strange(&self) -> Option<Error> {
        match self {
            Self::Strange(error) => Some(error.clone()),
            Self::Starting | Self::Live(_) | Self::Failed(_) => None,
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
