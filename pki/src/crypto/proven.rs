//! Signatures over certificates and lists that verified before in this process. The same few authorities stand behind almost every
//! document, and a signature that verified once verifies for ever. Only successes are kept, bounded; nothing here is trusted that
//! [`PublicKey::verify_message`] did not find good for the same key, algorithm, bytes and signature.

use super::PublicKey;
use crate::algorithm::SignatureAlgorithm;
use crate::error::Result;
use openssl::sha::Sha256;
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// What was verified. Two digests stand for key and content: whoever could make another content with the same could forge the signature.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Proven {
    key: [u8; 32],
    algorithm: SignatureAlgorithm,
    content: [u8; 32],
}

/// Two generations: when the younger is full it becomes the older, and the older is forgotten.
#[derive(Default)]
struct Memory {
    young: HashSet<Proven>,
    old: HashSet<Proven>,
}

impl PublicKey {
    /// As [`PublicKey::verify_message`], and at once where exactly this verified before. For certificates and revocation lists, which are
    /// met again and again.
    pub fn verify_lasting(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> Result<()> {
        let proven = Proven { key: self.identity(), algorithm, content: content(message, signature) };
        if memory().recalls(&proven) {
            return Ok(());
        }
        self.verify_message(algorithm, message, signature)?;
        memory().remember(proven);
        Ok(())
    }
}

/// Forgets everything, for measurements of a first meeting.
pub fn forget_proven_signatures() {
    *memory() = Memory::default();
}

/// One digest for both, the message's length before it, so that no two pairs meet.
fn content(message: &[u8], signature: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(&(message.len() as u64).to_be_bytes());
    hasher.update(message);
    hasher.update(signature);
    hasher.finish()
}

impl Memory {
    fn recalls(&mut self, proven: &Proven) -> bool {
        if self.young.contains(proven) {
            return true;
        }
        let found = self.old.remove(proven);
        if found {
            self.remember(proven.clone());
        }
        found
    }

    fn remember(&mut self, proven: Proven) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(proven);
    }
}

fn memory() -> MutexGuard<'static, Memory> {
    static MEMORY: LazyLock<Mutex<Memory>> = LazyLock::new(Mutex::default);
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Signatures in each generation, about 100 bytes each: more than a country has authorities.
const REMEMBERED: usize = 4_096;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::algorithm::DigestAlgorithm;
    use crate::crypto::sha256;
    use openssl::{ec::EcGroup, ec::EcKey, hash::MessageDigest, nid::Nid, pkey::PKey, sign::Signer};

    fn signed(message: &[u8]) -> (PublicKey, Vec<u8>) {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        let signature = signer.sign_oneshot_to_vec(message).unwrap();
        (PublicKey::from_spki_der(&key.public_key_to_der().unwrap()).unwrap(), signature)
    }

    #[test]
    fn only_exactly_what_verified_is_remembered() {
        let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
        let message = b"a certificate";
        let ((key, signature), (other_key, _)) = (signed(message), signed(message));
        for _ in 0..2 {
            assert!(key.verify_lasting(algorithm, message, &signature).is_ok());
            assert!(other_key.verify_lasting(algorithm, message, &signature).is_err(), "another key");
            assert!(key.verify_lasting(algorithm, b"a certificatf", &signature).is_err(), "another message");
            assert!(
                key.verify_lasting(algorithm, b"a certificat", &[b"e", &signature[..]].concat()).is_err(),
                "shifted"
            );
            let sha384 = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha384);
            assert!(key.verify_lasting(sha384, message, &signature).is_err(), "another algorithm");
        }
    }

    #[test]
    fn what_is_not_met_again_is_forgotten() {
        let proven = |number: u64| Proven {
            key: sha256(&number.to_be_bytes()),
            algorithm: SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256),
            content: [0; 32],
        };
        let mut memory = Memory::default();
        for number in 0..3 * REMEMBERED as u64 {
            memory.remember(proven(number));
            assert!(memory.recalls(&proven(0)), "what is used stays");
        }
        assert!(!memory.recalls(&proven(1)));
        assert!(memory.young.len() + memory.old.len() <= 2 * REMEMBERED + 1);
    }
}
