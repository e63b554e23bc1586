//! Everything that can go wrong between the service and its HSM. Errors of the request (`WrongSecret`, `Tampered`, `Expired`…) and
//! errors of the world (`Unavailable`, `Busy`…) are told apart by type; no text is ever meant to be branched on.

use cryptoki::error::RvError;
use serde::{Deserialize, Serialize};

/// The one error of this package. It crosses the worker's socket, so it carries no secret and no foreign type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    /// The bounded queue is full. Try again.
    #[error("the HSM queue is full")]
    Busy,
    /// No answer within the caller's deadline; whether it took effect is unknown.
    #[error("the HSM did not answer within the deadline")]
    DeadlineExceeded,
    /// Token or worker is gone. Calls fail fast with this until it is back.
    #[error("the HSM is unavailable: {reason}")]
    Unavailable {
        /// What was found missing, for the log.
        reason: String,
    },
    /// The PIN-derived secret or the activation secret is not the one the blob was sealed under. Nothing was altered.
    #[error("wrong secret")]
    WrongSecret,
    /// A MAC over the blob and its context does not hold: the row was altered, or belongs to somebody else.
    #[error("the stored {what} was altered or belongs to another key")]
    Tampered {
        /// `sealed key` or `activation`.
        what: String,
    },
    /// A hash that the activation does not hold (or holds fewer times than asked).
    #[error("the hash is not part of this activation")]
    NotInActivation,
    /// The hash was signed under this activation before.
    #[error("the hash was already signed under this activation")]
    AlreadySigned,
    /// The activation's time is over.
    #[error("the activation has expired")]
    Expired,
    /// No key under this label.
    #[error("no key labelled {label}")]
    UnknownKey {
        /// The label asked for.
        label: String,
    },
    /// A key under this label exists and labels are never reused.
    #[error("a key labelled {label} exists")]
    KeyExists {
        /// The label asked for.
        label: String,
    },
    /// The request cannot be served as it stands (digest length, scheme, size…).
    #[error("invalid request: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The token let through what it must refuse, or lacks what it must have. It is not used.
    #[error("HSM self-test failed: {check}: {finding}")]
    SelfTest {
        /// Which check.
        check: String,
        /// What was found.
        finding: String,
    },
    /// The PKCS#11 module is missing or cannot be loaded.
    #[error("PKCS#11 module not usable: {reason}")]
    Module {
        /// Path and what to install.
        reason: String,
    },
    /// A PKCS#11 function failed, and a probe found the token alive.
    #[error("PKCS#11 {function} returned {code}")]
    Pkcs11 {
        /// The function, as `C_…` is named.
        function: String,
        /// The return code.
        code: String,
    },
    /// Frames between service and worker did not make sense.
    #[error("HSM worker protocol: {reason}")]
    Protocol {
        /// What did not fit.
        reason: String,
    },
}

impl Error {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    pub(crate) fn tampered(what: &str) -> Self {
        Self::Tampered { what: what.to_owned() }
    }

    /// Whether the caller may simply try again later: the world's fault, not the request's.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::DeadlineExceeded | Self::Unavailable { .. } | Self::Protocol { .. })
    }

    /// Whether the error may mean that the session or the token is lost. hsm.md: a code alone never decides, a probe does.
    pub(crate) fn is_suspicious(&self) -> bool {
        matches!(self, Self::Pkcs11 { .. } | Self::Unavailable { .. })
    }

    /// Of a PKCS#11 call while a token is opened: everything then means that it cannot be used now.
    pub(crate) fn while_opening(error: cryptoki::error::Error) -> Self {
        match Self::from(error) {
            Self::Pkcs11 { function, code } => Self::unavailable(format!("{function} returned {code}")),
            other => other,
        }
    }
}

impl From<cryptoki::error::Error> for Error {
    fn from(error: cryptoki::error::Error) -> Self {
        match error {
            cryptoki::error::Error::Pkcs11(code, function) => {
                Self::Pkcs11 { function: format!("{function:?}"), code: format!("{code:?}") }
            }
            cryptoki::error::Error::LibraryLoading(error) => Self::Module { reason: error.to_string() },
            other => Self::Pkcs11 { function: "call".to_owned(), code: format!("{other:?}") },
        }
    }
}

/// Whether the call failed with exactly this code (of any function).
pub(crate) fn has_code(error: &cryptoki::error::Error, wanted: RvError) -> bool {
    match error {
        cryptoki::error::Error::Pkcs11(code, _) => std::mem::discriminant(code) == std::mem::discriminant(&wanted),
        _ => false,
    }
}
