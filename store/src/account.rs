//! Accounts, API keys and sessions. Changes are compare-and-swaps on the row's version; nothing here checks a MAC or a password.

use crate::{
    Connection, Error,
    dialect::{Dialect, Statements},
    error::moved,
    stored::Stored,
};
use chuky_model::{
    id::{AccountId, ApiKeyId},
    instant::Instant,
    record::{Cursor, account::*},
    role::Role,
};
use sqlx::query;

macro_rules! accounts {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Account,
            r#"SELECT id AS "id!: Stored<AccountId>", login, password_hash, roles AS "roles!: Stored<Vec<Role>>", display_name, unit,
            person_lookup, failed_logins, locked_until AS "locked_until!: Stored<Option<Instant>>",
            disabled_at AS "disabled_at!: Stored<Option<Instant>>", created_at AS "created_at!: Stored<Instant>",
            renewed_at AS "renewed_at!: Stored<Option<Instant>>", totp_secret, totp_step,
            unit_since AS "unit_since!: Stored<Option<Instant>>", version, mac FROM account "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! api_keys {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ApiKey,
            r#"SELECT id AS "id!: Stored<ApiKeyId>", account_id AS "account_id!: Stored<AccountId>", key_hash, label,
            expires_at AS "expires_at!: Stored<Instant>", revoked_at AS "revoked_at!: Stored<Option<Instant>>",
            created_at AS "created_at!: Stored<Instant>", version, mac FROM api_key "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new account. `Conflict` where the log-in is taken.
pub async fn insert_account(connection: &mut Connection, account: &Account) -> Result<(), Error> {
    query!(
        "INSERT INTO account (id, login, password_hash, roles, display_name, unit, person_lookup, failed_logins, locked_until,
        disabled_at, created_at, renewed_at, totp_secret, totp_step, unit_since, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        account.id.0,
        account.login,
        account.password_hash,
        Role::join(&account.roles),
        account.display_name,
        account.unit,
        account.person_lookup,
        account.failed_logins,
        account.locked_until.map(|at| at.0),
        account.disabled_at.map(|at| at.0),
        account.created_at.0,
        account.renewed_at.map(|at| at.0),
        account.totp_secret,
        account.totp_step,
        account.unit_since.map(|at| at.0),
        account.version,
        account.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed account whose version was raised by one. `Stale` where somebody else changed it first.
pub async fn update_account(connection: &mut Connection, account: &Account) -> Result<(), Error> {
    let done = query!(
        "UPDATE account SET login = $3, password_hash = $4, roles = $5, display_name = $6, unit = $7, person_lookup = $8,
        failed_logins = $9, locked_until = $10, disabled_at = $11, renewed_at = $12, totp_secret = $13, totp_step = $14,
        unit_since = $15, version = $16, mac = $17 WHERE id = $1 AND version = $2",
        account.id.0,
        account.version.saturating_sub(1),
        account.login,
        account.password_hash,
        Role::join(&account.roles),
        account.display_name,
        account.unit,
        account.person_lookup,
        account.failed_logins,
        account.locked_until.map(|at| at.0),
        account.disabled_at.map(|at| at.0),
        account.renewed_at.map(|at| at.0),
        account.totp_secret,
        account.totp_step,
        account.unit_since.map(|at| at.0),
        account.version,
        account.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The account of that identifier.
pub async fn account_by_id(connection: &mut Connection, id: AccountId) -> Result<Option<Account>, Error> {
    Ok(accounts!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The account of that log-in.
pub async fn account_by_login(connection: &mut Connection, login: &str) -> Result<Option<Account>, Error> {
    Ok(accounts!("WHERE login = $1", login).fetch_optional(connection).await?)
}

/// The accounts of one person, oldest first.
pub async fn accounts_of_person(connection: &mut Connection, person_lookup: &[u8]) -> Result<Vec<Account>, Error> {
    Ok(accounts!("WHERE person_lookup = $1 ORDER BY created_at, id", person_lookup).fetch_all(connection).await?)
}

/// Open accounts of an agency, oldest first.
pub async fn accounts_of_unit(connection: &mut Connection, unit: &str, limit: i64) -> Result<Vec<Account>, Error> {
    Ok(accounts!("WHERE unit = $1 AND disabled_at IS NULL ORDER BY created_at, id LIMIT $2", unit, limit)
        .fetch_all(connection)
        .await?)
}

/// Accounts after the cursor, oldest first.
pub async fn list_accounts(connection: &mut Connection, after: Cursor, limit: i64) -> Result<Vec<Account>, Error> {
    Ok(accounts!("WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3", after.at.0, after.id, limit)
        .fetch_all(connection)
        .await?)
}

/// Accounts that hold or held more than what comes with a certificate of one's own, after the cursor, oldest first.
pub async fn list_staff_accounts(
    connection: &mut Connection,
    after: Cursor,
    limit: i64,
) -> Result<Vec<Account>, Error> {
    Ok(accounts!(
        "WHERE roles NOT IN ('', 'citizen', 'official', 'citizen,official', 'official,citizen')
        AND (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3",
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Waits until no other transaction holds what is left of those who enter and approve orders, and holds it until this one ends.
pub async fn hold_staff_quorum(connection: &mut Connection) -> Result<(), Error> {
    Statements::hold(connection, i64::from_be_bytes(*b"stafftwo")).await
}

/// Stores a new API key.
pub async fn insert_api_key(connection: &mut Connection, key: &ApiKey) -> Result<(), Error> {
    query!(
        "INSERT INTO api_key (id, account_id, key_hash, label, expires_at, revoked_at, created_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key.id.0,
        key.account_id.0,
        key.key_hash,
        key.label,
        key.expires_at.0,
        key.revoked_at.map(|at| at.0),
        key.created_at.0,
        key.version,
        key.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed API key whose version was raised by one.
pub async fn update_api_key(connection: &mut Connection, key: &ApiKey) -> Result<(), Error> {
    let done = query!(
        "UPDATE api_key SET label = $3, expires_at = $4, revoked_at = $5, version = $6, mac = $7 WHERE id = $1 AND version = $2",
        key.id.0,
        key.version.saturating_sub(1),
        key.label,
        key.expires_at.0,
        key.revoked_at.map(|at| at.0),
        key.version,
        key.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The API key whose SHA-256 is given.
pub async fn api_key_by_hash(connection: &mut Connection, key_hash: &[u8]) -> Result<Option<ApiKey>, Error> {
    Ok(api_keys!("WHERE key_hash = $1", key_hash).fetch_optional(connection).await?)
}

/// The key of that identifier.
pub async fn api_key_by_id(connection: &mut Connection, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    Ok(api_keys!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The API keys of an account, oldest first.
pub async fn api_keys_of_account(connection: &mut Connection, account_id: AccountId) -> Result<Vec<ApiKey>, Error> {
    Ok(api_keys!("WHERE account_id = $1 ORDER BY created_at, id", account_id.0).fetch_all(connection).await?)
}

/// Keys that open something at that moment, after the identifier, in its order.
pub async fn api_keys_in_force(
    connection: &mut Connection,
    now: Instant,
    after: ApiKeyId,
    limit: i64,
) -> Result<Vec<ApiKey>, Error> {
    Ok(api_keys!(
        "WHERE revoked_at IS NULL AND expires_at > $1 AND id > $2 ORDER BY id LIMIT $3",
        now.0,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a new session.
pub async fn insert_session(connection: &mut Connection, session: &Session) -> Result<(), Error> {
    query!(
        "INSERT INTO session (token_hash, account_id, csrf, created_at, expires_at, ended_at, seen_at, second_factor_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        session.token_hash,
        session.account_id.0,
        session.csrf,
        session.created_at.0,
        session.expires_at.0,
        session.ended_at.map(|at| at.0),
        session.seen_at.map(|at| at.0),
        session.second_factor_at.map(|at| at.0),
        session.version,
        session.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed session whose version was raised by one.
pub async fn update_session(connection: &mut Connection, session: &Session) -> Result<(), Error> {
    let done = query!(
        "UPDATE session SET csrf = $3, expires_at = $4, ended_at = $5, seen_at = $6, second_factor_at = $7, version = $8, mac = $9
        WHERE token_hash = $1 AND version = $2",
        session.token_hash,
        session.version.saturating_sub(1),
        session.csrf,
        session.expires_at.0,
        session.ended_at.map(|at| at.0),
        session.seen_at.map(|at| at.0),
        session.second_factor_at.map(|at| at.0),
        session.version,
        session.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The session whose token has that SHA-256.
pub async fn session_by_token(connection: &mut Connection, token_hash: &[u8]) -> Result<Option<Session>, Error> {
    Ok(sqlx::query_as!(
        Session,
        r#"SELECT token_hash, account_id AS "account_id!: Stored<AccountId>", csrf, created_at AS "created_at!: Stored<Instant>",
        expires_at AS "expires_at!: Stored<Instant>", ended_at AS "ended_at!: Stored<Option<Instant>>", seen_at AS "seen_at!: Stored<Option<Instant>>",
        second_factor_at AS "second_factor_at!: Stored<Option<Instant>>", version, mac FROM session WHERE token_hash = $1"#,
        token_hash
    )
    .fetch_optional(connection)
    .await?)
}

/// Removes sessions that expired before that time; returns how many.
pub async fn remove_expired_sessions(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    Ok(query!("DELETE FROM session WHERE expires_at < $1", before.0).execute(connection).await?.rows_affected())
}
