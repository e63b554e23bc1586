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
        /// Whether the code speaks of what was asked (a mechanism the token does not have), and not of the token's state.
        refused: bool,
    },
    /// The token gave a signature, MAC or key that does not hold. It was thrown away.
    #[error("the HSM gave a wrong {what}")]
    WrongAnswer {
        /// `signature`, `MAC`…
        what: String,
    },
    /// Another key stands under the label than the caller named. It signed nothing.
    #[error("the token holds another key under {label} than is wanted")]
    OtherKey {
        /// The label asked for.
        label: String,
    },
    /// A second token does not hold the keys of the first. It is not used.
    #[error("token {second} does not hold the keys of token {first}: {difference}")]
    Different {
        /// The first token, as the settings name it.
        first: String,
        /// The other one.
        second: String,
        /// Which keys differ or are missing.
        difference: String,
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
        matches!(
            self,
            Self::Busy
                | Self::DeadlineExceeded
                | Self::Unavailable { .. }
                | Self::WrongAnswer { .. }
                | Self::OtherKey { .. }
                | Self::Protocol { .. }
        )
    }

    /// Whether it tells against the token that gave it, so that another may do better.
    pub(crate) fn blames_token(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::WrongAnswer { .. }
                | Self::Protocol { .. }
                | Self::SelfTest { .. }
                | Self::Pkcs11 { refused: false, .. }
        )
    }

    pub(crate) fn wrong(what: &str) -> Self {
        Self::WrongAnswer { what: what.to_owned() }
    }

    /// What a caller is told once no worker is left to try: a code of the token's state means that it cannot be used now.
    pub(crate) fn final_answer(self) -> Self {
        match self {
            Self::Pkcs11 { function, code, refused: false } => Self::unavailable(format!("{function} returned {code}")),
            other => other,
        }
    }

    /// Whether the error may mean that the session or the token is lost. hsm.md: a code alone never decides, a probe does.
    pub(crate) fn is_suspicious(&self) -> bool {
        matches!(self, Self::Pkcs11 { .. } | Self::Unavailable { .. })
    }

    /// Of a PKCS#11 call while a token is opened: everything then means that it cannot be used now.
    pub(crate) fn while_opening(error: cryptoki::error::Error) -> Self {
        match Self::from(error) {
            Self::Pkcs11 { function, code, .. } => Self::unavailable(format!("{function} returned {code}")),
            other => other,
        }
    }
}

impl From<cryptoki::error::Error> for Error {
    fn from(error: cryptoki::error::Error) -> Self {
        match error {
            cryptoki::error::Error::Pkcs11(code, function) => {
                let refused = speaks_of_request(&code);
                Self::Pkcs11 { function: format!("{function:?}"), code: format!("{code:?}"), refused }
            }
            cryptoki::error::Error::LibraryLoading(error) => Self::Module { reason: error.to_string() },
            other => Self::Pkcs11 { function: "call".to_owned(), code: format!("{other:?}"), refused: false },
        }
    }
}

/// PKCS#11 v3.1 §6.1: codes about mechanism, template or key type, which no other session and no other moment changes.
fn speaks_of_request(code: &RvError) -> bool {
    matches!(
        code,
        RvError::MechanismInvalid
            | RvError::MechanismParamInvalid
            | RvError::KeyTypeInconsistent
            | RvError::KeySizeRange
            | RvError::KeyFunctionNotPermitted
            | RvError::TemplateIncomplete
            | RvError::TemplateInconsistent
            | RvError::AttributeTypeInvalid
            | RvError::AttributeValueInvalid
            | RvError::AttributeReadOnly
            | RvError::CurveNotSupported
            | RvError::DomainParamsInvalid
            | RvError::ActionProhibited
            | RvError::FunctionNotSupported
    )
}

/// Whether the call failed with exactly this code (of any function).
pub(crate) fn has_code(error: &cryptoki::error::Error, wanted: RvError) -> bool {
    match error {
        cryptoki::error::Error::Pkcs11(code, _) => std::mem::discriminant(code) == std::mem::discriminant(&wanted),
        _ => false,
    }
}
