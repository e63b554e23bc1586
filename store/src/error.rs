//! What can go wrong in storage, told apart by what a caller can do about it. Never by an error's text.

use chuky_model::tables::Tables;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique key is taken: the same thing was stored before.
    #[error("a row with this key exists")]
    Conflict(#[source] sqlx::Error),
    /// A compare-and-swap lost: the row has moved on, or is not there.
    #[error("the row has moved on")]
    Stale,
    /// The database refuses the row: a reference, a check, or history that may not be rewritten.
    #[error("the database refuses the row")]
    Refused(#[source] sqlx::Error),
    /// The database cannot be reached or is busy: trying again may help.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// What became of a commit is not known: the connection was lost, or the server did not answer in time. It may have taken hold, or may
    /// still.
    #[error("what became of the commit is not known")]
    Unknown(#[source] sqlx::Error),
    /// A stored value cannot be read, or a statement does not fit the database.
    #[error("the database holds what cannot be read")]
    Corrupt(#[source] sqlx::Error),
    /// A migration failed.
    #[error("the database could not be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The tables are not those that this program works with.
    #[error("{0} (docs/upgrade.md)")]
    Tables(Tables),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => Self::Conflict(error),
                ErrorKind::ForeignKeyViolation | ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {
                    Self::Refused(error)
                }
                _ if database.code().is_some_and(|code| crate::dialect::try_again(&code)) => Self::Unavailable(error),
                _ if database.code().is_some_and(|code| crate::dialect::refused(&code)) => Self::Refused(error),
                _ => Self::Corrupt(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Configuration(_) => Self::Unavailable(error),
            _ => Self::Corrupt(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration(error)
    }
}

/// Turns the number of changed rows of a compare-and-swap into its outcome.
pub(crate) fn moved(changed_rows: u64) -> Result<(), Error> {
    if changed_rows == 1 { Ok(()) } else { Err(Error::Stale) }
}
