//! Text around a CMS object: PEM (RFC 7468), plain base64, and S/MIME (RFC 8551) with the object alone or beside its content. Takes
//! it off, within the bytes that the caller has bounded; never guesses beyond these forms.

use crate::cms::ber;
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// What was under the armour.
pub(in crate::verify) struct Taken<'a> {
    pub(in crate::verify) cms: Cow<'a, [u8]>,
    /// The content that an S/MIME message carries beside it.
    pub(in crate::verify) content: Option<Cow<'a, [u8]>>,
    /// Whether the file has text beside the armour, which no signature covers and everybody reads.
    pub(in crate::verify) has_other_text: bool,
}

impl<'a> Taken<'a> {
    fn alone(cms: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { cms: cms.into(), content: None, has_other_text: false }
    }
}

/// Takes the armour off; bytes without one are returned as they are.
pub(in crate::verify) fn take_off(bytes: &[u8]) -> Result<Taken<'_>> {
    if bytes.first() == Some(&0x30) {
        return Ok(Taken::alone(without_surplus(bytes)));
    }
    if is_mime(bytes) {
        return mime(bytes);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed("CMS"))?;
    match text.split_once(BEGIN) {
        None => Ok(Taken::alone(decode(text.as_bytes())?)),
        Some((before, rest)) => labelled(before, rest),
    }
}

/// The object without the zeros or line ends that some programs leave behind it; nobody reads them as anything.
fn without_surplus(bytes: &[u8]) -> &[u8] {
    let Some(length) = ber::length(bytes) else { return bytes };
    let (object, behind) = bytes.split_at(length.min(bytes.len()));
    let one_kind = behind.iter().all(|byte| *byte == 0) || behind.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
    if one_kind { object } else { bytes }
}

/// The one block of a PEM text (RFC 7468 §3), by what is before it and what follows its first `BEGIN`. Of several, two readers would take two.
fn labelled<'a>(before: &str, rest: &str) -> Result<Taken<'a>> {
    let (label, rest) = rest.split_once("-----").ok_or(Error::Malformed("PEM: no BEGIN line"))?;
    if !LABELS.contains(&label) || rest.contains(BEGIN) {
        return Err(Error::Malformed("PEM: not one block with a signature"));
    }
    let end = format!("-----END {label}-----");
    let (body, behind) = rest.split_once(end.as_str()).ok_or(Error::Malformed("PEM: no END line"))?;
    let has_other_text = !before.trim_start_matches('\u{feff}').trim().is_empty() || !behind.trim().is_empty();
    Ok(Taken { has_other_text, ..Taken::alone(decode(body.as_bytes())?) })
}

/// Whether a text is CMS in plain base64, in PEM, or an S/MIME message.
pub(in crate::verify) fn is_armoured(head: &[u8]) -> bool {
    let window = head.get(..head.len().min(WINDOW)).unwrap_or_default();
    let labelled = LABELS
        .iter()
        .any(|label| memchr::memmem::find(window, format!("-----BEGIN {label}-----").as_bytes()).is_some());
    if labelled || is_mime(window) {
        return true;
    }
    let digits: Vec<u8> = window.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(DIGITS).collect();
    STANDARD.decode(&digits).is_ok_and(|start| {
        start.first() == Some(&0x30) && memchr::memmem::find(&start, super::super::format::SIGNED_DATA).is_some()
    })
}

/// A message whose content type is one of S/MIME's signed forms.
fn is_mime(bytes: &[u8]) -> bool {
    // One that says it twice is a message all the same, and refused when it is read.
    let Ok(Some(value)) = header(bytes, "content-type") else { return header(bytes, "content-type").is_err() };
    ["multipart/signed", "application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkcs7-signature"]
        .iter()
        .any(|kind| value.starts_with(kind))
}

fn mime(bytes: &[u8]) -> Result<Taken<'_>> {
    let value = header(bytes, "content-type")?.ok_or(Error::Malformed("MIME header"))?;
    let (_, body) = split_header(bytes).ok_or(Error::Malformed("MIME header"))?;
    if !value.starts_with("multipart/signed") {
        return Ok(Taken::alone(decode_part(bytes)?));
    }
    let boundary = parameter(&value, "boundary")?.ok_or(Error::Malformed("MIME boundary"))?;
    let delimiter = format!("--{boundary}");
    // RFC 1847 §2.1: exactly two parts; RFC 2046 §5.1.1: the line end before a delimiter belongs to the delimiter.
    let mut parts = Vec::new();
    let mut start = None;
    for at in lines_that_start_with(body, delimiter.as_bytes()) {
        if let Some(start) = start {
            let part = body.get(start..at).unwrap_or_default();
            let part = part.strip_suffix(b"\n").unwrap_or(part);
            parts.push(part.strip_suffix(b"\r").unwrap_or(part));
        }
        let line = body.get(at..).unwrap_or_default();
        start = memchr::memchr(b'\n', line).map(|end| at + end + 1);
    }
    match parts.as_slice() {
        [content, signature] => {
            Ok(Taken { content: Some(canonical(content)), ..Taken::alone(decode_part(signature)?) })
        }
        _ => Err(Error::Malformed("multipart/signed: not two parts")),
    }
}

/// RFC 8551 §3.1.1: what is signed has CRLF line ends, whatever the file kept them as.
fn canonical(content: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(content, b"\r\n").is_some() || memchr::memchr(b'\n', content).is_none() {
        return Cow::Borrowed(content);
    }
    let mut lines = Vec::with_capacity(content.len() + content.len() / 32);
    for byte in content {
        if *byte == b'\n' {
            lines.push(b'\r');
        }
        lines.push(*byte);
    }
    Cow::Owned(lines)
}

fn decode_part(part: &[u8]) -> Result<Vec<u8>> {
    let (_, body) = split_header(part).ok_or(Error::Malformed("MIME header"))?;
    match header(part, "content-transfer-encoding")?.as_deref() {
        Some("base64") => decode(body),
        None | Some("binary" | "8bit" | "7bit") => Ok(body.to_vec()),
        Some(_) => Err(Error::Unsupported("MIME transfer encoding".into())),
    }
}

fn decode(digits: &[u8]) -> Result<Vec<u8>> {
    let digits: Vec<u8> = digits.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).map_err(|_| Error::Malformed("base64"))
}

fn lines_that_start_with<'a>(body: &'a [u8], prefix: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memmem::find_iter(body, prefix).filter(|at| *at == 0 || body.get(at - 1) == Some(&b'\n')).take(MOST_PARTS)
}

/// Header lines, unfolded, and the body behind the empty line.
fn split_header(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let window = bytes.get(..bytes.len().min(WINDOW)).unwrap_or_default();
    let (crlf, lf) = (memchr::memmem::find(window, b"\r\n\r\n"), memchr::memmem::find(window, b"\n\n"));
    let (at, length) = match (crlf, lf) {
        (Some(crlf), Some(lf)) if lf < crlf => (lf, 2),
        (Some(crlf), _) => (crlf, 4),
        (None, Some(lf)) => (lf, 2),
        (None, None) => return None,
    };
    Some((bytes.get(..at)?, bytes.get(at + length..)?))
}

/// The value of a header field, in lower case except for its parameters' values. A field that stands twice is an error (RFC 5322 §3.6): readers
/// would take one or the other.
fn header(bytes: &[u8], name: &str) -> Result<Option<String>> {
    let Some((head, _)) = split_header(bytes) else { return Ok(None) };
    let Ok(text) = std::str::from_utf8(head) else { return Ok(None) };
    let text = text.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let mut values = text.lines().filter_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
    });
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Malformed("MIME header: a field that stands twice"));
    }
    let (kind, rest) = value.split_once(';').unwrap_or((value, ""));
    Ok(Some(format!("{};{rest}", kind.trim().to_ascii_lowercase()).trim_end_matches(';').to_owned()))
}

/// A parameter of a field, which stands once at most for the same reason.
fn parameter(value: &str, name: &str) -> Result<Option<String>> {
    let mut values = value.split(';').skip(1).filter_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    });
    let first = values.next();
    if values.next().is_some() {
        return Err(Error::Malformed("MIME parameter that stands twice"));
    }
    Ok(first)
}

const BEGIN: &str = "-----BEGIN ";
/// Labels that CMS signatures are met under (RFC 7468 §9).
const LABELS: [&str; 4] = ["PKCS7", "CMS", "SIGNED MESSAGE", "PKCS #7 SIGNED DATA"];
/// How much of a text is looked at for its kind and its header, bytes.
const WINDOW: usize = 16 * 1024;
/// Base64 digits that hold the content type of a CMS object at the latest: behind two headers; a multiple of four.
const DIGITS: usize = 64;
/// Delimiter lines looked at; two parts have three.
const MOST_PARTS: usize = 16;
