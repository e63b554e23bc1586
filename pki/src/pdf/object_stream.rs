//! Object streams (ISO 32000-1 §7.5.7): the decoded bytes and where each object begins in them.

use super::error::PdfError;
use super::lexer::Lexer;
use super::limits;
use super::object::{Dictionary, Object};

/// A decoded object stream.
#[derive(Debug)]
pub(super) struct ObjectStream {
    data: Vec<u8>,
    /// Object number and offset in `data`, in the order of their indexes.
    index: Vec<(u32, usize)>,
}

impl ObjectStream {
    /// Reads the pairs at the beginning of the decoded data.
    pub(super) fn parse(dictionary: &Dictionary, data: Vec<u8>) -> Result<Self, PdfError> {
        let number =
            |key| dictionary.value(key).and_then(Object::integer).and_then(|value| usize::try_from(value).ok());
        let (Some(count), Some(first)) = (number("N"), number("First")) else {
            return Err(PdfError::Data("object stream without N or First"));
        };
        if count > limits::OBJECTS_IN_STREAM {
            return Err(PdfError::Limit("objects in an object stream"));
        }
        let mut lexer = Lexer::new(&data, 0);
        let mut index = Vec::with_capacity(count.min(4096));
        for _ in 0..count {
            let (Some(number), Some(offset)) = (lexer.take_unsigned(), lexer.take_unsigned()) else { break };
            let (Ok(number), Ok(offset)) = (u32::try_from(number), usize::try_from(offset)) else { break };
            index.push((number, first.saturating_add(offset)));
        }
        Ok(Self { data, index })
    }

    /// The object, by its index where that fits, else by its number as readers do.
    pub(super) fn object(&self, number: u32, index: u32) -> Option<Object> {
        let at_index = self.index.get(index as usize).filter(|(found, _)| *found == number);
        let (_, offset) = at_index.or_else(|| self.index.iter().find(|(found, _)| *found == number))?;
        Lexer::new(&self.data, *offset).object().ok()
    }

    /// Every object number in the stream, with its index.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.index.iter().enumerate().filter_map(|(at, (number, _))| Some((*number, u32::try_from(at).ok()?)))
    }
}
