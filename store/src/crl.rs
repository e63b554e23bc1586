//! Published certificate revocation lists. Numbers and times only grow: a list names the one it follows, and two cannot follow one.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{instant::Instant, record::certificate::Crl};
use sqlx::query;

/// Publishes a list after `list.previous_number` (0 for an issuer's first). `Stale` where another list came between or its time
/// is not later, `Conflict` where two publish at once.
pub async fn publish_crl(connection: &mut Connection, list: &Crl) -> Result<(), Error> {
    let done = query!(
        "INSERT INTO crl (issuer_label, number, previous_number, this_update, next_update, list)
        SELECT $1, $2, $3, $4, $5, $6
        WHERE (SELECT COALESCE(MAX(number), 0) FROM crl WHERE issuer_label = $1) = $3
        AND NOT EXISTS (SELECT 1 FROM crl WHERE issuer_label = $1 AND this_update >= $4)",
        list.issuer_label,
        list.number,
        list.previous_number,
        list.this_update.0,
        list.next_update.0,
        list.list,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The first lists of an issuer that were made at that time or later, oldest first.
pub async fn crls_from(
    connection: &mut Connection,
    issuer_label: &str,
    from: Instant,
    limit: i64,
) -> Result<Vec<Crl>, Error> {
    Ok(sqlx::query_as!(
        Crl,
        r#"SELECT issuer_label, number, previous_number, this_update AS "this_update!: Stored<Instant>",
        next_update AS "next_update!: Stored<Instant>", list FROM crl WHERE issuer_label = $1 AND this_update >= $2
        ORDER BY number LIMIT $3"#,
        issuer_label,
        from.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// The newest list of an issuer.
pub async fn latest_crl(connection: &mut Connection, issuer_label: &str) -> Result<Option<Crl>, Error> {
    Ok(sqlx::query_as!(
        Crl,
        r#"SELECT issuer_label, number, previous_number, this_update AS "this_update!: Stored<Instant>",
        next_update AS "next_update!: Stored<Instant>", list FROM crl WHERE issuer_label = $1 ORDER BY number DESC LIMIT 1"#,
        issuer_label
    )
    .fetch_optional(connection)
    .await?)
}
