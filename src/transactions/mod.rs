//! Signed payments: judged by `chuky_pki::payment`, consumed once by an authenticated payment provider, looked up for everybody else.
//! The flow joins judgement, certificate status and the store; it never consumes a payment of which any check did not pass.

pub mod alarms;
pub mod code_sheet;
mod consumer;
pub mod figures;
mod group;
pub mod limits;
mod lookup;
pub mod mandates;
pub mod merchant;
pub mod payroll;
pub mod picture;
pub mod provider_changes;
pub mod providers;
pub mod receipts;
mod remembered;
pub mod retention;
mod sign;
mod standing;
pub mod vietqr;
pub mod webhooks;

pub use consumer::{Consumer, Payment};
pub use figures::Figures;
pub use providers::Registry;
pub use receipts::{ReceiptForm, Receipts};
pub use remembered::Remembered;
pub use sign::sign_order;
pub use standing::foreign_status;

use crate::{
    accounts::Principal,
    app::App,
    current,
    error::{Error, Result},
};
use alarms::{About, Alarm, Alarms};
use chuky_hsm::Hsm;
use chuky_model::{
    id::AccountId,
    instant::Instant,
    payment::PaymentAnswer,
    record::{
        audit::AuditEntry,
        payment::{Consumed, PaymentIdentity},
        state::AlarmKind,
    },
    role::Role,
};
use chuky_pki::payment::{
    Consumption, Fields, Judgement, OrderPolicy, Presented, Reason, Status, VerifiedOrder, Verifier,
};
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

/// What payments keep between calls: the verifier with its memory, rows known to be genuine, the queue to the disk.
pub struct Payments {
    policy: OrderPolicy,
    verifier: RwLock<Option<Ready>>,
    /// Held by whoever reads trust anew; the others wait for it.
    reading: tokio::sync::Mutex<()>,
    consumer: Consumer,
    /// What providers are told of.
    pub alarms: Alarms,
    /// Collections under mandates that wait.
    pub collecting: mandates::Collecting,
    lookup: lookup::Lookup,
    remembered: Arc<Remembered>,
    /// Who may bring payments, and how many.
    pub registry: Arc<Registry>,
    /// What became of payments.
    pub figures: Figures,
    /// What payments are forgotten by.
    pub age: retention::Age,
    /// Names this process among those that share the database.
    process: Uuid,
}

/// A judged payment.
pub struct Judged {
    pub answer: PaymentAnswer,
    /// The order, where signature, path and payer are good.
    pub order: Option<VerifiedOrder>,
}

/// A verifier with the moment at which its trust was read; the process's own clock, since only its age counts.
struct Ready {
    verifier: Arc<Verifier>,
    issuers: Arc<Vec<standing::Issuer>>,
    /// Of the keys and certificates that it was made from.
    digest: [u8; 32],
    /// What had been forgotten by then.
    forgotten: Option<Instant>,
    since: std::time::Instant,
}

impl Payments {
    /// Starts the task that commits groups. `hsm` is the token of the row MAC key.
    pub fn start(
        store: crate::store::Store,
        hsm: Arc<dyn Hsm>,
        policy: OrderPolicy,
        (remembered, registry): (Arc<Remembered>, Arc<Registry>),
        age: retention::Age,
    ) -> Self {
        let lookup = lookup::Lookup::start(store.clone());
        let alarms = Alarms::start(store.clone(), hsm.clone(), remembered.clone());
        let consumer = Consumer::start(store, hsm, remembered.clone(), alarms.clone());
        Self {
            policy,
            verifier: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
            consumer,
            alarms,
            collecting: mandates::Collecting::default(),
            lookup,
            remembered,
            registry,
            figures: Figures::default(),
            age,
            process: Uuid::new_v4(),
        }
    }

    /// Learns from an entry of the audit log what was accepted and who is registered.
    pub fn read(&self, entry: &AuditEntry) {
        self.remembered.read(entry);
        self.registry.read(entry);
    }

    /// The payments that the audit log says were accepted.
    pub fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// The verifier with the trust of a moment ago: every node looks at the keys of the authority again after [`current::KEPT_FOR`], so
    /// that a ceremony of any process is noticed. What the verifier remembers of certificates is kept while they are the same.
    async fn verifier(&self, app: &App) -> Result<(Arc<Verifier>, Arc<Vec<standing::Issuer>>)> {
        let forgotten = self.remembered.forgotten();
        if let Some(ready) = self.ready(forgotten) {
            return Ok(ready);
        }
        let _reading = self.reading.lock().await;
        if let Some(ready) = self.ready(forgotten) {
            return Ok(ready);
        }
        let since = std::time::Instant::now();
        let known = standing::trust(app).await?;
        let mut kept = self.verifier.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = kept.as_mut().filter(|ready| ready.forgotten == forgotten && ready.digest == known.digest)
        {
            ready.since = since;
            return Ok((ready.verifier.clone(), ready.issuers.clone()));
        }
        let policy = OrderPolicy { remembered_from: forgotten, ..self.policy.clone() };
        let (verifier, issuers) = (Arc::new(Verifier::new(known.trust, policy)), Arc::new(known.issuers));
        *kept = Some(Ready {
            verifier: verifier.clone(),
            issuers: issuers.clone(),
            digest: known.digest,
            forgotten,
            since,
        });
        Ok((verifier, issuers))
    }

    /// The one that was made a moment ago.
    fn ready(&self, forgotten: Option<Instant>) -> Option<(Arc<Verifier>, Arc<Vec<standing::Issuer>>)> {
        let kept = self.verifier.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = |ready: &&Ready| ready.forgotten == forgotten && ready.since.elapsed() < current::KEPT_FOR;
        kept.as_ref().filter(fresh).map(|ready| (ready.verifier.clone(), ready.issuers.clone()))
    }
}

/// Verifies one signed payment, in whichever form. A payment provider's call consumes it, once, after every other check passed.
pub async fn verify_payment(app: &App, caller: &Principal, body: &[u8]) -> Result<Judged> {
    verify(app, caller, |verifier, now| verifier.read(body, now)).await
}

/// The same for a signature that stands beside its content.
pub async fn verify_detached_payment(app: &App, caller: &Principal, fields: Fields) -> Result<Judged> {
    verify(app, caller, |verifier, now| verifier.read_fields(fields, now)).await
}

async fn verify<'m>(
    app: &App,
    caller: &Principal,
    read: impl FnOnce(&Verifier, Instant) -> Presented<'m> + Send,
) -> Result<Judged> {
    if !caller.has(Role::PaymentProvider) {
        return judge(app, caller, read).await;
    }
    providers::admit(app, caller).await?;
    let judged = judge(app, caller, read).await?;
    app.payments.figures.answered(caller.account, &judged.answer);
    Ok(judged)
}

async fn judge<'m>(
    app: &App,
    caller: &Principal,
    read: impl FnOnce(&Verifier, Instant) -> Presented<'m> + Send,
) -> Result<Judged> {
    let now = app.clock.now();
    let (verifier, issuers) = app.payments.verifier(app).await?;

    // 1. Signature, certificate, chain, order, freshness, payer.
    let presented = read(&verifier, now);
    let named = standing::named(app, presented.wanted()).await?;
    let mut examined = verifier.examine(&presented, named.as_ref(), now);

    // 2. Revocation: our own certificates by our records, others by what came along or is fetched.
    let status = match standing::own_status(app, examined.path(), &issuers).await? {
        Some(status) => status,
        None => foreign_status(&app.fetcher, &mut examined).await,
    };
    let signer = examined.certificate().map(|certificate| *certificate.fingerprint());
    let judgement = examined.conclude(status.clone());

    // 3. Nobody but a provider consumes; the others learn whether it was seen.
    if !caller.has(Role::PaymentProvider) {
        let consumption = look(app, &judgement).await?;
        return Ok(judged(judgement, consumption));
    }

    // 4. Everything passed, and the provider keeps to its terms: consume.
    if let Some(order) = judgement.consumable() {
        if mandates::is_collection(&order.order) {
            return Ok(judged(judgement, Consumption::Refused(Reason::Collection)));
        }
        let admission = providers::admission(app, caller, &order.order, signer, now).await;
        if !matches!(admission, Ok(providers::Admission::Admitted(_))) && is_own(app, caller, order).await? {
            // What was acquired before its terms were changed stays acquired.
            return Ok(judged(judgement, Consumption::Repeated));
        }
        let consumption = match admission? {
            providers::Admission::Refused(objection) => {
                refused(app, caller, (order, signer), objection, now).await?;
                Consumption::Refused(objection)
            }
            // The place in its quota is kept until the payment is counted.
            providers::Admission::Admitted(_place) => consume(app, caller, order, now).await?,
        };
        return Ok(judged(judgement, consumption));
    }

    // 5. Whoever was brought an order under a certificate that was revoked is told, once a day.
    if let (Some(order), Some(signer), Status::Revoked { at }) = (judgement.verified_order(), signer, &status)
        && *at <= now
    {
        let alarm = (AlarmKind::CertificateRevoked, About::Certificate(signer));
        raise(app, caller, alarm, (Some(caller.account), order.digest, now)).await?;
    }

    // 6. Only time went by since: a provider that asks again gets the answer it was given when it was first accepted.
    if let Some(order) = judgement.formerly_consumable()
        && let Some(row) = stored(app, &identity(app, order)).await?
        && row.order_digest == order.digest
        && row.provider_id == caller.account
    {
        let then = verifier.examine(&presented, named.as_ref(), row.accepted_at).conclude(status);
        if then.consumable().is_some() {
            return Ok(judged(then, Consumption::Repeated));
        }
    }
    Ok(judged(judgement, Consumption::NotReached))
}

fn judged(judgement: Judgement, consumption: Consumption) -> Judged {
    let order = judgement.verified_order().cloned();
    Judged { answer: judgement.answer(consumption), order }
}

/// Tells those whose key is out of use that an order came under it.
async fn refused(
    app: &App,
    caller: &Principal,
    (order, signer): (&VerifiedOrder, Option<[u8; 32]>),
    objection: Reason,
    now: Instant,
) -> Result<()> {
    if let (Reason::KeyPhasedOut, Some(signer)) = (objection, signer) {
        for provider in providers::registrants(app, signer, caller.account).await? {
            let alarm = (AlarmKind::KeyPhasedOut, About::Certificate(signer));
            raise(app, caller, alarm, (Some(provider), order.digest, now)).await?;
        }
    }
    Ok(())
}

/// Whether this provider acquired exactly this order.
async fn is_own(app: &App, caller: &Principal, order: &VerifiedOrder) -> Result<bool> {
    let row = stored(app, &identity(app, order)).await?;
    Ok(row.is_some_and(|row| row.order_digest == order.digest && row.provider_id == caller.account))
}

/// Consumes a verified order and says what became of its identity.
async fn consume(app: &App, caller: &Principal, order: &VerifiedOrder, at: Instant) -> Result<Consumption> {
    let identity = identity(app, order);
    let counted = providers::snapshot(app).await?.terms.contains_key(&caller.account);
    let payment = Payment { identity, order_digest: order.digest, provider: caller.account, counted, at };
    match app.payments.consumer.consume(payment).await {
        Ok(Consumed::First) => {
            app.payments.registry.count(caller.account);
            Ok(Consumption::First)
        }
        Ok(Consumed::Conflict) => Ok(Consumption::Conflict),
        Ok(Consumed::Repeated) => {
            // Another provider must not take the repetition for its own retry and pay a second time.
            let row = stored(app, &identity).await?;
            if row.is_some_and(|row| row.provider_id == caller.account) {
                return Ok(Consumption::Repeated);
            }
            let alarm = (AlarmKind::AcquiredByAnother, About::Payment(identity));
            raise(app, caller, alarm, (None, order.digest, at)).await?;
            Ok(Consumption::OtherProvider)
        }
        Err(Error::Request(_)) => Ok(Consumption::NotRecorded),
        Err(error) => Err(error),
    }
}

/// Raises an alarm about an order that a provider brought.
async fn raise(
    app: &App,
    caller: &Principal,
    (kind, about): (AlarmKind, About),
    (provider, order, at): (Option<AccountId>, [u8; 32], Instant),
) -> Result<()> {
    app.payments.alarms.raise(Alarm { kind, about, provider, presented_by: caller.account, order, at }).await
}

/// For callers that do not consume.
async fn look(app: &App, judgement: &Judgement) -> Result<Consumption> {
    let Some(order) = judgement.verified_order() else { return Ok(Consumption::NotReached) };
    let identity = identity(app, order);
    let row = match app.payments.lookup.is_stored(identity).await? {
        true => stored(app, &identity).await?,
        false if app.payments.remembered.holds(&identity) => stored(app, &identity).await?,
        false => None,
    };
    Ok(match row {
        None => Consumption::Looked { seen: false, same_order: false },
        Some(row) => Consumption::Looked { seen: true, same_order: row.order_digest == order.digest },
    })
}

async fn stored(app: &App, identity: &[u8; 32]) -> Result<Option<PaymentIdentity>> {
    consumer::stored(&app.store, &*app.tokens.subscribers, &app.payments.remembered, identity).await
}

/// The keyed hash under which a payment is kept: the payer in it may be a personal number.
fn identity(app: &App, order: &VerifiedOrder) -> [u8; 32] {
    app.vault.lookup("payment-identity", &hex::encode(&order.identity_content))
}
