//! Creating signatures of documents other than PDF (EN 319 102-1 §4): XAdES, CAdES, JAdES, alone or in an ASiC container, in two steps
//! (prepare, sign elsewhere, assemble), and their way through the levels B, T, LT and LTA. Holds no key, asks nobody for a timestamp.

mod cades;
pub mod container;
mod element;
mod enveloped;
pub(crate) mod jades;
mod measure;
pub(crate) mod xades;

pub use cades::Cades;
pub use enveloped::Enveloped;
pub use jades::{Jades, JadesToMake, Payload};
pub use measure::{Measure, Measured};
pub use xades::{DataObject, Xades, XadesToMake};

use crate::error::Result;
use crate::pdf::write::LongTermData;

/// A finished signature of any format, to which levels are added in their order.
#[derive(Clone, Debug)]
pub enum Made {
    Cades(Cades),
    Xades(Box<Xades>),
    Jades(Jades),
}

impl Made {
    /// SHA-256 of what a signature timestamp is over.
    pub fn timestamped(&self) -> [u8; 32] {
        match self {
            Self::Cades(made) => made.timestamped(),
            Self::Xades(made) => made.timestamped(),
            Self::Jades(made) => made.timestamped(),
        }
    }

    /// Level T: a `TimeStampToken` over that, DER.
    pub fn add_signature_timestamp(&mut self, token: &[u8]) -> Result<()> {
        match self {
            Self::Cades(made) => made.add_signature_timestamp(token),
            Self::Xades(made) => {
                made.add_signature_timestamp(token);
                Ok(())
            }
            Self::Jades(made) => made.add_signature_timestamp(token),
        }
    }

    /// Level LT: certificates, lists and answers, of the signer and of the timestamps.
    pub fn add_validation_data(&mut self, data: &LongTermData) -> Result<()> {
        match self {
            Self::Cades(made) => made.add_validation_data(data),
            Self::Xades(made) => {
                made.add_validation_data(data);
                Ok(())
            }
            Self::Jades(made) => made.add_validation_data(data),
        }
    }

    /// SHA-256 of what an archive timestamp is over. `content` are the signed octets; a XAdES signature inside a document is over that
    /// document's canonical form, which is elsewhere ([`Xades::behind_data_objects`]).
    pub fn archived(&mut self, content: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Cades(made) => made.archived(content),
            Self::Xades(made) => Ok(crate::crypto::sha256(&[content, &made.behind_data_objects()].concat()).to_vec()),
            Self::Jades(made) => Ok(made.archived(content)),
        }
    }

    /// Level LTA: a `TimeStampToken` over that, DER.
    pub fn add_archive_timestamp(&mut self, token: &[u8]) -> Result<()> {
        match self {
            Self::Cades(made) => made.add_archive_timestamp(token),
            Self::Xades(made) => {
                made.add_archive_timestamp(token);
                Ok(())
            }
            Self::Jades(made) => made.add_archive_timestamp(token),
        }
    }

    /// The signature as a file; a XAdES signature as an element.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Cades(made) => made.into_bytes(),
            Self::Xades(made) => made.to_element().into_bytes(),
            Self::Jades(made) => made.into_bytes(),
        }
    }
}
