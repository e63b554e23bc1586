//! Attacks with plain PKCS#11, independent of the package's own self-test: a second process without a PIN, a thief with the user PIN
//! and a row, and tokens that were prepared badly.

use crate::{
    Test,
    world::{World, key_reader},
};
use chuky_hsm::{
    Error, InProcess, Pin, TokenKind,
    provision::{self, Secrets},
};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::RvError,
    mechanism::{Mechanism, MechanismType},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("a_process_without_pin_can_do_nothing", without_pin),
    ("the_user_pin_and_a_row_do_not_extract_a_key", with_pin),
    ("badly_prepared_tokens_are_refused", badly_prepared),
];

const LABEL: &str = "chuky-test";

fn session(world: &World) -> Session {
    let module = Pkcs11::new(&world.module).unwrap();
    // Another user of the module in this process may have initialised it.
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).ok();
    let slot = module
        .get_slots_with_token()
        .unwrap()
        .into_iter()
        .find(|slot| module.get_token_info(*slot).is_ok_and(|token| token.label().trim() == LABEL))
        .unwrap();
    module.open_rw_session(slot).unwrap()
}

fn log_in(session: &Session, who: UserType, pin: &Pin) {
    let result = session.login(who, Some(&AuthPin::new(pin.expose().into())));
    assert!(
        matches!(result, Ok(()) | Err(cryptoki::error::Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))),
        "{result:?}"
    );
}

fn prepare(world: &World) {
    provision::prepare(&world.plan(LABEL, TokenKind::Subscribers), &Secrets::random()).unwrap();
}

fn wrapping_key(session: &Session) -> ObjectHandle {
    session.find_objects(&[Attribute::Label(b"chuky-wrapping-1".to_vec())]).unwrap()[0]
}

fn generate(session: &Session) -> (ObjectHandle, ObjectHandle) {
    let curve = vec![0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
    let public = [Attribute::Token(false), Attribute::Verify(true), Attribute::EcParams(curve)];
    let private = [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(true),
        Attribute::Sign(true),
        Attribute::WrapWithTrusted(true),
    ];
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap()
}

/// What a stolen, unsealed row would hold.
fn wrapped_key(session: &Session) -> Vec<u8> {
    let (_, private) = generate(session);
    let mut wrapped = session.wrap_key(&Mechanism::AesKeyWrapPad, wrapping_key(session), private).unwrap();
    wrapped.truncate(wrapped.len() / 8 * 8);
    wrapped
}

fn unwrap_attempts(session: &Session, wrapped: &[u8]) -> Vec<&'static str> {
    let mut succeeded = Vec::new();
    for (what, class, key_type, private, sensitive, extractable, token) in [
        ("extractable", ObjectClass::PRIVATE_KEY, KeyType::EC, true, false, true, false),
        ("sensitive and extractable", ObjectClass::PRIVATE_KEY, KeyType::EC, true, true, true, false),
        ("public", ObjectClass::PRIVATE_KEY, KeyType::EC, false, true, false, false),
        ("readable secret", ObjectClass::SECRET_KEY, KeyType::GENERIC_SECRET, true, false, true, false),
        ("secret", ObjectClass::SECRET_KEY, KeyType::GENERIC_SECRET, true, true, false, false),
        ("lasting", ObjectClass::PRIVATE_KEY, KeyType::EC, true, true, false, true),
    ] {
        let template = [
            Attribute::Class(class),
            Attribute::KeyType(key_type),
            Attribute::Private(private),
            Attribute::Sensitive(sensitive),
            Attribute::Extractable(extractable),
            Attribute::Token(token),
            Attribute::Sign(true),
        ];
        if session.unwrap_key(&Mechanism::AesKeyWrapPad, wrapping_key(session), wrapped, &template).is_ok() {
            succeeded.push(what);
        }
    }
    succeeded
}

/// The second process: opens the token, does not log in, tries everything with a wrapped key.
pub fn intrude(wrapped: &str) {
    let world = World::from_environment();
    let session = session(&world);
    let wrapped = hex::decode(wrapped).unwrap();
    let visible = session.find_objects(&[]).unwrap();
    assert_eq!(visible.len(), 1, "only the wrapping key is seen");
    let key = wrapping_key(&session);
    assert_eq!(unwrap_attempts(&session, &wrapped), Vec::<&str>::new());
    let proper = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    assert!(session.unwrap_key(&Mechanism::AesKeyWrapPad, key, &wrapped, &proper).is_err());
    assert!(session.decrypt(&Mechanism::AesEcb, key, &wrapped[..16]).is_err());
    assert!(session.update_attributes(key, &[Attribute::Decrypt(true)]).is_err());
    assert!(session.destroy_object(key).is_err());
    assert!(session.sign(&Mechanism::Sha256Hmac, key, b"x").is_err());
    println!("intruder was refused everything");
}

fn without_pin(world: &World) {
    prepare(world);
    let owner = session(world);
    log_in(&owner, UserType::User, &world.user_pin);
    let wrapped = hex::encode(wrapped_key(&owner));
    let output = Command::new(std::env::current_exe().unwrap()).args(["intrude", &wrapped]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("refused everything"));
}

fn with_pin(world: &World) {
    prepare(world);
    let thief = session(world);
    log_in(&thief, UserType::User, &world.user_pin);
    let wrapped = wrapped_key(&thief);
    assert_eq!(unwrap_attempts(&thief, &wrapped), Vec::<&str>::new());
    for key in thief.find_objects(&[Attribute::Token(true)]).unwrap() {
        let value = thief.get_attributes(key, &[AttributeType::Value]).unwrap();
        assert!(value.is_empty(), "{value:?}");
        let readable = [Attribute::Extractable(true), Attribute::Sensitive(false), Attribute::Token(false)];
        assert!(thief.copy_object(key, &readable).is_err());
        assert!(thief.update_attributes(key, &[Attribute::Extractable(true)]).is_err());
    }
    let key = wrapping_key(&thief);
    assert!(thief.destroy_object(key).is_err());
    assert!(thief.decrypt(&Mechanism::AesEcb, key, &wrapped[..16]).is_err());
}

/// Plain `C_Sign` with a session key.
pub struct RawSigner {
    session: Session,
    key: ObjectHandle,
}

impl RawSigner {
    pub fn new(world: &World) -> Self {
        let session = session(world);
        log_in(&session, UserType::User, &world.user_pin);
        let (_, key) = generate(&session);
        Self { session, key }
    }

    pub fn sign(&mut self, hash: &[u8]) {
        assert_eq!(self.session.sign(&Mechanism::Ecdsa, self.key, hash).unwrap().len(), 64);
    }
}

/// Each fault alone makes the self-test refuse the token.
fn badly_prepared(world: &World) {
    let start = || InProcess::start(&world.settings(LABEL, TokenKind::Subscribers), key_reader).map(drop);
    prepare(world);
    start().expect("well prepared");
    let user = session(world);
    log_in(&user, UserType::User, &world.user_pin);
    let secret = |label: &str, change: &dyn Fn(&mut Vec<Attribute>)| {
        let mut template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Value(vec![7; 32]),
            Attribute::Token(true),
            Attribute::Sign(true),
            Attribute::Derive(false),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        change(&mut template);
        user.create_object(&template).unwrap();
    };
    let good = |template: &mut Vec<Attribute>| {
        template.extend([Attribute::Private(true), Attribute::Sensitive(true), Attribute::Extractable(false)]);
        template.push(Attribute::Modifiable(false));
    };
    let only = Attribute::AllowedMechanisms(vec![MechanismType::SHA256_HMAC]);
    let faults: [(&str, Vec<Attribute>); 3] = [
        ("any HMAC", vec![]),
        ("extractable", vec![only.clone(), Attribute::Extractable(true)]),
        ("readable", vec![only.clone(), Attribute::Sensitive(false)]),
    ];
    for (fault, extra) in faults {
        secret("chuky-pepper-2", &|template| {
            good(template);
            for attribute in &extra {
                template.retain(|a| std::mem::discriminant(a) != std::mem::discriminant(attribute));
            }
            template.extend(extra.clone());
        });
        user.logout().unwrap();
        let refused = start();
        assert!(matches!(refused, Err(Error::SelfTest { .. })), "{fault}: {refused:?}");
        user.logout().ok();
        log_in(&user, UserType::User, &world.user_pin);
        let pepper = user.find_objects(&[Attribute::Label(b"chuky-pepper-2".to_vec())]).unwrap();
        user.destroy_object(pepper[0]).unwrap();
    }
    user.logout().unwrap();
    start().expect("well prepared again");
}
