//! Worker processes that are stopped, killed, starved, orphaned, or lose their token.

use crate::{
    Test,
    in_process::activated,
    world::{World, key_context, openssl_verifies, secret},
};
use chuky_hsm::{
    Error, Hsm, Request, Supervised, TokenKind, prepare_token,
    provision::{self, Secrets},
};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

pub const TESTS: &[Test] = &[
    ("workers_do_what_in_process_does", same_work),
    ("callers_that_go_together_keep_their_own_answers", together),
    ("activations_are_spread_over_the_workers", spread),
    ("a_token_is_prepared_by_a_worker", prepared_by_worker),
    ("a_stopped_worker_is_replaced", stopped),
    ("a_killed_workers_request_is_answered_by_another", killed),
    ("the_queue_is_bounded", bounded),
    ("a_token_that_goes_fails_fast_and_comes_back", token_gone),
    ("a_worker_that_grew_is_retired", retired),
    ("workers_end_with_their_service", orphaned),
];

/// Sixty callers at once for one worker: what waits goes together, and a refused digest is its caller's alone.
fn together(world: &World) {
    let hsm = Arc::new(supervised(world, TokenKind::Authority, |_| {}));
    let dynamic: &dyn Hsm = &*hsm;
    let keys = ["one", "two"]
        .map(|label| (label, world.wait(dynamic.generate_service_key(label, KeyAlgorithm::P256)).unwrap()));
    let digest = |number: u8| vec![number; if number % 7 == 3 { 31 } else { 32 }];
    let answers = world.wait(async {
        let tasks: Vec<_> = (0..60_u8)
            .map(|number| {
                let (hsm, label) = (Arc::clone(&hsm), keys[usize::from(number % 2)].0);
                tokio::spawn(async move {
                    let hsm: &dyn Hsm = &*hsm;
                    let digest = digest(number);
                    let signing = hsm.sign(label, SignatureScheme::EcdsaSha256, &digest);
                    // Some stop waiting; nobody else notices.
                    if number % 11 == 5 {
                        tokio::time::timeout(Duration::ZERO, signing).await.ok()
                    } else {
                        Some(signing.await)
                    }
                })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    });
    let mut verified = 0;
    for (number, answer) in (0..60_u8).zip(answers) {
        match answer {
            None => assert_eq!(number % 11, 5),
            Some(Err(error)) => assert!(matches!(error, Error::Invalid { .. }) && number % 7 == 3, "{number}: {error}"),
            Some(Ok(signature)) => {
                let spki = &keys[usize::from(number % 2)].1;
                assert!(openssl_verifies(spki, SignatureScheme::EcdsaSha256, &digest(number), &signature), "{number}");
                verified += 1;
            }
        }
    }
    assert!(verified >= 40, "{verified}");
    assert_eq!(hsm.health().in_flight, 0);
}

fn spread(world: &World) {
    let hsm = supervised(world, TokenKind::Subscribers, |settings| settings.workers = 2);
    let hsm: &dyn Hsm = &hsm;
    let mut unwrapped = Vec::new();
    for _ in 0..6 {
        let (_, call) = activated(world, hsm, hsm.activation_id().0.as_u128(), vec![vec![1; 32]]);
        world.wait(hsm.sign_activated(call)).unwrap();
    }
    // A probe meets whichever worker is idle; both are asked within a few.
    for _ in 0..20 {
        unwrapped.push(world.wait(hsm.probe()).unwrap().unwrapped);
    }
    assert!(unwrapped.iter().all(|count| *count == 3), "three each: {unwrapped:?}");
}

fn supervised(world: &World, kind: TokenKind, change: impl FnOnce(&mut chuky_hsm::Settings)) -> Supervised {
    provision::prepare(&world.plan("chuky-test", kind), &Secrets::random()).unwrap();
    let mut settings = world.settings("chuky-test", kind);
    settings.workers = 1;
    settings.worker_arguments = vec!["worker".to_owned()];
    change(&mut settings);
    world.wait(async {
        let hsm = Supervised::start(settings);
        hsm.wait_ready().await.unwrap();
        hsm
    })
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap().success());
}

fn is_running(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < limit, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn same_work(world: &World) {
    let hsm = supervised(world, TokenKind::Subscribers, |settings| settings.workers = 2);
    let workers = hsm.worker_processes();
    assert_eq!(workers.len(), 2);
    for worker in &workers {
        let arguments = std::fs::read_to_string(format!("/proc/{worker}/cmdline")).unwrap();
        let environment = std::fs::read(format!("/proc/{worker}/environ")).unwrap_or_default();
        assert!(!arguments.contains(world.user_pin.expose()));
        assert!(!String::from_utf8_lossy(&environment).contains(world.user_pin.expose()));
    }
    let hsm: &dyn Hsm = &hsm;
    assert_eq!(world.wait(hsm.probe()).unwrap().pepper_versions, [1]);
    for number in 1..5 {
        let (spki, call) = activated(world, hsm, number, vec![vec![1; 32], vec![2; 32]]);
        let signature = world.wait(hsm.sign_activated(call.clone())).unwrap().remove(0);
        assert!(openssl_verifies(&spki, SignatureScheme::EcdsaSha256, &[1; 32], &signature));
        // Whichever worker opened it, the one that signed remembers.
        assert_eq!(world.wait(hsm.sign_activated(call.clone())), Err(Error::AlreadySigned));
        world.wait(hsm.close_activation(call.activation.activation_id)).unwrap();
        let second = chuky_hsm::SignActivated { hashes: vec![vec![2; 32]], ..call };
        assert_eq!(world.wait(hsm.sign_activated(second)), Err(Error::Expired));
    }
    assert!(hsm.health().ready);
}

fn prepared_by_worker(world: &World) {
    // In a token directory that only the workers know of.
    let directory = crate::world::token_directory();
    let mut settings = world.settings("chuky-apart", TokenKind::Subscribers);
    settings.worker_arguments = vec!["worker".to_owned()];
    let configuration = directory.path().join("softhsm2.conf");
    settings.environment = vec![("SOFTHSM2_CONF".to_owned(), configuration.to_str().unwrap().to_owned())];
    let prepare = || world.wait(prepare_token(&settings, &world.so_pin, &Secrets::random(), true)).unwrap();
    let first = prepare();
    assert!(first.initialised);
    assert_eq!(first.made.len(), 4);
    assert_eq!(prepare(), provision::Prepared::default());
    world.wait(async {
        let hsm = Supervised::start(settings.clone());
        hsm.wait_ready().await.unwrap();
        assert!((&hsm as &dyn Hsm).mac("row", b"1").await.is_ok());
    });
}

fn stopped(world: &World) {
    let hsm = supervised(world, TokenKind::Subscribers, |_| {});
    let before = hsm.worker_processes();
    signal(before[0], "STOP");
    let began = Instant::now();
    let mac = |milliseconds| {
        let request = Request::Mac { domain: "row".to_owned(), items: vec![vec![1]] };
        world.wait(hsm.call(request, Duration::from_millis(milliseconds)))
    };
    assert_eq!(mac(400).unwrap_err(), Error::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(mac(30_000).is_ok(), "the next caller is served by the new worker");
    assert_ne!(hsm.worker_processes(), before);
    assert!(!is_running(before[0]));
}

fn killed(world: &World) {
    let hsm = Arc::new(supervised(world, TokenKind::Subscribers, |settings| settings.workers = 2));
    let working = {
        let hsm = Arc::clone(&hsm);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let hsm: &dyn Hsm = &*hsm;
            (0..5_u8)
                .map(|n| {
                    let context = key_context(u128::from(n));
                    runtime.block_on(hsm.generate_sealed(KeyAlgorithm::Rsa2048, &context, &secret(n)))
                })
                .collect::<Vec<_>>()
        })
    };
    // Workers die while the keys are made, one after the other: less often than one request is given to another worker.
    for first in hsm.worker_processes() {
        std::thread::sleep(Duration::from_millis(150));
        signal(first, "KILL");
        within(Duration::from_secs(60), "a new worker", || {
            let workers = hsm.worker_processes();
            workers.len() == 2 && !workers.contains(&first)
        });
    }
    for result in working.join().unwrap() {
        assert!(result.is_ok(), "{result:?}");
    }
}

fn bounded(world: &World) {
    let hsm = supervised(world, TokenKind::Subscribers, |settings| settings.queue = 3);
    signal(hsm.worker_processes()[0], "STOP");
    let results = world.wait(async {
        let calls = (0..8).map(|_| {
            let request = Request::Mac { domain: "row".to_owned(), items: vec![vec![1]] };
            hsm.call(request, Duration::from_millis(500))
        });
        let mut running: Vec<_> = calls.collect();
        let mut results = Vec::new();
        // Polled together, so that all stand in the queue at once.
        std::future::poll_fn(|context| {
            running.retain_mut(|call| match call.as_mut().poll(context) {
                std::task::Poll::Ready(result) => {
                    results.push(result);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        results
    });
    assert_eq!(results.iter().filter(|result| matches!(result, Err(Error::Busy))).count(), 5);
    assert_eq!(hsm.health().in_flight, 0);
}

fn token_gone(world: &World) {
    let hsm = supervised(world, TokenKind::Subscribers, |settings| settings.workers = 2);
    let directory = world.configuration.parent().unwrap().join("tokens");
    let aside = directory.with_extension("aside");
    let hsm: &dyn Hsm = &hsm;
    assert!(world.wait(hsm.mac("row", b"1")).is_ok());
    let move_token = |from: &Path, to: &Path| std::fs::rename(from, to).unwrap();
    move_token(&directory, &aside);
    within(Duration::from_secs(60), "noticing that the token is gone", || !hsm.health().ready);
    within(Duration::from_secs(60), "failing fast", || {
        let began = Instant::now();
        let result = world.wait(hsm.mac("row", b"1"));
        assert!(result.is_err());
        assert!(result.unwrap_err().is_temporary());
        began.elapsed() < Duration::from_millis(100)
    });
    move_token(&aside, &directory);
    within(Duration::from_secs(60), "resuming", || world.wait(hsm.mac("row", b"1")).is_ok());
    within(Duration::from_secs(60), "being ready", || hsm.health().ready);
}

fn retired(world: &World) {
    let hsm = supervised(world, TokenKind::Subscribers, |settings| settings.memory_bytes = 1);
    let before = hsm.worker_processes();
    within(Duration::from_secs(60), "retirement", || {
        let now = hsm.worker_processes();
        !now.is_empty() && now != before
    });
    assert!(world.wait((&hsm as &dyn Hsm).mac("row", b"1")).is_ok());
}

fn orphaned(world: &World) {
    let hsm = supervised(world, TokenKind::Subscribers, |_| {});
    let worker = hsm.worker_processes()[0];
    drop(hsm);
    within(Duration::from_secs(60), "the end of a dropped worker", || !is_running(worker));
    // A service that is killed cannot clean up: the worker sees its socket close.
    let mut service = Command::new(std::env::current_exe().unwrap())
        .args(["supervise", world.user_pin.expose()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let worker: u32 = line.trim().parse().unwrap();
    assert!(is_running(worker));
    service.kill().unwrap();
    service.wait().unwrap();
    within(Duration::from_secs(60), "the end of an orphaned worker", || !is_running(worker));
}

/// A service that starts one worker, tells its number and waits to be killed.
pub fn supervise(pin: &str) {
    let mut world = World::from_environment();
    world.user_pin = chuky_hsm::Pin::parse(pin).unwrap();
    let mut settings = world.settings("chuky-test", TokenKind::Subscribers);
    settings.workers = 1;
    settings.worker_arguments = vec!["worker".to_owned()];
    world.wait(async {
        let hsm = Supervised::start(settings);
        hsm.wait_ready().await.unwrap();
        println!("{}", hsm.worker_processes()[0]);
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
}
