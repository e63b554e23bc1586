//! The exact templates of every object on a token, and how objects are found again. Each attribute is stated, never left to a
//! token's default: hsm.md tells which omission lets a key out.

use crate::{encoding, error::Error, limits};
use chuky_model::algorithm::KeyAlgorithm;
use cryptoki::{
    mechanism::{Mechanism, MechanismType},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};

/// Label of the key that wraps subscribers' keys.
pub(crate) const WRAPPING_LABEL: &str = "chuky-wrapping-1";
/// Label of the row MAC key.
pub(crate) const ROW_MAC_LABEL: &str = "chuky-row-mac-1";
/// Label of the secret that data keys are derived from.
pub(crate) const DATA_LABEL: &str = "chuky-data-1";
/// Peppers are labelled with their version after this.
pub(crate) const PEPPER_PREFIX: &str = "chuky-pepper-";

/// How a key pair is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairUse<'a> {
    /// A service key: token object, never extractable.
    Service { label: &'a str },
    /// A subscriber's key on its way into a blob: session object, extractable under the trusted wrapping key alone.
    Wrapped,
}

/// Generates a pair; gives public and private handle.
pub(crate) fn generate_pair(
    session: &Session,
    algorithm: KeyAlgorithm,
    purpose: PairUse<'_>,
) -> Result<(ObjectHandle, ObjectHandle), Error> {
    let (token, label) = match purpose {
        PairUse::Service { label } => (true, label),
        PairUse::Wrapped => (false, "chuky-subscriber"),
    };
    let label = label.as_bytes().to_vec();
    let mut public = vec![
        Attribute::Token(token),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::Id(label.clone()),
        Attribute::Label(label.clone()),
    ];
    let mut private = vec![
        Attribute::Token(token),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(!token),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Id(label.clone()),
        Attribute::Label(label),
    ];
    match purpose {
        PairUse::Service { .. } => private.push(Attribute::Modifiable(false)),
        PairUse::Wrapped => private.push(Attribute::WrapWithTrusted(true)),
    }
    let mechanism = match (encoding::curve_parameters(algorithm), algorithm.modulus_bits()) {
        (Some(curve), _) => {
            public.push(Attribute::EcParams(curve.to_vec()));
            Mechanism::EccKeyPairGen
        }
        (None, bits) => {
            public.push(Attribute::ModulusBits(u64::from(bits.unwrap_or(3_072)).into()));
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            Mechanism::RsaPkcsKeyPairGen
        }
    };
    Ok(session.generate_key_pair(&mechanism, &public, &private)?)
}

/// `SubjectPublicKeyInfo` of a public key object.
pub(crate) fn spki(session: &Session, public: ObjectHandle, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Error> {
    if encoding::curve_parameters(algorithm).is_some() {
        let attributes = session.get_attributes(public, &[AttributeType::EcPoint])?;
        match attributes.first() {
            Some(Attribute::EcPoint(point)) => encoding::ec_spki(algorithm, point),
            _ => Err(missing("CKA_EC_POINT")),
        }
    } else {
        let attributes = session.get_attributes(public, &[AttributeType::Modulus, AttributeType::PublicExponent])?;
        let mut modulus = None;
        let mut exponent = None;
        for attribute in &attributes {
            match attribute {
                Attribute::Modulus(value) => modulus = Some(value),
                Attribute::PublicExponent(value) => exponent = Some(value),
                _ => {}
            }
        }
        match (modulus, exponent) {
            (Some(modulus), Some(exponent)) => Ok(encoding::rsa_spki(modulus, exponent)),
            _ => Err(missing("CKA_MODULUS")),
        }
    }
}

/// The type of a public key object, `None` where it is none of ours.
pub(crate) fn public_algorithm(session: &Session, public: ObjectHandle) -> Result<Option<KeyAlgorithm>, Error> {
    let attributes = session.get_attributes(public, &[AttributeType::KeyType])?;
    Ok(match attributes.first() {
        Some(Attribute::KeyType(KeyType::EC)) => {
            match session.get_attributes(public, &[AttributeType::EcParams])?.first() {
                Some(Attribute::EcParams(curve)) => encoding::algorithm_of_curve(curve),
                _ => None,
            }
        }
        Some(Attribute::KeyType(KeyType::RSA)) => {
            match session.get_attributes(public, &[AttributeType::Modulus])?.first() {
                Some(Attribute::Modulus(modulus)) => encoding::algorithm_of_modulus(modulus),
                _ => None,
            }
        }
        _ => None,
    })
}

/// RFC 5649 wrapping, 0x210A as SoftHSM and Kryoptic number it.
pub(crate) fn wrapping_mechanism() -> Mechanism<'static> {
    Mechanism::AesKeyWrapPad
}

/// Its type, to be looked for among a token's mechanisms.
pub(crate) const WRAPPING_MECHANISM: MechanismType = MechanismType::AES_KEY_WRAP_PAD;

/// Wraps a key. cryptoki leaves the size query's length, while RFC 5649 output is a multiple of eight bytes.
pub(crate) fn wrap(session: &Session, wrapping: ObjectHandle, key: ObjectHandle) -> Result<Vec<u8>, Error> {
    let mut wrapped = session.wrap_key(&wrapping_mechanism(), wrapping, key)?;
    wrapped.truncate(wrapped.len() / 8 * 8);
    Ok(wrapped)
}

/// Every attribute of the UNWRAP_TEMPLATE repeated, as SoftHSM wants, and SIGN.
pub(crate) fn unwrap_template(algorithm: KeyAlgorithm) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(if encoding::curve_parameters(algorithm).is_some() { KeyType::EC } else { KeyType::RSA }),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Id(b"chuky-subscriber".to_vec()),
    ]
}

/// Unwraps a subscriber's key into a session object that can only sign.
pub(crate) fn unwrap(
    session: &Session,
    wrapping: ObjectHandle,
    wrapped: &[u8],
    algorithm: KeyAlgorithm,
) -> Result<ObjectHandle, Error> {
    Ok(session.unwrap_key(&wrapping_mechanism(), wrapping, wrapped, &unwrap_template(algorithm))?)
}

/// The wrapping key, to be made or imported in an SO session only. With a value it is imported: VALUE and VALUE_LEN together are
/// refused (CKR_ATTRIBUTE_READ_ONLY).
pub(crate) fn wrapping_template(label: &str, value: Option<&[u8; 32]>) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        match value {
            Some(value) => Attribute::Value(value.to_vec()),
            None => Attribute::ValueLen(32_u64.into()),
        },
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Trusted(true),
        Attribute::Modifiable(false),
        Attribute::Destroyable(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
        unwrap_template_attribute(),
    ]
}

/// Pepper, row MAC key, data secret: made in a user session, PRIVATE, HMAC-SHA-256 only.
pub(crate) fn hmac_template(label: &str, value: &[u8; 32]) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Value(value.to_vec()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Verify(false),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
        Attribute::Modifiable(false),
        // An old pepper must be destroyable by the user, and the SO cannot see private objects.
        Attribute::Destroyable(true),
        Attribute::AllowedMechanisms(vec![MechanismType::SHA256_HMAC]),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
    ]
}

/// The object of this class and label; `None` where there is none. Two under one label are an error: which one signs would be chance.
pub(crate) fn find(session: &Session, class: ObjectClass, label: &str) -> Result<Option<ObjectHandle>, Error> {
    let found = session.find_objects(&[
        Attribute::Class(class),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
    ])?;
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        _ => Err(Error::SelfTest { check: "labels".to_owned(), finding: format!("{label} stands for several keys") }),
    }
}

/// Labels and handles of all token objects of a class.
pub(crate) fn labelled(session: &Session, class: ObjectClass) -> Result<Vec<(String, ObjectHandle)>, Error> {
    let found = session.find_objects(&[Attribute::Class(class), Attribute::Token(true)])?;
    let mut labelled = Vec::new();
    for handle in found.into_iter().take(limits::LISTED_OBJECTS) {
        if let Some(Attribute::Label(label)) =
            session.get_attributes(handle, &[AttributeType::Label])?.into_iter().next()
        {
            labelled.push((String::from_utf8_lossy(&label).into_owned(), handle));
        }
    }
    labelled.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(labelled)
}

/// Peppers by version, ascending.
pub(crate) fn peppers(session: &Session) -> Result<Vec<(u32, ObjectHandle)>, Error> {
    let mut peppers: Vec<(u32, ObjectHandle)> = labelled(session, ObjectClass::SECRET_KEY)?
        .into_iter()
        .filter_map(|(label, handle)| Some((label.strip_prefix(PEPPER_PREFIX)?.parse().ok()?, handle)))
        .filter(|(version, _)| (1..=limits::PEPPER_VERSION).contains(version))
        .collect();
    peppers.sort_by_key(|(version, _)| *version);
    Ok(peppers)
}

/// One boolean attribute; `None` where the token does not tell.
pub(crate) fn flag(session: &Session, object: ObjectHandle, kind: AttributeType) -> Option<bool> {
    match session.get_attributes(object, &[kind]).ok()?.first()? {
        Attribute::Sensitive(value)
        | Attribute::Extractable(value)
        | Attribute::Private(value)
        | Attribute::Sign(value)
        | Attribute::Verify(value)
        | Attribute::Decrypt(value)
        | Attribute::Encrypt(value)
        | Attribute::Derive(value)
        | Attribute::Modifiable(value)
        | Attribute::Destroyable(value)
        | Attribute::Trusted(value)
        | Attribute::Wrap(value)
        | Attribute::Unwrap(value)
        | Attribute::AlwaysAuthenticate(value)
        | Attribute::Token(value) => Some(*value),
        _ => None,
    }
}

/// CKA_UNWRAP_TEMPLATE, which cryptoki has no variant for: the bytes of a C array of `CK_ATTRIBUTE` whose values are statics, so that
/// they outlive every call.
fn unwrap_template_attribute() -> Attribute {
    static TRUE: u8 = 1;
    static FALSE: u8 = 0;
    // CKO_PRIVATE_KEY is 3, a CK_ULONG.
    static PRIVATE_KEY: [u8; 8] = 3_u64.to_ne_bytes();
    let entries: [(u64, *const u8, u64); 5] = [
        (0x0000, PRIVATE_KEY.as_ptr(), 8),
        (0x0002, &raw const TRUE, 1),
        (0x0103, &raw const TRUE, 1),
        (0x0162, &raw const FALSE, 1),
        (0x0001, &raw const FALSE, 1),
    ];
    // CK_ATTRIBUTE is { CK_ATTRIBUTE_TYPE, pValue, ulValueLen }, three machine words on 64-bit platforms.
    let bytes = entries
        .iter()
        .flat_map(|(kind, value, length)| {
            [kind.to_ne_bytes(), (*value as usize as u64).to_ne_bytes(), length.to_ne_bytes()]
        })
        .flatten()
        .collect();
    Attribute::VendorDefined((AttributeType::VendorDefined(CKA_UNWRAP_TEMPLATE), bytes))
}

fn missing(attribute: &str) -> Error {
    Error::Protocol { reason: format!("the token gives no {attribute}") }
}

/// CKF_ARRAY_ATTRIBUTE | 0x212.
const CKA_UNWRAP_TEMPLATE: u64 = 0x4000_0212;
