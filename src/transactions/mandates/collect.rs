//! Collections under mandates. A collection is a payment order that the provider signs with a certificate of its registration, whose reference
//! names the mandate. Those that wait are accepted together in one transaction: the mandate's row, whose version each change raises, holds the
//! count of its period, and a collection's own row is missed where SQL takes it away.

use super::{
    KIND, TRIES,
    content::{self, Content, Objection},
    opened,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, RequestError, Result},
    fault,
    issuance::register,
    store,
    transactions::{
        limits::{LARGEST_GROUP, WAITING},
        providers, standing,
    },
};
use chuky_model::{
    id::{AccountId, MandateId},
    instant::Instant,
    payment::{PaymentOrder, PaymentVerdict, Seen},
    record::{
        payment::{Mandate, MandateCollection},
        state::CertificateState,
    },
    report::Check,
    text::Bilingual,
};
use chuky_pki::{
    algorithm::SignatureAlgorithm,
    certificate::Certificate,
    crypto,
    jose::{Jws, JwsAlgorithm, json},
    payment::{Consumption, VerifiedOrder},
};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::{Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// Collections that wait, and the place of whoever settles them.
#[derive(Default)]
pub struct Collecting {
    waiting: Mutex<Vec<Waiting>>,
    settling: tokio::sync::Mutex<()>,
}

/// The answer on a collection.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CollectionAnswer {
    /// `accepted`, `rejected` or `indeterminate`.
    #[schema(value_type = String)]
    pub verdict: PaymentVerdict,
    /// `first`, `repeated`, `conflict` or `not_consumed`.
    #[schema(value_type = String)]
    pub seen: Seen,
    /// Stable codes.
    pub reasons: Vec<String>,
    #[schema(value_type = Object)]
    pub message: Bilingual,
    #[schema(value_type = Vec<Object>)]
    pub checks: Vec<Check>,
}

/// A collection whose order and collector are good.
#[derive(Clone)]
struct Collection {
    mandate: MandateId,
    identity: [u8; 32],
    digest: [u8; 32],
    order: PaymentOrder,
    provider: AccountId,
    at: Instant,
}

struct Waiting {
    collection: Collection,
    answer: oneshot::Sender<Result<Outcome>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    First,
    Repeated,
    Refused(Objection),
}

/// Whether an order says that it is a collection: it is no payment of its own then.
pub fn is_collection(order: &PaymentOrder) -> bool {
    order.reference.as_ref().is_some_and(|reference| reference.starts_with(PREFIX))
}

/// Judges a collection and accepts it, once.
pub async fn collect(app: &App, caller: &Principal, body: &[u8]) -> Result<CollectionAnswer> {
    providers::admit(app, caller).await?;
    let now = app.clock.now();
    let (verifier, issuers) = app.payments.verifier(app).await?;
    // 1. The order, as any other: signature, certificate, path, order, freshness, revocation.
    let presented = verifier.read(body, now);
    let named = standing::named(app, presented.wanted()).await?;
    let examined = verifier.examine(&presented, named.as_ref(), now);
    let status = standing::own_status(app, examined.path(), &issuers).await?;
    let status = status.unwrap_or_else(|| examined.embedded_status());
    let signer = examined.certificate().map(|certificate| *certificate.fingerprint());
    let mut judgement = examined.conclude(status.clone());
    // 2. Where only time went by, as it was when it was accepted.
    if let Some(order) = judgement.formerly_consumable()
        && let Some(identity) = named_mandate(&order.order).map(|id| identity(app, id, &order.order.id))
        && let Some(row) = stored(app, &identity).await?
        && row.order_digest == order.digest
    {
        judgement = verifier.examine(&presented, named.as_ref(), row.collected_at).conclude(status);
    }
    let Some(order) = judgement.consumable().cloned() else {
        let answer = judgement.answer(Consumption::NotReached);
        return Ok(refused_before(answer.verdict, answer.reasons, answer.message, of_order(answer.checks)));
    };
    let checks = of_order(judgement.answer(Consumption::NotReached).checks);
    // 3. The collector, then the mandate, with others that wait.
    let outcome = match admitted(app, caller, &order, signer, now).await? {
        Err(objection) => Outcome::Refused(objection),
        Ok(collection) => settled(app, collection).await?,
    };
    Ok(answer(outcome, checks))
}

/// The collection, where the provider may bring it.
async fn admitted(
    app: &App,
    caller: &Principal,
    order: &VerifiedOrder,
    signer: Option<[u8; 32]>,
    at: Instant,
) -> Result<std::result::Result<Collection, Objection>> {
    let snapshot = providers::snapshot(app).await?;
    let signer = signer.map(hex::encode).unwrap_or_default();
    let registered = snapshot.terms.get(&caller.account).is_some_and(|terms| {
        terms.active
            && terms.certificates.iter().any(|certificate| {
                let end = certificate.phase_out.as_ref().and_then(|time| Instant::parse_rfc3339(time));
                certificate.sha256 == signer && end.is_none_or(|end| at < end)
            })
    });
    if !registered {
        return Ok(Err(Objection::NotRegistered));
    }
    let Some(mandate) = named_mandate(&order.order) else { return Ok(Err(Objection::Reference)) };
    Ok(Ok(Collection {
        mandate,
        identity: identity(app, mandate, &order.order.id),
        digest: order.digest,
        order: order.order.clone(),
        provider: caller.account,
        at,
    }))
}

/// Waits until it is settled with others. Whoever goes away leaves it to be settled.
async fn settled(app: &App, collection: Collection) -> Result<Outcome> {
    let (answer, answered) = oneshot::channel();
    {
        let mut waiting = waiting(app);
        if waiting.len() >= WAITING {
            return Err(RequestError::try_again().into());
        }
        waiting.push(Waiting { collection, answer });
    }
    let app = app.clone();
    tokio::spawn(async move { settle(&app).await });
    // The task drops an answer only when it ends, that is with the service.
    answered.await.map_err(|_| RequestError::try_again())?
}

/// Settles what waits, in one transaction; who comes meanwhile is settled by the next.
async fn settle(app: &App) {
    let _place = app.payments.collecting.settling.lock().await;
    let group: Vec<Waiting> = {
        let mut waiting = waiting(app);
        let count = waiting.len().min(LARGEST_GROUP);
        waiting.drain(..count).collect()
    };
    if group.is_empty() {
        return;
    }
    let collections: Vec<Collection> = group.iter().map(|waiting| waiting.collection.clone()).collect();
    let outcomes = accepted(app, &collections).await;
    match outcomes {
        Ok(outcomes) => {
            for (waiting, outcome) in group.into_iter().zip(outcomes) {
                // A caller that went away is no failure: a repetition finds it.
                drop(waiting.answer.send(Ok(outcome)));
            }
        }
        // One whose rows are forged refuses itself alone.
        Err(error) if group.len() > 1 => {
            tracing::error!(event = "collections_not_settled", count = group.len(), %error);
            for waiting in group {
                let outcome = accepted(app, std::slice::from_ref(&waiting.collection)).await;
                let outcome = outcome.and_then(|outcomes| outcomes.first().copied().ok_or_else(|| lost().into()));
                drop(waiting.answer.send(outcome));
            }
        }
        Err(error) => {
            for waiting in group {
                drop(waiting.answer.send(Err(lost_or(&error))));
            }
        }
    }
}

/// A group's outcomes; tried again where another node changed a mandate in the same moment.
async fn accepted(app: &App, collections: &[Collection]) -> Result<Vec<Outcome>> {
    for _ in 0..TRIES {
        if let Some(outcomes) = attempt(app, collections).await? {
            return Ok(outcomes);
        }
    }
    Err(RequestError::try_again().into())
}

/// A mandate, what it says, and what speaks against it whatever is collected.
type Loaded = (Mandate, Content, Option<Objection>);

/// What a group makes of its mandates.
#[derive(Default)]
struct Ledger {
    mandates: HashMap<MandateId, Option<Loaded>>,
    changed: HashSet<MandateId>,
    rows: Vec<MandateCollection>,
    /// Digests of orders that this group accepts.
    taken: HashMap<[u8; 32], [u8; 32]>,
}

async fn attempt(app: &App, collections: &[Collection]) -> Result<Option<Vec<Outcome>>> {
    let mut ledger = Ledger::default();
    let mut outcomes = Vec::new();
    for collection in collections {
        outcomes.push(ledger.judge(app, collection).await?);
    }
    if ledger.rows.is_empty() || ledger.store(app).await? { Ok(Some(outcomes)) } else { Ok(None) }
}

impl Ledger {
    async fn judge(&mut self, app: &App, collection: &Collection) -> Result<Outcome> {
        let again = |digest: &[u8]| match digest == collection.digest.as_slice() {
            true => Outcome::Repeated,
            false => Outcome::Refused(Objection::Conflict),
        };
        if let Some(digest) = self.taken.get(&collection.identity) {
            return Ok(again(digest));
        }
        let known = match self.mandates.entry(collection.mandate) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(unknown) => unknown.insert(loaded(app, collection.mandate).await?),
        };
        let Some((row, content, objection)) = known else {
            return Ok(Outcome::Refused(Objection::Unknown));
        };
        if row.provider_id != collection.provider {
            return Ok(Outcome::Refused(Objection::Unknown));
        }
        if let Some(found) = stored(app, &collection.identity).await? {
            return Ok(again(&found.order_digest));
        }
        let counted = match content::collect(row, &content.wish, &collection.order, collection.at) {
            Ok(counted) => counted,
            Err(refused) => return Ok(Outcome::Refused(refused)),
        };
        if let Some(objection) = objection {
            return Ok(Outcome::Refused(*objection));
        }
        (row.period_start, row.collected) = counted;
        let key = hex::encode(collection.identity);
        self.rows.push(MandateCollection {
            identity: collection.identity.to_vec(),
            mandate_id: collection.mandate,
            order_digest: collection.digest.to_vec(),
            order_id: app.vault.seal(SEALED, &key, collection.order.id.as_bytes())?,
            amount: i64::try_from(collection.order.amount).unwrap_or(i64::MAX),
            collected_at: collection.at,
            version: 1,
            mac: Vec::new(),
        });
        self.changed.insert(collection.mandate);
        self.taken.insert(collection.identity, collection.digest);
        Ok(Outcome::First)
    }

    /// Stores all of it in one transaction; false where somebody else changed one of the mandates, or collected the same, meanwhile.
    async fn store(&mut self, app: &App) -> Result<bool> {
        let hsm = &*app.tokens.subscribers;
        let mut mandates = Vec::new();
        for id in &self.changed {
            if let Some(Some((row, ..))) = self.mandates.get_mut(id) {
                attestation::attest_change(hsm, row).await?;
                mandates.push(row.clone());
            }
        }
        // In one order, so that two nodes wait for each other rather than deadlock.
        mandates.sort_by_key(|row| row.id);
        for row in &mut self.rows {
            attestation::attest(hsm, row).await?;
        }
        fault::point("mandate.before_collect");
        let mut transaction = app.store.begin().await?;
        let at = self.rows.iter().map(|row| row.collected_at).max().unwrap_or(Instant(0));
        for row in &mandates {
            match transaction.update_mandate(row).await {
                Err(store::Error::Stale) => {
                    transaction.rollback().await?;
                    return Ok(false);
                }
                other => other?,
            }
            let actor = Actor::Account(row.provider_id);
            audit::record(&mut transaction, Entry::of_row(at, Kind::MandateCollected, actor, row)).await?;
        }
        for row in &self.rows {
            match transaction.insert_mandate_collection(row).await {
                // PostgreSQL has ended the transaction with the error.
                Err(store::Error::Conflict(_)) => return Ok(false),
                other => other?,
            }
            let entry = Entry::of_row(row.collected_at, Kind::CollectionAccepted, Actor::Service, row);
            let content = serde_json::json!({ "mandate": row.mandate_id, "order": hex::encode(&row.order_digest) });
            audit::record(&mut transaction, entry.with(content)).await?;
        }
        transaction.commit().await?;
        fault::point("mandate.collected");
        mandates.iter().for_each(|row| current::changed(app, row));
        Ok(true)
    }
}

/// A mandate as it may be relied on, with what it says, and what speaks against it whatever is collected. An error where the log knows it and its
/// row is gone.
async fn loaded(app: &App, id: MandateId) -> Result<Option<Loaded>> {
    let found: Option<Mandate> = current::row_of_by_log(app, id, || app.store.mandate(id)).await?;
    let Some(row) = found else { return Ok(None) };
    let certificate = standing::certificate(app, row.certificate_id).await?;
    let jws = opened(app, &row)?;
    let Some(content) = verified(&jws, &certificate).filter(|content| content.id == id) else {
        // The row is genuine, so the certificate's row is another than the one that signed.
        return Err(InternalError::RowForged { table: "mandate" }.into());
    };
    register::follow(app).await?;
    let signer = register::genuine(app, || app.store.certificate_by_id(row.certificate_id)).await?;
    let good = signer.as_ref().is_some_and(|signer| {
        let told = app.register.told(&signer.issuer_label, &signer.serial);
        let is_revoked = told.is_some_and(|told| told.standing == register::Standing::Revoked);
        signer.state == CertificateState::Issued && !is_revoked
    });
    // What was ended or collected since the backup was made is not known here.
    let restored = app.store.latest_restoration().await?.and_then(|restoration| restoration.reconciled_at);
    let objection = match restored {
        Some(at) if row.created_at <= at => Some(Objection::BeforeRestoration),
        _ => (!good).then_some(Objection::PayerCertificate),
    };
    Ok(Some((row, content, objection)))
}

/// What a mandate says, where its certificate's key signed it.
pub(super) fn verified(jws: &str, certificate: &Certificate) -> Option<Content> {
    let jws = Jws::parse(jws.as_bytes()).ok()?;
    let header = jws.header().ok().filter(|header| header.kind.as_deref() == Some(KIND) && header.payload_encoded)?;
    let (key, message) = (certificate.public_key().ok()?, jws.signing_input().concat());
    let scheme = header.algorithm.scheme();
    match header.algorithm {
        JwsAlgorithm::Es256 | JwsAlgorithm::Es384 => {
            key.verify_ecdsa_raw(&crypto::digest(scheme.hash().into(), &message), &jws.signature).ok()?;
        }
        _ => key.verify_message(SignatureAlgorithm::from(scheme), &message, &jws.signature).ok()?,
    }
    let payload = jws.payload(true).ok()?;
    json::parse_object(&payload).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// The collection stored under an identity; an error where the log knows of one and its row is gone.
async fn stored(app: &App, identity: &[u8; 32]) -> Result<Option<MandateCollection>> {
    current::row_of(app, hex::encode(identity), || app.store.mandate_collection(identity)).await
}

fn named_mandate(order: &PaymentOrder) -> Option<MandateId> {
    order.reference.as_ref()?.strip_prefix(PREFIX)?.parse().ok()
}

/// The keyed hash under which a collection is kept.
fn identity(app: &App, mandate: MandateId, id: &str) -> [u8; 32] {
    app.vault.lookup("mandate-collection", &format!("{mandate}\n{id}"))
}

fn waiting(app: &App) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
    app.payments.collecting.waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> RequestError {
    RequestError::try_again()
}

/// What a caller is told of a group's error: forged rows are an error of the world.
fn lost_or(error: &Error) -> Error {
    match error {
        Error::Internal(InternalError::RowForged { table }) => InternalError::RowForged { table }.into(),
        _ => lost().into(),
    }
}

/// The checks of the order; what became of its identity is told by the mandate's.
fn of_order(mut checks: Vec<Check>) -> Vec<Check> {
    checks.retain(|check| check.name != "identity");
    checks
}

fn refused_before(
    verdict: PaymentVerdict,
    reasons: Vec<String>,
    message: Bilingual,
    mut checks: Vec<Check>,
) -> CollectionAnswer {
    let not_reached = |name: &&str| Check::not_done(name, "not reached, because of an earlier check");
    checks.extend(content::CHECKS.iter().map(not_reached));
    CollectionAnswer { verdict, seen: Seen::NotConsumed, reasons, message, checks }
}

fn answer(outcome: Outcome, mut checks: Vec<Check>) -> CollectionAnswer {
    let objection = match outcome {
        Outcome::Refused(objection) => Some(objection),
        _ => None,
    };
    checks.extend(content::checks(objection));
    let (seen, message) = match outcome {
        Outcome::First => (Seen::First, Bilingual::new("Khoản thu được chấp nhận.", "The collection is accepted.")),
        Outcome::Repeated => (
            Seen::Repeated,
            Bilingual::new("Khoản thu này đã được chấp nhận trước đó.", "The collection was accepted before."),
        ),
        Outcome::Refused(Objection::Conflict) => (Seen::Conflict, Objection::Conflict.sentence()),
        Outcome::Refused(objection) => (Seen::NotConsumed, objection.sentence()),
    };
    CollectionAnswer {
        verdict: if objection.is_none() { PaymentVerdict::Accepted } else { PaymentVerdict::Rejected },
        seen,
        reasons: objection.map(|objection| objection.code().to_owned()).into_iter().collect(),
        message,
        checks,
    }
}

/// What the sealed id of a collection is bound to beside its row.
pub(super) const SEALED: &str = "mandate_collection.order_id";
/// How a reference names a mandate.
const PREFIX: &str = "mandate:";
