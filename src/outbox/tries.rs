//! Giving messages to what takes them one by one, a gateway or a mail server: several at a time, each with its own pauses. A try is counted before
//! it is made, so that one which a crash cuts short is made again under the same name. What is refused for good, and what is too old, is given up.
//! What is wrong with whatever takes messages is never held against a message.

use super::{AT_A_TIME, Round, gateway::Gateway, held, mail::MailServer};
use crate::{
    app::App,
    error::{InternalError, Result},
    fault, store,
};
use chuky_model::{
    instant::Instant,
    record::{state::MessageChannel, work::Message},
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// What takes messages.
#[derive(Clone)]
pub(super) enum Taker {
    Gateway(Arc<Gateway>),
    MailServer(Arc<MailServer>),
}

/// What came of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Taken,
    /// Given up.
    Refused,
    /// Refused for good by something that has not shown since the last try that it takes anything: put off.
    Doubted,
    /// Put off for its own sake; others may be taken.
    PutOff,
    /// Nothing about the message: whatever takes messages does not take any, or this one cannot be read now.
    Later,
    /// Somebody else was first.
    Overtaken,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Taken,
    /// This very message is wrong, by that status.
    Refused(u16),
    /// This very message is not taken now, by that status.
    PutOff(u16),
    /// What takes messages is wrong; how many seconds it wants to be left alone.
    Later {
        why: String,
        wait: Option<i64>,
    },
    /// Nobody knows whether it was taken: it is given again as late as is certain to be after the other end is done with it.
    Unknown {
        why: String,
    },
}

impl Taker {
    fn channel(&self) -> MessageChannel {
        match self {
            Self::Gateway(_) => MessageChannel::Sms,
            Self::MailServer(_) => MessageChannel::Mail,
        }
    }

    /// The name of the lease under which one node at a time hands over.
    pub(super) fn lease(&self) -> &'static str {
        match self {
            Self::Gateway(_) => super::LEASE,
            Self::MailServer(_) => super::MAIL_LEASE,
        }
    }

    fn at_once(&self) -> usize {
        match self {
            Self::Gateway(_) => super::gateway::AT_ONCE,
            Self::MailServer(_) => super::mail::AT_ONCE,
        }
    }

    /// Seconds that one try may take: no other begins before. A gateway knows a key that it has seen, and needs none.
    fn longest_try(&self) -> i64 {
        match self {
            Self::Gateway(_) => 0,
            Self::MailServer(_) => super::mail::LONGEST_TRY,
        }
    }

    /// Whether a refusal is this message's fault. A gateway with a wrong path or another body than it wants answers the same to every message, so
    /// it must have taken another one since it refused this one before. A mail server refuses a recipient after it has let the sender in.
    fn is_believed(&self, app: &App, message: &Message) -> bool {
        match self {
            Self::Gateway(_) => message.next_at.is_some_and(|next| {
                let last = next.plus_seconds(-pause(message.tries));
                app.spooling.gateway_took_since(last)
            }),
            Self::MailServer(_) => true,
        }
    }

    async fn offer(&self, app: &App, message: &Message) -> Result<Judged> {
        match self {
            Self::Gateway(gateway) => gateway.offer(app, message).await,
            Self::MailServer(server) => server.offer(app, message).await,
        }
    }
}

/// Gives what is due, a bounded number for a bounded time. It ends where nothing is taken.
pub(super) async fn hand_over(app: &App, taker: Taker, holder: &str) -> Result<Round> {
    let now = app.clock.now();
    let most = i64::try_from(AT_A_TIME).unwrap_or(i64::MAX);
    let due = app.store.due_messages(taker.channel(), now, now.plus_seconds(LONGEST_PAUSE), most).await?;
    let began = std::time::Instant::now();
    let (mut taken, mut not_taken, mut doubted) = (0_usize, 0_usize, 0_usize);
    for part in due.chunks(taker.at_once()) {
        let lasts = began.elapsed() < LONGEST_ROUND && not_taken.max(doubted) < MOST_NOT_TAKEN;
        if !lasts || !held(app, taker.lease(), holder).await? {
            break;
        }
        let mut under_way = JoinSet::new();
        for message in part {
            let (app, taker, message) = (app.clone(), taker.clone(), message.clone());
            under_way.spawn(async move { tell(&app, &taker, &message).await });
        }
        while let Some(told) = under_way.join_next().await {
            match told.map_err(|error| InternalError::other(error.to_string()))?? {
                Told::Taken => (taken, not_taken, doubted) = (taken.saturating_add(1), 0, 0),
                Told::Refused | Told::PutOff => not_taken = 0,
                Told::Doubted => doubted = doubted.saturating_add(1),
                Told::Later => not_taken = not_taken.saturating_add(1),
                Told::Overtaken => {}
            }
        }
    }
    if not_taken.max(doubted) >= MOST_NOT_TAKEN || (taken == 0 && not_taken > 0) {
        let what = match taker {
            Taker::Gateway(_) => "the gateway does not take messages",
            Taker::MailServer(_) => "the mail server does not take messages",
        };
        return Err(InternalError::other(what).into());
    }
    Ok(Round::Mine(taken))
}

/// Gives one message.
async fn tell(app: &App, taker: &Taker, message: &Message) -> Result<Told> {
    let now = app.clock.now();
    if now >= message.created_at.plus_seconds(LASTING) {
        tracing::warn!(event = "message_too_old", message = %message.id, tries = message.tries);
        return given_up(app, message, now).await;
    }
    // 1. The try is counted, and the next one put off until this one is certainly over.
    let pause = pause(message.tries.saturating_add(1));
    let mut transaction = app.store.begin().await?;
    let next = now.plus_seconds(pause.max(taker.longest_try()));
    match transaction.claim_message(message.id, message.tries, next).await {
        Err(store::Error::Stale) => return Ok(Told::Overtaken),
        other => other?,
    }
    transaction.commit().await?;
    fault::point("message.claimed");
    // 2. It is made.
    let judged = match taker.offer(app, message).await {
        Ok(judged) => judged,
        Err(error) => {
            tracing::error!(event = "message_not_readable", message = %message.id, error = %error);
            return Ok(Told::Overtaken);
        }
    };
    fault::point("message.told");
    // 3. What came of it.
    let tries = message.tries;
    match judged {
        Judged::Taken => {
            let mut transaction = app.store.begin().await?;
            match transaction.mark_message_sent(message.id, app.clock.now()).await {
                Err(store::Error::Stale) => return Ok(Told::Overtaken),
                other => other?,
            }
            transaction.commit().await?;
            if matches!(taker, Taker::Gateway(_)) {
                app.spooling.gateway_took(app.clock.now());
            }
            Ok(Told::Taken)
        }
        Judged::Refused(status) if !taker.is_believed(app, message) => {
            tracing::warn!(event = "message_refused_perhaps", message = %message.id, tries, status);
            put_off(app, message, pause, Told::Doubted).await
        }
        Judged::Refused(status) => {
            tracing::error!(event = "message_refused", message = %message.id, status);
            given_up(app, message, app.clock.now()).await
        }
        Judged::PutOff(status) => {
            tracing::info!(event = "message_put_off", message = %message.id, tries, status);
            put_off(app, message, pause, Told::PutOff).await
        }
        Judged::Later { why, wait } => {
            tracing::warn!(event = "message_not_taken", message = %message.id, tries, %why);
            let wait = wait.filter(|wait| *wait > 0).map_or(pause, |wait| wait.min(LONGEST_PAUSE));
            put_off(app, message, wait, Told::Later).await
        }
        Judged::Unknown { why } => {
            tracing::warn!(event = "message_perhaps_taken", message = %message.id, tries, %why);
            Ok(Told::Later)
        }
    }
}

async fn put_off(app: &App, message: &Message, seconds: i64, told: Told) -> Result<Told> {
    let mut transaction = app.store.begin().await?;
    match transaction.put_message_off(message.id, app.clock.now().plus_seconds(seconds)).await {
        Err(store::Error::Stale) => return Ok(Told::Overtaken),
        other => other?,
    }
    transaction.commit().await?;
    Ok(told)
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

/// Seconds until the next try.
fn pause(tries: i64) -> i64 {
    let factor = (1..tries.min(32)).fold(1_i64, |factor, _| factor.saturating_mul(2));
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

/// After which no further part of a round begins: what is due is looked at anew.
const LONGEST_ROUND: Duration = Duration::from_secs(60);
/// In a row, after which the other end is left alone until the next round.
const MOST_NOT_TAKEN: usize = 8;
/// Seconds.
const FIRST_PAUSE: i64 = 10;
const LONGEST_PAUSE: i64 = 900;
/// Seconds after which a message is of no use: its code has ended, or another was asked for.
const LASTING: i64 = 3 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_quarter_of_an_hour() {
        assert_eq!([1, 2, 3, 7].map(pause), [10, 20, 40, 640]);
        assert_eq!([8, 20, 1_000, i64::MAX].map(pause), [LONGEST_PAUSE; 4]);
    }

    #[test]
    fn no_try_lasts_longer_than_what_a_row_may_be_put_off() {
        const { assert!(super::super::mail::LONGEST_TRY < LONGEST_PAUSE) };
    }
}
