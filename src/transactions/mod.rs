//! Signed payments: judged by `chuky_pki::payment`, consumed once by an authenticated payment provider, looked up for everybody else.
//! The flow joins judgement, certificate status and the store; it never consumes a payment of which any check did not pass.

mod consumer;
mod group;
mod limits;
mod lookup;
mod sign;
mod standing;

pub use consumer::{Consumer, Payment};
pub use sign::sign_order;

use crate::{
    accounts::Principal,
    app::App,
    error::{Error, Result},
};
use chuky_hsm::Hsm;
use chuky_model::{instant::Instant, payment::PaymentAnswer, record::payment::Consumed, role::Role};
use chuky_pki::payment::{Consumption, Fields, Judgement, OrderPolicy, Presented, VerifiedOrder, Verifier};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

const TRUST_READ_AGAIN: Duration = Duration::from_secs(limits::TRUST_READ_AGAIN_SECONDS);

/// What payments keep between calls: the verifier with its memory, rows known to be genuine, the queue to the disk.
pub struct Payments {
    policy: OrderPolicy,
    verifier: RwLock<Option<Ready>>,
    consumer: Consumer,
    lookup: lookup::Lookup,
}

/// A verifier with the moment at which its trust was read; the process's own clock, since only its age counts.
struct Ready {
    verifier: Arc<Verifier>,
    since: std::time::Instant,
}

impl Payments {
    /// Starts the task that commits groups. `hsm` is the token of the row MAC key.
    pub fn start(store: crate::store::Store, hsm: Arc<dyn Hsm>, policy: OrderPolicy) -> Self {
        let lookup = lookup::Lookup::start(store.clone());
        let consumer = Consumer::start(store, hsm);
        Self { policy, verifier: RwLock::default(), consumer, lookup }
    }

    /// To be called after a ceremony: trust is read anew at the next payment.
    pub fn forget_trust(&self) {
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn verifier(&self, app: &App) -> Result<Arc<Verifier>> {
        if let Some(ready) = &*self.verifier.read().unwrap_or_else(PoisonError::into_inner)
            && ready.since.elapsed() < TRUST_READ_AGAIN
        {
            return Ok(ready.verifier.clone());
        }
        let trust = standing::trust(app, &app.store).await?;
        let empty = trust.anchors.is_empty();
        let verifier = Arc::new(Verifier::new(trust, self.policy.clone()));
        if !empty {
            *self.verifier.write().unwrap_or_else(PoisonError::into_inner) =
                Some(Ready { verifier: verifier.clone(), since: std::time::Instant::now() });
        }
        Ok(verifier)
    }
}

/// Verifies one signed payment, in whichever form. A payment provider's call consumes it, once, after every other check passed.
pub async fn verify_payment(app: &App, caller: &Principal, body: &[u8]) -> Result<PaymentAnswer> {
    let now = app.clock.now();
    let verifier = app.payments.verifier(app).await?;
    let presented = verifier.read(body, now);
    verify_presented(app, caller, &verifier, presented, now).await
}

/// The same for a signature that stands beside its content.
pub async fn verify_detached_payment(app: &App, caller: &Principal, fields: Fields) -> Result<PaymentAnswer> {
    let now = app.clock.now();
    let verifier = app.payments.verifier(app).await?;
    let presented = verifier.read_fields(fields, now);
    verify_presented(app, caller, &verifier, presented, now).await
}

async fn verify_presented(
    app: &App,
    caller: &Principal,
    verifier: &Verifier,
    presented: Presented<'_>,
    now: Instant,
) -> Result<PaymentAnswer> {
    // 1. Signature, certificate, chain, order, freshness, payer.
    let named = standing::named(app, presented.wanted()).await?;
    let examined = verifier.examine(&presented, named.as_ref(), now);

    // 2. Revocation: our own certificates by our records, others by what came along.
    let status = standing::status(app, examined.certificate()).await?;
    let status = status.unwrap_or_else(|| examined.embedded_status());
    let judgement = examined.conclude(status.clone());

    // 3. Nobody but a provider consumes; the others learn whether it was seen.
    if !caller.has(Role::PaymentProvider) {
        let consumption = look(app, &judgement).await?;
        return Ok(judgement.answer(consumption));
    }

    // 4. Everything passed: consume.
    if let Some(order) = judgement.consumable() {
        let consumption = consume(app, caller, order, now).await?;
        return Ok(judgement.answer(consumption));
    }

    // 5. Only time went by since: a provider that asks again gets the answer it was given when it was first accepted.
    if let Some(order) = judgement.formerly_consumable()
        && let Some(row) = consumer::stored(&app.store, &*app.tokens.subscribers, &identity(app, order)).await?
        && row.order_digest == order.digest
        && row.provider_id == caller.account
    {
        let then = verifier.examine(&presented, named.as_ref(), row.accepted_at).conclude(status);
        if then.consumable().is_some() {
            return Ok(then.answer(Consumption::Repeated));
        }
    }
    Ok(judgement.answer(Consumption::NotReached))
}

/// Consumes a verified order and says what became of its identity.
async fn consume(app: &App, caller: &Principal, order: &VerifiedOrder, at: Instant) -> Result<Consumption> {
    let identity = identity(app, order);
    let payment = Payment { identity, order_digest: order.digest, provider: caller.account, at };
    match app.payments.consumer.consume(payment).await {
        Ok(Consumed::First) => Ok(Consumption::First),
        Ok(Consumed::Conflict) => Ok(Consumption::Conflict),
        Ok(Consumed::Repeated) => {
            // Another provider must not take the repetition for its own retry and pay a second time.
            let row = consumer::stored(&app.store, &*app.tokens.subscribers, &identity).await?;
            let own = row.is_some_and(|row| row.provider_id == caller.account);
            Ok(if own { Consumption::Repeated } else { Consumption::OtherProvider })
        }
        Err(Error::Request(_)) => Ok(Consumption::NotRecorded),
        Err(error) => Err(error),
    }
}

/// For callers that do not consume.
async fn look(app: &App, judgement: &Judgement) -> Result<Consumption> {
    let Some(order) = judgement.verified_order() else { return Ok(Consumption::NotReached) };
    let identity = identity(app, order);
    let row = match app.payments.lookup.is_stored(identity).await? {
        true => consumer::stored(&app.store, &*app.tokens.subscribers, &identity).await?,
        false => None,
    };
    Ok(match row {
        None => Consumption::Looked { seen: false, same_order: false },
        Some(row) => Consumption::Looked { seen: true, same_order: row.order_digest == order.digest },
    })
}

/// The keyed hash under which a payment is kept: the payer in it may be a personal number.
fn identity(app: &App, order: &VerifiedOrder) -> [u8; 32] {
    app.vault.lookup("payment-identity", &hex::encode(&order.identity_content))
}
