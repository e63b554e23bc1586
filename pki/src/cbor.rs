//! CBOR (RFC 8949) as authenticators write it: definite lengths, shortest forms, no tags and no floating point (CTAP 2.1 §8, the canonical
//! form). Everything else is refused. Reads only, borrows from its input, and every length is bounded by the input's own.

use crate::error::{Error, Result};
use crate::limits;

/// One data item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Major types 0 and 1; what does not fit is refused.
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Item<'a>>),
    /// In the order written; no key stands twice.
    Map(Vec<(Item<'a>, Item<'a>)>),
    Boolean(bool),
    Null,
}

impl<'a> Item<'a> {
    /// The item that stands at the beginning, and what follows it.
    pub fn first(input: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let mut reader = Reader { rest: input, items: 0 };
        let item = reader.item(0)?;
        Ok((item, reader.rest))
    }

    /// The one item that the input is.
    pub fn only(input: &'a [u8]) -> Result<Self> {
        match Self::first(input)? {
            (item, []) => Ok(item),
            _ => Err(MALFORMED),
        }
    }

    /// What a map holds under that key.
    pub fn get(&self, key: &Item<'_>) -> Option<&Item<'a>> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The octets of a byte string.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    items: usize,
}

impl<'a> Reader<'a> {
    fn item(&mut self, depth: usize) -> Result<Item<'a>> {
        self.items += 1;
        if depth > limits::DEEPEST_CBOR || self.items > limits::MOST_CBOR_ITEMS {
            return Err(Error::Limit("CBOR"));
        }
        let head = self.octet()?;
        let argument = self.argument(head & 0x1f)?;
        match head >> 5 {
            0 => Ok(Item::Integer(i64::try_from(argument).map_err(|_| MALFORMED)?)),
            // RFC 8949 §3.1: the value is -1 minus the argument.
            1 => Ok(Item::Integer(-1 - i64::try_from(argument).map_err(|_| MALFORMED)?)),
            2 => Ok(Item::Bytes(self.octets(argument)?)),
            3 => Ok(Item::Text(std::str::from_utf8(self.octets(argument)?).map_err(|_| MALFORMED)?)),
            4 => (0..argument).map(|_| self.item(depth + 1)).collect::<Result<_>>().map(Item::Array),
            5 => self.map(argument, depth),
            7 => match head & 0x1f {
                20 => Ok(Item::Boolean(false)),
                21 => Ok(Item::Boolean(true)),
                22 => Ok(Item::Null),
                _ => Err(MALFORMED),
            },
            _ => Err(MALFORMED),
        }
    }

    fn map(&mut self, count: u64, depth: usize) -> Result<Item<'a>> {
        let mut entries: Vec<(Item<'a>, Item<'a>)> = Vec::new();
        for _ in 0..count {
            let key = self.item(depth + 1)?;
            // RFC 8949 §5.6: a map with duplicate keys is not valid, and readers differ in which they take.
            if entries.iter().any(|(name, _)| *name == key) {
                return Err(MALFORMED);
            }
            entries.push((key, self.item(depth + 1)?));
        }
        Ok(Item::Map(entries))
    }

    /// RFC 8949 §3: the argument of a head, only in its shortest form (§4.2.1).
    fn argument(&mut self, additional: u8) -> Result<u64> {
        let (length, least) = match additional {
            0..=23 => return Ok(u64::from(additional)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(MALFORMED),
        };
        let value = self.octets(length)?.iter().fold(0_u64, |value, octet| (value << 8) | u64::from(*octet));
        if value < least { Err(MALFORMED) } else { Ok(value) }
    }

    fn octet(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or(MALFORMED)?;
        self.rest = rest;
        Ok(*first)
    }

    fn octets(&mut self, count: u64) -> Result<&'a [u8]> {
        let count = usize::try_from(count).map_err(|_| MALFORMED)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(MALFORMED)?;
        self.rest = rest;
        Ok(taken)
    }
}

const MALFORMED: Error = Error::Malformed("CBOR");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn items_are_read_and_nothing_else_is() {
        // RFC 8949, appendix A.
        assert_eq!(Item::only(&[0x18, 0x64]).unwrap(), Item::Integer(100));
        assert_eq!(Item::only(&[0x39, 0x01, 0x00]).unwrap(), Item::Integer(-257));
        let map = [0xa2, 0x01, 0x02, 0x61, 0x61, 0x42, 0x07, 0x08];
        let map = Item::only(&map).unwrap();
        assert_eq!(map.get(&Item::Integer(1)), Some(&Item::Integer(2)));
        assert_eq!(map.get(&Item::Text("a")).and_then(Item::bytes), Some(&[7, 8][..]));
        let wrong: [&[u8]; 9] = [
            &[],
            &[0x18, 0x01],                   // not the shortest form
            &[0x5f, 0x41, 0x00, 0xff],       // indefinite length
            &[0xa2, 0x01, 0x02, 0x01, 0x03], // a key twice
            &[0x42, 0x00],                   // cut short
            &[0x01, 0x01],                   // something follows
            &[0xc1, 0x01],                   // a tag
            &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0], // floating point
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ];
        for input in wrong {
            assert!(Item::only(input).is_err(), "{input:02x?}");
        }
        assert!(matches!(Item::only(&[0x81; 100]), Err(Error::Limit(_))));
    }
}
