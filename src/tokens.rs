//! The three tokens as the service knows them: authority; status and time; subscribers. Their PINs lie in files of their own
//! outside the data directory; the PKCS#11 library is loaded by worker processes only, and by the process that prepares tokens.

use crate::{
    config::Settings,
    error::{InternalError, Result},
};
use chuky_hsm::{Hsm, Pin, PinSource, Secret32, StockTarget, Supervised, TokenKind, find_module, provision};
use chuky_model::algorithm::KeyAlgorithm;
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// One handle a token.
#[derive(Clone)]
pub struct Tokens {
    /// CA keys.
    pub authority: Arc<dyn Hsm>,
    /// OCSP, timestamp and audit-head keys.
    pub status: Arc<dyn Hsm>,
    /// Wrapping key, pepper, row MAC key and data key.
    pub subscribers: Arc<dyn Hsm>,
}

impl Tokens {
    /// Starts supervised workers for each token; `executable` is the binary whose `worker hsm` they run.
    pub fn start(settings: &Settings, executable: &Path) -> Result<Self> {
        let start = |kind| -> Result<Arc<dyn Hsm>> {
            Ok(Arc::new(Supervised::start(worker_settings(settings, kind, executable)?)))
        };
        Ok(Self {
            authority: start(TokenKind::Authority)?,
            status: start(TokenKind::Status)?,
            subscribers: start(TokenKind::Subscribers)?,
        })
    }

    /// The tokens with their names, for health and `doctor`.
    pub fn named(&self) -> [(&'static str, &Arc<dyn Hsm>); 3] {
        [("authority", &self.authority), ("status", &self.status), ("subscribers", &self.subscribers)]
    }
}

fn worker_settings(settings: &Settings, kind: TokenKind, executable: &Path) -> Result<chuky_hsm::Settings> {
    let module = find_module(settings.hsm.module.as_deref())?;
    let pin = PinSource::File(pin_file(settings, kind, "user"));
    let mut worker = chuky_hsm::Settings::new(module, label(kind), kind, pin);
    worker.workers = settings.hsm.workers_per_token;
    worker.threads = settings.hsm.threads_per_worker;
    worker.queue = settings.hsm.queue;
    worker.memory_bytes = settings.hsm.worker_memory;
    worker.stock = match (kind, settings.hsm.rsa_stock) {
        (TokenKind::Subscribers, count @ 1..) => vec![StockTarget { algorithm: KeyAlgorithm::Rsa2048, count }],
        _ => Vec::new(),
    };
    worker.executable = Some(executable.to_owned());
    worker.environment = vec![(SOFTHSM_VARIABLE.to_owned(), softhsm_file(settings).to_string_lossy().into_owned())];
    Ok(worker)
}

/// Prepares directories, PINs, tokens and keys, each only where it is missing. The PKCS#11 library is loaded in workers only.
pub async fn prepare(settings: &Settings, executable: &Path) -> Result<()> {
    for directory in [&settings.data_dir, &settings.secrets_dir, &settings.data_dir.join("tokens")] {
        private_directory(directory)?;
    }
    let configuration = softhsm_file(settings);
    if !configuration.exists() {
        let tokens = std::path::absolute(settings.data_dir.join("tokens")).map_err(InternalError::io("tokens"))?;
        let text = SOFTHSM_TEMPLATE.replace("@TOKENS@", &tokens.to_string_lossy());
        fs::write(&configuration, text).map_err(InternalError::io(configuration.display().to_string()))?;
    }
    let secrets = provision::Secrets::random();
    for kind in KINDS {
        let so_pin = pin(settings, kind, "so")?;
        pin(settings, kind, "user")?;
        prepare_one(&worker_settings(settings, kind, executable)?, &so_pin, &secrets).await?;
    }
    Ok(())
}

/// Adds the next pepper to the subscribers token and gives its version.
pub async fn add_pepper(settings: &Settings, executable: &Path, value: &Secret32) -> Result<u32> {
    Ok(chuky_hsm::add_pepper(&worker_settings(settings, TokenKind::Subscribers, executable)?, value).await?)
}

/// Destroys a pepper of the subscribers token that is not the newest.
pub async fn destroy_pepper(settings: &Settings, executable: &Path, version: u32) -> Result<()> {
    Ok(chuky_hsm::destroy_pepper(&worker_settings(settings, TokenKind::Subscribers, executable)?, version).await?)
}

/// Every step of preparing a token can be repeated, and a module that crashed in one (SoftHSM does where several processes start at
/// once) usually does not in the next.
async fn prepare_one(worker: &chuky_hsm::Settings, so_pin: &Pin, secrets: &provision::Secrets) -> Result<()> {
    for _ in 1..PREPARATIONS {
        match chuky_hsm::prepare_token(worker, so_pin, secrets).await {
            Err(error) if error.is_temporary() => tokio::time::sleep(BETWEEN_PREPARATIONS).await,
            other => return Ok(other.map(drop)?),
        }
    }
    Ok(chuky_hsm::prepare_token(worker, so_pin, secrets).await.map(drop)?)
}

/// A PIN from its file, made at random where there is none yet.
fn pin(settings: &Settings, kind: TokenKind, role: &str) -> Result<Pin> {
    let path = pin_file(settings, kind, role);
    if !path.exists() {
        write_secret(&path, Pin::random().expose().as_bytes())?;
    }
    Ok(PinSource::File(path).read()?)
}

/// Writes a file that only its owner can read; it appears whole or not at all.
pub fn write_secret(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |error| InternalError::io(path.display().to_string())(error);
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(fs::rename(&beside, path).map_err(failed)?)
}

/// Makes a directory that only its owner can enter, where it is missing.
pub fn private_directory(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    Ok(made.map_err(InternalError::io(path.display().to_string()))?)
}

fn pin_file(settings: &Settings, kind: TokenKind, role: &str) -> PathBuf {
    settings.secrets_dir.join(format!("{}.{role}.pin", name(kind)))
}

fn softhsm_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join("softhsm2.conf")
}

fn name(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Authority => "authority",
        TokenKind::Status => "status",
        TokenKind::Subscribers => "subscribers",
    }
}

/// The token's label in the HSM.
fn label(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Authority => "chuky-authority",
        TokenKind::Status => "chuky-status",
        TokenKind::Subscribers => "chuky-subscribers",
    }
}

const KINDS: [TokenKind; 3] = [TokenKind::Authority, TokenKind::Status, TokenKind::Subscribers];
/// Times that preparing a token is tried.
const PREPARATIONS: usize = 4;
const BETWEEN_PREPARATIONS: std::time::Duration = std::time::Duration::from_millis(200);
const SOFTHSM_VARIABLE: &str = "SOFTHSM2_CONF";
const SOFTHSM_TEMPLATE: &str = include_str!("../softhsm/softhsm2.conf.template");
