//! From a file's bytes to text (XML 1.0 §4.3.3, Appendix F): UTF-8, UTF-16 and the Latin encodings that old invoices use. Any other
//! encoding is refused by name; nothing is guessed.

use super::limits;
use crate::error::{Error, Result};
use std::borrow::Cow;

/// The document's text without a byte order mark.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>> {
    if bytes.len() > limits::LONGEST_DOCUMENT {
        return Err(Error::Limit("length of an XML document"));
    }
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf_8(rest),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0, b'<', ..] => utf_16(bytes, u16::from_be_bytes),
        [b'<', 0, ..] => utf_16(bytes, u16::from_le_bytes),
        _ => match declared(bytes).map(str::to_ascii_lowercase).as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => utf_8(bytes),
            Some("iso-8859-1" | "iso8859-1" | "latin1" | "latin-1") => Ok(latin(bytes, char::from)),
            Some("iso-8859-15") => Ok(latin(bytes, iso_8859_15)),
            Some("windows-1252" | "cp1252") => Ok(latin(bytes, windows_1252)),
            Some(other) => Err(Error::Unsupported(format!("character encoding {other:?}"))),
        },
    }
}

fn utf_8(bytes: &[u8]) -> Result<Cow<'_, str>> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Error::Malformed("XML: not UTF-8"))
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>> {
    const WHAT: Error = Error::Malformed("XML: not UTF-16");
    let (pairs, []) = bytes.as_chunks::<2>() else { return Err(WHAT) };
    let text: std::result::Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    text.map(Cow::Owned).map_err(|_| WHAT)
}

fn latin(bytes: &[u8], character: fn(u8) -> char) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().map(|octet| character(*octet)).collect()),
    }
}

fn iso_8859_15(octet: u8) -> char {
    match octet {
        0xa4 => '€',
        0xa6 => 'Š',
        0xa8 => 'š',
        0xb4 => 'Ž',
        0xb8 => 'ž',
        0xbc => 'Œ',
        0xbd => 'œ',
        0xbe => 'Ÿ',
        other => char::from(other),
    }
}

fn windows_1252(octet: u8) -> char {
    match octet {
        0x80..=0x9f => WINDOWS_1252.chars().nth(usize::from(octet - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER),
        other => char::from(other),
    }
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(LONGEST_DECLARATION))?.strip_prefix(b"<?xml")?;
    let head = head.get(..memchr::memmem::find(head, b"?>")?)?;
    let head = std::str::from_utf8(head).ok()?;
    let value = head.get(head.find("encoding")? + "encoding".len()..)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

const LONGEST_DECLARATION: usize = 256;
/// 0x80 to 0x9f; what the encoding leaves open stands for itself, as browsers read it.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// The text of bytes in UTF-8, which a place in the text is a place of, and how many octets a byte order mark before it takes.
pub fn utf8(bytes: &[u8]) -> Result<(&str, usize)> {
    let text = decode(bytes)?;
    let mark = bytes.len().checked_sub(text.len()).filter(|length| *length == 0 || *length == BYTE_ORDER_MARK);
    let same = mark.and_then(|mark| Some((mark, bytes.get(mark..).filter(|rest| *rest == text.as_bytes())?)));
    let read = same.and_then(|(mark, rest)| Some((std::str::from_utf8(rest).ok()?, mark)));
    read.ok_or_else(|| Error::Refused("the XML document is not in UTF-8".into()))
}

/// Octets of the UTF-8 byte order mark.
const BYTE_ORDER_MARK: usize = 3;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn one_text_in_every_encoding() {
        let text = "<?xml version=\"1.0\"?><a>Ω€é</a>";
        let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&little).unwrap(), text);
        assert_eq!(decode(&big).unwrap(), text);
        assert_eq!(decode(format!("\u{feff}{text}").as_bytes()).unwrap(), text);
        assert!(decode(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>").unwrap().contains('é'));
        assert!(decode(b"<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>").unwrap().contains('€'));
        assert!(matches!(decode(b"<?xml version='1.0' encoding='EBCDIC'?><a/>"), Err(Error::Unsupported(_))));
        assert!(decode(b"<a>\xe9</a>").is_err() && decode(b"\xff\xfe<").is_err());
    }
}
