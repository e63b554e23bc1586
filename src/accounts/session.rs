//! Sessions: a random token at the browser (a cookie) or the command line, its hash in the database, an end after twelve hours.

use super::{Principal, acting_account, token_hash};
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

/// Opens a session for an account whose factors have been checked.
pub async fn open_session(app: &App, account: AccountId) -> Result<SessionToken> {
    let (session, token) = prepare_session(app, account).await?;
    let mut transaction = app.store.begin().await?;
    add_session(&mut transaction, &session).await?;
    transaction.commit().await?;
    Ok(token)
}

/// A session with its MAC and its token; nothing is stored yet.
pub(super) async fn prepare_session(app: &App, account: AccountId) -> Result<(Session, SessionToken)> {
    let now = app.clock.now();
    let token = SessionToken(hex::encode(random()));
    let mut session = Session {
        token_hash: token_hash(token.0.as_bytes()),
        account_id: account,
        csrf: random().to_vec(),
        created_at: now,
        expires_at: now.plus_seconds(SESSION_SECONDS),
        ended_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut session).await?;
    Ok((session, token))
}

/// Stores a prepared session with its audit entry.
pub(super) async fn add_session(transaction: &mut Transaction, session: &Session) -> Result<()> {
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
    acting_account(app, session.account_id, client).await
}

fn entry(session: &Session, at: Instant, kind: Kind) -> Entry {
    let account = session.account_id;
    Entry::of_row(at, kind, Actor::Account(account), session).with(serde_json::json!({ "account": account }))
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}
