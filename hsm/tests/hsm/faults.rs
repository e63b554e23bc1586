//! A token that fails as it is told (`examples/fault_module`): each fault on each kind of call, tokens that stand in for each other, and
//! the storm. What is shown throughout: no wrong signature or MAC is given out, every caller is answered within its deadline, and
//! service comes back by itself.

use crate::{
    Test,
    in_process::{activated, activation},
    world::{World, key_context, now, openssl_verifies, secret},
};
use chuky_hsm::{Error, Hsm, PinSource, Request, Response, Settings, Standing, Supervised, TokenAddress, TokenKind};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

pub const TESTS: &[Test] = &[
    ("each_fault_on_each_call_is_survived_by_one_token", one_token),
    ("each_fault_on_each_call_is_survived_by_two_tokens", two_tokens),
    ("wrong_answers_never_leave_and_take_the_token_out", wrong_answers),
    ("an_open_breaker_refuses_at_once_and_closes_by_itself", breaker),
    ("a_second_token_takes_over_and_the_first_comes_back", takes_over),
    ("an_activation_outlives_its_token", activation_outlives),
    ("a_token_with_other_keys_is_refused", other_keys),
    ("a_key_that_only_one_token_holds_is_used_there", lacking_key),
    ("soak_a_storm_loses_no_caller", storm),
    ("soak_a_storm_with_a_second_token_is_hardly_noticed", storm_with_second),
];

/// A token behind the fault module, with its control file; the second one behind the real module alone.
struct Rig {
    hsm: Arc<Supervised>,
    control: PathBuf,
}

fn fault_module() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let module = executable.parent().unwrap().parent().unwrap().join("examples/libfault_module.so");
    assert!(module.is_file(), "{} is built with the tests", module.display());
    module
}

impl Rig {
    fn new(world: &World, kind: TokenKind, second: bool, change: impl FnOnce(&mut Settings)) -> Self {
        world.prepare(kind);
        if kind != TokenKind::Subscribers {
            let mut settings = world.settings("chuky-test", kind);
            settings.worker_arguments = vec!["worker".to_owned()];
            settings.environment = world.environment();
            world.wait(async {
                let hsm = Supervised::start(settings);
                let hsm: &dyn Hsm = &hsm;
                hsm.generate_service_key("key", KeyAlgorithm::P256).await.unwrap();
            });
        }
        let (mut settings, control) = Self::settings(world, kind);
        if second {
            settings.standby.push(clone_of(world, "clone"));
        }
        change(&mut settings);
        let hsm = world.wait(async { Arc::new(Supervised::start(settings)) });
        world.wait(hsm.wait_ready()).unwrap();
        Self { hsm, control }
    }

    fn settings(world: &World, kind: TokenKind) -> (Settings, PathBuf) {
        let control = world.configuration.with_file_name("control");
        let mut settings = world.settings("chuky-test", kind);
        settings.module = fault_module();
        settings.workers = 2;
        settings.worker_arguments = vec!["worker".to_owned()];
        settings.environment = world.environment();
        settings.environment.extend([
            ("CHUKY_FAULT_TARGET".to_owned(), world.module.to_str().unwrap().to_owned()),
            ("CHUKY_FAULT_CONTROL".to_owned(), control.to_str().unwrap().to_owned()),
        ]);
        (settings, control)
    }

    /// What calls meet from now on. Counts start anew.
    fn fail(&self, lines: &str) {
        static SEED: AtomicUsize = AtomicUsize::new(1);
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        write(&self.control, &format!("seed {seed}\n{lines}\n"));
    }

    fn dynamic(&self) -> &dyn Hsm {
        &*self.hsm
    }

    fn standings(&self) -> Vec<Standing> {
        self.hsm.health().tokens.iter().map(|token| token.standing).collect()
    }
}

/// The file appears whole: a worker may read it at any moment.
fn write(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

/// A copy of the token directory as it is now, as a vendor's means clone a token.
fn clone_of(world: &World, name: &str) -> TokenAddress {
    let directory = world.configuration.with_file_name(name);
    std::fs::create_dir(&directory).unwrap();
    let tokens = world.configuration.with_file_name("tokens");
    assert!(Command::new("cp").arg("-a").arg(&tokens).arg(&directory).status().unwrap().success());
    address_in(world, &directory)
}

fn address_in(world: &World, directory: &Path) -> TokenAddress {
    let configuration = directory.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        directory.join("tokens").display()
    );
    std::fs::write(&configuration, text).unwrap();
    TokenAddress {
        module: world.module.clone(),
        token_label: "chuky-test".to_owned(),
        serial: None,
        pin: PinSource::Value(world.user_pin.clone()),
        environment: vec![("SOFTHSM2_CONF".to_owned(), configuration.to_str().unwrap().to_owned())],
    }
}

fn within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < limit, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

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

/// One of each kind of call; what it gives is checked, so that whatever left the worker is right.
struct Calls<'a> {
    world: &'a World,
    /// Its runtime serves the subscribers token.
    _other: World,
    authority: Rig,
    subscribers: Rig,
    spki: Vec<u8>,
    mac: [u8; 32],
    number: u128,
}

impl<'a> Calls<'a> {
    fn new(world: &'a World, second: bool) -> Self {
        let authority = Rig::new(world, TokenKind::Authority, second, |_| {});
        let spki = world.wait(authority.dynamic().service_keys()).unwrap()[0].spki_der.clone();
        // The subscribers token of the same test lies in a directory of its own.
        let other = World::beside(world, "subscribers");
        let subscribers = Rig::new(&other, TokenKind::Subscribers, second, |_| {});
        let mac = world.wait(subscribers.dynamic().mac("row", b"content")).unwrap();
        Self { world, _other: other, authority, subscribers, spki, mac, number: 1 }
    }

    /// The call was served, or told that the token is out where that may be; then both are in service again before the next one.
    fn judge(&self, what: &str, outcome: Result<(), Error>, may_be_out: bool) {
        if let Err(error) = outcome {
            assert!(may_be_out && error.is_temporary(), "{what}: {error}");
        }
        self.authority.fail("");
        self.subscribers.fail("");
        within(Duration::from_secs(10), what, || {
            self.authority.hsm.health().ready && self.subscribers.hsm.health().ready
        });
    }

    fn sign(&self) -> Result<(), Error> {
        let digest: [u8; 32] = rand::random();
        let scheme = SignatureScheme::EcdsaSha256;
        let signature = self.world.wait(self.authority.dynamic().sign("key", scheme, &digest))?;
        assert!(openssl_verifies(&self.spki, scheme, &digest, &signature));
        Ok(())
    }

    fn mac(&self) -> Result<(), Error> {
        let mac = self.world.wait(self.subscribers.dynamic().mac("row", b"content"))?;
        assert_eq!(mac, self.mac);
        Ok(())
    }

    /// A key that is made opens and signs.
    fn generate(&mut self) -> Result<(), Error> {
        self.number += 1;
        let key = key_context(self.number);
        let request =
            Request::GenerateSealed { algorithm: KeyAlgorithm::P256, context: key.clone(), pin_secret: secret(1) };
        let Response::Sealed(sealed) = self.world.wait(self.subscribers.hsm.call(request, DEADLINE))? else {
            panic!("another answer")
        };
        self.subscribers.fail("");
        let hsm = self.subscribers.dynamic();
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
        let (spki, call) = activated(self.world, self.subscribers.dynamic(), self.number, vec![vec![9; 32]]);
        self.subscribers.fail(fault);
        let signature = self.world.wait(self.subscribers.dynamic().sign_activated(call))?.remove(0);
        assert!(openssl_verifies(&spki, SignatureScheme::EcdsaSha256, &[9; 32], &signature));
        Ok(())
    }
}

/// Longer than any call here may take; an answer that comes later than its request's own deadline is a failure anyway.
const DEADLINE: Duration = Duration::from_secs(10);

fn each_fault(world: &World, second: bool) {
    let mut calls = Calls::new(world, second);
    for fault in FAULTS {
        for function in ["C_Sign", "C_SignInit"] {
            let line = format!("{function} {fault}");
            let wrong = ["flip", "other", "short"].iter().any(|kind| fault.starts_with(kind));
            // Without an output there is none to be wrong.
            if function == "C_SignInit" && wrong {
                continue;
            }
            // Wrong answers add up to more than a token may give: alone, it is out then and the caller told so.
            let may_be_out = wrong && !second;
            let began = Instant::now();
            calls.authority.fail(&line);
            let signed = calls.sign();
            calls.judge(&format!("{line}: sign"), signed, may_be_out);
            calls.subscribers.fail(&line);
            let made = calls.mac();
            calls.judge(&format!("{line}: MAC"), made, may_be_out);
            calls.subscribers.fail(&line);
            let made = calls.generate();
            calls.judge(&format!("{line}: generate"), made, may_be_out);
            let signed = calls.sign_activated(&line);
            calls.judge(&format!("{line}: activation"), signed, may_be_out);
            println!("{line}: {:?}", began.elapsed());
        }
    }
    for (function, kind) in
        [("C_GenerateKeyPair", "crash"), ("C_WrapKey", "hang"), ("C_UnwrapKey", "rv=CKR_DEVICE_ERROR")]
    {
        calls.subscribers.fail(&format!("{function} {kind} count=1"));
        calls.generate().unwrap_or_else(|error| panic!("{function} {kind}: {error}"));
    }
}

fn one_token(world: &World) {
    each_fault(world, false);
}

fn two_tokens(world: &World) {
    each_fault(world, true);
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
            assert!(began.elapsed() < Duration::from_secs(10), "{fault}: still in service");
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
        within(Duration::from_secs(5), "service", || hsm.health().ready);
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
        within(Duration::from_secs(20), fault, || {
            drop(world.wait(hsm.sign("key", SignatureScheme::EcdsaSha256, &[3; 32])));
            !hsm.health().ready && rig.standings() == [Standing::Out]
        });
        for _ in 0..20 {
            let began = Instant::now();
            let error = world.wait(hsm.sign("key", SignatureScheme::EcdsaSha256, &[3; 32])).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{fault}: {error}");
            assert!(began.elapsed() < Duration::from_millis(200), "{fault}: {:?}", began.elapsed());
        }
        let returned = Instant::now();
        rig.fail("");
        within(Duration::from_secs(5), fault, || {
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
            assert!(began.elapsed() < Duration::from_secs(20), "{fault}: {:?}", rig.standings());
            assert_eq!(world.wait(hsm.mac("row", b"1")).unwrap(), mac, "{fault}");
        }
        let health = hsm.health();
        assert!(health.ready && health.tokens[0].reason.is_some(), "{health:?}");
        rig.fail("");
        within(Duration::from_secs(5), "the first token", || {
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
    within(Duration::from_secs(10), "the second token", || {
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
    within(Duration::from_secs(10), "the second token", || {
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

/// What the callers of a storm saw.
#[derive(Debug, Default)]
struct Seen {
    answered: AtomicUsize,
    refused: AtomicUsize,
    late: AtomicUsize,
}

/// How long the token fails: the full ten seconds in `make soak`, a slice otherwise.
fn storm_length() -> Duration {
    Duration::from_secs(if std::env::var_os("CHUKY_SOAK_SECONDS").is_some() { 10 } else { 3 })
}

/// In `make soak` one storm after the other until the time is over, each with a seed of its own.
fn storms(mut one: impl FnMut()) {
    let seconds = std::env::var("CHUKY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (began, length) = (Instant::now(), Duration::from_secs(seconds));
    one();
    while began.elapsed() < length {
        one();
    }
}

const STORM: &str = "C_Sign crash per_mille=30\nC_Sign hang per_mille=5\nC_Sign flip per_mille=100\nC_Sign other per_mille=50\n\
    C_Sign short per_mille=30\nC_Sign delay=200 per_mille=100\nC_Sign rv=CKR_DEVICE_ERROR per_mille=400\n\
    C_SignInit rv=CKR_SESSION_HANDLE_INVALID per_mille=100\nC_Login rv=CKR_DEVICE_MEMORY per_mille=300\n\
    C_OpenSession hang per_mille=50\nC_GetTokenInfo vanish per_mille=100";

fn storm(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, false, |_| {});
    storms(|| drop(one_storm(world, &rig)));
}

fn storm_with_second(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, true, |_| {});
    storms(|| {
        let seen = one_storm(world, &rig);
        let (answered, refused) = (seen.answered.load(Ordering::Relaxed), seen.refused.load(Ordering::Relaxed));
        assert!(refused * 100 <= answered, "{refused} of {answered} were refused though a second token was there");
    });
}

/// Two hundred callers sign all the time; the token fails and returns.
fn one_storm(world: &World, rig: &Rig) -> Arc<Seen> {
    let spki = world.wait(rig.dynamic().service_keys()).unwrap()[0].spki_der.clone();
    let judge = crate::world::key_reader(&spki, chuky_hsm::Lasting::Briefly).unwrap();
    let (seen, over) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = (0..200_u8)
        .map(|_| {
            let (hsm, judge, seen, over) = (Arc::clone(&rig.hsm), judge.clone(), Arc::clone(&seen), Arc::clone(&over));
            world.spawn(async move {
                while !over.load(Ordering::Acquire) {
                    let digest: [u8; 32] = rand::random();
                    let request = Request::Sign {
                        label: "key".to_owned(),
                        scheme: SignatureScheme::EcdsaSha256,
                        digests: vec![digest.to_vec()],
                    };
                    let began = Instant::now();
                    match hsm.call(request, CALLERS_DEADLINE).await {
                        Ok(Response::Signatures(signatures)) => {
                            assert_eq!(signatures.len(), 1);
                            assert!(
                                judge.accepts(SignatureScheme::EcdsaSha256, &digest, &signatures[0]),
                                "a wrong signature"
                            );
                            seen.answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(other) => panic!("{other:?}"),
                        Err(error) => {
                            assert!(error.is_temporary(), "{error}");
                            seen.refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if began.elapsed() > CALLERS_DEADLINE + GRACE {
                        seen.late.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    rig.fail(STORM);
    std::thread::sleep(storm_length());
    rig.fail("");
    let returned = Instant::now();
    within(BACK_WITHIN, "service", || {
        rig.standings()[0] == Standing::Serving
            && world.wait(rig.dynamic().sign("key", SignatureScheme::EcdsaSha256, &[5; 32])).is_ok()
    });
    println!("back after {:?}", returned.elapsed());
    // From then on nobody is refused any more.
    std::thread::sleep(BACK_WITHIN.saturating_sub(returned.elapsed()));
    let refused = seen.refused.load(Ordering::Relaxed);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(seen.refused.load(Ordering::Relaxed), refused, "refused after the return");
    over.store(true, Ordering::Release);
    for caller in callers {
        let ended = async { tokio::time::timeout(CALLERS_DEADLINE + GRACE, caller).await };
        world.wait(ended).expect("no caller is stuck").unwrap();
    }
    println!("{seen:?}");
    assert_eq!(seen.late.load(Ordering::Relaxed), 0, "{seen:?}");
    assert!(seen.answered.load(Ordering::Relaxed) > 200, "{seen:?}");
    assert_eq!(rig.hsm.health().in_flight, 0);
    seen
}

/// From the token's return to the last refusal.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// What a caller of the storm grants.
const CALLERS_DEADLINE: Duration = Duration::from_secs(5);
/// What a busy machine may add to a timer.
const GRACE: Duration = Duration::from_secs(1);
