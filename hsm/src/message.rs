//! What can be asked of a worker and what it answers. These types cross a socket as postcard; secrets in them wipe themselves.

use crate::{
    error::Error,
    limits,
    secret::Secret32,
    settings::{StockTarget, TokenKind},
};
use chuky_model::{
    algorithm::{KeyAlgorithm, SignatureScheme},
    id::{AccountId, ActivationId, CredentialId},
    instant::Instant,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whose key a sealed blob holds. Bound into the seal: a blob under another context does not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyContext {
    /// The key's identifier.
    pub key_id: CredentialId,
    /// The one account that may use this seal. An agency's seal is sealed once for each clerk.
    pub owner: AccountId,
}

/// A subscriber's key as the database keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// The sealed blob, versioned, with its own MAC.
    pub blob: Vec<u8>,
    /// `SubjectPublicKeyInfo`, DER.
    pub spki_der: Vec<u8>,
    /// The pepper it is sealed under. Reseal when an older one is met.
    pub pepper_version: u32,
    /// The wrapping key's label.
    pub wrapping_key_id: String,
}

/// What an activation allows: exactly these hashes, once each, until then, to this client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationContext {
    /// The activation.
    pub activation_id: ActivationId,
    /// The digests, in order; one that occurs twice may be signed twice.
    pub hashes: Vec<Vec<u8>>,
    /// The scheme of every signature.
    pub scheme: SignatureScheme,
    /// Who asked: session or API client, as the service names it.
    pub client: String,
    /// The first instant at which it is worth nothing.
    pub expires: Instant,
}

/// What `open_activation` gives. The secret is the CSC API's SAD and is stored nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedActivation {
    /// The resealed key, to be stored until the activation ends.
    pub blob: Vec<u8>,
    /// What opens it.
    pub secret: Secret32,
    /// The key at rest under the same PIN and the newest pepper, where it was under an older one: to be stored in its place.
    pub resealed: Option<SealedKey>,
}

/// One of the service's own keys on a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceKey {
    /// Its label, unique on the token.
    pub label: String,
    /// Its type.
    pub algorithm: KeyAlgorithm,
    /// `SubjectPublicKeyInfo`, DER.
    pub spki_der: Vec<u8>,
}

/// What a probe finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What the token is for.
    pub kind: TokenKind,
    /// Its serial number as it says.
    pub token_serial: String,
    /// Pepper versions present, ascending (subscribers only).
    pub pepper_versions: Vec<u32>,
    /// Ready-made keys in this worker.
    pub stock: Vec<StockTarget>,
    /// Handles kept unwrapped in this worker.
    pub unwrapped: usize,
}

/// One call. [`crate::Hsm`] has a typed method for each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Request {
    Probe,
    ServiceKeys,
    GenerateServiceKey {
        label: String,
        algorithm: KeyAlgorithm,
    },
    Sign {
        label: String,
        /// The `SubjectPublicKeyInfo` that the key must have, where the caller knows it.
        key: Option<Vec<u8>>,
        scheme: SignatureScheme,
        digests: Vec<Vec<u8>>,
    },
    Mac {
        domain: String,
        items: Vec<Vec<u8>>,
    },
    DeriveDataKey {
        version: u32,
    },
    GenerateSealed {
        algorithm: KeyAlgorithm,
        context: KeyContext,
        pin_secret: Secret32,
    },
    Reseal {
        blob: Vec<u8>,
        from: KeyContext,
        old: Secret32,
        to: KeyContext,
        new: Secret32,
    },
    OpenActivation {
        blob: Vec<u8>,
        key: KeyContext,
        pin_secret: Secret32,
        activation: ActivationContext,
        now: Instant,
    },
    SignActivated {
        call: SignActivated,
    },
    CloseActivation {
        activation_id: ActivationId,
    },
    /// What tells whether two tokens hold the same keys.
    Fingerprint,
    /// Everything a token is used for, on a key of the moment.
    Trial,
}

/// What can be told of a token's keys without telling them: public keys under their labels, and of each secret key what it makes of a
/// constant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The token's serial number as it says.
    pub serial: String,
    /// The service's own keys.
    pub service_keys: Vec<ServiceKey>,
    /// Labels of wrapping key, row MAC key, data secret and peppers, each with a digest.
    pub secrets: Vec<(String, [u8; 32])>,
}

/// The operands of one signing under an activation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignActivated {
    /// What `open_activation` gave.
    pub blob: Vec<u8>,
    /// The key's context.
    pub key: KeyContext,
    /// The activation as it was opened; anything widened shows.
    pub activation: ActivationContext,
    /// The activation secret.
    pub secret: Secret32,
    /// The hashes to sign now, each one of the activation's.
    pub hashes: Vec<Vec<u8>>,
    /// The service's time; the worker's own is checked too.
    pub now: Instant,
}

impl Request {
    /// The deadline where the caller has none of its own: generous for key generation, which on RSA takes seconds.
    pub fn usual_deadline(&self) -> Duration {
        match self {
            Self::GenerateServiceKey { algorithm, .. } | Self::GenerateSealed { algorithm, .. } => {
                match algorithm.modulus_bits() {
                    Some(bits) if bits > 3_072 => Duration::from_secs(120),
                    Some(_) => Duration::from_secs(60),
                    None => Duration::from_secs(10),
                }
            }
            Self::SignActivated { call } => batch_deadline(call.hashes.len()),
            Self::Sign { digests, .. } => batch_deadline(digests.len()),
            Self::Mac { items, .. } => batch_deadline(items.len() / 16),
            _ => Duration::from_secs(10),
        }
    }

    /// How long a healthy worker may take: with more the worker is taken as hung, whatever the caller's deadline. RSA keys take their time.
    pub(crate) fn patience(&self, stall: Duration) -> Duration {
        let items = match self {
            Self::GenerateServiceKey { algorithm, .. } | Self::GenerateSealed { algorithm, .. }
                if algorithm.modulus_bits().is_some() =>
            {
                return self.usual_deadline();
            }
            Self::Sign { digests, .. } => digests.len(),
            Self::SignActivated { call } => call.hashes.len(),
            Self::Mac { items, .. } => items.len() / 16,
            _ => 0,
        };
        stall.saturating_add(limits::STALL_AN_ITEM.saturating_mul(u32::try_from(items).unwrap_or(u32::MAX)))
    }

    /// The service key that it needs.
    pub(crate) fn label(&self) -> Option<&str> {
        match self {
            Self::Sign { label, .. } | Self::GenerateServiceKey { label, .. } => Some(label),
            _ => None,
        }
    }

    /// Whether a worker that ended without answering may have had the request all the same. Signatures that no one received do no harm;
    /// a second key under one label would, and a trial that is repeated shows less.
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self, Self::GenerateServiceKey { .. } | Self::Trial)
    }

    /// The activation whose replay memory the call needs, so that its calls meet the same worker.
    pub(crate) fn affinity(&self) -> Option<ActivationId> {
        match self {
            Self::SignActivated { call } => Some(call.activation.activation_id),
            Self::CloseActivation { activation_id } => Some(*activation_id),
            _ => None,
        }
    }
}

/// RSA-4096 on SoftHSM signs about 200 a second; with twenty milliseconds each a loaded machine keeps within it.
fn batch_deadline(count: usize) -> Duration {
    Duration::from_secs(10)
        .saturating_add(Duration::from_millis(20).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)))
}

/// The answer to one call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Response {
    Probe(Probe),
    ServiceKeys(Vec<ServiceKey>),
    Generated { spki_der: Vec<u8> },
    Signatures(Vec<Vec<u8>>),
    Macs(Vec<[u8; 32]>),
    DataKey(Secret32),
    Sealed(SealedKey),
    Activation(OpenedActivation),
    Closed,
    Fingerprint(Fingerprint),
    Passed,
}

/// An answer of another shape than the request's: a worker of another version.
pub(crate) fn unexpected() -> Error {
    Error::Protocol { reason: "the answer does not fit the request".to_owned() }
}
