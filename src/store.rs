//! The one [`Store`] and [`Transaction`] that flows see, whichever database is behind them. Everything is dispatched to the two
//! packages of `store/` by a macro; there is no SQL here and nothing is decided here. See `store/README.md` for how to add a query.

mod error;
mod queries;

pub use error::Error;

use chuky_model::{id::CertificateId, tables::Tables};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Store {
    /// Embedded, one file.
    Sqlite(chuky_store_sqlite::Store),
    /// A server, shared by several processes.
    Postgres(chuky_store_postgres::Store),
}

/// A transaction that writes. Dropped without [`Transaction::commit`] it leaves nothing behind.
#[derive(Debug)]
pub enum Transaction {
    /// On SQLite there is one at a time: keep it short, and never wait for the HSM longer than needed.
    Sqlite(chuky_store_sqlite::Transaction),
    /// On PostgreSQL an error ends the transaction: only `Stale` leaves it usable.
    Postgres(chuky_store_postgres::Transaction),
}

/// Work that every other process can tell somebody is at; let go of when this is dropped, and when the process ends in whatever way.
#[derive(Debug)]
pub enum Held {
    /// By a file of its own, or by nothing: see [`Store::hold_issue`].
    Sqlite(Option<chuky_store_sqlite::Held>),
    /// By a lock of a connection.
    Postgres(chuky_store_postgres::Held),
}

impl Held {
    /// Whether it is held still.
    pub fn lasts(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(held) => held.lasts(),
        }
    }
}

/// The file of a SQLite database's address, as opening it finds it: percent-encoded, and perhaps with parameters. `None` of PostgreSQL.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    let place = url.strip_prefix("sqlite:")?;
    let place = place.strip_prefix("//").unwrap_or(place);
    let file = place.split_once('?').map_or(place, |(file, _)| file);
    Some(PathBuf::from(percent_decoded(file).unwrap_or_else(|| file.to_owned())))
}

/// RFC 3986 §2.1; `None` of what is not UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first == b'%' {
            let (code, more) = rest.split_at_checked(2)?;
            octets.extend(hex::decode(code).ok()?);
            rest = more;
        } else {
            octets.push(*first);
        }
    }
    String::from_utf8(octets).ok()
}

impl Store {
    /// Opens `sqlite:///path/to/file` (made where there is none) or `postgres://user@host/database`, and migrates it.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_within(url, chuky_store_postgres::limits::WAIT).await
    }

    /// The same; no statement over a network is waited for longer than that. SQLite's are bounded by its lock alone.
    pub async fn open_within(url: &str, wait: Duration) -> Result<Self, Error> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Self::Sqlite(chuky_store_sqlite::Store::open(url).await?)),
            Some(("postgres" | "postgresql", _)) => {
                Ok(Self::Postgres(chuky_store_postgres::Store::open(url, wait).await?))
            }
            _ => Err(Error::Url),
        }
    }

    /// Opens a database as it is, and says how its tables stand to this program: neither makes nor migrates them, so that a question asked of
    /// a service with a newer program changes nothing.
    pub async fn open_as_it_is(url: &str) -> Result<(Self, Tables), Error> {
        let store = match url.split_once(':') {
            Some(("sqlite", _)) => Self::Sqlite(chuky_store_sqlite::Store::open_as_it_is(url).await?),
            Some(("postgres" | "postgresql", _)) => {
                let wait = chuky_store_postgres::limits::WAIT;
                Self::Postgres(chuky_store_postgres::Store::open_as_it_is(url, wait).await?)
            }
            _ => return Err(Error::Url),
        };
        let tables = store.tables().await?;
        Ok((store, tables))
    }

    /// The same for what works beside the service, and so with its tables: those that this program cannot use are refused.
    pub async fn open_beside(url: &str) -> Result<Self, Error> {
        let (store, tables) = Self::open_as_it_is(url).await?;
        if tables.are_usable() { Ok(store) } else { Err(Error::Tables(tables)) }
    }

    /// How the tables stand to this program now.
    pub async fn tables(&self) -> Result<Tables, Error> {
        Ok(match self {
            Self::Sqlite(store) => store.tables().await?,
            Self::Postgres(store) => store.tables().await?,
        })
    }

    /// Opens the SQLite database at a path.
    pub async fn open_file(path: &Path) -> Result<Self, Error> {
        Ok(Self::Sqlite(chuky_store_sqlite::Store::open_file(path).await?))
    }

    /// Begins a transaction that writes.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Ok(match self {
            Self::Sqlite(store) => Transaction::Sqlite(store.begin().await?),
            Self::Postgres(store) => Transaction::Postgres(store.begin().await?),
        })
    }

    /// Writes an SQLite database as it is now into a new file; `false` on PostgreSQL, which has a program for it.
    pub async fn snapshot(&self, file: &str) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.snapshot(file).await.map(|()| true).map_err(Error::from),
            Self::Postgres(_) => Ok(false),
        }
    }

    /// Has the database let go of what rows held that were changed or removed: SQLite's file is written anew, PostgreSQL's space is freed to be
    /// overwritten. An error where somebody reads just now: try again.
    pub async fn compact(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => Ok(store.compact().await?),
            Self::Postgres(store) => Ok(store.compact().await?),
        }
    }

    /// Holds work of that name while no other process on the database does; `None` where one does.
    pub async fn hold(&self, name: &str) -> Result<Option<Held>, Error> {
        Ok(match self {
            Self::Sqlite(store) => store.hold(name)?.map(|held| Held::Sqlite(Some(held))),
            Self::Postgres(store) => store.hold(name).await?.map(Held::Postgres),
        })
    }

    /// Holds the issue of a certificate; `None` where somebody is at it. On SQLite nobody need be told: one process issues, and what it
    /// left it takes back when it starts.
    pub async fn hold_issue(&self, id: CertificateId) -> Result<Option<Held>, Error> {
        Ok(match self {
            Self::Sqlite(_) => Some(Held::Sqlite(None)),
            Self::Postgres(store) => store.hold_row(id.0).await?.map(Held::Postgres),
        })
    }

    /// Holds a request that is carried out; `None` where another node is at it. On SQLite nobody need be told: one process serves.
    pub async fn hold_request(&self, id: Uuid) -> Result<Option<Held>, Error> {
        Ok(match self {
            Self::Sqlite(_) => Some(Held::Sqlite(None)),
            Self::Postgres(store) => store.hold_row(id).await?.map(Held::Postgres),
        })
    }

    /// Whether the database answers: for `readyz`.
    pub async fn probe(&self) -> Result<(), Error> {
        self.audit_size().await.map(drop)
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

impl Transaction {
    /// Makes everything done in this transaction durable at once.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => Ok(chuky_store_sqlite::commit(transaction).await?),
            Self::Postgres(transaction) => Ok(transaction.commit().await?),
        }
    }

    /// Undoes everything done in this transaction, now rather than when the connection is next used.
    pub async fn rollback(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => Ok(chuky_store_sqlite::rollback(transaction).await?),
            Self::Postgres(transaction) => Ok(transaction.rollback().await?),
        }
    }
}
