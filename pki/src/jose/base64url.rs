//! Base64url as JWS writes it: no padding, no line ends, no spare bits (RFC 7515 §2). Anything else is refused, never repaired.

use super::JoseError;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub(super) fn decode(text: &[u8], most: usize, part: &'static str) -> Result<Vec<u8>, JoseError> {
    // Four characters carry three bytes.
    if text.len() / 4 * 3 > most {
        return Err(JoseError::TooLong(most));
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| JoseError::Base64(part))?;
    if bytes.len() > most { Err(JoseError::TooLong(most)) } else { Ok(bytes) }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
