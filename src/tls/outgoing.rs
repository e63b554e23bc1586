//! TLS towards a service that this one asks: the CAs under which it is believed, and the certificate that is shown to it.

use super::{
    TlsError,
    files::{private, read_public},
};
use rustls::crypto::ring;
use std::{path::Path, sync::Arc};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

/// The settings of a client: `ca` where it is not the system's CAs, and certificate and key where the other side asks for them.
pub fn outgoing(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<TlsConfig, TlsError> {
    let ca = ca.unwrap_or(Path::new(SYSTEM_CERTIFICATES));
    let roots: RootCerts = certificates(ca)?.into();
    let shown = match identity {
        Some((certificate, key)) => {
            let pem = private(key)?;
            let key = PrivateKey::from_pem(&pem).map_err(|error| failed(key, error.to_string()))?;
            Some(ClientCert::new_with_certs(&certificates(certificate)?, key))
        }
        None => None,
    };
    let provider = Arc::new(ring::default_provider());
    let builder = TlsConfig::builder().root_certs(roots).client_cert(shown);
    Ok(builder.unversioned_rustls_crypto_provider(provider).build())
}

/// The first line of a file that nobody else may read.
pub fn secret_line(path: &Path) -> Result<Zeroizing<String>, TlsError> {
    let content = private(path)?;
    let text = std::str::from_utf8(&content).map_err(|error| failed(path, error.to_string()))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() || !line.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(failed(path, "its first line is no key of visible ASCII characters".to_owned()));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, TlsError> {
    let pem = read_public(path)?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() { Err(failed(path, "holds no certificate".to_owned())) } else { Ok(found) }
}

fn failed(path: &Path, reason: String) -> TlsError {
    TlsError::File { path: path.to_owned(), reason }
}

/// Where Debian keeps the CAs that it trusts.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
