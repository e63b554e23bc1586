//! The end of a transaction, in this crate's error.

use crate::{Error, Transaction};

/// Makes the transaction's effects durable, all at once.
pub async fn commit(transaction: Transaction) -> Result<(), Error> {
    Ok(transaction.commit().await?)
}

/// Undoes the transaction's effects now.
pub async fn rollback(transaction: Transaction) -> Result<(), Error> {
    Ok(transaction.rollback().await?)
}
