//! PEM blocks (RFC 7468), read leniently as authorities publish them.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The contents of every block with this label.
pub fn blocks(text: &str, label: &str) -> Result<Vec<Vec<u8>>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(begin.as_str()) {
        let (body, remainder) = after.split_once(end.as_str()).ok_or(Error::Malformed("PEM: no END line"))?;
        let compact: String = body.chars().filter(|character| !character.is_whitespace()).collect();
        found.push(STANDARD.decode(compact).map_err(|_| Error::Malformed("PEM: base64"))?);
        rest = remainder;
    }
    Ok(found)
}

/// The bytes of `input`, or of its first block where it is PEM text.
pub fn der_or_first_block(input: &[u8], label: &str) -> Result<Vec<u8>> {
    match std::str::from_utf8(input) {
        Ok(text) if text.contains("-----BEGIN ") => {
            blocks(text, label)?.into_iter().next().ok_or(Error::Malformed("PEM: no such block"))
        }
        _ => Ok(input.to_vec()),
    }
}

/// One block, 64 characters a line.
pub fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + &format!("-----END {label}-----\n")
}
