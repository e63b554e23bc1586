//! The seal around a wrapped key: AES-256-GCM under a key that only PIN, pepper and HSM together give, and a MAC that tells
//! tampering from a wrong PIN. Pure: HMACs are asked of the caller, who has the token.

use crate::{
    error::Error,
    limits,
    message::{ActivationContext, KeyContext},
    secret::Secret32,
};
use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, KeyInit, Payload},
};
use chuky_model::algorithm::KeyAlgorithm;
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What an HMAC key of the token gives.
pub(crate) type Mac = [u8; 32];

/// The sealed blob, version 1, as postcard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) version: u8,
    pub(crate) purpose: Purpose,
    pub(crate) pepper_version: u32,
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) wrapping_key_id: String,
    pub(crate) spki_der: Vec<u8>,
    nonce: [u8; 12],
    ciphertext: Vec<u8>,
    mac: Mac,
}

/// At rest under the PIN, or for an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    AtRest,
    Activation,
}

/// What is known of a key beside its wrapped bytes.
#[derive(Clone, Debug)]
pub(crate) struct Particulars {
    pub(crate) purpose: Purpose,
    pub(crate) pepper_version: u32,
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) wrapping_key_id: String,
    pub(crate) spki_der: Vec<u8>,
}

/// The input of the pepper's HMAC for a seal at rest.
pub(crate) fn pin_input(context: &KeyContext, secret: &Secret32) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([b"chuky-seal-v1".as_slice(), context.key_id.as_bytes(), secret.expose()].concat())
}

/// The input of the pepper's HMAC for an activation.
pub(crate) fn activation_input(context: &ActivationContext, secret: &Secret32) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([b"chuky-activation-v1".as_slice(), context.activation_id.as_bytes(), secret.expose()].concat())
}

/// The AES key from what the pepper gave.
pub(crate) fn seal_key(purpose: Purpose, hmac: &[u8]) -> Secret32 {
    let info: &[u8] = match purpose {
        Purpose::AtRest => b"chuky-seal-key-v1",
        Purpose::Activation => b"chuky-activation-key-v1",
    };
    derive(hmac, info)
}

/// HKDF-SHA-256 with no salt (RFC 5869): the input is an HMAC's output already.
pub(crate) fn derive(input: &[u8], info: &[u8]) -> Secret32 {
    let mut okm = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, input)
        .expand(info, okm.as_mut())
        .expect("HKDF-SHA-256 gives up to 8,160 bytes, 32 are asked");
    Secret32::new(*okm)
}

/// Associated data of a seal at rest: whose key it is.
pub(crate) fn key_binding(context: &KeyContext) -> Vec<u8> {
    let mut data = Vec::new();
    put(&mut data, b"key");
    put(&mut data, context.key_id.as_bytes());
    put(&mut data, context.owner.as_bytes());
    data
}

/// Associated data of an activation: whose key, exactly what, for whom, how long.
pub(crate) fn activation_binding(key: &KeyContext, activation: &ActivationContext) -> Vec<u8> {
    let mut data = key_binding(key);
    put(&mut data, b"activation");
    put(&mut data, activation.activation_id.as_bytes());
    put(&mut data, format!("{:?}", activation.scheme).as_bytes());
    put(&mut data, activation.client.as_bytes());
    put(&mut data, &activation.expires.0.to_be_bytes());
    put(&mut data, &u64::try_from(activation.hashes.len()).unwrap_or(u64::MAX).to_be_bytes());
    for hash in &activation.hashes {
        put(&mut data, hash);
    }
    data
}

/// Seals wrapped key bytes; `mac` is HMAC with the row MAC key.
pub(crate) fn seal(
    particulars: &Particulars,
    binding: &[u8],
    key: &Secret32,
    wrapped: &[u8],
    mac: impl FnOnce(&[u8]) -> Result<Mac, Error>,
) -> Result<Vec<u8>, Error> {
    let mut sealed = Sealed {
        version: VERSION,
        purpose: particulars.purpose,
        pepper_version: particulars.pepper_version,
        algorithm: particulars.algorithm,
        wrapping_key_id: particulars.wrapping_key_id.clone(),
        spki_der: particulars.spki_der.clone(),
        nonce: [0; 12],
        ciphertext: Vec::new(),
        mac: [0; 32],
    };
    rand::fill(&mut sealed.nonce);
    let associated = sealed.associated_data(binding);
    sealed.ciphertext = cipher(key)
        .encrypt(&sealed.nonce.into(), Payload { msg: wrapped, aad: &associated })
        .map_err(|_| Error::invalid("the key is too long to seal"))?;
    sealed.mac = mac(&sealed.mac_input(binding))?;
    postcard::to_allocvec(&sealed).map_err(|error| Error::Protocol { reason: error.to_string() })
}

impl Sealed {
    /// Reads a blob; anything that is not one is tampering, as the database keeps what we gave it.
    pub(crate) fn parse(blob: &[u8], purpose: Purpose) -> Result<Self, Error> {
        let what = what(purpose);
        if blob.len() > limits::BLOB_LENGTH {
            return Err(Error::tampered(what));
        }
        match postcard::take_from_bytes::<Self>(blob) {
            Ok((sealed, [])) if sealed.version == VERSION && sealed.purpose == purpose => Ok(sealed),
            _ => Err(Error::tampered(what)),
        }
    }

    /// What the row MAC must be over.
    pub(crate) fn mac_input(&self, binding: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        put(&mut data, b"chuky-sealed-row-v1");
        put(&mut data, &self.associated_data(binding));
        put(&mut data, &self.nonce);
        put(&mut data, &self.ciphertext);
        data
    }

    /// Checks the MAC made anew, before anything is decrypted.
    pub(crate) fn check_mac(&self, computed: &Mac) -> Result<(), Error> {
        if bool::from(self.mac.ct_eq(computed)) { Ok(()) } else { Err(Error::tampered(what(self.purpose))) }
    }

    /// The wrapped bytes. After `check_mac` a failure can only mean the wrong secret.
    pub(crate) fn open(&self, binding: &[u8], key: &Secret32) -> Result<Zeroizing<Vec<u8>>, Error> {
        cipher(key)
            .decrypt(&self.nonce.into(), Payload { msg: &self.ciphertext, aad: &self.associated_data(binding) })
            .map(Zeroizing::new)
            .map_err(|_| Error::WrongSecret)
    }

    fn associated_data(&self, binding: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        put(&mut data, b"chuky-sealed-v1");
        put(&mut data, &[self.version, u8::from(self.purpose == Purpose::Activation)]);
        put(&mut data, &self.pepper_version.to_be_bytes());
        put(&mut data, self.algorithm.name().as_bytes());
        put(&mut data, self.wrapping_key_id.as_bytes());
        put(&mut data, &self.spki_der);
        put(&mut data, binding);
        data
    }
}

/// A digest of blob and binding, by which a kept handle is known to be of exactly these.
pub(crate) fn fingerprint(blob: &[u8], binding: &[u8]) -> [u8; 32] {
    let mut data = Vec::new();
    put(&mut data, blob);
    put(&mut data, binding);
    Sha256::digest(&data).into()
}

fn what(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::AtRest => "sealed key",
        Purpose::Activation => "activation",
    }
}

/// Length-prefixed, so that no two lists of fields give the same bytes.
pub(crate) fn put(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
    out.extend_from_slice(field);
}

fn cipher(key: &Secret32) -> Aes256Gcm {
    Aes256Gcm::new(key.expose().into())
}

const VERSION: u8 = 1;
