//! Tries on the real token everything that must be impossible, and refuses to serve where one thing works: tokens that ignore
//! SENSITIVE or EXTRACTABLE exist. Leaves nothing behind. It never tries to destroy a key in use; provisioning tries that on a new one.

use crate::{
    encoding,
    error::Error,
    objects::{self, PairUse},
    secret::Pin,
    settings::TokenKind,
    token::Token,
};
use chuky_model::algorithm::KeyAlgorithm;
use cryptoki::{
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
};

/// Runs the test of this kind of token. The process must be logged in, and no other thread use the token yet: the test logs out once.
pub(crate) fn run(token: &Token, kind: TokenKind, pin: &Pin) -> Result<(), Error> {
    let session = token.session()?;
    let wrapped = match kind {
        TokenKind::Authority | TokenKind::Status => {
            service_token(&session)?;
            None
        }
        TokenKind::Subscribers => Some(subscribers_token(token, &session)?),
    };
    session.logout().map_err(Error::while_opening)?;
    let outside = without_login(&session, wrapped.as_deref());
    token.log_in(&session, UserType::User, pin)?;
    outside
}

/// A service key's template holds, on a session object and on every key that is there.
fn service_token(session: &Session) -> Result<(), Error> {
    let (public, private) = objects::generate_pair(session, KeyAlgorithm::P256, PairUse::Wrapped)?;
    let result = sealed_value(session, "session key", private).and_then(|()| signs(session, public, private));
    session.destroy_object(private)?;
    session.destroy_object(public)?;
    result?;
    for (label, key) in objects::labelled(session, ObjectClass::PRIVATE_KEY)? {
        sealed_value(session, &label, key)?;
        attribute(session, &label, key, AttributeType::Extractable, false)?;
        attribute(session, &label, key, AttributeType::Private, true)?;
    }
    Ok(())
}

/// Gives a wrapped key, with which the test without log-in goes on.
fn subscribers_token(token: &Token, session: &Session) -> Result<Vec<u8>, Error> {
    let offered = token.module.get_mechanism_list(token.slot)?;
    if !offered.contains(&objects::WRAPPING_MECHANISM) {
        return Err(failed("wrapping", "the token offers no CKM_AES_KEY_WRAP_PAD (RFC 5649)"));
    }
    let wrapping = present(session, objects::WRAPPING_LABEL)?;
    wrapping_key_attributes(session, wrapping)?;
    let peppers = objects::peppers(session)?;
    if peppers.is_empty() {
        return Err(Error::unavailable("the token holds no pepper"));
    }
    let mut secrets: Vec<(String, ObjectHandle)> =
        peppers.into_iter().map(|(version, key)| (format!("{}{version}", objects::PEPPER_PREFIX), key)).collect();
    for label in [objects::ROW_MAC_LABEL, objects::DATA_LABEL] {
        secrets.push((label.to_owned(), present(session, label)?));
    }
    for (label, key) in &secrets {
        hmac_key(session, label, *key)?;
    }
    let (public, private) = objects::generate_pair(session, KeyAlgorithm::P256, PairUse::Wrapped)?;
    let result = wrapping_holds(session, wrapping, public, private);
    session.destroy_object(private)?;
    session.destroy_object(public)?;
    result
}

fn wrapping_key_attributes(session: &Session, wrapping: ObjectHandle) -> Result<(), Error> {
    let label = objects::WRAPPING_LABEL;
    for (kind, wanted) in [
        (AttributeType::Sensitive, true),
        (AttributeType::Extractable, false),
        (AttributeType::Trusted, true),
        (AttributeType::Modifiable, false),
        (AttributeType::Destroyable, false),
        (AttributeType::Encrypt, false),
        (AttributeType::Decrypt, false),
    ] {
        attribute(session, label, wrapping, kind, wanted)?;
    }
    sealed_value(session, label, wrapping)?;
    refused("decrypt with the wrapping key", session.decrypt(&Mechanism::AesEcb, wrapping, &[0; 16]))?;
    refused("turn on DECRYPT", session.update_attributes(wrapping, &[Attribute::Decrypt(true)]))?;
    let copy = session
        .copy_object(wrapping, &[Attribute::Token(false), Attribute::Modifiable(true)])
        .and_then(|copy| session.update_attributes(copy, &[Attribute::Decrypt(true)]));
    refused("turn on DECRYPT in a copy", copy)
}

fn hmac_key(session: &Session, label: &str, key: ObjectHandle) -> Result<(), Error> {
    for (kind, wanted) in [
        (AttributeType::Private, true),
        (AttributeType::Sensitive, true),
        (AttributeType::Extractable, false),
        (AttributeType::Modifiable, false),
        (AttributeType::Derive, false),
    ] {
        attribute(session, label, key, kind, wanted)?;
    }
    sealed_value(session, label, key)?;
    refused("sign an HMAC with another hash", session.sign(&Mechanism::Sha1Hmac, key, b"self-test"))?;
    refused("set EXTRACTABLE", session.update_attributes(key, &[Attribute::Extractable(true)]))?;
    let readable = [Attribute::Extractable(true), Attribute::Sensitive(false), Attribute::Token(false)];
    refused("copy a secret as extractable", session.copy_object(key, &readable))?;
    session.sign(&Mechanism::Sha256Hmac, key, b"self-test").map(drop).map_err(Error::from)
}

/// The way in and out of a blob: only through the trusted key, only as a key that can sign and do nothing else.
fn wrapping_holds(
    session: &Session,
    wrapping: ObjectHandle,
    public: ObjectHandle,
    private: ObjectHandle,
) -> Result<Vec<u8>, Error> {
    sealed_value(session, "subscriber's key", private)?;
    let rogue = session.create_object(&[
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Value(vec![7; 32]),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ])?;
    refused("wrap under a rogue key", session.wrap_key(&objects::wrapping_mechanism(), rogue, private))?;
    let trusted = [Attribute::Trusted(true)];
    refused("declare a key trusted as user", session.update_attributes(rogue, &trusted))?;
    session.destroy_object(rogue)?;
    let wrapped = objects::wrap(session, wrapping, private)?;
    let attempts: [(&str, Attempt); 5] = [
        ("unwrap as extractable", (ObjectClass::PRIVATE_KEY, KeyType::EC, true, false, true, false)),
        ("unwrap as extractable but sensitive", (ObjectClass::PRIVATE_KEY, KeyType::EC, true, true, true, false)),
        ("unwrap as public object", (ObjectClass::PRIVATE_KEY, KeyType::EC, false, true, false, false)),
        ("unwrap as generic secret", (ObjectClass::SECRET_KEY, KeyType::GENERIC_SECRET, true, false, true, false)),
        ("unwrap as token object", (ObjectClass::PRIVATE_KEY, KeyType::EC, true, true, false, true)),
    ];
    for (what, attempt) in attempts {
        let result = session.unwrap_key(&objects::wrapping_mechanism(), wrapping, &wrapped, &template(attempt));
        if let Ok(handle) = result {
            // Not even a failing test may leave a token object behind.
            session.destroy_object(handle)?;
            return Err(failed(what, "succeeded"));
        }
    }
    let unwrapped = objects::unwrap(session, wrapping, &wrapped, KeyAlgorithm::P256)?;
    attribute(session, "unwrapped key", unwrapped, AttributeType::Extractable, false)?;
    sealed_value(session, "unwrapped key", unwrapped)?;
    refused("wrap an unwrapped key", session.wrap_key(&objects::wrapping_mechanism(), wrapping, unwrapped))?;
    signs(session, public, unwrapped)?;
    session.destroy_object(unwrapped)?;
    Ok(wrapped)
}

/// What a process with the files but no PIN could try.
fn without_login(session: &Session, wrapped: Option<&[u8]>) -> Result<(), Error> {
    let visible = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])?;
    if !visible.is_empty() {
        return Err(failed("see private keys without log-in", "succeeded"));
    }
    let (Some(wrapped), visible) = (wrapped, objects::labelled(session, ObjectClass::SECRET_KEY)?) else {
        return Ok(());
    };
    for (label, key) in visible {
        if label != objects::WRAPPING_LABEL {
            return Err(failed("see secret keys without log-in", "succeeded"));
        }
        sealed_value(session, &label, key)?;
        let mechanism = objects::wrapping_mechanism();
        let proper = objects::unwrap_template(KeyAlgorithm::P256);
        refused("unwrap without log-in", session.unwrap_key(&mechanism, key, wrapped, &proper))?;
        let public = template((ObjectClass::PRIVATE_KEY, KeyType::EC, false, true, false, false));
        refused("unwrap as public object without log-in", session.unwrap_key(&mechanism, key, wrapped, &public))?;
        let mut iv = [0; 12];
        if let Ok(parameters) = GcmParams::new(&mut iv, b"", 128_u64.into()) {
            let result = session.encrypt(&Mechanism::AesGcm(parameters), key, b"self-test");
            refused("encrypt without log-in", result)?;
        }
    }
    Ok(())
}

/// Class, key type, PRIVATE, SENSITIVE, EXTRACTABLE, TOKEN.
type Attempt = (ObjectClass, KeyType, bool, bool, bool, bool);

fn template((class, key_type, private, sensitive, extractable, token): Attempt) -> [Attribute; 6] {
    [
        Attribute::Class(class),
        Attribute::KeyType(key_type),
        Attribute::Private(private),
        Attribute::Sensitive(sensitive),
        Attribute::Extractable(extractable),
        Attribute::Token(token),
    ]
}

fn present(session: &Session, label: &str) -> Result<ObjectHandle, Error> {
    objects::find(session, ObjectClass::SECRET_KEY, label)?
        .ok_or_else(|| Error::unavailable(format!("the token holds no {label}")))
}

fn signs(session: &Session, public: ObjectHandle, private: ObjectHandle) -> Result<(), Error> {
    let scheme = KeyAlgorithm::P256.default_scheme();
    let (mechanism, input) = (encoding::mechanism(scheme), encoding::signing_input(scheme, &[5; 32])?);
    let signature = session.sign(&mechanism, private, &input)?;
    Ok(session.verify(&mechanism, public, &input, &signature)?)
}

/// No attribute that holds key material can be read.
fn sealed_value(session: &Session, label: &str, key: ObjectHandle) -> Result<(), Error> {
    for kind in [AttributeType::Value, AttributeType::PrivateExponent, AttributeType::Prime1] {
        let readable = session.get_attributes(key, &[kind]).is_ok_and(|attributes| {
            attributes.iter().any(|attribute| {
                matches!(
                    attribute,
                    Attribute::Value(value) | Attribute::PrivateExponent(value) | Attribute::Prime1(value)
                        if !value.is_empty()
                )
            })
        });
        if readable {
            return Err(failed("read a key's value", &format!("{label} was given out")));
        }
    }
    Ok(())
}

fn attribute(
    session: &Session,
    label: &str,
    key: ObjectHandle,
    kind: AttributeType,
    wanted: bool,
) -> Result<(), Error> {
    match objects::flag(session, key, kind) {
        Some(value) if value == wanted => Ok(()),
        found => Err(failed(&format!("{kind} of {label}"), &format!("{found:?}, wanted {wanted}"))),
    }
}

fn refused<T>(what: &str, result: cryptoki::error::Result<T>) -> Result<(), Error> {
    match result {
        Ok(_) => Err(failed(what, "succeeded")),
        Err(_) => Ok(()),
    }
}

fn failed(check: &str, finding: &str) -> Error {
    Error::SelfTest { check: check.to_owned(), finding: finding.to_owned() }
}
