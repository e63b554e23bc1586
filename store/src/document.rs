//! Documents given to be signed: rows only, the encrypted bytes lie in files.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::{AccountId, DocumentId},
    instant::Instant,
    record::{Cursor, document::Document, state::DocumentState},
};
use sqlx::query;

macro_rules! documents {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Document,
            r#"SELECT id AS "id!: Stored<DocumentId>", owner_id AS "owner_id!: Stored<AccountId>", name, media_type,
            state AS "state!: Stored<DocumentState>", sha256, size, stored_as, signed_sha256, signed_size, signed_stored_as,
            signed_format, created_at AS "created_at!: Stored<Instant>", updated_at AS "updated_at!: Stored<Instant>", version, mac FROM document "#
            + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new document's row.
pub async fn insert_document(connection: &mut Connection, document: &Document) -> Result<(), Error> {
    query!(
        "INSERT INTO document (id, owner_id, name, media_type, state, sha256, size, stored_as, signed_sha256, signed_size,
        signed_stored_as, signed_format, created_at, updated_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        document.id.0,
        document.owner_id.0,
        document.name,
        document.media_type,
        document.state.name(),
        document.sha256,
        document.size,
        document.stored_as,
        document.signed_sha256,
        document.signed_size,
        document.signed_stored_as,
        document.signed_format,
        document.created_at.0,
        document.updated_at.0,
        document.version,
        document.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed document whose version was raised by one. `Stale` where somebody else changed it first.
pub async fn update_document(connection: &mut Connection, document: &Document) -> Result<(), Error> {
    let done = query!(
        "UPDATE document SET name = $3, state = $4, sha256 = $5, size = $6, signed_sha256 = $7, signed_size = $8,
        signed_stored_as = $9, signed_format = $10, updated_at = $11, version = $12, mac = $13 WHERE id = $1 AND version = $2",
        document.id.0,
        document.version.saturating_sub(1),
        document.name,
        document.state.name(),
        document.sha256,
        document.size,
        document.signed_sha256,
        document.signed_size,
        document.signed_stored_as,
        document.signed_format,
        document.updated_at.0,
        document.version,
        document.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The document of that identifier.
pub async fn document_by_id(connection: &mut Connection, id: DocumentId) -> Result<Option<Document>, Error> {
    Ok(documents!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Documents from before rows had MACs, after an identifier, in the order of identifiers.
pub async fn documents_without_mac(
    connection: &mut Connection,
    after: DocumentId,
    limit: i64,
) -> Result<Vec<Document>, Error> {
    Ok(documents!("WHERE length(mac) = 0 AND id > $1 ORDER BY id LIMIT $2", after.0, limit)
        .fetch_all(connection)
        .await?)
}

/// Signed documents for which no job of that kind, with the document's identifier, is queued; after an identifier, in the order of
/// identifiers.
pub async fn documents_without_job(
    connection: &mut Connection,
    kind: &str,
    after: DocumentId,
    limit: i64,
) -> Result<Vec<Document>, Error> {
    Ok(documents!(
        "WHERE state = 'signed' AND id > $2 AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = document.id
        AND job.kind = $1 AND job.state = 'queued') ORDER BY id LIMIT $3",
        kind,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// An owner's documents that have a MAC, newest first, before the cursor.
pub async fn list_documents(
    connection: &mut Connection,
    owner_id: AccountId,
    before: Cursor,
    limit: i64,
) -> Result<Vec<Document>, Error> {
    Ok(documents!(
        "WHERE owner_id = $1 AND length(mac) > 0 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
        owner_id.0,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}
