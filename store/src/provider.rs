//! Registered payment providers, changes to their terms, and how many payments they brought each day. What is open is bound to one row
//! for each provider by a unique index; nothing here decides.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        payment::{PaymentProvider, ProviderChange},
        state::ChangeState,
    },
};
use sqlx::query;

macro_rules! changes {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ProviderChange,
            r#"SELECT id AS "id!: Stored<ProviderChangeId>", account_id AS "account_id!: Stored<AccountId>", terms, reason,
            state AS "state!: Stored<ChangeState>", asked_by AS "asked_by!: Stored<AccountId>",
            asked_at AS "asked_at!: Stored<Instant>", decided_by AS "decided_by!: Stored<Option<AccountId>>",
            decided_at AS "decided_at!: Stored<Option<Instant>>", version, mac FROM payment_provider_change "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! providers {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            PaymentProvider,
            r#"SELECT account_id AS "account_id!: Stored<AccountId>", terms, changed_at AS "changed_at!: Stored<Instant>",
            version, mac FROM payment_provider "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a provider's first terms.
pub async fn insert_payment_provider(connection: &mut Connection, provider: &PaymentProvider) -> Result<(), Error> {
    query!(
        "INSERT INTO payment_provider (account_id, terms, changed_at, version, mac) VALUES ($1, $2, $3, $4, $5)",
        provider.account_id.0,
        provider.terms,
        provider.changed_at.0,
        provider.version,
        provider.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a provider's changed terms, its version raised by one. `Stale` where somebody else was first.
pub async fn update_payment_provider(connection: &mut Connection, provider: &PaymentProvider) -> Result<(), Error> {
    let done = query!(
        "UPDATE payment_provider SET terms = $3, changed_at = $4, version = $5, mac = $6 WHERE account_id = $1 AND version = $2",
        provider.account_id.0,
        provider.version.saturating_sub(1),
        provider.terms,
        provider.changed_at.0,
        provider.version,
        provider.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The terms of a provider.
pub async fn payment_provider(connection: &mut Connection, id: AccountId) -> Result<Option<PaymentProvider>, Error> {
    Ok(providers!("WHERE account_id = $1", id.0).fetch_optional(connection).await?)
}

/// Every registered provider: a country has some dozens.
pub async fn payment_providers(connection: &mut Connection, limit: i64) -> Result<Vec<PaymentProvider>, Error> {
    Ok(providers!("ORDER BY account_id LIMIT $1", limit).fetch_all(connection).await?)
}

/// Stores a change that is asked for. `Conflict` where one is open for this provider.
pub async fn insert_provider_change(connection: &mut Connection, change: &ProviderChange) -> Result<(), Error> {
    query!(
        "INSERT INTO payment_provider_change (id, account_id, terms, reason, state, asked_by, asked_at, decided_by, decided_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        change.id.0,
        change.account_id.0,
        change.terms,
        change.reason,
        change.state.name(),
        change.asked_by.0,
        change.asked_at.0,
        change.decided_by.map(|id| id.0),
        change.decided_at.map(|at| at.0),
        change.version,
        change.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a decided change whose version was raised by one. What was asked, by whom and when never changes.
pub async fn update_provider_change(connection: &mut Connection, change: &ProviderChange) -> Result<(), Error> {
    let done = query!(
        "UPDATE payment_provider_change SET state = $3, decided_by = $4, decided_at = $5, version = $6, mac = $7
        WHERE id = $1 AND version = $2",
        change.id.0,
        change.version.saturating_sub(1),
        change.state.name(),
        change.decided_by.map(|id| id.0),
        change.decided_at.map(|at| at.0),
        change.version,
        change.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The change of that identifier.
pub async fn provider_change(
    connection: &mut Connection,
    id: ProviderChangeId,
) -> Result<Option<ProviderChange>, Error> {
    Ok(changes!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Changes in a state, oldest first, after the cursor.
pub async fn list_provider_changes(
    connection: &mut Connection,
    state: ChangeState,
    after: Cursor,
    limit: i64,
) -> Result<Vec<ProviderChange>, Error> {
    Ok(changes!(
        "WHERE state = $1 AND (asked_at, id) > ($2, $3) ORDER BY asked_at, id LIMIT $4",
        state.name(),
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Counts payments that were accepted for a provider on a day, in the slot of this process.
pub async fn count_payments(
    connection: &mut Connection,
    provider: AccountId,
    day: i64,
    slot: i64,
    accepted: i64,
) -> Result<(), Error> {
    query!(
        "INSERT INTO payment_usage (provider_id, day, slot, accepted) VALUES ($1, $2, $3, $4)
        ON CONFLICT (provider_id, day, slot) DO UPDATE SET accepted = payment_usage.accepted + excluded.accepted",
        provider.0,
        day,
        slot,
        accepted,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many payments were accepted for a provider on a day.
pub async fn payments_of_day(connection: &mut Connection, provider: AccountId, day: i64) -> Result<i64, Error> {
    let row = query!(
        r#"SELECT CAST(COALESCE(SUM(accepted), 0) AS BIGINT) AS "accepted!: i64" FROM payment_usage
        WHERE provider_id = $1 AND day = $2"#,
        provider.0,
        day
    )
    .fetch_one(connection)
    .await?;
    Ok(row.accepted)
}

/// Removes counts of days before that one; returns how many rows there were.
pub async fn remove_old_usage(connection: &mut Connection, before_day: i64) -> Result<u64, Error> {
    Ok(query!("DELETE FROM payment_usage WHERE day < $1", before_day).execute(connection).await?.rows_affected())
}
