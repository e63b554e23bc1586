//! The protected header (RFC 7515 §4): which algorithm, whose key, and what must be understood. Reads a header once into types;
//! never falls back to a default for a parameter that it cannot read.

use super::{
    JoseError, JwsAlgorithm, base64url,
    json::{self, JsonError},
    limits::{LONGEST_CERTIFICATE, LONGEST_HEADER, LONGEST_KEY_IDENTIFIER, MOST_CERTIFICATES},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// Whose key signed, as the header says. A claim until the signature and the certificate's path are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerReference {
    /// `x5c`: the certificate and its chain as DER, signer first (RFC 7515 §4.1.6).
    Chain(Vec<Vec<u8>>),
    /// `kid`: a key that the verifier knows; by Chuky's convention the certificate's serial number in hexadecimal.
    KeyIdentifier(String),
    /// `x5t#S256` alone: the SHA-256 of a certificate that the verifier knows.
    Thumbprint([u8; 32]),
    /// The header names no key.
    Nothing,
}

/// A protected header, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedHeader {
    pub algorithm: JwsAlgorithm,
    pub signer: SignerReference,
    /// `x5t#S256`, which must fit the signing certificate wherever that came from.
    pub thumbprint: Option<[u8; 32]>,
    /// False for an unencoded payload (RFC 7797).
    pub payload_encoded: bool,
    /// `typ`, as written.
    pub kind: Option<String>,
}

impl ProtectedHeader {
    /// Reads the base64url text of a protected header.
    pub fn parse(text: &[u8]) -> Result<Self, JoseError> {
        let bytes = base64url::decode(text, LONGEST_HEADER, "protected header")?;
        let members = json::parse_object(&bytes)
            .map_err(|source: JsonError| JoseError::Json { part: "protected header", source })?;
        for name in EMBEDDED_KEYS {
            if members.contains_key(name) {
                return Err(JoseError::EmbeddedKey(name));
            }
        }
        let payload_encoded = critical(&members)?;
        let named = text_member(&members, "alg", usize::MAX)?.ok_or(JoseError::Member("alg"))?;
        let algorithm = JwsAlgorithm::from_name(named)
            .ok_or_else(|| JoseError::Algorithm(named.chars().take(LONGEST_SHOWN).collect()))?;
        let thumbprint = thumbprint(&members)?;
        let key_identifier = text_member(&members, "kid", LONGEST_KEY_IDENTIFIER)?;
        let signer = match (chain(&members)?, key_identifier, thumbprint) {
            (Some(chain), _, _) => SignerReference::Chain(chain),
            (None, Some(identifier), _) => SignerReference::KeyIdentifier(identifier.to_owned()),
            (None, None, Some(thumbprint)) => SignerReference::Thumbprint(thumbprint),
            (None, None, None) => SignerReference::Nothing,
        };
        let kind = text_member(&members, "typ", LONGEST_KEY_IDENTIFIER)?.map(str::to_owned);
        Ok(Self { algorithm, signer, thumbprint, payload_encoded, kind })
    }
}

/// Checks `crit` and `b64`; returns whether the payload is encoded. RFC 7515 §4.1.11, RFC 7797 §6.
fn critical(members: &Map<String, Value>) -> Result<bool, JoseError> {
    let mut understood = Vec::new();
    if let Some(value) = members.get("crit") {
        let names = value.as_array().filter(|names| !names.is_empty()).ok_or(JoseError::BadCritical)?;
        for name in names {
            let name = name.as_str().ok_or(JoseError::BadCritical)?;
            if name != "b64" && !STANDARD_PARAMETERS.contains(&name) {
                return Err(JoseError::UnknownCritical(name.chars().take(LONGEST_SHOWN).collect()));
            }
            if name != "b64" || understood.contains(&name) || !members.contains_key(name) {
                return Err(JoseError::BadCritical);
            }
            understood.push(name);
        }
    }
    match members.get("b64") {
        None => Ok(true),
        // RFC 7797 §6: a producer of `b64` lists it in `crit`; without that another reader would ignore it.
        Some(Value::Bool(encoded)) if understood.contains(&"b64") => Ok(*encoded),
        Some(_) => Err(JoseError::Member("b64")),
    }
}

fn text_member<'m>(
    members: &'m Map<String, Value>,
    name: &'static str,
    most: usize,
) -> Result<Option<&'m str>, JoseError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= most => Ok(Some(text)),
        Some(_) => Err(JoseError::Member(name)),
    }
}

fn thumbprint(members: &Map<String, Value>) -> Result<Option<[u8; 32]>, JoseError> {
    let Some(text) = text_member(members, "x5t#S256", LONGEST_KEY_IDENTIFIER)? else { return Ok(None) };
    let bytes = base64url::decode(text.as_bytes(), 32, "x5t#S256")?;
    bytes.try_into().map(Some).map_err(|_| JoseError::Member("x5t#S256"))
}

fn chain(members: &Map<String, Value>) -> Result<Option<Vec<Vec<u8>>>, JoseError> {
    let Some(value) = members.get("x5c") else { return Ok(None) };
    let texts = value.as_array().ok_or(JoseError::Member("x5c"))?;
    if texts.is_empty() || texts.len() > MOST_CERTIFICATES {
        return Err(JoseError::Member("x5c"));
    }
    let decode = |text: &Value| {
        // RFC 7515 §4.1.6: base64, not base64url.
        let text = text.as_str().filter(|text| text.len() / 4 * 3 <= LONGEST_CERTIFICATE)?;
        STANDARD.decode(text).ok()
    };
    texts.iter().map(decode).collect::<Option<Vec<_>>>().map(Some).ok_or(JoseError::Member("x5c"))
}

/// Parameters that carry or fetch a key: a verifier that used them would trust whoever wrote the message.
pub(super) const EMBEDDED_KEYS: [&str; 3] = ["jwk", "jku", "x5u"];

/// RFC 7515 §4.1 and RFC 7518: names that must not appear in `crit`.
pub(super) const STANDARD_PARAMETERS: [&str; 20] = [
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "enc", "zip", "epk", "apu",
    "apv", "iv", "tag", "p2s", "p2c",
];

/// Characters of a stranger's name that an error repeats.
const LONGEST_SHOWN: usize = 40;
