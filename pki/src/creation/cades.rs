//! A CAdES signature on its way through the levels (EN 319 122-1 §6).

use crate::algorithm::DigestAlgorithm;
use crate::cms::build::with_signature_timestamp;
use crate::cms::long_term::{ArchiveToMake, with_validation_data};
use crate::crypto::{self, sha256};
use crate::error::Result;
use crate::pdf::write::LongTermData;

/// A finished signature; levels are added to it.
#[derive(Clone, Debug)]
pub struct Cades {
    signed_data: Vec<u8>,
    value: Vec<u8>,
    /// The archive timestamp that was asked for last.
    archive: Option<ArchiveToMake>,
}

impl Cades {
    /// What `SignatureToMake::assemble` gave for this signature value.
    pub fn new(signed_data: Vec<u8>, value: Vec<u8>) -> Self {
        Self { signed_data, value, archive: None }
    }

    pub(super) fn timestamped(&self) -> [u8; 32] {
        sha256(&self.value)
    }

    pub(super) fn add_signature_timestamp(&mut self, token: &[u8]) -> Result<()> {
        self.signed_data = with_signature_timestamp(&self.signed_data, token)?;
        Ok(())
    }

    pub(super) fn add_validation_data(&mut self, data: &LongTermData) -> Result<()> {
        self.signed_data = with_validation_data(&self.signed_data, data)?;
        Ok(())
    }

    pub(super) fn archived(&mut self, content: &[u8]) -> Result<Vec<u8>> {
        let algorithm = DigestAlgorithm::Sha256;
        let archive = ArchiveToMake::new(&self.signed_data, algorithm, &crypto::digest(algorithm, content))?;
        Ok(self.archive.insert(archive).imprint.clone())
    }

    pub(super) fn add_archive_timestamp(&mut self, token: &[u8]) -> Result<()> {
        if let Some(archive) = self.archive.take() {
            self.signed_data = archive.finish(&self.signed_data, token)?;
        }
        Ok(())
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.signed_data
    }
}
