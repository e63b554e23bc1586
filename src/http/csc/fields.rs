//! A request's JSON object, field by field, with the errors that the specification lists for each; both spellings of hashes.

use super::failure::Failure;
use crate::{error::RequestError, http::pages::form::Secret, signing::limits::MOST_SIGNATURES};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{
    algorithm::{HashAlgorithm, SignatureScheme},
    id::CredentialId,
};
use chuky_pki::algorithm::{self, DigestAlgorithm};
use serde_json::{Map, Value};

/// What a signer's factors are.
pub struct Authentication {
    pub pin: Option<Secret>,
    pub code: Option<Secret>,
    /// They are given on another device.
    pub elsewhere: bool,
}

/// The fields of a request.
pub struct Fields(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            let (vi, en) = ("Nội dung gửi lên quá lớn hoặc bị ngắt.", "The body is too large or was cut short.");
            RequestError::new(crate::error::RequestErrorKind::TooLarge, "body_too_large", vi, en)
        })?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(Failure::invalid("The body is not a JSON object")),
        }
    }
}

impl Fields {
    /// An object inside a request.
    pub fn of(value: &Value) -> Option<Self> {
        value.as_object().cloned().map(Self)
    }

    /// A field as it is; `None` where it is absent or null.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that may be absent.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::missing("string", name)),
        }
    }

    /// A text that must be there.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| Failure::missing("string", name))
    }

    /// A text that nobody else may read, taken out of the request.
    pub fn secret(&mut self, name: &str) -> Result<Option<Secret>, Failure> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(Secret::new(text))),
            Some(_) => Err(Failure::missing("string", name)),
        }
    }

    /// Yes or no, no where it is absent.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Failure::missing("boolean", name)),
        }
    }

    /// A number that may be absent.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| Failure::missing("integer", name)),
        }
    }

    /// The credential that is meant.
    pub fn credential(&self) -> Result<CredentialId, Failure> {
        self.required("credentialID")?.parse().map_err(|_| Failure::bad("credentialID"))
    }

    /// PIN and code: `PIN` and `OTP` (version 1), or the objects of these names in `authData` (version 2), where an object `APPROVAL` without
    /// a value leaves both to another device. An empty text is none.
    pub fn authentication(&mut self) -> Result<Authentication, Failure> {
        let mut given = Authentication { pin: self.secret("PIN")?, code: self.secret("OTP")?, elsewhere: false };
        let objects = match self.0.remove("authData") {
            None | Some(Value::Null) => return Ok(given),
            Some(Value::Array(objects)) => objects,
            Some(_) => return Err(Failure::missing("array", "authData")),
        };
        for object in objects {
            let Value::Object(object) = object else { return Err(Failure::bad("authData")) };
            let mut object = Self(object);
            let place = match object.required("id")? {
                "PIN" => &mut given.pin,
                "OTP" => &mut given.code,
                // CSC API v2 §8.3: data that is not sent in band is announced by an empty object.
                "APPROVAL" if object.value("value").is_none() => {
                    given.elsewhere = true;
                    continue;
                }
                _ => return Err(Failure::bad("authData")),
            };
            if place.is_some() {
                return Err(Failure::bad("authData"));
            }
            *place = object.secret("value")?;
        }
        match given.elsewhere && (given.pin.is_some() || given.code.is_some()) {
            true => Err(Failure::bad("authData")),
            false => Ok(given),
        }
    }

    /// The documents as `documentDigests` name them (CSC API v2 §8.4.2): the hash of each with what it is called, perhaps nothing.
    pub fn labelled_hashes(&self) -> Result<(Vec<Vec<u8>>, Vec<String>), Failure> {
        let Some(value) = self.value("documentDigests") else { return Ok((self.hashes()?, Vec::new())) };
        if self.value("hash").is_some() || self.value("hashes").is_some() {
            return Err(Failure::invalid("Both hashes and documentDigests parameters passed"));
        }
        let bad = || Failure::bad("documentDigests");
        let entries = value.as_array().filter(|entries| !entries.is_empty()).ok_or_else(bad)?;
        if entries.len() > MOST_SIGNATURES {
            return Err(Failure::invalid("Numbers of signatures is too high"));
        }
        let mut labelled = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        for entry in entries {
            let entry = Self::of(entry).ok_or_else(bad)?;
            let hash = STANDARD.decode(entry.required("hash")?);
            labelled.0.push(hash.map_err(|_| Failure::invalid("Invalid Base64 hash string parameter"))?);
            labelled.1.push(entry.text("label")?.unwrap_or_default().to_owned());
        }
        Ok(labelled)
    }

    /// The hashes, as `hash` (version 1) or `hashes` (version 2): base64, one at least. A single text counts as one.
    pub fn hashes(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let value = match (self.value("hash"), self.value("hashes")) {
            (Some(value), None) | (None, Some(value)) => value,
            (Some(_), Some(_)) => return Err(Failure::invalid("Both hash and hashes parameters passed")),
            (None, None) => return Err(Failure::missing("array", "hash")),
        };
        let texts = match value {
            Value::String(_) => std::slice::from_ref(value),
            Value::Array(texts) => texts,
            _ => return Err(Failure::missing("array", "hash")),
        };
        if texts.is_empty() {
            return Err(Failure::invalid("Empty hash array"));
        }
        if texts.len() > MOST_SIGNATURES {
            return Err(Failure::invalid("Numbers of signatures is too high"));
        }
        let decoded = texts.iter().map(|text| STANDARD.decode(text.as_str()?).ok());
        decoded.collect::<Option<_>>().ok_or_else(|| Failure::invalid("Invalid Base64 hash string parameter"))
    }

    /// The hash algorithm, as `hashAlgo` (version 1) or `hashAlgorithmOID` (version 2).
    pub fn hash_algorithm(&self) -> Result<Option<DigestAlgorithm>, Failure> {
        let name = if self.value("hashAlgo").is_some() { "hashAlgo" } else { "hashAlgorithmOID" };
        let Some(text) = self.text(name)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        let known = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512].map(DigestAlgorithm::from);
        let found = known.into_iter().find(|algorithm| algorithm.oid().to_string() == text);
        found.map(Some).ok_or_else(|| Failure::bad(name))
    }

    /// Whether `signAlgo`, `signAlgoParams` and the hash algorithm are what this key signs with.
    pub fn check_scheme(&self, scheme: SignatureScheme) -> Result<(), Failure> {
        let (oid, parameters) = algorithm::scheme_parts(scheme);
        if self.required("signAlgo")? != oid.to_string() {
            return Err(Failure::bad("signAlgo"));
        }
        match (self.text("signAlgoParams")?, parameters) {
            (None, None) => {}
            (None, Some(_)) => return Err(Failure::missing("string", "signAlgoParams")),
            (Some(text), _) => {
                let given = STANDARD.decode(text).map_err(|_| Failure::bad("signAlgoParams"))?;
                if !algorithm::are_parameters(scheme, &given) {
                    return Err(Failure::bad("signAlgoParams"));
                }
            }
        }
        match self.hash_algorithm()? {
            Some(algorithm) if algorithm != DigestAlgorithm::from(scheme.hash()) => {
                Err(Failure::invalid("String parameter hashAlgorithmOID contradicts with signAlgo parameter"))
            }
            _ => Ok(()),
        }
    }

    /// Only one answer is given: the finished one.
    pub fn check_synchronous(&self) -> Result<(), Failure> {
        match self.text("operationMode")? {
            None | Some("" | "S") => Ok(()),
            Some(_) => Err(Failure::bad("operationMode")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn said<T>(answer: Result<T, Failure>) -> String {
        match answer {
            Err(Failure::Listed { description, .. }) => description,
            _ => String::new(),
        }
    }

    #[test]
    fn hashes_are_read_in_both_spellings() {
        let hashes = |value: Value| Fields::of(&value).unwrap().hashes();
        assert_eq!(hashes(json!({ "hash": ["AQI="] })).unwrap(), [[1, 2]]);
        assert_eq!(hashes(json!({ "hashes": ["AQI=", "AwQ="] })).unwrap(), [[1, 2], [3, 4]]);
        assert_eq!(hashes(json!({ "hash": "AQI=" })).unwrap(), [[1, 2]]);
        assert_eq!(said(hashes(json!({}))), "Missing (or invalid type) array parameter hash");
        assert_eq!(said(hashes(json!({ "hash": 1 }))), "Missing (or invalid type) array parameter hash");
        assert_eq!(said(hashes(json!({ "hash": [] }))), "Empty hash array");
        assert_eq!(said(hashes(json!({ "hash": [1] }))), "Invalid Base64 hash string parameter");
        assert_eq!(said(hashes(json!({ "hash": ["?"] }))), "Invalid Base64 hash string parameter");
        assert_eq!(said(hashes(json!({ "hash": vec!["AQI="; 1_001] }))), "Numbers of signatures is too high");
    }

    #[test]
    fn a_pin_is_read_in_both_spellings() {
        let pin = |value: Value| Fields::of(&value).unwrap().authentication().map(|given| given.pin);
        assert_eq!(pin(json!({ "PIN": "a" })).unwrap().unwrap().reveal(), "a");
        let object = json!({ "authData": [{ "id": "PIN", "value": "b" }] });
        assert_eq!(pin(object).unwrap().unwrap().reveal(), "b");
        assert!(pin(json!({})).unwrap().is_none());
        assert!(pin(json!({ "PIN": 12345678 })).is_err());
        assert!(pin(json!({ "authData": [{ "id": "SMS", "value": "b" }] })).is_err());
        assert!(pin(json!({ "PIN": "a", "authData": [{ "id": "PIN", "value": "b" }] })).is_err());
        let both = [
            json!({ "PIN": "a", "OTP": "123456" }),
            json!({ "authData": [{ "id": "PIN", "value": "a" }, { "id": "OTP", "value": "123456" }] }),
        ];
        for value in both {
            let Authentication { pin, code, elsewhere } = Fields::of(&value).unwrap().authentication().unwrap();
            assert_eq!((pin.unwrap().reveal(), code.unwrap().reveal(), elsewhere), ("a", "123456", false));
        }
        let elsewhere = json!({ "authData": [{ "id": "APPROVAL" }] });
        assert!(Fields::of(&elsewhere).unwrap().authentication().unwrap().elsewhere);
        assert!(pin(json!({ "authData": [{ "id": "APPROVAL", "value": "1" }] })).is_err());
        assert!(pin(json!({ "PIN": "a", "authData": [{ "id": "APPROVAL" }] })).is_err());
    }

    #[test]
    fn documents_may_be_named() {
        let labelled = |value: Value| Fields::of(&value).unwrap().labelled_hashes();
        let named = json!({ "documentDigests": [{ "hash": "AQI=", "label": "a.pdf" }, { "hash": "AwQ=" }] });
        let (hashes, names) = labelled(named).unwrap();
        assert_eq!((hashes, names), (vec![vec![1, 2], vec![3, 4]], vec!["a.pdf".to_owned(), String::new()]));
        assert_eq!(labelled(json!({ "hashes": ["AQI="] })).unwrap(), (vec![vec![1, 2]], Vec::new()));
        for bad in [json!([]), json!(1), json!([{ "label": "a" }]), json!([{ "hash": "?" }]), json!(["AQI="])] {
            assert!(labelled(json!({ "documentDigests": bad })).is_err());
        }
        assert!(labelled(json!({ "hashes": ["AQI="], "documentDigests": [{ "hash": "AQI=" }] })).is_err());
    }

    #[test]
    fn a_scheme_is_named_by_its_parts() {
        let check = |value: Value, scheme| said(Fields::of(&value).unwrap().check_scheme(scheme));
        let ecdsa = SignatureScheme::EcdsaSha256;
        assert_eq!(check(json!({ "signAlgo": "1.2.840.10045.4.3.2" }), ecdsa), "");
        assert_eq!(check(json!({}), ecdsa), "Missing (or invalid type) string parameter signAlgo");
        assert_eq!(check(json!({ "signAlgo": "1.2.840.10045.4.3.3" }), ecdsa), "Invalid parameter signAlgo");
        let other = json!({ "signAlgo": "1.2.840.10045.4.3.2", "hashAlgo": "2.16.840.1.101.3.4.2.2" });
        assert!(check(other, ecdsa).contains("contradicts"));
        let pss = SignatureScheme::RsaPssSha256;
        let parameters = STANDARD.encode(algorithm::scheme_parts(pss).1.unwrap());
        let named = |parameters: &str| json!({ "signAlgo": "1.2.840.113549.1.1.10", "signAlgoParams": parameters });
        assert_eq!(check(named(&parameters), pss), "");
        assert_eq!(check(named("MAA="), pss), "Invalid parameter signAlgoParams");
        let none = json!({ "signAlgo": "1.2.840.113549.1.1.10" });
        assert_eq!(check(none, pss), "Missing (or invalid type) string parameter signAlgoParams");
    }
}
