//! Signed documents as JWS: any number of signatures over one payload, with unprotected headers that JAdES fills. Takes them
//! apart, the signed bytes left as they arrived; verifies nothing.

use super::limits::{DOCUMENT, LONGEST_SIGNATURE};
use super::serialization::{compact_parts, header_text, json_members, take_text};
use super::{JoseError, base64url};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A signed document, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Document<'a> {
    /// As transmitted: base64url text, or raw where a signature's `b64` is false. `None` where it is detached.
    pub payload: Option<Cow<'a, [u8]>>,
    /// Each signature that could be taken apart, and why not otherwise.
    pub signatures: Vec<Result<DocumentSignature<'a>, JoseError>>,
}

/// One signature of it.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentSignature<'a> {
    /// The protected header as base64url text.
    pub protected: Cow<'a, str>,
    /// The unprotected header; empty where there is none.
    pub unprotected: Map<String, Value>,
    /// The signature value as base64url text: what signature timestamps cover.
    pub text: Cow<'a, str>,
    /// The signature value.
    pub value: Vec<u8>,
}

impl<'a> Document<'a> {
    /// Takes a document apart, in whichever serialisation. White space around it is allowed.
    pub fn parse(input: &'a [u8]) -> Result<Self, JoseError> {
        if input.len() > DOCUMENT.longest {
            return Err(JoseError::TooLong(DOCUMENT.longest));
        }
        let body = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).trim_ascii();
        if body.first() != Some(&b'{') {
            let [protected, payload, signature] = compact_parts(body)?;
            let signature = DocumentSignature::new(
                Cow::Borrowed(header_text(protected)?),
                Cow::Borrowed(header_text(signature)?),
                Map::new(),
            );
            let payload = (!payload.is_empty()).then_some(Cow::Borrowed(payload));
            return Ok(Self { payload, signatures: vec![signature] });
        }
        let (payload, members) = json_members(body, &DOCUMENT)?;
        let signatures = members.into_iter().map(DocumentSignature::from_members).collect();
        // RFC 7515 Appendix F lets a detached payload be left out; some makers write it empty.
        let payload = payload.filter(|payload| !payload.is_empty()).map(Cow::Owned);
        Ok(Self { payload, signatures })
    }
}

impl DocumentSignature<'static> {
    /// Reads the members of one signature; others than the three of RFC 7515 §7.2.1 are not signed and mean nothing.
    pub(super) fn from_members(mut members: Map<String, Value>) -> Result<Self, JoseError> {
        let unprotected = match members.remove("header") {
            None => Map::new(),
            Some(Value::Object(unprotected)) => unprotected,
            Some(_) => return Err(JoseError::Member("header")),
        };
        // RFC 7515 §7.2.1 allows it; whoever changes such a header leaves no trace.
        if !members.contains_key("protected") && unprotected.contains_key("alg") && members.contains_key("signature") {
            return Err(JoseError::NothingProtected);
        }
        let protected = take_text(&mut members, "protected")?;
        let text = take_text(&mut members, "signature")?;
        header_text(protected.as_bytes())?;
        Self::new(Cow::Owned(protected), Cow::Owned(text), unprotected)
    }
}

impl<'a> DocumentSignature<'a> {
    fn new(protected: Cow<'a, str>, text: Cow<'a, str>, unprotected: Map<String, Value>) -> Result<Self, JoseError> {
        let value = base64url::decode(text.as_bytes(), LONGEST_SIGNATURE, "signature")?;
        Ok(Self { protected, unprotected, text, value })
    }
}

/// The text that a payload is transmitted as.
pub fn encoded(payload: &[u8]) -> String {
    base64url::encode(payload)
}

/// The payload that a text stands for; `None` where it is no base64url.
pub fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    base64url::decode(text, DOCUMENT.longest, "payload").ok()
}
