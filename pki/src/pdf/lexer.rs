//! PDF syntax (ISO 32000-1 §7.2, §7.3) read from a slice at an offset. Lenient as readers are about numbers, strings and
//! whitespace; strict about nesting and sizes. Knows no file: references stay references, streams are the file's matter.

use super::error::PdfError;
use super::limits;
use super::object::{Dictionary, Object, ObjectId};
use std::sync::Arc;

/// Reads tokens and objects one after the other.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    data: &'a [u8],
    position: usize,
}

/// Where the value of one dictionary entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSpan {
    /// The key, decoded.
    pub key: Vec<u8>,
    /// Offset of the value's first byte.
    pub start: usize,
    /// Offset just behind the value's last byte.
    pub end: usize,
}

/// The direct entries of a dictionary with their places in the file, in file order.
pub type DictionarySpans = Vec<ValueSpan>;

/// White-space characters, table 1.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

/// Delimiter characters, table 2.
pub(crate) fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !is_delimiter(byte)
}

impl<'a> Lexer<'a> {
    /// A lexer over the whole slice, at this offset.
    pub fn new(data: &'a [u8], position: usize) -> Self {
        Self { data, position: position.min(data.len()) }
    }

    /// Offset of the next unread byte.
    pub fn position(&self) -> usize {
        self.position
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.position).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.data.get(self.position.saturating_add(ahead)).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.data.get(self.position..).unwrap_or_default()
    }

    fn error<T>(&self, what: &'static str) -> Result<T, PdfError> {
        Err(PdfError::Syntax { offset: self.position, what })
    }

    /// Skips white space and comments.
    pub fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if is_space(byte) {
                self.position += 1;
            } else if byte == b'%' {
                let length = self.rest().iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                self.position += length.unwrap_or(self.rest().len());
            } else {
                return;
            }
        }
    }

    /// Takes the keyword if it comes next (after white space) and ends there.
    pub fn take_keyword(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let rest = self.rest();
        let ends = rest.get(keyword.len()).is_none_or(|byte| !is_regular(*byte));
        if rest.starts_with(keyword.as_bytes()) && ends {
            self.position += keyword.len();
            return true;
        }
        false
    }

    /// Takes an unsigned integer of at most 19 digits, after white space. Leaves the position where there is none.
    pub fn take_unsigned(&mut self) -> Option<u64> {
        self.skip_space();
        let digits = self.rest().iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits == 20 || self.peek_at(digits).is_some_and(is_regular) {
            return None;
        }
        let value = self
            .rest()
            .iter()
            .take(digits)
            .fold(0_u64, |sum, byte| sum.saturating_mul(10).saturating_add(u64::from(byte.saturating_sub(b'0'))));
        self.position += digits;
        Some(value)
    }

    /// Takes `N G obj`. Leaves the position where it does not come next.
    pub fn take_object_header(&mut self) -> Option<ObjectId> {
        let start = self.position;
        let header = self.object_header();
        if header.is_none() {
            self.position = start;
        }
        header
    }

    fn object_header(&mut self) -> Option<ObjectId> {
        let number = u32::try_from(self.take_unsigned()?).ok().filter(|number| *number <= limits::OBJECT_NUMBER)?;
        let generation = u16::try_from(self.take_unsigned()?).ok()?;
        self.skip_space();
        // Readers accept `1 0 obj<<` and `1 0 obj123` alike.
        self.rest().starts_with(b"obj").then(|| {
            self.position += 3;
            ObjectId::new(number, generation)
        })
    }

    /// Reads one object if one comes next; leaves the position where none does. For content streams and CMaps.
    pub(crate) fn try_object(&mut self) -> Result<Object, PdfError> {
        let start = self.position;
        let object = self.object();
        if object.is_err() {
            self.position = start;
        }
        object
    }

    /// Takes an operator of a content stream: a run of regular characters.
    pub(crate) fn take_operator(&mut self) -> Option<&'a [u8]> {
        let length = self.rest().iter().take_while(|byte| is_regular(**byte)).count();
        let operator = self.rest().get(..length).filter(|operator| !operator.is_empty())?;
        self.position += length;
        Some(operator)
    }

    /// Reads one object. A keyword that is none of `true false null` is an error.
    pub fn object(&mut self) -> Result<Object, PdfError> {
        self.object_at_depth(0)
    }

    fn object_at_depth(&mut self, depth: usize) -> Result<Object, PdfError> {
        if depth > limits::NESTING {
            return Err(PdfError::Limit("nesting of arrays and dictionaries"));
        }
        self.skip_space();
        match self.peek() {
            None => self.error("end of data where an object should stand"),
            Some(b'/') => Ok(Object::Name(self.name()?)),
            Some(b'(') => Ok(Object::String(self.literal_string()?.into())),
            Some(b'<') if self.peek_at(1) == Some(b'<') => {
                Ok(Object::Dictionary(Arc::new(self.dictionary_at_depth(depth, None)?)))
            }
            Some(b'<') => Ok(Object::String(self.hex_string()?.into())),
            Some(b'[') => self.array(depth),
            Some(b'0'..=b'9' | b'+' | b'-' | b'.') => self.number_or_reference(),
            Some(byte) if is_regular(byte) => self.keyword(),
            Some(_) => self.error("unexpected delimiter"),
        }
    }

    fn keyword(&mut self) -> Result<Object, PdfError> {
        let length = self.rest().iter().take_while(|byte| is_regular(**byte)).count();
        let object = match self.rest().get(..length) {
            Some(b"true") => Object::Boolean(true),
            Some(b"false") => Object::Boolean(false),
            Some(b"null") => Object::Null,
            _ => return self.error("unexpected keyword"),
        };
        self.position += length;
        Ok(object)
    }

    /// A name, position on the slash. §7.3.5: `#xx` stands for a byte.
    fn name(&mut self) -> Result<Arc<[u8]>, PdfError> {
        self.position += 1;
        let length = self.rest().iter().take_while(|byte| is_regular(**byte)).count();
        if length > limits::NAME_BYTES {
            return Err(PdfError::Limit("bytes of a name"));
        }
        let raw = self.rest().get(..length).unwrap_or_default();
        self.position += length;
        if !raw.contains(&b'#') {
            return Ok(raw.into());
        }
        let mut name = Vec::with_capacity(raw.len());
        let mut at = 0;
        while let Some(byte) = raw.get(at) {
            let high = raw.get(at + 1).and_then(|byte| hex_value(*byte));
            let low = raw.get(at + 2).and_then(|byte| hex_value(*byte));
            match (*byte, high, low) {
                (b'#', Some(high), Some(low)) => {
                    name.push(high << 4 | low);
                    at += 3;
                }
                _ => {
                    name.push(*byte);
                    at += 1;
                }
            }
        }
        Ok(name.into())
    }

    /// A literal string, position on the parenthesis. §7.3.4.2.
    fn literal_string(&mut self) -> Result<Vec<u8>, PdfError> {
        self.position += 1;
        let mut bytes = Vec::new();
        let mut open = 1_usize;
        loop {
            let Some(byte) = self.peek() else { return self.error("string without end") };
            self.position += 1;
            match byte {
                b'(' => {
                    open += 1;
                    bytes.push(byte);
                }
                b')' => {
                    open -= 1;
                    if open == 0 {
                        return Ok(bytes);
                    }
                    bytes.push(byte);
                }
                b'\\' => self.escape(&mut bytes),
                b'\r' => {
                    // An end of line inside a string is one line feed, however it is written.
                    if self.peek() == Some(b'\n') {
                        self.position += 1;
                    }
                    bytes.push(b'\n');
                }
                _ => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.position += 1;
        match byte {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'\n' => {}
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.position += 1;
                }
            }
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    match self.peek() {
                        Some(digit @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(digit - b'0');
                            self.position += 1;
                        }
                        _ => break,
                    }
                }
                // §7.3.4.2: high-order overflow is ignored.
                bytes.push((value & 0xff) as u8);
            }
            other => bytes.push(other),
        }
    }

    /// A hexadecimal string, position on the `<`. Characters that are no digits are skipped, as readers do.
    fn hex_string(&mut self) -> Result<Vec<u8>, PdfError> {
        self.position += 1;
        let Some(length) = memchr::memchr(b'>', self.rest()) else {
            return self.error("hexadecimal string without end");
        };
        let digits = self.rest().get(..length).unwrap_or_default();
        self.position += length + 1;
        if let Some(bytes) = pairs(digits) {
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(length / 2 + 1);
        let mut high = None;
        for value in digits.iter().filter_map(|byte| hex_value(*byte)) {
            match high.take() {
                None => high = Some(value),
                Some(first) => bytes.push(first << 4 | value),
            }
        }
        // §7.3.4.3: a missing last digit is 0.
        bytes.extend(high.map(|first: u8| first << 4));
        Ok(bytes)
    }

    fn array(&mut self, depth: usize) -> Result<Object, PdfError> {
        self.position += 1;
        let mut elements = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => return self.error("array without end"),
                Some(b']') => {
                    self.position += 1;
                    return Ok(Object::Array(elements.into()));
                }
                Some(_) if elements.len() >= limits::ELEMENTS => return Err(PdfError::Limit("elements of an array")),
                Some(_) => elements.push(self.object_at_depth(depth + 1)?),
            }
        }
    }

    /// Reads a dictionary and where its direct values stand; position on `<<` or white space before it.
    pub fn dictionary_with_spans(&mut self) -> Result<(Dictionary, DictionarySpans), PdfError> {
        self.skip_space();
        if !self.rest().starts_with(b"<<") {
            return self.error("no dictionary");
        }
        let mut spans = Vec::new();
        let dictionary = self.dictionary_at_depth(0, Some(&mut spans))?;
        Ok((dictionary, spans))
    }

    fn dictionary_at_depth(
        &mut self,
        depth: usize,
        mut spans: Option<&mut DictionarySpans>,
    ) -> Result<Dictionary, PdfError> {
        self.position += 2;
        let mut entries: Vec<(Arc<[u8]>, Object)> = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => return self.error("dictionary without end"),
                Some(b'>') if self.peek_at(1) == Some(b'>') => {
                    self.position += 2;
                    return Ok(Dictionary::from_entries(entries));
                }
                Some(b'/') => {}
                Some(_) => return self.error("dictionary key is not a name"),
            }
            if entries.len() >= limits::ELEMENTS {
                return Err(PdfError::Limit("entries of a dictionary"));
            }
            let key = self.name()?;
            self.skip_space();
            let start = self.position;
            // Readers take a key that `>>` follows as having the value null.
            let value = if self.rest().starts_with(b">>") { Object::Null } else { self.object_at_depth(depth + 1)? };
            if let Some(spans) = spans.as_deref_mut() {
                spans.push(ValueSpan { key: key.to_vec(), start, end: self.position });
            }
            entries.push((key, value));
        }
    }

    fn number_or_reference(&mut self) -> Result<Object, PdfError> {
        let number = self.number()?;
        let Object::Integer(value) = number else { return Ok(number) };
        let Some(object_number) = u32::try_from(value).ok().filter(|number| *number <= limits::OBJECT_NUMBER) else {
            return Ok(number);
        };
        if !self.peek().is_some_and(is_space) {
            return Ok(number);
        }
        let mut ahead = self.clone();
        if let Some(generation) = ahead.take_unsigned()
            && let Ok(generation) = u16::try_from(generation)
            && ahead.take_keyword("R")
        {
            self.position = ahead.position;
            return Ok(Object::Reference(ObjectId::new(object_number, generation)));
        }
        Ok(number)
    }

    /// §7.3.3, and what readers make of `--5`, `5-3`, `+.`: the sign of the first, digits up to what is no digit.
    fn number(&mut self) -> Result<Object, PdfError> {
        let length = self.rest().iter().take_while(|byte| is_regular(**byte)).count();
        let text = self.rest().get(..length).unwrap_or_default();
        let negative = text.first() == Some(&b'-');
        let digits = text.iter().position(|byte| !matches!(byte, b'+' | b'-')).unwrap_or(text.len());
        let (mut whole, mut value, mut scale, mut real) = (Some(0_i64), 0.0_f64, 1.0_f64, false);
        for byte in text.iter().skip(digits) {
            match byte {
                b'0'..=b'9' => {
                    let digit = i64::from(byte - b'0');
                    whole = whole.and_then(|sum| sum.checked_mul(10)?.checked_add(digit));
                    value = value * 10.0 + digit as f64;
                    if real {
                        scale *= 10.0;
                    }
                }
                b'.' if !real => real = true,
                b'-' => break,
                _ => return self.error("malformed number"),
            }
        }
        self.position += length;
        let sign = if negative { -1 } else { 1 };
        Ok(match whole {
            Some(whole) if !real => Object::Integer(whole.saturating_mul(sign)),
            _ if scale.is_finite() && value.is_finite() => Object::Real(value / scale * sign as f64),
            _ => Object::Real(0.0),
        })
    }
}

/// Pairs of hexadecimal digits and nothing else, as signatures have them by the thousand.
fn pairs(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: &u8| HEX_VALUES.get(usize::from(*digit)).copied().unwrap_or(NO_DIGIT);
    let mut strange = 0;
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => {
                let (high, low) = (value(high), value(low));
                strange |= high | low;
                high << 4 | low & 15
            }
            _ => 0,
        })
        .collect();
    (digits.len().is_multiple_of(2) && strange & NO_DIGIT == 0).then_some(bytes)
}

/// A bit that no digit's value has.
const NO_DIGIT: u8 = 0x80;
const HEX_VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0_u8;
    while digit < 10 {
        values[(b'0' + digit) as usize] = digit;
        digit += 1;
    }
    while digit < 16 {
        values[(b'a' + digit - 10) as usize] = digit;
        values[(b'A' + digit - 10) as usize] = digit;
        digit += 1;
    }
    values
};

/// The value of a hexadecimal digit.
pub(crate) fn hex_value(byte: u8) -> Option<u8> {
    HEX_VALUES.get(usize::from(byte)).copied().filter(|value| *value != NO_DIGIT)
}
