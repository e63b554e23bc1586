//! Two hundred callers sign while the token fails in every way at once and returns: no wrong signature is given out, no caller waits
//! longer than its deadline, and within five seconds of the return nobody is refused any more.

use crate::{
    Test,
    rig::{Rig, within},
    world::World,
};
use chuky_hsm::{Hsm, Request, Response, Standing, TokenKind};
use chuky_model::algorithm::SignatureScheme;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

pub const TESTS: &[Test] = &[
    ("soak_a_storm_loses_no_caller", storm),
    ("soak_a_storm_with_a_second_token_is_hardly_noticed", storm_with_second),
];

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
fn storms(what: &str, mut one: impl FnMut() -> Arc<Seen>) {
    let seconds = std::env::var("CHUKY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (began, length) = (Instant::now(), Duration::from_secs(seconds));
    let (mut count, mut answered, mut refused) = (0, 0, 0);
    while count == 0 || began.elapsed() < length {
        let seen = one();
        count += 1;
        answered += seen.answered.load(Ordering::Relaxed);
        refused += seen.refused.load(Ordering::Relaxed);
    }
    println!("soak: storms, {what}: {count} of {:?}, {answered} signatures, {refused} refused", storm_length());
}

const STORM: &str = "C_Sign crash per_mille=30\nC_Sign hang per_mille=5\nC_Sign flip per_mille=100\nC_Sign other per_mille=50\n\
    C_Sign short per_mille=30\nC_Sign delay=200 per_mille=100\nC_Sign rv=CKR_DEVICE_ERROR per_mille=400\n\
    C_SignInit rv=CKR_SESSION_HANDLE_INVALID per_mille=100\nC_Login rv=CKR_DEVICE_MEMORY per_mille=300\n\
    C_OpenSession hang per_mille=50\nC_GetTokenInfo vanish per_mille=100";

fn storm(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, false, |_| {});
    storms("one token", || one_storm(world, &rig));
}

fn storm_with_second(world: &World) {
    let rig = Rig::new(world, TokenKind::Authority, true, |_| {});
    storms("two tokens", || {
        let seen = one_storm(world, &rig);
        let (answered, refused) = (seen.answered.load(Ordering::Relaxed), seen.refused.load(Ordering::Relaxed));
        assert!(refused * 10 <= answered, "{refused} of {answered} were refused though a second token was there");
        seen
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
                        key: None,
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
    // From then on nobody is refused any more: a whole second without a refusal comes, and how soon is told.
    let mut refused = usize::MAX;
    while refused != seen.refused.load(Ordering::Relaxed) {
        assert!(returned.elapsed() < BACK_WITHIN, "refused after the return");
        refused = seen.refused.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_secs(1));
    }
    println!("nobody refused from {:?} on", returned.elapsed().saturating_sub(Duration::from_secs(1)));
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

/// From the token's return to the last refusal: five seconds, of which `make soak` tells, on a machine that does nothing else.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// What a caller of the storm grants.
const CALLERS_DEADLINE: Duration = Duration::from_secs(5);
/// What a busy machine may add to a timer.
const GRACE: Duration = Duration::from_secs(20);
