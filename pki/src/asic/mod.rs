//! Associated Signature Containers (EN 319 162-1): the archive, which two readers must see alike, and the manifests in it. Takes
//! containers apart within named bounds; judges nothing, and must never guess what a damaged archive meant.

mod archive;
mod entry;
pub mod limits;
pub mod manifest;
mod replace;
mod second_reader;

pub use archive::Archive;
pub use entry::{Entry, Role};
pub use manifest::{FileList, Manifest, Reference};

/// Why a container is not taken apart. A bound or a missing ability says nothing about the container; the others are faults of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    #[error("malformed archive: {0}")]
    Malformed(String),
    #[error("limit reached: {0}")]
    Limit(&'static str),
    #[error("unsupported: {0}")]
    Unsupported(String),
}

impl ContainerError {
    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}
