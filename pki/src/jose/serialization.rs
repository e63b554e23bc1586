//! The three serialisations of RFC 7515 §7 taken apart into the same pieces, the signed bytes left as they arrived. The header
//! is read separately, so that a verifier that knows it already need not. Must never re-encode what was signed.

use super::{
    JoseError, ProtectedHeader, base64url, json,
    limits::{Bounds, LONGEST_JWS, LONGEST_PAYLOAD, LONGEST_SIGNATURE, PAYMENT},
};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One JWS, taken apart. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jws<'a> {
    /// The protected header as base64url text: half of the signing input, and a good key for a cache.
    pub protected: Cow<'a, str>,
    /// The payload as it was transmitted: base64url text, or raw bytes where `b64` is false.
    transmitted: Cow<'a, [u8]>,
    /// The signature value: `r ‖ s` or the RSA octets.
    pub signature: Vec<u8>,
    /// The unprotected header; nothing in it decides how the signature is checked.
    pub unprotected: Map<String, Value>,
}

impl<'a> Jws<'a> {
    /// Takes a JWS with its payload attached apart, in whichever serialisation. White space around it is allowed.
    pub fn parse(input: &'a [u8]) -> Result<Self, JoseError> {
        Self::take_apart(input)?.ok_or(JoseError::PayloadMissing)
    }

    /// Takes a JWS with a detached payload apart (RFC 7515 Appendix F); `payload` are the bytes that were signed.
    pub fn parse_detached(input: &'a [u8], payload: &[u8]) -> Result<Self, JoseError> {
        let (mut pieces, attached) = pieces(input)?;
        if attached {
            return Err(JoseError::PayloadTwice);
        }
        let encoded = ProtectedHeader::parse(pieces.protected.as_bytes())?.payload_encoded;
        pieces.transmitted =
            Cow::Owned(if encoded { base64url::encode(payload).into_bytes() } else { payload.to_vec() });
        Ok(pieces)
    }

    fn take_apart(input: &'a [u8]) -> Result<Option<Self>, JoseError> {
        pieces(input).map(|(pieces, attached)| attached.then_some(pieces))
    }

    /// The same, independent of the text that it was read from.
    pub fn into_owned(self) -> Jws<'static> {
        Jws {
            protected: Cow::Owned(self.protected.into_owned()),
            transmitted: Cow::Owned(self.transmitted.into_owned()),
            signature: self.signature,
            unprotected: self.unprotected,
        }
    }

    /// The protected header, read.
    pub fn header(&self) -> Result<ProtectedHeader, JoseError> {
        ProtectedHeader::parse(self.protected.as_bytes())
    }

    /// The payload, decoded as the header says.
    pub fn payload(&self, encoded: bool) -> Result<Cow<'_, [u8]>, JoseError> {
        if encoded {
            base64url::decode(&self.transmitted, LONGEST_PAYLOAD, "payload").map(Cow::Owned)
        } else if self.transmitted.len() > LONGEST_PAYLOAD {
            Err(JoseError::TooLong(LONGEST_PAYLOAD))
        } else {
            Ok(Cow::Borrowed(&self.transmitted))
        }
    }

    /// The three pieces whose concatenation was signed: header, a dot, payload (RFC 7515 §5.1, RFC 7797 §3).
    pub fn signing_input(&self) -> [&[u8]; 3] {
        [self.protected.as_bytes(), b".", &self.transmitted]
    }
}

/// The pieces and whether a payload was attached.
fn pieces(input: &[u8]) -> Result<(Jws<'_>, bool), JoseError> {
    if input.len() > LONGEST_JWS {
        return Err(JoseError::TooLong(LONGEST_JWS));
    }
    let input = input.trim_ascii();
    if input.first() == Some(&b'{') { json_serialization(input) } else { compact(input) }
}

fn compact(input: &[u8]) -> Result<(Jws<'_>, bool), JoseError> {
    let [protected, payload, signature] = compact_parts(input)?;
    let jws = Jws {
        protected: Cow::Borrowed(header_text(protected)?),
        transmitted: Cow::Borrowed(payload),
        signature: base64url::decode(signature, LONGEST_SIGNATURE, "signature")?,
        unprotected: Map::new(),
    };
    Ok((jws, !payload.is_empty()))
}

/// RFC 7515 §7.1: header, payload, signature. With `b64` false the payload must be free of dots (RFC 7797 §5.2), which the count
/// of dots ensures.
pub(super) fn compact_parts(input: &[u8]) -> Result<[&[u8]; 3], JoseError> {
    let mut dots = memchr::memchr_iter(b'.', input);
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return Err(JoseError::NotJws);
    };
    Ok([input.get(..first), input.get(first + 1..second), input.get(second + 1..)].map(Option::unwrap_or_default))
}

fn json_serialization(input: &[u8]) -> Result<(Jws<'static>, bool), JoseError> {
    let (payload, signatures) = json_members(input, &PAYMENT)?;
    let Some(mut members) = signatures.into_iter().next() else { return Err(JoseError::Member("signatures")) };
    refuse_unprotected(&members)?;
    let unprotected = match members.remove("header") {
        Some(Value::Object(unprotected)) => unprotected,
        _ => Map::new(),
    };
    let protected = take_text(&mut members, "protected")?;
    let signature = take_text(&mut members, "signature")?;
    header_text(protected.as_bytes())?;
    let attached = payload.is_some();
    let jws = Jws {
        protected: Cow::Owned(protected),
        transmitted: Cow::Owned(payload.unwrap_or_default()),
        signature: base64url::decode(signature.as_bytes(), LONGEST_SIGNATURE, "signature")?,
        unprotected,
    };
    Ok((jws, attached))
}

/// The payload as transmitted, and each signature's members.
pub(super) type Members = (Option<Vec<u8>>, Vec<Map<String, Value>>);

/// RFC 7515 §7.2.1 (general) and §7.2.2 (flattened): the payload, and each signature's members.
pub(super) fn json_members(input: &[u8], bounds: &Bounds) -> Result<Members, JoseError> {
    let mut outer = json::parse_object_within(input, bounds.values)
        .map_err(|source| JoseError::Json { part: "JSON serialisation", source })?;
    let payload = match outer.remove("payload") {
        None => None,
        Some(Value::String(text)) => Some(text.into_bytes()),
        Some(_) => return Err(JoseError::Member("payload")),
    };
    refuse_lookalikes(&outer)?;
    let signatures = match outer.remove("signatures") {
        None => return Ok((payload, vec![outer])),
        // RFC 7515 §7.2.2: the flattened form's members must not stand beside `signatures`.
        Some(_) if SIGNATURE_MEMBERS.iter().any(|name| outer.contains_key(*name)) => {
            return Err(JoseError::Member("signatures"));
        }
        Some(Value::Array(signatures)) if !signatures.is_empty() => signatures,
        Some(_) => return Err(JoseError::Member("signatures")),
    };
    if signatures.len() > bounds.signatures {
        return Err(JoseError::SeveralSignatures);
    }
    let members = signatures.into_iter().map(|signature| match signature {
        Value::Object(members) => refuse_lookalikes(&members).map(|()| members),
        _ => Err(JoseError::Member("signatures")),
    });
    Ok((payload, members.collect::<Result<_, _>>()?))
}

/// Members that readers which take no notice of case would read in the place of those of RFC 7515 §7.2, and that no signature covers.
fn refuse_lookalikes(members: &Map<String, Value>) -> Result<(), JoseError> {
    let folded = |name: &str| name.to_uppercase().to_lowercase();
    let meant = |name: &String| MEMBERS.into_iter().find(|known| *known != name.as_str() && *known == folded(name));
    members.keys().find_map(meant).map_or(Ok(()), |known| Err(JoseError::Member(known)))
}

/// Takes a member out that must be a text.
pub(super) fn take_text(members: &mut Map<String, Value>, name: &'static str) -> Result<String, JoseError> {
    match members.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(JoseError::Member(name)),
    }
}

/// An unprotected header may carry remarks, but nothing that decides how the signature is checked.
fn refuse_unprotected(members: &Map<String, Value>) -> Result<(), JoseError> {
    match members.get("header") {
        None => Ok(()),
        Some(Value::Object(unprotected)) => {
            match unprotected.keys().find(|name| DECIDING_PARAMETERS.contains(&name.as_str())) {
                None => Ok(()),
                Some(name) => Err(JoseError::Unprotected(name.clone())),
            }
        }
        Some(_) => Err(JoseError::Member("header")),
    }
}

pub(super) fn header_text(bytes: &[u8]) -> Result<&str, JoseError> {
    // Every byte is looked at, without leaving early: so the loop becomes vector code, and a header holds a chain of certificates.
    let other = |byte: &u8| u8::from(!(byte.is_ascii_alphanumeric() | (*byte == b'-') | (*byte == b'_')));
    if bytes.is_empty() || bytes.iter().fold(0, |found, byte| found | other(byte)) != 0 {
        return Err(JoseError::Base64("protected header"));
    }
    std::str::from_utf8(bytes).map_err(|_| JoseError::Base64("protected header"))
}

const MEMBERS: [&str; 5] = ["payload", "signatures", "protected", "header", "signature"];
const SIGNATURE_MEMBERS: [&str; 3] = ["protected", "header", "signature"];
const DECIDING_PARAMETERS: [&str; 11] =
    ["alg", "crit", "b64", "kid", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "typ"];
