//! The one trait the flows see, and its typed calls. There are two implementations, [`crate::InProcess`] and
//! [`crate::Supervised`]; nothing above can tell them apart.

use crate::{
    error::Error,
    message::{
        ActivationContext, KeyContext, OpenedActivation, Probe, Request, Response, SealedKey, ServiceKey,
        SignActivated, unexpected,
    },
    secret::Secret32,
};
use chuky_model::{
    algorithm::{KeyAlgorithm, SignatureScheme},
    id::ActivationId,
    instant::Instant,
};
use std::{future::Future, pin::Pin, time::Duration};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// A boxed future, so that the trait can be used as `dyn Hsm`.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + 'a>>;

/// What `readyz` asks, without waiting for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether calls are served now.
    pub ready: bool,
    /// Why not, for the log and for `readyz`.
    pub reason: Option<String>,
    /// Workers (or threads) that are up.
    pub workers: usize,
    /// Requests waiting or running.
    pub in_flight: usize,
    /// Each token of the role, in order.
    pub tokens: Vec<TokenHealth>,
}

/// How one token of a role stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHealth {
    /// Its label, as the settings say.
    pub label: String,
    /// Its serial number, once it was open.
    pub serial: Option<String>,
    /// What it does now.
    pub standing: Standing,
    /// Why it is out, or what a token that stands by lacks; for the log and `doctor`.
    pub reason: Option<String>,
    /// Workers that are up.
    pub workers: usize,
}

/// What a token does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Calls go to it.
    Serving,
    /// It would serve, and a token before it does.
    StandingBy,
    /// Its workers are starting.
    Starting,
    /// It has failed; it is tried again in the background until it does not.
    Out,
    /// It does not hold the first token's keys, and is not used.
    Different,
}

impl Standing {
    /// One word, for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::StandingBy => "standing_by",
            Self::Starting => "starting",
            Self::Out => "out",
            Self::Different => "different",
        }
    }
}

/// One token.
pub trait Hsm: Send + Sync {
    /// Executes one request and answers within the deadline, whatever the token does.
    fn call(&self, request: Request, deadline: Duration) -> Answer<'_>;

    /// The state known now; never blocks.
    fn health(&self) -> Health;

    /// An identifier for a new activation: unique, ordered by time. Where several processes serve the token, activations are spread
    /// over them by it.
    fn activation_id(&self) -> ActivationId {
        ActivationId(Uuid::now_v7())
    }
}

impl dyn Hsm + '_ {
    async fn usual(&self, request: Request) -> Result<Response, Error> {
        let deadline = request.usual_deadline();
        self.call(request, deadline).await
    }

    /// Asks the token itself whether it is alive.
    pub async fn probe(&self) -> Result<Probe, Error> {
        match self.call(Request::Probe, crate::limits::PROBE_DEADLINE).await? {
            Response::Probe(probe) => Ok(probe),
            _ => Err(unexpected()),
        }
    }

    /// The service's own keys on this token.
    pub async fn service_keys(&self) -> Result<Vec<ServiceKey>, Error> {
        match self.usual(Request::ServiceKeys).await? {
            Response::ServiceKeys(keys) => Ok(keys),
            _ => Err(unexpected()),
        }
    }

    /// Makes a token key under a label that was never used, and gives its `SubjectPublicKeyInfo` in DER.
    pub async fn generate_service_key(&self, label: &str, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Error> {
        match self.usual(Request::GenerateServiceKey { label: label.to_owned(), algorithm }).await? {
            Response::Generated { spki_der } => Ok(spki_der),
            _ => Err(unexpected()),
        }
    }

    /// Signs one digest with whatever service key stands under the label. ECDSA comes as DER `Ecdsa-Sig-Value`, RSA as its octets.
    pub async fn sign(&self, label: &str, scheme: SignatureScheme, digest: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signatures = self.sign_many((label, None), scheme, vec![digest.to_vec()]).await?;
        signatures.pop().ok_or_else(unexpected)
    }

    /// The same with the service key of this `SubjectPublicKeyInfo` and no other: `OtherKey` where another one stands under the label. So what
    /// comes is a signature of the certificate that the caller holds, whichever token gave it.
    pub async fn sign_as(
        &self,
        (label, spki_der): (&str, &[u8]),
        scheme: SignatureScheme,
        digest: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut signatures = self.sign_many((label, Some(spki_der)), scheme, vec![digest.to_vec()]).await?;
        signatures.pop().ok_or_else(unexpected)
    }

    /// Signs many digests in one call, with the key of that label, and of that `SubjectPublicKeyInfo` where one is named.
    pub async fn sign_many(
        &self,
        (label, spki_der): (&str, Option<&[u8]>),
        scheme: SignatureScheme,
        digests: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let count = digests.len();
        let key = spki_der.map(<[u8]>::to_vec);
        match self.usual(Request::Sign { label: label.to_owned(), key, scheme, digests }).await? {
            Response::Signatures(signatures) if signatures.len() == count => Ok(signatures),
            _ => Err(unexpected()),
        }
    }

    /// HMAC-SHA-256 with the row MAC key over a domain and the bytes.
    pub async fn mac(&self, domain: &str, bytes: &[u8]) -> Result<[u8; 32], Error> {
        let mut macs = self.mac_many(domain, vec![bytes.to_vec()]).await?;
        macs.pop().ok_or_else(unexpected)
    }

    /// The same over many byte strings in one call.
    pub async fn mac_many(&self, domain: &str, items: Vec<Vec<u8>>) -> Result<Vec<[u8; 32]>, Error> {
        let count = items.len();
        match self.usual(Request::Mac { domain: domain.to_owned(), items }).await? {
            Response::Macs(macs) if macs.len() == count => Ok(macs),
            _ => Err(unexpected()),
        }
    }

    /// Whether the MAC is the one over these bytes, compared in constant time.
    pub async fn verify_mac(&self, domain: &str, bytes: &[u8], mac: &[u8]) -> Result<bool, Error> {
        Ok(self.mac(domain, bytes).await?.ct_eq(mac).into())
    }

    /// The key that encrypts columns, derived from the token's data secret. Kept in memory by the service while it runs.
    pub async fn derive_data_key(&self, version: u32) -> Result<Secret32, Error> {
        match self.usual(Request::DeriveDataKey { version }).await? {
            Response::DataKey(key) => Ok(key),
            _ => Err(unexpected()),
        }
    }

    /// Makes a subscriber's key, sealed under `pin_secret` (Argon2id of PIN and salt, made by the service).
    pub async fn generate_sealed(
        &self,
        algorithm: KeyAlgorithm,
        context: &KeyContext,
        pin_secret: &Secret32,
    ) -> Result<SealedKey, Error> {
        let request = Request::GenerateSealed { algorithm, context: context.clone(), pin_secret: pin_secret.clone() };
        match self.usual(request).await? {
            Response::Sealed(sealed) => Ok(sealed),
            _ => Err(unexpected()),
        }
    }

    /// Seals anew, always under the newest pepper: another PIN (same context), or for another clerk (`to` differs).
    pub async fn reseal(
        &self,
        blob: &[u8],
        from: &KeyContext,
        old: &Secret32,
        to: &KeyContext,
        new: &Secret32,
    ) -> Result<SealedKey, Error> {
        let request = Request::Reseal {
            blob: blob.to_vec(),
            from: from.clone(),
            old: old.clone(),
            to: to.clone(),
            new: new.clone(),
        };
        match self.usual(request).await? {
            Response::Sealed(sealed) => Ok(sealed),
            _ => Err(unexpected()),
        }
    }

    /// Opens an activation of exactly these hashes. `WrongSecret` is a wrong PIN; `Tampered` an altered row.
    pub async fn open_activation(
        &self,
        blob: &[u8],
        key: &KeyContext,
        pin_secret: &Secret32,
        activation: &ActivationContext,
        now: Instant,
    ) -> Result<OpenedActivation, Error> {
        let request = Request::OpenActivation {
            blob: blob.to_vec(),
            key: key.clone(),
            pin_secret: pin_secret.clone(),
            activation: activation.clone(),
            now,
        };
        match self.usual(request).await? {
            Response::Activation(opened) => Ok(opened),
            _ => Err(unexpected()),
        }
    }

    /// Signs hashes of an activation, in the order given; thousands in one call.
    pub async fn sign_activated(&self, call: SignActivated) -> Result<Vec<Vec<u8>>, Error> {
        let count = call.hashes.len();
        match self.usual(Request::SignActivated { call }).await? {
            Response::Signatures(signatures) if signatures.len() == count => Ok(signatures),
            _ => Err(unexpected()),
        }
    }

    /// Forgets the unwrapped handle and refuses the activation from now on.
    pub async fn close_activation(&self, activation_id: ActivationId) -> Result<(), Error> {
        match self.usual(Request::CloseActivation { activation_id }).await? {
            Response::Closed => Ok(()),
            _ => Err(unexpected()),
        }
    }
}
