//! Streams decoded through their filters, within what one file may take. Reads nothing but the stream's own bytes.

use super::PdfFile;
use crate::pdf::error::PdfError;
use crate::pdf::filter::Filters;
use crate::pdf::limits;
use crate::pdf::object::{Object, Stream};

impl PdfFile<'_> {
    /// The decoded bytes of a stream. Image filters are an error of kind [`PdfError::Filter`].
    pub fn decoded(&self, stream: &Stream) -> Result<Vec<u8>, PdfError> {
        self.decode(stream, false)
    }

    /// As [`PdfFile::decoded`], and an error where the encoded bytes are not as the filters prescribe: readers then differ in what they make of
    /// them.
    pub fn decoded_regularly(&self, stream: &Stream) -> Result<Vec<u8>, PdfError> {
        self.decode(stream, true)
    }

    fn decode(&self, stream: &Stream, regularly: bool) -> Result<Vec<u8>, PdfError> {
        if self.decoded.get() > limits::DECODED_BYTES {
            return Err(PdfError::Limit("bytes of all decoded streams"));
        }
        if stream.dictionary.contains("F") {
            return Err(PdfError::Data("the data lies in another file"));
        }
        if let Some(reason) = self.locked() {
            return Err(PdfError::Encrypted(reason));
        }
        let filter = self.value(&stream.dictionary, "Filter");
        let parameters = self.value(&stream.dictionary, "DecodeParms");
        let (opened, resolve) = (self.encryption().is_some(), |object: &Object| self.resolve(object));
        let raw = self.raw(stream)?;
        let filters = Filters { filters: &filter, parameters: &parameters, opened, regularly };
        let data = filters.decode(&raw, &resolve);
        // What was given up was work as well.
        let made = match &data {
            Ok(data) => data.len(),
            Err(PdfError::Limit(_)) => limits::STREAM_BYTES,
            Err(_) => 0,
        };
        self.decoded.set(self.decoded.get().saturating_add(made));
        data
    }
}
