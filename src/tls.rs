//! TLS of the service: the certificate and key that it shows, taken up anew when their files change, and the client certificates to which API keys
//! are bound. A new file that cannot be used changes nothing but what is said about it. Knows no HTTP; connections are made in `http`.

mod client;
mod files;
mod outgoing;

pub use client::{Bindings, ClientCertificate};
pub use outgoing::{outgoing, secret_line};

use crate::{clock::Clock, config::TlsSettings};
use chuky_model::instant::Instant;
use chuky_pki::{certificate::Certificate, extension::GeneralName};
use client::{AtHandshakes, Beside, Judged};
use files::{Files, own_certificate};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

/// Why files cannot be used for TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// Others than the service's user could read or change the key.
    #[error("{}: others have access to this key (owner {owner}, mode {mode:o}): chmod 600", path.display())]
    Open { path: PathBuf, owner: u32, mode: u32 },
    #[error("{}: ended on {on}", path.display())]
    Ended { path: PathBuf, on: String },
    #[error("{0}")]
    Unusable(String),
}

/// What the service shows and asks for, as of the last files that could be used.
pub struct Tls {
    settings: TlsSettings,
    clock: Clock,
    shown: RwLock<Shown>,
    refused: Mutex<Option<Refused>>,
    beside: Beside,
    judged: Judged,
}

/// What is shown.
#[derive(Clone)]
struct Shown {
    config: Arc<ServerConfig>,
    digest: [u8; 32],
    certificate: Arc<Certificate>,
    /// Who may come with a certificate.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// New files that cannot be used.
struct Refused {
    digest: Option<[u8; 32]>,
    why: TlsError,
}

/// What there is to say about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// When the certificate that is shown ends.
    pub not_after: Instant,
    /// Why the files that lie there now are not used.
    pub refused: Option<TlsError>,
}

impl Tls {
    /// Reads the files.
    pub fn open(settings: &TlsSettings, clock: &Clock) -> Result<Arc<Self>, TlsError> {
        let (files, beside) = (Files::read(settings)?, Beside::default());
        let shown = RwLock::new(Shown::of(&files, settings, &beside)?);
        let (settings, clock) = (settings.clone(), clock.clone());
        Ok(Arc::new(Self { settings, clock, shown, refused: Mutex::default(), beside, judged: Judged::default() }))
    }

    /// Whether a client certificate that a handshake admitted counts by the files of now, at that time.
    pub fn admits(&self, certificate: &ClientCertificate, now: Instant) -> bool {
        let Shown { clients, digest, .. } = self.shown();
        clients.is_some_and(|clients| self.judged.counts(certificate, (&*clients, digest), &self.beside, now))
    }

    /// What the next handshake is made with.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.shown().config
    }

    /// What there is to say.
    pub fn standing(&self) -> Standing {
        let refused = self.refused().as_ref().map(|refused| refused.why.clone());
        Standing { not_after: self.shown().certificate.not_after(), refused }
    }

    /// Seconds for which browsers shall know this host by TLS only.
    pub fn hsts_seconds(&self) -> u64 {
        self.settings.hsts_seconds
    }

    /// Looks for changed files now and then, for as long as it is polled.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let tls = self.clone();
            // Files may lie on a disk that hangs.
            if let Err(error) = tokio::task::spawn_blocking(move || tls.look_again()).await {
                tracing::error!(event = "tls_not_looked_at", error = %error);
            }
        }
    }

    /// Takes up files that changed. What cannot be used is told once, and tried again: the two files may not have been written at once.
    pub fn look_again(&self) {
        let read = Files::read(&self.settings);
        let digest = read.as_ref().ok().map(Files::digest);
        let before = self.shown();
        if digest == Some(before.digest) {
            *self.refused() = None;
            return;
        }
        if self.refused().as_ref().is_some_and(|refused| digest.is_some() && refused.digest == digest) {
            return;
        }
        let now = self.clock.now();
        let taken = read.and_then(|files| Shown::of(&files, &self.settings, &self.beside)).and_then(|shown| {
            // One that ended is taken up where the one before ended, too: nothing is lost by it.
            match shown.certificate.not_after() <= now && before.certificate.not_after() > now {
                true => Err(ended(&self.settings.certificate, &shown.certificate)),
                false => Ok(shown),
            }
        });
        match taken {
            Ok(shown) => {
                let until = shown.certificate.not_after().rfc3339();
                tracing::info!(
                    event = "tls_taken_up",
                    fingerprint = hex::encode(shown.certificate.fingerprint()),
                    until
                );
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
                *self.refused() = None;
            }
            Err(why) => {
                let mut refused = self.refused();
                if refused.as_ref().is_none_or(|refused| refused.why != why) {
                    tracing::error!(event = "tls_files_refused", reason = %why);
                }
                *refused = Some(Refused { digest, why });
            }
        }
    }

    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refused(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `chuky doctor` says of the files: the certificate, or why they cannot be used. `host` is the name by which callers come.
pub fn examine(settings: &TlsSettings, host: &str, now: Instant) -> Result<Arc<Certificate>, TlsError> {
    let shown = Shown::of(&Files::read(settings)?, settings, &Beside::default())?;
    if shown.certificate.not_after() <= now {
        return Err(ended(&settings.certificate, &shown.certificate));
    }
    let names = shown.certificate.alternative_names().unwrap_or_default();
    let is_named = names.iter().any(|name| match name {
        GeneralName::Dns(name) => names_host(name, host),
        GeneralName::Ip(octets) => host.parse().is_ok_and(|address| is_address(octets, address)),
        _ => false,
    });
    match is_named {
        true => Ok(shown.certificate),
        false => Err(TlsError::File {
            path: settings.certificate.clone(),
            reason: format!("the certificate does not name {host}, the host of server.public_url"),
        }),
    }
}

/// The primitives of every connection, to here and from here.
pub fn primitives() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Shown {
    fn of(files: &Files, settings: &TlsSettings, beside: &Beside) -> Result<Self, TlsError> {
        let provider = primitives();
        let chain = certificates(&settings.certificate, &files.certificate)?;
        let certificate = own_certificate(&settings.certificate, chain.first())?;
        let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(unreadable(&settings.key))?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| TlsError::Unusable(error.to_string()))?;
        let clients = client_verifier(files, settings, provider)?;
        let builder = match clients.clone() {
            Some(verifier) => {
                let beside = beside.clone();
                builder.with_client_cert_verifier(Arc::new(AtHandshakes { verifier, beside }))
            }
            None => builder.with_no_client_auth(),
        };
        // A key that is not the certificate's is refused here.
        let mut config = builder.with_single_cert(chain, key).map_err(unreadable(&settings.certificate))?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        // New tickets with new files: a ticket carries the client's certificate, which new files may not admit any more.
        config.ticketer = ring::Ticketer::new().map_err(|error| TlsError::Unusable(error.to_string()))?;
        Ok(Self { config: Arc::new(config), digest: files.digest(), certificate: Arc::new(certificate), clients })
    }
}

/// Who may come with a certificate; whoever has none comes without.
fn client_verifier(
    files: &Files,
    settings: &TlsSettings,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some((path, pem)) = settings.client_ca.as_ref().zip(files.client_ca.as_ref()) else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, pem)? {
        roots.add(certificate).map_err(unreadable(path))?;
    }
    let mut lists = Vec::new();
    for (path, pem) in settings.client_crls.iter().zip(&files.client_crls) {
        let read = CertificateRevocationListDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        lists.extend(read.map_err(unreadable(path))?);
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    let verifier = match lists.is_empty() {
        true => verifier,
        // A list that has ended admits nobody of its CA (RFC 5280 §6.3.3).
        false => verifier
            .with_crls(lists)
            .only_check_end_entity_revocation()
            .allow_unknown_revocation_status()
            .enforce_revocation_expiration(),
    };
    verifier.build().map(Some).map_err(|error| TlsError::Unusable(format!("server.tls.client_ca: {error}")))
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(unreadable(path))?;
    match read.len() {
        0 => Err(TlsError::File { path: path.to_owned(), reason: "holds no certificate in PEM".to_owned() }),
        1..=MOST_CERTIFICATES => Ok(read),
        _ => Err(TlsError::File { path: path.to_owned(), reason: format!("holds more than {MOST_CERTIFICATES}") }),
    }
}

fn unreadable<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> TlsError {
    let path = path.to_owned();
    move |error| TlsError::File { path, reason: error.to_string() }
}

fn ended(path: &Path, certificate: &Certificate) -> TlsError {
    TlsError::Ended { path: path.to_owned(), on: certificate.not_after().rfc3339() }
}

/// RFC 6125 §6.4.3: a wildcard stands for one whole label, the first.
fn names_host(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(rest)),
        None => name.eq_ignore_ascii_case(host),
    }
}

fn is_address(octets: &[u8], address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(address) => octets == address.octets(),
        std::net::IpAddr::V6(address) => octets == address.octets(),
    }
}

/// Names of protocols (RFC 7301 §6).
pub const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";
/// How often the files are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);
/// The CAs of a country, several times over.
const MOST_CERTIFICATES: usize = 1_000;

#[cfg(test)]
mod tests;
