//! What senders did to registered incoming documents afterwards: called back, or replaced.

use crate::{Connection, Error, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{incoming::IncomingChange, state::IncomingChangeKind},
};
use sqlx::query;

macro_rules! changes {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            IncomingChange,
            r#"SELECT id AS "id!: Stored<IncomingId>", kind AS "kind!: Stored<IncomingChangeKind>",
            document_id AS "document_id!: Stored<DocumentId>", package_sha256, replaced_by AS "replaced_by!: Stored<Option<IncomingId>>",
            details, received_by AS "received_by!: Stored<AccountId>", received_at AS "received_at!: Stored<Instant>", version, mac
            FROM incoming_change "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores what became of a registered document. `Conflict` where something did already.
pub async fn insert_incoming_change(connection: &mut Connection, row: &IncomingChange) -> Result<(), Error> {
    query!(
        "INSERT INTO incoming_change (id, kind, document_id, package_sha256, replaced_by, details, received_by, received_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.id.0,
        row.kind.name(),
        row.document_id.0,
        row.package_sha256,
        row.replaced_by.map(|id| id.0),
        row.details,
        row.received_by.0,
        row.received_at.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What became of that registered document.
pub async fn incoming_change_of(connection: &mut Connection, id: IncomingId) -> Result<Option<IncomingChange>, Error> {
    Ok(changes!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// What a package of that digest did to a document of the agency.
pub async fn incoming_change_by(
    connection: &mut Connection,
    unit: &str,
    package_sha256: &[u8],
) -> Result<Option<IncomingChange>, Error> {
    Ok(changes!(
        "WHERE package_sha256 = $2 AND id IN (SELECT id FROM incoming_document WHERE unit = $1) ORDER BY received_at, id LIMIT 1",
        unit,
        package_sha256
    )
    .fetch_optional(connection)
    .await?)
}
