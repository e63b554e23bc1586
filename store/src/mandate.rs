//! Mandates of payers and what was collected under them. A collection is stored once; the count of a period stands in the mandate's own row,
//! whose version every collection raises.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        payment::{Mandate, MandateCollection},
        state::MandateState,
    },
};
use sqlx::query;

macro_rules! mandates {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Mandate,
            r#"SELECT id AS "id!: Stored<MandateId>", account_id AS "account_id!: Stored<AccountId>",
            certificate_id AS "certificate_id!: Stored<CertificateId>", provider_id AS "provider_id!: Stored<AccountId>", jws,
            state AS "state!: Stored<MandateState>", created_at AS "created_at!: Stored<Instant>",
            ended_at AS "ended_at!: Stored<Option<Instant>>", period_start, collected, version, mac FROM mandate "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! collections {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            MandateCollection,
            r#"SELECT identity, mandate_id AS "mandate_id!: Stored<MandateId>", order_digest, order_id, amount,
            collected_at AS "collected_at!: Stored<Instant>", version, mac FROM mandate_collection "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a mandate that was signed.
pub async fn insert_mandate(connection: &mut Connection, row: &Mandate) -> Result<(), Error> {
    query!(
        "INSERT INTO mandate (id, account_id, certificate_id, provider_id, jws, state, created_at, ended_at, period_start, collected,
        version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        row.id.0,
        row.account_id.0,
        row.certificate_id.0,
        row.provider_id.0,
        row.jws,
        row.state.name(),
        row.created_at.0,
        row.ended_at.map(|at| at.0),
        row.period_start,
        row.collected,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores another state or count, the version raised by one. `Stale` where somebody else was first. What was signed never changes.
pub async fn update_mandate(connection: &mut Connection, row: &Mandate) -> Result<(), Error> {
    let done = query!(
        "UPDATE mandate SET state = $3, ended_at = $4, period_start = $5, collected = $6, version = $7, mac = $8
        WHERE id = $1 AND version = $2",
        row.id.0,
        row.version.saturating_sub(1),
        row.state.name(),
        row.ended_at.map(|at| at.0),
        row.period_start,
        row.collected,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The mandate of that identifier.
pub async fn mandate(connection: &mut Connection, id: MandateId) -> Result<Option<Mandate>, Error> {
    Ok(mandates!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// A payer's mandates, newest first, before the cursor.
pub async fn mandates_of(
    connection: &mut Connection,
    account: AccountId,
    before: Cursor,
    limit: i64,
) -> Result<Vec<Mandate>, Error> {
    Ok(mandates!(
        "WHERE account_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
        account.0,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores an accepted collection. `Conflict` where one of this identity is stored.
pub async fn insert_mandate_collection(connection: &mut Connection, row: &MandateCollection) -> Result<(), Error> {
    query!(
        "INSERT INTO mandate_collection (identity, mandate_id, order_digest, order_id, amount, collected_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.identity,
        row.mandate_id.0,
        row.order_digest,
        row.order_id,
        row.amount,
        row.collected_at.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The collection of that identity.
pub async fn mandate_collection(
    connection: &mut Connection,
    identity: &[u8],
) -> Result<Option<MandateCollection>, Error> {
    Ok(collections!("WHERE identity = $1", identity).fetch_optional(connection).await?)
}

/// What was collected under a mandate, newest first.
pub async fn mandate_collections_of(
    connection: &mut Connection,
    mandate: MandateId,
    limit: i64,
) -> Result<Vec<MandateCollection>, Error> {
    Ok(collections!("WHERE mandate_id = $1 ORDER BY collected_at DESC, identity LIMIT $2", mandate.0, limit)
        .fetch_all(connection)
        .await?)
}
