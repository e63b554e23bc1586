//! The command line: one file a command. Commands parse their arguments, call one flow and print its result in the chosen
//! language; exit codes are 0 for success, 1 for a negative answer, 2 for wrong usage or an input that cannot be read.

mod api_key;
mod audit;
mod backup;
mod bridge;
mod ceremony;
mod certificates;
mod client;
mod config;
mod doctor;
mod extend;
mod identity;
mod login;
mod numbers;
mod pepper;
mod pinentry;
mod printing;
mod prove;
mod receipt;
mod report;
mod request;
mod requests;
mod revocations;
mod secret;
mod serve;
mod sign;
mod staff;
mod trust;
mod units;
mod verify;
mod verify_certificate;
mod worker;

use chuky_model::text::Language;
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Chữ ký số: cấp, ký và kiểm tra. / Digital signatures: issue, sign and verify.
#[derive(Debug, Parser)]
#[command(name = "chuky", version, about, propagate_version = true)]
struct Arguments {
    /// Settings file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Language of what is printed: vi or en (default from LANG)
    #[arg(long, global = true, value_name = "vi|en")]
    lang: Option<Language>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    ApiKey(api_key::ApiKey),
    Audit(audit::Audit),
    Backup(backup::Backup),
    Bridge(Box<bridge::Bridge>),
    Reconcile(backup::Reconcile),
    Restore(backup::Restore),
    Serve(serve::Serve),
    Ceremony(ceremony::Ceremony),
    Certificates(certificates::Certificates),
    Config(config::Config),
    Doctor(doctor::Doctor),
    Extend(extend::Extend),
    Identity(identity::Identity),
    Login(login::Login),
    Numbers(numbers::Numbers),
    Pepper(pepper::Pepper),
    Prove(Box<prove::Prove>),
    Receipt(receipt::Receipt),
    Report(report::Report),
    Request(Box<request::Request>),
    Revocations(revocations::Revocations),
    Sign(Box<sign::Sign>),
    Staff(staff::Staff),
    Trust(trust::Trust),
    Units(units::Units),
    Verify(verify::Verify),
    VerifyCertificate(verify_certificate::VerifyCertificate),
    #[command(hide = true)]
    Worker(worker::Worker),
}

/// What every command gets to know of the common arguments.
#[derive(Debug)]
struct Common {
    config: Option<PathBuf>,
    language: Language,
}

/// Parses the arguments and runs the command.
pub fn run() -> ExitCode {
    keep_out_of_dumps();
    let arguments = Arguments::parse();
    let common = Common { config: arguments.config, language: arguments.lang.unwrap_or_else(language_of_environment) };
    match arguments.command {
        Command::ApiKey(command) => command.run(&common),
        Command::Audit(command) => command.run(&common),
        Command::Backup(command) => command.run(&common),
        Command::Bridge(command) => command.run(&common),
        Command::Reconcile(command) => command.run(&common),
        Command::Restore(command) => command.run(&common),
        Command::Serve(command) => command.run(&common),
        Command::Ceremony(command) => command.run(&common),
        Command::Certificates(command) => command.run(&common),
        Command::Config(command) => command.run(&common),
        Command::Doctor(command) => command.run(&common),
        Command::Extend(command) => command.run(&common),
        Command::Identity(command) => command.run(&common),
        Command::Login(command) => command.run(&common),
        Command::Numbers(command) => command.run(&common),
        Command::Pepper(command) => command.run(&common),
        Command::Prove(command) => command.run(&common),
        Command::Receipt(command) => command.run(&common),
        Command::Report(command) => command.run(&common),
        Command::Request(command) => command.run(&common),
        Command::Revocations(command) => command.run(&common),
        Command::Sign(command) => command.run(&common),
        Command::Staff(command) => command.run(&common),
        Command::Trust(command) => command.run(&common),
        Command::Units(command) => command.run(&common),
        Command::Verify(command) => command.run(&common),
        Command::VerifyCertificate(command) => command.run(&common),
        Command::Worker(command) => command.run(),
    }
}

/// No memory of this process is written to a disk when it crashes, and no other process of the same user looks into it: it may hold PINs,
/// peppers and keys that were unwrapped. Each worker does it for itself, because a new program begins without it.
fn keep_out_of_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable)).is_err() {
        eprintln!("chuky: memory of this process may be dumped");
    }
}

/// Vietnamese, unless `LANG` asks for English.
fn language_of_environment() -> Language {
    let locale = std::env::var("LC_ALL").or_else(|_| std::env::var("LANG")).unwrap_or_default();
    if locale.starts_with("en") { Language::En } else { Language::Vi }
}

/// A runtime for commands that wait for workers or the network.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Runs a flow whose text is printed: 0 where it was done, 1 where it is refused, 2 where something cannot be used.
fn printed(common: &Common, flow: impl Future<Output = crate::error::Result<String>>) -> ExitCode {
    use crate::error::Error;
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return unusable(error),
    };
    match runtime.block_on(flow) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(Error::Request(error)) => {
            eprintln!("chuky: {}", error.detail.in_language(common.language));
            ExitCode::FAILURE
        }
        Err(Error::Internal(error)) => unusable(error),
    }
}

/// Prints an error in the chosen language and gives the exit code for input that cannot be used.
/// Runs a command through a service as the user who has logged in: 0 where `work` says that it was done, 1 where it says that it was not or the
/// service refuses, 2 where something cannot be used.
fn in_session(
    common: &Common,
    name: &str,
    work: impl FnOnce(&client::Client) -> Result<bool, client::ClientError>,
) -> ExitCode {
    let Some(session) = client::Session::load() else {
        return unusable(match common.language {
            Language::Vi => "hãy đăng nhập trước: chuky login TÊN",
            Language::En => "log in first: chuky login NAME",
        });
    };
    match client::Client::of_session(&session, common.language).and_then(|client| work(&client)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(client::ClientError::Refused(why)) => {
            eprintln!("chuky {name}: {why}");
            ExitCode::FAILURE
        }
        Err(error) => unusable(error),
    }
}

fn unusable(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("chuky: {message}");
    ExitCode::from(2)
}
