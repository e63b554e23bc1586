//! The PKCS#11 calls on somebody's own token. Objects are read and keys sign; nothing is written. The PIN is given to the token once for
//! each time that it asks, and never again after it said no.

use super::{
    message::{CertificateFound, KeyFound, Objects, PinState, Refusal, ToSign, TokenFound},
    one_call::OneCall,
};
use crate::{encoding, error::has_code, limits, objects, secret::Pin, token};
use chuky_model::algorithm::{HashAlgorithm, KeyAlgorithm, SignatureScheme};
use cryptoki::{
    context::Pkcs11,
    error::RvError,
    mechanism::MechanismType,
    object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::{Slot, TokenInfo},
};
use std::path::{Path, PathBuf};

/// A loaded module, and the token that was logged in to.
pub(super) struct Own {
    path: PathBuf,
    module: Pkcs11,
    open: Option<Open>,
}

struct Open {
    session: Session,
    slot: Slot,
    /// Handles, in the order of the list that was given.
    keys: Vec<ObjectHandle>,
}

impl Own {
    pub(super) fn load(path: &Path) -> Result<Self, Refusal> {
        let path = std::path::absolute(path).map_err(|error| Refusal::Module(error.to_string()))?;
        Ok(Self { module: token::load(&path)?, path, open: None })
    }

    /// Every token that answers. A slot that does not is passed over: it may be a reader with another card.
    pub(super) fn tokens(&self) -> Result<Vec<TokenFound>, Refusal> {
        let slots = self.module.get_slots_with_token()?;
        let mut found = Vec::new();
        for slot in slots.into_iter().take(SLOTS) {
            let Ok(information) = self.module.get_token_info(slot) else { continue };
            if !information.token_initialized() {
                continue;
            }
            let certificates = match self.module.open_ro_session(slot) {
                Ok(session) => certificates(&session)?,
                Err(_) => Vec::new(),
            };
            found.push(described(slot, &information, certificates));
        }
        Ok(found)
    }

    /// Logs in. PKCS#11 §5.6.8: a null PIN lets the token's own pad ask.
    pub(super) fn log_in(&mut self, slot: u64, pin: Option<&Pin>) -> Result<(), Refusal> {
        let slot = Slot::try_from(slot)?;
        let session = self.module.open_ro_session(slot)?;
        if self.module.get_token_info(slot)?.login_required() {
            match session.login(UserType::User, pin.map(Pin::for_login).as_ref()) {
                Err(error) if !has_code(&error, RvError::UserAlreadyLoggedIn) => return Err(error.into()),
                _ => {}
            }
        }
        self.open = Some(Open { session, slot, keys: Vec::new() });
        Ok(())
    }

    pub(super) fn objects(&mut self) -> Result<Objects, Refusal> {
        let open = self.open.as_mut().ok_or_else(not_open)?;
        let mechanisms = self.module.get_mechanism_list(open.slot)?;
        open.keys = find(&open.session, &[Attribute::Class(ObjectClass::PRIVATE_KEY)])?;
        let mut keys = Vec::new();
        for handle in &open.keys {
            keys.push(key(&open.session, *handle, &mechanisms)?);
        }
        Ok(Objects { keys, certificates: certificates(&open.session)? })
    }

    /// The signature as X.509 carries it. Whether it is genuine is the caller's to find out, who knows the certificate.
    pub(super) fn sign(&self, wanted: &ToSign) -> Result<Vec<u8>, Refusal> {
        let open = self.open.as_ref().ok_or_else(not_open)?;
        let key = *open.keys.get(wanted.key).ok_or_else(|| Refusal::Odd("no such key".to_owned()))?;
        let input = encoding::signing_input(wanted.scheme, &wanted.digest)?;
        let mechanism = encoding::mechanism(wanted.scheme);
        let raw = match objects::flag(&open.session, key, AttributeType::AlwaysAuthenticate) {
            Some(true) => {
                let one_call = OneCall::of(&self.path)?;
                open.session.sign_init(&mechanism, key)?;
                open.session.login(UserType::ContextSpecific, wanted.pin.as_ref().map(Pin::for_login).as_ref())?;
                one_call.sign(&open.session, &input)?
            }
            _ => open.session.sign(&mechanism, key, &input)?,
        };
        Ok(encoding::signature_value(wanted.scheme, raw)?)
    }

    /// Leaves the token logged out, where the driver still listens.
    pub(super) fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let _ = open.session.logout();
        }
    }
}

fn described(slot: Slot, information: &TokenInfo, certificates: Vec<CertificateFound>) -> TokenFound {
    let text = |text: &str| text.trim_matches(['\0', ' ']).to_owned();
    TokenFound {
        slot: slot.id(),
        label: text(information.label()),
        serial: text(information.serial_number()),
        manufacturer: text(information.manufacturer_id()),
        model: text(information.model()),
        needs_no_log_in: !information.login_required(),
        has_pin_pad: information.protected_authentication_path(),
        pin: match information {
            one if one.user_pin_locked() => PinState::Locked,
            one if one.login_required() && !one.user_pin_initialized() => PinState::Unset,
            one if one.user_pin_final_try() => PinState::FinalTry,
            one if one.user_pin_count_low() => PinState::CountLow,
            _ => PinState::Usual,
        },
        certificates,
    }
}

fn find(session: &Session, template: &[Attribute]) -> Result<Vec<ObjectHandle>, Refusal> {
    let mut found = session.find_objects(template)?;
    found.truncate(OBJECTS);
    Ok(found)
}

/// X.509 certificates only; one that is no certificate is passed over later, by whoever reads it.
fn certificates(session: &Session) -> Result<Vec<CertificateFound>, Refusal> {
    let template = [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::CertificateType(CertificateType::X_509)];
    let mut certificates = Vec::new();
    for handle in find(session, &template)? {
        let mut certificate = CertificateFound { id: Vec::new(), label: String::new(), der: Vec::new() };
        for attribute in
            session.get_attributes(handle, &[AttributeType::Id, AttributeType::Label, AttributeType::Value])?
        {
            match attribute {
                Attribute::Id(id) => certificate.id = id,
                Attribute::Label(label) => certificate.label = words(&label),
                Attribute::Value(der) if der.len() <= CERTIFICATE_BYTES => certificate.der = der,
                _ => {}
            }
        }
        if !certificate.der.is_empty() {
            certificates.push(certificate);
        }
    }
    Ok(certificates)
}

fn key(session: &Session, handle: ObjectHandle, mechanisms: &[MechanismType]) -> Result<KeyFound, Refusal> {
    let mut found = KeyFound {
        id: Vec::new(),
        label: String::new(),
        algorithm: None,
        spki: None,
        may_sign: true,
        asks_each_time: objects::flag(session, handle, AttributeType::AlwaysAuthenticate) == Some(true),
        schemes: Vec::new(),
    };
    let (mut modulus, mut exponent, mut curve, mut kind) = (None, None, None, None);
    let wanted = [
        AttributeType::Id,
        AttributeType::Label,
        AttributeType::KeyType,
        AttributeType::Sign,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
        AttributeType::EcParams,
    ];
    for attribute in session.get_attributes(handle, &wanted)? {
        match attribute {
            Attribute::Id(id) => found.id = id,
            Attribute::Label(label) => found.label = words(&label),
            Attribute::KeyType(stated) => kind = Some(stated),
            Attribute::Sign(may) => found.may_sign = may,
            Attribute::Modulus(value) => modulus = Some(value),
            Attribute::PublicExponent(value) => exponent = Some(value),
            Attribute::EcParams(value) => curve = Some(value),
            _ => {}
        }
    }
    found.algorithm = match kind {
        Some(KeyType::EC) => curve.as_deref().and_then(encoding::algorithm_of_curve),
        Some(KeyType::RSA) => modulus.as_deref().and_then(encoding::algorithm_of_modulus),
        _ => None,
    };
    found.schemes = found.algorithm.map(|algorithm| schemes(algorithm, mechanisms)).unwrap_or_default();
    found.spki = match (&modulus, &exponent) {
        (Some(modulus), Some(exponent)) => Some(encoding::rsa_spki(modulus, exponent)),
        _ => found.algorithm.and_then(|algorithm| of_public_half(session, &found.id, algorithm)),
    };
    Ok(found)
}

/// A curve's point stands in the public key object alone, which some tokens do not have.
fn of_public_half(session: &Session, id: &[u8], algorithm: KeyAlgorithm) -> Option<Vec<u8>> {
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(id.to_vec())];
    match find(session, &template).ok()?.as_slice() {
        [only] => objects::spki(session, *only, algorithm).ok(),
        _ => None,
    }
}

/// What the token makes over a digest. PSS before PKCS#1 v1.5, as the service's own keys sign.
fn schemes(algorithm: KeyAlgorithm, mechanisms: &[MechanismType]) -> Vec<SignatureScheme> {
    let mut schemes = Vec::new();
    let has = |mechanism| mechanisms.contains(&mechanism);
    if algorithm.modulus_bits().is_none() {
        schemes.extend(has(MechanismType::ECDSA).then(|| algorithm.default_scheme()));
        return schemes;
    }
    if has(MechanismType::RSA_PKCS_PSS) {
        schemes.extend([SignatureScheme::RsaPssSha256, SignatureScheme::RsaPssSha384, SignatureScheme::RsaPssSha512]);
    }
    if has(MechanismType::RSA_PKCS) {
        schemes.extend([
            SignatureScheme::RsaPkcs1Sha256,
            SignatureScheme::RsaPkcs1Sha384,
            SignatureScheme::RsaPkcs1Sha512,
        ]);
    }
    schemes.sort_by_key(|scheme| scheme.hash() != HashAlgorithm::Sha256);
    schemes
}

fn words(label: &[u8]) -> String {
    String::from_utf8_lossy(label).trim_matches(['\0', ' ']).to_owned()
}

fn not_open() -> Refusal {
    Refusal::Odd("nobody has logged in".to_owned())
}

/// Slots and objects of a kind that are looked at: a person's token has one to some dozens.
const SLOTS: usize = 64;
const OBJECTS: usize = if limits::LISTED_OBJECTS < 256 { limits::LISTED_OBJECTS } else { 256 };
/// Bytes of a certificate; real ones have 1 to 4 thousand.
const CERTIFICATE_BYTES: usize = 64 << 10;
