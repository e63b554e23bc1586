//! Incoming documents, and the number that the agency's register has reached.

use crate::{Connection, Error, error::moved, stored::Stored};
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
            package_sha256, details, state AS "state!: Stored<IncomingState>", year, number, received_by AS "received_by!: Stored<AccountId>",
            received_at AS "received_at!: Stored<Instant>", version, mac FROM incoming_document "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores an incoming document. `Conflict` where this package is registered already.
pub async fn insert_incoming(connection: &mut Connection, row: &IncomingDocument) -> Result<(), Error> {
    query!(
        "INSERT INTO incoming_document (id, document_id, unit, sender_id, message_id, details, state, year, number, received_by,
        received_at, package_sha256, version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
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
        row.package_sha256,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts the MAC of a row from before in place; nothing else of a row changes. `Stale` where somebody else was first.
pub async fn attest_incoming(connection: &mut Connection, row: &IncomingDocument) -> Result<(), Error> {
    let done = query!(
        "UPDATE incoming_document SET version = $2, mac = $3 WHERE id = $1 AND length(mac) = 0",
        row.id.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Says that a signed file came with what was registered.
pub async fn insert_incoming_attachment(
    connection: &mut Connection,
    id: IncomingId,
    position: i64,
    unit: &str,
    sha256: &[u8],
) -> Result<(), Error> {
    query!(
        "INSERT INTO incoming_attachment (incoming_id, position, unit, sha256) VALUES ($1, $2, $3, $4)",
        id.0,
        position,
        unit,
        sha256
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// With which registered document a signed file came to the agency first.
pub async fn incoming_with_attachment(
    connection: &mut Connection,
    unit: &str,
    sha256: &[u8],
) -> Result<Option<IncomingDocument>, Error> {
    Ok(incoming!(
        "WHERE length(mac) > 0 AND id IN (SELECT incoming_id FROM incoming_attachment WHERE unit = $1 AND sha256 = $2)
        ORDER BY received_at, id LIMIT 1",
        unit,
        sha256
    )
    .fetch_optional(connection)
    .await?)
}

/// The last number of an agency's register in a year.
pub async fn last_incoming(
    connection: &mut Connection,
    unit: &str,
    year: i64,
) -> Result<Option<IncomingDocument>, Error> {
    Ok(incoming!("WHERE unit = $1 AND year = $2 ORDER BY number DESC LIMIT 1", unit, year)
        .fetch_optional(connection)
        .await?)
}

/// The last that was registered of a sender.
pub async fn last_incoming_of(
    connection: &mut Connection,
    unit: &str,
    sender_id: &str,
) -> Result<Option<IncomingDocument>, Error> {
    Ok(incoming!(
        "WHERE unit = $1 AND sender_id = $2 AND state = 'registered' AND length(mac) > 0
        ORDER BY received_at DESC, id DESC LIMIT 1",
        unit,
        sender_id
    )
    .fetch_optional(connection)
    .await?)
}

/// Packages from before rows had MACs, after an identifier, in the order of identifiers.
pub async fn earlier_incoming(
    connection: &mut Connection,
    after: IncomingId,
    limit: i64,
) -> Result<Vec<IncomingDocument>, Error> {
    Ok(incoming!("WHERE length(mac) = 0 AND id > $1 ORDER BY id LIMIT $2", after.0, limit)
        .fetch_all(connection)
        .await?)
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

/// What was registered of a sender's message: one, unless a clerk took another package of the same name as well.
pub async fn incoming_registered(
    connection: &mut Connection,
    unit: &str,
    sender_id: &str,
    message_id: &str,
) -> Result<Vec<IncomingDocument>, Error> {
    Ok(incoming!(
        "WHERE unit = $1 AND sender_id = $2 AND message_id = $3 AND state = 'registered' AND length(mac) > 0
        ORDER BY received_at, id",
        unit,
        sender_id,
        message_id
    )
    .fetch_all(connection)
    .await?)
}

/// An agency's incoming documents that have a MAC, newest first, before the cursor.
pub async fn list_incoming(
    connection: &mut Connection,
    unit: &str,
    before: Cursor,
    limit: i64,
) -> Result<Vec<IncomingDocument>, Error> {
    Ok(incoming!(
        "WHERE unit = $1 AND length(mac) > 0 AND (received_at, id) < ($2, $3) ORDER BY received_at DESC, id DESC LIMIT $4",
        unit,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}
