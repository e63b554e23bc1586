//! What recipients said of the documents that were sent to them, one row a recipient.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::outgoing::{OutgoingRecipient, OutgoingStatus},
};
use sqlx::query;

macro_rules! statuses {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OutgoingStatus,
            r#"SELECT id, outgoing_id AS "outgoing_id!: Stored<OutgoingId>", position, status, note,
            recorded_by AS "recorded_by!: Stored<AccountId>", recorded_at AS "recorded_at!: Stored<Instant>", version, mac
            FROM outgoing_status "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores the first status of a recipient. `Conflict` where it has one.
pub async fn insert_outgoing_status(connection: &mut Connection, row: &OutgoingStatus) -> Result<(), Error> {
    query!(
        "INSERT INTO outgoing_status (id, outgoing_id, position, status, note, recorded_by, recorded_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row.id,
        row.outgoing_id.0,
        row.position,
        row.status,
        row.note,
        row.recorded_by.0,
        row.recorded_at.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a later one, whose version was raised by one. `Stale` where somebody else was first.
pub async fn update_outgoing_status(connection: &mut Connection, row: &OutgoingStatus) -> Result<(), Error> {
    let done = query!(
        "UPDATE outgoing_status SET status = $3, note = $4, recorded_by = $5, recorded_at = $6, version = $7, mac = $8
        WHERE id = $1 AND version = $2",
        row.id,
        row.version.saturating_sub(1),
        row.status,
        row.note,
        row.recorded_by.0,
        row.recorded_at.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The status of that key.
pub async fn outgoing_status_of(connection: &mut Connection, id: &str) -> Result<Option<OutgoingStatus>, Error> {
    Ok(statuses!("WHERE id = $1", id).fetch_optional(connection).await?)
}

/// What the recipients of a document said, in the order of the recipients.
pub async fn outgoing_statuses(connection: &mut Connection, id: OutgoingId) -> Result<Vec<OutgoingStatus>, Error> {
    Ok(statuses!("WHERE outgoing_id = $1 ORDER BY position", id.0).fetch_all(connection).await?)
}

/// Recipients with a status from before those had rows of their own, after one of them, in order.
pub async fn earlier_statuses(
    connection: &mut Connection,
    after: (OutgoingId, i64),
    limit: i64,
) -> Result<Vec<OutgoingRecipient>, Error> {
    Ok(sqlx::query_as!(
        OutgoingRecipient,
        r#"SELECT outgoing_id AS "outgoing_id!: Stored<OutgoingId>", position, organ_id, name,
        delivered_at AS "delivered_at!: Stored<Option<Instant>>",
        recall_delivered_at AS "recall_delivered_at!: Stored<Option<Instant>>", tries, try_after AS "try_after!: Stored<Instant>",
        status, status_note, status_at AS "status_at!: Stored<Option<Instant>>" FROM outgoing_recipient r
        WHERE status IS NOT NULL AND (outgoing_id, position) > ($1, $2)
        AND NOT EXISTS (SELECT 1 FROM outgoing_status s WHERE s.outgoing_id = r.outgoing_id AND s.position = r.position)
        ORDER BY outgoing_id, position LIMIT $3"#,
        after.0.0,
        after.1,
        limit
    )
    .fetch_all(connection)
    .await?)
}
