//! Characters, names, references and line ends (XML 1.0 §2.2, §2.3, §2.11, §3.3.3, §4.6). Looks at text only, knows no structure.

use crate::error::{Error, Result};
use std::borrow::Cow;

/// Where text stands; attributes turn white space into spaces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Content,
    Attribute,
}

/// XML 1.0 §2.2: refuses control characters, U+FFFE and U+FFFF.
pub(super) fn check_characters(text: &str) -> Result<()> {
    let bytes = text.as_bytes();
    let control = |byte: &u8| *byte < 0x20 && !is_space(*byte);
    let mut outside = memchr::memchr_iter(0xef, bytes);
    let non_character = outside.any(|at| matches!(bytes.get(at + 1..at + 3), Some([0xbf, 0xbe | 0xbf])));
    if bytes.iter().any(control) || non_character {
        return Err(Error::Malformed("XML: a character that it may not hold"));
    }
    Ok(())
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Length in bytes of the name at the beginning, 0 where there is none.
pub(super) fn name_length(text: &str) -> usize {
    let ascii = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.');
    if text.chars().next().is_none_or(|first| !starts_name(first)) {
        return 0;
    }
    let length = text.bytes().take_while(ascii).count();
    match text.as_bytes().get(length) {
        Some(byte) if !byte.is_ascii() => {
            let length = text.char_indices().find(|(_, character)| !continues_name(*character));
            length.map_or(text.len(), |(at, _)| at)
        }
        _ => length,
    }
}

/// XML 1.0 production 4.
fn starts_name(character: char) -> bool {
    matches!(character,
        ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// XML 1.0 production 4a.
fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Prefix and local name (Namespaces in XML 1.0 §4).
pub(super) fn split(name: &str) -> Result<(&str, &str)> {
    match name.split_once(':') {
        None => Ok(("", name)),
        Some((prefix, local))
            if !prefix.is_empty() && !local.contains(':') && local.chars().next().is_some_and(starts_name) =>
        {
            Ok((prefix, local))
        }
        Some(_) => Err(Error::Malformed("XML: qualified name")),
    }
}

/// XML 1.0 §2.11.
pub(super) fn line_ends(text: &str) -> Cow<'_, str> {
    match memchr::memchr(b'\r', text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
    }
}

/// References replaced, line ends and, in attributes, white space normalised.
pub(super) fn expand(text: &str, place: Place) -> Result<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let special = match place {
        Place::Content => memchr::memchr3(b'&', b'\r', b']', bytes),
        Place::Attribute => bytes.iter().position(|byte| matches!(byte, b'&' | b'\r' | b'\n' | b'\t')),
    };
    let Some(first) = special else { return Ok(Cow::Borrowed(text)) };
    if place == Place::Content && memchr::memmem::find(bytes.get(first..).unwrap_or_default(), b"]]>").is_some() {
        return Err(Error::Malformed("XML: ]]> in text"));
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'&' | b'\r' | b'\n' | b'\t')) {
        expanded.push_str(rest.get(..at).unwrap_or_default());
        let tail = rest.get(at..).unwrap_or_default();
        let taken = match tail.as_bytes() {
            [b'&', ..] => reference(tail, &mut expanded)?,
            [b'\r', b'\n', ..] => {
                expanded.push(if place == Place::Attribute { ' ' } else { '\n' });
                2
            }
            [space, ..] => {
                let kept = if *space == b'\r' { '\n' } else { char::from(*space) };
                expanded.push(if place == Place::Attribute { ' ' } else { kept });
                1
            }
            [] => break,
        };
        rest = tail.get(taken..).unwrap_or_default();
    }
    expanded.push_str(rest);
    Ok(Cow::Owned(expanded))
}

/// Writes what a reference at the beginning stands for; says how long it is.
fn reference(text: &str, expanded: &mut String) -> Result<usize> {
    const WHAT: Error = Error::Malformed("XML: reference");
    let window = text.as_bytes().get(..text.len().min(LONGEST_REFERENCE)).unwrap_or_default();
    let end = memchr::memchr(b';', window).ok_or(WHAT)?;
    let name = text.get(1..end).ok_or(WHAT)?;
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let digits = name.strip_prefix('#').ok_or(WHAT)?;
            let number = match digits.strip_prefix('x') {
                Some(hex) if hex.bytes().all(|digit| digit.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
                None if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse(),
                _ => return Err(WHAT),
            };
            let allowed = |character: &char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            number.ok().and_then(char::from_u32).filter(allowed).ok_or(WHAT)?
        }
    };
    expanded.push(character);
    Ok(end + 1)
}

const LONGEST_REFERENCE: usize = 16;
