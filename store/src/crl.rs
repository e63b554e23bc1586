//! Published certificate revocation lists, and the counter of changes of status. Numbers and times only grow: a list names the one
//! it follows, and two cannot follow one. A list is under its issuer's label, a part of one under `label.parts.part`.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    instant::Instant,
    record::certificate::{Crl, CrlPiece},
};
use sqlx::query;

macro_rules! lists {
    ($list:literal, $tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Crl,
            r#"SELECT issuer_label, number, previous_number, this_update AS "this_update!: Stored<Instant>",
            next_update AS "next_update!: Stored<Instant>", length, digest, "# + $list + r#" AS "list!: Vec<u8>" FROM crl "# + $tail
            $(, $argument)*
        )
    };
}

/// Publishes a list after `list.previous_number` (0 for an issuer's first). `Stale` where another list came between or its time
/// is not later, `Conflict` where two publish at once.
pub async fn publish_crl(connection: &mut Connection, list: &Crl) -> Result<(), Error> {
    let done = query!(
        "INSERT INTO crl (issuer_label, number, previous_number, this_update, next_update, list, length, digest)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8
        WHERE (SELECT COALESCE(MAX(number), 0) FROM crl WHERE issuer_label = $1) = $3
        AND NOT EXISTS (SELECT 1 FROM crl WHERE issuer_label = $1 AND this_update >= $4)",
        list.issuer_label,
        list.number,
        list.previous_number,
        list.this_update.0,
        list.next_update.0,
        list.list,
        list.length,
        list.digest,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Stores a piece of a list, in the transaction that publishes the list.
pub async fn insert_crl_piece(connection: &mut Connection, piece: &CrlPiece) -> Result<(), Error> {
    query!(
        "INSERT INTO crl_piece (issuer_label, number, piece, octets) VALUES ($1, $2, $3, $4)",
        piece.issuer_label,
        piece.number,
        piece.piece,
        piece.octets,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One of the pieces after a list's first, counted from 1.
pub async fn crl_piece(
    connection: &mut Connection,
    issuer_label: &str,
    number: i64,
    piece: i64,
) -> Result<Option<CrlPiece>, Error> {
    Ok(sqlx::query_as!(
        CrlPiece,
        "SELECT issuer_label, number, piece, octets FROM crl_piece WHERE issuer_label = $1 AND number = $2 AND piece = $3",
        issuer_label,
        number,
        piece
    )
    .fetch_optional(connection)
    .await?)
}

/// Removes the pieces of lists before a number: what nobody serves any more.
pub async fn remove_crl_pieces(connection: &mut Connection, issuer_label: &str, before: i64) -> Result<(), Error> {
    query!("DELETE FROM crl_piece WHERE issuer_label = $1 AND number < $2", issuer_label, before)
        .execute(connection)
        .await?;
    Ok(())
}

/// The newest list of an issuer, with its first piece.
pub async fn latest_crl(connection: &mut Connection, issuer_label: &str) -> Result<Option<Crl>, Error> {
    Ok(lists!("list", "WHERE issuer_label = $1 ORDER BY number DESC LIMIT 1", issuer_label)
        .fetch_optional(connection)
        .await?)
}

/// The same without any of its octets: number, times, length and digest.
pub async fn latest_crl_head(connection: &mut Connection, issuer_label: &str) -> Result<Option<Crl>, Error> {
    Ok(lists!("SUBSTR(list, 1, 0)", "WHERE issuer_label = $1 ORDER BY number DESC LIMIT 1", issuer_label)
        .fetch_optional(connection)
        .await?)
}

/// Names of the lists of an issuer that were ever published, its parts among them.
pub async fn crl_names(connection: &mut Connection, issuer_label: &str) -> Result<Vec<String>, Error> {
    // `.` is followed by `/` in ASCII: exactly the names that begin with the label and a dot.
    let (from, to) = (format!("{issuer_label}."), format!("{issuer_label}/"));
    let rows = query!(
        "SELECT DISTINCT issuer_label FROM crl WHERE issuer_label = $1 OR (issuer_label >= $2 AND issuer_label < $3)
        ORDER BY issuer_label",
        issuer_label,
        from,
        to
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.issuer_label).collect())
}

/// How often a certificate's standing was changed.
pub async fn status_generation(connection: &mut Connection) -> Result<i64, Error> {
    let row = query!("SELECT generation FROM status_counter WHERE id = 1").fetch_one(connection).await?;
    Ok(row.generation)
}

/// Counts a change of a certificate's standing, in the change's transaction; the counter with it, which is greater than `above` even
/// where the stored one was set back. Whoever counts next waits for the end of that transaction, so that a reader of the counter has
/// seen every change that it counts.
pub async fn raise_status_generation(connection: &mut Connection, above: i64) -> Result<i64, Error> {
    let row = query!(
        r#"UPDATE status_counter SET generation = CASE WHEN generation < $1 THEN $1 ELSE generation END + 1 WHERE id = 1
        RETURNING generation AS "generation!: i64""#,
        above
    )
    .fetch_one(connection)
    .await?;
    Ok(row.generation)
}
