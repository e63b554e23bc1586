//! Fetches what others publish and a verdict lacked: revocation lists, OCSP answers, issuers' certificates. Off unless the administrator names
//! hosts; then only from these, over plain HTTP, within bounds, never by a redirect, never from an address that is not public. What comes is
//! handed on unread: only reader workers parse strangers' bytes. Tells others what concerns them as carefully, by HTTPS: [`Hooks`].

mod address;
mod hook;
mod hosts;
mod request;
mod visit;

pub use hook::{Addresses, Hooks, SYSTEM_CERTIFICATES, WebhookConfig};
pub use hosts::FetchConfig;
pub use request::{Answered, Lookup, Post, Reach};
pub use visit::Visit;

use hosts::Host;
use request::Client;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Fetches for all verdicts of the service.
#[derive(Clone)]
pub struct Fetcher {
    shared: Arc<Shared>,
}

struct Shared {
    hosts: Vec<Host>,
    patience: Duration,
    client: Client,
    kept: Mutex<HashMap<Wanted, Kept>>,
    places: Semaphore,
}

/// One thing to ask for: an address, and for OCSP the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    address: String,
    request: Option<Vec<u8>>,
}

/// What an address answered, or why it did not.
type Answer = Result<Arc<[u8]>, String>;

/// An answer that serves other verdicts for a while, so that nobody makes this service ask again and again.
struct Kept {
    since: Instant,
    answer: Answer,
}

impl Fetcher {
    /// By the settings, which were checked.
    pub fn new(config: &FetchConfig) -> Self {
        Self::with(config, request::system_lookup(), Reach::Public)
    }

    /// The same with another way to look names up, and with the addresses that count as reachable.
    pub fn with(config: &FetchConfig, lookup: Lookup, reach: Reach) -> Self {
        let patience = Duration::from_secs(config.seconds);
        let shared = Shared {
            hosts: config.hosts.iter().filter_map(|text| Host::parse(text)).collect(),
            patience,
            client: Client::new(lookup, reach, patience),
            kept: Mutex::default(),
            places: Semaphore::new(AT_A_TIME),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether anything may be fetched.
    pub fn is_on(&self) -> bool {
        !self.shared.hosts.is_empty()
    }

    /// The fetching for one verdict.
    pub fn visit(&self) -> Visit {
        Visit::new(self.clone())
    }

    /// Asks for it, or gives what is kept of it.
    async fn get(&self, wanted: &Wanted, left: Duration) -> Answer {
        if let Some(answer) = self.kept(wanted) {
            return answer;
        }
        let uri = hosts::admitted(&wanted.address, &self.shared.hosts).map_err(str::to_owned)?;
        let asked = tokio::time::timeout(left, async {
            let place = self.shared.places.acquire().await.map_err(|error| error.to_string())?;
            let (client, request) = (self.shared.client.clone(), wanted.request.clone());
            let answer = tokio::task::spawn_blocking(move || client.ask(&uri, request.as_deref(), left)).await;
            drop(place);
            answer.map_err(|error| error.to_string())?
        });
        let answer = asked.await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
        tracing::info!(event = "fetched", address = wanted.address, bytes = answer.as_ref().map_or(0, Vec::len));
        let answer: Answer = answer.map(Into::into);
        self.keep(wanted, &answer);
        answer
    }

    fn kept(&self, wanted: &Wanted) -> Option<Answer> {
        let kept = self.shared.kept.lock().ok()?;
        let known = kept.get(wanted)?;
        let lasts = if known.answer.is_ok() { ANSWER_LASTS } else { FAILURE_LASTS };
        (known.since.elapsed() < lasts).then(|| known.answer.clone())
    }

    fn keep(&self, wanted: &Wanted, answer: &Answer) {
        let Ok(mut kept) = self.shared.kept.lock() else { return };
        let bytes = |one: &Kept| one.answer.as_ref().map_or(0, |bytes| bytes.len());
        let own = answer.as_ref().map_or(0, |bytes| bytes.len());
        if kept.len() >= MOST_KEPT || kept.values().map(bytes).sum::<usize>().saturating_add(own) > MOST_KEPT_BYTES {
            kept.clear();
        }
        kept.insert(wanted.clone(), Kept { since: Instant::now(), answer: answer.clone() });
    }
}

/// Requests under way at once, of all verdicts.
const AT_A_TIME: usize = 4;
/// How long an answer serves further verdicts. Lists are good for hours, OCSP answers for minutes at least.
const ANSWER_LASTS: Duration = Duration::from_secs(300);
/// How long a failure is not tried again.
const FAILURE_LASTS: Duration = Duration::from_secs(60);
/// Answers kept, and their bytes.
const MOST_KEPT: usize = 256;
const MOST_KEPT_BYTES: usize = 64 << 20;
