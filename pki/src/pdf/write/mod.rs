//! Signing a PDF: an incremental update is appended, the source's bytes are never touched nor copied. Two steps: what must be
//! signed comes out as a digest, the CMS made from it goes in. Uses the reader of `pdf`; knows no key, no clock and no file.

mod error;
pub mod limits;

pub use error::WriteError;

use flate2::{Compression, write::ZlibEncoder};
use std::io::Write;

/// Flate-compresses for a stream (ISO 32000-2 §7.4.4).
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(data.len() / 2), Compression::default());
    // Writing to memory has no failing case; an empty stream would be noticed by every reader.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}
