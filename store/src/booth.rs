//! Numbers at a booth, by unit and day. Both counters are raised by one statement each: no two get the same number, whichever nodes they are at.

use crate::{Connection, Error, stored::Stored};
use chuky_model::{
    instant::Instant,
    record::booth::{BoothCall, BoothQueue},
};
use sqlx::query;

/// Gives the next number of a unit on a day, the first of which is 1.
pub async fn give_booth_number(connection: &mut Connection, unit: &str, day: &str) -> Result<i64, Error> {
    query!(
        "INSERT INTO booth_queue (unit, day, given, called) VALUES ($1, $2, 0, 0) ON CONFLICT (unit, day) DO NOTHING",
        unit,
        day
    )
    .execute(&mut *connection)
    .await?;
    let row = query!(
        r#"UPDATE booth_queue SET given = given + 1 WHERE unit = $1 AND day = $2 RETURNING given AS "given!: i64""#,
        unit,
        day
    )
    .fetch_one(connection)
    .await?;
    Ok(row.given)
}

/// Calls the next number that was given and not called; `None` where nobody waits.
pub async fn call_booth_number(
    connection: &mut Connection,
    unit: &str,
    day: &str,
    desk: i64,
    at: Instant,
) -> Result<Option<i64>, Error> {
    let row = query!(
        r#"UPDATE booth_queue SET called = called + 1 WHERE unit = $1 AND day = $2 AND called < given
        RETURNING called AS "called!: i64""#,
        unit,
        day
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    query!(
        "INSERT INTO booth_call (unit, day, number, desk, called_at) VALUES ($1, $2, $3, $4, $5)",
        unit,
        day,
        row.called,
        desk,
        at.0
    )
    .execute(connection)
    .await?;
    Ok(Some(row.called))
}

/// How a unit's queue stands on a day; `None` before the first number.
pub async fn booth_queue(connection: &mut Connection, unit: &str, day: &str) -> Result<Option<BoothQueue>, Error> {
    Ok(sqlx::query_as!(BoothQueue, "SELECT given, called FROM booth_queue WHERE unit = $1 AND day = $2", unit, day)
        .fetch_optional(connection)
        .await?)
}

/// What was called last, newest first.
pub async fn booth_calls(
    connection: &mut Connection,
    unit: &str,
    day: &str,
    limit: i64,
) -> Result<Vec<BoothCall>, Error> {
    Ok(sqlx::query_as!(
        BoothCall,
        r#"SELECT number, desk, called_at AS "called_at!: Stored<Instant>" FROM booth_call
        WHERE unit = $1 AND day = $2 ORDER BY number DESC LIMIT $3"#,
        unit,
        day,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Removes the queues of the days before that one.
pub async fn remove_old_booth_queues(connection: &mut Connection, before: &str) -> Result<(), Error> {
    query!("DELETE FROM booth_call WHERE day < $1", before).execute(&mut *connection).await?;
    query!("DELETE FROM booth_queue WHERE day < $1", before).execute(connection).await?;
    Ok(())
}
