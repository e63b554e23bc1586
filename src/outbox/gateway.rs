//! Posting messages to an SMS gateway, each with its own identifier as idempotency key: a gateway that honours it sends one message, however often
//! it is posted.

use super::{content, tries::Judged};
use crate::{
    app::App,
    config::GatewaySettings,
    error::{InternalError, Result},
    fetching::{Answered, Hooks, Post},
};
use chuky_model::record::work::Message;
use zeroize::Zeroizing;

/// A gateway, for one round.
pub(super) struct Gateway {
    hooks: Hooks,
    url: String,
    authorization: Option<Zeroizing<String>>,
}

impl Gateway {
    /// With what the gateway knows this service by, read anew: a secret that was replaced is taken up.
    pub(super) async fn of(settings: &GatewaySettings, hooks: &Hooks) -> Result<Self> {
        let authorization = authorization(settings).await?;
        Ok(Self { hooks: hooks.clone(), url: settings.url.clone(), authorization })
    }

    /// Posts one message. An error where it cannot be read.
    pub(super) async fn offer(&self, app: &App, message: &Message) -> Result<Judged> {
        let body = content(app, message)?;
        let mut headers = vec![("idempotency-key", Zeroizing::new(message.id.to_string()))];
        headers.extend(self.authorization.clone().map(|value| ("authorization", value)));
        Ok(judged(self.hooks.post(&self.url, Post { kind: "application/json", headers, body }).await))
    }
}

/// Only what says that this very message is wrong gives it up: a wrong secret or address, a gateway that is busy or ill, and a key that is being
/// worked on (409) are not the message's.
fn judged(answered: std::result::Result<Answered, String>) -> Judged {
    let answered = match answered {
        Ok(answered) => answered,
        Err(why) => return Judged::Later { why, wait: None },
    };
    match answered.status {
        200..=299 => Judged::Taken,
        400 | 406 | 410 | 411 | 413 | 414 | 415 | 422 | 451 => Judged::Refused(answered.status),
        _ => Judged::Later { why: answered.taken().err().unwrap_or_default(), wait: answered.retry_after },
    }
}

async fn authorization(gateway: &GatewaySettings) -> Result<Option<Zeroizing<String>>> {
    let Some(file) = &gateway.secret_file else { return Ok(None) };
    let read = tokio::fs::read_to_string(file).await.map(Zeroizing::new);
    let text = read.map_err(InternalError::io(file.display().to_string()))?;
    let secret = text.trim();
    if secret.is_empty() || secret.len() > LONGEST_SECRET || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InternalError::other("messages.gateway.secret_file holds no line of visible ASCII").into());
    }
    Ok(Some(Zeroizing::new(format!("Bearer {secret}"))))
}

/// Posts at once; as many as the client has places for.
pub(super) const AT_ONCE: usize = 8;
/// Octets of the gateway's secret.
const LONGEST_SECRET: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_a_message_gives_it_up() {
        let of = |status| judged(Ok(Answered { status, retry_after: None }));
        for status in [200, 202, 204] {
            assert_eq!(of(status), Judged::Taken, "{status}");
        }
        for status in [400, 413, 422] {
            assert_eq!(of(status), Judged::Refused(status), "{status}");
        }
        for status in [301, 307, 401, 403, 404, 405, 408, 409, 425, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(of(status), Judged::Later { .. }), "{status}");
        }
        assert!(matches!(judged(Err("down".to_owned())), Judged::Later { .. }));
    }
}
