//! A small reader and writer of DER. Reading borrows, copies nothing, and is bounded by its input; it may be used on hostile bytes
//! and must never panic. It reads only definite, minimal lengths: what is BER goes through `cms::ber` first.

use crate::error::{Error, Result};
use chuky_model::instant::Instant;
use der::asn1::ObjectIdentifier;

/// Identifier octets (X.690 §8.1.2) that this package meets.
pub mod tag {
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const ENUMERATED: u8 = 0x0a;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const TELETEX_STRING: u8 = 0x14;
    pub const IA5_STRING: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const VISIBLE_STRING: u8 = 0x1a;
    pub const UNIVERSAL_STRING: u8 = 0x1c;
    pub const BMP_STRING: u8 = 0x1e;

    /// `[number]`, primitive: an IMPLICIT tag on a primitive type.
    pub const fn primitive(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]`, constructed: an EXPLICIT tag, or an IMPLICIT one on SEQUENCE or SET.
    pub const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One tag-length-value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// Identifier, length and content.
    pub raw: &'a [u8],
    /// Content octets.
    pub content: &'a [u8],
}

/// Reads elements one after another.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next identifier octet.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub fn any(&mut self) -> Result<Element<'a>> {
        let (header, length) = header(self.rest)?;
        let end = header.checked_add(length).ok_or(Error::Malformed("DER length"))?;
        let raw = self.rest.get(..end).ok_or(Error::Malformed("DER: content is shorter than its length"))?;
        let content = raw.get(header..).ok_or(Error::Malformed("DER length"))?;
        let tag = *raw.first().ok_or(Error::Malformed("DER: empty"))?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(Element { tag, raw, content })
    }

    /// The next element, which must carry this tag.
    pub fn expect(&mut self, tag: u8, what: &'static str) -> Result<Element<'a>> {
        if self.peek() != Some(tag) {
            return Err(Error::Malformed(what));
        }
        self.any()
    }

    /// The next element where it carries this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// A SEQUENCE, entered.
    pub fn sequence(&mut self, what: &'static str) -> Result<Reader<'a>> {
        Ok(self.expect(tag::SEQUENCE, what)?.reader())
    }

    /// An OBJECT IDENTIFIER.
    pub fn oid(&mut self, what: &'static str) -> Result<ObjectIdentifier> {
        self.expect(tag::OID, what)?.oid()
    }

    /// Nothing may follow.
    pub fn finish(&self, what: &'static str) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Malformed(what)) }
    }
}

impl<'a> Element<'a> {
    /// The one element that `input` holds, nothing behind it.
    pub fn only(input: &'a [u8], what: &'static str) -> Result<Self> {
        let mut reader = Reader::new(input);
        let element = reader.any()?;
        reader.finish(what)?;
        Ok(element)
    }

    /// The content of the one SEQUENCE that `input` holds, nothing behind it.
    pub fn sequence(input: &'a [u8], what: &'static str) -> Result<Reader<'a>> {
        let element = Self::only(input, what)?;
        if element.tag == tag::SEQUENCE { Ok(element.reader()) } else { Err(Error::Malformed(what)) }
    }

    /// Reads the content.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// The content as an OBJECT IDENTIFIER, whatever the tag. Below arc 2 the type has no room for numbers above 39 (2.999 is the arc
    /// for examples): such an identifier stands below `STAND_IN`, unlike every known one, so that its bearer can still be read.
    pub fn oid(&self) -> Result<ObjectIdentifier> {
        ObjectIdentifier::from_bytes(self.content)
            .or_else(|_| ObjectIdentifier::from_bytes(&[STAND_IN, self.content].concat()))
            .map_err(|_| Error::Malformed("OBJECT IDENTIFIER"))
    }

    /// BOOLEAN content. DER has 0xff for true; 0x01 is met in old certificates and read as true.
    pub fn boolean(&self) -> Result<bool> {
        match self.content {
            [0] => Ok(false),
            [_] => Ok(true),
            _ => Err(Error::Malformed("BOOLEAN")),
        }
    }

    /// A non-negative INTEGER (or ENUMERATED) that fits 64 bits.
    pub fn unsigned(&self) -> Result<u64> {
        match self.content {
            [] => Err(Error::Malformed("INTEGER")),
            [first, ..] if *first & 0x80 != 0 => Err(Error::Unsupported("negative INTEGER".into())),
            content => {
                let significant = content.iter().position(|octet| *octet != 0).map_or(&[][..], |at| &content[at..]);
                if significant.len() > 8 {
                    return Err(Error::Unsupported("INTEGER of more than 64 bits".into()));
                }
                Ok(significant.iter().fold(0, |value, octet| (value << 8) | u64::from(*octet)))
            }
        }
    }

    /// The octets of a BIT STRING whose length is a multiple of eight bits.
    pub fn bit_string_octets(&self) -> Result<&'a [u8]> {
        match self.content {
            [0, octets @ ..] => Ok(octets),
            _ => Err(Error::Malformed("BIT STRING")),
        }
    }

    /// The bits of a named BIT STRING: bit 0 of the definition is the highest bit of the result's first octet.
    pub fn named_bits(&self) -> Result<&'a [u8]> {
        match self.content {
            [unused, octets @ ..] if *unused < 8 && (!octets.is_empty() || *unused == 0) => Ok(octets),
            _ => Err(Error::Malformed("BIT STRING")),
        }
    }

    /// UTCTime or GeneralizedTime in UTC. Fractions of a second are read, to the microsecond (RFC 3161 §2.4.2 has them).
    pub fn time(&self) -> Result<Instant> {
        let text = std::str::from_utf8(self.content).map_err(|_| Error::Malformed("time"))?;
        let parsed = match self.tag {
            tag::UTC_TIME => parse_utc_time(text),
            tag::GENERALIZED_TIME => parse_generalized_time(text),
            _ => None,
        };
        parsed.ok_or(Error::Malformed("time"))
    }

    /// A character string of any of the types that names use.
    pub fn text(&self) -> Result<String> {
        let wrong = || Error::Malformed("character string");
        match self.tag {
            tag::UTF8_STRING => String::from_utf8(self.content.to_vec()).map_err(|_| wrong()),
            tag::BMP_STRING => {
                let (pairs, []) = self.content.as_chunks::<2>() else { return Err(wrong()) };
                String::from_utf16(&pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect::<Vec<_>>())
                    .map_err(|_| wrong())
            }
            tag::UNIVERSAL_STRING => {
                let (quads, []) = self.content.as_chunks::<4>() else { return Err(wrong()) };
                quads
                    .iter()
                    .map(|quad| char::from_u32(u32::from_be_bytes(*quad)))
                    .collect::<Option<_>>()
                    .ok_or_else(wrong)
            }
            // X.690 has T.61 here; what is met in the wild is Latin-1 or UTF-8.
            tag::TELETEX_STRING => Ok(std::str::from_utf8(self.content)
                .map_or_else(|_| self.content.iter().map(|octet| char::from(*octet)).collect(), str::to_owned)),
            tag::PRINTABLE_STRING | tag::IA5_STRING | tag::VISIBLE_STRING | 0x12 => {
                Ok(String::from_utf8_lossy(self.content).into_owned())
            }
            _ => Err(wrong()),
        }
    }
}

/// 1.3.6.1.4.1.32473.999, under the number for examples (RFC 5612).
const STAND_IN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 0x87, 0x67];

/// Length of identifier and length octets, and of the content (X.690 §8.1.3, definite forms, §10.1 minimal).
fn header(input: &[u8]) -> Result<(usize, usize)> {
    let malformed = Err(Error::Malformed("DER header"));
    let [identifier, first, rest @ ..] = input else { return malformed };
    if identifier & 0x1f == 0x1f {
        return Err(Error::Unsupported("ASN.1 tag number above 30".into()));
    }
    match first {
        0..=0x7f => Ok((2, usize::from(*first))),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let Some(octets) = rest.get(..count) else { return malformed };
            let length = octets.iter().fold(0usize, |value, octet| (value << 8) | usize::from(*octet));
            if octets.first() == Some(&0) || length < 0x80 {
                return malformed;
            }
            Ok((2 + count, length))
        }
        _ => malformed,
    }
}

fn two_digits(text: &str, at: usize) -> Option<u8> {
    let digits = text.get(at..at.checked_add(2)?)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn instant(year: i32, text: &str, at: usize) -> Option<Instant> {
    let month = time::Month::try_from(two_digits(text, at)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, two_digits(text, at + 2)?).ok()?;
    let moment = date
        .with_hms(two_digits(text, at + 4)?, two_digits(text, at + 6)?, two_digits(text, at + 8)?)
        .ok()?
        .assume_utc();
    Some(Instant::from_unix_seconds(moment.unix_timestamp()))
}

fn parse_utc_time(text: &str) -> Option<Instant> {
    if text.len() != 13 || !text.ends_with('Z') {
        return None;
    }
    // RFC 5280 §4.1.2.5.1: 50 and above is 19YY.
    let short = i32::from(two_digits(text, 0)?);
    instant(if short >= 50 { 1900 + short } else { 2000 + short }, text, 2)
}

fn parse_generalized_time(text: &str) -> Option<Instant> {
    let year = i32::from(two_digits(text, 0)?) * 100 + i32::from(two_digits(text, 2)?);
    let whole = instant(year, text, 4)?;
    match text.get(14..)?.strip_suffix('Z')? {
        "" => Some(whole),
        fraction => {
            let digits = fraction.strip_prefix('.')?;
            if digits.is_empty() || digits.len() > 18 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let micros: i64 = format!("{digits:0<6}").get(..6)?.parse().ok()?;
            Some(Instant(whole.0.saturating_add(micros)))
        }
    }
}

/// Writing: each function returns one complete element.
pub mod write {
    use super::{Instant, ObjectIdentifier, tag};
    use time::OffsetDateTime;

    /// Tag, minimal length, content.
    pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(content.len() + 6);
        header(&mut out, tag, content.len());
        out.extend_from_slice(content);
        out
    }

    /// Appends tag and minimal length.
    pub fn header(out: &mut Vec<u8>, tag: u8, length: usize) {
        out.push(tag);
        let octets = length.to_be_bytes();
        if length < 0x80 {
            out.push(octets[octets.len() - 1]);
        } else {
            let skipped = octets.iter().take_while(|octet| **octet == 0).count();
            out.push(0x80 | u8::try_from(octets.len() - skipped).unwrap_or(8));
            out.extend_from_slice(&octets[skipped..]);
        }
    }

    /// An element whose content is the parts one after another.
    pub fn parts<P: AsRef<[u8]>>(tag: u8, parts: &[P]) -> Vec<u8> {
        let length = parts.iter().map(|part| part.as_ref().len()).sum();
        let mut out = Vec::with_capacity(length + 6);
        header(&mut out, tag, length);
        for part in parts {
            out.extend_from_slice(part.as_ref());
        }
        out
    }

    /// SEQUENCE of the parts.
    pub fn sequence<P: AsRef<[u8]>>(elements: &[P]) -> Vec<u8> {
        parts(tag::SEQUENCE, elements)
    }

    /// SET OF in DER order (X.690 §11.6).
    pub fn set_of(tag: u8, mut elements: Vec<Vec<u8>>) -> Vec<u8> {
        elements.sort();
        parts(tag, &elements)
    }

    /// OBJECT IDENTIFIER.
    pub fn oid(oid: &ObjectIdentifier) -> Vec<u8> {
        element(tag::OID, oid.as_bytes())
    }

    /// INTEGER from big-endian octets of a non-negative number.
    pub fn integer(octets: &[u8]) -> Vec<u8> {
        let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
        let significant = octets.get(start..).unwrap_or_default();
        match significant.first() {
            None => element(tag::INTEGER, &[0]),
            Some(first) if first & 0x80 != 0 => parts(tag::INTEGER, &[&[0][..], significant]),
            Some(_) => element(tag::INTEGER, significant),
        }
    }

    /// INTEGER from a number.
    pub fn unsigned(value: u64) -> Vec<u8> {
        integer(&value.to_be_bytes())
    }

    /// BOOLEAN.
    pub fn boolean(value: bool) -> Vec<u8> {
        element(tag::BOOLEAN, &[if value { 0xff } else { 0 }])
    }

    /// OCTET STRING.
    pub fn octet_string(octets: &[u8]) -> Vec<u8> {
        element(tag::OCTET_STRING, octets)
    }

    /// BIT STRING of whole octets.
    pub fn bit_string(octets: &[u8]) -> Vec<u8> {
        parts(tag::BIT_STRING, &[&[0][..], octets])
    }

    /// NULL.
    pub fn null() -> Vec<u8> {
        vec![tag::NULL, 0]
    }

    /// UTF8String.
    pub fn utf8(text: &str) -> Vec<u8> {
        element(tag::UTF8_STRING, text.as_bytes())
    }

    /// GeneralizedTime in UTC with whole seconds.
    pub fn generalized_time(at: Instant) -> Vec<u8> {
        element(tag::GENERALIZED_TIME, digits(at, 4).as_bytes())
    }

    /// RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
    pub fn time(at: Instant) -> Vec<u8> {
        match calendar(at).year() {
            1950..=2049 => element(tag::UTC_TIME, digits(at, 2).as_bytes()),
            _ => generalized_time(at),
        }
    }

    fn calendar(at: Instant) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(at.unix_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn digits(at: Instant, year_digits: usize) -> String {
        let t = calendar(at);
        let year = format!("{:04}", t.year());
        format!(
            "{}{:02}{:02}{:02}{:02}{:02}Z",
            year.get(year.len().saturating_sub(year_digits)..).unwrap_or_default(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn large_arcs_are_read() {
        // 2.999.1 and 2.48.1.
        for der in [[0x06, 0x03, 0x88, 0x37, 0x01], [0x06, 0x03, 0x81, 0x00, 0x01]] {
            let oid = Reader::new(&der).oid("test").unwrap();
            assert!(oid.to_string().starts_with("1.3.6.1.4.1.32473.999."), "{oid}");
        }
    }

    #[test]
    fn times_round_trip() {
        for text in ["1999-12-31T23:59:59Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z"] {
            let at = Instant::parse_rfc3339(text).unwrap();
            let der = write::time(at);
            assert_eq!(der[0], if text.starts_with("2050") { tag::GENERALIZED_TIME } else { tag::UTC_TIME });
            assert_eq!(Element::only(&der, "time").unwrap().time().unwrap(), at);
        }
        let fraction = write::element(tag::GENERALIZED_TIME, b"20261122030509.25Z");
        assert_eq!(Element::only(&fraction, "time").unwrap().time().unwrap().0 % 1_000_000, 250_000);
    }
}
