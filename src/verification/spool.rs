//! Uploads on their way to a reader: a file without a name, so that nothing is left behind however the process ends.
//! Counts what it takes and refuses what is too large; never looks into it.

use crate::error::{InternalError, RequestError, RequestErrorKind, Result};
use std::{fs::File, path::Path};
use tokio::io::AsyncWriteExt;

/// An upload while it arrives.
#[derive(Debug)]
pub struct Spool {
    file: tokio::fs::File,
    length: u64,
    largest: u64,
}

impl Spool {
    /// An empty one in this directory, that takes at most `largest` bytes.
    pub fn new(directory: &Path, largest: u64) -> Result<Self> {
        let file = tempfile::tempfile_in(directory).map_err(InternalError::io("a spool file"))?;
        Ok(Self { file: tokio::fs::File::from_std(file), length: 0, largest })
    }

    /// Takes further bytes.
    pub async fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.length > self.largest {
            return Err(too_large(self.largest).into());
        }
        Ok(self.file.write_all(bytes).await.map_err(InternalError::io("a spool file"))?)
    }

    /// Bytes taken.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The file as far as it has arrived, beside this one.
    pub async fn again(&mut self) -> Result<File> {
        self.file.flush().await.map_err(InternalError::io("a spool file"))?;
        let again = self.file.try_clone().await.map_err(InternalError::io("a spool file"))?;
        Ok(again.into_std().await)
    }

    /// The finished file.
    pub async fn finish(mut self) -> Result<File> {
        self.file.flush().await.map_err(InternalError::io("a spool file"))?;
        Ok(self.file.into_std().await)
    }
}

fn too_large(largest: u64) -> RequestError {
    let megabytes = largest / 1_000_000;
    RequestError {
        field: Some("document"),
        ..RequestError::new(
            RequestErrorKind::TooLarge,
            "document_too_large",
            format!("Tệp lớn hơn {megabytes} MB nên không nhận. Hãy chọn tệp nhỏ hơn."),
            format!("The file is larger than {megabytes} MB and was not taken. Choose a smaller one."),
        )
    }
}
