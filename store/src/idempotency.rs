//! Requests that create something, under their `Idempotency-Key`: the first call's answer is the answer to every repetition.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{id::AccountId, instant::Instant, record::payment::Idempotency};
use sqlx::query;

/// Begins a request under its key. `None` where it is new; else what is stored, whose `request_mac` the caller compares.
pub async fn begin_idempotent(
    connection: &mut Connection,
    request: &Idempotency,
) -> Result<Option<Idempotency>, Error> {
    let done = query!(
        "INSERT INTO idempotency (key_hash, account_id, route, request_mac, response_status, response, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key_hash) DO NOTHING",
        request.key_hash,
        request.account_id.0,
        request.route,
        request.request_mac,
        request.response_status,
        request.response,
        request.created_at.0,
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(None);
    }
    let stored = sqlx::query_as!(
        Idempotency,
        r#"SELECT key_hash, account_id AS "account_id!: Stored<AccountId>", route, request_mac, response_status, response,
        created_at AS "created_at!: Stored<Instant>" FROM idempotency WHERE key_hash = $1"#,
        request.key_hash
    )
    .fetch_optional(connection)
    .await?;
    // Removed for its age between the two statements: the caller tries again and is the first.
    stored.map(Some).ok_or(Error::Stale)
}

/// Stores the answer of a request that was begun and is not answered yet.
pub async fn answer_idempotent(
    connection: &mut Connection,
    key_hash: &[u8],
    status: i64,
    response: &[u8],
) -> Result<(), Error> {
    let done = query!(
        "UPDATE idempotency SET response_status = $2, response = $3 WHERE key_hash = $1 AND response_status IS NULL",
        key_hash,
        status,
        response
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Forgets a request that was begun and failed without effect, so that the same key may try again.
pub async fn abandon_idempotent(connection: &mut Connection, key_hash: &[u8]) -> Result<(), Error> {
    query!("DELETE FROM idempotency WHERE key_hash = $1 AND response_status IS NULL", key_hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes requests older than that time; returns how many.
pub async fn remove_old_idempotent(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    Ok(query!("DELETE FROM idempotency WHERE created_at < $1", before.0).execute(connection).await?.rows_affected())
}
