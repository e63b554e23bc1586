//! Posting messages to an SMS gateway: several at a time, each with its own identifier as idempotency key and its own pauses. A try is counted
//! before it is made, so that one which a crash cuts short is made again with the same key; a gateway that honours the key sends one message. What
//! the gateway refuses for good, and what is too old, is given up. What is wrong with the gateway itself is never held against a message.

use super::{AT_A_TIME, Round, content, held};
use crate::{
    app::App,
    config::GatewaySettings,
    error::{InternalError, Result},
    fault,
    fetching::{Answered, Hooks, Post},
    store,
};
use chuky_model::{instant::Instant, record::work::Message};
use std::time::Duration;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// What came of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Taken,
    /// Given up.
    Refused,
    /// Nothing about the message: the gateway does not take any, or this one cannot be read now.
    Later,
    /// Somebody else was first.
    Overtaken,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Judged {
    Taken,
    Refused(u16),
    Later { why: String, wait: Option<i64> },
}

/// Posts what is due, a bounded number for a bounded time. It ends where the gateway takes nothing.
pub(super) async fn hand_over(app: &App, (gateway, hooks): (&GatewaySettings, &Hooks), holder: &str) -> Result<Round> {
    let authorization = authorization(gateway).await?;
    let now = app.clock.now();
    let most = i64::try_from(AT_A_TIME).unwrap_or(i64::MAX);
    let due = app.store.due_messages(now, now.plus_seconds(LONGEST_PAUSE), most).await?;
    let began = std::time::Instant::now();
    let (mut taken, mut not_taken) = (0_usize, 0_usize);
    for part in due.chunks(AT_ONCE) {
        if began.elapsed() >= LONGEST_ROUND || not_taken >= MOST_NOT_TAKEN || !held(app, holder).await? {
            break;
        }
        let mut under_way = JoinSet::new();
        for message in part {
            let (app, hooks, url, message) = (app.clone(), hooks.clone(), gateway.url.clone(), message.clone());
            let authorization = authorization.clone();
            under_way.spawn(async move { tell(&app, (&hooks, &url, authorization), &message).await });
        }
        while let Some(told) = under_way.join_next().await {
            match told.map_err(|error| InternalError::other(error.to_string()))?? {
                Told::Taken => (taken, not_taken) = (taken.saturating_add(1), 0),
                Told::Refused => not_taken = 0,
                Told::Later => not_taken = not_taken.saturating_add(1),
                Told::Overtaken => {}
            }
        }
    }
    if not_taken >= MOST_NOT_TAKEN || (taken == 0 && not_taken > 0) {
        return Err(InternalError::other("the gateway does not take messages").into());
    }
    Ok(Round::Mine(taken))
}

/// Gives the gateway one message.
async fn tell(
    app: &App,
    (hooks, url, authorization): (&Hooks, &str, Option<Zeroizing<String>>),
    message: &Message,
) -> Result<Told> {
    let now = app.clock.now();
    if now >= message.created_at.plus_seconds(LASTING) {
        tracing::warn!(event = "message_too_old", message = %message.id, tries = message.tries);
        return given_up(app, message, now).await;
    }
    // 1. The try is counted, and the next one put off.
    let next = now.plus_seconds(pause(message.tries.saturating_add(1)));
    let mut transaction = app.store.begin().await?;
    match transaction.claim_message(message.id, message.tries, next).await {
        Err(store::Error::Stale) => return Ok(Told::Overtaken),
        other => other?,
    }
    transaction.commit().await?;
    fault::point("message.claimed");
    // 2. It is made.
    let body = match content(app, message) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(event = "message_not_readable", message = %message.id, error = %error);
            return Ok(Told::Overtaken);
        }
    };
    let mut headers = vec![("idempotency-key", Zeroizing::new(message.id.to_string()))];
    headers.extend(authorization.map(|value| ("authorization", value)));
    let answered = hooks.post(url, Post { kind: "application/json", headers, body }).await;
    fault::point("message.told");
    // 3. What came of it.
    match judged(answered) {
        Judged::Taken => {
            let mut transaction = app.store.begin().await?;
            match transaction.mark_message_sent(message.id, app.clock.now()).await {
                Err(store::Error::Stale) => return Ok(Told::Overtaken),
                other => other?,
            }
            transaction.commit().await?;
            Ok(Told::Taken)
        }
        Judged::Refused(status) => {
            tracing::error!(event = "message_refused", message = %message.id, status);
            given_up(app, message, app.clock.now()).await
        }
        Judged::Later { why, wait } => {
            tracing::warn!(event = "message_not_taken", message = %message.id, tries = message.tries, %why);
            if let Some(wait) = wait.filter(|wait| *wait > 0) {
                let next = app.clock.now().plus_seconds(wait.min(LONGEST_PAUSE));
                let mut transaction = app.store.begin().await?;
                match transaction.put_message_off(message.id, next).await {
                    Err(store::Error::Stale) => return Ok(Told::Overtaken),
                    other => other?,
                }
                transaction.commit().await?;
            }
            Ok(Told::Later)
        }
    }
}

async fn given_up(app: &App, message: &Message, now: Instant) -> Result<Told> {
    let mut transaction = app.store.begin().await?;
    match transaction.give_message_up(message.id, now).await {
        Err(store::Error::Stale) => return Ok(Told::Overtaken),
        other => other?,
    }
    transaction.commit().await?;
    Ok(Told::Refused)
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

/// What the gateway knows this service by, read anew for each round: a secret that was replaced is taken up.
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

/// Seconds until the next try.
fn pause(tries: i64) -> i64 {
    let factor = (1..tries.min(32)).fold(1_i64, |factor, _| factor.saturating_mul(2));
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

/// Posts at once; as many as the client has places for.
const AT_ONCE: usize = 8;
/// After which no further part of a round begins: what is due is looked at anew.
const LONGEST_ROUND: Duration = Duration::from_secs(60);
/// In a row, after which the gateway is left alone until the next round.
const MOST_NOT_TAKEN: usize = 8;
/// Seconds.
const FIRST_PAUSE: i64 = 10;
const LONGEST_PAUSE: i64 = 900;
/// Seconds after which a message is of no use: its code has ended, or another was asked for.
const LASTING: i64 = 3 * 86_400;
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

    #[test]
    fn pauses_grow_up_to_a_quarter_of_an_hour() {
        assert_eq!([1, 2, 3, 7].map(pause), [10, 20, 40, 640]);
        assert_eq!([8, 20, 1_000, i64::MAX].map(pause), [LONGEST_PAUSE; 4]);
    }
}
