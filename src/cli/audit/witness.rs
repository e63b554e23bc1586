//! `chuky audit witness`: signs checkpoints of logs that are consistent, on a machine of somebody else than the logs' operator.

use super::super::{Common, runtime, unusable};
use super::check::key;
use crate::{clock::Clock, error::InternalError, http, witness::Witness};
use chuky_model::text::Language;
use clap::Args;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

/// Làm nhân chứng cho nhật ký của người khác / Be a witness of somebody else's log
#[derive(Debug, Args)]
pub struct Serve {
    /// The witness's name: an address without http:// is usual
    #[arg(long)]
    name: String,
    /// Key of a log, name+id+key, or a file that holds it; once for each log
    #[arg(long, value_name = "KEY", required = true)]
    log: Vec<String>,
    /// File with the witness's own key; made where it is missing
    #[arg(long, value_name = "FILE", default_value = "witness.key")]
    key: PathBuf,
    /// Directory in which it remembers what it signed. Without it the witness is another one
    #[arg(long, value_name = "DIR", default_value = "witness")]
    state: PathBuf,
    /// Where it listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

impl Serve {
    /// Runs until it is told to stop; 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return unusable(error),
        };
        match runtime.block_on(self.serve(common.language)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => unusable(error),
        }
    }

    async fn serve(self, language: Language) -> Result<(), InternalError> {
        let logs = self.log.iter().map(|text| key(text)).collect::<Result<Vec<_>, _>>()?;
        let witness = Witness::open(&self.name, &self.key, logs, &self.state, Clock::default())?;
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener.map_err(InternalError::io(self.listen.to_string()))?;
        let address = listener.local_addr().map_err(InternalError::io("listening"))?;
        match language {
            Language::Vi => println!("Nhân chứng tại http://{address}. Khóa để người khác kiểm tra:"),
            Language::En => println!("Witness at http://{address}. Its key, for others to verify with:"),
        }
        println!("{}", witness.key());
        let stop = async {
            // Without a handler the process ends at once, which loses nothing: what it signed is on disk.
            let _ = tokio::signal::ctrl_c().await;
        };
        http::witness::serve(witness, listener, stop).await
    }
}
