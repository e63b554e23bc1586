//! The three tokens as the service knows them: authority; status and time; subscribers. Their PINs lie in files of their own
//! outside the data directory; the PKCS#11 library is loaded by worker processes only, and by the process that prepares tokens.

mod files;
mod known;
mod lost;
mod second;

pub use files::{ceremony_directory, data_directory, private_directory, sync_directory, write_secret};
pub use lost::rebuilt_subscribers_token;
pub use second::{SecondToken, second_token};

use crate::{
    config::{Settings, TokenConfig, TokenRole},
    custodians::{Note, Opened},
    error::{InternalError, RequestError, Result},
};
use chuky_hsm::{
    Health, Hsm, Judge, Lasting, Pin, PinSource, Secret32, Standing, StockTarget, Supervised, TokenAddress, TokenKind,
    find_module, provision, share::Purpose,
};
use chuky_model::algorithm::KeyAlgorithm;
use chuky_pki::crypto::PublicKey;
use std::{
    collections::BTreeMap,
    fs,
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
    /// Tokens of roots that are here for a ceremony; the service has none.
    pub roots: Vec<RootToken>,
}

/// The token of a root, while it is here.
#[derive(Clone)]
pub struct RootToken {
    pub label: String,
    pub hsm: Arc<dyn Hsm>,
}

/// Where the token of a root is found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootTokenPlan {
    /// The token's label.
    pub label: String,
    /// The PKCS#11 library, where it is not that of the other tokens.
    #[serde(default)]
    pub module: Option<PathBuf>,
    /// SoftHSM only: the directory that is the token, on a medium that can be taken away.
    #[serde(default)]
    pub softhsm_directory: Option<PathBuf>,
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
            roots: Vec::new(),
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
    Some(Judge::of_many(move |scheme, signed| key.verify_digests(scheme.into(), signed.iter().copied()).is_ok()))
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
/// several tokens none is prepared: they are copies of one that was. Where custodians hold the PINs nothing is prepared: the tokens are,
/// and their PINs must have been entered.
pub async fn prepare(settings: &Settings, executable: &Path) -> Result<()> {
    directories(settings)?;
    if Note::load(settings)?.is_some_and(|note| note.set(Purpose::OfficerPin).is_some()) {
        let is_there = |kind| pin_file(settings, kind, "user").exists();
        return if KINDS.into_iter().all(is_there) { Ok(()) } else { Err(locked().into()) };
    }
    // Tokens that were prepared once are never made anew: one that is not seen just now must not be replaced by an empty one.
    if were_prepared(settings) {
        return Ok(());
    }
    let secrets = provision::Secrets::random();
    let mut all = true;
    for kind in KINDS {
        let so_pin = pin(settings, kind, "so")?;
        pin(settings, kind, "user")?;
        let worker = worker_settings(settings, kind, executable)?;
        // A second token is a copy of the first, so the first was prepared. Where it is away now, no other may be made in its place.
        match worker.standby.is_empty() {
            true => prepare_one(settings, &worker, &so_pin, &secrets).await?,
            false => all = false,
        }
    }
    if all { write_secret(&marker(settings), b"") } else { Ok(()) }
}

/// Whether the service's tokens were prepared over this data, under PINs in files.
pub fn were_prepared(settings: &Settings) -> bool {
    marker(settings).exists()
}

fn marker(settings: &Settings) -> PathBuf {
    settings.data_dir.join("tokens-prepared")
}

/// The same with what custodians brought together: their PINs, and the values of the subscribers token's keys. PINs are put where the
/// service finds them once the tokens took them.
pub async fn prepare_held(settings: &Settings, executable: &Path, opened: &Opened) -> Result<()> {
    directories(settings)?;
    if opened.has(Purpose::UserPin) {
        pins_directory(settings)?;
    }
    let secrets = match opened.has(Purpose::Keys) {
        true => opened.token_secrets()?,
        false => provision::Secrets::random(),
    };
    for kind in KINDS {
        let so_pin = match opened.has(Purpose::OfficerPin) {
            true => opened.pin(Purpose::OfficerPin, label(kind))?,
            false => pin(settings, kind, "so")?,
        };
        let mut worker = worker_settings(settings, kind, executable)?;
        worker.pin = match opened.has(Purpose::UserPin) {
            true => PinSource::Value(opened.pin(Purpose::UserPin, label(kind))?),
            false => PinSource::Value(pin(settings, kind, "user")?),
        };
        prepare_one(settings, &worker, &so_pin, &secrets).await?;
    }
    unlock(settings, opened)
}

/// Puts the user PINs of the service's tokens where its workers find them: in memory only, until the machine is next started.
pub fn unlock(settings: &Settings, opened: &Opened) -> Result<()> {
    if !opened.has(Purpose::UserPin) {
        return Ok(());
    }
    pins_directory(settings)?;
    for kind in KINDS {
        let pin = opened.pin(Purpose::UserPin, label(kind))?;
        write_secret(&pin_file(settings, kind, "user"), pin.expose().as_bytes())?;
    }
    Ok(())
}

fn pins_directory(settings: &Settings) -> Result<()> {
    private_directory(&settings.pins_dir)?;
    if is_in_memory(&settings.pins_dir)? { Ok(()) } else { Err(on_disk(&settings.pins_dir).into()) }
}

/// Opens the token of a root for a ceremony; makes it where `so_pin` is given and it is not there.
pub async fn root_token(
    settings: &Settings,
    executable: &Path,
    plan: &RootTokenPlan,
    (so_pin, user_pin): (Option<&Pin>, Pin),
) -> Result<RootToken> {
    let module = find_module(plan.module.as_deref().or(settings.hsm.module.as_deref()))?;
    let mut worker = chuky_hsm::Settings::new(module, &plan.label, TokenKind::Authority, PinSource::Value(user_pin));
    worker.workers = 1;
    worker.executable = Some(executable.to_owned());
    if let Some(directory) = &plan.softhsm_directory {
        let is_new = so_pin.is_some() && !known::is_known(settings, &plan.label)?;
        if is_new {
            ceremony_directory(directory)?;
        } else if !directory.is_dir() {
            return Err(away(&plan.label).into());
        }
        let configuration = settings.data_dir.join(format!("softhsm2-{}.conf", plan.label));
        softhsm_configuration(&configuration, directory)?;
        worker.environment = vec![(SOFTHSM_VARIABLE.to_owned(), configuration.to_string_lossy().into_owned())];
    } else {
        worker.environment = softhsm_environment(settings);
    }
    if let Some(so_pin) = so_pin {
        prepare_one(settings, &worker, so_pin, &provision::Secrets::random()).await?;
    }
    let hsm = Supervised::start(worker);
    if hsm.wait_ready().await.is_err() {
        return Err(away(&plan.label).into());
    }
    Ok(RootToken { label: plan.label.clone(), hsm: Arc::new(hsm) })
}

fn directories(settings: &Settings) -> Result<()> {
    let tokens = settings.data_dir.join("tokens");
    data_directory(&settings.data_dir)?;
    for directory in [&settings.secrets_dir, &settings.pins_dir, &tokens] {
        private_directory(directory)?;
    }
    let configuration = softhsm_file(settings);
    if configuration.exists() { Ok(()) } else { softhsm_configuration(&configuration, &tokens) }
}

/// SoftHSM's own settings: where its tokens lie.
pub fn softhsm_configuration(file: &Path, tokens: &Path) -> Result<()> {
    let tokens = std::path::absolute(tokens).map_err(InternalError::io(tokens.display().to_string()))?;
    let text = SOFTHSM_TEMPLATE.replace("@TOKENS@", &tokens.to_string_lossy());
    Ok(fs::write(file, text).map_err(InternalError::io(file.display().to_string()))?)
}

fn softhsm_environment(settings: &Settings) -> Vec<(String, String)> {
    vec![(SOFTHSM_VARIABLE.to_owned(), softhsm_file(settings).to_string_lossy().into_owned())]
}

/// Whether a directory lies in memory alone: tmpfs or ramfs (statfs(2)).
pub fn is_in_memory(directory: &Path) -> Result<bool> {
    let found = rustix::fs::statfs(directory).map_err(|error| {
        InternalError::io(directory.display().to_string())(std::io::Error::from_raw_os_error(error.raw_os_error()))
    })?;
    Ok([TMPFS, RAMFS].contains(&found.f_type))
}

fn locked() -> RequestError {
    RequestError::conflict(
        "tokens_locked",
        "PIN của các thiết bị khóa do nhiều người giữ và chưa được nhập: chạy `chuky ceremony unlock` cùng những người giữ.",
        "Custodians hold the tokens' PINs, and they were not entered: run `chuky ceremony unlock` with the custodians.",
    )
}

fn on_disk(directory: &Path) -> RequestError {
    let shown = directory.display();
    RequestError::conflict(
        "pins_on_disk",
        format!("{shown} nằm trên đĩa. Đặt hsm.pins_dir là thư mục trong bộ nhớ (tmpfs), ví dụ /run/chuky/pins."),
        format!(
            "{shown} lies on a disk. Set hsm.pins_dir to a directory in memory (tmpfs), /run/chuky/pins for instance."
        ),
    )
}

fn away(label: &str) -> RequestError {
    RequestError::conflict(
        "root_away",
        format!("Không mở được thiết bị khóa gốc {label}: hãy cắm thiết bị và nhập đúng các mảnh khóa."),
        format!("The root's token {label} cannot be opened: connect it, and enter the right shares."),
    )
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
/// once) usually does not in the next. A token that was made before is never made anew.
async fn prepare_one(
    settings: &Settings,
    worker: &chuky_hsm::Settings,
    so_pin: &Pin,
    secrets: &provision::Secrets,
) -> Result<()> {
    let label = &worker.token_label;
    let was_made = known::is_known(settings, label)?;
    prepared(worker, so_pin, secrets, !was_made).await.map_err(|error| match error {
        chuky_hsm::Error::Unavailable { .. } if was_made => known::away(label, &error).into(),
        other => crate::error::Error::from(other),
    })?;
    known::remember(settings, label)
}

async fn prepared(
    worker: &chuky_hsm::Settings,
    so_pin: &Pin,
    secrets: &provision::Secrets,
    initialise: bool,
) -> std::result::Result<provision::Prepared, chuky_hsm::Error> {
    for _ in 1..PREPARATIONS {
        match chuky_hsm::prepare_token(worker, so_pin, secrets, initialise).await {
            Err(error) if error.is_temporary() => tokio::time::sleep(BETWEEN_PREPARATIONS).await,
            other => return other,
        }
    }
    chuky_hsm::prepare_token(worker, so_pin, secrets, initialise).await
}

/// A PIN from its file, made at random where there is none yet.
fn pin(settings: &Settings, kind: TokenKind, role: &str) -> Result<Pin> {
    let path = pin_file(settings, kind, role);
    if !path.exists() {
        write_secret(&path, Pin::random().expose().as_bytes())?;
    }
    Ok(PinSource::File(path).read()?)
}

fn pin_file(settings: &Settings, kind: TokenKind, role: &str) -> PathBuf {
    settings.pins_dir.join(format!("{}.{role}.pin", name(kind)))
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
/// TMPFS_MAGIC and RAMFS_MAGIC (linux/magic.h).
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
const RAMFS: rustix::fs::FsWord = 0x8584_58f6;
/// Times that preparing a token is tried.
const PREPARATIONS: usize = 4;
/// How long second tokens are waited for at the start. One that comes later is compared then.
const LONGEST_COMPARISON: std::time::Duration = std::time::Duration::from_secs(30);
const BETWEEN_PREPARATIONS: std::time::Duration = std::time::Duration::from_millis(200);
const SOFTHSM_VARIABLE: &str = "SOFTHSM2_CONF";
const SOFTHSM_TEMPLATE: &str = include_str!("../softhsm/softhsm2.conf.template");
