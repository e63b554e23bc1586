//! Passkeys (WebAuthn credentials) of accounts, and the assertions that decisions were made with.

use super::record;
use crate::{id::*, instant::Instant};

record! {
    /// A passkey of an account.
    authenticated Passkey in "passkey" {
        id: PasskeyId,
        account_id: AccountId,
        /// As the authenticator named it.
        credential_id: Vec<u8>,
        /// COSE_Key.
        public_key: Vec<u8>,
        /// The last signature counter; 0 where the authenticator does not count.
        counter: i64,
        /// Flags BE (8) and BS (16) of the authenticator data.
        backup: i64,
        /// What its holder calls it; sealed.
        name: Vec<u8>,
        created_at: Instant,
        /// Who confirmed that it is its holder's: a second person, or the holder with a passkey confirmed before. Without it, it logs in
        /// and approves nothing.
        confirmed_by: Option<AccountId>,
        confirmed_at: Option<Instant>,
        last_used_at: Option<Instant>,
        revoked_at: Option<Instant>,
        /// Since when it may have been in other hands: what it approved from then on does not count.
        distrusted_from: Option<Instant>,
    }
}

record! {
    /// An account approves with passkeys from then on, and never without again, whatever becomes of its passkeys.
    authenticated PasskeyEnrolment in "passkey_enrolment" {
        account_id: AccountId,
        since: Instant,
    }
}

record! {
    /// The assertion with which one decision was made. Appended, never changed.
    authenticated ApprovalAssertion in "approval_assertion" {
        id: AssertionId,
        /// What was decided on: `request:…`, `agency_list:…` and so on.
        subject: String,
        account_id: AccountId,
        passkey_id: PasskeyId,
        /// The text whose SHA-256 is the challenge.
        statement: String,
        authenticator_data: Vec<u8>,
        client_data: Vec<u8>,
        signature: Vec<u8>,
        made_at: Instant,
    }
}
