//! Outgoing documents: their road, its steps and history, and whom they go to.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{Cursor, outgoing::*, state::*},
};
use sqlx::query;

macro_rules! outgoing {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OutgoingDocument,
            r#"SELECT id AS "id!: Stored<OutgoingId>", document_id AS "document_id!: Stored<DocumentId>", unit, series, type_code,
            notation, details, state AS "state!: Stored<OutgoingState>", due_at AS "due_at!: Stored<Instant>", steps_digest,
            recipients_digest, history_digest, content_sha256, year, number, issued_at AS "issued_at!: Stored<Option<Instant>>", agency,
            drafted_by AS "drafted_by!: Stored<AccountId>", created_at AS "created_at!: Stored<Instant>",
            updated_at AS "updated_at!: Stored<Instant>", version, mac FROM outgoing_document "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new document's road; its steps, recipients and first event follow in the same transaction.
pub async fn insert_outgoing(connection: &mut Connection, row: &OutgoingDocument) -> Result<(), Error> {
    query!(
        "INSERT INTO outgoing_document (id, document_id, unit, series, type_code, notation, details, state, due_at, steps_digest,
        content_sha256, year, number, issued_at, agency, drafted_by, created_at, updated_at, version, mac, recipients_digest,
        history_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
        row.id.0,
        row.document_id.0,
        row.unit,
        row.series,
        row.type_code,
        row.notation,
        row.details,
        row.state.name(),
        row.due_at.0,
        row.steps_digest,
        row.content_sha256,
        row.year,
        row.number,
        row.issued_at.map(|at| at.0),
        row.agency,
        row.drafted_by.0,
        row.created_at.0,
        row.updated_at.0,
        row.version,
        row.mac,
        row.recipients_digest,
        row.history_digest,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a transition of a row whose version was raised by one. What it is, and whose, never changes. `Stale` where somebody else was
/// first.
pub async fn update_outgoing(connection: &mut Connection, row: &OutgoingDocument) -> Result<(), Error> {
    let done = query!(
        "UPDATE outgoing_document SET state = $3, due_at = $4, steps_digest = $5, content_sha256 = $6, year = $7, number = $8,
        issued_at = $9, agency = $10, updated_at = $11, version = $12, mac = $13, recipients_digest = $14, history_digest = $15
        WHERE id = $1 AND version = $2",
        row.id.0,
        row.version.saturating_sub(1),
        row.state.name(),
        row.due_at.0,
        row.steps_digest,
        row.content_sha256,
        row.year,
        row.number,
        row.issued_at.map(|at| at.0),
        row.agency,
        row.updated_at.0,
        row.version,
        row.mac,
        row.recipients_digest,
        row.history_digest,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The road of that identifier.
pub async fn outgoing_by_id(connection: &mut Connection, id: OutgoingId) -> Result<Option<OutgoingDocument>, Error> {
    Ok(outgoing!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The road of that document.
pub async fn outgoing_of_document(
    connection: &mut Connection,
    document_id: DocumentId,
) -> Result<Option<OutgoingDocument>, Error> {
    Ok(outgoing!("WHERE document_id = $1", document_id.0).fetch_optional(connection).await?)
}

/// Roads in which a step of that account waits, oldest first.
pub async fn outgoing_waiting_for(
    connection: &mut Connection,
    account_id: AccountId,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!(
        "WHERE id IN (SELECT outgoing_id FROM outgoing_step WHERE account_id = $1 AND state = 'waiting')
        ORDER BY created_at, id LIMIT $2",
        account_id.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// An agency's roads in a state, oldest first.
pub async fn outgoing_in_state(
    connection: &mut Connection,
    unit: &str,
    state: OutgoingState,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!("WHERE unit = $1 AND state = $2 ORDER BY created_at, id LIMIT $3", unit, state.name(), limit)
        .fetch_all(connection)
        .await?)
}

/// An agency's roads in a state, newest first.
pub async fn newest_outgoing_in_state(
    connection: &mut Connection,
    unit: &str,
    state: OutgoingState,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!(
        "WHERE unit = $1 AND state = $2 ORDER BY created_at DESC, id DESC LIMIT $3",
        unit,
        state.name(),
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Roads with a package that is to be laid at that moment, oldest first; what failed waits for its time and keeps nothing else back.
pub async fn outgoing_undelivered(
    connection: &mut Connection,
    now: Instant,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!(
        "WHERE (state = 'sent' AND id IN (SELECT outgoing_id FROM outgoing_recipient WHERE delivered_at IS NULL AND try_after <= $1))
        OR (state = 'recalled' AND id IN (
            SELECT outgoing_id FROM outgoing_recipient WHERE recall_delivered_at IS NULL AND try_after <= $1)
            AND EXISTS (SELECT 1 FROM outgoing_event e WHERE e.outgoing_id = outgoing_document.id AND e.state = 'sent'))
        ORDER BY updated_at, id LIMIT $2",
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Sealed documents for which no job of that kind, with the document's identifier, is queued; after an identifier, in the order of identifiers.
pub async fn sealed_without_job(
    connection: &mut Connection,
    kind: &str,
    after: OutgoingId,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!(
        "WHERE state IN ('sealed', 'sent', 'published', 'recalled') AND id > $2 AND NOT EXISTS (
            SELECT 1 FROM job WHERE job.id = outgoing_document.document_id AND job.kind = $1 AND job.state = 'queued')
        ORDER BY id LIMIT $3",
        kind,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Roads from before their rows covered recipients and history, after an identifier, in the order of identifiers.
pub async fn earlier_outgoing(
    connection: &mut Connection,
    after: OutgoingId,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!("WHERE history_digest IS NULL AND id > $1 ORDER BY id LIMIT $2", after.0, limit)
        .fetch_all(connection)
        .await?)
}

/// An agency's roads, newest first, before the cursor.
pub async fn list_outgoing(
    connection: &mut Connection,
    unit: &str,
    before: Cursor,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!(
        "WHERE unit = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
        unit,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Somebody's own drafts and what became of them, newest first, before the cursor.
pub async fn outgoing_drafted_by(
    connection: &mut Connection,
    account_id: AccountId,
    before: Cursor,
    limit: i64,
) -> Result<Vec<OutgoingDocument>, Error> {
    Ok(outgoing!(
        "WHERE drafted_by = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
        account_id.0,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a step of a new road.
pub async fn insert_outgoing_step(connection: &mut Connection, step: &OutgoingStep) -> Result<(), Error> {
    query!(
        "INSERT INTO outgoing_step (outgoing_id, position, kind, stage, account_id, state, acted_by, acted_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        step.outgoing_id.0,
        step.position,
        step.kind.name(),
        step.stage,
        step.account_id.0,
        step.state.name(),
        step.acted_by.map(|id| id.0),
        step.acted_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says where a step stands; the road's row, whose digest covers it, changes in the same transaction.
pub async fn update_outgoing_step(connection: &mut Connection, step: &OutgoingStep) -> Result<(), Error> {
    query!(
        "UPDATE outgoing_step SET state = $3, acted_by = $4, acted_at = $5 WHERE outgoing_id = $1 AND position = $2",
        step.outgoing_id.0,
        step.position,
        step.state.name(),
        step.acted_by.map(|id| id.0),
        step.acted_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A road's steps in order.
pub async fn outgoing_steps(connection: &mut Connection, id: OutgoingId) -> Result<Vec<OutgoingStep>, Error> {
    Ok(sqlx::query_as!(
        OutgoingStep,
        r#"SELECT outgoing_id AS "outgoing_id!: Stored<OutgoingId>", position, kind AS "kind!: Stored<StepKind>", stage,
        account_id AS "account_id!: Stored<AccountId>", state AS "state!: Stored<StepState>",
        acted_by AS "acted_by!: Stored<Option<AccountId>>", acted_at AS "acted_at!: Stored<Option<Instant>>"
        FROM outgoing_step WHERE outgoing_id = $1 ORDER BY position"#,
        id.0
    )
    .fetch_all(connection)
    .await?)
}

/// Appends to a road's history.
pub async fn insert_outgoing_event(connection: &mut Connection, event: &OutgoingEvent) -> Result<(), Error> {
    query!(
        "INSERT INTO outgoing_event (outgoing_id, position, kind, state, account_id, happened_at, note)
        VALUES ($1, $2, $3, $4, $5, $6, $7)",
        event.outgoing_id.0,
        event.position,
        event.kind,
        event.state.name(),
        event.account_id.0,
        event.happened_at.0,
        event.note,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A road's history in order.
pub async fn outgoing_events(connection: &mut Connection, id: OutgoingId) -> Result<Vec<OutgoingEvent>, Error> {
    Ok(sqlx::query_as!(
        OutgoingEvent,
        r#"SELECT outgoing_id AS "outgoing_id!: Stored<OutgoingId>", position, kind, state AS "state!: Stored<OutgoingState>",
        account_id AS "account_id!: Stored<AccountId>", happened_at AS "happened_at!: Stored<Instant>", note
        FROM outgoing_event WHERE outgoing_id = $1 ORDER BY position"#,
        id.0
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a recipient of a new road.
pub async fn insert_outgoing_recipient(
    connection: &mut Connection,
    recipient: &OutgoingRecipient,
) -> Result<(), Error> {
    query!(
        "INSERT INTO outgoing_recipient (outgoing_id, position, organ_id, name, delivered_at, recall_delivered_at, status, status_at, tries,
        try_after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        recipient.outgoing_id.0,
        recipient.position,
        recipient.organ_id,
        recipient.name,
        recipient.delivered_at.map(|at| at.0),
        recipient.recall_delivered_at.map(|at| at.0),
        recipient.status,
        recipient.status_at.map(|at| at.0),
        recipient.tries,
        recipient.try_after.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says when the package lies where its recipient fetches it; `false` where that is said already.
pub async fn deliver_outgoing(
    connection: &mut Connection,
    id: OutgoingId,
    position: i64,
    at: Instant,
) -> Result<bool, Error> {
    let done = query!(
        "UPDATE outgoing_recipient SET delivered_at = $3, tries = 0, try_after = 0
        WHERE outgoing_id = $1 AND position = $2 AND delivered_at IS NULL",
        id.0,
        position,
        at.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The same of the package that calls the document back.
pub async fn deliver_outgoing_recall(
    connection: &mut Connection,
    id: OutgoingId,
    position: i64,
    at: Instant,
) -> Result<bool, Error> {
    let done = query!(
        "UPDATE outgoing_recipient SET recall_delivered_at = $3, tries = 0, try_after = 0
        WHERE outgoing_id = $1 AND position = $2 AND recall_delivered_at IS NULL",
        id.0,
        position,
        at.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Says that a package could not be laid, and when it is tried again.
pub async fn defer_outgoing(
    connection: &mut Connection,
    id: OutgoingId,
    position: i64,
    try_after: Instant,
) -> Result<(), Error> {
    query!(
        "UPDATE outgoing_recipient SET tries = tries + 1, try_after = $3 WHERE outgoing_id = $1 AND position = $2",
        id.0,
        position,
        try_after.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A road's recipients in order.
pub async fn outgoing_recipients(connection: &mut Connection, id: OutgoingId) -> Result<Vec<OutgoingRecipient>, Error> {
    Ok(sqlx::query_as!(
        OutgoingRecipient,
        r#"SELECT outgoing_id AS "outgoing_id!: Stored<OutgoingId>", position, organ_id, name,
        delivered_at AS "delivered_at!: Stored<Option<Instant>>",
        recall_delivered_at AS "recall_delivered_at!: Stored<Option<Instant>>", tries, try_after AS "try_after!: Stored<Instant>",
        status, status_note,
        status_at AS "status_at!: Stored<Option<Instant>>" FROM outgoing_recipient WHERE outgoing_id = $1 ORDER BY position"#,
        id.0
    )
    .fetch_all(connection)
    .await?)
}

/// Keeps a road as it is until the transaction ends. `Stale` where it has moved on.
pub async fn hold_outgoing(connection: &mut Connection, row: &OutgoingDocument) -> Result<(), Error> {
    let done =
        query!("UPDATE outgoing_document SET version = version WHERE id = $1 AND version = $2", row.id.0, row.version)
            .execute(connection)
            .await?;
    moved(done.rows_affected())
}
