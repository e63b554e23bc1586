//! `chuky worker …`: the processes that the service and the commands start for themselves. Nobody types these.

use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// A worker process of the service
#[derive(Debug, Args)]
pub struct Worker {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Holds one token of the HSM; its socket is inherited
    Hsm,
    /// Holds the token of whoever runs a command; its socket is standard input
    Own,
    /// Reads untrusted documents under limits; its socket is standard input
    Read {
        #[arg(long)]
        memory_mib: u64,
        #[arg(long)]
        cpu_seconds: u64,
        /// Directory of the typefaces of visible signatures
        #[arg(long)]
        typefaces: Option<PathBuf>,
    },
}

impl Worker {
    /// Runs the worker until the service goes away.
    pub fn run(self) -> ExitCode {
        let ended = match self.kind {
            Kind::Hsm => return chuky_hsm::worker::run(crate::tokens::key_reader),
            Kind::Own => return chuky_hsm::own::worker::run(),
            Kind::Read { memory_mib, cpu_seconds, typefaces } => {
                crate::reader::run_worker(memory_mib.saturating_mul(1 << 20), cpu_seconds, typefaces.as_deref())
            }
        };
        if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
