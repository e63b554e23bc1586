//! What tells two tokens with the same keys from two with different ones, and what shows that a token that failed works again. Neither
//! tells a key, and neither signs anything with a key of the service or of a subscriber.

use super::Engine;
use crate::{
    error::Error,
    limits,
    message::Fingerprint,
    objects::{self, PairUse},
    settings::TokenKind,
};
use chuky_model::algorithm::KeyAlgorithm;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use sha2::{Digest, Sha256};

impl Engine {
    /// Public keys under their labels; of secret keys a digest of what they make of a constant.
    pub(crate) fn fingerprint(&mut self) -> Result<Fingerprint, Error> {
        let serial = self.core.token.serial.clone();
        let service_keys = self.service_keys()?;
        let mut secrets = Vec::new();
        if self.core.kind == TokenKind::Subscribers {
            // Looked for anew: a pepper may have come or gone.
            self.secrets = None;
            let found = self.secrets()?;
            let peppers =
                found.peppers.iter().map(|(version, key)| (format!("{}{version}", objects::PEPPER_PREFIX), *key));
            let keyed =
                [(objects::ROW_MAC_LABEL.to_owned(), found.row_mac), (objects::DATA_LABEL.to_owned(), found.data)];
            for (label, key) in keyed.into_iter().chain(peppers) {
                secrets.push((label, digest(&self.hmac(key, CONSTANT)?)));
            }
            secrets.push((objects::WRAPPING_LABEL.to_owned(), self.wrapping_digest(found.wrapping)?));
        }
        Ok(Fingerprint { serial, service_keys, secrets })
    }

    /// RFC 5649 gives the same for the same key: of a value that everybody may know, wrapped twice and compared.
    fn wrapping_digest(&self, wrapping: ObjectHandle) -> Result<[u8; 32], Error> {
        let known = self.session.create_object(&[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Value(Sha256::digest(CONSTANT).to_vec()),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(true),
        ])?;
        let wrap = || objects::wrap(&self.session, wrapping, known);
        let wrapped = wrap().and_then(|once| Ok((once, wrap()?)));
        self.session.destroy_object(known)?;
        match wrapped? {
            (once, again) if once == again => Ok(digest(&once)),
            _ => Err(Error::wrong("wrapped key")),
        }
    }

    /// A pair of the moment signs, and every signature is judged; the subscribers token wraps, unwraps and makes MACs besides.
    pub(super) fn trial(&mut self) -> Result<(), Error> {
        self.core.token.module.get_token_info(self.core.token.slot)?;
        let algorithm = KeyAlgorithm::P256;
        let (public, private) = objects::generate_pair(&self.session, algorithm, PairUse::Wrapped)?;
        let tried = self.tried(public, private, algorithm);
        for handle in [private, public] {
            self.session.destroy_object(handle)?;
        }
        tried
    }

    fn tried(&mut self, public: ObjectHandle, private: ObjectHandle, algorithm: KeyAlgorithm) -> Result<(), Error> {
        let spki_der = objects::spki(&self.session, public, algorithm)?;
        for _ in 0..limits::TRIAL_SIGNATURES {
            self.check_pair(&spki_der, private, algorithm)?;
        }
        if self.core.kind == TokenKind::Subscribers {
            let secrets = self.secrets()?;
            for _ in 0..limits::TRIAL_SIGNATURES {
                self.hmac(secrets.row_mac, CONSTANT)?;
            }
            let wrapped = objects::wrap(&self.session, secrets.wrapping, private)?;
            let unwrapped = objects::unwrap(&self.session, secrets.wrapping, &wrapped, algorithm)?;
            let checked = self.check_pair(&spki_der, unwrapped, algorithm);
            self.session.destroy_object(unwrapped)?;
            checked?;
        }
        Ok(())
    }
}

/// So that not even what a secret key made of the constant leaves the worker.
fn digest(made: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(b"chuky-fingerprint-digest-v1").chain_update(made).finalize().into()
}

/// No input of any other use begins like this.
const CONSTANT: &[u8] = b"chuky-fingerprint-v1";
