//! Alarms about payments: each concerns one provider, is on disk before whoever caused it is answered, and has an identifier made of what it
//! is about, so that the same alarm is one alarm. Who is told of them, and when, is the business of [`super::webhooks`].

use super::{
    consumer::stored,
    group::gather,
    limits::{LARGEST_GROUP, WAITING},
    remembered::{Remembered, day},
};
use crate::{
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{Error, InternalError, RequestError, Result},
    lasting,
    store::Store,
};
use chuky_hsm::Hsm;
use chuky_model::{
    id::{AccountId, PaymentAlarmId},
    instant::Instant,
    record::{
        payment::PaymentAlarm,
        state::{AlarmKind, AlarmState},
    },
};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Builder;

/// What happened.
#[derive(Clone, Debug)]
pub struct Alarm {
    pub kind: AlarmKind,
    pub about: About,
    /// Whom it concerns; `None`: whoever acquired the payment.
    pub provider: Option<AccountId>,
    /// Who brought the order.
    pub presented_by: AccountId,
    /// SHA-256 of the canonical order that was brought.
    pub order: [u8; 32],
    pub at: Instant,
}

/// What an alarm is about, and with it which alarms are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The payment of that identity: each other order under it is an alarm of its own.
    Payment([u8; 32]),
    /// The certificate of that fingerprint: one alarm a day.
    Certificate([u8; 32]),
}

struct Waiting {
    alarm: Alarm,
    answer: oneshot::Sender<Result<()>>,
}

/// The callers' end; clones share the queue. The task ends when the last of them is gone.
#[derive(Clone)]
pub struct Alarms {
    waiting: mpsc::Sender<Waiting>,
    raised: Arc<Notify>,
}

impl Alarms {
    /// Starts the task that stores alarms. `hsm` is the token of the row MAC key.
    pub fn start(store: Store, hsm: Arc<dyn Hsm>, remembered: Arc<Remembered>) -> Self {
        let (waiting, receiver) = mpsc::channel(WAITING);
        let raised = Arc::new(Notify::new());
        let register = Register { store, hsm, remembered, raised: raised.clone(), recent: HashSet::new() };
        lasting::spawn("alarms", register.run(receiver));
        Self { waiting, raised }
    }

    /// Stores an alarm; returns after it is on disk. A full queue is an error of the request: try again.
    pub async fn raise(&self, alarm: Alarm) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.waiting.try_send(Waiting { alarm, answer }).map_err(|_| RequestError::try_again())?;
        // The task drops an answer only when it ends, that is with the service.
        answered.await.map_err(|_| RequestError::try_again())?
    }

    /// Returns when an alarm was raised here since the last call.
    pub async fn raised(&self) {
        self.raised.notified().await;
    }
}

/// What the task works with.
struct Register {
    store: Store,
    hsm: Arc<dyn Hsm>,
    remembered: Arc<Remembered>,
    raised: Arc<Notify>,
    /// Alarms that are known to be stored.
    recent: HashSet<PaymentAlarmId>,
}

/// An alarm before it is stored.
struct Prepared {
    entry: Entry,
    /// `None` where it is known to be stored, or nobody is to be told.
    row: Option<PaymentAlarm>,
}

impl Register {
    async fn run(mut self, mut receiver: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(LARGEST_GROUP);
        while gather(&mut receiver, &mut group, LARGEST_GROUP).await {
            let outcome = self.settle(&group).await;
            if let Err(error) = &outcome {
                tracing::error!(event = "payment_alarms_not_stored", count = group.len(), %error);
            }
            for waiting in group.drain(..) {
                let answer = if outcome.is_ok() { Ok(()) } else { Err(RequestError::try_again().into()) };
                // Its caller may have gone; the alarm is stored.
                drop(waiting.answer.send(answer));
            }
        }
    }

    /// Stores a group in one transaction; the HSM is asked before it begins.
    async fn settle(&mut self, group: &[Waiting]) -> Result<()> {
        let mut prepared = Vec::new();
        for waiting in group {
            prepared.extend(self.prepared(&waiting.alarm).await?);
        }
        if prepared.is_empty() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        let mut ids = Vec::new();
        for Prepared { entry, row } in prepared {
            let is_new = match &row {
                Some(row) => transaction.insert_payment_alarm(row).await?,
                None => false,
            };
            ids.extend(row.map(|row| row.id));
            // Each conflict is recorded, however often the same order comes.
            if is_new || entry.kind == Kind::PaymentConflict {
                audit::record(&mut transaction, entry).await?;
            }
        }
        transaction.commit().await?;
        if self.recent.len() >= MOST_RECENT {
            self.recent.clear();
        }
        self.recent.extend(ids);
        self.raised.notify_one();
        Ok(())
    }

    async fn prepared(&self, alarm: &Alarm) -> Result<Option<Prepared>> {
        let (provider, acquired) = self.concerned(alarm).await?;
        let id = provider.map(|provider| identifier(alarm, provider));
        let is_stored = id.is_some_and(|id| self.recent.contains(&id));
        if alarm.kind != AlarmKind::Conflict && is_stored {
            return Ok(None);
        }
        let actor = Actor::Account(alarm.presented_by);
        tracing::warn!(event = "payment_alarm", kind = alarm.kind.name(), provider = %alarm.presented_by);
        let entry = match (alarm.kind, alarm.about) {
            (AlarmKind::Conflict, About::Payment(identity)) => {
                let subject = format!("payment:{}", hex::encode(identity));
                Entry::new(alarm.at, Kind::PaymentConflict, actor, subject)
            }
            _ => {
                let subject = format!("payment_alarm:{}", id.map(|id| id.to_string()).unwrap_or_default());
                Entry::new(alarm.at, Kind::PaymentAlarmed, actor, subject)
            }
        };
        let content = serde_json::json!({
            "order": hex::encode(alarm.order), "alarm": id, "kind": alarm.kind.name(), "concerns": provider,
        });
        let entry = entry.with(content);
        let (Some(id), Some(provider), false) = (id, provider, is_stored) else {
            return Ok(Some(Prepared { entry, row: None }));
        };
        let mut row = PaymentAlarm {
            id,
            provider_id: provider,
            kind: alarm.kind,
            details: details(alarm, provider, acquired).to_string(),
            raised_at: alarm.at,
            state: AlarmState::Waiting,
            tries: 0,
            next_at: alarm.at,
            told_at: None,
            last_error: None,
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*self.hsm, &mut row).await?;
        Ok(Some(Prepared { entry, row: Some(row) }))
    }

    /// Whom it concerns, with the digest of the order that was acquired, where a genuine row tells it. A forged one concerns nobody and is
    /// an alarm of its own.
    async fn concerned(&self, alarm: &Alarm) -> Result<(Option<AccountId>, Option<Vec<u8>>)> {
        let About::Payment(identity) = alarm.about else { return Ok((alarm.provider, None)) };
        match stored(&self.store, &*self.hsm, &self.remembered, &identity).await {
            Ok(Some(row)) => Ok((alarm.provider.or(Some(row.provider_id)), Some(row.order_digest))),
            Ok(None) => Ok((alarm.provider, None)),
            Err(Error::Internal(InternalError::RowForged { .. })) => Ok((alarm.provider, None)),
            Err(error) => Err(error),
        }
    }
}

/// The same for the same alarm, on every node and however often it is raised.
fn identifier(alarm: &Alarm, provider: AccountId) -> PaymentAlarmId {
    let mut hasher = Sha256::new();
    hasher.update(b"chuky-payment-alarm-v1\0");
    hasher.update(alarm.kind.name());
    hasher.update(b"\0");
    hasher.update(provider.as_bytes());
    hasher.update(alarm.presented_by.as_bytes());
    match alarm.about {
        About::Payment(identity) => {
            hasher.update(identity);
            hasher.update(alarm.order);
        }
        About::Certificate(fingerprint) => {
            hasher.update(fingerprint);
            hasher.update(day(alarm.at).to_be_bytes());
        }
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut octets = [0; 16];
    octets.iter_mut().zip(digest).for_each(|(octet, of)| *octet = of);
    // RFC 9562 §5.8: version 8, of what its maker chooses.
    PaymentAlarmId(Builder::from_custom_bytes(octets).into_uuid())
}

/// What the provider is told; of others only what it knows itself.
fn details(alarm: &Alarm, provider: AccountId, acquired: Option<Vec<u8>>) -> serde_json::Value {
    let order = hex::encode(alarm.order);
    let own = alarm.presented_by == provider;
    match (alarm.kind, alarm.about) {
        (AlarmKind::Conflict, _) => serde_json::json!({
            "order_sha256": acquired.map(hex::encode), "other_order_sha256": order, "presented_by_you": own,
        }),
        (_, About::Payment(_)) => serde_json::json!({ "order_sha256": order, "presented_by_you": own }),
        (_, About::Certificate(fingerprint)) => serde_json::json!({
            "certificate_sha256": hex::encode(fingerprint), "order_sha256": order, "presented_by_you": own,
        }),
    }
}

/// Alarms that are known to be stored, about 16 octets each.
const MOST_RECENT: usize = 50_000;
