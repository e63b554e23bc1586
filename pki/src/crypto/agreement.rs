//! X25519 (RFC 7748): a key that two sides agree on, one of them with a key pair that is made of a secret only it keeps.

use crate::error::{Error, Result};
use openssl::{
    derive::Deriver,
    pkey::{Id, PKey, Private},
};

/// One side's key. OpenSSL wipes it when it is dropped.
pub struct AgreementKey(PKey<Private>);

impl AgreementKey {
    /// From 32 octets that nobody else knows; the function clamps them (RFC 7748 §5).
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self> {
        let key = PKey::private_key_from_raw_bytes(seed, Id::X25519);
        Ok(Self(key.map_err(|_| Error::Malformed("X25519 key"))?))
    }

    /// The public key's 32 octets.
    pub fn public(&self) -> Result<Vec<u8>> {
        self.0.raw_public_key().map_err(|_| Error::Malformed("X25519 key"))
    }

    /// What both sides have in common: 32 octets, to be put through a key derivation. A public key of small order is refused (RFC 7748 §6.1).
    pub fn agree(&self, public: &[u8]) -> Result<Vec<u8>> {
        let malformed = |_| Error::Malformed("X25519 key");
        let peer = PKey::public_key_from_raw_bytes(public, Id::X25519).map_err(malformed)?;
        let mut deriver = Deriver::new(&self.0).map_err(malformed)?;
        deriver.set_peer(&peer).map_err(malformed)?;
        deriver.derive_to_vec().map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn octets(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn both_sides_agree_as_the_standard_says() {
        // RFC 7748 §6.1.
        let key = |text: &str| AgreementKey::from_seed(&octets(text).try_into().unwrap()).unwrap();
        let alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let (of_alice, of_bob) = (alice.public().unwrap(), bob.public().unwrap());
        assert_eq!(of_alice, octets("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        assert_eq!(of_bob, octets("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        let common = octets("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!((alice.agree(&of_bob).unwrap(), bob.agree(&of_alice).unwrap()), (common.clone(), common));
        assert!(alice.agree(&[0; 32]).is_err());
        assert!(alice.agree(&[9; 31]).is_err());
    }
}
