//! What became of payments since this process started: by provider, and by reason. Counts only; figures and pages read them.

use chuky_model::{
    id::AccountId,
    payment::{PaymentAnswer, PaymentVerdict, Seen},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Counts of one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Accepted for the first time.
    pub accepted: u64,
    pub repeated: u64,
    /// Another order, or another provider, under the same identity.
    pub conflicts: u64,
    pub rejected: u64,
    pub indeterminate: u64,
    /// Calls beyond the provider's rate or quota.
    pub throttled: u64,
}

/// All counts of this process.
#[derive(Debug, Default)]
pub struct Figures {
    providers: Mutex<HashMap<AccountId, Counts>>,
    reasons: Mutex<BTreeMap<String, u64>>,
}

impl Figures {
    /// Counts an answer to a provider.
    pub fn answered(&self, provider: AccountId, answer: &PaymentAnswer) {
        self.change(provider, |counts| {
            let count = match (answer.verdict, answer.seen) {
                (_, Seen::First) => &mut counts.accepted,
                (_, Seen::Repeated) => &mut counts.repeated,
                (_, Seen::Conflict) => &mut counts.conflicts,
                (PaymentVerdict::Rejected, _) => &mut counts.rejected,
                _ => &mut counts.indeterminate,
            };
            *count = count.saturating_add(1);
        });
        let mut reasons = locked(&self.reasons);
        for reason in &answer.reasons {
            // Reasons are codes of a fixed list.
            let count = reasons.entry(reason.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Counts a call that was refused for its provider's rate or quota.
    pub fn throttled(&self, provider: AccountId) {
        self.change(provider, |counts| counts.throttled = counts.throttled.saturating_add(1));
    }

    /// The counts of a provider.
    pub fn of(&self, provider: AccountId) -> Counts {
        locked(&self.providers).get(&provider).copied().unwrap_or_default()
    }

    /// Every provider that called, with its counts.
    pub fn providers(&self) -> Vec<(AccountId, Counts)> {
        let mut counts: Vec<_> = locked(&self.providers).iter().map(|(id, counts)| (*id, *counts)).collect();
        counts.sort_by_key(|(id, _)| *id);
        counts
    }

    /// How often each reason kept a payment from being accepted.
    pub fn reasons(&self) -> BTreeMap<String, u64> {
        locked(&self.reasons).clone()
    }

    fn change(&self, provider: AccountId, change: impl FnOnce(&mut Counts)) {
        let mut providers = locked(&self.providers);
        if providers.len() < MOST_COUNTED || providers.contains_key(&provider) {
            change(providers.entry(provider).or_default());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Providers that are counted one by one.
const MOST_COUNTED: usize = 10_000;
