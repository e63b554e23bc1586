//! The authorization server of the signing API (OAuth 2.0, RFC 6749, with PKCE, RFC 7636): registered applications, consent that becomes
//! a one-use code, access tokens of one hour, refresh tokens that are good once. Every row is checked by its MAC and against the audit log when it is relied on; codes,
//! tokens and secrets are random and stored as hashes. May use `accounts`, `custody` and `store`; a token opens the signing API only.

mod client;
mod given;
mod grant;
pub mod limits;
mod refresh;
mod request;
mod token;

pub use client::{ClientView, NewClient, Registered, alive, authenticate, end, list, register};
pub use given::{GrantView, end_grant, granted};
pub use grant::{Granted, approve, by_client, exchange, refuse};
pub use refresh::{Refreshed, refresh};
pub use request::{Asked, AuthorizationRequest, Refusal, Scope, Wish};
pub use token::{client_name, client_of, for_itself, is_access_token, principal, revoke};

use crate::error::{RequestError, RequestErrorKind};
use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// 256 random bits in hexadecimal, behind a prefix.
fn random_text(prefix: &str) -> Zeroizing<String> {
    let mut octets = Zeroizing::new([0_u8; 32]);
    rand::rng().fill_bytes(octets.as_mut_slice());
    Zeroizing::new(format!("{prefix}{}", hex::encode(octets.as_slice())))
}

/// What is stored of a random text: a plain hash tells nothing about it.
fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// RFC 6749 §5.2.
pub fn invalid_client() -> RequestError {
    RequestError::new(
        RequestErrorKind::Unauthenticated,
        "oauth_invalid_client",
        "Ứng dụng không được đăng ký hoặc mật khẩu của ứng dụng không đúng.",
        "The application is not registered, or its secret is wrong.",
    )
}

/// RFC 6749 §5.2.
fn invalid_grant() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "oauth_invalid_grant",
        "Mã ủy quyền không đúng, đã dùng, đã hết hạn hoặc thuộc về yêu cầu khác.",
        "The authorization code is wrong, used, expired or of another request.",
    )
}
