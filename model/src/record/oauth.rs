//! Applications that act for users through the signing API, and what they were given (OAuth 2.0, RFC 6749). Secrets, codes and tokens
//! stand here only as hashes.

use super::record;
use crate::{id::*, instant::Instant};

record! {
    /// A registered application (RFC 6749 §2).
    authenticated OauthClient in "oauth_client" {
        id: OauthClientId,
        /// As the page of consent names it.
        name: String,
        /// One a line; compared as written.
        redirect_uris: String,
        /// SHA-256 of the secret (256 random bits); `None` where the application can keep none.
        secret_hash: Option<Vec<u8>>,
        /// The account that it acts for by itself (client credentials); `None` where it only acts for users who consent.
        account_id: Option<AccountId>,
        registered_by: AccountId,
        created_at: Instant,
        ended_at: Option<Instant>,
    }
}

record! {
    /// An authorization code, good once for a minute (RFC 6749 §4.1.2).
    authenticated OauthCode in "oauth_code" {
        /// SHA-256 of the code (256 random bits).
        code_hash: Vec<u8>,
        client_id: OauthClientId,
        account_id: AccountId,
        /// `service` or `credential`.
        scope: String,
        redirect_uri: String,
        /// SHA-256 of the verifier in base64url (RFC 7636 §4.2).
        challenge: String,
        /// For `credential`: the activation data, under a key that only the code gives.
        sealed_activation: Option<Vec<u8>>,
        /// For `credential`: the activation itself, by which it is closed where the code comes twice.
        activation_id: Option<ActivationId>,
        created_at: Instant,
        expires_at: Instant,
        used_at: Option<Instant>,
    }
}

record! {
    /// An access token of scope `service`.
    authenticated OauthToken in "oauth_token" {
        /// SHA-256 of the token (256 random bits).
        token_hash: Vec<u8>,
        client_id: OauthClientId,
        account_id: AccountId,
        /// The code that it was given for; `None` for client credentials.
        code_hash: Option<Vec<u8>>,
        created_at: Instant,
        expires_at: Instant,
        ended_at: Option<Instant>,
    }
}

record! {
    /// A refresh token, good once (RFC 6749 §6). All that came of one consent share its code.
    authenticated OauthRefresh in "oauth_refresh" {
        /// SHA-256 of the token (256 random bits).
        token_hash: Vec<u8>,
        /// The code of the consent.
        code_hash: Vec<u8>,
        client_id: OauthClientId,
        account_id: AccountId,
        created_at: Instant,
        /// Set by the consent, and the same for each successor.
        expires_at: Instant,
        used_at: Option<Instant>,
        ended_at: Option<Instant>,
    }
}
