//! The client of a population database: one POST for each question, within the time and the bounds that are set, behind a circuit breaker. What fails
//! is told without anything of the person.

use super::{Answer, Asked, Field, Finding, Question, breaker::Breaker};
use crate::{
    clock::Clock,
    config::IdentityConfig,
    tls::{self, TlsError},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use ureq::Agent;
use zeroize::Zeroizing;

/// Asks one address.
pub struct Client {
    agent: Agent,
    url: String,
    bearer: Option<Arc<Zeroizing<String>>>,
    patience: Duration,
    breaker: Breaker,
    places: Semaphore,
}

/// Why no answer can be relied on; nothing of what was asked.
type Failure = &'static str;

impl Client {
    pub(super) fn open(settings: &IdentityConfig, url: &str) -> Result<Self, TlsError> {
        let patience = Duration::from_millis(settings.timeout_ms);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent("chuky")
            .max_response_header_size(LONGEST_HEAD)
            .timeout_global(Some(patience));
        let shown = settings.client_certificate.as_deref().zip(settings.client_key.as_deref());
        let config = match url.starts_with("https://") {
            true => config.tls_config(tls::outgoing(settings.ca.as_deref(), shown)?),
            false => config,
        };
        Ok(Self {
            agent: config.build().into(),
            url: url.to_owned(),
            bearer: settings.bearer_file.as_deref().map(tls::secret_line).transpose()?.map(Arc::new),
            patience,
            breaker: Breaker::new(settings.failures, settings.pause_seconds),
            places: Semaphore::new(AT_A_TIME),
        })
    }

    pub(super) async fn ask(&self, clock: &Clock, asked: Asked<'_>) -> (Finding, Vec<Field>) {
        if !self.breaker.admits(clock.steady()) {
            tracing::warn!(event = "identity_provider_paused");
            return (Finding::Unavailable, Vec::new());
        }
        let answered = self.answered(asked).await;
        self.breaker.record(answered.is_ok(), clock.steady());
        answered.unwrap_or_else(|reason| {
            tracing::warn!(event = "identity_provider_unavailable", reason);
            (Finding::Unavailable, Vec::new())
        })
    }

    async fn answered(&self, asked: Asked<'_>) -> Result<(Finding, Vec<Field>), Failure> {
        let begun = Instant::now();
        let question = Question::of(asked);
        let id = question.id;
        let body = serde_json::to_vec(&question).map(Zeroizing::new).map_err(|_| "the question cannot be written")?;
        let whole = tokio::time::timeout(self.patience, async {
            let place = self.places.acquire().await.map_err(|_| "closed")?;
            let left = self.patience.saturating_sub(begun.elapsed());
            let (agent, url, bearer) = (self.agent.clone(), self.url.clone(), self.bearer.clone());
            let call = move || post(&agent, &url, bearer.as_deref().map(|key| key.as_str()), &body, left);
            let answer = tokio::task::spawn_blocking(call).await.map_err(|_| "the call broke")?;
            drop(place);
            answer
        });
        let answer = whole.await.map_err(|_| "no answer in time")??;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| "the answer is none of the contract")?;
        answer.finding(id).ok_or("the answer contradicts itself or answers something else")
    }
}

/// The body of a 200, within the bound. An error of the library may say what it likes: only its class is told.
fn post(agent: &Agent, url: &str, bearer: Option<&str>, body: &[u8], left: Duration) -> Result<Vec<u8>, Failure> {
    let mut call = agent.post(url).content_type("application/json");
    if let Some(key) = bearer {
        call = call.header("authorization", format!("Bearer {key}"));
    }
    let class = |error: ureq::Error| match error {
        ureq::Error::Timeout(_) => "no answer in time",
        ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => "no connection",
        ureq::Error::BodyExceedsLimit(_) => "the answer is too long",
        _ => "the call failed",
    };
    let mut answer = call.config().timeout_global(Some(left)).build().send(body).map_err(class)?;
    match answer.status().as_u16() {
        200 => answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(class),
        401 | 403 => Err("it does not admit this service"),
        300..=399 => Err("it redirects, which is not followed"),
        _ => Err("it answers with an error"),
    }
}

/// Questions under way at once.
const AT_A_TIME: usize = 16;
/// Bytes of an answer: an identifier, one word and three fields.
const LARGEST: u64 = 4 << 10;
const LONGEST_HEAD: usize = 16 << 10;
