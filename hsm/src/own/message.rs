//! What is asked of the process that holds somebody's own token, what it answers, and every way in which a token says no. Holds no logic.

use crate::secret::Pin;
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use cryptoki::error::RvError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// To the process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Load the module and tell its tokens.
    Tokens(PathBuf),
    /// Log in to the token in that slot; without a PIN, the token's own pad asks for it.
    LogIn { slot: u64, pin: Option<Pin> },
    /// What the token holds, once logged in.
    Objects,
    /// Sign with the key of that place in the last list.
    Sign(ToSign),
}

/// One signature.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ToSign {
    pub(super) key: usize,
    pub(super) scheme: SignatureScheme,
    pub(super) digest: Vec<u8>,
    /// For a key that asks before each signature (CKA_ALWAYS_AUTHENTICATE).
    pub(super) pin: Option<Pin>,
}

/// From the process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Tokens(Vec<TokenFound>),
    LoggedIn,
    Objects(Objects),
    Signature(Vec<u8>),
    Refused(Refusal),
}

/// A token, as it shows itself to anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFound {
    pub slot: u64,
    pub label: String,
    pub serial: String,
    pub manufacturer: String,
    pub model: String,
    /// Whether its keys can be used without logging in.
    pub needs_no_log_in: bool,
    /// CKF_PROTECTED_AUTHENTICATION_PATH: the PIN is typed on the token or its reader.
    pub has_pin_pad: bool,
    pub pin: PinState,
    /// Certificates that it shows without a PIN.
    pub certificates: Vec<CertificateFound>,
}

/// How it stands with a token's PIN (PKCS#11 v3.1 §3.2, token information flags).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinState {
    Usual,
    /// A wrong PIN was entered since the last right one.
    CountLow,
    /// One more wrong PIN locks it.
    FinalTry,
    Locked,
    /// None was ever set.
    Unset,
}

/// A certificate object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFound {
    pub id: Vec<u8>,
    pub label: String,
    pub der: Vec<u8>,
}

/// A private key object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFound {
    pub id: Vec<u8>,
    pub label: String,
    /// `None` of a type that is not signed with here.
    pub algorithm: Option<KeyAlgorithm>,
    /// `SubjectPublicKeyInfo`, where the token tells the public half.
    pub spki: Option<Vec<u8>>,
    /// CKA_SIGN.
    pub may_sign: bool,
    /// CKA_ALWAYS_AUTHENTICATE.
    pub asks_each_time: bool,
    /// What the token can make with it over a digest, best first.
    pub schemes: Vec<SignatureScheme>,
}

/// What a token holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    pub keys: Vec<KeyFound>,
    pub certificates: Vec<CertificateFound>,
}

/// Why a token did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    #[error("the module cannot be loaded: {0}")]
    Module(String),
    #[error("the PIN is wrong")]
    PinWrong,
    #[error("the PIN is locked")]
    PinLocked,
    #[error("the PIN has expired")]
    PinExpired,
    #[error("the token takes no PIN of this length or with these characters")]
    PinForm,
    #[error("no PIN was set on the token")]
    PinUnset,
    #[error("the PIN was not entered on the token, or the signature was refused there")]
    Cancelled,
    #[error("the token is no longer there")]
    Gone,
    /// Another return code.
    #[error("{function} returned {code}")]
    Code { function: String, code: String },
    #[error("the token gave something that cannot be understood: {0}")]
    Odd(String),
    /// How the process that holds the module ended.
    #[error("the module crashed: {0}")]
    Crashed(String),
    #[error("the module did not answer within {0} seconds")]
    Late(u64),
}

impl Refusal {
    /// Whether the person's PIN, and no other thing, is what the token does not take.
    pub fn is_about_pin(&self) -> bool {
        matches!(self, Self::PinWrong | Self::PinLocked | Self::PinExpired | Self::PinForm | Self::PinUnset)
    }
}

impl From<cryptoki::error::Error> for Refusal {
    fn from(error: cryptoki::error::Error) -> Self {
        match error {
            cryptoki::error::Error::Pkcs11(code, function) => of_code(&code)
                .unwrap_or_else(|| Self::Code { function: format!("C_{function:?}"), code: format!("{code:?}") }),
            cryptoki::error::Error::LibraryLoading(error) => Self::Module(error.to_string()),
            other => Self::Odd(other.to_string()),
        }
    }
}

impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        match error {
            crate::Error::Module { reason } => Self::Module(reason),
            crate::Error::Pkcs11 { function, code, .. } => Self::Code { function: format!("C_{function}"), code },
            other => Self::Odd(other.to_string()),
        }
    }
}

/// The codes that mean something to a person (PKCS#11 v3.1 §6.1).
fn of_code(code: &RvError) -> Option<Refusal> {
    Some(match code {
        RvError::PinIncorrect => Refusal::PinWrong,
        RvError::PinLocked => Refusal::PinLocked,
        RvError::PinExpired => Refusal::PinExpired,
        RvError::PinInvalid | RvError::PinLenRange => Refusal::PinForm,
        RvError::UserPinNotInitialized => Refusal::PinUnset,
        RvError::FunctionCanceled | RvError::FunctionRejected => Refusal::Cancelled,
        RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::DeviceRemoved
        | RvError::SlotIdInvalid
        | RvError::SessionHandleInvalid
        | RvError::SessionClosed => Refusal::Gone,
        _ => return None,
    })
}
