//! Making a JWS in two steps, for keys that live in an HSM: a header and a payload become a digest, the signature over that digest
//! completes the text. Holds no key; what it assembles is only as good as the signature it is handed.

use super::{
    JoseError, JwsAlgorithm, SignerReference, base64url,
    header::ProtectedHeader,
    json::{self, JsonError},
};
use crate::crypto;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// How the finished JWS is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 7515 §7.1.
    Compact,
    /// Compact with the payload left out (RFC 7515 Appendix F).
    CompactDetached,
    /// RFC 7515 §7.2.2.
    Flattened,
    /// RFC 7515 §7.2.1.
    General,
}

/// A JWS that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    algorithm: JwsAlgorithm,
    protected: String,
    payload: String,
}

impl Unsigned {
    /// Prepares a JWS over `payload`; the header carries `alg`, `typ` where given, and the reference to the signer's key.
    pub fn prepare(
        algorithm: JwsAlgorithm,
        kind: Option<&str>,
        signer: &SignerReference,
        payload: &[u8],
    ) -> Result<Self, JoseError> {
        let mut members = Map::new();
        members.insert("alg".to_owned(), Value::from(algorithm.name()));
        if let Some(kind) = kind {
            members.insert("typ".to_owned(), Value::from(kind));
        }
        match signer {
            SignerReference::Chain(chain) => {
                let texts: Vec<String> = chain.iter().map(|der| STANDARD.encode(der)).collect();
                members.insert("x5c".to_owned(), json!(texts));
            }
            SignerReference::KeyIdentifier(identifier) => {
                members.insert("kid".to_owned(), Value::from(identifier.as_str()));
            }
            SignerReference::Thumbprint(thumbprint) => {
                members.insert("x5t#S256".to_owned(), Value::from(base64url::encode(thumbprint)));
            }
            SignerReference::Nothing => {}
        }
        let header = json::canonical(&members)
            .ok_or(JoseError::Json { part: "protected header", source: JsonError::Malformed })?;
        let protected = base64url::encode(&header);
        // What is made must be readable again: the same bounds hold on both sides.
        ProtectedHeader::parse(protected.as_bytes())?;
        Ok(Self { algorithm, protected, payload: base64url::encode(payload) })
    }

    /// The algorithm to sign with; its scheme and hash say how.
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// The three pieces whose concatenation is hashed with [`JwsAlgorithm::hash`] and signed.
    pub fn signing_input(&self) -> [&[u8]; 3] {
        [self.protected.as_bytes(), b".", self.payload.as_bytes()]
    }

    /// Completes the JWS with a signature in X.509 form (`Ecdsa-Sig-Value` DER, or the RSA octets).
    pub fn assemble(&self, signature: &[u8], form: Form) -> Result<String, JoseError> {
        let octets = match self.algorithm.half_length() {
            Some(half) => crypto::ecdsa_der_to_raw(signature, half).ok_or(JoseError::Member("signature"))?,
            None => signature.to_vec(),
        };
        let signature = base64url::encode(&octets);
        let Self { protected, payload, .. } = self;
        Ok(match form {
            Form::Compact => format!("{protected}.{payload}.{signature}"),
            Form::CompactDetached => format!("{protected}..{signature}"),
            Form::Flattened => {
                json!({ "payload": payload, "protected": protected, "signature": signature }).to_string()
            }
            Form::General => {
                json!({ "payload": payload, "signatures": [{ "protected": protected, "signature": signature }] })
                    .to_string()
            }
        })
    }
}
