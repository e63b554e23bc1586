//! A subscriber's key in the HSM and its activations, as the signing flow uses them.

use crate::rows::Context;
use chuky_hsm::{ActivationContext, Error, Hsm, KeyContext, SealedKey, Secret32, SignActivated};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use chuky_model::id::{AccountId, CredentialId};
use chuky_model::instant::Instant;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The largest activation that the rows use.
pub const HASHES_AN_ACTIVATION: u32 = 1_000;

/// How long an activation lasts, in microseconds.
const LIFETIME: i64 = 300_000_000;

/// A sealed key and the way to its HSM.
pub struct Signing {
    hsm: Arc<dyn Hsm>,
    key: KeyContext,
    pin_secret: Secret32,
    sealed: SealedKey,
    scheme: SignatureScheme,
}

impl Signing {
    /// Makes a key.
    pub fn new(context: &mut Context, algorithm: KeyAlgorithm, scheme: SignatureScheme) -> Result<Self, String> {
        let hsm = context.hsm()?;
        let key = KeyContext { key_id: CredentialId(Uuid::new_v4()), owner: AccountId(Uuid::new_v4()) };
        let pin_secret = Secret32::random();
        let sealed = context
            .runtime()?
            .block_on(hsm.generate_sealed(algorithm, &key, &pin_secret))
            .map_err(|error| error.to_string())?;
        Ok(Self { hsm, key, pin_secret, sealed, scheme })
    }

    /// The key's `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> Vec<u8> {
        self.sealed.spki_der.clone()
    }

    /// Opens an activation of these hashes, signs them all, closes it.
    pub async fn activation(&self, hashes: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
        let now = now();
        let activation = self.allowing(hashes.clone(), now);
        let opened = self
            .hsm
            .open_activation(&self.sealed.blob, &self.key, &self.pin_secret, &activation, now)
            .await
            .map_err(|error| error.to_string())?;
        let activation_id = activation.activation_id;
        let call =
            SignActivated { blob: opened.blob, key: self.key.clone(), activation, secret: opened.secret, hashes, now };
        let signatures = self.hsm.sign_activated(call).await.map_err(|error| error.to_string())?;
        self.hsm.close_activation(activation_id).await.map_err(|error| error.to_string())?;
        Ok(signatures)
    }

    /// Whether a PIN's secret opens the seal.
    pub async fn is_opened_by(&self, secret: &Secret32) -> Result<bool, String> {
        let now = now();
        let activation = self.allowing(vec![vec![0x5a; 32]], now);
        match self.hsm.open_activation(&self.sealed.blob, &self.key, secret, &activation, now).await {
            Ok(_) => Ok(true),
            Err(Error::WrongSecret) => Ok(false),
            Err(other) => Err(other.to_string()),
        }
    }

    fn allowing(&self, hashes: Vec<Vec<u8>>, now: Instant) -> ActivationContext {
        ActivationContext {
            activation_id: self.hsm.activation_id(),
            hashes,
            scheme: self.scheme,
            client: "measurement".to_owned(),
            expires: Instant(now.0 + LIFETIME),
        }
    }
}

/// The wall clock, in microseconds as the service counts.
pub fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Instant(i64::try_from(since).unwrap_or(i64::MAX))
}
