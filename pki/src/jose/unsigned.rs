//! `etsiU`, the unsigned components of JAdES (TS 119 182-1 §5.3), in base64url or in the clear: timestamps, evidence, counter-
//! signatures. Reads what it can; a component that cannot be read is named and proves nothing.

use super::document::DocumentSignature;
use super::jades::tokens_of;
use super::limits::{LONGEST_JWS, MOST_LISTED, MOST_UNSIGNED_COMPONENTS};
use super::serialization::{compact_parts, header_text};
use super::{JoseError, base64url, json};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A component and the octets that later timestamps cover it by.
#[derive(Clone, Debug)]
pub struct Component {
    /// The member's name, e.g. `sigTst`.
    pub name: String,
    pub value: Value,
    /// The base64url text, or the canonical form (RFC 8785) of a clear component.
    pub covered: Vec<u8>,
}

/// Certificates and revocation values of components, DER.
#[derive(Clone, Debug, Default)]
pub struct Values {
    pub certificates: Vec<Vec<u8>>,
    pub crls: Vec<Vec<u8>>,
    pub responses: Vec<Vec<u8>>,
}

/// The components of an unprotected header in their order; the second of the pair says what could not be read.
pub fn components(unprotected: &Map<String, Value>) -> (Vec<Component>, Option<String>) {
    let Some(value) = unprotected.get("etsiU") else { return (Vec::new(), None) };
    let Some(items) = value.as_array() else { return (Vec::new(), Some("etsiU is not an array".to_owned())) };
    if items.len() > MOST_UNSIGNED_COMPONENTS {
        return (Vec::new(), Some("etsiU has more components than the limit".to_owned()));
    }
    let encoded = items.iter().filter(|item| item.is_string()).count();
    if encoded != 0 && encoded != items.len() {
        // TS 119 182-1 §5.3.1: all of them in one form.
        return (Vec::new(), Some("etsiU mixes encoded and clear components".to_owned()));
    }
    let mut read = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match component(item) {
            Some(component) => read.push(component),
            None => return (read, Some(format!("component {} of etsiU cannot be read", at + 1))),
        }
    }
    (read, None)
}

fn component(item: &Value) -> Option<Component> {
    let (mut members, covered) = match item {
        Value::String(text) => {
            let bytes = base64url::decode(text.as_bytes(), usize::MAX, "etsiU").ok()?;
            (json::parse_object_within(&bytes, MOST_COMPONENT_VALUES).ok()?, text.clone().into_bytes())
        }
        Value::Object(members) => (members.clone(), json::canonical(item)?),
        _ => return None,
    };
    if members.len() != 1 {
        return None;
    }
    let name = members.keys().next()?.clone();
    let value = members.remove(&name)?;
    Some(Component { name, value, covered })
}

impl Component {
    /// The timestamp tokens in it, DER; an empty one for each that cannot be read.
    pub fn tokens(&self) -> Vec<Vec<u8>> {
        tokens_of(Some(&self.value))
    }

    /// Whether a clear component's timestamps were made over another canonical form than RFC 8785, or over less than everything.
    pub fn is_of_another_form(&self) -> bool {
        let names = |name| self.value.get(name).and_then(Value::as_str);
        names("canonAlg").is_some_and(|name| name != CANONICAL)
            || names("timeStamped").is_some_and(|what| what != "all")
    }

    /// Certificates and revocation values in it.
    pub fn values(&self) -> Values {
        let mut values = Values::default();
        match self.name.as_str() {
            "xVals" | "axVals" => add_certificates(&mut values, Some(&self.value)),
            "rVals" | "arVals" => add_revocation(&mut values, Some(&self.value)),
            "tstVD" | "anyValData" => {
                add_certificates(&mut values, self.value.get("xVals"));
                add_revocation(&mut values, self.value.get("rVals"));
            }
            _ => {}
        }
        values
    }

    /// A counter-signature (TS 119 182-1 §5.3.2): a JWS over the signature value.
    pub fn counter_signature(&self) -> Result<DocumentSignature<'static>, JoseError> {
        match &self.value {
            Value::Object(members) => DocumentSignature::from_members(members.clone()),
            Value::String(text) if text.len() <= LONGEST_JWS => {
                let [protected, payload, signature] = compact_parts(text.as_bytes())?;
                if !payload.is_empty() {
                    return Err(JoseError::PayloadTwice);
                }
                let member = |text: &[u8]| header_text(text).map(|text| Value::String(text.to_owned()));
                let members = [("protected", member(protected)?), ("signature", member(signature)?)];
                DocumentSignature::from_members(
                    members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
                )
            }
            _ => Err(JoseError::Member("cSig")),
        }
    }
}

/// The octets that a timestamp over components covers: theirs, one after another.
pub fn joined<'c>(components: impl Iterator<Item = &'c Component>) -> Vec<u8> {
    components.fold(Vec::new(), |mut joined, component| {
        joined.extend_from_slice(&component.covered);
        joined
    })
}

/// The payload of a counter-signature, as it may be transmitted: the signature value itself or its text, encoded.
pub fn counter_payloads(signed: &DocumentSignature<'_>) -> [Cow<'static, [u8]>; 2] {
    [Cow::Owned(signed.text.as_bytes().to_vec()), Cow::Owned(base64url::encode(signed.text.as_bytes()).into_bytes())]
}

fn add_certificates(values: &mut Values, list: Option<&Value>) {
    for item in list.and_then(Value::as_array).into_iter().flatten().take(MOST_LISTED) {
        values.certificates.extend(item.get("x509Cert").and_then(encapsulated));
    }
}

fn add_revocation(values: &mut Values, lists: Option<&Value>) {
    let Some(lists) = lists else { return };
    for (name, into) in [("crlVals", &mut values.crls), ("ocspVals", &mut values.responses)] {
        let list = lists.get(name).and_then(Value::as_array);
        into.extend(list.into_iter().flatten().take(MOST_LISTED).filter_map(encapsulated));
    }
}

/// `pkiOb` (TS 119 182-1 §5.4.2).
fn encapsulated(item: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(item.get("val")?.as_str()?).ok()
}

/// RFC 8785 by its identifier in TS 119 182-1.
pub(crate) const CANONICAL: &str = "http://json-canonicalization.org/algorithm";
/// Values in one component: hundreds of certificates and tokens.
const MOST_COMPONENT_VALUES: usize = 20_000;
