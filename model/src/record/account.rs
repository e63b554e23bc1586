//! Accounts, their API keys and their sessions. Secrets stand here only as hashes; none of these rows is ever shown or logged.

use super::record;
use crate::{id::*, instant::Instant, role::Role};

record! {
    /// A person or system that can log in.
    authenticated Account in "account" {
        id: AccountId,
        /// Unique, compared as written: flows lower-case it.
        login: String,
        /// PHC string of the password; `None` where the account has no password.
        password_hash: Option<String>,
        roles: Vec<Role>,
        /// Encrypted.
        display_name: Vec<u8>,
        /// The code of the unit the account belongs to; empty where none.
        unit: String,
        /// Keyed hash of the personal number, where the account is a person's.
        person_lookup: Option<Vec<u8>>,
        failed_logins: i64,
        /// Log-ins from unknown devices wait until then, and failed ones are forgotten one by one from then on.
        locked_until: Option<Instant>,
        disabled_at: Option<Instant>,
        created_at: Instant,
        /// Sessions, API keys and applications' tokens from before open nothing any more.
        renewed_at: Option<Instant>,
        /// Encrypted: the secret of the second factor (RFC 6238), confirmed or not.
        totp_secret: Option<Vec<u8>>,
        /// The last time step whose code was taken; `None` until the secret is confirmed by a first code.
        totp_step: Option<i64>,
        /// When the account came to its unit, where that was not with the account itself.
        unit_since: Option<Instant>,
    }
}

record! {
    /// An API key; it has the roles of its account.
    authenticated ApiKey in "api_key" {
        id: ApiKeyId,
        account_id: AccountId,
        /// SHA-256 of the key (256 random bits).
        key_hash: Vec<u8>,
        label: String,
        expires_at: Instant,
        revoked_at: Option<Instant>,
        created_at: Instant,
    }
}

record! {
    /// A log-in.
    authenticated Session in "session" {
        /// SHA-256 of the token (256 random bits).
        token_hash: Vec<u8>,
        account_id: AccountId,
        /// Random octets that forms must send back.
        csrf: Vec<u8>,
        created_at: Instant,
        expires_at: Instant,
        ended_at: Option<Instant>,
        /// When it was last seen to be used, to a few minutes; only sessions of staff have it.
        seen_at: Option<Instant>,
        /// When a second factor was checked in it.
        second_factor_at: Option<Instant>,
    }
}
