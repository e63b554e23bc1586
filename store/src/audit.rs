//! The audit log: entries are inserted unlinked in the transaction of what they record; the sequencer appends them to the Merkle log.

use crate::{
    Connection, Error,
    dialect::{Dialect, Statements},
    error::moved,
    stored::Stored,
};
use chuky_model::{
    id::AuditEntryId,
    instant::Instant,
    record::{Cursor, audit::*},
};
use sqlx::query;

macro_rules! entries {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AuditEntry,
            r#"SELECT e.id AS "id!: Stored<AuditEntryId>", e.recorded_at AS "recorded_at!: Stored<Instant>", e.kind AS "kind!: String",
            e.actor AS "actor!: String", e.subject AS "subject!: String", e.content AS "content!: Vec<u8>", e.row_version AS "row_version: i64"
            FROM audit_entry e "#
            + $tail
            $(, $argument)*
        )
    };
}

macro_rules! heads {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AuditHead,
            r#"SELECT size, previous_size, root_hash, signed_at AS "signed_at!: Stored<Instant>", key_label, signature
            FROM audit_head "# + $tail
            $(, $argument)*
        )
    };
}

/// Records an entry, still unlinked.
pub async fn insert_audit_entry(connection: &mut Connection, entry: &AuditEntry) -> Result<(), Error> {
    query!(
        "INSERT INTO audit_entry (id, recorded_at, kind, actor, subject, content, row_version) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        entry.id.0,
        entry.recorded_at.0,
        entry.kind,
        entry.actor,
        entry.subject,
        entry.content,
        entry.row_version,
    )
    .execute(&mut *connection)
    .await?;
    query!("INSERT INTO audit_pending (entry_id, recorded_at) VALUES ($1, $2)", entry.id.0, entry.recorded_at.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries that are not appended yet, oldest first.
pub async fn pending_audit_entries(connection: &mut Connection, limit: i64) -> Result<Vec<AuditEntry>, Error> {
    Ok(entries!("JOIN audit_pending p ON p.entry_id = e.id ORDER BY p.recorded_at, p.entry_id LIMIT $1", limit)
        .fetch_all(connection)
        .await?)
}

/// Entries that are not appended yet and whose kind is `noun.…`, oldest first.
pub async fn pending_audit_entries_of(
    connection: &mut Connection,
    noun: &str,
    limit: i64,
) -> Result<Vec<AuditEntry>, Error> {
    // `.` is followed by `/` in ASCII.
    let (from, to) = (format!("{noun}."), format!("{noun}/"));
    Ok(entries!(
        "JOIN audit_pending p ON p.entry_id = e.id WHERE e.kind >= $1 AND e.kind < $2
        ORDER BY p.recorded_at, p.entry_id LIMIT $3",
        from,
        to,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Appends entries to the log. `Conflict` where another sequencer has used a place or appended an entry.
pub async fn append_audit_leaves(connection: &mut Connection, leaves: &[AuditLeaf]) -> Result<(), Error> {
    let taken = Statements::append_leaves(connection, leaves).await?;
    if usize::try_from(taken) == Ok(leaves.len()) { Ok(()) } else { Err(Error::Stale) }
}

/// How many entries the log holds: the next leaf's sequence.
pub async fn audit_size(connection: &mut Connection) -> Result<i64, Error> {
    let row = query!(r#"SELECT COALESCE(MAX(sequence) + 1, 0) AS "size!: i64" FROM audit_leaf"#)
        .fetch_one(connection)
        .await?;
    Ok(row.size)
}

/// The log's entries from a sequence on, in order, each with its leaf.
pub async fn list_audit_leaves(
    connection: &mut Connection,
    from: i64,
    limit: i64,
) -> Result<Vec<(AuditLeaf, AuditEntry)>, Error> {
    let rows = query!(
        r#"SELECT l.sequence AS "sequence!: i64", l.hash AS "hash!: Vec<u8>", e.id AS "id!: Stored<AuditEntryId>",
        e.recorded_at AS "recorded_at!: Stored<Instant>", e.kind AS "kind!: String", e.actor AS "actor!: String",
        e.subject AS "subject!: String", e.content AS "content!: Vec<u8>", e.row_version AS "row_version: i64"
        FROM audit_leaf l JOIN audit_entry e ON e.id = l.entry_id WHERE l.sequence >= $1 ORDER BY l.sequence LIMIT $2"#,
        from,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let id: AuditEntryId = row.id.into();
            (
                AuditLeaf { sequence: row.sequence, entry_id: id, hash: row.hash },
                AuditEntry {
                    id,
                    recorded_at: row.recorded_at.into(),
                    kind: row.kind,
                    actor: row.actor,
                    subject: row.subject,
                    content: row.content,
                    row_version: row.row_version,
                },
            )
        })
        .collect())
}

/// The place of an entry in the log, `None` while it is not appended.
pub async fn audit_leaf_of_entry(
    connection: &mut Connection,
    entry_id: AuditEntryId,
) -> Result<Option<AuditLeaf>, Error> {
    Ok(sqlx::query_as!(
        AuditLeaf,
        r#"SELECT sequence, entry_id AS "entry_id!: Stored<AuditEntryId>", hash FROM audit_leaf WHERE entry_id = $1"#,
        entry_id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Entries about a subject, oldest first, after the cursor.
pub async fn audit_entries_about(
    connection: &mut Connection,
    subject: &str,
    after: Cursor,
    limit: i64,
) -> Result<Vec<AuditEntry>, Error> {
    Ok(entries!(
        "WHERE e.subject = $1 AND (e.recorded_at, e.id) > ($2, $3) ORDER BY e.recorded_at, e.id LIMIT $4",
        subject,
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// How many entries of a kind there are about a subject: a counter that a row claims is checked against it.
pub async fn count_audit_entries(connection: &mut Connection, kind: &str, subject: &str) -> Result<i64, Error> {
    let row =
        query!(r#"SELECT COUNT(*) AS "count!: i64" FROM audit_entry WHERE kind = $1 AND subject = $2"#, kind, subject)
            .fetch_one(connection)
            .await?;
    Ok(row.count)
}

/// When an entry of a kind about a subject was last recorded; `None` where none was.
pub async fn latest_audit_entry_at(
    connection: &mut Connection,
    kind: &str,
    subject: &str,
) -> Result<Option<Instant>, Error> {
    let row = query!(
        r#"SELECT MAX(recorded_at) AS "at: i64" FROM audit_entry WHERE kind = $1 AND subject = $2"#,
        kind,
        subject
    )
    .fetch_one(connection)
    .await?;
    Ok(row.at.map(Instant))
}

/// The newest version of a row that entries about it tell of; `None` where none does.
pub async fn newest_row_version(connection: &mut Connection, subject: &str) -> Result<Option<i64>, Error> {
    let row = query!(
        r#"SELECT MAX(row_version) AS "version: i64" FROM audit_entry WHERE subject = $1 AND row_version IS NOT NULL"#,
        subject
    )
    .fetch_one(connection)
    .await?;
    Ok(row.version)
}

/// Entries newest first, before the cursor.
pub async fn list_audit_entries(
    connection: &mut Connection,
    before: Cursor,
    limit: i64,
) -> Result<Vec<AuditEntry>, Error> {
    Ok(entries!(
        "WHERE (e.recorded_at, e.id) < ($1, $2) ORDER BY e.recorded_at DESC, e.id DESC LIMIT $3",
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Entries recorded since then that are neither in the log nor wait to be appended, oldest first: there are none unless somebody took them
/// out.
pub async fn audit_entries_adrift(
    connection: &mut Connection,
    since: Instant,
    limit: i64,
) -> Result<Vec<AuditEntryId>, Error> {
    let rows = query!(
        r#"SELECT e.id AS "id!: Stored<AuditEntryId>" FROM audit_entry e WHERE e.recorded_at >= $1
        AND NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.entry_id = e.id)
        AND NOT EXISTS (SELECT 1 FROM audit_pending p WHERE p.entry_id = e.id)
        ORDER BY e.recorded_at, e.id LIMIT $2"#,
        since.0,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Hashes of the log's leaves from a sequence on, in order, each with its sequence.
pub async fn audit_hashes(connection: &mut Connection, from: i64, limit: i64) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let rows = query!(
        r#"SELECT sequence AS "sequence!: i64", hash AS "hash!: Vec<u8>" FROM audit_leaf
        WHERE sequence >= $1 ORDER BY sequence LIMIT $2"#,
        from,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.sequence, row.hash)).collect())
}

/// Stores a signed head after the one of `head.previous_size` (0 for the first). `Conflict` where another followed it.
pub async fn insert_audit_head(connection: &mut Connection, head: &AuditHead) -> Result<(), Error> {
    let done = query!(
        "INSERT INTO audit_head (size, previous_size, root_hash, signed_at, key_label, signature) SELECT $1, $2, $3, $4, $5, $6
        WHERE (SELECT COALESCE(MAX(size), 0) FROM audit_head) = $2",
        head.size,
        head.previous_size,
        head.root_hash,
        head.signed_at.0,
        head.key_label,
        head.signature,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The newest signed head.
pub async fn latest_audit_head(connection: &mut Connection) -> Result<Option<AuditHead>, Error> {
    Ok(heads!("ORDER BY size DESC LIMIT 1").fetch_optional(connection).await?)
}

/// Signed heads after a size, in order.
pub async fn list_audit_heads(
    connection: &mut Connection,
    after_size: i64,
    limit: i64,
) -> Result<Vec<AuditHead>, Error> {
    Ok(heads!("WHERE size > $1 ORDER BY size LIMIT $2", after_size, limit).fetch_all(connection).await?)
}
