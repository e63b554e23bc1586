//! `chuky audit witness`: signs checkpoints of logs that are consistent, on a machine of somebody else than the logs' operator.

use super::super::{Common, runtime, unusable};
use super::check::key;
use crate::{
    clock::Clock,
    config::TlsSettings,
    error::InternalError,
    http::{self, witness::Callers},
    tls::Tls,
    witness::Witness,
};
use chuky_model::text::Language;
use clap::Args;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

/// Làm nhân chứng cho nhật ký của người khác / Be a witness of somebody else's log
#[derive(Debug, Args)]
pub struct Serve {
    /// The witness's name: an address without https:// is usual
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
    /// PEM: its certificate with those between it and its CA; it is served by TLS then
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// PEM: the key of that certificate, closed to others
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// PEM: CAs; only who shows a certificate under one of them is answered
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    client_ca: Option<PathBuf>,
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
        let tls = self.tls()?;
        let witness = Witness::open(&self.name, &self.key, logs, &self.state, Clock::default())?;
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener.map_err(InternalError::io(self.listen.to_string()))?;
        let address = listener.local_addr().map_err(InternalError::io("listening"))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        match language {
            Language::Vi => println!("Nhân chứng tại {scheme}://{address}. Khóa để người khác kiểm tra:"),
            Language::En => println!("Witness at {scheme}://{address}. Its key, for others to verify with:"),
        }
        println!("{}", witness.key());
        let stop = async {
            // Without a handler the process ends at once, which loses nothing: what it signed is on disk.
            let _ = tokio::signal::ctrl_c().await;
        };
        http::witness::serve(witness, listener, tls, stop).await
    }

    fn tls(&self) -> Result<Option<(Arc<Tls>, Callers)>, InternalError> {
        let Some((certificate, key)) = self.tls_certificate.clone().zip(self.tls_key.clone()) else { return Ok(None) };
        let settings = TlsSettings {
            certificate,
            key,
            plain_listen: None,
            hsts_seconds: 0,
            client_ca: self.client_ca.clone(),
            client_crls: Vec::new(),
            bound_keys: BTreeMap::new(),
            bound_roles: Vec::new(),
        };
        let callers = if self.client_ca.is_some() { Callers::WithCertificate } else { Callers::Anybody };
        let tls = Tls::open(&settings, &Clock::default()).map_err(|error| InternalError::other(error.to_string()))?;
        Ok(Some((tls, callers)))
    }
}
