//! How the tables stand to this program, and the one place that migrates. Old and new nodes work on one database during an upgrade, so a
//! program goes on with tables that newer migrations added to, unless one of them says that it has to be known.

use crate::{
    Connection, Error,
    dialect::{Dialect, Statements},
};
use chuky_model::tables::{Applied, Tables};
use sqlx::migrate::{Migrate, Migrator};

/// How they stand. Changes nothing.
pub async fn standing(connection: &mut Connection, program: &Migrator) -> Result<Tables, Error> {
    let mut applied = Vec::new();
    if Statements::has_table(connection, "_sqlx_migrations").await? {
        let rows: Vec<(i64, Vec<u8>, bool)> =
            sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
                .fetch_all(&mut *connection)
                .await?;
        applied.extend(rows.into_iter().map(|(version, checksum, succeeded)| Applied { version, checksum, succeeded }));
    }
    let mut required = Vec::new();
    if Statements::has_table(connection, "required_migration").await? {
        let rows: Vec<(i64,)> = sqlx::query_as("SELECT version FROM required_migration ORDER BY version")
            .fetch_all(&mut *connection)
            .await?;
        required.extend(rows.into_iter().map(|(version,)| version));
    }
    let known: Vec<(i64, &[u8])> = program.iter().map(|one| (one.version, one.checksum.as_ref())).collect();
    Ok(Tables::compare(&known, &applied, &required))
}

/// Runs what is to come, one process at a time; newer tables beside which this program may work are left as they are.
pub async fn migrate(connection: &mut Connection, program: &Migrator) -> Result<(), Error> {
    // Before the look, so that nobody migrates between it and what follows; sqlx takes the same lock once more.
    connection.lock().await?;
    let outcome = match standing(connection, program).await? {
        Tables::Same | Tables::Newer(_) => Ok(()),
        Tables::Absent | Tables::Older(_) => Ok(program.run_direct(None, connection, false).await?),
        tables @ (Tables::TooNew(_) | Tables::Different(_)) => Err(Error::Tables(tables)),
    };
    connection.unlock().await?;
    outcome
}
