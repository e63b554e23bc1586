//! The call to a timestamp server (RFC 3161 §3.4): a digest goes out, a token comes back. Nothing of the document travels.

use super::Failure;
use crate::{
    cli::client::{ClientError, Session, agent},
    signing::own::TimestampWanted,
};
use chuky_model::text::Language;
use std::time::{Duration, Instant};
use ureq::Agent;

/// A timestamp server.
pub(super) struct Tsa {
    agent: Agent,
    address: String,
    language: Language,
    /// Why it gave nothing, and until when it is not asked again: many files do not wait for it one after the other.
    failed: Option<(String, Instant)>,
}

impl Tsa {
    /// The one that was named, or else that of the service with a log-in here.
    pub(super) fn of(address: Option<&str>, language: Language) -> Result<Self, Failure> {
        let address = match (address, Session::load()) {
            (Some(address), _) => address.to_owned(),
            (None, Some(session)) => format!("{}/tsa", session.server),
            (None, None) => {
                return Err(Failure::stop(
                    match language {
                        Language::Vi => {
                            "mức T cần máy chủ dấu thời gian: nêu --tsa URL, hoặc đăng nhập hệ thống bằng `chuky login`"
                        }
                        Language::En => {
                            "level T needs a timestamp server: name it with --tsa URL, or log in to a service with `chuky login`"
                        }
                    },
                    2,
                ));
            }
        };
        let by_tls = address.starts_with("https://");
        if !by_tls && !address.starts_with("http://") {
            return Err(Failure::stop(format!("--tsa {address}: http:// or https://"), 2));
        }
        Ok(Self { agent: agent(by_tls, PATIENCE)?, address, language, failed: None })
    }

    /// A token over a SHA-256 digest, or why there is none.
    pub(super) fn token(&mut self, digest: [u8; 32]) -> Result<Vec<u8>, String> {
        if let Some((why, until)) = &self.failed
            && Instant::now() < *until
        {
            return Err(why.clone());
        }
        let wanted = TimestampWanted::over(digest);
        let answer = self.ask(&wanted.to_der()).map_err(|error| error.to_string());
        let token = answer.and_then(|answer| {
            wanted.accept(&answer).map_err(|error| {
                let said = Failure::of_flow(error, self.language).said;
                format!("{}: {said}", self.address)
            })
        });
        self.failed = token.as_ref().err().map(|why| (why.clone(), Instant::now() + NOT_ASKED));
        token
    }

    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, ClientError> {
        let failed = |error: &dyn std::fmt::Display| ClientError::Unreachable(format!("{}: {error}", self.address));
        let post = self.agent.post(&self.address).content_type("application/timestamp-query");
        let mut answer = post.send(request).map_err(|error| failed(&error))?;
        if answer.status() != 200 {
            return Err(failed(&answer.status()));
        }
        let body = answer.body_mut().with_config().limit(LARGEST);
        body.read_to_vec().map_err(|error| failed(&error))
    }
}

/// For an answer: servers give theirs in a second.
const PATIENCE: Duration = Duration::from_secs(10);
/// A server that gave nothing is left alone for so long.
const NOT_ASKED: Duration = Duration::from_secs(60);
/// Bytes of an answer: tokens have some thousand.
const LARGEST: u64 = 256 << 10;
