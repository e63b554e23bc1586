//! What was begun is finished: work that counts, signs or records goes on where whoever asked for it hangs up. May be used by every flow;
//! must never be used for work that nobody would look for again.

use crate::error::{InternalError, Result};

/// Does the work in a task of its own and waits for it. A caller who is gone meanwhile loses the answer and nothing else.
pub async fn to_its_end<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.map_err(|error| InternalError::other(format!("what was begun broke off: {error}")))?
}
