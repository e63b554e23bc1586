//! Tokens that are not what they were: another one in the slot, an old copy, a key that was replaced under its label; workers that see different
//! things; and tokens that are only slow or busy. What is shown throughout: nothing is made with keys other than those in use, and a token that
//! is well is neither killed nor kept out.

use crate::{
    Test,
    in_process::activation,
    rig::{Rig, address_in, clone_of, within},
    world::{World, key_context, now, openssl_verifies, secret},
};
use chuky_hsm::{
    Error, Hsm, Secret32, Settings, Standing, Supervised, TokenAddress, TokenKind, add_pepper, prepare_token,
    provision::Secrets,
};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    object::Attribute,
    session::UserType,
    types::AuthPin,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

pub const TESTS: &[Test] = &[
    ("a_first_token_from_before_a_pepper_is_not_used", stale_first),
    ("a_token_that_comes_late_must_hold_the_keys_in_use", late_stranger),
    ("a_worker_that_sees_other_keys_than_its_token_had_does_not_serve", one_strange_worker),
    ("a_key_exchanged_under_a_live_worker_makes_nothing", exchanged_alive),
    ("a_key_that_is_not_the_callers_signs_nothing", another_key),
    ("a_slow_token_comes_back", slow_token),
    ("a_busy_worker_is_not_taken_for_hung", busy_worker),
];

/// The settings of a subscribers token behind the real module.
fn settings(world: &World) -> Settings {
    let mut settings = world.settings("chuky-test", TokenKind::Subscribers);
    settings.worker_arguments = vec!["worker".to_owned()];
    settings.environment = world.environment();
    settings.workers = 2;
    settings
}

/// Those of one token alone, for what changes it.
fn alone(settings: &Settings, address: &TokenAddress) -> Settings {
    Settings { environment: address.environment.clone(), standby: Vec::new(), ..settings.clone() }
}

fn start(world: &World, settings: Settings) -> Arc<Supervised> {
    world.wait(async { Arc::new(Supervised::start(settings)) })
}

fn standings(hsm: &Supervised) -> Vec<Standing> {
    hsm.health().tokens.iter().map(|token| token.standing).collect()
}

fn tokens(world: &World) -> PathBuf {
    world.configuration.with_file_name("tokens")
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// At one stroke, as workers may be starting just now.
fn put_in_place(world: &World, from: &Path) {
    let [next, gone] = ["next", "gone"].map(|name| world.configuration.with_file_name(name));
    drop(fs::remove_dir_all(&gone));
    copy(from, &next);
    fs::rename(tokens(world), &gone).unwrap();
    fs::rename(&next, tokens(world)).unwrap();
}

fn kill(process: u32) {
    assert!(Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap().success());
}

/// A token of another service under the same label and PIN, in a directory of its own.
fn stranger(world: &World, name: &str) -> TokenAddress {
    let directory = world.configuration.with_file_name(name);
    fs::create_dir_all(directory.join("tokens")).unwrap();
    let address = address_in(world, &directory);
    let settings = alone(&settings(world), &address);
    world.wait(prepare_token(&settings, &world.so_pin, &Secrets::random(), true)).unwrap();
    address
}

/// The first token is put back as it was before the second pepper was made; the second one has both.
fn stale_first(world: &World) {
    world.prepare(TokenKind::Subscribers);
    let backup = world.configuration.with_file_name("backup");
    copy(&tokens(world), &backup);
    let mut settings = settings(world);
    settings.standby.push(clone_of(world, "clone"));
    let value = Secret32::random();
    for address in settings.addresses() {
        assert_eq!(world.wait(add_pepper(&alone(&settings, &address), &value)).unwrap(), 2);
    }
    let supervised = start(world, settings.clone());
    world.wait(supervised.wait_ready()).unwrap();
    let hsm: &dyn Hsm = &*supervised;
    let key = key_context(1);
    let sealed = world.wait(hsm.generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap();
    assert_eq!(sealed.pepper_version, 2);
    put_in_place(world, &backup);
    for process in supervised.worker_processes().iter().take(2) {
        kill(*process);
    }
    let opens = |number| {
        let context = activation(number, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
        world.wait(hsm.open_activation(&sealed.blob, &key, &secret(1), &context, now()))
    };
    let began = Instant::now();
    let mut number = 10;
    while standings(&supervised) != [Standing::Different, Standing::Serving] {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", supervised.health());
        number += 1;
        opens(number).unwrap();
    }
    opens(1).unwrap();
    let again = world.wait(hsm.generate_sealed(KeyAlgorithm::P256, &key_context(2), &secret(1))).unwrap();
    assert_eq!(again.pepper_version, 2, "nothing is sealed under an old pepper");
    let reason = supervised.health().tokens[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("it has no chuky-pepper-2"), "{reason}");
    drop(supervised);
    // Whoever was killed while it logged in may have left SoftHSM's file empty.
    std::thread::sleep(Duration::from_millis(500));
    put_in_place(world, &backup);
    // Nor does a service start that never saw the first token otherwise.
    let supervised = start(world, settings.clone());
    let refused = world.wait(supervised.wait_ready()).unwrap_err().to_string();
    assert!(refused.contains("token 1") && refused.contains("it has no chuky-pepper-2"), "{refused}");
    drop(supervised);
    // Once it has the pepper all is well.
    let first = settings.addresses().remove(0);
    world.wait(add_pepper(&alone(&settings, &first), &value)).unwrap();
    let supervised = start(world, settings);
    world.wait(supervised.wait_ready()).unwrap();
    assert_eq!(standings(&supervised), [Standing::Serving, Standing::StandingBy]);
}

/// The first token is away when the service starts; what is put in its place later must hold what the second one has served with.
fn late_stranger(world: &World) {
    world.prepare(TokenKind::Subscribers);
    let mut settings = settings(world);
    settings.standby.push(clone_of(world, "clone"));
    let away = world.configuration.with_file_name("away");
    fs::rename(tokens(world), &away).unwrap();
    fs::create_dir(tokens(world)).unwrap();
    let supervised = start(world, settings);
    world.wait(supervised.wait_ready()).unwrap();
    let hsm: &dyn Hsm = &*supervised;
    let mac = world.wait(hsm.mac("row", b"1")).unwrap();
    let exchange = |from: &Path, expected: [Standing; 2]| {
        put_in_place(world, from);
        let began = Instant::now();
        while standings(&supervised) != expected {
            assert!(began.elapsed() < Duration::from_secs(60), "{expected:?}: {:?}", supervised.health());
            assert_eq!(world.wait(hsm.mac("row", b"1")).unwrap(), mac);
        }
        assert_eq!(world.wait(hsm.mac("row", b"1")).unwrap(), mac);
    };
    stranger(world, "stranger");
    exchange(&world.configuration.with_file_name("stranger").join("tokens"), [Standing::Different, Standing::Serving]);
    // The right one is taken back.
    exchange(&away, [Standing::Serving, Standing::StandingBy]);
}

/// One of two workers is started anew and meets another token; the other still sees the right one, and serves alone.
fn one_strange_worker(world: &World) {
    world.prepare(TokenKind::Subscribers);
    let supervised = start(world, settings(world));
    world.wait(supervised.wait_ready()).unwrap();
    let hsm: &dyn Hsm = &*supervised;
    let mac = world.wait(hsm.mac("row", b"1")).unwrap();
    let address = stranger(world, "stranger");
    // Each process reads SoftHSM's configuration once.
    let ours = fs::read(&world.configuration).unwrap();
    fs::copy(&address.environment[0].1, &world.configuration).unwrap();
    let workers = supervised.worker_processes();
    kill(workers[1]);
    let told = || supervised.health().tokens[0].reason.clone().unwrap_or_default();
    let began = Instant::now();
    while !told().contains("another key stands under chuky-row-mac-1") {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", supervised.health());
        assert_eq!(world.wait(hsm.mac("row", b"1")), Ok(mac));
    }
    // Whatever the one that is left finds does not make the other one right.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(world.wait(hsm.mac("row", b"1")), Ok(mac));
        assert_eq!(supervised.worker_processes(), workers[..1]);
    }
    assert_eq!(standings(&supervised), [Standing::Serving]);
    // With the right token in its place again a fresh worker serves by itself.
    fs::write(&world.configuration, ours).unwrap();
    within(Duration::from_secs(60), "the second worker", || supervised.worker_processes().len() == 2);
    assert_eq!(told(), "");
}

/// The row MAC key is another one under its label, and a worker that lives on opens its session again: it ends instead of making MACs.
fn exchanged_alive(world: &World) {
    let rig = Rig::new(world, TokenKind::Subscribers, false, |settings| settings.workers = 1);
    let mac = world.wait(rig.dynamic().mac("row", b"1")).unwrap();
    exchange_row_key(world);
    rig.fail("C_Sign rv=CKR_SESSION_HANDLE_INVALID count=1");
    let began = Instant::now();
    while rig.standings() != [Standing::Different] {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", rig.hsm.health());
        let answer = world.wait(rig.dynamic().mac("row", b"1"));
        assert!(answer.as_ref().is_ok_and(|found| *found == mac) || answer.is_err(), "a MAC with another key");
    }
    let error = world.wait(rig.dynamic().mac("row", b"1")).unwrap_err();
    assert!(matches!(&error, Error::Unavailable { reason } if reason.contains("chuky-row-mac-1")), "{error}");
}

/// As whoever has the user PIN can.
fn exchange_row_key(world: &World) {
    let module = Pkcs11::new(&world.module).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slots = module.get_slots_with_token().unwrap();
    let is_ours = |slot: &&_| module.get_token_info(**slot).is_ok_and(|token| token.label().trim() == "chuky-test");
    let session = module.open_rw_session(*slots.iter().find(is_ours).unwrap()).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(world.user_pin.expose().into()))).unwrap();
    let key = session.find_objects(&[Attribute::Label(b"chuky-row-mac-1".to_vec())]).unwrap()[0];
    session.destroy_object(key).unwrap();
    session
        .create_object(&[
            Attribute::Class(cryptoki::object::ObjectClass::SECRET_KEY),
            Attribute::KeyType(cryptoki::object::KeyType::GENERIC_SECRET),
            Attribute::Value(vec![7; 32]),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Modifiable(false),
            Attribute::AllowedMechanisms(vec![cryptoki::mechanism::MechanismType::SHA256_HMAC]),
            Attribute::Label(b"chuky-row-mac-1".to_vec()),
            Attribute::Id(b"chuky-row-mac-1".to_vec()),
        ])
        .unwrap();
    drop(session);
}

/// Each caller names the public key of its certificate: whatever stands under the label, on whichever token, signs only where it is that one.
fn another_key(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, true, |_| {});
    let hsm = rig.dynamic();
    let scheme = SignatureScheme::EcdsaSha256;
    let spki = world.wait(hsm.service_keys()).unwrap()[0].spki_der.clone();
    let other = world.wait(hsm.generate_service_key("newer", KeyAlgorithm::P256)).unwrap();
    let signature = world.wait(hsm.sign_as(("key", &spki), scheme, &[3; 32])).unwrap();
    assert!(openssl_verifies(&spki, scheme, &[3; 32], &signature));
    let refused = world.wait(hsm.sign_as(("key", &other), scheme, &[3; 32])).unwrap_err();
    assert_eq!(refused, Error::OtherKey { label: "key".to_owned() });
    // Callers that ask in the same moment are not mixed.
    let both = world.wait(async {
        let (right, wrong) = (("key", spki.as_slice()), ("key", other.as_slice()));
        tokio::join!(hsm.sign_as(right, scheme, &[4; 32]), hsm.sign_as(wrong, scheme, &[4; 32]))
    });
    assert!(openssl_verifies(&spki, scheme, &[4; 32], &both.0.unwrap()));
    assert!(both.1.is_err());
    // However often it is asked, the other keys stay in service.
    for _ in 0..5 {
        assert!(world.wait(hsm.sign_as(("key", &other), scheme, &[3; 32])).is_err());
        assert_eq!(rig.standings(), [Standing::Serving, Standing::StandingBy]);
    }
}

/// A token that is slow in each single call, and within what the operator allows, is taken back.
fn slow_token(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, false, |settings| {
        settings.workers = 1;
        settings.stall = Duration::from_secs(20);
    });
    let workers = rig.hsm.worker_processes();
    rig.fail("C_Sign flip");
    within(Duration::from_secs(60), "the token out", || {
        drop(world.wait(rig.dynamic().sign("key", SignatureScheme::EcdsaSha256, &[3; 32])));
        rig.standings() == [Standing::Out]
    });
    rig.fail("* delay=150");
    within(Duration::from_secs(60), "service", || rig.hsm.health().ready);
    assert_eq!(rig.hsm.worker_processes(), workers, "nobody was taken for hung");
}

/// Making an RSA key takes long for good reasons; meanwhile another worker makes a key, after which the keys are looked at.
fn busy_worker(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, false, |_| {});
    let workers = rig.hsm.worker_processes();
    rig.fail("C_GenerateKeyPair delay=12000 count=1");
    let hsm = Arc::clone(&rig.hsm);
    let long = world.spawn(async move {
        let hsm: &dyn Hsm = &*hsm;
        hsm.generate_service_key("long", KeyAlgorithm::Rsa2048).await
    });
    std::thread::sleep(Duration::from_millis(500));
    world.wait(rig.dynamic().generate_service_key("short", KeyAlgorithm::P256)).unwrap();
    world.wait(long).unwrap().unwrap();
    assert_eq!(rig.hsm.worker_processes(), workers, "nobody was taken for hung");
}
