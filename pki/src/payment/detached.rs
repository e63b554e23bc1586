//! A signature and its content side by side, as the API takes them: parts of a form, or members of a JSON object. Reads the fields and
//! says what is missing; knows no certificate and checks no signature.

use super::{limits::LONGEST_MESSAGE, order::Refusal, reason::Reason};
use crate::{
    certificate::Certificate,
    jose::{
        SignerReference,
        json::{self, JsonError},
        limits::LONGEST_KEY_IDENTIFIER,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// A signature with its content beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Detached {
    /// A JWS with a detached payload, a CMS object, or with `raw` a bare value.
    pub signature: Vec<u8>,
    /// What is signed.
    pub content: Vec<u8>,
    /// What a bare value cannot say of itself.
    pub raw: Option<RawSignature>,
}

/// What is said beside a bare signature value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawSignature {
    /// The name of a configured layout.
    pub layout: String,
    /// As JWS names it: `ES256`, `RS256`, …
    pub algorithm: String,
    pub signer: SignerReference,
}

/// The fields as they came; which must be there depends on the form.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub signature: Option<Vec<u8>>,
    pub content: Option<Vec<u8>>,
    pub layout: Option<String>,
    pub algorithm: Option<String>,
    /// A certificate's serial number in hexadecimal.
    pub serial: Option<String>,
    /// A certificate's SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    /// A certificate: DER, PEM, or the base64 of DER.
    pub certificate: Option<Vec<u8>>,
}

/// The names of the fields, in a form and in JSON; there `content_base64` takes the place of a content that is no text.
pub const FIELDS: [&str; 8] =
    ["signature", "content", "content_base64", "layout", "algorithm", "serial", "sha256", "certificate"];

impl Fields {
    /// Puts the fields together.
    pub(super) fn into_detached(self) -> Result<Detached, Refusal> {
        let missing = |name: &str| (Reason::ContentMissing, format!("the field {name} is missing"));
        let signature = self.signature.ok_or_else(|| missing("signature"))?;
        let content = self.content.ok_or_else(|| missing("content"))?;
        if signature.len().saturating_add(content.len()) > LONGEST_MESSAGE {
            return Err((Reason::TooLarge, format!("longer than {LONGEST_MESSAGE} bytes together")));
        }
        let named =
            [self.algorithm.is_some(), self.serial.is_some(), self.sha256.is_some(), self.certificate.is_some()];
        let Some(layout) = self.layout else {
            if named.contains(&true) {
                let detail = "algorithm and certificate are named for a bare signature only, with its layout";
                return Err((Reason::Malformed, detail.to_owned()));
            }
            return Ok(Detached { signature, content, raw: None });
        };
        let algorithm = self.algorithm.ok_or_else(|| malformed("a bare signature needs the field algorithm"))?;
        let signer = match (self.certificate, self.sha256, self.serial) {
            (Some(certificate), None, None) => SignerReference::Chain(vec![certificate_der(&certificate)?]),
            (None, Some(sha256), None) => {
                let octets = hex::decode(&sha256).ok().and_then(|octets| octets.try_into().ok());
                SignerReference::Thumbprint(octets.ok_or_else(|| malformed("sha256 is 64 hexadecimal digits"))?)
            }
            (None, None, Some(serial)) if serial.len() <= LONGEST_KEY_IDENTIFIER => {
                SignerReference::KeyIdentifier(serial)
            }
            (None, None, None) => SignerReference::Nothing,
            _ => return Err(malformed("one of certificate, sha256 and serial names the certificate")),
        };
        Ok(Detached { signature, content, raw: Some(RawSignature { layout, algorithm, signer }) })
    }
}

impl Detached {
    /// Reads a JSON object with the fields as members; `None` where it is something else, such as a JWS.
    pub(super) fn from_json(text: &[u8]) -> Result<Option<Self>, Refusal> {
        if text.len() > LONGEST_MESSAGE * 2 {
            return Err((Reason::TooLarge, format!("longer than {} bytes", LONGEST_MESSAGE * 2)));
        }
        let members = json::parse_object(text).map_err(|error| match error {
            JsonError::DuplicateMember => (Reason::DuplicateMember, error.to_string()),
            JsonError::TooLarge => (Reason::TooLarge, error.to_string()),
            JsonError::Malformed => (Reason::Malformed, error.to_string()),
        })?;
        if !members.contains_key("content") && !members.contains_key("content_base64") {
            return Ok(None);
        }
        fields_of(members)?.into_detached().map(Some)
    }
}

/// Whether an object may hold the fields: a cheap look, so that a JWS in JSON is not parsed twice.
pub(super) fn may_be_fields(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"\"content").is_some()
}

fn fields_of(mut members: Map<String, Value>) -> Result<Fields, Refusal> {
    if let Some(name) = members.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(malformed(&format!("the member {:?} is not known", name.chars().take(40).collect::<String>())));
    }
    let signature = match members.remove("signature") {
        None => None,
        // A flattened JWS, its payload left out (RFC 7515 Appendix F).
        Some(Value::Object(jws)) => Some(Value::Object(jws).to_string().into_bytes()),
        Some(Value::String(text)) if text.contains('.') || text.trim_start().starts_with('-') => {
            Some(text.into_bytes())
        }
        Some(Value::String(text)) => Some(base64(&text, "signature")?),
        Some(_) => return Err(malformed("signature is a text, or a JWS in JSON")),
    };
    let mut text = |name: &'static str| match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(malformed(&format!("{name} is a text"))),
    };
    let content = match (text("content")?, text("content_base64")?) {
        (Some(content), None) => Some(content.into_bytes()),
        (None, Some(encoded)) => Some(base64(&encoded, "content_base64")?),
        _ => return Err(malformed("the content stands in content or in content_base64, and there once")),
    };
    Ok(Fields {
        signature,
        content,
        layout: text("layout")?,
        algorithm: text("algorithm")?,
        serial: text("serial")?,
        sha256: text("sha256")?,
        certificate: text("certificate")?.map(String::into_bytes),
    })
}

pub(super) fn certificate_der(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("certificate is DER, PEM or base64"))?;
    if !text.contains("-----BEGIN ") {
        return base64(text, "certificate");
    }
    let first = Certificate::all_from_pem(text).ok().and_then(|all| all.into_iter().next());
    first.map(|one| one.der().to_vec()).ok_or_else(|| malformed("certificate holds no certificate"))
}

fn base64(text: &str, name: &str) -> Result<Vec<u8>, Refusal> {
    let compact: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).map_err(|_| malformed(&format!("{name} is not base64")))
}

fn malformed(detail: &str) -> Refusal {
    (Reason::Malformed, detail.to_owned())
}
