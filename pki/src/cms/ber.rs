//! BER to DER: indefinite lengths, constructed strings and long-form lengths are rewritten (X.690 §8 to §10). Bounded in depth; the
//! order of SET OF is left as it came, for a signature may have been made over just that order.

use crate::asn1::write;
use crate::error::{Error, Result};
use crate::limits::DEEPEST_BER;
use std::borrow::Cow;
use std::ops::Range;

/// The first element of `input` in DER, and how many bytes of `input` it took. Borrows where it already was DER.
pub fn normalise(input: &[u8]) -> Result<(Cow<'_, [u8]>, usize)> {
    let (clean, length) = scan(input, 0)?;
    let element = input.get(..length).ok_or(MALFORMED)?;
    if clean {
        return Ok((Cow::Borrowed(element), length));
    }
    let mut out = Vec::with_capacity(length);
    rewrite(element, &mut out, 0)?;
    Ok((Cow::Owned(out), length))
}

/// How many bytes the first element of `input` takes; `None` where it is not whole.
pub fn length(input: &[u8]) -> Option<usize> {
    scan(input, 0).ok().map(|(_, length)| length)
}

/// Where the content octets of the OCTET STRING at a place in `input` stand, as BER or DER has them: `path` is the index of a child at each level
/// from the first element down. Several ranges where the string is constructed; none where there is no string there.
pub fn octets_at(input: &[u8], path: &[usize]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    // What cannot be walked has no octets that anything is known of.
    let _ = walk(input, 0, path, &mut ranges);
    ranges
}

fn walk(input: &[u8], at: usize, path: &[usize], ranges: &mut Vec<Range<usize>>) -> Result<()> {
    let element = input.get(at..).ok_or(MALFORMED)?;
    let header = read_header(element)?;
    let (Some((wanted, deeper)), true) = (path.split_first(), header.tag & 0x20 != 0) else {
        return if path.is_empty() { string(input, at, 0, ranges) } else { Ok(()) };
    };
    let child = children(input, at)?.into_iter().nth(*wanted).ok_or(MALFORMED)?;
    walk(input, child, deeper, ranges)
}

/// Where the children of the constructed element at a place begin.
fn children(input: &[u8], at: usize) -> Result<Vec<usize>> {
    let element = input.get(at..).ok_or(MALFORMED)?;
    let header = read_header(element)?;
    let (_, length) = scan(element, 0)?;
    let end = at + length - if header.length.is_none() { 2 } else { 0 };
    let (mut next, mut found) = (at + header.size, Vec::new());
    while next < end {
        found.push(next);
        next += scan(input.get(next..end).ok_or(MALFORMED)?, 0)?.1;
    }
    Ok(found)
}

fn string(input: &[u8], at: usize, depth: usize, ranges: &mut Vec<Range<usize>>) -> Result<()> {
    let header = read_header(input.get(at..).ok_or(MALFORMED)?)?;
    match (header.tag, header.length) {
        (0x04, Some(length)) => {
            ranges.push(at + header.size..(at + header.size).saturating_add(length).min(input.len()))
        }
        (0x24, _) if depth < DEEPEST_BER => {
            for child in children(input, at)? {
                string(input, child, depth + 1, ranges)?;
            }
        }
        _ => {}
    }
    Ok(())
}

const MALFORMED: Error = Error::Malformed("BER");

struct Header {
    tag: u8,
    size: usize,
    /// `None` for the indefinite form.
    length: Option<usize>,
    minimal: bool,
}

fn read_header(input: &[u8]) -> Result<Header> {
    let [tag, first, rest @ ..] = input else { return Err(MALFORMED) };
    if tag & 0x1f == 0x1f {
        return Err(Error::Unsupported("ASN.1 tag number above 30".into()));
    }
    match first {
        0..=0x7f => Ok(Header { tag: *tag, size: 2, length: Some(usize::from(*first)), minimal: true }),
        0x80 if tag & 0x20 != 0 => Ok(Header { tag: *tag, size: 2, length: None, minimal: false }),
        0x81..=0x88 => {
            let count = usize::from(first & 0x7f);
            let octets = rest.get(..count).ok_or(MALFORMED)?;
            let significant = octets.iter().skip_while(|octet| **octet == 0).count();
            if significant > 4 {
                return Err(MALFORMED);
            }
            let length = octets.iter().fold(0usize, |value, octet| (value << 8) | usize::from(*octet));
            Ok(Header {
                tag: *tag,
                size: 2 + count,
                length: Some(length),
                minimal: significant == count && length >= 0x80,
            })
        }
        _ => Err(MALFORMED),
    }
}

/// OCTET STRING, BIT STRING and the character strings, constructed.
fn is_constructed_string(tag: u8) -> bool {
    matches!(tag, 0x23 | 0x24 | 0x2c | 0x32..=0x36 | 0x38..=0x3e)
}

/// Whether the element is DER as far as this module cares, and its whole length.
fn scan(input: &[u8], depth: usize) -> Result<(bool, usize)> {
    if depth > DEEPEST_BER {
        return Err(Error::Limit("BER nesting"));
    }
    let header = read_header(input)?;
    let mut clean = header.minimal && !is_constructed_string(header.tag);
    match header.length {
        Some(length) => {
            let end = header.size.checked_add(length).filter(|end| *end <= input.len()).ok_or(MALFORMED)?;
            if header.tag & 0x20 != 0 {
                let mut at = header.size;
                while at < end {
                    let (child, taken) = scan(input.get(at..end).ok_or(MALFORMED)?, depth + 1)?;
                    clean &= child;
                    at += taken;
                }
            }
            Ok((clean, end))
        }
        None => {
            let mut at = header.size;
            loop {
                let rest = input.get(at..).ok_or(MALFORMED)?;
                if rest.starts_with(&[0, 0]) {
                    return Ok((false, at + 2));
                }
                at += scan(rest, depth + 1)?.1;
            }
        }
    }
}

/// Appends `element`, which `scan` accepted, in DER; returns its length in the input.
fn rewrite(element: &[u8], out: &mut Vec<u8>, depth: usize) -> Result<usize> {
    if depth > DEEPEST_BER {
        return Err(Error::Limit("BER nesting"));
    }
    let header = read_header(element)?;
    let body = element.get(header.size..).ok_or(MALFORMED)?;
    if header.tag & 0x20 == 0 {
        let length = header.length.ok_or(MALFORMED)?;
        write::header(out, header.tag, length);
        out.extend_from_slice(body.get(..length).ok_or(MALFORMED)?);
        return Ok(header.size + length);
    }
    let joined = is_constructed_string(header.tag);
    let mut content = Vec::new();
    let mut at = 0;
    let end = loop {
        let rest = match header.length {
            Some(length) if at >= length => break at,
            Some(length) => body.get(at..length).ok_or(MALFORMED)?,
            None => {
                let rest = body.get(at..).ok_or(MALFORMED)?;
                if rest.starts_with(&[0, 0]) {
                    break at + 2;
                }
                rest
            }
        };
        if joined {
            let mut segment = Vec::new();
            at += rewrite(rest, &mut segment, depth + 1)?;
            join(header.tag & 0x1f, &segment, &mut content)?;
        } else {
            at += rewrite(rest, &mut content, depth + 1)?;
        }
    };
    write::header(out, if joined { header.tag & !0x20 } else { header.tag }, content.len());
    out.extend_from_slice(&content);
    Ok(header.size + end)
}

/// Adds a segment of a constructed string (X.690 §8.6.4, §8.7.3). Only a BIT STRING's last segment may have unused bits.
fn join(tag: u8, segment: &[u8], content: &mut Vec<u8>) -> Result<()> {
    let header = read_header(segment)?;
    if header.tag & 0xc0 != 0 || (header.tag != tag && header.tag != 0x04) {
        return Err(MALFORMED);
    }
    let octets = segment.get(header.size..).ok_or(MALFORMED)?;
    if tag != 0x03 {
        content.extend_from_slice(octets);
        return Ok(());
    }
    let (unused, bits) = octets.split_first().ok_or(MALFORMED)?;
    match content.first_mut() {
        None => content.push(*unused),
        Some(0) => content[0] = *unused,
        Some(_) => return Err(MALFORMED),
    }
    content.extend_from_slice(bits);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn indefinite_constructed_octet_string() {
        let ber = hex::decode("30802480040201020402030400000000ff").unwrap();
        let (der, taken) = normalise(&ber).unwrap();
        assert_eq!((hex::encode(der), taken), ("3006040401020304".into(), 16));
    }

    #[test]
    fn octets_are_found_where_they_stand() {
        // SEQUENCE { NULL, [0] { OCTET STRING "abc" } }, and the same with a string in two parts of indefinite length.
        let der = hex::decode("30090500a0050403616263").unwrap();
        assert_eq!(octets_at(&der, &[1, 0]), vec![Range { start: 8, end: 11 }]);
        let ber = hex::decode("3080 0500 a080 2480 04026162 040163 0000 0000 0000".replace(' ', "")).unwrap();
        assert_eq!(octets_at(&ber, &[1, 0]), [10..12, 14..15]);
        assert_eq!(octets_at(&der, &[0, 0]), []);
        assert_eq!(octets_at(&der, &[2]), []);
    }

    #[test]
    fn depth_is_bounded() {
        let deep: Vec<u8> = [0x30, 0x80].repeat(100_000);
        assert_eq!(normalise(&deep).unwrap_err(), Error::Limit("BER nesting"));
    }

    proptest! {
        #[test]
        fn never_panics_and_is_idempotent(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok((der, taken)) = normalise(&bytes) {
                prop_assert!(taken <= bytes.len());
                let again = normalise(&der).unwrap();
                prop_assert!(matches!(again.0, Cow::Borrowed(_)) && again.1 == der.len());
            }
        }

        #[test]
        fn der_is_left_alone(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let der = write::sequence(&[write::octet_string(&content), write::bit_string(&content)]);
            prop_assert!(matches!(normalise(&der).unwrap(), (Cow::Borrowed(_), _)));
        }
    }
}
