//! What only one of several may do who begin at the same moment. Keys are keyed digests that the caller makes; nothing can be read from them.

use crate::{Connection, Error};
use chuky_model::instant::Instant;
use sqlx::query;

/// Takes what that key stands for. `Conflict` where it is taken.
pub async fn take(connection: &mut Connection, key: &[u8], at: Instant) -> Result<(), Error> {
    query!("INSERT INTO taken (key, at) VALUES ($1, $2)", key, at.0).execute(connection).await?;
    Ok(())
}

/// Gives it up, where it is taken.
pub async fn give_up(connection: &mut Connection, key: &[u8]) -> Result<(), Error> {
    query!("DELETE FROM taken WHERE key = $1", key).execute(connection).await?;
    Ok(())
}
