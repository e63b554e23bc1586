//! What is PostgreSQL's own: the pool, and the statements that SQLite words differently.

use crate::{
    Error, Reader, Transaction, limits,
    presence::{self, Held, Presence},
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
    ConnectOptions, PgPool, Postgres,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    query,
};
use std::{str::FromStr, time::Duration};
use uuid::Uuid;

pub use crate::dialects::{Dialect, StoredOrder};

/// The database this package is compiled for.
pub type Database = Postgres;
/// One connection, inside a transaction or not.
pub type Connection = sqlx::PgConnection;

/// The open database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    presence: Presence,
    wait: Duration,
}

impl Store {
    /// Connects to `postgres://…` and migrates; several processes may do so at once. No statement from then on is waited for longer than `wait`.
    pub async fn open(url: &str, wait: Duration) -> Result<Self, Error> {
        let store = Self::open_as_it_is(url, wait).await?;
        tables::migrate(&mut *store.pool.acquire().await?, &MIGRATIONS).await?;
        Ok(store)
    }

    /// Connects to a database as it is, and does not migrate it.
    pub async fn open_as_it_is(url: &str, wait: Duration) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("chuky")
            .statement_cache_capacity(limits::STATEMENTS)
            .options([
                // An acknowledged commit is on the disk, whatever the server's setting.
                ("synchronous_commit", "on"),
                // A node that stands still in the middle of a transaction keeps the others waiting no longer than this (milliseconds).
                ("idle_in_transaction_session_timeout", "30000"),
            ])
            .disable_statement_logging();
        let presence = Presence::over(&options);
        let pool = PgPoolOptions::new()
            .max_connections(limits::CONNECTIONS)
            .acquire_timeout(limits::ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Self { pool, presence, wait })
    }

    /// How the tables stand to this program.
    pub async fn tables(&self) -> Result<Tables, Error> {
        tables::standing(&mut *self.pool.acquire().await?, &MIGRATIONS).await
    }

    /// Begins a transaction that writes (READ COMMITTED: what must not move under it is a compare-and-swap).
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(self.pool.acquire().await?, self.wait).await
    }

    /// A connection that reads.
    pub async fn reader(&self) -> Result<Reader, Error> {
        Ok(Reader::over(self.pool.acquire().await?, self.wait))
    }

    /// Frees what rows held that were changed or removed (PostgreSQL, "VACUUM"): it is overwritten by what comes next.
    pub async fn compact(&self) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        for table in ["registration_request", "account", "message", "document", "credential", "passkey", "api_key"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("VACUUM {table}"))).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Holds work of that name while no other process on the database does; `None` where one does.
    pub async fn hold(&self, name: &str) -> Result<Option<Held>, Error> {
        self.presence.hold(presence::key_of_name(name)).await
    }

    /// Holds what belongs to a row; `None` where somebody does, in this process or another.
    pub async fn hold_row(&self, id: Uuid) -> Result<Option<Held>, Error> {
        self.presence.hold(presence::key_of_id(id)).await
    }

    /// Closes the connections of reads and transactions. Whatever this process holds it holds until it is let go.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Connection failures (08), deadlocks and serialization failures (40), resources (53), shutdown (57P), by SQLSTATE
/// (PostgreSQL, Appendix A).
pub(crate) fn try_again(code: &str) -> bool {
    ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class))
}

/// Integrity constraint violations (class 23) that have no name of their own: what `append_only()` raises.
pub(crate) fn refused(code: &str) -> bool {
    code.starts_with("23")
}

/// PostgreSQL's wording.
pub struct Statements;

impl Dialect for Statements {
    async fn has_table(connection: &mut Connection, name: &str) -> Result<bool, Error> {
        let asked = sqlx::query_as("SELECT to_regclass($1) IS NOT NULL").bind(name);
        let (is_there,): (bool,) = asked.fetch_one(connection).await?;
        Ok(is_there)
    }

    async fn hold(connection: &mut Connection, number: i64) -> Result<(), Error> {
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(number).execute(connection).await?;
        Ok(())
    }

    async fn insert_new_payments(
        connection: &mut Connection,
        payments: &[&PaymentIdentity],
    ) -> Result<Vec<Vec<u8>>, Error> {
        let identities: Vec<Vec<u8>> = payments.iter().map(|payment| payment.identity.clone()).collect();
        let orders: Vec<Vec<u8>> = payments.iter().map(|payment| payment.order_digest.clone()).collect();
        let providers: Vec<Uuid> = payments.iter().map(|payment| payment.provider_id.0).collect();
        let times: Vec<i64> = payments.iter().map(|payment| payment.accepted_at.0).collect();
        let days: Vec<i64> = times.iter().map(|time| time.div_euclid(limits::DAY)).collect();
        let batches: Vec<Uuid> = payments.iter().map(|payment| payment.batch_id.0).collect();
        let rows = query!(
            "INSERT INTO payment_identity (identity, order_digest, provider_id, accepted_at, day, batch_id)
                SELECT * FROM UNNEST($1::BYTEA[], $2::BYTEA[], $3::UUID[], $4::BIGINT[], $5::BIGINT[], $6::UUID[])
                ON CONFLICT (identity) DO NOTHING RETURNING identity",
            &identities,
            &orders,
            &providers,
            &times,
            &days,
            &batches,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| row.identity).collect())
    }

    async fn stored_orders(connection: &mut Connection, identities: &[Vec<u8>]) -> Result<Vec<StoredOrder>, Error> {
        let rows =
            query!("SELECT identity, order_digest FROM payment_identity WHERE identity = ANY($1::BYTEA[])", identities)
                .fetch_all(connection)
                .await?;
        Ok(rows.into_iter().map(|row| (row.identity, row.order_digest)).collect())
    }

    async fn append_leaves(connection: &mut Connection, leaves: &[AuditLeaf]) -> Result<u64, Error> {
        let sequences: Vec<i64> = leaves.iter().map(|leaf| leaf.sequence).collect();
        let entries: Vec<Uuid> = leaves.iter().map(|leaf| leaf.entry_id.0).collect();
        let hashes: Vec<Vec<u8>> = leaves.iter().map(|leaf| leaf.hash.clone()).collect();
        query!(
            "INSERT INTO audit_leaf (sequence, entry_id, hash)
                SELECT * FROM UNNEST($1::BIGINT[], $2::UUID[], $3::BYTEA[])",
            &sequences,
            &entries,
            &hashes,
        )
        .execute(&mut *connection)
        .await?;
        let done = query!("DELETE FROM audit_pending WHERE entry_id = ANY($1::UUID[])", &entries);
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
            AND kind = $4 AND run_at <= $1 ORDER BY run_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id AS "id!: Stored<JobId>",
            kind AS "kind!: String", payload AS "payload!: Vec<u8>", state AS "state!: Stored<JobState>",
            run_at AS "run_at!: Stored<Instant>", tries AS "tries!: i64", last_error,
            created_at AS "created_at!: Stored<Instant>""#,
            now.0,
            until.0,
            limit,
            kind
        )
        .fetch_all(connection)
        .await?)
    }
}
