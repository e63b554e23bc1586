//! Orders to make or change staff accounts, and the invitations by which their holders come to a password. What an order says is
//! encrypted as a whole; codes stand here only as keyed hashes.

use super::{
    record,
    state::{StaffOrderKind, StaffOrderState},
};
use crate::{id::*, instant::Instant};

record! {
    /// An order to make or change a staff account: entered by one person, decided by another, applied with the approval.
    authenticated StaffOrder in "staff_order" {
        id: StaffOrderId,
        kind: StaffOrderKind,
        state: StaffOrderState,
        /// Whose account; of an order to open one, the identifier that it will have.
        account_id: AccountId,
        /// Encrypted: what is to become of the account.
        content: Vec<u8>,
        /// Keyed digest of exactly what was shown: as entered, and once it is approved, as approved.
        content_digest: Vec<u8>,
        entered_by: AccountId,
        entered_at: Instant,
        expires_at: Instant,
        /// Set with the decision, never who entered it; who withdrew it is in the audit log.
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
        refusal_reason: Option<String>,
    }
}

record! {
    /// The invitation of a staff account's holder, one for each account; a later one takes the place of the one before.
    authenticated StaffInvitation in "staff_invitation" as "invitation" {
        account_id: AccountId,
        /// The approved order behind it; `None` of whom the founding made.
        order_id: Option<StaffOrderId>,
        /// Keyed hash of the personal number: one person has one staff account.
        person_lookup: Vec<u8>,
        /// Encrypted: the telephone number to which the second secret goes; empty for none.
        contact: Vec<u8>,
        /// Keyed hash of the code; of a code that nobody knows until one is made.
        code_hash: Vec<u8>,
        /// Keyed hash of the second secret that was sent, bound to the code.
        second_secret: Option<Vec<u8>>,
        /// Second secrets that were tried with this code.
        tries: i64,
        /// Messages that were sent for this invitation.
        messages: i64,
        expires_at: Instant,
        redeemed_at: Option<Instant>,
        created_at: Instant,
    }
}
