//! What the checks of one payment come to: the list of findings, the verdict derived from it, and the answer once it is known what became
//! of the payment's identity.

use super::{
    judge::VerifiedOrder,
    order::Refusal,
    reason::{CHECKS, Reason},
};
use chuky_model::{
    payment::{Payer, PaymentAnswer, PaymentVerdict, Seen},
    report::Check,
    text::Bilingual,
};

/// A judged payment, before its identity is consumed.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub(super) findings: Findings,
    pub(super) payer: Option<Payer>,
    pub(super) order: Option<VerifiedOrder>,
}

/// What became of the payment's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumption {
    First,
    Repeated,
    Conflict,
    /// The same order was consumed by another provider.
    OtherProvider,
    /// The caller does not consume, and this was stored before: nothing, the same order, or another one.
    Looked {
        seen: bool,
        same_order: bool,
    },
    /// Not reached, because another check did not pass.
    NotReached,
    /// Storage could not be asked or did not answer.
    NotRecorded,
    /// The provider that asks may not consume it.
    Refused(Reason),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    checks: Vec<Check>,
    reasons: Vec<Reason>,
}

impl Findings {
    pub(super) fn passed(&mut self, name: &'static str) {
        self.checks.push(Check::passed(name));
    }

    pub(super) fn refuse(&mut self, (reason, detail): Refusal) {
        let check = match reason.verdict() {
            PaymentVerdict::Indeterminate => Check::not_done(reason.check(), detail),
            _ => Check::failed(reason.check(), detail),
        };
        self.checks.push(check);
        self.reasons.push(reason);
    }

    /// Records the outcome of one check; whether it passed.
    pub(super) fn record(&mut self, name: &'static str, outcome: Result<(), Refusal>) -> bool {
        match outcome {
            Ok(()) => {
                self.passed(name);
                true
            }
            Err(refusal) => {
                self.refuse(refusal);
                false
            }
        }
    }

    pub(super) fn verdict(&self) -> PaymentVerdict {
        let worst = |verdict| self.reasons.iter().any(|reason| reason.verdict() == verdict);
        if worst(PaymentVerdict::Rejected) {
            PaymentVerdict::Rejected
        } else if worst(PaymentVerdict::Indeterminate) {
            PaymentVerdict::Indeterminate
        } else {
            PaymentVerdict::Accepted
        }
    }
}

impl Judgement {
    /// The order, where every check so far passed: it may be consumed.
    pub fn consumable(&self) -> Option<&VerifiedOrder> {
        self.order.as_ref().filter(|_| self.findings.verdict() == PaymentVerdict::Accepted)
    }

    /// The order, where nothing but the passing of time speaks against it: it may have been accepted earlier.
    pub fn formerly_consumable(&self) -> Option<&VerifiedOrder> {
        let reasons = &self.findings.reasons;
        self.order.as_ref().filter(|_| !reasons.is_empty() && reasons.iter().all(|reason| reason.is_of_time()))
    }

    /// The order, where signature, path and payer are good, whatever else is not: its identity may be looked up.
    pub fn verified_order(&self) -> Option<&VerifiedOrder> {
        self.order.as_ref()
    }

    /// The answer. The verdict is derived from the checks, the identity's among them.
    pub fn answer(mut self, consumption: Consumption) -> PaymentAnswer {
        let refusal = |reason: Reason| Err((reason, String::new()));
        let (seen, before, outcome) = match consumption {
            Consumption::First => (Seen::First, None, Ok(())),
            Consumption::Repeated => (Seen::Repeated, None, Ok(())),
            Consumption::Conflict => (Seen::Conflict, None, refusal(Reason::Conflict)),
            Consumption::OtherProvider => (Seen::Conflict, None, refusal(Reason::OtherProvider)),
            Consumption::Looked { seen: true, same_order: false } => {
                (Seen::NotConsumed, Some(true), refusal(Reason::Conflict))
            }
            Consumption::Looked { seen, .. } => (Seen::NotConsumed, Some(seen), Ok(())),
            Consumption::NotReached => (Seen::NotConsumed, None, Ok(())),
            Consumption::NotRecorded => (Seen::NotConsumed, None, refusal(Reason::NotRecorded)),
            Consumption::Refused(reason) => (Seen::NotConsumed, None, refusal(reason)),
        };
        if consumption != Consumption::NotReached {
            self.findings.record("identity", outcome);
        }
        let Findings { checks, reasons } = &self.findings;
        let verdict = self.findings.verdict();
        PaymentAnswer {
            verdict,
            seen,
            seen_before: before,
            reasons: reasons.iter().map(|reason| reason.code().to_owned()).collect(),
            message: message(verdict, seen, reasons),
            payer: self.payer,
            checks: complete(checks),
            receipt: None,
        }
    }
}

/// The sentence of the reason that decided, or what acceptance means for this caller.
fn message(verdict: PaymentVerdict, seen: Seen, reasons: &[Reason]) -> Bilingual {
    if let Some(reason) = reasons.iter().find(|reason| reason.verdict() == verdict) {
        return reason.sentence();
    }
    match seen {
        Seen::First => Bilingual::new(
            "Lệnh thanh toán hợp lệ và đã được ghi nhận.",
            "The payment order is valid and has been recorded.",
        ),
        Seen::Repeated => Bilingual::new(
            "Lệnh thanh toán hợp lệ và đã được ghi nhận trước đó; không thanh toán lần nữa.",
            "The payment order is valid and was recorded before; do not pay it again.",
        ),
        Seen::Conflict | Seen::NotConsumed => Bilingual::new(
            "Lệnh thanh toán hợp lệ; lần kiểm tra này không ghi nhận thanh toán.",
            "The payment order is valid; this check did not record the payment.",
        ),
    }
}

/// Every check in its place: those not reached are said to be not done.
fn complete(made: &[Check]) -> Vec<Check> {
    let missing = |name: &str| Check::not_done(name, "not reached, because of an earlier check");
    CHECKS
        .iter()
        .map(|name| made.iter().find(|check| check.name == *name).cloned().unwrap_or_else(|| missing(name)))
        .collect()
}
