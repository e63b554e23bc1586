//! Who judges the token's signatures: arithmetic that is not the token's own, handed in by whoever starts a worker, as this package
//! knows no such library. No signature leaves the worker that it does not find genuine.

use chuky_model::algorithm::SignatureScheme;
use std::{fmt, sync::Arc};

/// Reads a `SubjectPublicKeyInfo` (DER) and gives what judges its key's signatures; `None` where it is none.
pub type KeyReader = fn(spki_der: &[u8], lasting: Lasting) -> Option<Judge>;

/// For how long a judge will be wanted: one that is wanted all day may prepare itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// A key of the service.
    Always,
    /// A subscriber's key while it is unwrapped, or a pair of the moment.
    Briefly,
}

/// Says whether signatures of one key over digests are genuine.
#[derive(Clone)]
pub struct Judge(Arc<VerifyAll>);

/// A digest and the signature over it.
pub type Signed<'s> = (&'s [u8], &'s [u8]);

type VerifyAll = dyn Fn(SignatureScheme, &[Signed<'_>]) -> bool + Send + Sync;

impl Judge {
    /// From a function of scheme, digest and signature (DER `Ecdsa-Sig-Value` or RSA octets).
    pub fn new(verify: impl Fn(SignatureScheme, &[u8], &[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self::of_many(move |scheme, signed| signed.iter().all(|(digest, signature)| verify(scheme, digest, signature)))
    }

    /// From a function that judges several at once: whether all are genuine.
    pub fn of_many(verify: impl Fn(SignatureScheme, &[Signed<'_>]) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(verify))
    }

    /// Whether the signature is one over the digest.
    pub fn accepts(&self, scheme: SignatureScheme, digest: &[u8], signature: &[u8]) -> bool {
        self.accepts_all(scheme, &[(digest, signature)])
    }

    /// Whether each signature is one over its digest.
    pub fn accepts_all(&self, scheme: SignatureScheme, signed: &[Signed<'_>]) -> bool {
        (self.0)(scheme, signed)
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}
