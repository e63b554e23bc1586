//! Orders about what happened to officials, with a line for each account. What an order says is encrypted as a whole and bound by its digest;
//! lines carry no MAC of their own, because they are compared with it before anything is done.

use super::{
    record,
    state::{PersonnelKind, PersonnelState},
};
use crate::{id::*, instant::Instant};

record! {
    /// What happened to one official, or to all of an agency, from a day on.
    authenticated PersonnelOrder in "personnel_order" {
        id: PersonnelOrderId,
        kind: PersonnelKind,
        state: PersonnelState,
        /// Of those whom it is about, when it was entered.
        unit: String,
        /// Encrypted: who, what becomes of them, and why.
        content: Vec<u8>,
        /// Keyed digest of exactly what was shown.
        content_digest: Vec<u8>,
        /// How many lines it has.
        size: i64,
        /// When it takes effect.
        effective_at: Instant,
        entered_by: AccountId,
        entered_at: Instant,
        /// Set with the decision, never who entered it.
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
        refusal_reason: Option<String>,
        /// When every line had its outcome.
        finished_at: Option<Instant>,
    }
}

record! {
    /// One account of such an order.
    PersonnelLine in "personnel_line" {
        order_id: PersonnelOrderId,
        position: i64,
        account_id: AccountId,
        /// `done`, or the code of a problem; `None` before it is its turn.
        outcome: Option<String>,
        done_at: Option<Instant>,
    }
}
