//! Whether payments were seen: callers who ask at the same time are answered by one question to the database. Tells only that an
//! identity is stored; whether its row is genuine is asked for those that are, see [`super::consumer::stored`].

use super::{
    group::gather,
    limits::{LARGEST_GROUP, WAITING},
};
use crate::{
    error::{RequestError, Result},
    lasting,
    store::Store,
};
use std::collections::HashSet;
use tokio::sync::{mpsc, oneshot};

struct Question {
    identity: [u8; 32],
    answer: oneshot::Sender<Result<bool>>,
}

/// The callers' end. The task ends with it.
pub struct Lookup(mpsc::Sender<Question>);

impl Lookup {
    /// Starts the task that asks the database.
    pub fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        lasting::spawn("payments looked up", run(receiver, store));
        Self(sender)
    }

    /// Whether a payment of this identity is stored now. A full queue is an error of the request: try again.
    pub async fn is_stored(&self, identity: [u8; 32]) -> Result<bool> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Question { identity, answer }).map_err(|_| RequestError::try_again())?;
        // The task drops a question only when it ends, that is with the service.
        answered.await.map_err(|_| RequestError::try_again())?
    }
}

async fn run(mut receiver: mpsc::Receiver<Question>, store: Store) {
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    while gather(&mut receiver, &mut group, LARGEST_GROUP).await {
        let identities: Vec<Vec<u8>> = group.iter().map(|question| question.identity.to_vec()).collect();
        let stored = store.payment_orders(&identities).await;
        let stored: std::result::Result<HashSet<Vec<u8>>, _> =
            stored.map(|found| found.into_iter().map(|(identity, _)| identity).collect());
        if let Err(error) = &stored {
            tracing::error!(event = "payments_not_looked_up", count = group.len(), %error);
        }
        for Question { identity, answer } in group.drain(..) {
            let outcome = match &stored {
                Ok(stored) => Ok(stored.contains(identity.as_slice())),
                Err(_) => Err(RequestError::try_again().into()),
            };
            // Its caller may have gone.
            drop(answer.send(outcome));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::{
        id::{AccountId, BatchId},
        instant::Instant,
        record::payment::PaymentIdentity,
    };
    use uuid::Uuid;

    #[tokio::test(flavor = "multi_thread")]
    async fn each_of_many_callers_learns_about_its_own_payment() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_file(&directory.path().join("lookup.sqlite")).await.unwrap();
        let row = |identity: u8| PaymentIdentity {
            identity: vec![identity; 32],
            order_digest: vec![1; 32],
            provider_id: AccountId(Uuid::from_u128(7)),
            accepted_at: Instant(1),
            batch_id: BatchId(Uuid::from_u128(1)),
        };
        let mut transaction = store.begin().await.unwrap();
        transaction.consume_payments(&(0..100).map(row).collect::<Vec<_>>()).await.unwrap();
        transaction.commit().await.unwrap();
        let lookup = std::sync::Arc::new(Lookup::start(store));
        let callers: Vec<_> = (0..200_u8)
            .map(|number| {
                let lookup = lookup.clone();
                tokio::spawn(async move { (number, lookup.is_stored([number; 32]).await.unwrap()) })
            })
            .collect();
        for caller in callers {
            let (number, stored) = caller.await.unwrap();
            assert_eq!(stored, number < 100, "{number}");
        }
    }
}
