//! What every test starts from: a token directory of its own, prepared tokens, and openssl as the judge of signatures.

use chuky_hsm::{
    Hsm, InProcess, Judge, KeyContext, Lasting, Pin, PinSource, Secret32, Settings, TokenKind, find_module,
    prepare_token,
    provision::{self, Plan, Secrets},
};
use chuky_model::{
    algorithm::{HashAlgorithm, SignatureScheme},
    id::{AccountId, CredentialId},
    instant::Instant,
};
use openssl::{
    md::Md,
    pkey::{PKey, Public},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sign::RsaPssSaltlen,
};
use std::{
    future::Future,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// An empty SoftHSM token directory with its configuration.
pub fn token_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
        tokens.display()
    );
    std::fs::write(directory.path().join("softhsm2.conf"), configuration).unwrap();
    directory
}

pub struct World {
    pub module: PathBuf,
    pub configuration: PathBuf,
    pub so_pin: Pin,
    pub user_pin: Pin,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub fn from_environment() -> Self {
        Self {
            module: find_module(None).unwrap(),
            configuration: std::env::var_os("SOFTHSM2_CONF").expect("set by the runner").into(),
            so_pin: Pin::random(),
            user_pin: Pin::random(),
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
        }
    }

    pub fn plan<'a>(&'a self, token_label: &'a str, kind: TokenKind) -> Plan<'a> {
        Plan {
            module: &self.module,
            token_label,
            serial: None,
            kind,
            so_pin: &self.so_pin,
            user_pin: &self.user_pin,
            initialise: true,
        }
    }

    pub fn settings(&self, label: &str, kind: TokenKind) -> Settings {
        let mut settings = Settings::new(self.module.clone(), label, kind, PinSource::Value(self.user_pin.clone()));
        settings.stock.clear();
        settings
    }

    /// A prepared token, opened in this process.
    pub fn in_process(&self, kind: TokenKind) -> Arc<dyn Hsm> {
        provision::prepare(&self.plan("chuky-test", kind), &Secrets::random()).unwrap();
        Arc::new(InProcess::start(&self.settings("chuky-test", kind), key_reader).unwrap())
    }

    /// Another world of this test: a token directory of that name, PINs of its own. Only workers can use it, and preparing goes through
    /// them, as this process has loaded the module for its own directory.
    pub fn beside(other: &Self, name: &str) -> Self {
        let directory = other.configuration.with_file_name(name);
        std::fs::create_dir_all(directory.join("tokens")).unwrap();
        let configuration = directory.join("softhsm2.conf");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            directory.join("tokens").display()
        );
        std::fs::write(&configuration, text).unwrap();
        Self { configuration, ..Self::from_environment() }
    }

    /// What makes workers use this world's tokens.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("SOFTHSM2_CONF".to_owned(), self.configuration.to_str().unwrap().to_owned())]
    }

    /// Prepares the token in a worker.
    pub fn prepare(&self, kind: TokenKind) {
        let mut settings = self.settings("chuky-test", kind);
        settings.worker_arguments = vec!["worker".to_owned()];
        settings.environment = self.environment();
        self.wait(prepare_token(&settings, &self.so_pin, &Secrets::random(), true)).unwrap();
    }

    /// Starts a task on this world's runtime.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(future)
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

pub fn now() -> Instant {
    Instant(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}

pub fn key_context(number: u128) -> KeyContext {
    KeyContext { key_id: CredentialId(uuid::Uuid::from_u128(number)), owner: AccountId(uuid::Uuid::from_u128(99)) }
}

pub fn secret(byte: u8) -> Secret32 {
    Secret32::new([byte; 32])
}

pub fn digest(scheme: SignatureScheme, byte: u8) -> Vec<u8> {
    vec![byte; scheme.hash().length()]
}

/// Judges with OpenSSL in process, as the service does.
pub fn key_reader(spki_der: &[u8], _: Lasting) -> Option<Judge> {
    let key = PKey::public_key_from_der(spki_der).ok()?;
    Some(Judge::new(move |scheme, digest, signature| verified(&key, scheme, digest, signature).unwrap_or(false)))
}

fn verified(
    key: &PKey<Public>,
    scheme: SignatureScheme,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, openssl::error::ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.verify_init()?;
    let hash = match scheme.hash() {
        HashAlgorithm::Sha256 => Md::sha256(),
        HashAlgorithm::Sha384 => Md::sha384(),
        HashAlgorithm::Sha512 => Md::sha512(),
    };
    context.set_signature_md(hash)?;
    if format!("{scheme:?}").starts_with("RsaPss") {
        context.set_rsa_padding(Padding::PKCS1_PSS)?;
        context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
    }
    context.verify(digest, signature)
}

/// openssl judges the signature.
pub fn openssl_verifies(spki_der: &[u8], scheme: SignatureScheme, digest: &[u8], signature: &[u8]) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let hash = match scheme.hash() {
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    };
    let mut command = Command::new("openssl");
    command.args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-pkeyopt", &format!("digest:{hash}")]);
    if format!("{scheme:?}").starts_with("RsaPss") {
        command.args(["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]);
    }
    let output = command
        .arg("-inkey")
        .arg(file("key.der", spki_der))
        .arg("-in")
        .arg(file("digest", digest))
        .arg("-sigfile")
        .arg(file("signature", signature))
        .output()
        .expect("openssl runs");
    output.status.success()
}
