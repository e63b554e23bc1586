//! Ed25519 (RFC 8032): a public key from its octets, and the one private key that is ever held in this process: that of a witness of logs,
//! which runs alone on a machine of its own and has no HSM.

use super::PublicKey;
use crate::error::{Error, Result};
use openssl::{
    pkey::{Id, PKey, Private},
    sign::Signer,
};

/// A witness's key. OpenSSL wipes it when it is dropped.
pub struct Ed25519Key(PKey<Private>);

impl Ed25519Key {
    /// From its 32 random octets (RFC 8032 §5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self> {
        let key = PKey::private_key_from_raw_bytes(seed, Id::ED25519);
        Ok(Self(key.map_err(|_| Error::Malformed("Ed25519 key"))?))
    }

    /// The public key's 32 octets.
    pub fn public(&self) -> Result<Vec<u8>> {
        self.0.raw_public_key().map_err(|_| Error::Malformed("Ed25519 key"))
    }

    /// Signs a message; 64 octets.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let signed = Signer::new_without_digest(&self.0).and_then(|mut signer| signer.sign_oneshot_to_vec(message));
        signed.map_err(|_| Error::Refused("OpenSSL does not sign".into()))
    }
}

impl PublicKey {
    /// From the 32 octets of an Ed25519 key.
    pub fn ed25519(octets: &[u8]) -> Result<Self> {
        if octets.len() != 32 {
            return Err(Error::Malformed("Ed25519 key"));
        }
        // SubjectPublicKeyInfo of RFC 8410 §4.
        Self::from_spki_der(&[&SPKI_HEAD[..], octets].concat())
    }
}

const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
