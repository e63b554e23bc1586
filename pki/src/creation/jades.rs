//! A JAdES signature (TS 119 182-1) in two steps, and on its way through the levels. Compact at level B, the flattened JSON serialization
//! with `etsiU` from level T on.

use crate::algorithm::DigestAlgorithm;
use crate::certificate::Certificate;
use crate::crypto::{self, sha256};
use crate::error::{Error, Result};
use crate::jose::{JwsAlgorithm, base64url, json};
use crate::pdf::write::LongTermData;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::algorithm::{HashAlgorithm, SignatureScheme};
use chuky_model::instant::Instant;
use serde_json::{Map, Value, json};

/// What a signature covers.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// Octets that the signature carries.
    Attached(&'a [u8]),
    /// A file beside it, by its name and the digest of its octets, of the scheme's hash (§5.2.8.3.3, `ObjectIdByURIHash`).
    Detached { uri: &'a str, digest: &'a [u8] },
}

/// A signature being made: everything but its value.
#[derive(Clone, Debug)]
pub struct JadesToMake {
    scheme: SignatureScheme,
    protected: String,
    payload: Option<String>,
    digest: Vec<u8>,
}

/// A finished signature; levels are added to it.
#[derive(Clone, Debug)]
pub struct Jades {
    protected: String,
    payload: Option<String>,
    value: String,
    /// `etsiU`, base64url each.
    components: Vec<String>,
}

impl JadesToMake {
    /// `further` are the certificates above the signer's that travel along.
    pub fn new(
        scheme: SignatureScheme,
        payload: &Payload<'_>,
        media_type: &str,
        signer: &Certificate,
        further: &[Certificate],
        signed_at: Instant,
    ) -> Result<Self> {
        let certificates = std::iter::once(signer).chain(further.iter().filter(|other| *other != signer));
        let chain: Vec<String> = certificates.map(|one| STANDARD.encode(one.der())).collect();
        let mut header = Map::new();
        header.insert("alg".into(), JwsAlgorithm::from_scheme(scheme).name().into());
        // RFC 7519 §4.1.6; in its place `sigT` stood in version 1.1.1 of the standard.
        header.insert("iat".into(), signed_at.unix_seconds().into());
        header.insert("x5t#S256".into(), base64url::encode(signer.fingerprint()).into());
        header.insert("x5c".into(), json!(chain));
        let payload = match payload {
            Payload::Attached(octets) => {
                // RFC 7515 §4.1.10: `application/` is left out.
                let short = media_type.strip_prefix("application/").filter(|rest| !rest.contains('/'));
                header.insert("cty".into(), short.unwrap_or(media_type).into());
                Some(base64url::encode(octets))
            }
            Payload::Detached { uri, digest } => {
                header.insert("sigD".into(), by_hash(scheme.hash(), uri, digest, media_type));
                // The digest is of the octets as they are (RFC 7797 §3).
                header.insert("b64".into(), false.into());
                header.insert("crit".into(), json!(["b64", "sigD"]));
                None
            }
        };
        let protected = base64url::encode(&canonical(&Value::Object(header))?);
        let input = [&protected, ".", payload.as_deref().unwrap_or_default()].concat();
        let digest = crypto::digest(DigestAlgorithm::from(scheme.hash()), input.as_bytes());
        Ok(Self { scheme, protected, payload, digest })
    }

    /// What the key must sign, already hashed with the scheme's hash.
    pub fn digest_to_sign(&self) -> &[u8] {
        &self.digest
    }

    /// The octets of which that is the digest: the JWS Signing Input (RFC 7515 §5.1).
    pub fn octets_to_sign(&self) -> Vec<u8> {
        [&self.protected, ".", self.payload.as_deref().unwrap_or_default()].concat().into_bytes()
    }

    /// Finishes with the signature value in X.509 form. What holds it is verified as a whole before it is handed out.
    pub fn assemble(self, signature: &[u8]) -> Result<Jades> {
        let octets = match JwsAlgorithm::from_scheme(self.scheme).half_length() {
            Some(half) => crypto::ecdsa_der_to_raw(signature, half).ok_or(Error::Malformed("ECDSA signature value"))?,
            None => signature.to_vec(),
        };
        let value = base64url::encode(&octets);
        Ok(Jades { protected: self.protected, payload: self.payload, value, components: Vec::new() })
    }
}

impl Jades {
    /// TS 119 182-1 §5.3.4.
    pub(super) fn timestamped(&self) -> [u8; 32] {
        sha256(self.value.as_bytes())
    }

    pub(super) fn add_signature_timestamp(&mut self, token: &[u8]) -> Result<()> {
        self.add("sigTst", tokens(token))
    }

    pub(super) fn add_validation_data(&mut self, data: &LongTermData) -> Result<()> {
        let has_values = self.components.iter().any(|component| component.starts_with(CERTIFICATES_BEGIN));
        validation_data(data, has_values).into_iter().try_for_each(|(name, value)| self.add(name, value))
    }

    /// TS 119 182-1 §5.3.6.2: the payload as it is transmitted, header, value, and every component so far.
    pub(super) fn archived(&self, content: &[u8]) -> Vec<u8> {
        let payload = self.payload.as_deref().map_or(content, str::as_bytes);
        let head = [".", &self.protected, ".", &self.value, "."].concat();
        sha256(&[payload, head.as_bytes(), self.components.concat().as_bytes()].concat()).to_vec()
    }

    pub(super) fn add_archive_timestamp(&mut self, token: &[u8]) -> Result<()> {
        self.add("arcTst", tokens(token))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        let Self { protected, payload, value, components } = self;
        if components.is_empty() {
            return [protected, payload.unwrap_or_default(), value].join(".").into_bytes();
        }
        let mut members = Map::new();
        members.extend(payload.map(|payload| ("payload".to_owned(), Value::from(payload))));
        members.insert("protected".into(), protected.into());
        members.insert("header".into(), json!({ "etsiU": components }));
        members.insert("signature".into(), value.into());
        Value::Object(members).to_string().into_bytes()
    }

    fn add(&mut self, name: &str, value: Value) -> Result<()> {
        self.components.push(encoded_component(name, value)?);
        Ok(())
    }
}

fn by_hash(hash: HashAlgorithm, uri: &str, digest: &[u8], media_type: &str) -> Value {
    let method = match hash {
        HashAlgorithm::Sha256 => "S256",
        HashAlgorithm::Sha384 => "S384",
        HashAlgorithm::Sha512 => "S512",
    };
    json!({
        "mId": "http://uri.etsi.org/19182/ObjectIdByURIHash", "pars": [uri], "hashM": method,
        "hashV": [base64url::encode(digest)], "ctys": [media_type],
    })
}

/// Components with certificates and revocation data: TS 119 182-1 §5.3.5.2 and §5.3.5.4 at first, and where the signature has them, `tstVD` for what
/// an archive needs later (§5.3.6.1).
pub(crate) fn validation_data(data: &LongTermData, has_values: bool) -> Vec<(&'static str, Value)> {
    let encapsulated = |values: &[Vec<u8>]| -> Vec<Value> {
        values.iter().map(|der| json!({ "val": STANDARD.encode(der) })).collect()
    };
    let certificates: Vec<Value> =
        encapsulated(&data.certificates).into_iter().map(|value| json!({ "x509Cert": value })).collect();
    let mut revocation = Map::new();
    for (name, values) in [("crlVals", &data.revocation_lists), ("ocspVals", &data.ocsp_responses)] {
        if !values.is_empty() {
            revocation.insert(name.into(), encapsulated(values).into());
        }
    }
    let mut values = Map::new();
    if !certificates.is_empty() {
        values.insert("xVals".into(), certificates.into());
    }
    if !revocation.is_empty() {
        values.insert("rVals".into(), revocation.into());
    }
    match has_values && !values.is_empty() {
        true => vec![("tstVD", Value::Object(values))],
        false => ["xVals", "rVals"].into_iter().filter_map(|name| Some((name, values.remove(name)?))).collect(),
    }
}

/// What `etsiU` has as text: the base64url of a component (§5.3.1).
pub(crate) fn encoded_component(name: &str, value: Value) -> Result<String> {
    Ok(base64url::encode(&canonical(&json!({ name: value }))?))
}

/// `tstContainer` (§5.4.3.3).
pub(crate) fn tokens(token: &[u8]) -> Value {
    json!({ "tstTokens": [{ "val": STANDARD.encode(token) }] })
}

fn canonical(value: &Value) -> Result<Vec<u8>> {
    json::canonical(value).ok_or(Error::Malformed("JAdES header"))
}

/// The base64url of `{"xVals":`, as far as it is whole groups.
const CERTIFICATES_BEGIN: &str = "eyJ4VmFscyI6";

#[cfg(test)]
mod tests {
    #[test]
    fn the_beginning_of_certificate_values_is_known() {
        assert_eq!(super::base64url::encode(b"{\"xVals\":"), super::CERTIFICATES_BEGIN);
    }
}
