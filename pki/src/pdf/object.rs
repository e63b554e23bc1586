//! The eight kinds of PDF objects (ISO 32000-1 §7.3). Values are shared, so cloning an [`Object`] is cheap.
//! Nothing here reads a file: a stream only knows where its bytes lie.

use std::fmt;
use std::sync::Arc;

/// Object number and generation of an indirect object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    pub number: u32,
    pub generation: u16,
}

impl ObjectId {
    /// The object of that number and generation.
    pub const fn new(number: u32, generation: u16) -> Self {
        Self { number, generation }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} R", self.number, self.generation)
    }
}

/// Any PDF object. Strings are the decoded (and, where the file is encrypted, decrypted) bytes; names are without the slash, `#xx` decoded.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Object {
    #[default]
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    String(Arc<[u8]>),
    Name(Arc<[u8]>),
    Array(Arc<[Object]>),
    Dictionary(Arc<Dictionary>),
    Stream(Arc<Stream>),
    Reference(ObjectId),
}

impl Object {
    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The integer, `None` for anything else (a real included).
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// An integer or real as a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            // Exact below 2^53, and coordinates are all that is read this way.
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            _ => None,
        }
    }

    /// The boolean.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes of a name.
    pub fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// Whether this is the name `/expected`.
    pub fn is_name(&self, expected: &str) -> bool {
        self.name() == Some(expected.as_bytes())
    }

    /// The bytes of a string.
    pub fn string(&self) -> Option<&[u8]> {
        match self {
            Self::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn array(&self) -> Option<&[Object]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The dictionary, a stream's own included.
    pub fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            Self::Stream(stream) => Some(&stream.dictionary),
            _ => None,
        }
    }

    /// The stream.
    pub fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// The object referred to.
    pub fn reference(&self) -> Option<ObjectId> {
        match self {
            Self::Reference(id) => Some(*id),
            _ => None,
        }
    }

    /// What kind of object this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Real(_) => "real",
            Self::String(_) => "string",
            Self::Name(_) => "name",
            Self::Array(_) => "array",
            Self::Dictionary(_) => "dictionary",
            Self::Stream(_) => "stream",
            Self::Reference(_) => "reference",
        }
    }
}

/// A dictionary with its entries in file order. A key that comes twice is kept twice; the last one counts, as in most readers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dictionary {
    entries: Vec<(Arc<[u8]>, Object)>,
}

impl Dictionary {
    /// A dictionary of these entries, in this order.
    pub fn from_entries(entries: Vec<(Arc<[u8]>, Object)>) -> Self {
        Self { entries }
    }

    /// The value as written: a reference is not followed. `None` where the key is missing.
    pub fn value(&self, key: &str) -> Option<&Object> {
        self.value_of(key.as_bytes())
    }

    /// As [`Dictionary::value`], for a key as bytes.
    pub fn value_of(&self, key: &[u8]) -> Option<&Object> {
        self.entries.iter().rev().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether the key's value is the name `/expected`, written directly.
    pub fn is_name(&self, key: &str, expected: &str) -> bool {
        self.value(key).is_some_and(|value| value.is_name(expected))
    }

    /// Every entry in file order, doubled keys included.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }

    /// Number of entries, doubled keys included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether some key comes more than once.
    pub fn has_duplicates(&self) -> bool {
        if self.entries.len() > 32 {
            let mut keys: Vec<&[u8]> = self.entries.iter().map(|(key, _)| &**key).collect();
            keys.sort_unstable();
            return keys.windows(2).any(|pair| pair.first() == pair.last());
        }
        self.entries
            .iter()
            .enumerate()
            .any(|(at, (key, _))| self.entries.iter().skip(at + 1).any(|(other, _)| other == key))
    }
}

/// A stream: its dictionary and where its encoded bytes lie in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    pub dictionary: Dictionary,
    /// Offset of the first encoded byte in the file.
    pub start: usize,
    /// Number of encoded bytes.
    pub length: usize,
    /// The object that the stream is, needed to decrypt it.
    pub id: ObjectId,
}
