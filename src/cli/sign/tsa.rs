//! The call to a timestamp server (RFC 3161 §3.4): a digest goes out, a token comes back. Nothing of the document travels.

use super::Failure;
use crate::{
    cli::client::{ClientError, Session, agent},
    signing::own::TimestampWanted,
};
use chuky_model::text::Language;
use std::time::Duration;
use ureq::Agent;

/// A timestamp server.
pub(super) struct Tsa {
    agent: Agent,
    address: String,
    language: Language,
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
        Ok(Self { agent: agent(by_tls, PATIENCE)?, address, language })
    }

    /// A token over a SHA-256 digest.
    pub(super) fn token(&self, digest: [u8; 32]) -> Result<Vec<u8>, Failure> {
        let wanted = TimestampWanted::over(digest);
        let answer = self.ask(&wanted.to_der()).map_err(|error| Failure::stop(error, 2))?;
        wanted.accept(&answer).map_err(|error| {
            let failure = Failure::of_flow(error, self.language);
            Failure { stops: true, ..failure }
        })
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

const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer: tokens have some thousand.
const LARGEST: u64 = 256 << 10;
