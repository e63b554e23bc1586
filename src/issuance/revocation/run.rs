//! Carrying out approved orders: each certificate in a transaction of its own, with what became of its line, so that the job can stop
//! anywhere and go on later, here or on another node. Revoked is what the register says, never what a line claims.

use super::{Change, Ground, Reason, Why, as_it_is, changed_for, order, register, revocation_list};
use crate::{
    accounts::passkey::{Approved, Subject, approval},
    app::App,
    audit::{Actor, Kind},
    error::{InternalError, Result},
    fault,
};
use chuky_model::{
    id::{AccountId, AuditEntryId, RevocationOrderId},
    record::{
        certificate::Certificate as Row,
        revocation::{RevocationLine, RevocationOrder},
        state::{CertificateState, RevocationOrderState, RevocationOutcome},
    },
};

/// Carries an order out beside the request that approved it; what fails is taken up again by [`run_due`].
pub fn start(app: &App, id: RevocationOrderId) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = run(&app, id).await {
            tracing::error!(event = "revocation_order_failed", order = %id, error = %error);
        }
    });
}

/// Takes up every approved order that is not finished; how many were finished.
pub async fn run_due(app: &App) -> Result<usize> {
    let (mut finished, mut failed) = (0, None);
    for order in app.store.revocation_orders_in(RevocationOrderState::Approved, AT_A_TIME).await? {
        // One that fails keeps no other back.
        match run(app, order.id).await {
            Ok(done) => finished += usize::from(done),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(finished), Err)
}

/// Carries an order out; `false` where another node is at it.
async fn run(app: &App, id: RevocationOrderId) -> Result<bool> {
    let holder = uuid::Uuid::now_v7().to_string();
    if !held(app, &holder).await? {
        return Ok(false);
    }
    let outcome = carry_out(app, id, &holder).await;
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

async fn carry_out(app: &App, id: RevocationOrderId, holder: &str) -> Result<bool> {
    // 1. An approved order, over exactly the certificates that were approved.
    let mut order = order::load(app, id).await?;
    let (RevocationOrderState::Approved, Some(approved_by)) = (order.state, order.decided_by) else { return Ok(false) };
    register::follow(app).await?;
    let lines = approved_lines(app, &order).await?;
    let decided_at = order.decided_at.unwrap_or(order.entered_at);
    let content = hex::encode(&order.content_digest);
    approval::check(app, (approved_by, decided_at), Subject::RevocationOrder(id), &content).await?;
    // 2. One by one; the lists tell what is done so far at least every half minute.
    let change = change_of(&order);
    let mut last = None;
    let mut published = app.clock.now();
    for (line, row) in lines {
        last = carried_out(app, (&order, approved_by), line, &row, change).await?.or(last);
        fault::point("order.after_line");
        if app.clock.now() >= published.plus_seconds(PUBLISHED_SECONDS) {
            publish(app, last.take()).await?;
            published = app.clock.now();
            if !held(app, holder).await? {
                return Ok(false);
            }
        }
    }
    publish(app, last).await?;
    // 3. Done: every certificate is revoked.
    let now = app.clock.now();
    order.state = RevocationOrderState::Done;
    order.finished_at = Some(now);
    let told = (Kind::RevocationFinished, Actor::Service, now);
    order::store_change(app, &mut order, told, &Approved::nothing()).await?;
    Ok(true)
}

/// The lines of an order with their certificates; an error where they are not those that were approved.
async fn approved_lines(app: &App, order: &RevocationOrder) -> Result<Vec<(RevocationLine, Row)>> {
    let lines = app.store.revocation_lines(order.id, 0, order.size.saturating_add(1)).await?;
    let mut rows = Vec::with_capacity(lines.len());
    for line in &lines {
        rows.push(as_it_is(app, line.certificate_id).await?);
    }
    let why = (reason_of(order), order.invalid_since, order.ground.as_str());
    if order::digest(why, &rows) != order.content_digest {
        tracing::error!(event = "revocation_order_differs", order = %order.id);
        return Err(InternalError::RowForged { table: "revocation_line" }.into());
    }
    Ok(lines.into_iter().zip(rows).collect())
}

/// Revokes the certificate of a line, unless it is revoked; the entry that the log has of it.
async fn carried_out(
    app: &App,
    (order, approved_by): (&RevocationOrder, AccountId),
    line: RevocationLine,
    row: &Row,
    change: Change,
) -> Result<Option<AuditEntryId>> {
    if row.state == CertificateState::Revoked {
        if line.outcome.is_none() {
            let now = app.clock.now();
            let outcome = Some(RevocationOutcome::RevokedBefore);
            let mut transaction = app.store.begin().await?;
            transaction.finish_revocation_line(&RevocationLine { outcome, done_at: Some(now), ..line }).await?;
            transaction.commit().await?;
        }
        return Ok(None);
    }
    let ground: Ground = serde_json::from_value(serde_json::Value::String(order.ground.clone()))
        .map_err(|error| InternalError::other(error.to_string()))?;
    let why = Why { ground, asked: Vec::new(), ordered: Some((line, approved_by)) };
    changed_for(app, Actor::Account(order.entered_by), &mut row.clone(), change, &why).await.map(Some)
}

/// Waits for the signed head and publishes. OCSP tells it already; a list that could not be published now is tried again.
async fn publish(app: &App, last: Option<AuditEntryId>) -> Result<()> {
    let Some(entry) = last else { return Ok(()) };
    app.audit.wait(entry).await?;
    if let Err(error) = revocation_list::publish_after_change(app).await {
        tracing::error!(event = "list_not_published", error = %error);
    }
    Ok(())
}

fn change_of(order: &RevocationOrder) -> Change {
    Change::Revoke { reason: reason_of(order), invalid_since: order.invalid_since }
}

fn reason_of(order: &RevocationOrder) -> Reason {
    Reason::from_code(u64::try_from(order.reason).unwrap_or_default())
}

const LEASE: &str = "revocation-orders";
/// A node that died gives the work up after this.
const LEASE_SECONDS: i64 = 120;
/// Between two lists while an order is carried out.
const PUBLISHED_SECONDS: i64 = 30;
/// Orders that one round takes up.
const AT_A_TIME: i64 = 20;
