//! Tests against a real SoftHSM. One executable is runner, test and worker: the runner starts each test as a process of its own with a
//! token directory of its own, because a PKCS#11 module reads its configuration once a process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod ceremony;
mod exchanged;
mod faults;
mod in_process;
mod keys;
mod outsider;
mod rig;
mod storm;
mod supervised;
mod world;

use std::{
    process::{Command, ExitCode},
    sync::Mutex,
    time::Instant,
};
use world::World;

type Test = (&'static str, fn(&World));

fn tests() -> Vec<Test> {
    let each = [keys::TESTS, in_process::TESTS, ceremony::TESTS, outsider::TESTS, supervised::TESTS];
    [each.concat(), [faults::TESTS, exchanged::TESTS, storm::TESTS].concat()].concat()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("run-one") => run_one(&arguments[1]),
        Some("worker") => chuky_hsm::worker::run(world::key_reader),
        Some("supervise") => {
            supervised::supervise(&arguments[1]);
            ExitCode::SUCCESS
        }
        Some("intrude") => {
            outsider::intrude(&arguments[1]);
            ExitCode::SUCCESS
        }
        Some("--list") => {
            tests().iter().for_each(|(name, _)| println!("{name}: test"));
            ExitCode::SUCCESS
        }
        _ => run_all(&filters(&arguments)),
    }
}

fn run_one(name: &str) -> ExitCode {
    let (_, test) = tests().into_iter().find(|(known, _)| *known == name).expect("a known test");
    test(&World::from_environment());
    ExitCode::SUCCESS
}

/// Names to look for, as the usual test runner takes them: an option's value is none.
fn filters(arguments: &[String]) -> Vec<&str> {
    let mut filters = Vec::new();
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "--test-threads" | "--skip" | "--format" | "--color" => drop(arguments.next()),
            option if option.starts_with('-') => {}
            name => filters.push(name),
        }
    }
    filters
}

fn run_all(filters: &[&str]) -> ExitCode {
    if chuky_hsm::find_module(None).is_err() {
        println!("FAILED: SoftHSM is not installed; install it with: apt-get install softhsm2");
        return ExitCode::FAILURE;
    }
    let chosen: Vec<Test> = tests()
        .into_iter()
        .filter(|(name, _)| filters.is_empty() || filters.iter().any(|filter| name.contains(filter)))
        .collect();
    let (queue, failed) = (Mutex::new(chosen.clone()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, _)) = { queue.lock().unwrap().pop() } {
                    let (directory, began) = (world::token_directory(), Instant::now());
                    let output = Command::new(std::env::current_exe().unwrap())
                        .args(["run-one", name])
                        .env("SOFTHSM2_CONF", directory.path().join("softhsm2.conf"))
                        .output()
                        .unwrap();
                    let verdict = if output.status.success() { "ok" } else { "FAILED" };
                    println!("test {name} ... {verdict} ({:.1} s)", began.elapsed().as_secs_f64());
                    if name == RATE || name.starts_with("soak") {
                        print!("{}", String::from_utf8_lossy(&output.stdout));
                    }
                    if !output.status.success() {
                        println!(
                            "{}{}",
                            String::from_utf8_lossy(&output.stdout),
                            String::from_utf8_lossy(&output.stderr)
                        );
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("hsm: {} passed, {} failed {failed:?}", chosen.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The test whose figures are worth showing.
const RATE: &str = "a_thousand_signatures_are_near_the_raw_rate";
