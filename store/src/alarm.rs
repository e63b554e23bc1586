//! Alarms about payments on their way to the providers that they concern. Nothing here decides whom an alarm concerns or when it is told.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        payment::PaymentAlarm,
        state::{AlarmKind, AlarmState},
    },
};
use sqlx::query;

macro_rules! alarms {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            PaymentAlarm,
            r#"SELECT id AS "id!: Stored<PaymentAlarmId>", provider_id AS "provider_id!: Stored<AccountId>",
            kind AS "kind!: Stored<AlarmKind>", details, raised_at AS "raised_at!: Stored<Instant>",
            state AS "state!: Stored<AlarmState>", tries, next_at AS "next_at!: Stored<Instant>",
            told_at AS "told_at!: Stored<Option<Instant>>", last_error, version, mac FROM payment_alarm "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores an alarm; false where it was raised before.
pub async fn insert_payment_alarm(connection: &mut Connection, alarm: &PaymentAlarm) -> Result<bool, Error> {
    let done = query!(
        "INSERT INTO payment_alarm (id, provider_id, kind, details, raised_at, state, tries, next_at, told_at, last_error, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING",
        alarm.id.0,
        alarm.provider_id.0,
        alarm.kind.name(),
        alarm.details,
        alarm.raised_at.0,
        alarm.state.name(),
        alarm.tries,
        alarm.next_at.0,
        alarm.told_at.map(|at| at.0),
        alarm.last_error,
        alarm.version,
        alarm.mac,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Stores how telling it stands, the version raised by one. `Stale` where another node was first. What is told never changes.
pub async fn update_payment_alarm(connection: &mut Connection, alarm: &PaymentAlarm) -> Result<(), Error> {
    let done = query!(
        "UPDATE payment_alarm SET state = $3, tries = $4, next_at = $5, told_at = $6, last_error = $7, version = $8, mac = $9
        WHERE id = $1 AND version = $2",
        alarm.id.0,
        alarm.version.saturating_sub(1),
        alarm.state.name(),
        alarm.tries,
        alarm.next_at.0,
        alarm.told_at.map(|at| at.0),
        alarm.last_error,
        alarm.version,
        alarm.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The alarm of that identifier.
pub async fn payment_alarm(connection: &mut Connection, id: PaymentAlarmId) -> Result<Option<PaymentAlarm>, Error> {
    Ok(alarms!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Alarms that concern a provider, newest first, before the cursor.
pub async fn payment_alarms_of(
    connection: &mut Connection,
    provider: AccountId,
    before: Cursor,
    limit: i64,
) -> Result<Vec<PaymentAlarm>, Error> {
    Ok(alarms!(
        "WHERE provider_id = $1 AND (raised_at, id) < ($2, $3) ORDER BY raised_at DESC, id DESC LIMIT $4",
        provider.0,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Everybody's alarms, newest first, before the cursor.
pub async fn payment_alarms(
    connection: &mut Connection,
    before: Cursor,
    limit: i64,
) -> Result<Vec<PaymentAlarm>, Error> {
    Ok(alarms!(
        "WHERE (raised_at, id) < ($1, $2) ORDER BY raised_at DESC, id DESC LIMIT $3",
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Alarms of which a provider is to be told now, longest due first.
pub async fn due_payment_alarms(
    connection: &mut Connection,
    provider: AccountId,
    now: Instant,
    limit: i64,
) -> Result<Vec<PaymentAlarm>, Error> {
    Ok(alarms!(
        "WHERE provider_id = $1 AND state = 'waiting' AND next_at <= $2 ORDER BY next_at, id LIMIT $3",
        provider.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// How many alarms are in a state.
pub async fn count_payment_alarms(connection: &mut Connection, state: AlarmState) -> Result<i64, Error> {
    let row = query!(r#"SELECT COUNT(*) AS "count!: i64" FROM payment_alarm WHERE state = $1"#, state.name())
        .fetch_one(connection)
        .await?;
    Ok(row.count)
}

/// Removes alarms that were raised before that time; how many there were.
pub async fn remove_old_payment_alarms(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    Ok(query!("DELETE FROM payment_alarm WHERE raised_at < $1", before.0).execute(connection).await?.rows_affected())
}
