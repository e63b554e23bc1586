//! Preparing tokens: idempotence, components, a second token that opens the first one's blobs, peppers.

use crate::{
    Test,
    in_process::activation,
    world::{World, key_context, key_reader, now, secret},
};
use chuky_hsm::{
    Error, Hsm, InProcess, Pin, Secret32, TokenKind,
    provision::{self, Component, Secrets},
};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};

pub const TESTS: &[Test] = &[
    ("preparing_twice_changes_nothing", twice),
    ("a_token_without_a_user_pin_is_prepared_to_its_end", cut_short),
    ("a_token_that_is_away_is_not_made_anew", away),
    ("components_come_together_or_are_refused", components),
    ("a_second_token_from_components_opens_the_blobs", second_token),
    ("peppers_rotate_and_old_ones_die", peppers),
];

fn twice(world: &World) {
    let plan = world.plan("chuky-subscribers", TokenKind::Subscribers);
    let first = provision::prepare(&plan, &Secrets::random()).unwrap();
    assert!(first.initialised);
    assert_eq!(first.made, ["chuky-wrapping-1", "chuky-pepper-1", "chuky-row-mac-1", "chuky-data-1"]);
    assert_eq!(provision::prepare(&plan, &Secrets::random()).unwrap(), provision::Prepared::default());
    // The three tokens stand side by side.
    for (label, kind) in [("chuky-authority", TokenKind::Authority), ("chuky-status", TokenKind::Status)] {
        assert!(provision::prepare(&world.plan(label, kind), &Secrets::random()).unwrap().initialised);
    }
    let mut wrong = world.settings("chuky-authority", TokenKind::Authority);
    wrong.pin = chuky_hsm::PinSource::Value(Pin::random());
    assert!(matches!(InProcess::start(&wrong, key_reader), Err(Error::Unavailable { .. })));
}

/// What a run leaves that is killed between `C_InitToken` and `C_InitPIN`: by a tool that does the first alone.
fn cut_short(world: &World) {
    let mut tool = std::process::Command::new("pkcs11-tool");
    tool.arg("--module").arg(&world.module).args(["--init-token", "--slot-index", "0", "--label", "chuky-subscribers"]);
    let output = tool.args(["--so-pin", world.so_pin.expose()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan = world.plan("chuky-subscribers", TokenKind::Subscribers);
    let prepared = provision::prepare(&plan, &Secrets::random()).unwrap();
    assert!(!prepared.initialised && prepared.made.len() == 4, "{prepared:?}");
    // A PIN that was set is never set anew: another one is refused, and so is another officer's.
    let other = Pin::random();
    let with = |so_pin, user_pin| {
        provision::prepare(&provision::Plan { so_pin, user_pin, ..plan.clone() }, &Secrets::random())
    };
    assert!(with(&world.so_pin, &other).is_err());
    assert!(with(&other, &world.user_pin).is_err());
    assert_eq!(with(&world.so_pin, &world.user_pin).unwrap(), provision::Prepared::default());
    InProcess::start(&world.settings("chuky-subscribers", TokenKind::Subscribers), key_reader).unwrap();
}

fn away(world: &World) {
    let plan = provision::Plan { initialise: false, ..world.plan("chuky-status", TokenKind::Status) };
    let refused = provision::prepare(&plan, &Secrets::random()).unwrap_err();
    assert!(matches!(&refused, Error::Unavailable { .. }), "{refused}");
    assert!(
        provision::prepare(&world.plan("chuky-status", TokenKind::Status), &Secrets::random()).unwrap().initialised
    );
    assert_eq!(provision::prepare(&plan, &Secrets::random()).unwrap(), provision::Prepared::default());
}

fn components(_: &World) {
    let value = Secret32::random();
    let parts = Component::split(&value, 3).unwrap();
    let texts: Vec<_> = parts.iter().rev().map(Component::to_text).collect();
    let read: Vec<Component> = texts.iter().map(|text| Component::parse(text).unwrap()).collect();
    assert!(Component::combine(&read).unwrap() == value);
    assert!(Component::combine(&read[..2]).is_err(), "one is missing");
    assert!(Component::combine(&[read[0].clone(), read[0].clone(), read[1].clone()]).is_err(), "one is there twice");
    let foreign = Component::split(&Secret32::random(), 3).unwrap();
    assert!(Component::combine(&[foreign[0].clone(), parts[1].clone(), parts[2].clone()]).is_err());
    let mistyped = texts[0].replacen(['a', 'b', 'c'], "d", 1);
    assert!(Component::parse(&mistyped).is_err() || mistyped == **texts[0]);
}

fn second_token(world: &World) {
    let secrets = Secrets::random();
    provision::prepare(&world.plan("chuky-first", TokenKind::Subscribers), &secrets).unwrap();
    let printed: Vec<String> = [&secrets.wrapping, &secrets.pepper, &secrets.row_mac, &secrets.data]
        .into_iter()
        .flat_map(|secret| Component::split(secret, 2).unwrap())
        .map(|component| component.to_text().to_string())
        .collect();
    let typed: Vec<Secret32> = printed
        .chunks(2)
        .map(|pair| {
            let components: Vec<_> = pair.iter().map(|text| Component::parse(text).unwrap()).collect();
            Component::combine(&components).unwrap()
        })
        .collect();
    let [wrapping, pepper, row_mac, data] = typed.try_into().unwrap();
    let imported = Secrets { wrapping, pepper, row_mac, data };
    provision::prepare(&world.plan("chuky-second", TokenKind::Subscribers), &imported).unwrap();
    let first = InProcess::start(&world.settings("chuky-first", TokenKind::Subscribers), key_reader).unwrap();
    let second = InProcess::start(&world.settings("chuky-second", TokenKind::Subscribers), key_reader).unwrap();
    let (first, second): (&dyn Hsm, &dyn Hsm) = (&first, &second);
    let key = key_context(1);
    let sealed = world.wait(first.generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap();
    let context = activation(1, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
    assert!(world.wait(second.open_activation(&sealed.blob, &key, &secret(1), &context, now())).is_ok());
    assert_eq!(world.wait(first.mac("row", b"x")).unwrap(), world.wait(second.mac("row", b"x")).unwrap());
    assert!(world.wait(first.derive_data_key(1)).unwrap() == world.wait(second.derive_data_key(1)).unwrap());
}

fn peppers(world: &World) {
    let plan = world.plan("chuky-test", TokenKind::Subscribers);
    provision::prepare(&plan, &Secrets::random()).unwrap();
    let key = key_context(1);
    let start = || InProcess::start(&world.settings("chuky-test", TokenKind::Subscribers), key_reader).unwrap();
    let old = {
        let hsm = start();
        world.wait((&hsm as &dyn Hsm).generate_sealed(KeyAlgorithm::P256, &key, &secret(1))).unwrap()
    };
    assert_eq!(provision::add_pepper(&plan, &Secret32::random()).unwrap(), 2);
    let renewed = {
        let hsm = start();
        let hsm: &dyn Hsm = &hsm;
        assert_eq!(world.wait(hsm.probe()).unwrap().pepper_versions, [1, 2]);
        world.wait(hsm.reseal(&old.blob, &key, &secret(1), &key, &secret(1))).unwrap()
    };
    assert_eq!(renewed.pepper_version, 2);
    // The first right PIN after the change brings the same seal under the newest pepper along; a wrong one nothing.
    {
        let hsm = start();
        let hsm: &dyn Hsm = &hsm;
        let context = activation(2, vec![vec![2; 32]], SignatureScheme::EcdsaSha256);
        let open = async |blob: &[u8], pin| hsm.open_activation(blob, &key, &secret(pin), &context, now()).await;
        let followed = world.wait(open(&old.blob, 1)).unwrap().resealed.unwrap();
        assert_eq!((followed.pepper_version, &followed.spki_der), (2, &old.spki_der));
        assert_eq!(world.wait(open(&followed.blob, 1)).unwrap().resealed, None);
        assert!(matches!(world.wait(open(&followed.blob, 2)), Err(Error::WrongSecret)));
        assert!(matches!(world.wait(open(&old.blob, 2)), Err(Error::WrongSecret)));
    }
    assert!(provision::destroy_pepper(&plan, 2).is_err(), "the newest stays");
    provision::destroy_pepper(&plan, 1).unwrap();
    let hsm = start();
    let hsm: &dyn Hsm = &hsm;
    let context = activation(1, vec![vec![1; 32]], SignatureScheme::EcdsaSha256);
    assert!(world.wait(hsm.open_activation(&renewed.blob, &key, &secret(1), &context, now())).is_ok());
    let dead = world.wait(hsm.open_activation(&old.blob, &key, &secret(1), &context, now()));
    assert!(matches!(dead, Err(Error::UnknownKey { .. })), "{dead:?}");
}
