//! Signing a PDF: an incremental update is appended, the source's bytes are never touched nor copied. Two steps: what must be
//! signed comes out as a digest, the CMS made from it goes in. Uses the reader of `pdf`; knows no key, no clock and no file.

mod appearance;
mod code;
mod drawing;
mod error;
mod field;
mod form;
mod geometry;
pub mod limits;
mod long_term;
mod permission;
mod picture;
mod sign;
mod source;
mod syntax;
mod update;

pub use appearance::Look;
pub use code::Code;
pub use error::WriteError;
pub use form::{SignatureField, TextField, add_fields, fill_fields};
pub use geometry::{PageGeometry, page_geometry};
pub use long_term::{LongTermData, add_long_term_data};
pub use picture::Picture;
pub use sign::{Field, Kind, PageChoice, Permission, Placement, Prepared, SignatureOptions, prepare};

use crate::algorithm::DigestAlgorithm;
use crate::crypto::{self, Hasher};
use flate2::{Compression, write::ZlibEncoder};
use std::io::Write;

/// Flate-compresses for a stream (ISO 32000-2 §7.4.4).
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(data.len() / 2), Compression::default());
    // Writing to memory has no failing case; an empty stream would be noticed by every reader.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}

fn sha256(data: &[u8]) -> Vec<u8> {
    crypto::sha256(data).to_vec()
}

fn sha256_of(pieces: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    pieces.iter().for_each(|piece| hasher.update(piece));
    hasher.finish()
}

fn sha1(data: &[u8]) -> Vec<u8> {
    crypto::digest(DigestAlgorithm::Sha1, data)
}
