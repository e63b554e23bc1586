//! The keys that receipts are checked with: a JWK set (RFC 7517) as the service publishes it, a certificate, or a public key. What is
//! read here is trusted because whoever checks chose the file; a key inside a receipt never is.

use crate::{
    certificate::Certificate,
    crypto::{PublicKey, sha256},
    jose::json,
    pem,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// Keys by their identifiers.
#[derive(Clone, Debug, Default)]
pub struct ReceiptKeys(Vec<(String, PublicKey)>);

impl ReceiptKeys {
    /// Reads a file of any of the three kinds; what is wrong with it in words.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let start = file.trim_ascii_start();
        if start.first() == Some(&b'{') {
            return Self::from_jwks(file);
        }
        let spki = match (pem::der_or_first_block(file, "CERTIFICATE"), pem::der_or_first_block(file, "PUBLIC KEY")) {
            (Ok(der), _) if Certificate::from_der(&der).is_ok() => {
                Certificate::from_der(&der).map_err(|error| error.to_string())?.spki_der().to_vec()
            }
            (_, Ok(der)) => der,
            (_, Err(error)) => return Err(format!("neither a JWK set nor a certificate nor a public key: {error}")),
        };
        Self::from_spki(&spki)
    }

    /// One key from its `SubjectPublicKeyInfo`.
    pub fn from_spki(spki: &[u8]) -> Result<Self, String> {
        let key = PublicKey::from_spki_der(spki).map_err(|error| error.to_string())?;
        let identifier = identifier(spki).unwrap_or_default();
        Ok(Self(vec![(identifier, key)]))
    }

    /// Reads a JWK set. Keys of other kinds than P-256 are passed over (RFC 7517 §5); one that is malformed is an error.
    pub fn from_jwks(text: &[u8]) -> Result<Self, String> {
        if text.len() > LONGEST_SET {
            return Err("the JWK set is longer than allowed".to_owned());
        }
        let set = json::parse_object(text).map_err(|error| error.to_string())?;
        let members = set.get("keys").and_then(Value::as_array).ok_or("the JWK set has no `keys`")?;
        let mut keys = Vec::new();
        for member in members {
            let member = member.as_object().ok_or("a key of the set is no object")?;
            if text_of(member, "kty") != Some("EC") || text_of(member, "crv") != Some("P-256") {
                continue;
            }
            let spki = spki_of(member).ok_or("a key of the set is malformed")?;
            let Self(mut read) = Self::from_spki(&spki)?;
            if text_of(member, "kid").is_some_and(|kid| read.first().is_none_or(|(known, _)| known != kid)) {
                return Err("a key of the set does not have the identifier that its `kid` says (RFC 7638)".to_owned());
            }
            keys.append(&mut read);
        }
        match keys.is_empty() {
            true => Err("the JWK set holds no P-256 key".to_owned()),
            false => Ok(Self(keys)),
        }
    }

    /// The key of that identifier.
    pub fn of(&self, identifier: &str) -> Option<&PublicKey> {
        self.0.iter().find(|(known, _)| known == identifier).map(|(_, key)| key)
    }
}

/// The JWK set (RFC 7517 §5) of these `SubjectPublicKeyInfo`s; those that are no P-256 keys are left out.
pub fn jwk_set(keys: &[Vec<u8>]) -> Value {
    let jwk = |spki: &Vec<u8>| {
        let [x, y] = coordinates(spki)?;
        Some(json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": identifier(spki)?,
        }))
    };
    json!({ "keys": keys.iter().filter_map(jwk).collect::<Vec<_>>() })
}

/// The key's identifier: its JWK thumbprint (RFC 7638) with SHA-256. `None` for keys that are not on P-256.
pub fn identifier(spki: &[u8]) -> Option<String> {
    let [x, y] = coordinates(spki)?;
    // RFC 7638 §3: the required members in the order of their names, without white space.
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Some(URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes())))
}

fn coordinates(spki: &[u8]) -> Option<[String; 2]> {
    let point = spki.strip_prefix(P256_SPKI).filter(|point| point.len() == 64)?;
    let (x, y) = point.split_at(32);
    Some([x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate)))
}

fn spki_of(member: &Map<String, Value>) -> Option<Vec<u8>> {
    let coordinate = |name| {
        let octets = URL_SAFE_NO_PAD.decode(text_of(member, name)?).ok()?;
        // RFC 7518 §6.2.1.2: as many octets as the field has.
        (octets.len() == 32).then_some(octets)
    };
    Some([P256_SPKI.to_vec(), coordinate("x")?, coordinate("y")?].concat())
}

fn text_of<'m>(member: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    member.get(name).and_then(Value::as_str)
}

/// RFC 5480 §2: what stands before the coordinates of an uncompressed point on P-256.
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// Bytes of a JWK set: some hundred keys.
const LONGEST_SET: usize = 64 * 1024;
