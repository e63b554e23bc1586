//! What a roll-over and a recovery keep: certificates of roots by other roots, and that a database came out of a backup.

use crate::{Connection, Error, stored::Stored};
use chuky_model::{
    id::RestorationId,
    instant::Instant,
    record::certificate::{CrossCertificate, RegisterConfirmation, Restoration},
    serial::Serial,
};
use sqlx::query;

/// Stores a certificate of a root by another. `Conflict` where the label is known.
pub async fn insert_cross_certificate(connection: &mut Connection, row: &CrossCertificate) -> Result<(), Error> {
    query!(
        "INSERT INTO cross_certificate (label, subject_label, issuer_label, certificate, created_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7)",
        row.label,
        row.subject_label,
        row.issuer_label,
        row.certificate,
        row.created_at.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Every certificate of a root by another, oldest first.
pub async fn cross_certificates(connection: &mut Connection) -> Result<Vec<CrossCertificate>, Error> {
    Ok(sqlx::query_as!(
        CrossCertificate,
        r#"SELECT label, subject_label, issuer_label, certificate, created_at AS "created_at!: Stored<Instant>", version, mac
        FROM cross_certificate ORDER BY created_at, label"#
    )
    .fetch_all(connection)
    .await?)
}

/// Records that the database came out of a backup.
pub async fn insert_restoration(connection: &mut Connection, row: &Restoration) -> Result<(), Error> {
    query!(
        "INSERT INTO restoration (id, backup_at, restored_at, reconciled_at) VALUES ($1, $2, $3, $4)",
        row.id.0,
        row.backup_at.0,
        row.restored_at.0,
        row.reconciled_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The last time the database came out of a backup.
pub async fn latest_restoration(connection: &mut Connection) -> Result<Option<Restoration>, Error> {
    Ok(sqlx::query_as!(
        Restoration,
        r#"SELECT id AS "id!: Stored<RestorationId>", backup_at AS "backup_at!: Stored<Instant>",
        restored_at AS "restored_at!: Stored<Instant>", reconciled_at AS "reconciled_at!: Stored<Option<Instant>>"
        FROM restoration ORDER BY restored_at DESC LIMIT 1"#
    )
    .fetch_optional(connection)
    .await?)
}

/// Records that every restored state so far was reconciled.
pub async fn reconcile_restorations(connection: &mut Connection, at: Instant) -> Result<u64, Error> {
    let done = query!("UPDATE restoration SET reconciled_at = $1 WHERE reconciled_at IS NULL", at.0)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Stores the last number that a register had given before a restore.
pub async fn insert_register_confirmation(
    connection: &mut Connection,
    row: &RegisterConfirmation,
) -> Result<(), Error> {
    query!(
        "INSERT INTO register_confirmation (register, unit, year, series, last_number, confirmed_at) VALUES ($1, $2, $3, $4, $5, $6)",
        row.register,
        row.unit,
        row.year,
        row.series,
        row.last_number,
        row.confirmed_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The last number of a register as it was confirmed since then; the greatest where that was done more than once.
pub async fn confirmed_register_number(
    connection: &mut Connection,
    register: &str,
    unit: &str,
    year: i64,
    series: &str,
    since: Instant,
) -> Result<Option<i64>, Error> {
    let row = query!(
        r#"SELECT MAX(last_number) AS "last_number: i64" FROM register_confirmation
        WHERE register = $1 AND unit = $2 AND year = $3 AND series = $4 AND confirmed_at >= $5"#,
        register,
        unit,
        year,
        series,
        since.0
    )
    .fetch_one(connection)
    .await?;
    Ok(row.last_number)
}

/// The next number of that series is greater than this one.
pub async fn raise_outgoing_series(
    connection: &mut Connection,
    unit: &str,
    year: i64,
    series: &str,
    last_number: i64,
) -> Result<(), Error> {
    query!(
        "INSERT INTO outgoing_series (unit, year, series, last_number) VALUES ($1, $2, $3, $4)
        ON CONFLICT (unit, year, series) DO UPDATE SET last_number = excluded.last_number
        WHERE outgoing_series.last_number < excluded.last_number",
        unit,
        year,
        series,
        last_number
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The next number of that agency's register of incoming documents is greater than this one.
pub async fn raise_incoming_series(
    connection: &mut Connection,
    unit: &str,
    year: i64,
    last_number: i64,
) -> Result<(), Error> {
    query!(
        "INSERT INTO incoming_series (unit, year, last_number) VALUES ($1, $2, $3)
        ON CONFLICT (unit, year) DO UPDATE SET last_number = excluded.last_number
        WHERE incoming_series.last_number < excluded.last_number",
        unit,
        year,
        last_number
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends every session, for a database that came out of a backup: which of them ended since is not known.
pub async fn remove_sessions(connection: &mut Connection) -> Result<u64, Error> {
    Ok(query!("DELETE FROM session").execute(connection).await?.rows_affected())
}

/// How many certificates of an issuer could still be used, with those that it may be signing now.
pub async fn live_certificates(connection: &mut Connection, issuer_label: &str, now: Instant) -> Result<i64, Error> {
    let row = query!(
        r#"SELECT COUNT(*) AS "count!: i64" FROM certificate WHERE issuer_label = $1
        AND (state = 'signing' OR (state IN ('issued', 'suspended') AND not_after > $2))"#,
        issuer_label,
        now.0
    )
    .fetch_one(connection)
    .await?;
    Ok(row.count)
}

/// Serial numbers that an issuer used, after one of them, in their order.
pub async fn serials_of_issuer(
    connection: &mut Connection,
    issuer_label: &str,
    after: Option<&Serial>,
    limit: i64,
) -> Result<Vec<Serial>, Error> {
    let after = after.map_or(&[][..], |serial| serial.as_octets());
    let rows = query!(
        r#"SELECT serial AS "serial!: Stored<Serial>" FROM certificate WHERE issuer_label = $1 AND serial > $2
        ORDER BY serial LIMIT $3"#,
        issuer_label,
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.serial.into()).collect())
}

/// Stores the last answer about a certificate, in the place of one that an end left which came to nothing.
pub async fn archive_answer(
    connection: &mut Connection,
    issuer_label: &str,
    serial: &[u8],
    response: &[u8],
) -> Result<(), Error> {
    query!(
        "INSERT INTO archived_answer (issuer_label, serial, response) VALUES ($1, $2, $3)
        ON CONFLICT (issuer_label, serial) DO UPDATE SET response = excluded.response",
        issuer_label,
        serial,
        response
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The last answer about a certificate of a CA that has ended.
pub async fn archived_answer(
    connection: &mut Connection,
    issuer_label: &str,
    serial: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    let row =
        query!("SELECT response FROM archived_answer WHERE issuer_label = $1 AND serial = $2", issuer_label, serial)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|row| row.response))
}
