//! Applications of the signing API, their authorization codes and access tokens. Changes are compare-and-swaps on the row's version;
//! nothing here checks a MAC, a secret or a time.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::{AccountId, ActivationId, OauthClientId},
    instant::Instant,
    record::{Cursor, oauth::*},
};
use sqlx::query;

macro_rules! clients {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OauthClient,
            r#"SELECT id AS "id!: Stored<OauthClientId>", name, redirect_uris, secret_hash,
            account_id AS "account_id!: Stored<Option<AccountId>>", registered_by AS "registered_by!: Stored<AccountId>",
            created_at AS "created_at!: Stored<Instant>", ended_at AS "ended_at!: Stored<Option<Instant>>", version, mac
            FROM oauth_client "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! codes {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OauthCode,
            r#"SELECT code_hash, client_id AS "client_id!: Stored<OauthClientId>", account_id AS "account_id!: Stored<AccountId>", scope,
            redirect_uri, challenge, sealed_activation, activation_id AS "activation_id!: Stored<Option<ActivationId>>",
            created_at AS "created_at!: Stored<Instant>", expires_at AS "expires_at!: Stored<Instant>",
            used_at AS "used_at!: Stored<Option<Instant>>", version, mac FROM oauth_code "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! tokens {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OauthToken,
            r#"SELECT token_hash, client_id AS "client_id!: Stored<OauthClientId>", account_id AS "account_id!: Stored<AccountId>",
            code_hash, created_at AS "created_at!: Stored<Instant>", expires_at AS "expires_at!: Stored<Instant>",
            ended_at AS "ended_at!: Stored<Option<Instant>>", version, mac FROM oauth_token "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! refreshes {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OauthRefresh,
            r#"SELECT token_hash, code_hash, client_id AS "client_id!: Stored<OauthClientId>",
            account_id AS "account_id!: Stored<AccountId>", created_at AS "created_at!: Stored<Instant>",
            expires_at AS "expires_at!: Stored<Instant>", used_at AS "used_at!: Stored<Option<Instant>>",
            ended_at AS "ended_at!: Stored<Option<Instant>>", version, mac FROM oauth_refresh "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new application.
pub async fn insert_oauth_client(connection: &mut Connection, client: &OauthClient) -> Result<(), Error> {
    query!(
        "INSERT INTO oauth_client (id, name, redirect_uris, secret_hash, account_id, registered_by, created_at, ended_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        client.id.0,
        client.name,
        client.redirect_uris,
        client.secret_hash,
        client.account_id.map(|id| id.0),
        client.registered_by.0,
        client.created_at.0,
        client.ended_at.map(|at| at.0),
        client.version,
        client.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores an application that ended, whose version was raised by one. What it is never changes.
pub async fn update_oauth_client(connection: &mut Connection, client: &OauthClient) -> Result<(), Error> {
    let done = query!(
        "UPDATE oauth_client SET ended_at = $3, version = $4, mac = $5 WHERE id = $1 AND version = $2",
        client.id.0,
        client.version.saturating_sub(1),
        client.ended_at.map(|at| at.0),
        client.version,
        client.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The application of that identifier.
pub async fn oauth_client(connection: &mut Connection, id: OauthClientId) -> Result<Option<OauthClient>, Error> {
    Ok(clients!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Applications after the cursor, oldest first.
pub async fn list_oauth_clients(
    connection: &mut Connection,
    after: Cursor,
    limit: i64,
) -> Result<Vec<OauthClient>, Error> {
    Ok(clients!("WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3", after.at.0, after.id, limit)
        .fetch_all(connection)
        .await?)
}

/// Stores a new code.
pub async fn insert_oauth_code(connection: &mut Connection, code: &OauthCode) -> Result<(), Error> {
    query!(
        "INSERT INTO oauth_code (code_hash, client_id, account_id, scope, redirect_uri, challenge, sealed_activation, activation_id,
        created_at, expires_at, used_at, version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        code.code_hash,
        code.client_id.0,
        code.account_id.0,
        code.scope,
        code.redirect_uri,
        code.challenge,
        code.sealed_activation,
        code.activation_id.map(|id| id.0),
        code.created_at.0,
        code.expires_at.0,
        code.used_at.map(|at| at.0),
        code.version,
        code.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a code that was used, whose version was raised by one. `Stale` where somebody else used it first.
pub async fn update_oauth_code(connection: &mut Connection, code: &OauthCode) -> Result<(), Error> {
    let done = query!(
        "UPDATE oauth_code SET sealed_activation = $3, used_at = $4, version = $5, mac = $6 WHERE code_hash = $1 AND version = $2",
        code.code_hash,
        code.version.saturating_sub(1),
        code.sealed_activation,
        code.used_at.map(|at| at.0),
        code.version,
        code.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The code whose SHA-256 is given.
pub async fn oauth_code(connection: &mut Connection, code_hash: &[u8]) -> Result<Option<OauthCode>, Error> {
    Ok(codes!("WHERE code_hash = $1", code_hash).fetch_optional(connection).await?)
}

/// What may still become a token or activation data of that application for that account.
pub async fn oauth_codes_of_grant(
    connection: &mut Connection,
    account_id: AccountId,
    client_id: OauthClientId,
    now: Instant,
    limit: i64,
) -> Result<Vec<OauthCode>, Error> {
    Ok(codes!(
        "WHERE account_id = $1 AND client_id = $2 AND used_at IS NULL AND expires_at > $3 ORDER BY created_at LIMIT $4",
        account_id.0,
        client_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a new token.
pub async fn insert_oauth_token(connection: &mut Connection, token: &OauthToken) -> Result<(), Error> {
    query!(
        "INSERT INTO oauth_token (token_hash, client_id, account_id, code_hash, created_at, expires_at, ended_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        token.token_hash,
        token.client_id.0,
        token.account_id.0,
        token.code_hash,
        token.created_at.0,
        token.expires_at.0,
        token.ended_at.map(|at| at.0),
        token.version,
        token.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a token that ended, whose version was raised by one.
pub async fn update_oauth_token(connection: &mut Connection, token: &OauthToken) -> Result<(), Error> {
    let done = query!(
        "UPDATE oauth_token SET ended_at = $3, version = $4, mac = $5 WHERE token_hash = $1 AND version = $2",
        token.token_hash,
        token.version.saturating_sub(1),
        token.ended_at.map(|at| at.0),
        token.version,
        token.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The token whose SHA-256 is given.
pub async fn oauth_token(connection: &mut Connection, token_hash: &[u8]) -> Result<Option<OauthToken>, Error> {
    Ok(tokens!("WHERE token_hash = $1", token_hash).fetch_optional(connection).await?)
}

/// The tokens that were given for a code.
pub async fn oauth_tokens_of_code(connection: &mut Connection, code_hash: &[u8]) -> Result<Vec<OauthToken>, Error> {
    Ok(tokens!("WHERE code_hash = $1 ORDER BY created_at", code_hash).fetch_all(connection).await?)
}

/// The tokens for an account that open something, newest first.
pub async fn oauth_tokens_of_account(
    connection: &mut Connection,
    account_id: AccountId,
    now: Instant,
    limit: i64,
) -> Result<Vec<OauthToken>, Error> {
    Ok(tokens!(
        "WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY created_at DESC LIMIT $3",
        account_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// The tokens of that application for that account that open something, oldest first.
pub async fn oauth_tokens_of_grant(
    connection: &mut Connection,
    account_id: AccountId,
    client_id: OauthClientId,
    now: Instant,
    limit: i64,
) -> Result<Vec<OauthToken>, Error> {
    Ok(tokens!(
        "WHERE account_id = $1 AND client_id = $2 AND ended_at IS NULL AND expires_at > $3 ORDER BY created_at LIMIT $4",
        account_id.0,
        client_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a new refresh token.
pub async fn insert_oauth_refresh(connection: &mut Connection, token: &OauthRefresh) -> Result<(), Error> {
    query!(
        "INSERT INTO oauth_refresh (token_hash, code_hash, client_id, account_id, created_at, expires_at, used_at, ended_at, version,
        mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        token.token_hash,
        token.code_hash,
        token.client_id.0,
        token.account_id.0,
        token.created_at.0,
        token.expires_at.0,
        token.used_at.map(|at| at.0),
        token.ended_at.map(|at| at.0),
        token.version,
        token.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a refresh token that was used or ended, whose version was raised by one. `Stale` where somebody else was first.
pub async fn update_oauth_refresh(connection: &mut Connection, token: &OauthRefresh) -> Result<(), Error> {
    let done = query!(
        "UPDATE oauth_refresh SET used_at = $3, ended_at = $4, version = $5, mac = $6 WHERE token_hash = $1 AND version = $2",
        token.token_hash,
        token.version.saturating_sub(1),
        token.used_at.map(|at| at.0),
        token.ended_at.map(|at| at.0),
        token.version,
        token.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The refresh token whose SHA-256 is given.
pub async fn oauth_refresh(connection: &mut Connection, token_hash: &[u8]) -> Result<Option<OauthRefresh>, Error> {
    Ok(refreshes!("WHERE token_hash = $1", token_hash).fetch_optional(connection).await?)
}

/// The refresh token of a consent that was neither used nor ended: one, or in the moment of a change none.
pub async fn oauth_refresh_of_code(connection: &mut Connection, code_hash: &[u8]) -> Result<Vec<OauthRefresh>, Error> {
    Ok(refreshes!("WHERE code_hash = $1 AND used_at IS NULL AND ended_at IS NULL ORDER BY created_at", code_hash)
        .fetch_all(connection)
        .await?)
}

/// The refresh tokens for an account that open something, newest first.
pub async fn oauth_refresh_of_account(
    connection: &mut Connection,
    account_id: AccountId,
    now: Instant,
    limit: i64,
) -> Result<Vec<OauthRefresh>, Error> {
    Ok(refreshes!(
        "WHERE account_id = $1 AND used_at IS NULL AND ended_at IS NULL AND expires_at > $2 ORDER BY created_at DESC LIMIT $3",
        account_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// The refresh tokens of that application for that account that open something, oldest first.
pub async fn oauth_refresh_of_grant(
    connection: &mut Connection,
    account_id: AccountId,
    client_id: OauthClientId,
    now: Instant,
    limit: i64,
) -> Result<Vec<OauthRefresh>, Error> {
    Ok(refreshes!(
        "WHERE account_id = $1 AND client_id = $2 AND used_at IS NULL AND ended_at IS NULL AND expires_at > $3
        ORDER BY created_at LIMIT $4",
        account_id.0,
        client_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Removes codes and tokens that expired before that time; returns how many.
pub async fn remove_old_oauth_grants(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    let codes = query!("DELETE FROM oauth_code WHERE expires_at < $1", before.0).execute(&mut *connection).await?;
    let tokens = query!("DELETE FROM oauth_token WHERE expires_at < $1", before.0).execute(&mut *connection).await?;
    let refresh = query!("DELETE FROM oauth_refresh WHERE expires_at < $1", before.0).execute(connection).await?;
    Ok(codes.rows_affected().saturating_add(tokens.rows_affected()).saturating_add(refresh.rows_affected()))
}
