//! Sessions: a random token at the browser (a cookie) or the command line, its hash in the database, an end after twelve hours; of staff
//! also after a while without use.

use super::{Principal, acting_account, second_factor, token_hash};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store::{self, Transaction},
};
use chuky_model::{id::AccountId, instant::Instant, record::account::Session};
use rand::Rng;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The token of a session, 256 random bits in hexadecimal.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionToken(String);

impl SessionToken {
    /// The text for the cookie or the answer to a log-in.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// How long a session lasts, in seconds.
pub const SESSION_SECONDS: i64 = 12 * 3_600;

/// Opens a session for an account whose password, code or PIN has been checked.
pub async fn open_session(app: &App, account: AccountId) -> Result<SessionToken> {
    let (session, token) = prepare_session(app, account, false).await?;
    let mut transaction = app.store.begin().await?;
    add_session(&mut transaction, &session).await?;
    transaction.commit().await?;
    Ok(token)
}

/// A session with its MAC and its token, perhaps after a second factor; nothing is stored yet.
pub async fn prepare_session(app: &App, account: AccountId, second_factor: bool) -> Result<(Session, SessionToken)> {
    let now = app.clock.now();
    let token = SessionToken(hex::encode(random()));
    let mut session = Session {
        token_hash: token_hash(token.0.as_bytes()),
        account_id: account,
        csrf: random().to_vec(),
        created_at: now,
        expires_at: now.plus_seconds(SESSION_SECONDS),
        ended_at: None,
        seen_at: None,
        second_factor_at: second_factor.then_some(now),
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut session).await?;
    Ok((session, token))
}

/// Stores a prepared session with its audit entry.
pub async fn add_session(transaction: &mut Transaction, session: &Session) -> Result<()> {
    transaction.insert_session(session).await?;
    audit::record(transaction, entry(session, session.created_at, Kind::SessionOpened)).await?;
    Ok(())
}

/// Ends a session; one that is over already stays so.
pub async fn log_out(app: &App, token: &str) -> Result<()> {
    let hash = token_hash(token.as_bytes());
    let session = current::row(app, || app.store.session_by_token(&hash)).await?;
    let Some(mut session) = session else { return Ok(()) };
    let now = app.clock.now();
    if session.ended_at.is_some() {
        return Ok(());
    }
    session.ended_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut session).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_session(&session).await {
        // Ended by somebody else in this moment.
        Err(store::Error::Stale) => return Ok(()),
        other => other?,
    }
    audit::record(&mut transaction, entry(&session, now, Kind::SessionClosed)).await?;
    transaction.commit().await?;
    current::changed(app, &session);
    Ok(())
}

/// Who holds this token, where the session is alive.
pub(super) async fn principal(app: &App, token: &str) -> Result<Principal> {
    let now = app.clock.now();
    let hash = token_hash(token.as_bytes());
    let session = current::row(app, || app.store.session_by_token(&hash)).await?;
    let session = session
        .filter(|session| session.ended_at.is_none() && session.expires_at > now)
        .ok_or_else(RequestError::unauthenticated)?;
    let client = format!("session:{}", hex::encode(hash.get(..8).unwrap_or_default()));
    let principal = acting_account(app, session.account_id, client, session.created_at).await?;
    if !second_factor::is_staff(&principal.roles) {
        return Ok(principal);
    }
    // Whoever works for the service must not leave it open behind them.
    let idle = app.settings.accounts.idle_minutes.saturating_mul(60);
    let seen = session.seen_at.unwrap_or(session.created_at);
    if now >= seen.plus_seconds(idle) {
        return Err(RequestError::unauthenticated().into());
    }
    let enrolment_due = app.settings.accounts.requires_second_factor() && session.second_factor_at.is_none();
    if now >= seen.plus_seconds(idle / LOOKS_WHILE_IDLE) {
        note_use(app, session, now).await;
    }
    Ok(Principal { enrolment_due, ..principal })
}

/// Notes that a session is in use, a few times in the time that it may be idle. What keeps it from being noted is logged and keeps
/// nobody from their work: the next request does it.
async fn note_use(app: &App, session: Session, now: Instant) {
    if let Err(error) = noted(app, session, now).await {
        tracing::warn!(event = "session_use_not_noted", error = %error);
    }
}

async fn noted(app: &App, mut session: Session, now: Instant) -> Result<()> {
    session.seen_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut session).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_session(&session).await {
        // Noted, or ended, by another request in this moment.
        Err(store::Error::Stale) => return Ok(()),
        other => other?,
    }
    audit::record(&mut transaction, entry(&session, now, Kind::SessionSeen)).await?;
    transaction.commit().await?;
    current::changed(app, &session);
    Ok(())
}

/// The session of that token, alive and of that account, to be changed.
pub(super) async fn own(app: &App, token: &str, account: AccountId) -> Result<Session> {
    let hash = token_hash(token.as_bytes());
    let session = current::row_by_log(app, || app.store.session_by_token(&hash)).await?;
    let now = app.clock.now();
    let session = session.filter(|session| session.ended_at.is_none() && session.expires_at > now);
    Ok(session.filter(|session| session.account_id == account).ok_or_else(RequestError::unauthenticated)?)
}

pub(super) fn entry(session: &Session, at: Instant, kind: Kind) -> Entry {
    let account = session.account_id;
    Entry::of_row(at, kind, Actor::Account(account), session).with(serde_json::json!({ "account": account }))
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Times that the use of a session is noted while it may be idle: it ends between five sixths of that time and the whole.
const LOOKS_WHILE_IDLE: i64 = 6;
