//! TLS in the service, judged by openssl and curl: protocols and ciphers, the plain listener, new files, client certificates, slow and many
//! clients, HTTP/2 that resets.

mod clients;
mod slow;
mod streams;
mod transport;
mod witness;

use crate::harness::app::TestApp;
use chuky::config::{Settings, TlsSettings};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A CA with what it certified, in files.
pub struct Authority {
    directory: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    name: &'static str,
}

impl Authority {
    pub fn new(name: &'static str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { directory, issuer: Issuer::new(params, key), name }
    }

    pub fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Certifies a new key for a host or client of that name, until so many days from now; files `NAME.pem` and `NAME.key`.
    pub fn certify(&self, name: &str, days: i64) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("{name} of {}", self.name));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let now = time::OffsetDateTime::now_utc();
        (params.not_before, params.not_after) = (now - time::Duration::days(30), now + time::Duration::days(days));
        let files = ["pem", "key"].map(|end| self.directory.path().join(format!("{name}.{end}")));
        fs::write(&files[0], params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&files[1], key.serialize_pem()).unwrap();
        fs::set_permissions(&files[1], fs::Permissions::from_mode(0o600)).unwrap();
        let [certificate, key] = files;
        (certificate, key)
    }
}

/// SHA-256 of a certificate in a PEM file, as openssl says it.
pub fn fingerprint(pem: &Path) -> String {
    let said = run(Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(pem));
    said.trim().split('=').nth(1).unwrap().to_owned()
}

pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Serves by TLS as `localhost`, with a plain listener beside it.
pub fn by_tls(settings: &mut Settings, authority: &Authority) {
    let (certificate, key) = authority.certify("localhost", 30);
    settings.public_url = settings.public_url.replace("http://127.0.0.1", "https://localhost");
    settings.tls = Some(TlsSettings {
        certificate,
        key,
        plain_listen: Some(format!("127.0.0.1:{}", free_port()).parse().unwrap()),
        hsts_seconds: 63_072_000,
        client_ca: None,
        client_crls: Vec::new(),
        bound_keys: BTreeMap::new(),
        bound_roles: Vec::new(),
    });
}

pub fn port(test: &TestApp) -> u16 {
    test.url.rsplit(':').next().unwrap().parse().unwrap()
}

/// What curl says: status line, headers, body; and whether it got through.
pub async fn curl(test: &TestApp, authority: &Authority, path: &str, more: &[&str]) -> (bool, String) {
    let url = format!("https://localhost:{}{path}", port(test));
    let to = format!("localhost:{}:127.0.0.1:{}", port(test), port(test));
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--max-time", "30", "--connect-to", &to, "--cacert"]);
    command.arg(authority.file()).args(more).arg(url).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    })
    .await
    .unwrap()
}

/// What `openssl s_client` says of a handshake.
pub async fn s_client(test: &TestApp, more: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{}", port(test)), "-servername", "localhost"]);
    command.args(more).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    })
    .await
    .unwrap()
}
