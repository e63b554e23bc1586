//! Refresh tokens (RFC 6749 §6): where a user allowed an application to go on for longer (`offline_access`), each is good once and gives an
//! access token with its successor. One that comes twice is in two hands, so all that came of that consent is ended (RFC 9700 §4.14.2).

use super::{
    hash, invalid_grant,
    limits::{REFRESH_SECONDS, TOKEN_SECONDS},
    random_text, token,
};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::Result,
    store::{Error as StoreError, Transaction},
};
use chuky_model::{
    instant::Instant,
    record::oauth::{OauthClient, OauthCode, OauthRefresh},
};
use zeroize::Zeroizing;

/// What every refresh token starts with, so that scanners for leaked secrets find them.
const PREFIX: &str = "cscr_";

/// An access token with the refresh token behind it.
pub struct Refreshed {
    pub access: Zeroizing<String>,
    /// The access token's life in seconds.
    pub seconds: i64,
    pub refresh: Zeroizing<String>,
}

/// Exchanges a refresh token, once.
pub async fn refresh(app: &App, client: &OauthClient, text: &str) -> Result<Refreshed> {
    // 1. The token as it was given to this application.
    let token_hash = hash(text);
    let row = current::row_by_log(app, || app.store.oauth_refresh(&token_hash)).await?;
    let mut row = row.filter(|row| row.client_id == client.id).ok_or_else(invalid_grant)?;
    let now = app.clock.now();
    if row.used_at.is_some() {
        replayed(app, &row).await?;
        return Err(invalid_grant().into());
    }
    if row.ended_at.is_some() || row.expires_at <= now {
        return Err(invalid_grant().into());
    }
    // 2. What comes after it, until the same end.
    let (next, refresh) = prepare(app, &row, row.expires_at).await?;
    let (access, text) = token::prepare(app, client.id, row.account_id, Some(row.code_hash.clone())).await?;
    // 3. Used, by compare-and-swap, with what it gives.
    row.used_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_oauth_refresh(&row).await {
        Err(StoreError::Stale) => {
            // Used or ended in this moment.
            drop(transaction);
            replayed(app, &row).await?;
            return Err(invalid_grant().into());
        }
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::OauthRefreshUsed, Actor::Account(row.account_id), &row);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "client": row.client_id }))).await?;
    add(&mut transaction, &next).await?;
    token::add(&mut transaction, &access).await?;
    transaction.commit().await?;
    Ok(Refreshed { access: text, seconds: TOKEN_SECONDS, refresh })
}

/// The first refresh token of a consent; nothing is stored yet.
pub(super) async fn first(app: &App, code: &OauthCode) -> Result<(OauthRefresh, Zeroizing<String>)> {
    let now = app.clock.now();
    let of = OauthRefresh {
        token_hash: Vec::new(),
        code_hash: code.code_hash.clone(),
        client_id: code.client_id,
        account_id: code.account_id,
        created_at: now,
        expires_at: now,
        used_at: None,
        ended_at: None,
        version: 1,
        mac: Vec::new(),
    };
    prepare(app, &of, now.plus_seconds(REFRESH_SECONDS)).await
}

async fn prepare(app: &App, of: &OauthRefresh, until: Instant) -> Result<(OauthRefresh, Zeroizing<String>)> {
    let text = random_text(PREFIX);
    let mut row = OauthRefresh {
        token_hash: hash(&text),
        created_at: app.clock.now(),
        expires_at: until,
        used_at: None,
        ended_at: None,
        version: 1,
        mac: Vec::new(),
        ..of.clone()
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    Ok((row, text))
}

/// Stores a prepared token with its audit entry.
pub(super) async fn add(transaction: &mut Transaction, row: &OauthRefresh) -> Result<()> {
    transaction.insert_oauth_refresh(row).await?;
    let entry = Entry::of_row(row.created_at, Kind::OauthRefreshGiven, Actor::Account(row.account_id), row);
    audit::record(transaction, entry.with(serde_json::json!({ "client": row.client_id }))).await?;
    Ok(())
}

/// Ends the refresh token of that text with all that came of its consent; `false` where this application has none such.
pub(super) async fn revoke(app: &App, client: &OauthClient, text: &str) -> Result<bool> {
    let token_hash = hash(text);
    let row = current::row_by_log(app, || app.store.oauth_refresh(&token_hash)).await?;
    let Some(row) = row.filter(|row| row.client_id == client.id) else { return Ok(false) };
    end_all(app, &row.code_hash).await?;
    Ok(true)
}

/// Ends every refresh token and access token that came of the consent behind that code. Refresh tokens first: what is exchanged meanwhile
/// is found again.
pub(super) async fn end_all(app: &App, code_hash: &[u8]) -> Result<()> {
    loop {
        let rows = current::rows(app, || app.store.oauth_refresh_of_code(code_hash)).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            end(app, row).await?;
        }
    }
    for token in current::rows(app, || app.store.oauth_tokens_of_code(code_hash)).await? {
        token::end(app, token).await?;
    }
    Ok(())
}

/// Ends a refresh token that is good for something; one that was used or ended in this moment stays as it is.
pub(super) async fn end(app: &App, mut row: OauthRefresh) -> Result<()> {
    let now = app.clock.now();
    row.ended_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_oauth_refresh(&row).await {
        Err(StoreError::Stale) => return Ok(()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::OauthRefreshEnded, Actor::Account(row.account_id), &row);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "client": row.client_id }))).await?;
    transaction.commit().await?;
    current::changed(app, &row);
    Ok(())
}

/// A refresh token came twice: one of the two who have it is not who it was given to, and nobody knows which.
async fn replayed(app: &App, row: &OauthRefresh) -> Result<()> {
    tracing::warn!(event = "oauth_refresh_replayed", client = %row.client_id);
    let subject = format!("oauth_client:{}", row.client_id);
    let entry = Entry::new(app.clock.now(), Kind::OauthRefreshReplayed, Actor::Anonymous, subject);
    let mut transaction = app.store.begin().await?;
    audit::record(&mut transaction, entry.with(serde_json::json!({ "account": row.account_id }))).await?;
    transaction.commit().await?;
    end_all(app, &row.code_hash).await
}
