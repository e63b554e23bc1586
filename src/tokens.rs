//! The three tokens as the service knows them: authority; status and time; subscribers. Their PINs lie in files of their own
//! outside the data directory; the PKCS#11 library is loaded by worker processes only, and by the process that prepares tokens.

use crate::{
    config::Settings,
    custodians::{Note, Opened},
    error::{InternalError, RequestError, Result},
};
use chuky_hsm::{
    Hsm, KeyContext, Pin, PinSource, Secret32, StockTarget, Supervised, TokenKind, find_module, provision,
    share::Purpose,
};
use chuky_model::{
    algorithm::KeyAlgorithm,
    id::{AccountId, CredentialId},
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

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
    worker.environment = softhsm_environment(settings);
    Ok(worker)
}

/// Prepares directories, PINs, tokens and keys, each only where it is missing. The PKCS#11 library is loaded in workers only. Where
/// custodians hold the PINs nothing is prepared: the tokens are, and their PINs must have been entered.
pub async fn prepare(settings: &Settings, executable: &Path) -> Result<()> {
    directories(settings)?;
    if Note::load(settings)?.is_some_and(|note| note.set(Purpose::OfficerPin).is_some()) {
        let is_there = |kind| pin_file(settings, kind, "user").exists();
        return if KINDS.into_iter().all(is_there) { Ok(()) } else { Err(locked().into()) };
    }
    let secrets = provision::Secrets::random();
    for kind in KINDS {
        let so_pin = pin(settings, kind, "so")?;
        pin(settings, kind, "user")?;
        prepare_one(&worker_settings(settings, kind, executable)?, &so_pin, &secrets).await?;
    }
    Ok(())
}

/// The same with what custodians brought together: their PINs, and the values of the subscribers token's keys.
pub async fn prepare_held(settings: &Settings, executable: &Path, opened: &Opened) -> Result<()> {
    directories(settings)?;
    unlock(settings, opened)?;
    let secrets = match opened.has(Purpose::Keys) {
        true => opened.token_secrets()?,
        false => provision::Secrets::random(),
    };
    for kind in KINDS {
        let so_pin = match opened.has(Purpose::OfficerPin) {
            true => opened.pin(Purpose::OfficerPin, label(kind))?,
            false => pin(settings, kind, "so")?,
        };
        pin(settings, kind, "user")?;
        prepare_one(&worker_settings(settings, kind, executable)?, &so_pin, &secrets).await?;
    }
    Ok(())
}

/// Puts the user PINs of the service's tokens where its workers find them: in memory only, until the machine is next started.
pub fn unlock(settings: &Settings, opened: &Opened) -> Result<()> {
    if !opened.has(Purpose::UserPin) {
        return Ok(());
    }
    private_directory(&settings.pins_dir)?;
    if !is_in_memory(&settings.pins_dir)? {
        return Err(on_disk(&settings.pins_dir).into());
    }
    for kind in KINDS {
        let pin = opened.pin(Purpose::UserPin, label(kind))?;
        write_secret(&pin_file(settings, kind, "user"), pin.expose().as_bytes())?;
    }
    Ok(())
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
        if so_pin.is_some() {
            private_directory(directory)?;
        }
        if !directory.is_dir() {
            return Err(away(&plan.label).into());
        }
        let configuration = settings.data_dir.join(format!("softhsm2-{}.conf", plan.label));
        softhsm_configuration(&configuration, directory)?;
        worker.environment = vec![(SOFTHSM_VARIABLE.to_owned(), configuration.to_string_lossy().into_owned())];
    } else {
        worker.environment = softhsm_environment(settings);
    }
    if let Some(so_pin) = so_pin {
        prepare_one(&worker, so_pin, &provision::Secrets::random()).await?;
    }
    let hsm = Supervised::start(worker);
    if hsm.wait_ready().await.is_err() {
        return Err(away(&plan.label).into());
    }
    Ok(RootToken { label: plan.label.clone(), hsm: Arc::new(hsm) })
}

/// Where a second token of the subscribers' keys is made.
#[derive(Clone, Debug)]
pub struct SecondToken {
    pub label: String,
    /// The PKCS#11 library, where it is not that of the first.
    pub module: Option<PathBuf>,
    /// SoftHSM only: the directory that is the token.
    pub softhsm_directory: Option<PathBuf>,
}

/// Loads a second subscribers token with what custodians brought together, and proves that each opens what the other seals. Its user PIN is
/// that of the first token.
pub async fn second_token(
    settings: &Settings,
    executable: &Path,
    second: &SecondToken,
    opened: &Opened,
) -> Result<provision::Prepared> {
    let first = worker_settings(settings, TokenKind::Subscribers, executable)?;
    let mut worker = first.clone();
    worker.token_label.clone_from(&second.label);
    worker.module = find_module(second.module.as_deref().or(settings.hsm.module.as_deref()))?;
    if let Some(directory) = &second.softhsm_directory {
        private_directory(directory)?;
        let configuration = settings.data_dir.join(format!("softhsm2-{}.conf", second.label));
        softhsm_configuration(&configuration, directory)?;
        worker.environment = vec![(SOFTHSM_VARIABLE.to_owned(), configuration.to_string_lossy().into_owned())];
    }
    let one = opened_token(first).await?;
    // A pepper that was made later has components of its own.
    if one.probe().await?.pepper_versions != [1] {
        return Err(more_peppers().into());
    }
    let officer = opened.pin(Purpose::OfficerPin, &second.label)?;
    let prepared = chuky_hsm::prepare_token(&worker, &officer, &opened.token_secrets()?).await?;
    let two = opened_token(worker).await?;
    if is_equal(&*one, &*two).await? { Ok(prepared) } else { Err(not_equal().into()) }
}

async fn opened_token(mut worker: chuky_hsm::Settings) -> Result<Arc<dyn Hsm>> {
    worker.workers = 1;
    worker.stock = Vec::new();
    let token = Supervised::start(worker);
    token.wait_ready().await?;
    Ok(Arc::new(token))
}

/// Whether two tokens hold the same keys: row MAC key and data secret by what they make of the same input, wrapping key and pepper by a key
/// that one seals and the other opens and signs with.
async fn is_equal(one: &dyn Hsm, two: &dyn Hsm) -> Result<bool> {
    let domain = "chuky-token-check-v1";
    let same_macs = one.mac(domain, b"equal").await? == two.mac(domain, b"equal").await?;
    let same_data = one.derive_data_key(1).await? == two.derive_data_key(1).await?;
    let context = KeyContext { key_id: CredentialId(Uuid::now_v7()), owner: AccountId(Uuid::now_v7()) };
    let secret = Secret32::random();
    let sealed = one.generate_sealed(KeyAlgorithm::P256, &context, &secret).await?;
    match two.reseal(&sealed.blob, &context, &secret, &context, &secret).await {
        Ok(again) => Ok(same_macs && same_data && again.spki_der == sealed.spki_der),
        Err(chuky_hsm::Error::WrongSecret | chuky_hsm::Error::Tampered { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn more_peppers() -> RequestError {
    RequestError::conflict(
        "more_peppers",
        "Thiết bị thứ nhất có pepper khác ngoài pepper đầu tiên: tờ in của lễ tạo khóa không đủ. Hãy sao chép thiết bị bằng công cụ của hãng.",
        "The first token has peppers beside the first one, which no sheet of the ceremony holds. Clone the token by the vendor's means.",
    )
}

fn not_equal() -> RequestError {
    RequestError::conflict(
        "tokens_differ",
        "Thiết bị thứ hai KHÔNG giữ cùng khóa với thiết bị thứ nhất. Không dùng nó: hãy khởi tạo lại và nhập đúng các mảnh khóa.",
        "The second token does NOT hold the keys of the first. Do not use it: initialise it anew, and enter the right shares.",
    )
}

fn directories(settings: &Settings) -> Result<()> {
    let tokens = settings.data_dir.join("tokens");
    for directory in [&settings.data_dir, &settings.secrets_dir, &settings.pins_dir, &tokens] {
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
    Ok([TMPFS, RAMFS].contains(&i64::from(found.f_type)))
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

/// The token's label in the HSM.
fn label(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Authority => "chuky-authority",
        TokenKind::Status => "chuky-status",
        TokenKind::Subscribers => "chuky-subscribers",
    }
}

const KINDS: [TokenKind; 3] = [TokenKind::Authority, TokenKind::Status, TokenKind::Subscribers];
/// TMPFS_MAGIC and RAMFS_MAGIC (linux/magic.h).
const TMPFS: i64 = 0x0102_1994;
const RAMFS: i64 = 0x8584_58f6;
/// Times that preparing a token is tried.
const PREPARATIONS: usize = 4;
const BETWEEN_PREPARATIONS: std::time::Duration = std::time::Duration::from_millis(200);
const SOFTHSM_VARIABLE: &str = "SOFTHSM2_CONF";
const SOFTHSM_TEMPLATE: &str = include_str!("../softhsm/softhsm2.conf.template");
