//! Access tokens of scope `service`: random, for an hour, bound to an application and an account, good for the signing API alone.

use super::{client, hash, limits::TOKEN_SECONDS, random_text, refresh};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    custody::{self, Sad},
    error::{RequestError, RequestErrorKind, Result},
    store::{Error as StoreError, Transaction},
};
use chuky_model::{
    id::{AccountId, OauthClientId},
    record::oauth::{OauthClient, OauthToken},
};
use zeroize::Zeroizing;

/// What names of applications start with.
const CLIENT: &str = "oauth:";
/// What every access token starts with, so that scanners for leaked secrets find them and other routes refuse them.
const PREFIX: &str = "csc_";

/// Whether a bearer's text is an access token of this kind.
pub fn is_access_token(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Whom a token stands for, where token, application and account are alive.
pub async fn principal(app: &App, text: &str) -> Result<Principal> {
    let now = app.clock.now();
    let token_hash = hash(text);
    let token = current::row(app, || app.store.oauth_token(&token_hash)).await?;
    let token = token
        .filter(|token| token.ended_at.is_none() && token.expires_at > now)
        .ok_or_else(RequestError::unauthenticated)?;
    if client::alive(app, token.client_id).await?.is_none() {
        return Err(RequestError::unauthenticated().into());
    }
    // Without a code nobody was asked: good for systems only, also where the account became a person's since.
    if token.code_hash.is_none() && !client::is_of_system(app, token.account_id).await? {
        return Err(RequestError::unauthenticated().into());
    }
    accounts::acting_account(app, token.account_id, client_name(token.client_id), token.created_at).await
}

/// A token for the application's own account (client credentials, RFC 6749 §4.4).
pub async fn for_itself(app: &App, client: &OauthClient) -> Result<(Zeroizing<String>, i64)> {
    let account = client.account_id.filter(|_| client.secret_hash.is_some()).ok_or_else(unauthorized_client)?;
    if !client::is_of_system(app, account).await? {
        return Err(unauthorized_client().into());
    }
    let (row, text) = prepare(app, client.id, account, None).await?;
    let mut transaction = app.store.begin().await?;
    add(&mut transaction, &row).await?;
    transaction.commit().await?;
    Ok((text, TOKEN_SECONDS))
}

/// Ends a token of this application, a refresh token with all that came of its consent, or activation data that it was given. What is unknown, over or somebody else's is no error
/// (RFC 7009 §2.2).
pub async fn revoke(app: &App, client: &OauthClient, text: &str) -> Result<()> {
    let token_hash = hash(text);
    let token = current::row(app, || app.store.oauth_token(&token_hash)).await?;
    if let Some(token) = token.filter(|token| token.client_id == client.id) {
        return end(app, token).await;
    }
    if refresh::revoke(app, client, text).await? {
        return Ok(());
    }
    match Sad::enter(text).activation() {
        Some(id) => custody::close_activation(app, Actor::Anonymous, id, &client_name(client.id)).await,
        None => Ok(()),
    }
}

/// A token with its MAC and its text; nothing is stored yet.
pub(super) async fn prepare(
    app: &App,
    client: OauthClientId,
    account: AccountId,
    code_hash: Option<Vec<u8>>,
) -> Result<(OauthToken, Zeroizing<String>)> {
    let now = app.clock.now();
    let text = random_text(PREFIX);
    let mut token = OauthToken {
        token_hash: hash(&text),
        client_id: client,
        account_id: account,
        code_hash,
        created_at: now,
        expires_at: now.plus_seconds(TOKEN_SECONDS),
        ended_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut token).await?;
    Ok((token, text))
}

/// Stores a prepared token with its audit entry.
pub(super) async fn add(transaction: &mut Transaction, token: &OauthToken) -> Result<()> {
    transaction.insert_oauth_token(token).await?;
    let entry = Entry::of_row(token.created_at, Kind::OauthTokenGiven, Actor::Account(token.account_id), token);
    audit::record(transaction, entry.with(serde_json::json!({ "client": token.client_id }))).await?;
    Ok(())
}

/// Ends a token; one that is over already stays so.
pub(super) async fn end(app: &App, mut token: OauthToken) -> Result<()> {
    if token.ended_at.is_some() {
        return Ok(());
    }
    let now = app.clock.now();
    token.ended_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut token).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_oauth_token(&token).await {
        // Ended by somebody else in this moment.
        Err(StoreError::Stale) => return Ok(()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::OauthTokenEnded, Actor::Account(token.account_id), &token);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "client": token.client_id }))).await?;
    transaction.commit().await?;
    current::changed(app, &token);
    Ok(())
}

/// RFC 6749 §5.2.
fn unauthorized_client() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "oauth_unauthorized_client",
        "Ứng dụng này không có tài khoản riêng, chỉ hành động khi người dùng đồng ý.",
        "This application has no account of its own; it acts only for users who agree.",
    )
}

/// How activations and the audit log name the application.
pub fn client_name(id: OauthClientId) -> String {
    format!("{CLIENT}{id}")
}

/// The application that activations name so; `None` of sessions and API keys.
pub fn client_of(name: &str) -> Option<OauthClientId> {
    name.strip_prefix(CLIENT)?.parse().ok()
}
