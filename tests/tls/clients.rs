//! Client certificates: who is asked, who is refused, and keys that open nothing without theirs.

use super::{Authority, by_tls, curl, fingerprint, port, run};
use crate::harness::app::{EXECUTABLE, TestApp};
use chuky::{bootstrap, clock::Clock, config::Pin};
use chuky_model::{id::ApiKeyId, role::Role};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

/// The identifier in an API key.
fn identifier(key: &str) -> ApiKeyId {
    key.split('_').nth(1).unwrap().parse().unwrap()
}

fn pin(certificate: &Path) -> Pin {
    let mut octets = [0; 32];
    for (octet, digits) in octets.iter_mut().zip(fingerprint(certificate).split(':')) {
        *octet = u8::from_str_radix(digits, 16).unwrap();
    }
    Pin::Fingerprint(octets)
}

fn with(files: &(std::path::PathBuf, std::path::PathBuf)) -> [&str; 4] {
    ["--cert", files.0.to_str().unwrap(), "--key", files.1.to_str().unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_key_alone_opens_nothing() {
    let (servers, agencies) = (Authority::new("Servers"), Authority::new("Agencies"));
    let own = agencies.certify("agency.example", 30);
    let other = agencies.certify("other.example", 30);
    let before = TestApp::sqlite().await;
    let (_, bound) = before.account("co-quan", &[Role::Registrar], None).await;
    let (_, named) = before.account("co-quan-2", &[Role::Registrar], None).await;
    let (_, free) = before.account("co-quan-3", &[Role::Registrar], None).await;
    let (_, provider) = before.account("cong-thanh-toan", &[Role::PaymentProvider], None).await;
    let (_directory, mut settings) = before.rest().await;
    by_tls(&mut settings, &servers);
    let tls = settings.tls.as_mut().unwrap();
    tls.client_ca = Some(agencies.file());
    tls.bound_keys.insert(identifier(&bound), vec![pin(&own.0)]);
    tls.bound_keys.insert(identifier(&named), vec![Pin::Dns("other.example".to_owned())]);
    tls.bound_roles = vec![Role::PaymentProvider];
    let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let test = TestApp::around(app).await;
    let ask = async |key: &str, more: &[&str]| {
        let header = format!("Authorization: Bearer {key}");
        curl(&test, &servers, "/api/v1/session", &[&["--header", &header], more].concat()).await.1
    };
    let admitted = |said: &str| !said.contains(" 401") && said.starts_with("HTTP/2 ");
    let refused = |said: &str| said.starts_with("HTTP/2 401") && said.contains("certificate_required");
    for (key, mine, others) in [(&bound, &own, &other), (&named, &other, &own)] {
        let said = ask(key, &with(mine)).await;
        assert!(admitted(&said), "{said}");
        for said in [ask(key, &[]).await, ask(key, &with(others)).await] {
            assert!(refused(&said), "{said}");
            assert!(said.contains("chứng thư máy khách") && said.contains("client certificate"), "{said}");
        }
    }
    for more in [&[][..], &with(&other)] {
        let said = ask(&free, more).await;
        assert!(admitted(&said), "{said}");
    }
    // No key of a payment provider is free of one.
    let said = ask(&provider, &with(&own)).await;
    assert!(refused(&said), "{said}");
    // Browsers without a certificate come as before.
    let (done, said) = curl(&test, &servers, "/login", &[]).await;
    assert!(done && said.starts_with("HTTP/2 200"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_revoked_and_strange_client_certificates_are_refused() {
    let (servers, agencies) = (Authority::new("Servers"), Authority::new("Agencies"));
    let strangers = Authority::new("Strangers");
    let good = agencies.certify("agency.example", 30);
    let ended = agencies.certify("ended.example", -1);
    let revoked = agencies.certify("revoked.example", 30);
    let strange = strangers.certify("agency.example", 30);
    let list = agencies.list(&[&revoked.0]);
    let test = TestApp::with(|settings| {
        by_tls(settings, &servers);
        let tls = settings.tls.as_mut().unwrap();
        tls.client_ca = Some(agencies.file());
        tls.client_crls = vec![list];
    })
    .await;
    let (done, said) = curl(&test, &servers, "/healthz", &with(&good)).await;
    assert!(done && said.starts_with("HTTP/2 200"), "{said}");
    for (files, alert) in [(&ended, "expired"), (&revoked, "revoked"), (&strange, "unknown ca")] {
        let older = [&with(files)[..], &["--tls-max", "1.2", "--verbose"]].concat();
        let (done, said) = curl(&test, &servers, "/healthz", &older).await;
        assert!(!done && said.to_lowercase().contains(alert), "{alert}: {said}");
        // In TLS 1.3 the client has sent its request before it learns it.
        let (done, said) = curl(&test, &servers, "/healthz", &with(files)).await;
        assert!(!done && !said.contains("HTTP/"), "{alert}: {said}");
    }
}

/// A connection that stays open: HTTP/1.1 through `openssl s_client`.
struct Open {
    child: Child,
    said: BufReader<ChildStdout>,
    request: String,
}

impl Open {
    fn new(test: &TestApp, key: &str, files: &(std::path::PathBuf, std::path::PathBuf)) -> Self {
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-quiet",
            "-connect",
            &format!("127.0.0.1:{}", port(test)),
            "-servername",
            "localhost",
        ]);
        command.args(["-alpn", "http/1.1", "-cert"]).arg(&files.0).arg("-key").arg(&files.1);
        let chain = files.0.with_extension("chain");
        if chain.exists() {
            command.arg("-cert_chain").arg(chain);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said, request: request(key, "keep-alive") }
    }

    /// The status and the body of the next answer.
    fn ask(&mut self) -> (u16, String) {
        tokio::task::block_in_place(|| {
            self.child.stdin.as_mut().unwrap().write_all(self.request.as_bytes()).unwrap();
            let (mut status, mut length) = (String::new(), 0);
            self.said.read_line(&mut status).unwrap();
            loop {
                let mut line = String::new();
                assert!(self.said.read_line(&mut line).unwrap() > 0, "closed after {status}");
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            self.said.read_exact(&mut body).unwrap();
            (status.split(' ').nth(1).unwrap().parse().unwrap(), String::from_utf8(body).unwrap())
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(key: &str, connection: &str) -> String {
    format!(
        "GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nConnection: {connection}\r\n\r\n"
    )
}

/// What openssl says of one connection with one request, the session kept in or taken from a file.
fn once(test: &TestApp, key: &str, files: &(std::path::PathBuf, std::path::PathBuf), more: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-ign_eof",
        "-connect",
        &format!("127.0.0.1:{}", port(test)),
        "-servername",
        "localhost",
    ]);
    command.args(["-alpn", "http/1.1", "-cert"]).arg(&files.0).arg("-key").arg(&files.1).args(more);
    tokio::task::block_in_place(|| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // Its input stays open until the service has closed.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(request(key, "close").as_bytes()).unwrap();
        let mut said = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        child.wait().unwrap();
        String::from_utf8_lossy(&said).into_owned()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_counts_no_longer_opens_nothing_on_open_and_resumed_connections() {
    let (servers, agencies) = (Authority::new("Servers"), Authority::new("Agencies"));
    let own = agencies.certify("agency.example", 30);
    let (below, chain) = agencies.below("Below");
    let deep = below.certify("deep.example", 30);
    fs::write(deep.0.with_extension("chain"), chain).unwrap();
    let list = agencies.list(&[]);
    let before = TestApp::sqlite().await;
    let (_, key) = before.account("co-quan", &[Role::Registrar], None).await;
    let (_directory, mut settings) = before.rest().await;
    by_tls(&mut settings, &servers);
    // However slow this machine is, the connection stays open.
    settings.connections.slow = std::time::Duration::from_secs(300);
    let tls = settings.tls.as_mut().unwrap();
    tls.client_ca = Some(agencies.file());
    tls.client_crls = vec![list];
    tls.bound_keys.insert(identifier(&key), vec![pin(&own.0), Pin::Dns("deep.example".to_owned())]);
    let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let test = TestApp::around(app).await;
    let refused = |answer: (u16, String)| {
        assert!(answer.0 == 401 && answer.1.contains("certificate_required"), "{answer:?}");
    };
    let (mut open, mut open_below) = (Open::new(&test, &key, &own), Open::new(&test, &key, &deep));
    assert_eq!((open.ask().0, open_below.ask().0), (200, 200));
    // It serves, so it has its files.
    let tls = test.app.tls.get().unwrap();

    // Revoked while the connection is open.
    agencies.list(&[&own.0]);
    tls.look_again();
    refused(open.ask());
    assert_eq!(open_below.ask().0, 200);
    agencies.list(&[]);
    tls.look_again();
    assert_eq!(open.ask().0, 200);

    // The list ends, and nobody brings another: neither an open connection nor a resumed one is a way past it.
    let session = test.directory.path().join("session.pem");
    let session = session.to_str().unwrap();
    for version in ["-tls1_3", "-tls1_2"] {
        let said = once(&test, &key, &own, &[version, "-sess_out", session]);
        assert!(said.contains("HTTP/1.1 200"), "{said}");
        let said = once(&test, &key, &own, &[version, "-sess_in", session]);
        assert!(said.contains("Reused, TLSv1.") && said.contains("HTTP/1.1 200"), "{said}");
        test.app.clock.jump_seconds(40 * 60);
        let said = once(&test, &key, &own, &[version, "-sess_in", session]);
        assert!(said.contains("Reused, TLSv1.") && said.contains("certificate_required"), "{said}");
        refused(open.ask());
        test.app.clock.jump_seconds(-40 * 60);
        assert_eq!(open.ask().0, 200);
    }

    // The CA is admitted no longer.
    fs::write(agencies.file(), fs::read(servers.file()).unwrap()).unwrap();
    tls.look_again();
    refused(open.ask());
    refused(open_below.ask());
}

impl Authority {
    /// A CA below it, and its certificate in PEM.
    fn below(&self, name: &'static str) -> (Self, Vec<u8>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem().into_bytes();
        let directory = tempfile::tempdir().unwrap();
        (Self { directory, issuer: rcgen::Issuer::new(params, key), name }, pem)
    }

    /// A list of half an hour on which those certificates stand; the file.
    fn list(&self, certificates: &[&Path]) -> std::path::PathBuf {
        let now = time::OffsetDateTime::now_utc();
        let params = rcgen::CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::minutes(30),
            crl_number: rcgen::SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: certificates.iter().map(|certificate| revoked(certificate)).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let file = self.directory.path().join("list.pem");
        std::fs::write(&file, params.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        file
    }
}

fn revoked(certificate: &Path) -> rcgen::RevokedCertParams {
    let serial = run(Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(certificate));
    let serial = hex::decode(serial.trim().trim_start_matches("serial=")).unwrap();
    rcgen::RevokedCertParams {
        serial_number: rcgen::SerialNumber::from_slice(&serial),
        revocation_time: time::OffsetDateTime::now_utc() - time::Duration::hours(2),
        reason_code: None,
        invalidity_date: None,
    }
}
