//! Small requests for signatures or MACs go to a worker together, whenever several callers of a kind are ready at the same moment: a way
//! there and back costs more than a signature. A request sets out when the runtime has nothing else to do, so an idle service waits for
//! nobody. Each caller keeps its own deadline and its own answer. Must never mix two keys, schemes or domains, nor let one caller's bad
//! digest spoil another's answer.

use super::Shared;
use crate::{
    error::Error,
    limits,
    message::{Request, Response, unexpected},
};
use chuky_model::algorithm::SignatureScheme;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, time::timeout_at};

/// Requests that differ in nothing but their items.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Sign { label: String, key: Option<Vec<u8>>, scheme: SignatureScheme },
    Mac { domain: String },
}

/// Callers that wait for the next way to a worker, by kind.
#[derive(Debug, Default)]
pub(super) struct Gather(Mutex<HashMap<Kind, Group>>);

#[derive(Debug, Default)]
struct Group {
    /// Requests of this kind on their way, at a worker or still gathering callers.
    running: usize,
    /// Those of them that gather.
    gathering: usize,
    waiting: VecDeque<Caller>,
}

#[derive(Debug)]
struct Caller {
    items: Vec<Vec<u8>>,
    until: Instant,
    answer: oneshot::Sender<Result<Response, Error>>,
}

/// The kind of a request that may go together with others.
pub(super) fn kind(request: &Request) -> Option<Kind> {
    let few = |items: &[Vec<u8>]| (1..=limits::GATHERED_ITEMS).contains(&items.len());
    match request {
        Request::Sign { label, key, scheme, digests } if few(digests) => {
            Some(Kind::Sign { label: label.clone(), key: key.clone(), scheme: *scheme })
        }
        Request::Mac { domain, items } if few(items) => Some(Kind::Mac { domain: domain.clone() }),
        _ => None,
    }
}

/// What such a request asks to be signed.
pub(super) fn items(request: Request) -> Vec<Vec<u8>> {
    match request {
        Request::Sign { digests: items, .. } | Request::Mac { items, .. } => items,
        _ => Vec::new(),
    }
}

/// Executes the items, together with those of other callers who are ready now.
pub(super) async fn call(
    shared: &Arc<Shared>,
    kind: Kind,
    items: Vec<Vec<u8>>,
    within: Duration,
) -> Result<Response, Error> {
    let until = Instant::now().checked_add(within).ok_or_else(|| Error::invalid("no such deadline"))?;
    let _queued = shared.queue.try_acquire().map_err(|_| Error::Busy)?;
    let (answer, answered) = oneshot::channel();
    if shared.gather.join(&kind, Caller { items, until, answer }, ways(shared), shared.settings.queue) {
        // A task of its own: a caller that stops waiting takes nobody else's answer along.
        tokio::spawn(drive(Arc::clone(shared), kind));
    }
    match timeout_at(until.into(), answered).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::unavailable("the supervisor has ended")),
        Err(_) => Err(Error::DeadlineExceeded),
    }
}

/// As many requests of a kind at once as there are threads to serve them.
fn ways(shared: &Shared) -> usize {
    shared.settings.workers.max(1).saturating_mul(shared.settings.threads.max(1))
}

/// Serves callers of a kind until none waits.
async fn drive(shared: Arc<Shared>, kind: Kind) {
    loop {
        // Tokio polls a task that yields when no other is ready on its thread, so whoever is about to ask comes along.
        tokio::task::yield_now().await;
        let callers = shared.gather.take(&kind);
        if callers.is_empty() {
            return;
        }
        serve(&shared, &kind, callers).await;
        shared.gather.again(&kind);
    }
}

async fn serve(shared: &Shared, kind: &Kind, callers: Vec<Caller>) {
    let now = Instant::now();
    let until = callers.iter().map(|caller| caller.until).max().unwrap_or(now);
    let items = callers.iter().flat_map(|caller| caller.items.iter().cloned()).collect();
    let counts: Vec<usize> = callers.iter().map(|caller| caller.items.len()).collect();
    match shared.call(kind.request(items), until).await.and_then(|response| split(response, &counts)) {
        Ok(parts) => {
            for (caller, part) in callers.into_iter().zip(parts) {
                // Its caller may have gone.
                drop(caller.answer.send(Ok(part)));
            }
        }
        // It may be one caller's digest that is refused.
        Err(error) if callers.len() > 1 && !error.is_temporary() => {
            for Caller { items, until, answer } in callers {
                drop(answer.send(shared.call(kind.request(items), until).await));
            }
        }
        Err(error) => {
            for caller in callers {
                drop(caller.answer.send(Err(error.clone())));
            }
        }
    }
}

impl Gather {
    /// Adds a caller; whether one more request must set out for it.
    fn join(&self, kind: &Kind, caller: Caller, ways: usize, queue: usize) -> bool {
        let mut groups = self.groups();
        let group = groups.entry(kind.clone()).or_default();
        // Those who have gone hold no place in the queue any more, so they must not pile up here while a worker hangs.
        if group.waiting.len() >= queue {
            group.waiting.retain(|caller| !caller.answer.is_closed());
        }
        group.waiting.push_back(caller);
        let room = group.gathering.saturating_mul(kind.company());
        let sets_out = group.running < ways && group.waiting.len() > room;
        if sets_out {
            group.running = group.running.saturating_add(1);
            group.gathering = group.gathering.saturating_add(1);
        }
        sets_out
    }

    /// A request that came back gathers again.
    fn again(&self, kind: &Kind) {
        if let Some(group) = self.groups().get_mut(kind) {
            group.gathering = group.gathering.saturating_add(1);
        }
    }

    /// The callers that go along with a request that sets out now, a fair share of those that wait; none where none does, and then
    /// one request fewer is under way.
    fn take(&self, kind: &Kind) -> Vec<Caller> {
        let mut groups = self.groups();
        let Some(group) = groups.get_mut(kind) else { return Vec::new() };
        let share = group.waiting.len().div_ceil(group.gathering.max(1));
        group.gathering = group.gathering.saturating_sub(1);
        let mut taken = Vec::with_capacity(share);
        let mut items = 0_usize;
        while taken.len() < share {
            let Some(next) = group.waiting.pop_front() else { break };
            if next.answer.is_closed() {
                continue;
            }
            items = items.saturating_add(next.items.len());
            taken.push(next);
            if items >= limits::GATHERED_ITEMS {
                break;
            }
        }
        if taken.is_empty() {
            group.running = group.running.saturating_sub(1);
            if group.running == 0 {
                groups.remove(kind);
            }
        }
        taken
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<Kind, Group>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    /// How many callers go along before another request sets out beside: as many as cost a worker about what the way costs.
    fn company(&self) -> usize {
        match self {
            Self::Sign { scheme: SignatureScheme::EcdsaSha256 | SignatureScheme::EcdsaSha384, .. } => {
                limits::COMPANY_EC
            }
            Self::Sign { .. } => 1,
            Self::Mac { .. } => limits::COMPANY_MAC,
        }
    }

    fn request(&self, items: Vec<Vec<u8>>) -> Request {
        match self {
            Self::Sign { label, key, scheme } => {
                Request::Sign { label: label.clone(), key: key.clone(), scheme: *scheme, digests: items }
            }
            Self::Mac { domain } => Request::Mac { domain: domain.clone(), items },
        }
    }
}

/// Each caller's part of an answer, by how many items it gave.
fn split(response: Response, counts: &[usize]) -> Result<Vec<Response>, Error> {
    let total: usize = counts.iter().sum();
    match response {
        Response::Signatures(all) if all.len() == total => {
            let mut all = all.into_iter();
            Ok(counts.iter().map(|count| Response::Signatures(all.by_ref().take(*count).collect())).collect())
        }
        Response::Macs(all) if all.len() == total => {
            let mut all = all.into_iter();
            Ok(counts.iter().map(|count| Response::Macs(all.by_ref().take(*count).collect())).collect())
        }
        _ => Err(unexpected()),
    }
}
