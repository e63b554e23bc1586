//! Encryption of the columns that hold personal data, certificates and documents, and the keyed hash by which a personal
//! number is looked up. The data key is derived inside the HSM and lives in this process's memory only.

use crate::error::{Error, InternalError};
use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Encrypts and decrypts columns under one version of the data key.
#[derive(Clone)]
pub struct Vault {
    columns: std::sync::Arc<Aes256Gcm>,
    lookup: std::sync::Arc<Zeroizing<[u8; 32]>>,
    files: std::sync::Arc<Zeroizing<[u8; 32]>>,
}

impl Vault {
    /// From the data key that the HSM derived (32 bytes).
    pub fn new(data_key: &[u8; 32]) -> Self {
        let column_key = expand(data_key, b"chuky-columns-v1");
        Self {
            columns: std::sync::Arc::new(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*column_key))),
            lookup: std::sync::Arc::new(expand(data_key, b"chuky-lookup-v1")),
            files: std::sync::Arc::new(expand(data_key, b"chuky-files-v1")),
        }
    }

    /// Encrypts a value for its place (`table.column` and the row's id): version ‖ nonce ‖ ciphertext with tag.
    pub fn seal(&self, place: &str, id: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0_u8; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let associated = associated_data(place, id);
        let sealed = self
            .columns
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &associated })
            .map_err(|_| InternalError::other("column encryption failed"))?;
        let mut out = Vec::with_capacity(1 + NONCE + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Decrypts a value from its place. A value moved from another row or column, or altered, is an error of the world.
    pub fn open(&self, place: &str, id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unreadable = || InternalError::other(format!("an encrypted value in {place} cannot be opened"));
        let (version, rest) = sealed.split_first().ok_or_else(unreadable)?;
        let (nonce, body) = rest.split_at_checked(NONCE).ok_or_else(unreadable)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| unreadable())?;
        if *version != VERSION {
            return Err(unreadable().into());
        }
        let associated = associated_data(place, id);
        let plain = self.columns.decrypt(&Nonce::from(nonce), Payload { msg: body, aad: &associated });
        Ok(Zeroizing::new(plain.map_err(|_| unreadable())?))
    }

    /// The key of one encrypted file, from the random salt that the file begins with.
    pub fn file_key(&self, salt: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0_u8; 32]);
        Hkdf::<Sha256>::new(Some(salt), self.files.as_slice())
            .expand(b"chuky-file-v1", key.as_mut_slice())
            .unwrap_or_else(|_| unreachable!("32 bytes are within HKDF's limit of 255 hashes"));
        key
    }

    /// A keyed hash for equality look-ups of a secret value (a personal number, a card, a code), by purpose.
    pub fn lookup(&self, purpose: &str, value: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.lookup.as_ref().as_slice())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn expand(data_key: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, data_key)
        .expand(purpose, key.as_mut_slice())
        .unwrap_or_else(|_| unreachable!("32 bytes are within HKDF's limit of 255 hashes"));
    key
}

fn associated_data(place: &str, id: &str) -> Vec<u8> {
    let mut associated = (place.len() as u64).to_be_bytes().to_vec();
    associated.extend_from_slice(place.as_bytes());
    associated.extend_from_slice(id.as_bytes());
    associated
}

const VERSION: u8 = 1;
const NONCE: usize = 12;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn opens_only_in_its_place() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal("certificate.der", "1", "Nguyễn".as_bytes()).unwrap();
        assert_eq!(vault.open("certificate.der", "1", &sealed).unwrap().as_slice(), "Nguyễn".as_bytes());
        assert!(vault.open("certificate.der", "2", &sealed).is_err());
        assert!(vault.open("certificate.intent", "1", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(vault.open("certificate.der", "1", &altered).is_err());
        }
        assert!(vault.open("certificate.der", "1", &[]).is_err());
    }

    #[test]
    fn look_ups_are_apart_by_purpose() {
        let vault = Vault::new(&[7; 32]);
        assert_ne!(vault.lookup("a", "bc"), vault.lookup("ab", "c"));
        assert_eq!(vault.lookup("a", "b"), vault.lookup("a", "b"));
    }
}
