//! Subscribers' keys: made, wrapped and sealed; resealed; activated for exactly some hashes; used. An unsealed blob exists only
//! within one call and is wiped after it.

use super::{Engine, Secrets, own_clock};
use crate::{
    activation::Unwrapped,
    error::Error,
    judge::Lasting,
    limits,
    message::{ActivationContext, KeyContext, OpenedActivation, SealedKey, SignActivated},
    objects::{self, PairUse},
    seal::{self, Particulars, Purpose, Sealed},
    secret::Secret32,
    stock::Ready,
};
use chuky_model::{algorithm::KeyAlgorithm, instant::Instant};
use cryptoki::object::ObjectHandle;
use std::sync::Arc;
use zeroize::Zeroizing;

impl Engine {
    pub(super) fn generate_sealed(
        &mut self,
        algorithm: KeyAlgorithm,
        context: &KeyContext,
        pin_secret: &Secret32,
    ) -> Result<SealedKey, Error> {
        let secrets = self.secrets()?;
        let pair = match self.core.stock.take(algorithm) {
            Some(ready) => ready,
            None => {
                let (public, private) = objects::generate_pair(&self.session, algorithm, PairUse::Wrapped)?;
                Ready { public, private }
            }
        };
        let made = self.wrap_and_check(&secrets, &pair, algorithm);
        for handle in [pair.private, pair.public] {
            self.session.destroy_object(handle)?;
        }
        let (wrapped, spki_der) = made?;
        let particulars = Particulars {
            purpose: Purpose::AtRest,
            pepper_version: newest(&secrets)?,
            algorithm,
            wrapping_key_id: objects::WRAPPING_LABEL.to_owned(),
            spki_der,
        };
        self.seal_at_rest(&secrets, particulars, context, pin_secret, &wrapped)
    }

    /// Always under the newest pepper, which is how old ones fall out of use.
    pub(super) fn reseal(
        &mut self,
        blob: &[u8],
        (from, old): (&KeyContext, &Secret32),
        (to, new): (&KeyContext, &Secret32),
    ) -> Result<SealedKey, Error> {
        let secrets = self.secrets()?;
        let (particulars, wrapped) = self.open_at_rest(&secrets, blob, from, old)?;
        let particulars = Particulars { pepper_version: newest(&secrets)?, ..particulars };
        self.seal_at_rest(&secrets, particulars, to, new, &wrapped)
    }

    pub(super) fn open_activation(
        &mut self,
        blob: &[u8],
        key: &KeyContext,
        pin_secret: &Secret32,
        activation: &ActivationContext,
        now: Instant,
    ) -> Result<OpenedActivation, Error> {
        check_activation(activation, now)?;
        let secrets = self.secrets()?;
        let (particulars, wrapped) = self.open_at_rest(&secrets, blob, key, pin_secret)?;
        if !activation.scheme.fits(particulars.algorithm) {
            return Err(Error::invalid(format!("{:?} with a {} key", activation.scheme, particulars.algorithm.name())));
        }
        let secret = Secret32::random();
        let pepper_version = newest(&secrets)?;
        // The PIN was right: the seal follows the newest pepper.
        let resealed = match particulars.pepper_version < pepper_version {
            true => {
                let renewed = Particulars { pepper_version, ..particulars.clone() };
                Some(self.seal_at_rest(&secrets, renewed, key, pin_secret, &wrapped)?)
            }
            false => None,
        };
        let particulars = Particulars { purpose: Purpose::Activation, pepper_version, ..particulars };
        let input = seal::activation_input(activation, &secret);
        let seal_key = self.seal_key(&secrets, pepper_version, Purpose::Activation, &input)?;
        let binding = seal::activation_binding(key, activation);
        let blob = seal::seal(&particulars, &binding, &seal_key, &wrapped, |data| self.hmac(secrets.row_mac, data))?;
        Ok(OpenedActivation { blob, secret, resealed })
    }

    /// Numbered as they happen: (1) time, (2) the handle, which only secret and unaltered context open, (3) the hashes are marked as
    /// signed, (4) signatures. Where one fails none leaves, and the marks are taken back.
    pub(super) fn sign_activated(&mut self, call: &SignActivated) -> Result<Vec<Vec<u8>>, Error> {
        let activation = &call.activation;
        let own = own_clock();
        if call.now.max(own) >= activation.expires {
            return Err(Error::Expired);
        }
        let unwrapped = self.activated_key(call)?;
        let places = self.core.replay().reserve(activation, &call.hashes, own)?;
        let key = (unwrapped.handle, unwrapped.algorithm, &unwrapped.judge);
        let signed = self.sign_digests(key, activation.scheme, &call.hashes);
        if signed.is_err() {
            self.core.replay().release(activation.activation_id, &places);
        }
        signed
    }

    /// The unwrapped key of an activation: kept from before, or opened now.
    fn activated_key(&mut self, call: &SignActivated) -> Result<Arc<Unwrapped>, Error> {
        let binding = seal::activation_binding(&call.key, &call.activation);
        let fingerprint = seal::fingerprint(&call.blob, &binding);
        if let Some(kept) = self.core.handles().find(&call.secret, &fingerprint) {
            return Ok(kept);
        }
        let secrets = self.secrets()?;
        let sealed = Sealed::parse(&call.blob, Purpose::Activation)?;
        sealed.check_mac(&self.hmac(secrets.row_mac, &sealed.mac_input(&binding))?)?;
        let input = seal::activation_input(&call.activation, &call.secret);
        let seal_key = self.seal_key(&secrets, sealed.pepper_version, Purpose::Activation, &input)?;
        let wrapped = sealed.open(&binding, &seal_key)?;
        let judge = self.core.judge(&sealed.spki_der, Lasting::Briefly)?;
        let handle = objects::unwrap(&self.session, secrets.wrapping, &wrapped, sealed.algorithm)?;
        let unwrapped = Arc::new(Unwrapped {
            handle,
            algorithm: sealed.algorithm,
            judge,
            session: self.generation,
            activation_id: call.activation.activation_id,
            expires: call.activation.expires,
            fingerprint,
        });
        self.core.handles().keep(&call.secret, Arc::clone(&unwrapped));
        Ok(unwrapped)
    }

    /// Opens a seal at rest: MAC first, so that an altered blob never reaches the token and never looks like a wrong PIN.
    fn open_at_rest(
        &mut self,
        secrets: &Secrets,
        blob: &[u8],
        context: &KeyContext,
        pin_secret: &Secret32,
    ) -> Result<(Particulars, Zeroizing<Vec<u8>>), Error> {
        let sealed = Sealed::parse(blob, Purpose::AtRest)?;
        let binding = seal::key_binding(context);
        sealed.check_mac(&self.hmac(secrets.row_mac, &sealed.mac_input(&binding))?)?;
        let input = seal::pin_input(context, pin_secret);
        let seal_key = self.seal_key(secrets, sealed.pepper_version, Purpose::AtRest, &input)?;
        let wrapped = sealed.open(&binding, &seal_key)?;
        let particulars = Particulars {
            purpose: sealed.purpose,
            pepper_version: sealed.pepper_version,
            algorithm: sealed.algorithm,
            wrapping_key_id: sealed.wrapping_key_id,
            spki_der: sealed.spki_der,
        };
        Ok((particulars, wrapped))
    }

    fn seal_at_rest(
        &mut self,
        secrets: &Secrets,
        particulars: Particulars,
        context: &KeyContext,
        pin_secret: &Secret32,
        wrapped: &[u8],
    ) -> Result<SealedKey, Error> {
        let input = seal::pin_input(context, pin_secret);
        let seal_key = self.seal_key(secrets, particulars.pepper_version, Purpose::AtRest, &input)?;
        let binding = seal::key_binding(context);
        let blob = seal::seal(&particulars, &binding, &seal_key, wrapped, |data| self.hmac(secrets.row_mac, data))?;
        Ok(SealedKey {
            blob,
            spki_der: particulars.spki_der,
            pepper_version: particulars.pepper_version,
            wrapping_key_id: particulars.wrapping_key_id,
        })
    }

    fn seal_key(
        &mut self,
        secrets: &Secrets,
        pepper_version: u32,
        purpose: Purpose,
        input: &[u8],
    ) -> Result<Secret32, Error> {
        let pepper =
            match secrets.peppers.get(&pepper_version) {
                Some(pepper) => *pepper,
                // A rotation since this session looked: look again, once.
                None => {
                    self.secrets = None;
                    *self.secrets()?.peppers.get(&pepper_version).ok_or_else(|| Error::UnknownKey {
                        label: format!("{}{pepper_version}", objects::PEPPER_PREFIX),
                    })?
                }
            };
        let hmac = Zeroizing::new(self.hmac(pepper, input)?);
        Ok(seal::seal_key(purpose, hmac.as_slice()))
    }

    /// hsm.md: unwrap, sign and verify once at generation, so that no blob is ever stored that does not sign.
    fn wrap_and_check(
        &self,
        secrets: &Secrets,
        pair: &Ready,
        algorithm: KeyAlgorithm,
    ) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), Error> {
        let wrapped = Zeroizing::new(objects::wrap(&self.session, secrets.wrapping, pair.private)?);
        let spki_der = objects::spki(&self.session, pair.public, algorithm)?;
        let unwrapped: ObjectHandle = objects::unwrap(&self.session, secrets.wrapping, &wrapped, algorithm)?;
        let checked = self.check_pair(&spki_der, unwrapped, algorithm);
        self.session.destroy_object(unwrapped)?;
        checked?;
        Ok((wrapped, spki_der))
    }
}

fn newest(secrets: &Secrets) -> Result<u32, Error> {
    secrets.peppers.keys().next_back().copied().ok_or_else(|| Error::unavailable("the token holds no pepper"))
}

fn check_activation(activation: &ActivationContext, now: Instant) -> Result<(), Error> {
    if now.max(own_clock()) >= activation.expires {
        return Err(Error::Expired);
    }
    if activation.expires > now.plus_seconds(limits::ACTIVATION_SECONDS) {
        return Err(Error::invalid(format!("an activation lasts at most {} seconds", limits::ACTIVATION_SECONDS)));
    }
    if activation.hashes.is_empty() || activation.hashes.len() > limits::DIGESTS {
        return Err(Error::invalid(format!("an activation holds 1 to {} hashes", limits::DIGESTS)));
    }
    if activation.client.len() > limits::TEXT_LENGTH {
        return Err(Error::invalid("the client's name is too long"));
    }
    let length = activation.scheme.hash().length();
    if activation.hashes.iter().any(|hash| hash.len() != length) {
        return Err(Error::invalid(format!("every hash has {length} bytes for {:?}", activation.scheme)));
    }
    Ok(())
}
