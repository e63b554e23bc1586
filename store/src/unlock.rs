//! Requests to unlock a credential: asked by one person, decided by another. What is open is bound to one row for each credential by
//! a unique index; nothing here decides.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{Cursor, credential::Unlock, state::UnlockState},
};
use sqlx::query;

macro_rules! unlocks {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Unlock,
            r#"SELECT id AS "id!: Stored<UnlockId>", credential_id AS "credential_id!: Stored<CredentialId>", number,
            state AS "state!: Stored<UnlockState>", reason, asked_by AS "asked_by!: Stored<AccountId>",
            asked_at AS "asked_at!: Stored<Instant>", decided_by AS "decided_by!: Stored<Option<AccountId>>",
            decided_at AS "decided_at!: Stored<Option<Instant>>", version, mac FROM unlock_request "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new request. `Conflict` where one is open for this credential.
pub async fn insert_unlock(connection: &mut Connection, unlock: &Unlock) -> Result<(), Error> {
    query!(
        "INSERT INTO unlock_request (id, credential_id, number, state, reason, asked_by, asked_at, decided_by, decided_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        unlock.id.0,
        unlock.credential_id.0,
        unlock.number,
        unlock.state.name(),
        unlock.reason,
        unlock.asked_by.0,
        unlock.asked_at.0,
        unlock.decided_by.map(|id| id.0),
        unlock.decided_at.map(|at| at.0),
        unlock.version,
        unlock.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a decided request whose version was raised by one. What was asked, by whom and when never changes. `Stale` where somebody
/// else decided first, `Refused` where who decides also asked.
pub async fn update_unlock(connection: &mut Connection, unlock: &Unlock) -> Result<(), Error> {
    let done = query!(
        "UPDATE unlock_request SET state = $3, decided_by = $4, decided_at = $5, version = $6, mac = $7
        WHERE id = $1 AND version = $2",
        unlock.id.0,
        unlock.version.saturating_sub(1),
        unlock.state.name(),
        unlock.decided_by.map(|id| id.0),
        unlock.decided_at.map(|at| at.0),
        unlock.version,
        unlock.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The request of that identifier.
pub async fn unlock_by_id(connection: &mut Connection, id: UnlockId) -> Result<Option<Unlock>, Error> {
    Ok(unlocks!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Requests in a state, oldest first, after the cursor.
pub async fn list_unlocks(
    connection: &mut Connection,
    state: UnlockState,
    after: Cursor,
    limit: i64,
) -> Result<Vec<Unlock>, Error> {
    Ok(unlocks!(
        "WHERE state = $1 AND (asked_at, id) > ($2, $3) ORDER BY asked_at, id LIMIT $4",
        state.name(),
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}
