//! What is SQLite's own: opening the file, one writer and several readers, and the statements that PostgreSQL words differently.

use crate::{
    Error, limits,
    presence::{self, Held},
    stored::Stored,
    tables,
};
use chuky_model::{
    id::JobId,
    instant::Instant,
    record::{audit::AuditLeaf, payment::PaymentIdentity, state::JobState, work::Job},
    tables::Tables,
};
use sqlx::{
    ConnectOptions, Sqlite, SqlitePool,
    migrate::Migrator,
    pool::PoolConnection,
    query,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

pub use crate::dialects::{Dialect, StoredOrder};

/// The database this package is compiled for.
pub type Database = Sqlite;
/// One connection, inside a transaction or not.
pub type Connection = sqlx::SqliteConnection;
/// A connection that reads.
pub type Reader = PoolConnection<Sqlite>;
/// A transaction that writes; dropped without a commit it is rolled back.
pub type Transaction = sqlx::Transaction<'static, Sqlite>;

/// The open database: one connection that writes, several that read.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    file: PathBuf,
}

impl Store {
    /// Opens `sqlite:///path`, makes the file where there is none, and migrates it.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(SqliteConnectOptions::from_str(url)?).await
    }

    /// Opens the file at a path, whatever characters are in it.
    pub async fn open_file(path: &Path) -> Result<Self, Error> {
        Self::open_with(SqliteConnectOptions::new().filename(path)).await
    }

    async fn open_with(options: SqliteConnectOptions) -> Result<Self, Error> {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(limits::BUSY_TIMEOUT)
            .statement_cache_capacity(limits::STATEMENTS)
            .disable_statement_logging();
        let pool =
            || SqlitePoolOptions::new().acquire_timeout(limits::ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None);
        let file = options.get_filename().to_owned();
        let writer = first(pool().max_connections(1), &options).await?;
        // All or nothing, and one process at a time: sqlx itself takes no lock on SQLite.
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        tables::migrate(&mut transaction, &MIGRATIONS).await?;
        transaction.commit().await?;
        let readers = pool().max_connections(limits::READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers, file })
    }

    /// Opens the file that is at `sqlite:///path` as it is: neither makes nor migrates it.
    pub async fn open_as_it_is(url: &str) -> Result<Self, Error> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(false)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(limits::BUSY_TIMEOUT)
            .disable_statement_logging();
        let pool = || SqlitePoolOptions::new().acquire_timeout(limits::ACQUIRE_TIMEOUT);
        let file = options.get_filename().to_owned();
        // Whoever only reads never opens it for writing.
        let writer = pool().max_connections(1).connect_lazy_with(options.clone());
        let readers = pool().max_connections(limits::READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers, file })
    }

    /// How the tables stand to this program.
    pub async fn tables(&self) -> Result<Tables, Error> {
        tables::standing(&mut *self.reader().await?, &MIGRATIONS).await
    }

    /// Begins a transaction that writes. There is one at a time: others wait here, not at the commit.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A connection that reads.
    pub async fn reader(&self) -> Result<Reader, Error> {
        Ok(self.readers.acquire().await?)
    }

    /// Writes the whole database as it is at one moment into a new file, while others go on writing (SQLite, "VACUUM INTO").
    pub async fn snapshot(&self, file: &str) -> Result<(), Error> {
        let mut reader = self.readers.acquire().await?;
        sqlx::query("VACUUM INTO $1").bind(file).execute(&mut *reader).await?;
        Ok(())
    }

    /// Writes the file anew, without what rows held that were changed or removed, and empties the write-ahead log (SQLite, "VACUUM" and
    /// "PRAGMA wal_checkpoint"). Nobody writes meanwhile.
    pub async fn compact(&self) -> Result<(), Error> {
        let mut writer = self.writer.acquire().await?;
        sqlx::query("VACUUM").execute(&mut *writer).await?;
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *writer).await?;
        if busy == 0 { Ok(()) } else { Err(Error::Stale) }
    }

    /// Holds work of that name while no other process on the file does; `None` where one does.
    pub fn hold(&self, name: &str) -> Result<Option<Held>, Error> {
        presence::hold(&self.file, name)
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Makes the first connection. Turning a new file to WAL needs it alone for a moment and does not wait for that ("Write-Ahead
/// Logging" in SQLite's documentation), so with several processes at once all but one try again.
async fn first(pool: SqlitePoolOptions, options: &SqliteConnectOptions) -> Result<SqlitePool, Error> {
    for _ in 0..limits::FIRST_TRIES {
        match pool.clone().connect_with(options.clone()).await {
            Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| primary(&code) == Some(5)) => {
                tokio::time::sleep(limits::FIRST_PAUSE).await;
            }
            outcome => return Ok(outcome?),
        }
    }
    Ok(pool.connect_with(options.clone()).await?)
}

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL and SQLITE_CANTOPEN with their extended codes (low octet, SQLite "Result and
/// Error Codes").
pub(crate) fn try_again(code: &str) -> bool {
    matches!(primary(code), Some(5 | 6 | 10 | 13 | 14))
}

/// SQLITE_CONSTRAINT of a kind that has no name of its own: a trigger's (SQLITE_CONSTRAINT_TRIGGER) above all.
pub(crate) fn refused(code: &str) -> bool {
    primary(code) == Some(19)
}

fn primary(code: &str) -> Option<u32> {
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// SQLite's wording.
pub struct Statements;

impl Dialect for Statements {
    async fn has_table(connection: &mut Connection, name: &str) -> Result<bool, Error> {
        let asked = sqlx::query_as("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = $1").bind(name);
        let (count,): (i64,) = asked.fetch_one(connection).await?;
        Ok(count == 1)
    }

    async fn hold(_: &mut Connection, _: i64) -> Result<(), Error> {
        // There is one transaction at a time.
        Ok(())
    }

    async fn insert_new_payments(
        connection: &mut Connection,
        payments: &[&PaymentIdentity],
    ) -> Result<Vec<Vec<u8>>, Error> {
        // One statement for all, see `stored_orders`: IDENTITY, ORDER, PROVIDER, ACCEPTED, DAY, BATCH.
        let text = |payment: &&PaymentIdentity| {
            let accepted = payment.accepted_at.0;
            format!(
                r#"["{}","{}","{}",{accepted},{},"{}"]"#,
                hex::encode(&payment.identity),
                hex::encode(&payment.order_digest),
                payment.provider_id.0.simple(),
                accepted.div_euclid(limits::DAY),
                payment.batch_id.0.simple(),
            )
        };
        let payments = format!("[{}]", payments.iter().map(text).collect::<Vec<_>>().join(","));
        let rows = query!(
            "INSERT INTO payment_identity (identity, order_digest, provider_id, accepted_at, day, batch_id)
            SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4, unhex(value ->> 5)
            FROM json_each($1) WHERE true ON CONFLICT (identity) DO NOTHING RETURNING identity",
            payments
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| row.identity).collect())
    }

    async fn stored_orders(connection: &mut Connection, identities: &[Vec<u8>]) -> Result<Vec<StoredOrder>, Error> {
        // One statement for all: each costs a way to the connection's thread and back.
        let wanted: Vec<String> = identities.iter().map(hex::encode).collect();
        let wanted = format!(r#"["{}"]"#, wanted.join(r#"",""#));
        let rows = query!(
            "SELECT identity, order_digest FROM payment_identity
            WHERE identity IN (SELECT unhex(value) FROM json_each($1))",
            wanted
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| (row.identity, row.order_digest)).collect())
    }

    async fn append_leaves(connection: &mut Connection, leaves: &[AuditLeaf]) -> Result<u64, Error> {
        // One statement for all, see `stored_orders`: SEQUENCE, ENTRY, HASH.
        let text = |leaf: &AuditLeaf| {
            format!(r#"[{},"{}","{}"]"#, leaf.sequence, leaf.entry_id.0.simple(), hex::encode(&leaf.hash))
        };
        let leaves = format!("[{}]", leaves.iter().map(text).collect::<Vec<_>>().join(","));
        query!(
            "INSERT INTO audit_leaf (sequence, entry_id, hash)
            SELECT value ->> 0, unhex(value ->> 1), unhex(value ->> 2) FROM json_each($1)",
            leaves
        )
        .execute(&mut *connection)
        .await?;
        let done = query!(
            "DELETE FROM audit_pending WHERE entry_id IN (SELECT unhex(value ->> 1) FROM json_each($1))",
            leaves
        );
        Ok(done.execute(connection).await?.rows_affected())
    }

    async fn claim_due_jobs(
        connection: &mut Connection,
        kind: &str,
        (now, until): (Instant, Instant),
        limit: i64,
    ) -> Result<Vec<Job>, Error> {
        Ok(sqlx::query_as!(
            Job,
            r#"UPDATE job SET run_at = $2, tries = tries + 1 WHERE id IN (SELECT id FROM job WHERE state = 'queued'
            AND kind = $4 AND run_at <= $1 ORDER BY run_at, id LIMIT $3) RETURNING id AS "id!: Stored<JobId>", kind AS "kind!: String",
            payload AS "payload!: Vec<u8>", state AS "state!: Stored<JobState>", run_at AS "run_at!: Stored<Instant>",
            tries AS "tries!: i64", last_error, created_at AS "created_at!: Stored<Instant>""#,
            now.0,
            until.0,
            limit,
            kind
        )
        .fetch_all(connection)
        .await?)
    }
}
