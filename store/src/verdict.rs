//! Verdicts that were kept under a short link, until they end.

use crate::{Connection, Error, stored::Stored};
use chuky_model::{instant::Instant, record::verdict::KeptVerdict};
use sqlx::query;

/// Stores a verdict.
pub async fn insert_verdict(connection: &mut Connection, verdict: &KeptVerdict) -> Result<(), Error> {
    query!(
        "INSERT INTO kept_verdict (code_hash, content, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        verdict.code_hash,
        verdict.content,
        verdict.created_at.0,
        verdict.expires_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The verdict under the code of that hash.
pub async fn verdict_by_code(connection: &mut Connection, code_hash: &[u8]) -> Result<Option<KeptVerdict>, Error> {
    Ok(sqlx::query_as!(
        KeptVerdict,
        r#"SELECT code_hash, content, created_at AS "created_at!: Stored<Instant>", expires_at AS "expires_at!: Stored<Instant>"
        FROM kept_verdict WHERE code_hash = $1"#,
        code_hash
    )
    .fetch_optional(connection)
    .await?)
}

/// Removes verdicts that ended before that time; returns how many.
pub async fn remove_ended_verdicts(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    Ok(query!("DELETE FROM kept_verdict WHERE expires_at < $1", before.0).execute(connection).await?.rows_affected())
}
