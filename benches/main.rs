//! The measurements behind `make bench`: every row beside its physical limit and a peer, alternating in one run.
//! It uses the packages' public interfaces, raw libraries as limits, and foreign programs as peers; it checks no rule and
//! changes nothing outside `target/`. `cargo test` builds it and does not measure.
#![allow(missing_docs)]

mod fixtures;
mod harness;
mod peer;
mod report;
mod rows;
mod service;
mod signing;
mod token;

use harness::{Figure, Rounds};
use std::process::ExitCode;

fn main() -> ExitCode {
    // The worker wants to be alone in its process, before anything else is started.
    if std::env::args().nth(1).is_some_and(|argument| argument == token::HSM_WORKER) {
        return chuky_hsm::worker::run(chuky::tokens::key_reader);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((flag, rest)) if flag == rows::memory::ONCE => return rows::memory::run_once(rest),
        Some((flag, rest)) if flag == token::RAW_SIGNER => return token::run_raw_signer(rest),
        Some((flag, rest)) if flag == token::MAKE_OBJECT => return token::run_make_object(rest),
        _ => {}
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("measured by `make bench` only");
        return Ok(());
    }
    if std::env::var_os(token::CONFIGURATION).is_none_or(|path| path != token::configuration().as_os_str()) {
        return run_with_own_token(&arguments);
    }
    let wanted: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with("--")).collect();
    let mut context = rows::Context::new()?;
    let mut figures: Vec<Figure> = Vec::new();
    let mut failures = Vec::new();
    for entry in rows::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|prefix| entry.name.starts_with(prefix)) {
            continue;
        }
        eprintln!("measuring {}", entry.name);
        match (entry.make)(&mut context).and_then(|row| harness::measure(entry.name, row, Rounds::from_environment())) {
            Ok(figure) => figures.push(figure),
            Err(reason) => failures.push(format!("{}: {reason}", entry.name)),
        }
    }
    report::print(&figures);
    report::write(&figures, &fixtures::target().join("bench.json"))?;
    if failures.is_empty() { Ok(()) } else { Err(format!("not measured:\n{}", failures.join("\n"))) }
}

/// SoftHSM reads where its tokens are from the environment, once a process: the run is a child that has it.
fn run_with_own_token(arguments: &[String]) -> Result<(), String> {
    token::clear()?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let status = std::process::Command::new(program)
        .args(arguments)
        .env(token::CONFIGURATION, token::configuration())
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("measurements: {status}")) }
}
