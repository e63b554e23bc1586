//! Carrying out approved orders whose day has come: one official after the other, each step safe to repeat, so that the job can stop anywhere and
//! go on later, here or on another node. What is done is found from the rows as they are then, never from what a line claims.

use super::{
    content::Content,
    effect::{self, Action, CertificateEffect, Effect},
    order::{changed, load, opened},
};
use crate::{
    accounts::{
        self,
        passkey::{Subject, approval},
        quorum,
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, RequestError, RequestErrorKind, Result},
    fault, foreign,
    issuance::{
        revocation::{self, Change},
        revocation_list,
    },
    outgoing, registration, store,
};
use chuky_model::{
    id::{AccountId, PersonnelOrderId},
    instant::Instant,
    record::{
        personnel::{PersonnelLine, PersonnelOrder},
        state::{PersonnelKind, PersonnelState},
    },
};

/// Carries an order out that is due: a short one before the answer, a long one beside it.
pub(super) async fn start(app: &App, order: &PersonnelOrder) {
    let (app, id, short) = (app.clone(), order.id, order.size <= AT_ONCE);
    let work = async move {
        if let Err(error) = run(&app, id).await {
            tracing::error!(event = "personnel_order_failed", order = %id, error = %error);
        }
    };
    if short { work.await } else { drop(tokio::spawn(work)) }
}

/// Takes up every approved order whose day has come; how many were finished.
pub async fn run_due(app: &App) -> Result<usize> {
    let (mut finished, mut failed) = (0, None);
    // What a clock that jumped ahead would do too early cannot be taken back.
    let now = app.clock.certain();
    for order in app.store.due_personnel_orders(now, ORDERS).await? {
        // One that fails keeps no other back.
        match run(app, order.id).await {
            Ok(done) => finished += usize::from(done),
            Err(error) => {
                tracing::error!(event = "personnel_order_failed", order = %order.id, error = %error);
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(finished), Err)
}

/// Carries an order out; `false` where another node is at it.
async fn run(app: &App, id: PersonnelOrderId) -> Result<bool> {
    let holder = uuid::Uuid::now_v7().to_string();
    if !held(app, &holder).await? {
        return Ok(false);
    }
    let outcome = carried_out(app, id, &holder).await;
    let mut transaction = app.store.begin().await?;
    transaction.release_lease(LEASE, &holder).await?;
    transaction.commit().await?;
    outcome
}

async fn held(app: &App, holder: &str) -> Result<bool> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let held = transaction.take_lease(LEASE, holder, now, now.plus_seconds(LEASE_SECONDS)).await?.is_some();
    transaction.commit().await?;
    Ok(held)
}

async fn carried_out(app: &App, id: PersonnelOrderId, holder: &str) -> Result<bool> {
    // 1. An approved order that is due, over exactly those who were approved.
    let mut order = load(app, id).await?;
    let (PersonnelState::Approved, Some(approved_by)) = (order.state, order.decided_by) else { return Ok(false) };
    if order.effective_at > app.clock.now() {
        return Ok(false);
    }
    let content = opened(app, &order)?;
    let decided_at = order.decided_at.unwrap_or(order.entered_at);
    let digest = hex::encode(&order.content_digest);
    approval::check(app, (approved_by, decided_at), Subject::PersonnelOrder(id), &digest).await?;
    // 2. One by one.
    let (mut renewed, mut failed) = (app.clock.now(), None);
    for (position, account) in (0..).zip(&content.accounts) {
        let line = app.store.personnel_lines(id, position, 1).await?.pop();
        if line.is_some_and(|line| line.position == position && line.account_id == *account && line.done_at.is_some())
            && effect_done(app, &content, *account).await?
        {
            continue;
        }
        let outcome = match one(app, (&order, &content, approved_by), *account).await {
            Ok(()) => "done".to_owned(),
            // What cannot be done for one keeps no other from it; what may be done in a moment is tried again by the job.
            Err(Error::Request(refused)) if !passes(&refused) => refused.code.to_owned(),
            Err(error) => {
                failed = Some(error);
                continue;
            }
        };
        finish(app, &order, (position, *account), outcome).await?;
        fault::point("personnel.after_line");
        if app.clock.now() >= renewed.plus_seconds(RENEWED_SECONDS) {
            if !held(app, holder).await? {
                return Ok(false);
            }
            renewed = app.clock.now();
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    // 3. Told by the lists, and done.
    if let Err(error) = revocation_list::publish_after_change(app).await {
        tracing::error!(event = "list_not_published", error = %error);
    }
    let now = app.clock.now();
    order.state = PersonnelState::Done;
    order.finished_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut order).await?;
    let mut transaction = app.store.begin().await?;
    changed(&mut transaction, &order).await?;
    audit::record(&mut transaction, Entry::of_row(now, Kind::PersonnelFinished, Actor::Service, &order)).await?;
    transaction.commit().await?;
    current::changed(app, &order);
    Ok(true)
}

/// Whether a refusal says nothing about the official, but about this moment.
fn passes(refused: &RequestError) -> bool {
    matches!(refused.kind, RequestErrorKind::Unavailable | RequestErrorKind::TooMany)
        || ["changed_meanwhile", "certificate_state"].contains(&refused.code)
}

/// A line that says it is done is believed where nothing is left to do.
async fn effect_done(app: &App, content: &Content, account: AccountId) -> Result<bool> {
    let left = Effect::of(app, content, account).await?;
    let acts = |one: &CertificateEffect| matches!(one.action, Action::Revoke | Action::Suspend);
    let narrowed = (left.roles_end.is_empty() || left.is_disabled) && left.unit == left.unit_after;
    Ok(!left.certificates.iter().any(acts) && narrowed)
}

/// Everything that an order brings for one official.
async fn one(
    app: &App,
    (order, content, approved_by): (&PersonnelOrder, &Content, AccountId),
    account: AccountId,
) -> Result<()> {
    let by = Actor::Account(order.entered_by);
    let effect = Effect::of(app, content, account).await?;
    let moves = matches!(content.kind, PersonnelKind::Transfer | PersonnelKind::Merger);
    if moves && effect.unit != order.unit && effect.unit != effect.unit_after {
        return Err(unit_changed().into());
    }
    // Death is known since its day; everything else takes effect now.
    let invalid_since = (content.kind == PersonnelKind::Death).then_some(order.effective_at);
    // Every step is made, whatever became of those before it: the account first, with which everything else could be done meanwhile.
    let mut steps = Vec::new();
    if content.kind != PersonnelKind::Title {
        steps.push(narrowed(app, content, account, by).await);
        steps.push(outgoing::end_delegations_of(app, account, by).await.map(drop));
        steps.push(foreign::taken_from(app, account, by, approved_by).await.map(drop));
    }
    for certificate in &effect.certificates {
        steps.push(certified(app, (order, content), certificate, invalid_since).await);
    }
    // What may be done in a moment comes first, so that the job goes on.
    let refused = |step: &Result<()>| matches!(step, Err(Error::Request(refused)) if !passes(refused));
    steps.sort_by_key(refused);
    steps.into_iter().collect()
}

/// Whoever moved on their own meanwhile is of another agency's order.
fn unit_changed() -> RequestError {
    RequestError::conflict(
        "unit_changed",
        "Người này đã sang đơn vị khác trước ngày có hiệu lực.",
        "This person has gone to another unit before the day.",
    )
}

async fn certified(
    app: &App,
    (order, content): (&PersonnelOrder, &Content),
    certificate: &CertificateEffect,
    invalid_since: Option<Instant>,
) -> Result<()> {
    let Some(id) = certificate.id else { return Ok(()) };
    let ground = certificate.ground.unwrap_or_default();
    let change = match (certificate.action, certificate.reason) {
        (Action::Revoke, Some(reason)) => Change::Revoke { reason, invalid_since },
        (Action::Suspend, _) => Change::Suspend,
        (Action::Reissue, _) => return reissued(app, order, content, &certificate.serial).await,
        (Action::Revoke | Action::Keep, _) => return Ok(()),
    };
    revocation::change_by_order(app, Actor::Account(order.entered_by), id, change, ground).await
}

/// The request for a certificate with the new title, on behalf of whoever entered the order.
async fn reissued(app: &App, order: &PersonnelOrder, content: &Content, serial: &str) -> Result<()> {
    let client = format!("personnel_order:{}", order.id);
    let by = accounts::acting_account(app, order.entered_by, client, app.clock.now()).await?;
    let changes = registration::Changes { title: Some(content.title.clone()), ..registration::Changes::default() };
    match registration::modify(app, &by, serial, changes).await {
        // Entered by an earlier run of the job, or by a registrar meanwhile.
        Err(Error::Request(refused)) if ["request_open", "nothing_changed"].contains(&refused.code) => Ok(()),
        other => other.map(drop),
    }
}

/// The account without what ends, in its new unit, or disabled.
async fn narrowed(app: &App, content: &Content, id: AccountId, by: Actor) -> Result<()> {
    // A try of a log-in that is counted in this moment must not keep anybody from narrowing the account.
    for _ in 0..TRIES {
        if narrowed_once(app, content, id, by).await? {
            return Ok(());
        }
    }
    Err(RequestError::overtaken().into())
}

async fn narrowed_once(app: &App, content: &Content, id: AccountId, by: Actor) -> Result<bool> {
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    let mut account = account.ok_or(InternalError::RowForged { table: "account" })?;
    let (stay, end) = effect::roles(content, &account);
    let unit = effect::unit_after(content, &account, &stay);
    let disables = content.leaves() && (content.kind == PersonnelKind::Death || stay.is_empty());
    let is_over = if disables { account.disabled_at.is_some() } else { end.is_empty() };
    if is_over && unit == account.unit {
        return Ok(true);
    }
    let now = app.clock.now();
    let had_part = quorum::has_part(&account);
    if unit != account.unit {
        account.unit = unit;
        account.unit_since = Some(now);
    }
    if disables {
        account.disabled_at.get_or_insert(now);
    } else {
        account.roles = stay;
        // Sessions and keys from before open nothing more than the roles that stay, and those of whoever left nothing at all.
        account.renewed_at = content.leaves().then_some(now).or(account.renewed_at);
    }
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let mut transaction = app.store.begin().await?;
    if had_part {
        quorum::hold(app, &mut transaction, &account).await?;
    }
    match transaction.update_account(&account).await {
        Err(store::Error::Stale) => return Ok(false),
        other => other?,
    }
    let kind = if disables { Kind::AccountDisabled } else { Kind::AccountChanged };
    let told = serde_json::json!({ "roles": account.roles, "unit": account.unit });
    audit::record(&mut transaction, Entry::of_row(now, kind, by, &account).with(told)).await?;
    transaction.commit().await?;
    current::changed(app, &account);
    Ok(true)
}

/// Says what became of a line, with its audit entry.
async fn finish(
    app: &App,
    order: &PersonnelOrder,
    (position, account_id): (i64, AccountId),
    outcome: String,
) -> Result<()> {
    let now = app.clock.now();
    let told = serde_json::json!({ "account": account_id, "outcome": outcome });
    let line = PersonnelLine { order_id: order.id, position, account_id, outcome: Some(outcome), done_at: Some(now) };
    let mut transaction = app.store.begin().await?;
    transaction.finish_personnel_line(&line).await?;
    let entry =
        Entry::new(now, Kind::PersonnelCarriedOut, Actor::Service, format!("personnel_line:{}/{position}", order.id));
    audit::record(&mut transaction, entry.with(told)).await?;
    Ok(transaction.commit().await?)
}

const LEASE: &str = "personnel-orders";
/// A node that died gives the work up after this.
const LEASE_SECONDS: i64 = 120;
const RENEWED_SECONDS: i64 = 30;
/// Officials that are done before the answer to whoever approved.
const AT_ONCE: i64 = 20;
/// Orders that one round takes up.
const ORDERS: i64 = 50;
/// Changes of one account that may meet, one after the other.
const TRIES: usize = 16;
