//! What an operator decides about one token: which module, which label, whose PIN, how many workers. Raw text becomes this once, in
//! the service's configuration; nothing here is read from the environment by itself.

use crate::{error::Error, limits, secret::Pin};
use chuky_model::algorithm::KeyAlgorithm;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What a token is for. Each has its own PIN and workers, and a self-test of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// CA keys.
    Authority,
    /// OCSP, timestamp and audit-head keys.
    Status,
    /// Wrapping key, pepper, row MAC key and data key.
    Subscribers,
}

/// Where the user PIN comes from.
#[derive(Clone, Debug)]
pub enum PinSource {
    /// Given directly (tests, ceremony).
    Value(Pin),
    /// A file outside data directory and backups, read when a worker starts.
    File(PathBuf),
}

impl PinSource {
    /// Reads the PIN.
    pub fn read(&self) -> Result<Pin, Error> {
        match self {
            Self::Value(pin) => Ok(pin.clone()),
            Self::File(path) => {
                let text = zeroize::Zeroizing::new(
                    std::fs::read_to_string(path)
                        .map_err(|error| Error::unavailable(format!("PIN file {}: {error}", path.display())))?,
                );
                Pin::parse(&text)
            }
        }
    }
}

/// How many ready-made keys of one type a worker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockTarget {
    /// RSA types; elliptic curves need no stock.
    pub algorithm: KeyAlgorithm,
    /// Keys held by each worker.
    pub count: usize,
}

/// Everything about one token.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The PKCS#11 module, see [`find_module`].
    pub module: PathBuf,
    /// The token's label.
    pub token_label: String,
    /// Its serial number, where the module shows several tokens of this label.
    pub serial: Option<String>,
    /// What the token is for.
    pub kind: TokenKind,
    /// Its user PIN.
    pub pin: PinSource,
    /// Worker processes. Two sign P-256 twice as fast on SoftHSM.
    pub workers: usize,
    /// Threads, each with a session, in a worker. 16–64 in all for a network HSM.
    pub threads: usize,
    /// Requests waiting or running before `Error::Busy`.
    pub queue: usize,
    /// A worker above this many resident bytes is retired in an idle moment (SoftHSM leaks about 240 B a session object).
    pub memory_bytes: u64,
    /// Ready-made keys.
    pub stock: Vec<StockTarget>,
    /// The executable whose `worker hsm` is run; `None`: the running one.
    pub executable: Option<PathBuf>,
    /// Arguments that make the executable a worker.
    pub worker_arguments: Vec<String>,
    /// Environment added for workers, such as `SOFTHSM2_CONF`.
    pub environment: Vec<(String, String)>,
    /// Tokens with the same keys that serve, in this order, while those before them cannot.
    pub standby: Vec<TokenAddress>,
    /// A call that should take milliseconds and takes longer than this shows a hung worker, which is replaced.
    pub stall: Duration,
}

/// Where a token is found and how it is opened.
#[derive(Clone, Debug)]
pub struct TokenAddress {
    /// The PKCS#11 module.
    pub module: PathBuf,
    /// The token's label.
    pub token_label: String,
    /// Its serial number, where the module shows several tokens of this label.
    pub serial: Option<String>,
    /// Its user PIN.
    pub pin: PinSource,
    /// Environment added for its workers.
    pub environment: Vec<(String, String)>,
}

impl Settings {
    /// Usual values: two workers of one thread, 1,024 requests, 512 MiB, a small stock of RSA keys for subscribers.
    pub fn new(module: PathBuf, token_label: impl Into<String>, kind: TokenKind, pin: PinSource) -> Self {
        let stock = match kind {
            TokenKind::Subscribers => vec![StockTarget { algorithm: KeyAlgorithm::Rsa2048, count: 16 }],
            TokenKind::Authority | TokenKind::Status => Vec::new(),
        };
        Self {
            module,
            token_label: token_label.into(),
            serial: None,
            kind,
            pin,
            workers: 2,
            threads: 1,
            queue: 1_024,
            memory_bytes: 512 * 1024 * 1024,
            stock,
            executable: None,
            worker_arguments: vec!["worker".to_owned(), "hsm".to_owned()],
            environment: Vec::new(),
            standby: Vec::new(),
            stall: limits::STALL,
        }
    }

    /// Every token of this role, the first one first.
    pub fn addresses(&self) -> Vec<TokenAddress> {
        let first = TokenAddress {
            module: self.module.clone(),
            token_label: self.token_label.clone(),
            serial: self.serial.clone(),
            pin: self.pin.clone(),
            environment: self.environment.clone(),
        };
        std::iter::once(first).chain(self.standby.iter().cloned()).collect()
    }
}

/// The PKCS#11 module: the setting where there is one, else SoftHSM in its usual places. The error says what to install.
pub fn find_module(setting: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = setting {
        return if path.is_file() {
            Ok(path.to_owned())
        } else {
            Err(Error::Module { reason: format!("{} does not exist", path.display()) })
        };
    }
    USUAL_MODULES.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_owned).ok_or_else(|| Error::Module {
        reason: "no PKCS#11 module is set and SoftHSM is not installed; install it with: apt-get install softhsm2"
            .to_owned(),
    })
}

const USUAL_MODULES: [&str; 7] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/libsofthsm2.so",
    "/usr/lib/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
