//! The service's own keys: CA, OCSP, timestamp and audit head. Token objects that never leave the token; found by label.

use super::{Engine, ServiceHandle};
use crate::{
    encoding,
    error::Error,
    judge::{Judge, Lasting},
    limits,
    message::{Response, ServiceKey},
    objects::{self, PairUse},
    settings::TokenKind,
};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use cryptoki::object::{ObjectClass, ObjectHandle};
use std::sync::Arc;

impl Engine {
    pub(super) fn service_keys(&mut self) -> Result<Vec<ServiceKey>, Error> {
        let mut keys = Vec::new();
        for (label, public) in objects::labelled(&self.session, ObjectClass::PUBLIC_KEY)? {
            if let Some(algorithm) = objects::public_algorithm(&self.session, public)? {
                keys.push(ServiceKey { label, algorithm, spki_der: objects::spki(&self.session, public, algorithm)? });
            }
        }
        Ok(keys)
    }

    pub(super) fn generate_service_key(&mut self, label: &str, algorithm: KeyAlgorithm) -> Result<Response, Error> {
        if self.core.kind == TokenKind::Subscribers {
            return Err(Error::invalid("service keys live on the authority and status tokens"));
        }
        if label.is_empty() || label.len() > limits::LABEL_LENGTH || label.chars().any(char::is_control) {
            return Err(Error::invalid("a label has 1 to 64 printable bytes"));
        }
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            if objects::find(&self.session, class, label)?.is_some() {
                return Err(Error::KeyExists { label: label.to_owned() });
            }
        }
        let (public, private) = objects::generate_pair(&self.session, algorithm, PairUse::Service { label })?;
        let spki_der = objects::spki(&self.session, public, algorithm)?;
        self.check_pair(&spki_der, private, algorithm)?;
        Ok(Response::Generated { spki_der })
    }

    pub(super) fn sign(
        &mut self,
        (label, wanted): (&str, Option<&[u8]>),
        scheme: SignatureScheme,
        digests: &[Vec<u8>],
    ) -> Result<Vec<Vec<u8>>, Error> {
        let ServiceHandle { private, algorithm, spki_der, judge } = self.service_key(label)?;
        // Whatever it signs would be judged by its own public key, which is not the caller's.
        if wanted.is_some_and(|wanted| *wanted != *spki_der) {
            return Err(Error::OtherKey { label: label.to_owned() });
        }
        self.sign_digests((private, algorithm, &judge), scheme, digests)
    }

    /// Signs digests with one key, in order. Each signature is judged, and where one is wrong none is given out.
    pub(super) fn sign_digests(
        &self,
        (private, algorithm, judge): (ObjectHandle, KeyAlgorithm, &Judge),
        scheme: SignatureScheme,
        digests: &[Vec<u8>],
    ) -> Result<Vec<Vec<u8>>, Error> {
        if !scheme.fits(algorithm) {
            return Err(Error::invalid(format!("{scheme:?} with a {} key", algorithm.name())));
        }
        if digests.len() > limits::DIGESTS {
            return Err(Error::invalid(format!("more than {} digests", limits::DIGESTS)));
        }
        let inputs =
            digests.iter().map(|digest| encoding::signing_input(scheme, digest)).collect::<Result<Vec<_>, _>>()?;
        let mechanism = encoding::mechanism(scheme);
        let sign = |input: &Vec<u8>| {
            let raw = self.session.sign(&mechanism, private, input)?;
            encoding::signature_value(scheme, raw)
        };
        let signatures = inputs.iter().map(sign).collect::<Result<Vec<_>, Error>>()?;
        let signed: Vec<_> = digests.iter().zip(&signatures).map(|(d, s)| (d.as_slice(), s.as_slice())).collect();
        // All at once, which costs less than one by one.
        if judge.accepts_all(scheme, &signed) { Ok(signatures) } else { Err(Error::wrong("signature")) }
    }

    /// Signs random digests with the private key and judges them by the public one, before anybody relies on the pair.
    pub(super) fn check_pair(
        &self,
        spki_der: &[u8],
        private: ObjectHandle,
        algorithm: KeyAlgorithm,
    ) -> Result<(), Error> {
        let judge = self.core.judge(spki_der, Lasting::Briefly)?;
        let scheme = algorithm.default_scheme();
        let mut digest = vec![0; scheme.hash().length()];
        rand::fill(&mut digest[..]);
        self.sign_digests((private, algorithm, &judge), scheme, &[digest]).map(drop)
    }

    fn service_key(&mut self, label: &str) -> Result<ServiceHandle, Error> {
        if let Some(key) = self.service_keys.get(label) {
            return Ok(key.clone());
        }
        let unknown = || Error::UnknownKey { label: label.to_owned() };
        if label.len() > limits::LABEL_LENGTH {
            return Err(unknown());
        }
        let private = objects::find(&self.session, ObjectClass::PRIVATE_KEY, label)?.ok_or_else(unknown)?;
        let public = objects::find(&self.session, ObjectClass::PUBLIC_KEY, label)?.ok_or_else(unknown)?;
        let algorithm = objects::public_algorithm(&self.session, public)?.ok_or_else(unknown)?;
        let spki_der: Arc<[u8]> = objects::spki(&self.session, public, algorithm)?.into();
        let judge = self.core.judge(&spki_der, Lasting::Always)?;
        let key = ServiceHandle { private, algorithm, spki_der, judge };
        self.service_keys.insert(label.to_owned(), key.clone());
        Ok(key)
    }
}
