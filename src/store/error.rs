//! The error of storage as flows see it: the two packages' errors, which are the same text, made one.

use chuky_model::tables::Tables;

/// What can go wrong in storage, told apart by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique key is taken: the same thing was stored before.
    #[error("a row with this key exists")]
    Conflict(#[source] Source),
    /// A compare-and-swap lost: the row has moved on, or is not there. Read it again and decide anew.
    #[error("the row has moved on")]
    Stale,
    /// The database refuses the row: a reference, a check, or history that may not be rewritten.
    #[error("the database refuses the row")]
    Refused(#[source] Source),
    /// The database cannot be reached or is busy: trying again may help.
    #[error("the database is not available")]
    Unavailable(#[source] Source),
    /// What became of a commit is not known: the connection was lost, or the server did not answer in time. It may have taken hold, or may
    /// still: whoever would do the same again looks first.
    #[error("what became of the commit is not known")]
    Unknown(#[source] Source),
    /// A stored value cannot be read, or a statement does not fit the database.
    #[error("the database holds what cannot be read")]
    Corrupt(#[source] Source),
    /// A migration failed.
    #[error("the database could not be migrated")]
    Migration(#[source] Source),
    /// The tables are not those that this program works with.
    #[error("{0} (docs/upgrade.md)")]
    Tables(Tables),
    /// The address is neither `sqlite:///path` nor `postgres://…`.
    #[error("the database's address is neither sqlite:///path nor postgres://…")]
    Url,
}

/// What the driver said; for the log only.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

macro_rules! from_package {
    ($package:ident) => {
        impl From<$package::Error> for Error {
            fn from(error: $package::Error) -> Self {
                match error {
                    $package::Error::Conflict(source) => Self::Conflict(source.into()),
                    $package::Error::Stale => Self::Stale,
                    $package::Error::Refused(source) => Self::Refused(source.into()),
                    $package::Error::Unavailable(source) => Self::Unavailable(source.into()),
                    $package::Error::Unknown(source) => Self::Unknown(source.into()),
                    $package::Error::Corrupt(source) => Self::Corrupt(source.into()),
                    $package::Error::Migration(source) => Self::Migration(source.into()),
                    $package::Error::Tables(tables) => Self::Tables(tables),
                }
            }
        }
    };
}
from_package!(chuky_store_sqlite);
from_package!(chuky_store_postgres);
