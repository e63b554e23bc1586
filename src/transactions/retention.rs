//! How long accepted payments are kept: whole days (UTC), longer than an order can be fresh anywhere. What is older goes in small
//! transactions, recorded in the audit log, from whichever node holds the lease.

use super::remembered::{MICROSECONDS_A_DAY, day};
use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    config::PaymentsConfig,
    error::Result,
};
use chuky_model::instant::Instant;
use uuid::Uuid;

/// What one round took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub groups: u64,
    pub payments: u64,
}

/// The first day (UTC) whose payments are kept now.
pub fn first_day(settings: &PaymentsConfig, now: Instant) -> i64 {
    day(now).saturating_sub(settings.retention_days)
}

/// Removes groups of days that are past the retention, a bounded number in one round.
pub async fn forget_old(app: &App) -> Result<Forgotten> {
    let now = app.clock.now();
    let first_kept = first_day(&app.settings.payments, now);
    let before = Instant(first_kept.saturating_mul(MICROSECONDS_A_DAY));
    app.payments.remembered().forget_before(first_kept);
    let mut forgotten = Forgotten::default();
    for _ in 0..STEPS_A_ROUND {
        let groups = app.store.payment_batches_before(before, GROUPS_A_STEP).await?;
        if groups.is_empty() {
            break;
        }
        let mut transaction = app.store.begin().await?;
        let until = now.plus_seconds(LEASE_SECONDS);
        // One process at a time: its name is this process's for good.
        let holder = app.payments.process.to_string();
        if transaction.take_lease(LEASE, &holder, now, until).await?.is_none() {
            transaction.rollback().await?;
            return Ok(forgotten);
        }
        let mut step = Forgotten::default();
        for group in groups {
            step.payments = step.payments.saturating_add(transaction.remove_payment_batch(group).await?);
            step.groups = step.groups.saturating_add(1);
        }
        transaction.remove_old_usage(first_kept.saturating_sub(USAGE_DAYS)).await?;
        let entry = Entry::new(now, Kind::PaymentsForgotten, Actor::Service, format!("payments:{}", Uuid::now_v7()));
        let content = serde_json::json!({
            "before": before.rfc3339(), "groups": step.groups, "payments": step.payments,
        });
        audit::record(&mut transaction, entry.with(content)).await?;
        transaction.commit().await?;
        forgotten.groups = forgotten.groups.saturating_add(step.groups);
        forgotten.payments = forgotten.payments.saturating_add(step.payments);
    }
    Ok(forgotten)
}

/// Groups in one transaction: at most some ten thousand rows.
const GROUPS_A_STEP: i64 = 100;
/// Transactions in one round; a day of ten million payments in full groups takes eight rounds.
const STEPS_A_ROUND: usize = 50;
const LEASE: &str = "payments-retention";
/// A node that died is replaced after this long.
const LEASE_SECONDS: i64 = 60;
/// Days for which counts of payments outlive the payments.
const USAGE_DAYS: i64 = 92;
