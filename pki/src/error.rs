//! The one error enum of this package. Callers branch on variants, never on text; the text is English, for the log and for experts.

/// Why bytes could not be read, or something could not be made or judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not what they should be; says which structure.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A bound of `limits` was reached; says which.
    #[error("limit reached: {0}")]
    Limit(&'static str),
    /// Well formed, but not something this package handles.
    #[error("unsupported {0}")]
    Unsupported(String),
    /// The signature value does not belong to this digest and key.
    #[error("the signature value does not match")]
    BadSignature,
    /// The signature algorithm cannot be used with a key of this type.
    #[error("the signature algorithm does not fit the key")]
    AlgorithmDoesNotFitKey,
    /// What was asked to be made would break a rule; the clause is named.
    #[error("refused: {0}")]
    Refused(String),
}

/// Result with this package's error.
pub type Result<T> = std::result::Result<T, Error>;
