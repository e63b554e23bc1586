//! Certificates of other authorities that persons registered. A key stands with one account at a time, by a unique index; nothing here decides.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        foreign::ForeignCertificate,
        state::{ForeignCertificateState, ForeignStatus},
    },
};
use sqlx::query;

macro_rules! certificates {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ForeignCertificate,
            r#"SELECT id AS "id!: Stored<ForeignCertificateId>", account_id AS "account_id!: Stored<AccountId>",
            state AS "state!: Stored<ForeignCertificateState>", fingerprint, key_hash, content, content_digest,
            not_after AS "not_after!: Stored<Instant>", status AS "status!: Stored<ForeignStatus>",
            status_at AS "status_at!: Stored<Instant>", created_at AS "created_at!: Stored<Instant>",
            decided_by AS "decided_by!: Stored<Option<AccountId>>", decided_at AS "decided_at!: Stored<Option<Instant>>",
            refusal_reason, ended_by AS "ended_by!: Stored<Option<AccountId>>",
            ended_at AS "ended_at!: Stored<Option<Instant>>", version, mac FROM foreign_certificate "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new one. `Conflict` where its key stands with an account already.
pub async fn insert_foreign_certificate(connection: &mut Connection, row: &ForeignCertificate) -> Result<(), Error> {
    query!(
        "INSERT INTO foreign_certificate (id, account_id, state, fingerprint, key_hash, content, content_digest, not_after, status,
        status_at, created_at, decided_by, decided_at, refusal_reason, ended_by, ended_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        row.id.0,
        row.account_id.0,
        row.state.name(),
        row.fingerprint,
        row.key_hash,
        row.content,
        row.content_digest,
        row.not_after.0,
        row.status.name(),
        row.status_at.0,
        row.created_at.0,
        row.decided_by.map(|id| id.0),
        row.decided_at.map(|at| at.0),
        row.refusal_reason,
        row.ended_by.map(|id| id.0),
        row.ended_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores its next state, its version raised by one. Whose it is never changes, and what it says only where its holder is erased. `Stale` where
/// somebody else was first.
pub async fn update_foreign_certificate(connection: &mut Connection, row: &ForeignCertificate) -> Result<(), Error> {
    let done = query!(
        "UPDATE foreign_certificate SET state = $3, status = $4, status_at = $5, decided_by = $6, decided_at = $7,
        refusal_reason = $8, ended_by = $9, ended_at = $10, content = $11, version = $12, mac = $13 WHERE id = $1 AND version = $2",
        row.id.0,
        row.version.saturating_sub(1),
        row.state.name(),
        row.status.name(),
        row.status_at.0,
        row.decided_by.map(|id| id.0),
        row.decided_at.map(|at| at.0),
        row.refusal_reason,
        row.ended_by.map(|id| id.0),
        row.ended_at.map(|at| at.0),
        row.content,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The one of that identifier.
pub async fn foreign_certificate_by_id(
    connection: &mut Connection,
    id: ForeignCertificateId,
) -> Result<Option<ForeignCertificate>, Error> {
    Ok(certificates!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Every one of an account, newest first.
pub async fn foreign_certificates_of_account(
    connection: &mut Connection,
    account_id: AccountId,
) -> Result<Vec<ForeignCertificate>, Error> {
    Ok(certificates!("WHERE account_id = $1 ORDER BY created_at DESC, id DESC LIMIT 200", account_id.0)
        .fetch_all(connection)
        .await?)
}

/// Every one of a key, whosever it is or was.
pub async fn foreign_certificates_of_key(
    connection: &mut Connection,
    key_hash: &[u8],
) -> Result<Vec<ForeignCertificate>, Error> {
    Ok(certificates!("WHERE key_hash = $1 ORDER BY created_at, id", key_hash).fetch_all(connection).await?)
}

/// Those that wait for a decision, oldest first, after the cursor.
pub async fn waiting_foreign_certificates(
    connection: &mut Connection,
    after: Cursor,
    limit: i64,
) -> Result<Vec<ForeignCertificate>, Error> {
    Ok(certificates!(
        "WHERE state = 'waiting' AND (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3",
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}
