//! Orders to revoke a list of certificates, and their lines.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        revocation::{RevocationLine, RevocationOrder},
        state::{RevocationOrderState, RevocationOutcome},
    },
};
use sqlx::query;

macro_rules! orders {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            RevocationOrder,
            r#"SELECT id AS "id!: Stored<RevocationOrderId>", state AS "state!: Stored<RevocationOrderState>", reason, ground,
            invalid_since AS "invalid_since!: Stored<Option<Instant>>", content_digest, size,
            entered_by AS "entered_by!: Stored<AccountId>", entered_at AS "entered_at!: Stored<Instant>",
            decided_by AS "decided_by!: Stored<Option<AccountId>>", decided_at AS "decided_at!: Stored<Option<Instant>>",
            rejection_reason, finished_at AS "finished_at!: Stored<Option<Instant>>", version, mac FROM revocation_order "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new order; its lines follow in the same transaction.
pub async fn insert_revocation_order(connection: &mut Connection, order: &RevocationOrder) -> Result<(), Error> {
    query!(
        "INSERT INTO revocation_order (id, state, reason, ground, invalid_since, content_digest, size, entered_by, entered_at,
        decided_by, decided_at, rejection_reason, finished_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        order.id.0,
        order.state.name(),
        order.reason,
        order.ground,
        order.invalid_since.map(|at| at.0),
        order.content_digest,
        order.size,
        order.entered_by.0,
        order.entered_at.0,
        order.decided_by.map(|id| id.0),
        order.decided_at.map(|at| at.0),
        order.rejection_reason,
        order.finished_at.map(|at| at.0),
        order.version,
        order.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a decided or finished order whose version was raised by one. What is revoked, why, and who entered it never changes. `Stale`
/// where somebody else changed it first, `Refused` where who decides also entered it.
pub async fn update_revocation_order(connection: &mut Connection, order: &RevocationOrder) -> Result<(), Error> {
    let done = query!(
        "UPDATE revocation_order SET state = $3, decided_by = $4, decided_at = $5, rejection_reason = $6, finished_at = $7,
        version = $8, mac = $9 WHERE id = $1 AND version = $2",
        order.id.0,
        order.version.saturating_sub(1),
        order.state.name(),
        order.decided_by.map(|id| id.0),
        order.decided_at.map(|at| at.0),
        order.rejection_reason,
        order.finished_at.map(|at| at.0),
        order.version,
        order.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The order of that identifier.
pub async fn revocation_order_by_id(
    connection: &mut Connection,
    id: RevocationOrderId,
) -> Result<Option<RevocationOrder>, Error> {
    Ok(orders!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Orders in a state, oldest first.
pub async fn revocation_orders_in(
    connection: &mut Connection,
    state: RevocationOrderState,
    limit: i64,
) -> Result<Vec<RevocationOrder>, Error> {
    Ok(orders!("WHERE state = $1 ORDER BY entered_at, id LIMIT $2", state.name(), limit).fetch_all(connection).await?)
}

/// Every order, newest first, before the cursor.
pub async fn list_revocation_orders(
    connection: &mut Connection,
    before: Cursor,
    limit: i64,
) -> Result<Vec<RevocationOrder>, Error> {
    Ok(orders!(
        "WHERE (entered_at, id) < ($1, $2) ORDER BY entered_at DESC, id DESC LIMIT $3",
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a line of a new order.
pub async fn insert_revocation_line(connection: &mut Connection, line: &RevocationLine) -> Result<(), Error> {
    query!(
        "INSERT INTO revocation_line (order_id, position, certificate_id, outcome, done_at) VALUES ($1, $2, $3, $4, $5)",
        line.order_id.0,
        line.position,
        line.certificate_id.0,
        line.outcome.map(RevocationOutcome::name),
        line.done_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says what became of a line.
pub async fn finish_revocation_line(connection: &mut Connection, line: &RevocationLine) -> Result<(), Error> {
    query!(
        "UPDATE revocation_line SET outcome = $3, done_at = $4 WHERE order_id = $1 AND position = $2",
        line.order_id.0,
        line.position,
        line.outcome.map(RevocationOutcome::name),
        line.done_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lines of an order from a position on, in their order.
pub async fn revocation_lines(
    connection: &mut Connection,
    order_id: RevocationOrderId,
    from: i64,
    limit: i64,
) -> Result<Vec<RevocationLine>, Error> {
    Ok(sqlx::query_as!(
        RevocationLine,
        r#"SELECT order_id AS "order_id!: Stored<RevocationOrderId>", position,
        certificate_id AS "certificate_id!: Stored<CertificateId>", outcome AS "outcome!: Stored<Option<RevocationOutcome>>",
        done_at AS "done_at!: Stored<Option<Instant>>" FROM revocation_line
        WHERE order_id = $1 AND position >= $2 ORDER BY position LIMIT $3"#,
        order_id.0,
        from,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// How many lines of an order are done.
pub async fn count_revocation_lines_done(
    connection: &mut Connection,
    order_id: RevocationOrderId,
) -> Result<i64, Error> {
    let row = query!(
        r#"SELECT COUNT(*) AS "count!: i64" FROM revocation_line WHERE order_id = $1 AND outcome IS NOT NULL"#,
        order_id.0
    )
    .fetch_one(connection)
    .await?;
    Ok(row.count)
}
