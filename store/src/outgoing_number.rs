//! The register of outgoing documents: the number that each series has reached, and who has which.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{id::*, instant::Instant, record::outgoing::OutgoingNumber, record::state::NumberState};
use sqlx::query;

/// The next number of a series; the row stays locked until the transaction ends, so that a number that is not stored is not skipped.
pub async fn next_outgoing_number(
    connection: &mut Connection,
    unit: &str,
    year: i64,
    series: &str,
) -> Result<i64, Error> {
    query!(
        "INSERT INTO outgoing_series (unit, year, series, last_number) VALUES ($1, $2, $3, 0)
        ON CONFLICT (unit, year, series) DO NOTHING",
        unit,
        year,
        series
    )
    .execute(&mut *connection)
    .await?;
    let row = query!(
        r#"UPDATE outgoing_series SET last_number = last_number + 1 WHERE unit = $1 AND year = $2 AND series = $3
        RETURNING last_number AS "last_number!: i64""#,
        unit,
        year,
        series
    )
    .fetch_one(connection)
    .await?;
    Ok(row.last_number)
}

/// Enters a number into the register. `Conflict` where the document has one, or another document looks like it would.
pub async fn insert_outgoing_number(connection: &mut Connection, number: &OutgoingNumber) -> Result<(), Error> {
    query!(
        "INSERT INTO outgoing_number (unit, year, series, number, outgoing_id, designation, state, given_by, given_at, void_reason,
        version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        number.unit,
        number.year,
        number.series,
        number.number,
        number.outgoing_id.0,
        number.designation,
        number.state.name(),
        number.given_by.0,
        number.given_at.0,
        number.void_reason,
        number.version,
        number.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says where a number stands whose version was raised by one; what it is never changes. `Stale` where somebody else was first.
pub async fn update_outgoing_number(connection: &mut Connection, number: &OutgoingNumber) -> Result<(), Error> {
    let done = query!(
        "UPDATE outgoing_number SET state = $3, void_reason = $4, version = $5, mac = $6 WHERE outgoing_id = $1 AND version = $2",
        number.outgoing_id.0,
        number.version.saturating_sub(1),
        number.state.name(),
        number.void_reason,
        number.version,
        number.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

macro_rules! numbers {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OutgoingNumber,
            r#"SELECT outgoing_id AS "outgoing_id!: Stored<OutgoingId>", unit, year, series, number, designation,
            state AS "state!: Stored<NumberState>", given_by AS "given_by!: Stored<AccountId>",
            given_at AS "given_at!: Stored<Instant>", void_reason, version, mac FROM outgoing_number "# + $tail
            $(, $argument)*
        )
    };
}

/// The number that a document has, or had.
pub async fn outgoing_number_of(connection: &mut Connection, id: OutgoingId) -> Result<Option<OutgoingNumber>, Error> {
    Ok(numbers!("WHERE outgoing_id = $1", id.0).fetch_optional(connection).await?)
}

/// The last number of an agency's series in a year.
pub async fn last_outgoing_number(
    connection: &mut Connection,
    unit: &str,
    year: i64,
    series: &str,
) -> Result<Option<OutgoingNumber>, Error> {
    Ok(numbers!("WHERE unit = $1 AND year = $2 AND series = $3 ORDER BY number DESC LIMIT 1", unit, year, series)
        .fetch_optional(connection)
        .await?)
}

/// The last number of an agency in a year that something of this designation has.
pub async fn last_outgoing_designated(
    connection: &mut Connection,
    unit: &str,
    year: i64,
    designation: &str,
) -> Result<Option<OutgoingNumber>, Error> {
    Ok(numbers!(
        "WHERE unit = $1 AND year = $2 AND designation = $3 ORDER BY number DESC LIMIT 1",
        unit,
        year,
        designation
    )
    .fetch_optional(connection)
    .await?)
}

/// The register of an agency, year and series from a number on, in order.
pub async fn outgoing_numbers(
    connection: &mut Connection,
    unit: &str,
    year: i64,
    series: &str,
    from: i64,
    limit: i64,
) -> Result<Vec<OutgoingNumber>, Error> {
    Ok(numbers!(
        "WHERE unit = $1 AND year = $2 AND series = $3 AND number >= $4 ORDER BY number LIMIT $5",
        unit,
        year,
        series,
        from,
        limit
    )
    .fetch_all(connection)
    .await?)
}
