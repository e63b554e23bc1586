//! Lists of administrative units, and agencies' lists of officials with their lines.

use crate::{
    Connection, Error,
    dialect::{Dialect, Statements},
    error::moved,
    stored::Stored,
};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        agency::{AgencyLine, AgencyList, UnitList},
        state::{AgencyLineOutcome, AgencyListState},
    },
};
use sqlx::query;

macro_rules! lists {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AgencyList,
            r#"SELECT id AS "id!: Stored<AgencyListId>", state AS "state!: Stored<AgencyListState>", unit, title, content_digest, size,
            entered_by AS "entered_by!: Stored<AccountId>", uploaded_at AS "uploaded_at!: Stored<Instant>",
            entered_at AS "entered_at!: Stored<Option<Instant>>", decided_by AS "decided_by!: Stored<Option<AccountId>>",
            decided_at AS "decided_at!: Stored<Option<Instant>>", rejection_reason,
            finished_at AS "finished_at!: Stored<Option<Instant>>", version, mac FROM agency_list "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! lines {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AgencyLine,
            r#"SELECT list_id AS "list_id!: Stored<AgencyListId>", position, row_number, fields,
            outcome AS "outcome!: Stored<Option<AgencyLineOutcome>>", reason,
            request_id AS "request_id!: Stored<Option<RequestId>>",
            done_at AS "done_at!: Stored<Option<Instant>>" FROM agency_line "# + $tail
            $(, $argument)*
        )
    };
}

/// Waits until no other transaction loads a list of units, and keeps others from it until this one ends: each counts what the one before stored.
pub async fn hold_unit_lists(connection: &mut Connection) -> Result<(), Error> {
    Statements::hold(connection, i64::from_be_bytes(*b"unitlist")).await
}

/// Stores a list of units. `Conflict` where one is in force from the same day.
pub async fn insert_unit_list(connection: &mut Connection, list: &UnitList) -> Result<(), Error> {
    query!(
        "INSERT INTO unit_list (id, valid_from, content, loaded_by, loaded_at, version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        list.id.0,
        list.valid_from,
        list.content,
        list.loaded_by.0,
        list.loaded_at.0,
        list.version,
        list.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many lists of units there are.
pub async fn count_unit_lists(connection: &mut Connection) -> Result<i64, Error> {
    Ok(query!(r#"SELECT COUNT(*) AS "count!: i64" FROM unit_list"#).fetch_one(connection).await?.count)
}

/// Every list of units, by its first day.
pub async fn unit_lists(connection: &mut Connection) -> Result<Vec<UnitList>, Error> {
    Ok(sqlx::query_as!(
        UnitList,
        r#"SELECT id AS "id!: Stored<UnitListId>", valid_from, content, loaded_by AS "loaded_by!: Stored<AccountId>",
        loaded_at AS "loaded_at!: Stored<Instant>", version, mac FROM unit_list ORDER BY valid_from"#
    )
    .fetch_all(connection)
    .await?)
}

/// Stores an uploaded list; its lines follow in the same transaction.
pub async fn insert_agency_list(connection: &mut Connection, list: &AgencyList) -> Result<(), Error> {
    query!(
        "INSERT INTO agency_list (id, state, unit, title, content_digest, size, entered_by, uploaded_at, entered_at, decided_by,
        decided_at, rejection_reason, finished_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        list.id.0,
        list.state.name(),
        list.unit,
        list.title,
        list.content_digest,
        list.size,
        list.entered_by.0,
        list.uploaded_at.0,
        list.entered_at.map(|at| at.0),
        list.decided_by.map(|id| id.0),
        list.decided_at.map(|at| at.0),
        list.rejection_reason,
        list.finished_at.map(|at| at.0),
        list.version,
        list.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a list whose version was raised by one. Whose it is never changes. `Stale` where somebody else changed it first, `Refused` where
/// who decides also entered it.
pub async fn update_agency_list(connection: &mut Connection, list: &AgencyList) -> Result<(), Error> {
    let done = query!(
        "UPDATE agency_list SET state = $3, content_digest = $4, size = $5, entered_at = $6, decided_by = $7, decided_at = $8,
        rejection_reason = $9, finished_at = $10, version = $11, mac = $12 WHERE id = $1 AND version = $2",
        list.id.0,
        list.version.saturating_sub(1),
        list.state.name(),
        list.content_digest,
        list.size,
        list.entered_at.map(|at| at.0),
        list.decided_by.map(|id| id.0),
        list.decided_at.map(|at| at.0),
        list.rejection_reason,
        list.finished_at.map(|at| at.0),
        list.version,
        list.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The list of that identifier.
pub async fn agency_list_by_id(connection: &mut Connection, id: AgencyListId) -> Result<Option<AgencyList>, Error> {
    Ok(lists!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Lists in a state, oldest first.
pub async fn agency_lists_in(
    connection: &mut Connection,
    state: AgencyListState,
    limit: i64,
) -> Result<Vec<AgencyList>, Error> {
    Ok(lists!("WHERE state = $1 ORDER BY uploaded_at, id LIMIT $2", state.name(), limit).fetch_all(connection).await?)
}

/// Every list, newest first, before the cursor.
pub async fn list_agency_lists(
    connection: &mut Connection,
    before: Cursor,
    limit: i64,
) -> Result<Vec<AgencyList>, Error> {
    Ok(lists!(
        "WHERE (uploaded_at, id) < ($1, $2) ORDER BY uploaded_at DESC, id DESC LIMIT $3",
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a line of an uploaded list.
pub async fn insert_agency_line(connection: &mut Connection, line: &AgencyLine) -> Result<(), Error> {
    query!(
        "INSERT INTO agency_line (list_id, position, row_number, fields, outcome, reason, request_id, done_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        line.list_id.0,
        line.position,
        line.row_number,
        line.fields,
        line.outcome.map(AgencyLineOutcome::name),
        line.reason,
        line.request_id.map(|id| id.0),
        line.done_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a line whose fields were corrected, while the list is a draft. `Stale` where it is no draft or has no such line.
pub async fn correct_agency_line(connection: &mut Connection, line: &AgencyLine) -> Result<(), Error> {
    let done = query!(
        "UPDATE agency_line SET fields = $3 WHERE list_id = $1 AND position = $2
        AND EXISTS (SELECT 1 FROM agency_list WHERE id = $1 AND state = 'draft')",
        line.list_id.0,
        line.position,
        line.fields,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Removes a line of a draft. `Stale` where it is no draft or has no such line.
pub async fn remove_agency_line(
    connection: &mut Connection,
    list_id: AgencyListId,
    position: i64,
) -> Result<(), Error> {
    let done = query!(
        "DELETE FROM agency_line WHERE list_id = $1 AND position = $2
        AND EXISTS (SELECT 1 FROM agency_list WHERE id = $1 AND state = 'draft')",
        list_id.0,
        position,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Stores what became of a line that had no outcome. `Stale` where it has one, and where its list is not of that version any more.
pub async fn finish_agency_line(
    connection: &mut Connection,
    line: &AgencyLine,
    list_version: i64,
) -> Result<(), Error> {
    let done = query!(
        "UPDATE agency_line SET outcome = $3, reason = $4, request_id = $5, done_at = $6
        WHERE list_id = $1 AND position = $2 AND outcome IS NULL
        AND EXISTS (SELECT 1 FROM agency_list WHERE id = $1 AND version = $7)",
        line.list_id.0,
        line.position,
        line.outcome.map(AgencyLineOutcome::name),
        line.reason,
        line.request_id.map(|id| id.0),
        line.done_at.map(|at| at.0),
        list_version,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Lines of a list from a position on, in their order.
pub async fn agency_lines(
    connection: &mut Connection,
    list_id: AgencyListId,
    from: i64,
    limit: i64,
) -> Result<Vec<AgencyLine>, Error> {
    Ok(lines!("WHERE list_id = $1 AND position >= $2 ORDER BY position LIMIT $3", list_id.0, from, limit)
        .fetch_all(connection)
        .await?)
}

/// The line that became a request.
pub async fn agency_line_of_request(
    connection: &mut Connection,
    request_id: RequestId,
) -> Result<Option<AgencyLine>, Error> {
    Ok(lines!("WHERE request_id = $1", request_id.0).fetch_optional(connection).await?)
}

/// How many lines of a list have no outcome yet.
pub async fn count_open_agency_lines(connection: &mut Connection, list_id: AgencyListId) -> Result<i64, Error> {
    let row = query!(
        r#"SELECT COUNT(*) AS "count!: i64" FROM agency_line WHERE list_id = $1 AND outcome IS NULL"#,
        list_id.0
    )
    .fetch_one(connection)
    .await?;
    Ok(row.count)
}
