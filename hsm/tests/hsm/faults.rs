//! A token that fails as it is told (`examples/fault_module`): each fault on each kind of call, and tokens that stand in for each
//! other. What is shown throughout: no wrong signature or MAC is given out, every caller is answered within its deadline, and
//! service comes back by itself.

use crate::{
    Test,
    in_process::{activated, activation},
    rig::{Rig, address_in, within},
    world::{World, key_context, now, openssl_verifies, secret},
};
use chuky_hsm::{Error, Hsm, PinSource, Request, Response, Standing, Supervised, TokenKind};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    ("each_fault_on_each_call_is_survived_by_one_token", one_token),
    ("each_fault_on_each_call_is_survived_by_two_tokens", two_tokens),
    ("a_worker_that_waits_for_the_machine_is_given_time", starved),
    ("wrong_answers_never_leave_and_take_the_token_out", wrong_answers),
    ("an_open_breaker_refuses_at_once_and_closes_by_itself", breaker),
    ("a_second_token_takes_over_and_the_first_comes_back", takes_over),
    ("an_activation_outlives_its_token", activation_outlives),
    ("a_token_with_other_keys_is_refused", other_keys),
    ("a_key_that_only_one_token_holds_is_used_there", lacking_key),
];

/// The faults that a call may meet, as lines of the control file after the function's name.
const FAULTS: [&str; 14] = [
    "rv=CKR_DEVICE_ERROR count=1",
    "rv=CKR_TOKEN_NOT_PRESENT count=1",
    "rv=CKR_SESSION_HANDLE_INVALID count=1",
    "rv=CKR_USER_NOT_LOGGED_IN count=1",
    "rv=CKR_DEVICE_MEMORY count=1",
    "rv=CKR_GENERAL_ERROR count=2",
    "rv=CKR_SESSION_CLOSED count=3",
    "delay=300 count=2",
    "delay=10000 count=1",
    "hang count=1",
    "crash count=1",
    "flip count=1",
    "other count=1",
    "short count=1",
];

/// A kind of call; what it gives is checked, so that whatever left the worker is right.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Sign,
    Mac,
    /// A key that is made opens and signs.
    Generate,
    Activation,
}

/// Calls of one kind to a role of their own, so that those of several kinds can be waited for at the same time.
struct Calls {
    world: World,
    rig: Rig,
    kind: Kind,
    spki: Vec<u8>,
    mac: [u8; 32],
    number: u128,
}

impl Calls {
    fn new(beside: &World, kind: Kind, second: bool) -> Self {
        let world = World::beside(beside, &format!("{kind:?}"));
        let (mut spki, mut mac) = (Vec::new(), [0; 32]);
        let rig = match kind {
            Kind::Sign => {
                let rig = Rig::new(&world, TokenKind::Authority, second, |_| {});
                spki = world.wait(rig.dynamic().service_keys()).unwrap()[0].spki_der.clone();
                rig
            }
            Kind::Mac | Kind::Generate | Kind::Activation => {
                let rig = Rig::new(&world, TokenKind::Subscribers, second, |_| {});
                mac = world.wait(rig.dynamic().mac("row", b"content")).unwrap();
                rig
            }
        };
        Self { world, rig, kind, spki, mac, number: 1 }
    }

    /// The call is served, or told that the token is out where that may be; then the token is in service again before the next one.
    fn meet(&mut self, fault: &str, may_be_out: bool) {
        let outcome = match self.kind {
            Kind::Sign => self.sign(fault),
            Kind::Mac => self.mac(fault),
            Kind::Generate => self.generate(fault),
            Kind::Activation => self.sign_activated(fault),
        };
        let what = format!("{:?}: {fault}", self.kind);
        if let Err(error) = outcome {
            assert!(may_be_out && error.is_temporary(), "{what}: {error}");
        }
        self.healthy(&what);
    }

    fn healthy(&self, what: &str) {
        self.rig.fail("");
        within(IN_SERVICE_AGAIN, what, || self.rig.hsm.health().ready);
    }

    fn sign(&self, fault: &str) -> Result<(), Error> {
        let digest: [u8; 32] = rand::random();
        let scheme = SignatureScheme::EcdsaSha256;
        self.rig.fail(fault);
        let signature = self.world.wait(self.rig.dynamic().sign("key", scheme, &digest))?;
        assert!(openssl_verifies(&self.spki, scheme, &digest, &signature));
        Ok(())
    }

    fn mac(&self, fault: &str) -> Result<(), Error> {
        self.rig.fail(fault);
        let mac = self.world.wait(self.rig.dynamic().mac("row", b"content"))?;
        assert_eq!(mac, self.mac);
        Ok(())
    }

    fn generate(&mut self, fault: &str) -> Result<(), Error> {
        self.number += 1;
        let key = key_context(self.number);
        let request =
            Request::GenerateSealed { algorithm: KeyAlgorithm::P256, context: key.clone(), pin_secret: secret(1) };
        self.rig.fail(fault);
        let Response::Sealed(sealed) = self.world.wait(self.rig.hsm.call(request, DEADLINE))? else {
            panic!("another answer")
        };
        self.healthy("service");
        let hsm = self.rig.dynamic();
        let context = activation(self.number, vec![vec![7; 32]], SignatureScheme::EcdsaSha256);
        let opened = self.world.wait(hsm.open_activation(&sealed.blob, &key, &secret(1), &context, now())).unwrap();
        let call = chuky_hsm::SignActivated {
            blob: opened.blob,
            key,
            hashes: context.hashes.clone(),
            activation: context,
            secret: opened.secret,
            now: now(),
        };
        let signature = self.world.wait(hsm.sign_activated(call)).unwrap().remove(0);
        assert!(openssl_verifies(&sealed.spki_der, SignatureScheme::EcdsaSha256, &[7; 32], &signature));
        Ok(())
    }

    fn sign_activated(&mut self, fault: &str) -> Result<(), Error> {
        self.number += 1;
        let (spki, call) = activated(&self.world, self.rig.dynamic(), self.number, vec![vec![9; 32]]);
        self.rig.fail(fault);
        let signature = self.world.wait(self.rig.dynamic().sign_activated(call))?.remove(0);
        assert!(openssl_verifies(&spki, SignatureScheme::EcdsaSha256, &[9; 32], &signature));
        Ok(())
    }
}

/// Longer than any call here may take; an answer that comes later than its request's own deadline is a failure anyway.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a token may take to come back on a busy machine. That it takes less than five seconds is held elsewhere.
const IN_SERVICE_AGAIN: Duration = Duration::from_secs(60);

/// Every fault on every kind of call. The kinds meet them side by side: most of the time is spent waiting for hung workers.
fn each_fault(world: &World, second: bool) {
    std::thread::scope(|scope| {
        for kind in [Kind::Sign, Kind::Mac, Kind::Generate, Kind::Activation] {
            scope.spawn(move || each_fault_on(&mut Calls::new(world, kind, second), second));
        }
    });
}

fn each_fault_on(calls: &mut Calls, second: bool) {
    for fault in FAULTS {
        for function in ["C_Sign", "C_SignInit"] {
            let wrong = ["flip", "other", "short"].iter().any(|kind| fault.starts_with(kind));
            // Without an output there is none to be wrong.
            if function == "C_SignInit" && wrong {
                continue;
            }
            let hangs = fault.starts_with("hang") || fault.starts_with("delay=10000");
            // Wrong answers add up to more than a token may give, and so do a call and a probe that hang: alone, it is out then and the
            // caller told so.
            let began = Instant::now();
            calls.meet(&format!("{function} {fault}"), (wrong || hangs) && !second);
            println!("{:?}: {function} {fault}: {:?}", calls.kind, began.elapsed());
        }
    }
    if matches!(calls.kind, Kind::Generate) {
        for fault in
            ["C_GenerateKeyPair crash count=1", "C_WrapKey hang count=1", "C_UnwrapKey rv=CKR_DEVICE_ERROR count=1"]
        {
            calls.meet(fault, false);
        }
    }
}

fn one_token(world: &World) {
    each_fault(world, false);
}

fn two_tokens(world: &World) {
    each_fault(world, true);
}

/// A call that is late because the machine is busy is waited for longer than one that waits for its token, and not for ever.
fn starved(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, false, |_| {});
    let sign = || world.wait(rig.dynamic().sign("key", SignatureScheme::EcdsaSha256, &[3; 32]));
    let (workers, began) = (rig.hsm.worker_processes(), Instant::now());
    rig.fail("C_Sign spin=3500 count=1");
    sign().unwrap();
    assert!(began.elapsed() > Duration::from_secs(3), "it was late");
    assert_eq!(rig.hsm.worker_processes(), workers, "nobody was taken for hung");
    rig.fail("C_Sign spin=60000 count=1");
    // Another worker answers, or the caller's time is over.
    assert!(sign().err().is_none_or(|error| error.is_temporary()));
    within(Duration::from_secs(60), "another worker", || {
        let now = rig.hsm.worker_processes();
        now.len() == workers.len() && now != workers
    });
    rig.fail("");
    within(IN_SERVICE_AGAIN, "service", || sign().is_ok());
}

/// A token that goes on giving wrong answers is out after three; nothing wrong was given out, and it is back once it is right again.
fn wrong_answers(world: &World) {
    for fault in ["flip", "other", "short"] {
        let world = World::beside(world, fault);
        let rig = Rig::new(&world, TokenKind::Authority, false, |_| {});
        let hsm = rig.dynamic();
        let spki = world.wait(hsm.service_keys()).unwrap()[0].spki_der.clone();
        rig.fail(&format!("C_Sign {fault}"));
        let (mut refused, began) = (0, Instant::now());
        while hsm.health().ready {
            assert!(began.elapsed() < Duration::from_secs(60), "{fault}: still in service");
            let error = world.wait(hsm.sign("key", SignatureScheme::EcdsaSha256, &[3; 32])).unwrap_err();
            assert!(error.is_temporary(), "{fault}: {error}");
            refused += 1;
        }
        assert!(refused <= 3, "{fault}: {refused}");
        assert_eq!(rig.standings(), [Standing::Out]);
        // One in five wrong is not enough to come back.
        rig.fail(&format!("C_Sign {fault} per_mille=200"));
        std::thread::sleep(Duration::from_secs(2));
        assert!(!hsm.health().ready, "{fault}: back too soon");
        rig.fail("");
        within(Duration::from_secs(60), "service", || hsm.health().ready);
        let signature = world.wait(hsm.sign("key", SignatureScheme::EcdsaSha256, &[3; 32])).unwrap();
        assert!(openssl_verifies(&spki, SignatureScheme::EcdsaSha256, &[3; 32], &signature));
    }
}

fn breaker(world: &World) {
    for fault in [
        "C_Sign rv=CKR_DEVICE_ERROR",
        "* vanish",
        "C_Sign hang",
        "C_Sign crash",
        "* delay=5000",
        "C_Login hang\nC_Sign crash",
    ] {
        let world = World::beside(world, &fault.replace(|c: char| !c.is_alphanumeric(), "-"));
        let rig = Rig::new(&world, TokenKind::Authority, false, |_| {});
        let hsm = rig.dynamic();
        rig.fail(fault);
        within(Duration::from_secs(60), fault, || {
            drop(world.wait(hsm.sign("key", SignatureScheme::EcdsaSha256, &[3; 32])));
            !hsm.health().ready && rig.standings() == [Standing::Out]
        });
        for _ in 0..20 {
            let began = Instant::now();
            let error = world.wait(hsm.sign("key", SignatureScheme::EcdsaSha256, &[3; 32])).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{fault}: {error}");
            assert!(began.elapsed() < Duration::from_secs(2), "{fault}: {:?}", began.elapsed());
        }
        let returned = Instant::now();
        rig.fail("");
        within(Duration::from_secs(60), fault, || {
            world.wait(hsm.sign("key", SignatureScheme::EcdsaSha256, &[3; 32])).is_ok()
        });
        println!("{fault:?}: back after {:?}", returned.elapsed());
    }
}

fn takes_over(world: &World) {
    let rig = Rig::new(world, TokenKind::Subscribers, true, |_| {});
    let hsm = rig.dynamic();
    assert_eq!(rig.standings(), [Standing::Serving, Standing::StandingBy]);
    let mac = world.wait(hsm.mac("row", b"1")).unwrap();
    for fault in ["* vanish", "C_Sign crash", "C_Sign hang", "C_Sign flip"] {
        rig.fail(fault);
        let began = Instant::now();
        // No call fails: those that meet the first token are given to the second.
        while rig.standings() != [Standing::Out, Standing::Serving] {
            assert!(began.elapsed() < Duration::from_secs(60), "{fault}: {:?}", rig.standings());
            assert_eq!(world.wait(hsm.mac("row", b"1")).unwrap(), mac, "{fault}");
        }
        let health = hsm.health();
        assert!(health.ready && health.tokens[0].reason.is_some(), "{health:?}");
        rig.fail("");
        within(Duration::from_secs(60), "the first token", || {
            rig.standings() == [Standing::Serving, Standing::StandingBy]
        });
        assert_eq!(world.wait(hsm.mac("row", b"1")).unwrap(), mac);
    }
}

/// The blob of an activation is opened by any token with the same keys, so it can be used after its token went; each hash still once.
fn activation_outlives(world: &World) {
    let rig = Rig::new(world, TokenKind::Subscribers, true, |_| {});
    let hsm = rig.dynamic();
    let (spki, call) = activated(world, hsm, 1, vec![vec![1; 32]]);
    rig.fail("* vanish");
    within(Duration::from_secs(60), "the second token", || {
        drop(world.wait(hsm.mac("row", b"1")));
        rig.standings()[1] == Standing::Serving
    });
    let signature = world.wait(hsm.sign_activated(call.clone())).unwrap().remove(0);
    assert!(openssl_verifies(&spki, SignatureScheme::EcdsaSha256, &[1; 32], &signature));
    assert_eq!(world.wait(hsm.sign_activated(call)), Err(Error::AlreadySigned));
}

fn other_keys(world: &World) {
    let first = World::beside(world, "first");
    let second = World::beside(world, "second");
    for world in [&first, &second] {
        world.prepare(TokenKind::Subscribers);
    }
    let mut settings = first.settings("chuky-test", TokenKind::Subscribers);
    settings.worker_arguments = vec!["worker".to_owned()];
    settings.environment = first.environment();
    let mut stranger = address_in(&second, second.configuration.parent().unwrap());
    stranger.pin = PinSource::Value(second.user_pin.clone());
    settings.standby.push(stranger);
    let hsm = world.wait(async { Supervised::start(settings) });
    let refused = world.wait(hsm.wait_ready()).unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, Error::Different { .. }), "{text}");
    for label in ["chuky-wrapping-1", "chuky-pepper-1", "chuky-row-mac-1", "chuky-data-1"] {
        assert!(text.contains(&format!("another key stands under {label}")), "{text}");
    }
    assert_eq!(hsm.health().tokens[1].standing, Standing::Different);
}

fn lacking_key(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, true, |_| {});
    let hsm = rig.dynamic();
    world.wait(hsm.generate_service_key("newer", KeyAlgorithm::P256)).unwrap();
    assert_eq!(hsm.health().tokens[1].reason.as_deref(), Some("it lacks newer"));
    rig.fail("* vanish");
    let sign = |label: &'static str| world.wait(hsm.sign(label, SignatureScheme::EcdsaSha256, &[3; 32]));
    within(Duration::from_secs(60), "the second token", || {
        drop(sign("key"));
        rig.standings()[1] == Standing::Serving
    });
    assert!(sign("key").is_ok());
    let error = sign("newer").unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }) && error.to_string().contains("newer"), "{error}");
    let made = world.wait(hsm.generate_service_key("third", KeyAlgorithm::P256)).unwrap_err();
    assert!(made.is_temporary(), "{made}");
    let again = world.wait(hsm.generate_service_key("key", KeyAlgorithm::P256));
    assert_eq!(again, Err(Error::KeyExists { label: "key".to_owned() }));
}
