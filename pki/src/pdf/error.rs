//! What can be wrong with a PDF file: errors that end the reading, and oddities that a reader gets over but a verdict must know.

use super::object::ObjectId;
use thiserror::Error;

/// Why a PDF file, or a part of it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PdfError {
    #[error("no %PDF- header in the first 1,024 bytes")]
    NotPdf,
    #[error("malformed syntax at offset {offset}: {what}")]
    Syntax { offset: usize, what: &'static str },
    #[error("cross-reference data at offset {offset} cannot be read: {what}")]
    CrossReference { offset: usize, what: &'static str },
    #[error("the file has no document catalogue")]
    NoCatalogue,
    #[error("a limit was reached: {0}")]
    Limit(&'static str),
    #[error("filter {0} is not supported")]
    Filter(String),
    #[error("stream data cannot be decoded: {0}")]
    Data(&'static str),
    #[error("the file is encrypted in a way that cannot be read: {0}")]
    Encrypted(&'static str),
}

/// Something that the specification does not allow and that readers treat differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// Bytes before `%PDF-`; offsets count from the header where `shifted`.
    HeaderNotFirst { at: usize, shifted: bool },
    /// The cross-reference data could not be used, so objects were searched for.
    Reconstructed,
    /// The entry for this object does not lead to it.
    WrongEntry(ObjectId),
    /// The object's syntax is malformed.
    Malformed(ObjectId),
    /// The stream's `Length` is not where `endstream` stands.
    WrongLength(ObjectId),
    /// A dictionary of this object holds a key more than once.
    DuplicateKey(ObjectId),
    /// A `Prev` chain that runs in a circle or leads nowhere.
    BrokenChain { offset: usize },
    /// An object that ends without `endobj`.
    MissingEndobj(ObjectId),
}

impl Oddity {
    /// The object that it is about, where it is about one.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Self::WrongEntry(id)
            | Self::Malformed(id)
            | Self::WrongLength(id)
            | Self::DuplicateKey(id)
            | Self::MissingEndobj(id) => Some(*id),
            Self::HeaderNotFirst { .. } | Self::Reconstructed | Self::BrokenChain { .. } => None,
        }
    }
}
