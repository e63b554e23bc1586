//! Codes on the pages of signed documents.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{id::*, instant::Instant, record::document::DocumentCode};
use sqlx::query;

macro_rules! codes {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            DocumentCode,
            r#"SELECT id AS "id!: Stored<DocumentCodeId>", code_hash, document_id AS "document_id!: Stored<DocumentId>",
            certificate_id AS "certificate_id!: Stored<CertificateId>", content, created_at AS "created_at!: Stored<Instant>",
            ended_at AS "ended_at!: Stored<Option<Instant>>", version, mac FROM document_code "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new code.
pub async fn insert_document_code(connection: &mut Connection, row: &DocumentCode) -> Result<(), Error> {
    query!(
        "INSERT INTO document_code (id, code_hash, document_id, certificate_id, content, created_at, ended_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row.id.0,
        row.code_hash,
        row.document_id.0,
        row.certificate_id.0,
        row.content,
        row.created_at.0,
        row.ended_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Closes or opens a code's page, or takes its content away. `Stale` where somebody else was first.
pub async fn update_document_code(connection: &mut Connection, row: &DocumentCode) -> Result<(), Error> {
    let done = query!(
        "UPDATE document_code SET content = $3, ended_at = $4, version = $5, mac = $6 WHERE id = $1 AND version = $2",
        row.id.0,
        row.version.saturating_sub(1),
        row.content,
        row.ended_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The code of that identifier.
pub async fn document_code_by_id(
    connection: &mut Connection,
    id: DocumentCodeId,
) -> Result<Option<DocumentCode>, Error> {
    Ok(codes!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The code whose letters have that hash.
pub async fn document_code_by_hash(
    connection: &mut Connection,
    code_hash: &[u8],
) -> Result<Option<DocumentCode>, Error> {
    Ok(codes!("WHERE code_hash = $1", code_hash).fetch_optional(connection).await?)
}

/// The codes of a document, in the order in which they were made.
pub async fn codes_of_document(
    connection: &mut Connection,
    document_id: DocumentId,
    limit: i64,
) -> Result<Vec<DocumentCode>, Error> {
    Ok(codes!("WHERE document_id = $1 ORDER BY created_at, id LIMIT $2", document_id.0, limit)
        .fetch_all(connection)
        .await?)
}
