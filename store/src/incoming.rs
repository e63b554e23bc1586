//! Incoming documents, and the number that the agency's register has reached.

use crate::{Connection, Error, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{Cursor, incoming::IncomingDocument, state::IncomingState},
};
use sqlx::query;

macro_rules! incoming {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            IncomingDocument,
            r#"SELECT id AS "id!: Stored<IncomingId>", document_id AS "document_id!: Stored<DocumentId>", unit, sender_id, message_id,
            details, state AS "state!: Stored<IncomingState>", year, number, received_by AS "received_by!: Stored<AccountId>",
            received_at AS "received_at!: Stored<Instant>" FROM incoming_document "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores an incoming document. `Conflict` where this package is registered already.
pub async fn insert_incoming(connection: &mut Connection, row: &IncomingDocument) -> Result<(), Error> {
    query!(
        "INSERT INTO incoming_document (id, document_id, unit, sender_id, message_id, details, state, year, number, received_by,
        received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        row.id.0,
        row.document_id.0,
        row.unit,
        row.sender_id,
        row.message_id,
        row.details,
        row.state.name(),
        row.year,
        row.number,
        row.received_by.0,
        row.received_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The next number of an agency's register; the row stays locked until the transaction ends.
pub async fn next_incoming_number(connection: &mut Connection, unit: &str, year: i64) -> Result<i64, Error> {
    query!(
        "INSERT INTO incoming_series (unit, year, last_number) VALUES ($1, $2, 0) ON CONFLICT (unit, year) DO NOTHING",
        unit,
        year
    )
    .execute(&mut *connection)
    .await?;
    let row = query!(
        r#"UPDATE incoming_series SET last_number = last_number + 1 WHERE unit = $1 AND year = $2
        RETURNING last_number AS "last_number!: i64""#,
        unit,
        year
    )
    .fetch_one(connection)
    .await?;
    Ok(row.last_number)
}

/// The incoming document of that identifier.
pub async fn incoming_by_id(connection: &mut Connection, id: IncomingId) -> Result<Option<IncomingDocument>, Error> {
    Ok(incoming!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// What was registered of a sender's message.
pub async fn incoming_registered(
    connection: &mut Connection,
    unit: &str,
    sender_id: &str,
    message_id: &str,
) -> Result<Option<IncomingDocument>, Error> {
    Ok(incoming!(
        "WHERE unit = $1 AND sender_id = $2 AND message_id = $3 AND state = 'registered'",
        unit,
        sender_id,
        message_id
    )
    .fetch_optional(connection)
    .await?)
}

/// An agency's incoming documents, newest first, before the cursor.
pub async fn list_incoming(
    connection: &mut Connection,
    unit: &str,
    before: Cursor,
    limit: i64,
) -> Result<Vec<IncomingDocument>, Error> {
    Ok(incoming!(
        "WHERE unit = $1 AND (received_at, id) < ($2, $3) ORDER BY received_at DESC, id DESC LIMIT $4",
        unit,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}
