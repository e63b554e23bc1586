//! Settings: a raw `Config` as TOML and environment write it becomes `Settings` once, checked, with every default named.
//! Environment variables `CHUKY__SECTION__KEY` override the file. No secret is a setting; PINs lie in files of their own.

mod accounts;
mod audit;
mod authority;
mod database;
mod documents;
mod identity;
mod mail;
mod messages;
mod network;
mod payments;
pub mod reference;
mod registration;
mod retention;
mod rows;
mod seal;
mod server;
mod source;
mod verification;

pub use {
    accounts::{AccountsConfig, SecondFactorRule},
    audit::{AuditConfig, AuditSettings, PREFIX as AUDIT_LOG, Witness},
    authority::{AuthorityConfig, MOST_LIST_PARTS},
    database::DatabaseConfig,
    documents::{DocumentsConfig, FontsConfig, ForeignRule},
    identity::{IdentityConfig, IdentityProvider, UnavailableRule},
    mail::{MailConfig, MailSecurity, MailSettings},
    messages::{GatewayConfig, GatewaySettings, MessagesConfig, SmsWay},
    network::Network,
    payments::PaymentsConfig,
    registration::{ApprovalRule, ExpiredCardRule, RegistrationConfig, SecondCertificateRule, SecondSecretRule},
    retention::RetentionConfig,
    seal::{FactorRule, SealConfig},
    server::{ConnectionLimits, Pin, RequestSettings, ServerConfig, TlsConfig, TlsSettings},
    verification::VerificationConfig,
};

use crate::rates::RatesConfig;
use serde::{Deserialize, Serialize};
use source::Source;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a file or the environment may say. Unknown keys are refused, so that a typing error shows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub hsm: HsmConfig,
    pub seal: SealConfig,
    pub readers: ReadersConfig,
    pub fonts: FontsConfig,
    pub authority: AuthorityConfig,
    pub registration: RegistrationConfig,
    pub identity: IdentityConfig,
    pub retention: RetentionConfig,
    pub timestamps: TimestampsConfig,
    pub messages: MessagesConfig,
    pub verification: VerificationConfig,
    pub payments: PaymentsConfig,
    pub audit: AuditConfig,
    pub documents: DocumentsConfig,
    pub accounts: AccountsConfig,
    /// How often somebody may try.
    pub rates: RatesConfig,
}

/// The PKCS#11 module and the worker processes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HsmConfig {
    /// Path of the PKCS#11 library; SoftHSM's usual places where absent.
    pub module: Option<PathBuf>,
    /// Directory of the files with the tokens' PINs, outside the data directory and its backups.
    pub secrets_dir: Option<PathBuf>,
    /// Directory of the files with the tokens' PINs, where it is not that of the other secrets: one in memory where custodians hold the PINs.
    pub pins_dir: Option<PathBuf>,
    pub workers_per_token: usize,
    pub threads_per_worker: usize,
    pub queue: usize,
    pub deadline_ms: u64,
    pub worker_memory_mib: u64,
    /// Ready-made RSA keys of each size, 0 for none.
    pub rsa_stock: usize,
    /// Milliseconds after which a call that should take few shows a hung worker.
    pub stall_ms: u64,
    /// Where tokens differ from the usual, and second tokens: the first one of a role serves, the others take over in their order.
    pub tokens: Vec<TokenConfig>,
}

/// One token of a role.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    pub role: TokenRole,
    /// Path of its PKCS#11 library, where it is not `hsm.module`.
    pub module: Option<PathBuf>,
    /// Its label, where it is not `chuky-ROLE`.
    pub label: Option<String>,
    /// Its serial number, where the library shows several tokens of this label.
    pub serial: Option<String>,
    /// File with its user PIN, where it is not the first token's.
    pub pin_file: Option<PathBuf>,
    /// Environment of its worker processes, such as the library's own settings.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    Authority,
    Status,
    Subscribers,
}

/// The reader workers that parse strangers' documents.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadersConfig {
    pub count: usize,
    pub documents_per_reader: u32,
    pub seconds: u64,
    pub memory_mib: u64,
}

/// The timestamp authorities.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimestampsConfig {
    /// Whose word says that the clock is right. Without it the kernel's, and for TEST hierarchies the operator's.
    pub clock: Option<ClockSource>,
}

/// Whose word says that the clock is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// The kernel's, which hears it from the program that synchronises it.
    Kernel,
    /// The operator's alone: for TEST hierarchies only, others stamp nothing then.
    Declared,
}

impl Default for HsmConfig {
    fn default() -> Self {
        Self {
            module: None,
            secrets_dir: None,
            pins_dir: None,
            workers_per_token: 1,
            threads_per_worker: 2,
            queue: 256,
            deadline_ms: 10_000,
            worker_memory_mib: 512,
            rsa_stock: 2,
            stall_ms: 2_000,
            tokens: Vec::new(),
        }
    }
}

impl Default for ReadersConfig {
    fn default() -> Self {
        Self { count: 2, documents_per_reader: 100, seconds: 30, memory_mib: 1_024 }
    }
}

/// Checked settings, as the rest of the program sees them.
#[derive(Clone, Debug)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub secrets_dir: PathBuf,
    /// Where the tokens' PINs lie.
    pub pins_dir: PathBuf,
    pub listen: SocketAddr,
    /// Without a trailing slash.
    pub public_url: String,
    /// The same for status services, where it is another; see [`Settings::status_url`].
    pub status_url: Option<String>,
    pub connections: ConnectionLimits,
    pub tls: Option<TlsSettings>,
    /// Bytes.
    pub largest_upload: u64,
    pub database_url: String,
    pub database_wait: Duration,
    pub hsm: HsmSettings,
    pub seal: SealConfig,
    pub readers: ReadersConfig,
    pub fonts_dir: PathBuf,
    pub authority: AuthorityConfig,
    pub registration: RegistrationConfig,
    pub identity: IdentityConfig,
    pub retention: RetentionConfig,
    pub timestamps: TimestampsConfig,
    pub spool_dir: Option<PathBuf>,
    pub gateway: Option<GatewaySettings>,
    pub mail: Option<MailSettings>,
    /// Whether a page shows messages.
    pub shows_messages: bool,
    pub verification: VerificationConfig,
    pub payments: PaymentsConfig,
    pub audit: AuditSettings,
    pub documents: DocumentsConfig,
    pub accounts: AccountsConfig,
    pub trusted_proxies: Vec<Network>,
    pub requests: RequestSettings,
    pub rates: RatesConfig,
    pub order_policy: chuky_pki::payment::OrderPolicy,
}

/// The HSM's part of the settings.
#[derive(Clone, Debug)]
pub struct HsmSettings {
    pub module: Option<PathBuf>,
    pub workers_per_token: usize,
    pub threads_per_worker: usize,
    pub queue: usize,
    pub deadline: Duration,
    /// Bytes of resident memory after which an idle worker is retired.
    pub worker_memory: u64,
    pub rsa_stock: usize,
    /// After which a call that should take milliseconds shows a hung worker.
    pub stall: Duration,
    /// In the order in which they serve.
    pub tokens: Vec<TokenConfig>,
}

/// What is wrong with the settings, with the key it belongs to.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}")]
    Unreadable(#[from] config::ConfigError),
    #[error("{}: {what}", path.display())]
    File { path: PathBuf, what: String },
    #[error("{}:{line}: {key} is no setting; {}", path.display(), hint(*nearest))]
    Unknown { path: PathBuf, line: usize, key: String, nearest: Option<&'static str> },
    #[error("{}:{line}: {key}: {what}", path.display())]
    InFile { path: PathBuf, line: usize, key: &'static str, what: String },
    #[error("{key}: {what}")]
    Invalid { key: &'static str, what: String },
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "`chuky config reference` lists all".to_owned(),
    }
}

impl Settings {
    /// Reads the file (where one is named), then the environment, checks, and fills in the defaults for a data directory.
    pub fn load(file: Option<&Path>, data_dir: &Path) -> Result<Self, ConfigError> {
        let (config, source) = read(file)?;
        Self::check(config, data_dir).map_err(|error| match &source {
            Some(source) => source.placed(error),
            None => error,
        })
    }

    fn check(config: Config, data_dir: &Path) -> Result<Self, ConfigError> {
        check_days(&config)?;
        let listen = config.server.address()?;
        let (public_url, status_url) = config.server.urls()?;
        let registration = config.registration.checked(config.messages.are_sent(), &public_url)?;
        config.seal.check()?;
        config.documents.check()?;
        config.verification.fetch.check().map_err(|what| invalid("verification.fetch", &what))?;
        config.database.check()?;
        if !config.rates.is_usable() {
            return Err(invalid("rates", "each quota has a count of at least 1 and 1 to 86400 seconds"));
        }
        let trusted_proxies = config.server.proxies()?;
        let positive = [config.hsm.workers_per_token, config.hsm.threads_per_worker, config.hsm.queue];
        if positive.contains(&0) || config.readers.count == 0 || config.readers.documents_per_reader == 0 {
            return Err(invalid("hsm, readers", "counts are at least 1"));
        }
        check_tokens(&config.hsm).and_then(|()| config.authority.check())?;
        let secrets_dir = config.hsm.secrets_dir.clone().unwrap_or_else(|| beside(data_dir, ".secrets"));
        Ok(Self {
            pins_dir: config.hsm.pins_dir.clone().unwrap_or_else(|| secrets_dir.clone()),
            secrets_dir,
            data_dir: data_dir.to_owned(),
            listen,
            audit: config.audit.checked(&public_url)?,
            public_url,
            status_url,
            connections: config.server.connections()?,
            requests: config.server.requests()?,
            tls: config.server.tls.map(TlsConfig::checked).transpose()?,
            largest_upload: config.server.largest_upload_mib.saturating_mul(1 << 20),
            database_wait: Duration::from_secs(config.database.wait_seconds),
            database_url: config
                .database
                .url
                .unwrap_or_else(|| format!("sqlite://{}", data_dir.join("chuky.db").display())),
            hsm: HsmSettings {
                module: config.hsm.module,
                workers_per_token: config.hsm.workers_per_token,
                threads_per_worker: config.hsm.threads_per_worker,
                queue: config.hsm.queue,
                deadline: Duration::from_millis(config.hsm.deadline_ms),
                worker_memory: config.hsm.worker_memory_mib.saturating_mul(1 << 20),
                rsa_stock: config.hsm.rsa_stock,
                stall: Duration::from_millis(config.hsm.stall_ms),
                tokens: config.hsm.tokens,
            },
            seal: config.seal,
            readers: config.readers,
            verification: config.verification,
            order_policy: config.payments.policy()?,
            payments: config.payments,
            documents: config.documents,
            accounts: config.accounts.checked()?,
            fonts_dir: config.fonts.directory,
            authority: config.authority,
            registration,
            identity: config.identity.checked()?,
            retention: config.retention.checked()?,
            timestamps: config.timestamps,
            gateway: config.messages.gateway()?,
            mail: config.messages.mail.checked()?,
            spool_dir: config.messages.spool_dir,
            shows_messages: config.messages.shown,
            trusted_proxies,
            rates: config.rates,
        })
    }

    /// The address under which certificates and lists say that status and issuers are found, without a trailing slash.
    pub fn status_url(&self) -> &str {
        self.status_url.as_deref().unwrap_or(&self.public_url)
    }
}

/// The file, where one is named, and the environment over it.
fn read(file: Option<&Path>) -> Result<(Config, Option<Source>), ConfigError> {
    let source = file.map(Source::read).transpose()?;
    let mut builder = config::Config::builder();
    if let Some(file) = file {
        builder = builder.add_source(config::File::from(file).format(config::FileFormat::Toml));
    }
    let environment = config::Environment::with_prefix(ENVIRONMENT).separator("__").try_parsing(true);
    Ok((builder.add_source(environment).build()?.try_deserialize()?, source))
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { line: usize },
    Environment,
}

/// Each setting as it holds, as a settings file has it, and where it comes from. Passwords in addresses are left out.
pub fn shown(file: Option<&Path>) -> Result<Vec<(String, String, Origin)>, ConfigError> {
    let (config, source) = read(file)?;
    let each = reference::values(&config).into_iter().map(|(key, value)| {
        let variable = format!("{ENVIRONMENT}__{}", key.to_uppercase().replace('.', "__"));
        let line = source.as_ref().and_then(|source| source.line(&key));
        let origin = match (std::env::var_os(variable), line) {
            (Some(_), _) => Origin::Environment,
            (None, Some(line)) => Origin::File { line },
            (None, None) => Origin::Default,
        };
        (key, reference::as_toml(&without_password(value)), origin)
    });
    Ok(each.collect())
}

/// `postgres://user:password@host` without the password.
fn without_password(value: serde_json::Value) -> serde_json::Value {
    let shown = value.as_str().and_then(|text| {
        let (scheme, rest) = text.split_once("://")?;
        let (person, host) = rest.rsplit_once('@')?;
        let (name, _) = person.split_once(':')?;
        Some(format!("{scheme}://{name}:…@{host}").into())
    });
    shown.unwrap_or(value)
}

fn invalid(key: &'static str, what: &str) -> ConfigError {
    ConfigError::Invalid { key, what: what.to_owned() }
}

/// What is set for the tokens of each role.
fn check_days(config: &Config) -> Result<(), ConfigError> {
    let days = [config.verification.link_days, config.verification.trusted_list_days, config.seal.pepper_days];
    match days.iter().all(|days| (1..=3_650).contains(days)) {
        true => Ok(()),
        false => {
            let keys = "verification.link_days, verification.trusted_list_days, seal.pepper_days";
            Err(invalid(keys, "are 1 to 3650"))
        }
    }
}

fn check_tokens(hsm: &HsmConfig) -> Result<(), ConfigError> {
    if !(SHORTEST_STALL_MS..=LONGEST_STALL_MS).contains(&hsm.stall_ms) {
        return Err(invalid("hsm.stall_ms", "is 250 to 60000"));
    }
    for (index, token) in hsm.tokens.iter().enumerate() {
        if hsm.tokens.iter().skip(index.saturating_add(1)).any(|other| other == token) {
            return Err(invalid("hsm.tokens", "names the same token twice"));
        }
        let role = token.role;
        if hsm.tokens.iter().filter(|other| other.role == role).count() > MOST_TOKENS_OF_A_ROLE {
            return Err(invalid("hsm.tokens", "names more than 4 tokens of one role"));
        }
    }
    Ok(())
}

/// `var` → `var.secrets`: beside the data directory, so that a copy of that directory does not hold the PINs.
fn beside(data_dir: &Path, suffix: &str) -> PathBuf {
    let mut name = data_dir.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_else(|| "chuky".into());
    name.push(suffix);
    data_dir.with_file_name(name)
}

/// What variables of the environment begin with.
const ENVIRONMENT: &str = "CHUKY";
/// Each token has worker processes of its own, which wait for their turn.
const MOST_TOKENS_OF_A_ROLE: usize = 4;
/// Below this a busy machine's own pauses would look like a hung token.
const SHORTEST_STALL_MS: u64 = 250;
/// Beyond this nobody waits.
const LONGEST_STALL_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_data_directory_alone_is_enough() {
        let settings = Settings::load(None, Path::new("/srv/chuky/var")).unwrap();
        assert_eq!(settings.secrets_dir, Path::new("/srv/chuky/var.secrets"));
        assert_eq!(settings.database_url, "sqlite:///srv/chuky/var/chuky.db");
    }

    #[test]
    fn a_cheap_seal_or_an_unknown_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let load = |text: &str| {
            let file = directory.path().join("chuky.toml");
            std::fs::write(&file, text).unwrap();
            let said = Settings::load(Some(&file), directory.path()).map(|_| ()).unwrap_err().to_string();
            // Behind the file and the line.
            said.split_once("chuky.toml:")
                .and_then(|(_, rest)| rest.split_once(": "))
                .map_or(said.clone(), |(_, rest)| rest.to_owned())
        };
        assert!(load("[seal]\nmemory_kib = 1024\n").starts_with("seal:"));
        assert!(load("[server]\nlissten = \"x\"\n").contains("lissten"));
        assert!(load("[server]\nlisten = \"nowhere\"\n").starts_with("server.listen"));
        assert!(load("[server]\ntrusted_proxies = [\"proxy\"]\n").starts_with("server.trusted_proxies"));
        assert!(load("[verification]\nlink_days = 0\n").starts_with("verification.link_days"));
        assert!(load("[hsm]\nstall_ms = 1\n").starts_with("hsm.stall_ms"));
        assert!(load("[[hsm.tokens]]\nrole = \"root\"\n").contains("root"));
        assert!(load(&"[[hsm.tokens]]\nrole = \"status\"\n".repeat(2)).starts_with("hsm.tokens"));
        assert!(load("[rates]\nlogin = { count = 0, seconds = 60 }\n").starts_with("rates"));
        assert!(load("[authority]\nreminder_days = [0]\n").starts_with("authority.renewal_days"));
        for deadline in [
            "activation_code_hours = 0",
            "issue_working_days = 4",
            "revocation_hours = 25",
            "suspension_days = -1",
            "retention_years = 4",
        ] {
            let key = deadline.split(' ').next().unwrap();
            let said = load(&format!("[authority]\n{deadline}\n"));
            assert!(said.starts_with(&format!("authority.{key}")), "{said}");
        }
        assert!(load("[registration]\nsecond_secret = \"required\"\n").starts_with("registration.second_secret"));
        assert!(load("[registration]\napproval = \"passkey_required\"\n").starts_with("registration.approval"));
        assert!(load("[authority]\npractice_statement = \"cps\"\n").starts_with("authority.practice_statement"));
    }
}
