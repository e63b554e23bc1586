//! Who acts for whom on the roads of an agency's documents, and how long.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{id::*, instant::Instant, record::outgoing::Delegation};
use sqlx::query;

macro_rules! delegations {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Delegation,
            r#"SELECT id AS "id!: Stored<DelegationId>", from_account AS "from_account!: Stored<AccountId>",
            to_account AS "to_account!: Stored<AccountId>", starts_at AS "starts_at!: Stored<Instant>",
            ends_at AS "ends_at!: Stored<Instant>", created_at AS "created_at!: Stored<Instant>",
            ended_at AS "ended_at!: Stored<Option<Instant>>", version, mac FROM delegation "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new delegation.
pub async fn insert_delegation(connection: &mut Connection, row: &Delegation) -> Result<(), Error> {
    query!(
        "INSERT INTO delegation (id, from_account, to_account, starts_at, ends_at, created_at, ended_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row.id.0,
        row.from_account.0,
        row.to_account.0,
        row.starts_at.0,
        row.ends_at.0,
        row.created_at.0,
        row.ended_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a delegation back. `Stale` where somebody else was first.
pub async fn update_delegation(connection: &mut Connection, row: &Delegation) -> Result<(), Error> {
    let done = query!(
        "UPDATE delegation SET ended_at = $3, version = $4, mac = $5 WHERE id = $1 AND version = $2",
        row.id.0,
        row.version.saturating_sub(1),
        row.ended_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The delegation of that identifier.
pub async fn delegation_by_id(connection: &mut Connection, id: DelegationId) -> Result<Option<Delegation>, Error> {
    Ok(delegations!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Those by which the account acts for others at that moment.
pub async fn delegations_to(
    connection: &mut Connection,
    account_id: AccountId,
    now: Instant,
    limit: i64,
) -> Result<Vec<Delegation>, Error> {
    Ok(delegations!(
        "WHERE to_account = $1 AND starts_at <= $2 AND ends_at > $2 AND ended_at IS NULL ORDER BY created_at, id LIMIT $3",
        account_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Those that the account gave or was given and that have not ended at that moment.
pub async fn delegations_around(
    connection: &mut Connection,
    account_id: AccountId,
    now: Instant,
    limit: i64,
) -> Result<Vec<Delegation>, Error> {
    Ok(delegations!(
        "WHERE (to_account = $1 OR from_account = $1) AND ends_at > $2 AND ended_at IS NULL ORDER BY created_at, id LIMIT $3",
        account_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}
