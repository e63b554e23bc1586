//! How long accepted payments are kept: whole days (UTC), longer than an order can be fresh anywhere. What is older goes in small
//! transactions, recorded in the audit log, from whichever node holds the lease. A wall clock that jumped ahead, or is ahead of the log at
//! the start, makes nothing older: payments are kept, and an alarm tells.

use super::remembered::{MICROSECONDS_A_DAY, day};
use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    clock::Clock,
    config::PaymentsConfig,
    error::Result,
    store::Store,
};
use chuky_model::instant::Instant;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// What one round took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub groups: u64,
    pub payments: u64,
}

/// The first day (UTC) whose payments are kept then.
pub fn first_day(settings: &PaymentsConfig, at: Instant) -> i64 {
    day(at).saturating_sub(settings.retention_days)
}

/// The time that payments are forgotten by: never later than the wall clock, than what went by since the start, and than the audit log
/// lets it be.
#[derive(Debug, Default)]
pub struct Age {
    /// By how much the wall clock at the start was ahead of what the log's last head allows.
    ahead_microseconds: i64,
    /// Whether the alarm was raised already.
    alarmed: AtomicBool,
}

impl Age {
    /// At the start of a process. A service that rested longer forgets that much later, until it is started again.
    pub async fn at_start(store: &Store, clock: &Clock) -> Result<Self> {
        let head = store.latest_audit_head().await?;
        let ahead = head.map_or(0, |head| {
            clock.certain().0.saturating_sub(head.signed_at.plus_seconds(PaymentsConfig::REST_SECONDS).0)
        });
        Ok(Self { ahead_microseconds: ahead.max(0), alarmed: AtomicBool::default() })
    }

    /// The time now.
    pub fn time(&self, clock: &Clock) -> Instant {
        Instant(clock.certain().0.saturating_sub(self.ahead_microseconds))
    }

    /// Says once that the clock jumped, and again after it was right for a while.
    fn watch(&self, clock: &Clock) {
        let seconds = clock.ahead_seconds();
        let jumped = seconds > JUMP_SECONDS;
        if jumped && !self.alarmed.swap(true, Ordering::SeqCst) {
            tracing::error!(event = "clock_jumped", seconds, "the clock runs ahead; payments are kept");
        } else if !jumped {
            self.alarmed.store(false, Ordering::SeqCst);
        }
    }
}

/// Removes groups of days that are past the retention, a bounded number in one round.
pub async fn forget_old(app: &App) -> Result<Forgotten> {
    let now = app.clock.now();
    app.payments.age.watch(&app.clock);
    let first_kept = first_day(&app.settings.payments, app.payments.age.time(&app.clock));
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
        // Before the rows are gone: an order of those days is not taken for new, whatever the clock says by then.
        app.payments.remembered().forgot_before(before);
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
/// Beyond this the clock was set, not steered.
const JUMP_SECONDS: i64 = 60;
/// Days for which counts of payments outlive the payments.
const USAGE_DAYS: i64 = 92;
