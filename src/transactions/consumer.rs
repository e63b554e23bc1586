//! Group commit of payments: many callers, one transaction, one flush. A group's identities, its authenticated batch row and its audit
//! entries are stored together; each caller is answered only after the commit. Decides nothing about a payment itself.

use super::{
    alarms::{About, Alarm, Alarms},
    group::gather,
    limits::{GROUPS_UNDER_WAY, LARGEST_GROUP, SLOTS, WAITING},
    remembered::{GroupContent, Remembered, day, joined},
};
use crate::{
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, RequestError, Result},
    fault, lasting,
    store::{Store, Transaction},
};
use chuky_hsm::Hsm;
use chuky_model::{
    id::{AccountId, BatchId},
    instant::Instant,
    record::{
        payment::{Consumed, PaymentBatch, PaymentIdentity},
        state::AlarmKind,
    },
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

/// A payment to consume.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Keyed hash of verified payer, payee and id.
    pub identity: [u8; 32],
    /// SHA-256 of the canonical order.
    pub order_digest: [u8; 32],
    pub provider: AccountId,
    /// Whether it counts against a registered provider's quota.
    pub counted: bool,
    pub at: Instant,
}

struct Waiting {
    payment: Payment,
    answer: oneshot::Sender<Result<Consumed>>,
}

/// The callers' end; clones share the queue. The tasks end when the last of them is gone.
#[derive(Clone)]
pub struct Consumer(mpsc::Sender<Waiting>);

/// What a task works with.
struct Journal {
    store: Store,
    hsm: Arc<dyn Hsm>,
    remembered: Arc<Remembered>,
    alarms: Alarms,
    /// Where this task counts payments of registered providers: two do not wait for each other's row.
    slot: i64,
}

impl Consumer {
    /// Starts the tasks that commit groups.
    pub fn start(store: Store, hsm: Arc<dyn Hsm>, remembered: Arc<Remembered>, alarms: Alarms) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        let first = i64::from(Uuid::new_v4().as_bytes()[0]);
        for slot in (first..).take(GROUPS_UNDER_WAY).map(|slot| slot % SLOTS) {
            let (store, hsm, remembered, alarms) = (store.clone(), hsm.clone(), remembered.clone(), alarms.clone());
            let journal = Journal { store, hsm, remembered, alarms, slot };
            lasting::spawn("payments consumed", run(receiver.clone(), journal));
        }
        Self(sender)
    }

    /// Consumes a payment; returns after it is on disk. A full queue is an error of the request: try again. A payment that the audit log
    /// knows and whose row is gone is an error of the world.
    pub async fn consume(&self, payment: Payment) -> Result<Consumed> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Waiting { payment, answer }).map_err(|_| RequestError::try_again())?;
        // A task drops an answer only when it ends, that is with the service.
        answered.await.map_err(|_| RequestError::try_again())?
    }
}

async fn run(receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>, journal: Journal) {
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    while gather(&mut *receiver.lock().await, &mut group, LARGEST_GROUP).await {
        if let Err(error) = journal.settle(&mut group).await {
            tracing::error!(event = "payments_not_recorded", count = group.len(), %error);
            for waiting in group.drain(..) {
                let _ = waiting.answer.send(Err(RequestError::try_again().into()));
            }
        }
    }
}

/// What became of a group.
enum Outcome {
    Committed(Vec<Consumed>),
    /// Nothing was stored: of these payments the log says that they were accepted, and their rows are gone.
    Missing(Vec<[u8; 32]>),
}

impl Journal {
    /// Answers a whole group. On an error nobody who is still in the group was answered.
    async fn settle(&self, group: &mut Vec<Waiting>) -> Result<()> {
        if !self.remembered.has_room() {
            tracing::error!(event = "payments_memory_full", remembered = self.remembered.count());
            return Err(InternalError::other("more payments than payments.most_remembered").into());
        }
        while !group.is_empty() {
            let payments: Vec<Payment> = group.iter().map(|waiting| waiting.payment.clone()).collect();
            match self.commit(&payments).await? {
                Outcome::Committed(outcomes) => {
                    for (waiting, outcome) in group.drain(..).zip(outcomes) {
                        if outcome == Consumed::Conflict {
                            self.conflict(waiting);
                            continue;
                        }
                        // A caller that went away is no failure: the payment is consumed, and a repetition finds it.
                        let _ = waiting.answer.send(Ok(outcome));
                    }
                }
                Outcome::Missing(identities) => {
                    for waiting in group.extract_if(.., |waiting| identities.contains(&waiting.payment.identity)) {
                        let _ = waiting.answer.send(Err(forged().into()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Answers a conflict once its alarm is on disk, without keeping other payments waiting for it, and whether or not its caller stays.
    fn conflict(&self, Waiting { payment, answer }: Waiting) {
        let alarms = self.alarms.clone();
        tokio::spawn(async move {
            let alarm = Alarm {
                kind: AlarmKind::Conflict,
                about: About::Payment(payment.identity),
                provider: None,
                presented_by: payment.provider,
                order: payment.order_digest,
                at: payment.at,
            };
            let raised = alarms.raise(alarm).await;
            let _ = answer.send(raised.map(|()| Consumed::Conflict));
        });
    }

    /// Stores a group in one transaction: identities, the batch row with its MAC, audit entries.
    async fn commit(&self, payments: &[Payment]) -> Result<Outcome> {
        let id = BatchId(Uuid::now_v7());
        let at = payments.iter().map(|payment| payment.at).max().unwrap_or(Instant(0));
        let rows: Vec<PaymentIdentity> = payments.iter().map(|payment| row(payment, id)).collect();
        // Mostly all are new: their group is authenticated before the database is held, and again where some are not.
        let expected = self.batch((id, at), &rows.iter().collect::<Vec<_>>()).await?;
        fault::point("payment.before_consume");
        let mut transaction = self.store.begin().await?;
        let outcomes = transaction.consume_payments(&rows).await?;
        if outcomes.len() != rows.len() {
            return Err(InternalError::other("the store answered for another number of payments").into());
        }
        let first = |index: usize| outcomes.get(index) == Some(&Consumed::First);
        let accepted: Vec<&Payment> =
            payments.iter().enumerate().filter(|(index, _)| first(*index)).map(|(_, payment)| payment).collect();
        // The log knows what was accepted, whatever SQL did to the rows.
        let missing = accepted.iter().map(|payment| payment.identity).filter(|of| self.remembered.holds(of));
        let missing: Vec<[u8; 32]> = missing.collect();
        if !missing.is_empty() {
            transaction.rollback().await?;
            self.alarm(at, &missing).await?;
            return Ok(Outcome::Missing(missing));
        }
        if !accepted.is_empty() {
            let stored: Vec<_> =
                rows.iter().enumerate().filter(|(index, _)| first(*index)).map(|(_, row)| row).collect();
            let batch = if stored.len() == rows.len() { expected } else { self.batch((id, at), &stored).await? };
            record(&mut transaction, &batch, &stored).await?;
            self.count(&mut transaction, at, &accepted).await?;
        }
        transaction.commit().await?;
        self.remembered.learn(at, accepted.iter().map(|payment| payment.identity));
        fault::point("payment.consumed");
        Ok(Outcome::Committed(outcomes))
    }

    /// The authenticated row of a group.
    async fn batch(&self, (id, at): (BatchId, Instant), payments: &[&PaymentIdentity]) -> Result<PaymentBatch> {
        let digest = group_digest(payments.iter().copied()).to_vec();
        let count = i64::try_from(payments.len()).unwrap_or(i64::MAX);
        let mut batch = PaymentBatch { id, accepted_at: at, count, digest, version: 1, mac: Vec::new() };
        attestation::attest(&*self.hsm, &mut batch).await?;
        Ok(batch)
    }

    /// Counts what registered providers brought, for their quotas.
    async fn count(&self, transaction: &mut Transaction, at: Instant, accepted: &[&Payment]) -> Result<()> {
        let mut counts: BTreeMap<AccountId, i64> = BTreeMap::new();
        for payment in accepted.iter().filter(|payment| payment.counted) {
            *counts.entry(payment.provider).or_default() += 1;
        }
        for (provider, count) in counts {
            transaction.count_payments(provider, day(at), self.slot, count).await?;
        }
        Ok(())
    }

    async fn alarm(&self, at: Instant, missing: &[[u8; 32]]) -> Result<()> {
        let mut transaction = self.store.begin().await?;
        for identity in missing {
            let subject = format!("payment:{}", hex::encode(identity));
            tracing::error!(event = "row_missing", table = "payment_identity", %subject);
            audit::record(&mut transaction, Entry::new(at, Kind::RowForged, Actor::Service, subject)).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// The row of the accepted payments, and the entry that makes the audit log their authority.
async fn record(transaction: &mut Transaction, batch: &PaymentBatch, accepted: &[&PaymentIdentity]) -> Result<()> {
    transaction.insert_payment_batch(batch).await?;
    let content = GroupContent { count: batch.count, digest: hex::encode(&batch.digest), identities: joined(accepted) };
    let content = serde_json::to_value(content).map_err(|error| InternalError::other(error.to_string()))?;
    let subject = format!("payment_batch:{}", batch.id);
    let entry = Entry::new(batch.accepted_at, Kind::PaymentsConsumed, Actor::Service, subject);
    audit::record(transaction, entry.with(content)).await?;
    Ok(())
}

fn row(payment: &Payment, batch_id: BatchId) -> PaymentIdentity {
    PaymentIdentity {
        identity: payment.identity.to_vec(),
        order_digest: payment.order_digest.to_vec(),
        provider_id: payment.provider,
        accepted_at: payment.at,
        batch_id,
    }
}

fn forged() -> InternalError {
    InternalError::RowForged { table: "payment_identity" }
}

/// What a batch row is authenticated over: every accepted payment, ordered by identity.
fn group_digest<'r>(rows: impl Iterator<Item = &'r PaymentIdentity>) -> [u8; 32] {
    let mut rows: Vec<&PaymentIdentity> = rows.collect();
    rows.sort_by(|left, right| left.identity.cmp(&right.identity));
    let mut hasher = Sha256::new();
    for row in rows {
        // Each part has a fixed length, so the concatenation is unambiguous.
        hasher.update(&row.identity);
        hasher.update(&row.order_digest);
        hasher.update(row.provider_id.as_bytes());
        hasher.update(row.accepted_at.0.to_be_bytes());
    }
    hasher.finalize().into()
}

/// The payment stored under an identity, where its group's MAC and digest say that this service stored it.
pub async fn stored(
    store: &Store,
    hsm: &dyn Hsm,
    remembered: &Remembered,
    identity: &[u8; 32],
) -> Result<Option<PaymentIdentity>> {
    let mut found = store.payment_by_identity(identity).await?;
    if found.is_none() && remembered.holds(identity) {
        // Accepted between the two looks, or taken away by SQL, where the log says that it was accepted.
        found = Some(store.payment_by_identity(identity).await?.ok_or_else(forged)?);
    }
    let Some(row) = found else { return Ok(None) };
    let digest = group_digest(std::iter::once(&row));
    if remembered.is_genuine(&digest) {
        return Ok(Some(row));
    }
    if is_of_its_group(store, hsm, &row).await? {
        remembered.found_genuine(digest);
        return Ok(Some(row));
    }
    // Its group was past the retention and was removed between the looks, or somebody wrote into it.
    if store.payment_by_identity(identity).await?.is_none() && !remembered.holds(identity) {
        return Ok(None);
    }
    tracing::error!(event = "row_forged", table = "payment_identity");
    Err(forged().into())
}

/// Whether the payment's group is there, genuine, and has exactly it among its members.
async fn is_of_its_group(store: &Store, hsm: &dyn Hsm, row: &PaymentIdentity) -> Result<bool> {
    let Some(batch) = store.payment_batch_by_id(row.batch_id).await? else { return Ok(false) };
    let batch = attestation::check(hsm, batch).await?;
    let members = store.payments_of_batch(batch.id).await?;
    Ok(group_digest(members.iter()).as_slice() == batch.digest.as_slice() && members.contains(row))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use chuky_hsm::{Error as HsmError, Health, Request, Response};
    use std::time::Duration;

    /// MACs with a key of the test's own, in place of a token; counts how often it is asked.
    #[derive(Default)]
    struct TestToken(std::sync::atomic::AtomicUsize);

    impl Hsm for TestToken {
        fn call(
            &self,
            request: Request,
            _deadline: Duration,
        ) -> std::pin::Pin<Box<dyn Future<Output = std::result::Result<Response, HsmError>> + Send + '_>> {
            let Request::Mac { domain, items } = request else { panic!("only MACs are asked for") };
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mac = |item: Vec<u8>| {
                Sha256::new().chain_update(b"key").chain_update(&domain).chain_update(item).finalize().into()
            };
            let macs = items.into_iter().map(mac).collect();
            Box::pin(async move { Ok(Response::Macs(macs)) })
        }

        fn health(&self) -> Health {
            Health { ready: true, reason: None, workers: 1, in_flight: 0, tokens: Vec::new() }
        }
    }

    fn payment(identity: u8, order: u8) -> Payment {
        let provider = AccountId(Uuid::from_u128(7));
        Payment {
            identity: [identity; 32],
            order_digest: [order; 32],
            provider,
            counted: false,
            at: Instant(1_000_000),
        }
    }

    async fn outcomes(consumer: &Consumer, payments: Vec<Payment>) -> BTreeMap<String, usize> {
        let tasks: Vec<_> = payments
            .into_iter()
            .map(|payment| {
                let consumer = consumer.clone();
                tokio::spawn(async move { consumer.consume(payment).await.unwrap() })
            })
            .collect();
        let mut counts = BTreeMap::new();
        for task in tasks {
            *counts.entry(format!("{:?}", task.await.unwrap())).or_default() += 1;
        }
        counts
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_at_once_exactly_one_is_first() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_file(&directory.path().join("payments.sqlite")).await.unwrap();
        let counting = Arc::new(TestToken::default());
        let token: Arc<dyn Hsm> = counting.clone();
        let memory = || Arc::new(Remembered::new(1_000, 0));
        let remembered = memory();
        let consumer = Consumer::start(
            store.clone(),
            token.clone(),
            remembered.clone(),
            Alarms::start(store.clone(), token.clone(), remembered.clone()),
        );
        let same = outcomes(&consumer, vec![payment(1, 1); 32]).await;
        assert_eq!(same, BTreeMap::from([("First".to_owned(), 1), ("Repeated".to_owned(), 31)]));
        let other = outcomes(&consumer, vec![payment(1, 2)]).await;
        assert_eq!(other, BTreeMap::from([("Conflict".to_owned(), 1)]));
        let many = outcomes(&consumer, (10..110).map(|identity| payment(identity, 1)).collect()).await;
        assert_eq!(many, BTreeMap::from([("First".to_owned(), 100)]));

        // A second process over the same database knows them all, and finds their groups genuine.
        let again = Store::open_file(&directory.path().join("payments.sqlite")).await.unwrap();
        let restarted =
            Consumer::start(again.clone(), token.clone(), memory(), Alarms::start(again, token.clone(), memory()));
        assert_eq!(outcomes(&restarted, vec![payment(50, 1)]).await, BTreeMap::from([("Repeated".to_owned(), 1)]));
        let row = stored(&store, &*token, &remembered, &[50; 32]).await.unwrap().unwrap();
        assert_eq!((row.order_digest.clone(), row.accepted_at), (vec![1; 32], Instant(1_000_000)));
        assert_eq!(stored(&store, &*token, &remembered, &[200; 32]).await.unwrap(), None);
        // Whoever asks again costs the token nothing; a row that is another does not pass for it.
        let asked = || counting.0.load(std::sync::atomic::Ordering::Relaxed);
        let before = asked();
        assert_eq!(stored(&store, &*token, &remembered, &[50; 32]).await.unwrap(), Some(row));
        assert_eq!(asked(), before);
        let change = format!(
            "UPDATE payment_identity SET order_digest = zeroblob(32) WHERE identity = X'{}'",
            hex::encode([50; 32])
        );
        let file = directory.path().join("payments.sqlite");
        assert!(std::process::Command::new("sqlite3").arg(file).arg(change).status().unwrap().success());
        assert!(stored(&store, &*token, &remembered, &[50; 32]).await.is_err());
    }

    #[tokio::test]
    async fn a_row_that_the_service_did_not_store_is_forged() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_file(&directory.path().join("payments.sqlite")).await.unwrap();
        let batch = BatchId(Uuid::from_u128(1));
        let mut transaction = store.begin().await.unwrap();
        transaction.consume_payments(&[row(&payment(1, 1), batch)]).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(stored(&store, &TestToken::default(), &Remembered::new(1, 0), &[1; 32]).await.is_err());
    }
}
