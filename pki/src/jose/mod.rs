//! JSON Web Signatures (RFC 7515, RFC 7797) and JAdES (TS 119 182-1): the compact, flattened and general serialisation, read
//! strictly, and written in two steps. Uses strict JSON and `crypto`; never trusts a key that came with the message (`jwk`, `jku`,
//! `x5u`).

pub mod algorithm;
pub(crate) mod base64url;
pub mod document;
pub mod header;
pub mod jades;
pub mod json;
pub mod limits;
pub mod serialization;
pub mod sign;
pub mod unsigned;

pub use algorithm::JwsAlgorithm;
pub use header::{ProtectedHeader, SignerReference};
pub use serialization::Jws;
pub use sign::{Form, Unsigned};

use json::JsonError;

/// Why a JWS is refused before any signature is checked. Every kind is a fault of the message, none of the world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    #[error("longer than {0} bytes")]
    TooLong(usize),
    #[error("neither a compact nor a JSON serialisation (RFC 7515 §7)")]
    NotJws,
    #[error("not base64url without padding: {0} (RFC 7515 §2)")]
    Base64(&'static str),
    #[error("{part}: {source}")]
    Json { part: &'static str, source: JsonError },
    #[error("the member {0} is missing, of the wrong type, or out of bounds")]
    Member(&'static str),
    #[error("the unprotected header names {0}, which must be integrity protected")]
    Unprotected(String),
    #[error("the signature protects no header, so that nobody signed how it is to be read (RFC 7515 §7.2.1)")]
    NothingProtected,
    #[error("more signatures than are allowed here")]
    SeveralSignatures,
    #[error("the critical header parameter {0} is not understood (RFC 7515 §4.1.11)")]
    UnknownCritical(String),
    #[error("`crit` is empty, repeats a name, or names a parameter that is absent or standard (RFC 7515 §4.1.11)")]
    BadCritical,
    #[error("the algorithm {0} is not accepted")]
    Algorithm(String),
    #[error("the header carries a key or a link to one ({0}), which cannot be trusted")]
    EmbeddedKey(&'static str),
    #[error("the header parameter {0} is both protected and unprotected (RFC 7515 §4)")]
    TwiceInHeaders(String),
    #[error("the payload is both attached and given separately")]
    PayloadTwice,
    #[error("the payload is detached and was not given")]
    PayloadMissing,
}
