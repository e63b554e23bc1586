//! Text around a CMS object: PEM (RFC 7468), plain base64, and S/MIME (RFC 8551) with the object alone or beside its content. Takes
//! it off, within the bytes that the caller has bounded; never guesses beyond these forms.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// The CMS object's bytes, and the content that an S/MIME message carries beside it.
pub(in crate::verify) type Taken<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

/// Takes the armour off; bytes without one are returned as they are.
pub(in crate::verify) fn take_off(bytes: &[u8]) -> Result<Taken<'_>> {
    if bytes.first() == Some(&0x30) {
        return Ok((Cow::Borrowed(bytes), None));
    }
    if is_mime(bytes) {
        return mime(bytes);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed("CMS"))?;
    let labelled = LABELS.iter().find_map(|label| text.split_once(format!("-----BEGIN {label}-----").as_str()));
    let body = match labelled {
        Some((_, rest)) => rest.split_once("-----END ").ok_or(Error::Malformed("PEM: no END line"))?.0,
        None => text,
    };
    decode(body.as_bytes()).map(|cms| (Cow::Owned(cms), None))
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
    let Some(value) = header(bytes, "content-type") else { return false };
    ["multipart/signed", "application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkcs7-signature"]
        .iter()
        .any(|kind| value.starts_with(kind))
}

fn mime(bytes: &[u8]) -> Result<Taken<'_>> {
    let value = header(bytes, "content-type").ok_or(Error::Malformed("MIME header"))?;
    let (_, body) = split_header(bytes).ok_or(Error::Malformed("MIME header"))?;
    if !value.starts_with("multipart/signed") {
        return Ok((Cow::Owned(decode_part(bytes)?), None));
    }
    let boundary = parameter(&value, "boundary").ok_or(Error::Malformed("MIME boundary"))?;
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
        [content, signature] => Ok((Cow::Owned(decode_part(signature)?), Some(canonical(content)))),
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
    match header(part, "content-transfer-encoding").as_deref() {
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

/// The value of a header field, in lower case except for its parameters' values.
fn header(bytes: &[u8], name: &str) -> Option<String> {
    let (head, _) = split_header(bytes)?;
    let text = std::str::from_utf8(head).ok()?.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let mut values = text.lines().filter_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    });
    let value = values.next()?;
    let (kind, rest) = value.split_once(';').unwrap_or((value, ""));
    Some(format!("{};{rest}", kind.trim().to_ascii_lowercase()).trim_end_matches(';').to_owned())
}

fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Labels that CMS signatures are met under (RFC 7468 §9).
const LABELS: [&str; 4] = ["PKCS7", "CMS", "SIGNED MESSAGE", "PKCS #7 SIGNED DATA"];
/// How much of a text is looked at for its kind and its header, bytes.
const WINDOW: usize = 16 * 1024;
/// Base64 digits that hold the content type of a CMS object at the latest: behind two headers; a multiple of four.
const DIGITS: usize = 64;
/// Delimiter lines looked at; two parts have three.
const MOST_PARTS: usize = 16;
