//! The three tokens as the service knows them: authority; status and time; subscribers. Their PINs lie in files of their own
//! outside the data directory; the PKCS#11 library is loaded by worker processes only, and by the process that prepares tokens.

use crate::{
    config::{Settings, TokenConfig, TokenRole},
    error::{Error, InternalError, RequestError, Result},
};
use chuky_hsm::{
    Health, Hsm, Judge, Lasting, Pin, PinSource, Secret32, Standing, StockTarget, Supervised, TokenAddress, TokenKind,
    find_module, provision,
};
use chuky_model::algorithm::KeyAlgorithm;
use chuky_pki::crypto::PublicKey;
use std::{
    collections::BTreeMap,
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

/// Judges signatures for the HSM's workers.
pub fn key_reader(spki_der: &[u8], lasting: Lasting) -> Option<Judge> {
    let key = match lasting {
        Lasting::Always => PublicKey::of_service(spki_der).ok()?,
        Lasting::Briefly => PublicKey::from_spki_der(spki_der).ok()?,
    };
    Some(Judge::new(move |scheme, digest, signature| key.verify_digest(scheme.into(), digest, signature).is_ok()))
}

/// Waits until every second token was compared with the first of its role, and refuses to serve with one that holds other keys. A token
/// that is away is compared when it comes.
pub async fn refuse_different(tokens: &Tokens) -> Result<()> {
    let until = tokio::time::Instant::now() + LONGEST_COMPARISON;
    for (name, token) in tokens.named() {
        let settled = |health: &Health| health.tokens.iter().all(|token| token.standing != Standing::Starting);
        while token.health().tokens.len() > 1 && !settled(&token.health()) && tokio::time::Instant::now() < until {
            tokio::time::sleep(BETWEEN_PREPARATIONS).await;
        }
        for found in token.health().tokens {
            let reason = found.reason.unwrap_or_default();
            match found.standing {
                Standing::Different => {
                    return Err(InternalError::other(format!("hsm.tokens, {name}: {reason}; see docs/hsm.md")).into());
                }
                Standing::Out => tracing::warn!(event = "hsm_token_away", token = name, label = found.label, reason),
                Standing::StandingBy if !reason.is_empty() => {
                    tracing::warn!(event = "hsm_token_lacks_keys", token = name, label = found.label, reason);
                }
                Standing::StandingBy | Standing::Serving | Standing::Starting => {}
            }
        }
    }
    Ok(())
}

fn worker_settings(settings: &Settings, kind: TokenKind, executable: &Path) -> Result<chuky_hsm::Settings> {
    let usual = TokenConfig {
        role: role(kind),
        module: None,
        label: None,
        serial: None,
        pin_file: None,
        environment: BTreeMap::new(),
    };
    let mut named = settings.hsm.tokens.iter().filter(|token| token.role == role(kind));
    let first = address(settings, kind, named.next().unwrap_or(&usual))?;
    let mut worker = chuky_hsm::Settings::new(first.module, first.token_label, kind, first.pin);
    worker.serial = first.serial;
    worker.environment = first.environment;
    worker.standby = named.map(|token| address(settings, kind, token)).collect::<Result<_>>()?;
    worker.stall = settings.hsm.stall;
    worker.workers = settings.hsm.workers_per_token;
    worker.threads = settings.hsm.threads_per_worker;
    worker.queue = settings.hsm.queue;
    worker.memory_bytes = settings.hsm.worker_memory;
    worker.stock = match (kind, settings.hsm.rsa_stock) {
        (TokenKind::Subscribers, count @ 1..) => vec![StockTarget { algorithm: KeyAlgorithm::Rsa2048, count }],
        _ => Vec::new(),
    };
    worker.executable = Some(executable.to_owned());
    Ok(worker)
}

fn address(settings: &Settings, kind: TokenKind, token: &TokenConfig) -> Result<TokenAddress> {
    let module = find_module(token.module.as_deref().or(settings.hsm.module.as_deref()))?;
    let pin = token.pin_file.clone().unwrap_or_else(|| pin_file(settings, kind, "user"));
    let softhsm = (SOFTHSM_VARIABLE.to_owned(), softhsm_file(settings).to_string_lossy().into_owned());
    let own = token.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    Ok(TokenAddress {
        module,
        token_label: token.label.clone().unwrap_or_else(|| label(kind).to_owned()),
        serial: token.serial.clone(),
        pin: PinSource::File(pin),
        // The later one of two values counts.
        environment: std::iter::once(softhsm).chain(own).collect(),
    })
}

/// Prepares directories, PINs, tokens and keys, each only where it is missing. The PKCS#11 library is loaded in workers only. Of a role with
/// several tokens the first alone is prepared: the others are its copies, made by the vendor's means.
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
        let worker = worker_settings(settings, kind, executable)?;
        match prepare_one(&worker, &so_pin, &secrets).await {
            // Another token of the role may serve while this one is away.
            Err(Error::Internal(InternalError::Hsm(error))) if error.is_temporary() && !worker.standby.is_empty() => {
                tracing::warn!(event = "hsm_token_not_prepared", token = name(kind), %error);
            }
            other => other?,
        }
    }
    Ok(())
}

/// Adds the next pepper to a subscribers token, the first one being 1, and gives its version.
pub async fn add_pepper(settings: &Settings, executable: &Path, number: usize, value: &Secret32) -> Result<u32> {
    Ok(chuky_hsm::add_pepper(&subscribers_token(settings, executable, number)?, value).await?)
}

/// Destroys a pepper of a subscribers token, the first one being 1, that is not the newest.
pub async fn destroy_pepper(settings: &Settings, executable: &Path, number: usize, version: u32) -> Result<()> {
    Ok(chuky_hsm::destroy_pepper(&subscribers_token(settings, executable, number)?, version).await?)
}

/// One of the subscribers tokens alone.
fn subscribers_token(settings: &Settings, executable: &Path, number: usize) -> Result<chuky_hsm::Settings> {
    let mut worker = worker_settings(settings, TokenKind::Subscribers, executable)?;
    let mut addresses = worker.addresses().into_iter();
    let unknown = || {
        RequestError::invalid(
            "token",
            "token_unknown",
            "Cấu hình không có token mang số này (mục hsm.tokens).",
            "The settings (hsm.tokens) name no token of this number.",
        )
    };
    let address = number.checked_sub(1).and_then(|index| addresses.nth(index)).ok_or_else(unknown)?;
    worker.module = address.module;
    worker.token_label = address.token_label;
    worker.serial = address.serial;
    worker.pin = address.pin;
    worker.environment = address.environment;
    worker.standby = Vec::new();
    Ok(worker)
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

fn role(kind: TokenKind) -> TokenRole {
    match kind {
        TokenKind::Authority => TokenRole::Authority,
        TokenKind::Status => TokenRole::Status,
        TokenKind::Subscribers => TokenRole::Subscribers,
    }
}

/// The token's usual label in the HSM.
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
/// How long second tokens are waited for at the start. One that comes later is compared then.
const LONGEST_COMPARISON: std::time::Duration = std::time::Duration::from_secs(30);
const BETWEEN_PREPARATIONS: std::time::Duration = std::time::Duration::from_millis(200);
const SOFTHSM_VARIABLE: &str = "SOFTHSM2_CONF";
const SOFTHSM_TEMPLATE: &str = include_str!("../softhsm/softhsm2.conf.template");
