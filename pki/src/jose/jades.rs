//! The protected header of a document's signature (RFC 7515 §4, TS 119 182-1 §5.1 and §5.2): algorithm, certificate, times, and what
//! is signed. Stricter than RFC 7515 where leniency would let a message choose its own key.

use super::header::{EMBEDDED_KEYS, STANDARD_PARAMETERS};
use super::limits::{
    LONGEST_CERTIFICATE, LONGEST_DOCUMENT_HEADER, MOST_DOCUMENT_CERTIFICATES, MOST_JSON_VALUES, MOST_LISTED,
};
use super::{JoseError, base64url, json};
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::crypto::{Curve, KeyType};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::instant::Instant;
use serde_json::{Map, Value};

/// A digest of a certificate in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbprint {
    pub algorithm: DigestAlgorithm,
    pub digest: Vec<u8>,
}

/// What a detached JAdES signature covers (TS 119 182-1 §5.2.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// `ObjectIdByURI`: the objects themselves.
    ByUri,
    /// `ObjectIdByURIHash`: their digests.
    ByUriHash { algorithm: Option<DigestAlgorithm>, digests: Vec<Vec<u8>> },
    /// `HttpHeaders` and whatever else.
    Other(String),
}

/// `sigD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detached {
    pub mechanism: Mechanism,
    /// `pars`: the objects' names.
    pub objects: Vec<String>,
}

/// A protected header, read.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureHeader {
    pub algorithm: JadesAlgorithm,
    /// `x5c`, DER, signer first; empty where there is none.
    pub chain: Vec<Vec<u8>>,
    /// Whether `x5c` is integrity protected.
    pub chain_is_protected: bool,
    /// `x5t#S256`, `x5t#o` and `sigX5ts`; the signing certificate's first.
    pub thumbprints: Vec<Thumbprint>,
    /// `kid`, as written.
    pub key_identifier: Option<String>,
    /// False for an unencoded payload (RFC 7797).
    pub payload_encoded: bool,
    /// `sigT` or `iat`.
    pub signing_time: Option<Instant>,
    pub detached: Option<Detached>,
    /// Tokens of `adoTst`, DER.
    pub content_timestamps: Vec<Vec<u8>>,
    /// `sigPId`'s identifier.
    pub policy: Option<String>,
    /// `crit` names parameters that RFC 7515 §4.1.11 says it must not.
    pub critical_standard_parameters: bool,
}

/// A signature algorithm and the one kind of key that goes with it (RFC 7518 §3.1, RFC 8037 §3.1, RFC 8812 §3.2, RFC 9864 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JadesAlgorithm {
    name: &'static str,
    algorithm: Option<SignatureAlgorithm>,
    curve: Option<Curve>,
}

impl JadesAlgorithm {
    /// The algorithm with a key of this type; `None` where they do not fit.
    pub fn with(self, key: KeyType) -> Option<SignatureAlgorithm> {
        match (self.algorithm, key) {
            (Some(algorithm @ SignatureAlgorithm::EcdsaPlain(_)), KeyType::Ec(curve)) => {
                (Some(curve) == self.curve).then_some(algorithm)
            }
            (Some(SignatureAlgorithm::Ed25519) | None, KeyType::Ed25519) => Some(SignatureAlgorithm::Ed25519),
            (Some(SignatureAlgorithm::Ed448) | None, KeyType::Ed448) => Some(SignatureAlgorithm::Ed448),
            (
                Some(algorithm @ (SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss { .. })),
                KeyType::Rsa { .. },
            ) => Some(algorithm),
            _ => None,
        }
    }

    /// The `alg` value.
    pub fn name(self) -> &'static str {
        self.name
    }

    fn from_name(name: &str) -> Option<Self> {
        let rsa = |digest| (Some(SignatureAlgorithm::RsaPkcs1(digest)), None);
        let pss = |digest: DigestAlgorithm| {
            let salt = u16::try_from(digest.length()).unwrap_or(u16::MAX);
            (Some(SignatureAlgorithm::RsaPss { digest, mgf1: digest, salt }), None)
        };
        let ecdsa = |digest, curve| (Some(SignatureAlgorithm::EcdsaPlain(digest)), Some(curve));
        let (name, (algorithm, curve)) = match name {
            "RS256" => ("RS256", rsa(DigestAlgorithm::Sha256)),
            "RS384" => ("RS384", rsa(DigestAlgorithm::Sha384)),
            "RS512" => ("RS512", rsa(DigestAlgorithm::Sha512)),
            "PS256" => ("PS256", pss(DigestAlgorithm::Sha256)),
            "PS384" => ("PS384", pss(DigestAlgorithm::Sha384)),
            "PS512" => ("PS512", pss(DigestAlgorithm::Sha512)),
            "ES256" => ("ES256", ecdsa(DigestAlgorithm::Sha256, Curve::P256)),
            "ES384" => ("ES384", ecdsa(DigestAlgorithm::Sha384, Curve::P384)),
            "ES512" => ("ES512", ecdsa(DigestAlgorithm::Sha512, Curve::P521)),
            "ES256K" => ("ES256K", ecdsa(DigestAlgorithm::Sha256, Curve::Secp256k1)),
            "EdDSA" => ("EdDSA", (None, None)),
            "Ed25519" => ("Ed25519", (Some(SignatureAlgorithm::Ed25519), None)),
            "Ed448" => ("Ed448", (Some(SignatureAlgorithm::Ed448), None)),
            _ => return None,
        };
        Some(Self { name, algorithm, curve })
    }
}

impl SignatureHeader {
    /// Reads the base64url text of a protected header beside its unprotected one.
    pub fn parse(text: &str, unprotected: &Map<String, Value>) -> Result<Self, JoseError> {
        let bytes = base64url::decode(text.as_bytes(), LONGEST_DOCUMENT_HEADER, "protected header")?;
        let members = json::parse_object_within(&bytes, MOST_JSON_VALUES)
            .map_err(|source| JoseError::Json { part: "protected header", source })?;
        // RFC 7515 §4.1.2, §4.1.3: beside a certificate they name the same key once more. The certificate counts, and they are not looked at.
        let has_certificate = members.contains_key("x5c") || unprotected.contains_key("x5c");
        for name in EMBEDDED_KEYS.iter().filter(|name| **name != "x5u" && !has_certificate) {
            if members.contains_key(*name) || unprotected.contains_key(*name) {
                return Err(JoseError::EmbeddedKey(name));
            }
        }
        if let Some(name) = members.keys().find(|name| unprotected.contains_key(*name)) {
            return Err(JoseError::TwiceInHeaders(shown(name)));
        }
        // What decides how the signature is checked must be protected; a certificate is only a hint, which the signature tests.
        if let Some(name) = ["crit", "b64", "sigD", "alg"].iter().find(|name| unprotected.contains_key(**name)) {
            return Err(JoseError::Unprotected((*name).to_owned()));
        }
        let critical_standard_parameters = critical(&members, unprotected)?;
        let payload_encoded = match members.get("b64") {
            None => true,
            Some(Value::Bool(encoded)) if is_critical(&members, "b64") => *encoded,
            Some(_) => return Err(JoseError::Member("b64")),
        };
        let name = text_of(&members, "alg")?.ok_or(JoseError::Member("alg"))?;
        let algorithm = JadesAlgorithm::from_name(name).ok_or_else(|| JoseError::Algorithm(shown(name)))?;
        let chain_is_protected = members.contains_key("x5c");
        let chain = chain(if chain_is_protected { &members } else { unprotected })?;
        let key_identifier = text_of(&members, "kid")?.or(text_of(unprotected, "kid")?);
        Ok(Self {
            algorithm,
            chain,
            chain_is_protected,
            thumbprints: thumbprints(&members)?,
            key_identifier: key_identifier.map(str::to_owned),
            payload_encoded,
            signing_time: signing_time(&members)?,
            detached: detached(&members)?,
            content_timestamps: tokens_of(members.get("adoTst")),
            policy: policy(&members),
            critical_standard_parameters,
        })
    }
}

/// Whether a name is of an algorithm without public keys: a message must never choose one of these.
pub fn is_forbidden_algorithm(name: &str) -> bool {
    name.eq_ignore_ascii_case("none") || name.to_ascii_uppercase().starts_with("HS")
}

fn is_critical(members: &Map<String, Value>, name: &str) -> bool {
    members.get("crit").and_then(Value::as_array).is_some_and(|names| names.iter().any(|one| one == name))
}

/// RFC 7515 §4.1.11: every name understood, present, and once. Standard names are tolerated there, as it allows, and told.
fn critical(members: &Map<String, Value>, unprotected: &Map<String, Value>) -> Result<bool, JoseError> {
    let Some(value) = members.get("crit") else { return Ok(false) };
    let names = value.as_array().filter(|names| !names.is_empty()).ok_or(JoseError::BadCritical)?;
    let mut seen = std::collections::BTreeSet::new();
    let mut standard = false;
    for name in names {
        let name = name.as_str().ok_or(JoseError::BadCritical)?;
        let known = UNDERSTOOD.contains(&name);
        standard |= STANDARD_PARAMETERS.contains(&name);
        if !known && !STANDARD_PARAMETERS.contains(&name) {
            return Err(JoseError::UnknownCritical(shown(name)));
        }
        // TS 119 182-1 §5.3.1: `etsiU` is the one of them that stands in the unprotected header.
        let present = members.contains_key(name) || (name == "etsiU" && unprotected.contains_key(name));
        if !seen.insert(name) || !present || name == "crit" {
            return Err(JoseError::BadCritical);
        }
    }
    Ok(standard)
}

fn text_of<'m>(members: &'m Map<String, Value>, name: &'static str) -> Result<Option<&'m str>, JoseError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JoseError::Member(name)),
    }
}

fn chain(members: &Map<String, Value>) -> Result<Vec<Vec<u8>>, JoseError> {
    let Some(value) = members.get("x5c") else { return Ok(Vec::new()) };
    let texts = value.as_array().ok_or(JoseError::Member("x5c"))?;
    if texts.is_empty() || texts.len() > MOST_DOCUMENT_CERTIFICATES {
        return Err(JoseError::Member("x5c"));
    }
    let decode = |text: &Value| {
        let text = text.as_str().filter(|text| text.len() / 4 * 3 <= LONGEST_CERTIFICATE * 4)?;
        // RFC 4648 §3.1 wants no line ends; makers who take the text out of PEM leave them, and the octets are the same.
        let digits: String = text.chars().filter(|digit| !digit.is_ascii_whitespace()).collect();
        STANDARD.decode(digits).ok()
    };
    texts.iter().map(decode).collect::<Option<Vec<_>>>().ok_or(JoseError::Member("x5c"))
}

/// `x5t#S256` (RFC 7515 §4.1.8), `x5t#o` and `sigX5ts` (TS 119 182-1 §5.2.2). `x5t` is SHA-1 and binds nothing today.
fn thumbprints(members: &Map<String, Value>) -> Result<Vec<Thumbprint>, JoseError> {
    let mut found = Vec::new();
    if let Some(text) = text_of(members, "x5t#S256")? {
        let digest = base64url::decode(text.as_bytes(), 32, "x5t#S256")?;
        found.push(Thumbprint { algorithm: DigestAlgorithm::Sha256, digest });
    }
    if let Some(value) = members.get("x5t#o") {
        found.push(thumbprint(value).ok_or(JoseError::Member("x5t#o"))?);
    }
    if let Some(value) = members.get("sigX5ts") {
        let list = value.as_array().filter(|list| !list.is_empty() && list.len() <= MOST_LISTED);
        let list = list.ok_or(JoseError::Member("sigX5ts"))?;
        for item in list {
            found.push(thumbprint(item).ok_or(JoseError::Member("sigX5ts"))?);
        }
    }
    Ok(found)
}

fn thumbprint(value: &Value) -> Option<Thumbprint> {
    let algorithm = digest_algorithm(value.get("digAlg")?.as_str()?)?;
    let digest = base64url::decode(value.get("digVal")?.as_str()?.as_bytes(), 64, "digVal").ok()?;
    (digest.len() == algorithm.length()).then_some(Thumbprint { algorithm, digest })
}

/// TS 119 182-1 §5.2.2.2 and RFC 7518's style of names; also the URIs of XML signatures, which some makers write.
pub(super) fn digest_algorithm(name: &str) -> Option<DigestAlgorithm> {
    match name {
        "S224" | "sha-224" => Some(DigestAlgorithm::Sha224),
        "S256" | "sha-256" | "SHA-256" => Some(DigestAlgorithm::Sha256),
        "S384" | "sha-384" | "SHA-384" => Some(DigestAlgorithm::Sha384),
        "S512" | "sha-512" | "SHA-512" => Some(DigestAlgorithm::Sha512),
        "S3-256" => Some(DigestAlgorithm::Sha3_256),
        "S3-384" => Some(DigestAlgorithm::Sha3_384),
        "S3-512" => Some(DigestAlgorithm::Sha3_512),
        _ => None,
    }
}

/// `sigT` (RFC 3339, UTC, whole seconds) or, since version 1.2.1, `iat` (seconds since 1970). Both at once contradict §5.1.11.
fn signing_time(members: &Map<String, Value>) -> Result<Option<Instant>, JoseError> {
    if let Some(text) = text_of(members, "sigT")? {
        return Instant::parse_rfc3339(text).ok_or(JoseError::Member("sigT")).map(Some);
    }
    match members.get("iat") {
        None => Ok(None),
        Some(value) => value.as_i64().map(|at| Some(Instant::from_unix_seconds(at))).ok_or(JoseError::Member("iat")),
    }
}

fn detached(members: &Map<String, Value>) -> Result<Option<Detached>, JoseError> {
    let Some(value) = members.get("sigD") else { return Ok(None) };
    let wrong = || JoseError::Member("sigD");
    let texts = |name: &str| -> Result<Option<Vec<String>>, JoseError> {
        let Some(list) = value.get(name) else { return Ok(None) };
        let list = list.as_array().filter(|list| list.len() <= MOST_LISTED).ok_or_else(wrong)?;
        list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
    };
    let objects = texts("pars")?.ok_or_else(wrong)?;
    let identifier = value.get("mId").and_then(Value::as_str).ok_or_else(wrong)?;
    let mechanism = match identifier {
        "http://uri.etsi.org/19182/ObjectIdByURI" => Mechanism::ByUri,
        "http://uri.etsi.org/19182/ObjectIdByURIHash" => {
            let digests = texts("hashV")?.ok_or_else(wrong)?;
            let method = value.get("hashM").and_then(Value::as_str).ok_or_else(wrong)?;
            if digests.len() != objects.len() || objects.is_empty() {
                return Err(wrong());
            }
            let decode = |text: &String| base64url::decode(text.as_bytes(), 64, "hashV");
            let algorithm = digest_algorithm(method);
            let digests = match algorithm {
                Some(_) => digests.iter().map(decode).collect::<Result<_, _>>()?,
                None => Vec::new(),
            };
            Mechanism::ByUriHash { algorithm, digests }
        }
        other => Mechanism::Other(shown(other)),
    };
    Ok(Some(Detached { mechanism, objects }))
}

/// The tokens of a `tstContainer` (TS 119 182-1 §5.4.3.3). What cannot be read is left out here and found missing there.
pub(super) fn tokens_of(container: Option<&Value>) -> Vec<Vec<u8>> {
    let tokens = container.and_then(|container| container.get("tstTokens")).and_then(Value::as_array);
    let decode = |token: &Value| STANDARD.decode(token.get("val")?.as_str()?).ok();
    tokens.into_iter().flatten().take(MOST_LISTED).map(|token| decode(token).unwrap_or_default()).collect()
}

fn policy(members: &Map<String, Value>) -> Option<String> {
    let identifier = members.get("sigPId")?.get("id")?;
    let identifier = identifier.get("id").unwrap_or(identifier).as_str()?;
    Some(shown(identifier))
}

fn shown(name: &str) -> String {
    name.chars().take(LONGEST_SHOWN).collect()
}

/// Parameters that may stand in `crit` because they are processed here (RFC 7797, TS 119 182-1 §5.2, §5.3.1).
const UNDERSTOOD: [&str; 11] =
    ["b64", "sigT", "x5t#o", "sigX5ts", "srCms", "sigPl", "srAts", "adoTst", "sigPId", "sigD", "etsiU"];

/// Characters of a stranger's name that the report repeats.
const LONGEST_SHOWN: usize = 80;
