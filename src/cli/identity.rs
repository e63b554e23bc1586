//! `chuky identity simulate`: a population database of made-up people, for development and tests.

use super::{Common, runtime, secret, unusable};
use crate::http::identity_simulator::Simulator;
use clap::{Args, Subcommand};
use std::{fs::File, net::SocketAddr, path::PathBuf, process::ExitCode};
use tokio::net::TcpListener;

/// Cơ sở dữ liệu dân cư thử nghiệm / The population database, for tests
#[derive(Debug, Args)]
pub struct Identity {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Simulate(Simulate),
}

/// Answer questions about the people of a file at http://127.0.0.1:PORT/check
#[derive(Debug, Args)]
struct Simulate {
    /// JSON list of made-up people: number, name, birth_date, sex, deceased
    #[arg(long, value_name = "FILE")]
    people: PathBuf,
    /// JSON: down, slow_ms, wrong (nonsense, other, contradiction, endless); read before each answer
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    /// File whose first line is the key that is asked for
    #[arg(long, value_name = "FILE")]
    bearer_file: Option<PathBuf>,
    /// An address of this machine
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

impl Identity {
    /// Runs until it is killed.
    pub fn run(self, _common: &Common) -> ExitCode {
        let Action::Simulate(simulate) = self.action;
        if !simulate.listen.ip().is_loopback() {
            return unusable("--listen: an address of this machine (127.0.0.1 or ::1)");
        }
        let served = runtime().and_then(|runtime| runtime.block_on(simulate.serve()));
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => unusable(error),
        }
    }
}

impl Simulate {
    async fn serve(self) -> std::io::Result<()> {
        let bearer = match &self.bearer_file {
            Some(file) => Some(secret::first_line(File::open(file)?)?.to_string()),
            None => None,
        };
        let simulator = Simulator::open(&self.people, self.control, bearer)?;
        let listener = TcpListener::bind(self.listen).await?;
        println!("http://{}/check", listener.local_addr()?);
        simulator.serve(listener).await
    }
}
