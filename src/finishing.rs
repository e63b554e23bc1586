//! What was begun is finished: work that counts, signs or records goes on where whoever asked for it hangs up. May be used by every flow;
//! must never be used for work that nobody would look for again.

use crate::{
    error::{InternalError, Result},
    store::{Held, Store},
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

/// Does the work in a task of its own and waits for it. A caller who is gone meanwhile loses the answer and nothing else.
pub async fn to_its_end<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.map_err(|error| InternalError::other(format!("what was begun broke off: {error}")))?
}

/// The requests with an idempotency key that are being carried out: those of this process by their key's hash, those of other nodes by a lock
/// that ends with them.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<HashSet<[u8; 32]>>>);

/// Whoever carries a request out holds this; others know by it that somebody does.
#[derive(Debug)]
pub struct AtWork {
    key_hash: [u8; 32],
    here: UnderWay,
    /// Told to other nodes once it is known that nobody else is at it.
    elsewhere: Option<Held>,
}

impl UnderWay {
    /// Takes up a request; `None` while somebody is at it.
    pub async fn take_up(&self, store: &Store, key_hash: [u8; 32]) -> Result<Option<AtWork>> {
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key_hash) {
            return Ok(None);
        }
        // Given back wherever this ends without being at work.
        let mut at_work = AtWork { key_hash, here: self.clone(), elsewhere: None };
        let (half, _) = key_hash.split_at(16);
        let id = Uuid::from_slice(half).map_err(|error| InternalError::other(error.to_string()))?;
        at_work.elsewhere = store.hold_request(id).await?;
        Ok(at_work.elsewhere.is_some().then_some(at_work))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.here.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key_hash);
    }
}
