//! Orders about what happened to officials, and their lines. Nothing here decides.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        personnel::{PersonnelLine, PersonnelOrder},
        state::{PersonnelKind, PersonnelState},
    },
};
use sqlx::query;

macro_rules! orders {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            PersonnelOrder,
            r#"SELECT id AS "id!: Stored<PersonnelOrderId>", kind AS "kind!: Stored<PersonnelKind>",
            state AS "state!: Stored<PersonnelState>", unit, content, content_digest, size,
            effective_at AS "effective_at!: Stored<Instant>", entered_by AS "entered_by!: Stored<AccountId>",
            entered_at AS "entered_at!: Stored<Instant>", decided_by AS "decided_by!: Stored<Option<AccountId>>",
            decided_at AS "decided_at!: Stored<Option<Instant>>", refusal_reason,
            finished_at AS "finished_at!: Stored<Option<Instant>>", version, mac FROM personnel_order "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new order.
pub async fn insert_personnel_order(connection: &mut Connection, order: &PersonnelOrder) -> Result<(), Error> {
    query!(
        "INSERT INTO personnel_order (id, kind, state, unit, content, content_digest, size, effective_at, entered_by, entered_at,
        decided_by, decided_at, refusal_reason, finished_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        order.id.0,
        order.kind.name(),
        order.state.name(),
        order.unit,
        order.content,
        order.content_digest,
        order.size,
        order.effective_at.0,
        order.entered_by.0,
        order.entered_at.0,
        order.decided_by.map(|id| id.0),
        order.decided_at.map(|at| at.0),
        order.refusal_reason,
        order.finished_at.map(|at| at.0),
        order.version,
        order.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores an order's next state, its version raised by one. What it says never changes. `Stale` where somebody else changed it first.
pub async fn update_personnel_order(connection: &mut Connection, order: &PersonnelOrder) -> Result<(), Error> {
    let done = query!(
        "UPDATE personnel_order SET state = $3, decided_by = $4, decided_at = $5, refusal_reason = $6, finished_at = $7,
        version = $8, mac = $9, content_digest = $10 WHERE id = $1 AND version = $2",
        order.id.0,
        order.version.saturating_sub(1),
        order.state.name(),
        order.decided_by.map(|id| id.0),
        order.decided_at.map(|at| at.0),
        order.refusal_reason,
        order.finished_at.map(|at| at.0),
        order.version,
        order.mac,
        order.content_digest,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The order of that identifier.
pub async fn personnel_order_by_id(
    connection: &mut Connection,
    id: PersonnelOrderId,
) -> Result<Option<PersonnelOrder>, Error> {
    Ok(orders!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Every order, newest first, before the cursor.
pub async fn list_personnel_orders(
    connection: &mut Connection,
    before: Cursor,
    limit: i64,
) -> Result<Vec<PersonnelOrder>, Error> {
    Ok(orders!(
        "WHERE (entered_at, id) < ($1, $2) ORDER BY entered_at DESC, id DESC LIMIT $3",
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Approved orders whose day has come by that moment.
pub async fn due_personnel_orders(
    connection: &mut Connection,
    at: Instant,
    limit: i64,
) -> Result<Vec<PersonnelOrder>, Error> {
    Ok(orders!("WHERE state = 'approved' AND effective_at <= $1 ORDER BY effective_at, id LIMIT $2", at.0, limit)
        .fetch_all(connection)
        .await?)
}

/// Orders about an account that wait for somebody or for their day.
pub async fn pending_personnel_orders_of(
    connection: &mut Connection,
    account_id: AccountId,
) -> Result<Vec<PersonnelOrder>, Error> {
    Ok(orders!(
        "WHERE state IN ('open', 'approved') AND id IN (SELECT order_id FROM personnel_line WHERE account_id = $1)
        ORDER BY entered_at, id",
        account_id.0
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a line.
pub async fn insert_personnel_line(connection: &mut Connection, line: &PersonnelLine) -> Result<(), Error> {
    query!(
        "INSERT INTO personnel_line (order_id, position, account_id, outcome, done_at) VALUES ($1, $2, $3, $4, $5)",
        line.order_id.0,
        line.position,
        line.account_id.0,
        line.outcome,
        line.done_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says what became of a line, where nobody said it before.
pub async fn finish_personnel_line(connection: &mut Connection, line: &PersonnelLine) -> Result<(), Error> {
    query!(
        "UPDATE personnel_line SET outcome = $3, done_at = $4 WHERE order_id = $1 AND position = $2 AND done_at IS NULL",
        line.order_id.0,
        line.position,
        line.outcome,
        line.done_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lines of an order from that position on.
pub async fn personnel_lines(
    connection: &mut Connection,
    order: PersonnelOrderId,
    from: i64,
    limit: i64,
) -> Result<Vec<PersonnelLine>, Error> {
    Ok(sqlx::query_as!(
        PersonnelLine,
        r#"SELECT order_id AS "order_id!: Stored<PersonnelOrderId>", position, account_id AS "account_id!: Stored<AccountId>",
        outcome, done_at AS "done_at!: Stored<Option<Instant>>" FROM personnel_line
        WHERE order_id = $1 AND position >= $2 ORDER BY position LIMIT $3"#,
        order.0,
        from,
        limit
    )
    .fetch_all(connection)
    .await?)
}
