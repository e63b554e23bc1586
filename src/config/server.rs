//! What is set for the front of the service: where it listens, how others reach it, how many may come at a time, and TLS. Names files and
//! numbers; `crate::tls` reads the files.

use super::{ConfigError, Network, invalid};
use chuky_model::{id::ApiKeyId, role::Role};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

/// Where the service listens and how others reach it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    pub listen: String,
    /// The address that certificates, QR codes and receipts point to.
    pub public_url: String,
    /// The address under which certificates and lists say that status and issuers are found; `public_url` where absent. Plain HTTP, as
    /// RFC 5280 §8 advises: whoever must check a TLS certificate to fetch a list may need that very list for it.
    pub status_url: Option<String>,
    /// Largest upload, in MiB.
    pub largest_upload_mib: u64,
    /// Addresses or networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-For` is believed; none by default.
    pub trusted_proxies: Vec<String>,
    /// The header in which those proxies tell the id that they gave a request; each gets a new one where absent.
    pub request_id_header: Option<String>,
    /// Whether the log has a line for each request.
    pub request_lines: bool,
    /// Connections at a time.
    pub most_connections: u32,
    /// Connections at a time of one address (IPv6: of one network of 64 bits) that is no trusted proxy.
    pub most_connections_per_address: u32,
    /// Seconds that a client may take for a handshake, for a request's header, and between two pieces of a body or an answer.
    pub slow_client_seconds: u64,
    pub tls: Option<TlsConfig>,
}

/// TLS in the service itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file: the certificate of this service, then those above it.
    pub certificate: PathBuf,
    /// PEM file: its private key, closed to others.
    pub key: PathBuf,
    /// `ADDRESS:PORT` of a plain listener for `/ocsp`, `/crl/`, `/ca/`, `/tsa` and health; all else is sent to `public_url`.
    #[serde(default)]
    pub plain_listen: Option<String>,
    /// Seconds for which browsers shall know this host by TLS only (RFC 6797 §6.1.1); 0: not told.
    #[serde(default = "two_years")]
    pub hsts_seconds: u64,
    /// PEM file: CAs whose client certificates are accepted. Without it none is asked for.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// PEM files: revocation lists of those CAs. A CA without one: its certificates are not checked for revocation.
    #[serde(default)]
    pub client_crls: Vec<PathBuf>,
    /// API keys by their identifier, each with the client certificates without which it opens nothing: SHA-256 of the certificate in hexadecimal
    /// digits (RFC 8705 §3.1), or `dns:NAME` of its alternative names (RFC 8705 §2.1.2).
    #[serde(default)]
    pub bound_keys: BTreeMap<String, Vec<String>>,
    /// Roles whose API keys open nothing unless they stand in `bound_keys`.
    #[serde(default)]
    pub bound_roles: Vec<Role>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: "http://127.0.0.1:8080".to_owned(),
            status_url: None,
            largest_upload_mib: 200,
            trusted_proxies: Vec::new(),
            request_id_header: None,
            request_lines: true,
            most_connections: 10_000,
            most_connections_per_address: 1_000,
            slow_client_seconds: 30,
            tls: None,
        }
    }
}

/// The same, checked.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub plain_listen: Option<SocketAddr>,
    pub hsts_seconds: u64,
    pub client_ca: Option<PathBuf>,
    pub client_crls: Vec<PathBuf>,
    pub bound_keys: BTreeMap<ApiKeyId, Vec<Pin>>,
    pub bound_roles: Vec<Role>,
}

/// What a client certificate is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// SHA-256 of the certificate.
    Fingerprint([u8; 32]),
    /// One of its alternative names, in lower case.
    Dns(String),
}

/// How requests are named and told of in the log.
#[derive(Clone, Debug)]
pub struct RequestSettings {
    /// Where trusted proxies tell the id of a request.
    pub id_header: Option<String>,
    pub lines: bool,
}

/// How many may be connected, and how slow they may be.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    pub most: u32,
    pub most_per_address: u32,
    pub slow: Duration,
}

impl ServerConfig {
    /// Where the service listens.
    pub(super) fn address(&self) -> Result<SocketAddr, ConfigError> {
        self.listen.parse().map_err(|_| invalid("server.listen", "use ADDRESS:PORT"))
    }

    /// The public address and, where it is another, that of the status services; without trailing slashes.
    pub(super) fn urls(&self) -> Result<(String, Option<String>), ConfigError> {
        let public_url = self.public_url.trim_end_matches('/').to_owned();
        if !is_http(&public_url) {
            return Err(invalid("server.public_url", "starts with http:// or https://"));
        }
        // Cookies are marked for TLS, and callers sent to it, by this address.
        if self.tls.is_some() && !public_url.starts_with("https://") {
            return Err(invalid("server.public_url", "starts with https:// where server.tls is set"));
        }
        let status_url = self.status_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        if status_url.as_deref().is_some_and(|url| !is_http(url)) {
            return Err(invalid("server.status_url", "starts with http:// or https://"));
        }
        Ok((public_url, status_url))
    }

    /// The networks of proxies.
    pub(super) fn proxies(&self) -> Result<Vec<Network>, ConfigError> {
        let proxies = self.trusted_proxies.iter().map(|text| Network::parse(text)).collect::<Option<Vec<_>>>();
        proxies.ok_or_else(|| invalid("server.trusted_proxies", "use addresses or networks such as 10.0.0.0/8"))
    }

    /// How requests are named.
    pub(super) fn requests(&self) -> Result<RequestSettings, ConfigError> {
        let key = "server.request_id_header";
        let id_header = self.request_id_header.as_deref().map(str::to_ascii_lowercase);
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        };
        if !id_header.iter().all(is_name) {
            return Err(invalid(key, "is the name of a header, such as x-request-id"));
        }
        if id_header.is_some() && self.trusted_proxies.is_empty() {
            return Err(invalid(key, "needs server.trusted_proxies: nobody else is believed"));
        }
        Ok(RequestSettings { id_header, lines: self.request_lines })
    }

    /// How many may be connected.
    pub(super) fn connections(&self) -> Result<ConnectionLimits, ConfigError> {
        if !(1..=MOST_CONNECTIONS).contains(&self.most_connections) || self.most_connections_per_address == 0 {
            let keys = "server.most_connections, server.most_connections_per_address";
            return Err(invalid(keys, "are 1 to 1000000"));
        }
        if !(1..=SLOWEST_SECONDS).contains(&self.slow_client_seconds) {
            return Err(invalid("server.slow_client_seconds", "is 1 to 300"));
        }
        Ok(ConnectionLimits {
            most: self.most_connections,
            most_per_address: self.most_connections_per_address,
            slow: Duration::from_secs(self.slow_client_seconds),
        })
    }
}

impl TlsConfig {
    /// Checks what is set; the files are read later.
    pub(super) fn checked(self) -> Result<TlsSettings, ConfigError> {
        let plain_listen = self.plain_listen.as_deref().map(str::parse).transpose();
        let plain_listen = plain_listen.map_err(|_| invalid("server.tls.plain_listen", "use ADDRESS:PORT"))?;
        let certificates_are_asked_for = self.client_ca.is_some();
        let need_them = !self.bound_keys.is_empty() || !self.bound_roles.is_empty() || !self.client_crls.is_empty();
        if need_them && !certificates_are_asked_for {
            let keys = "server.tls.bound_keys, server.tls.bound_roles, server.tls.client_crls";
            return Err(invalid(keys, "need server.tls.client_ca"));
        }
        let bound = self.bound_keys.iter().map(|(key, pins)| bound(key, pins));
        Ok(TlsSettings {
            plain_listen,
            bound_keys: bound.collect::<Result<_, _>>()?,
            bound_roles: self.bound_roles,
            certificate: self.certificate,
            key: self.key,
            hsts_seconds: self.hsts_seconds,
            client_ca: self.client_ca,
            client_crls: self.client_crls,
        })
    }
}

fn bound(key: &str, pins: &[String]) -> Result<(ApiKeyId, Vec<Pin>), ConfigError> {
    let wrong = |what: &str| invalid("server.tls.bound_keys", &format!("{key}: {what}"));
    let id = key.parse().map_err(|_| wrong("is no identifier of an API key"))?;
    let read = pins.iter().map(|text| Pin::parse(text)).collect::<Option<Vec<_>>>();
    let read = read.filter(|pins| !pins.is_empty());
    let pins = read.ok_or_else(|| wrong("name certificates by 64 hexadecimal digits (SHA-256) or dns:NAME"))?;
    Ok((ApiKeyId(id), pins))
}

impl Pin {
    /// 64 hexadecimal digits, with or without colons, or `dns:NAME`.
    fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("dns:") {
            let name = name.to_ascii_lowercase();
            return (name.contains('.') && name.is_ascii() && !name.contains('*')).then_some(Self::Dns(name));
        }
        let digits: String = text.chars().filter(|letter| *letter != ':').collect();
        let mut fingerprint = [0; 32];
        hex::decode_to_slice(digits, &mut fingerprint).ok()?;
        Some(Self::Fingerprint(fingerprint))
    }
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

fn two_years() -> u64 {
    63_072_000
}

/// Each takes a file descriptor and some kilobytes.
const MOST_CONNECTIONS: u32 = 1_000_000;
/// As long as the longest request.
const SLOWEST_SECONDS: u64 = 300;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILES: &str = "certificate = \"c.pem\"\nkey = \"k.pem\"\n";

    fn checked(text: &str) -> Result<TlsSettings, String> {
        let config = toml::from_str::<TlsConfig>(&format!("{FILES}{text}")).unwrap();
        config.checked().map_err(|error| error.to_string())
    }

    #[test]
    fn keys_are_bound_to_certificates_that_are_asked_for() {
        let id = "0190f1c2d3e4756680a1b2c3d4e5f607";
        let pin = "ab".repeat(32);
        let with = |pins: &str| checked(&format!("client_ca = \"ca.pem\"\nbound_keys = {{ {id} = [{pins}] }}\n"));
        let settings = with(&format!("\"{pin}\", \"dns:Agency.example.vn\"")).unwrap();
        let pins = settings.bound_keys.values().next().unwrap();
        assert_eq!(pins, &[Pin::Fingerprint([0xab; 32]), Pin::Dns("agency.example.vn".to_owned())]);
        for wrong in ["", "\"abc\"", "\"dns:*.example.vn\"", "\"dns:host\""] {
            assert!(with(wrong).unwrap_err().starts_with("server.tls.bound_keys"), "{wrong}");
        }
        let nobody = checked(&format!("client_ca = \"ca.pem\"\nbound_keys = {{ x = [\"{pin}\"] }}\n"));
        assert!(nobody.unwrap_err().contains("no identifier"));
        for alone in ["bound_roles = [\"agency\"]", "client_crls = [\"a.crl\"]", "plain_listen = \"80\""] {
            match toml::from_str::<TlsConfig>(&format!("{FILES}{alone}")) {
                Ok(config) => assert!(config.checked().unwrap_err().to_string().starts_with("server.tls."), "{alone}"),
                Err(error) => assert!(error.to_string().contains("agency"), "{error}"),
            }
        }
        assert!(checked("bound_roles = [\"payment_provider\"]").unwrap_err().contains("client_ca"));
    }

    #[test]
    fn tls_needs_a_public_address_of_its_own() {
        let tls = toml::from_str::<TlsConfig>(FILES).unwrap();
        let plain = ServerConfig { tls: Some(tls), ..ServerConfig::default() };
        assert!(plain.urls().unwrap_err().to_string().starts_with("server.public_url"));
        let whole = ServerConfig {
            public_url: "https://chuky.example/".to_owned(),
            status_url: Some("http://status.example/".to_owned()),
            ..plain
        };
        let urls = ("https://chuky.example".to_owned(), Some("http://status.example".to_owned()));
        assert_eq!(whole.urls().unwrap(), urls);
        let many = ServerConfig { most_connections: 0, ..ServerConfig::default() };
        assert!(many.connections().unwrap_err().to_string().starts_with("server.most_connections"));
        let named = |proxies: &[&str], name: &str| ServerConfig {
            trusted_proxies: proxies.iter().map(|text| (*text).to_owned()).collect(),
            request_id_header: Some(name.to_owned()),
            ..ServerConfig::default()
        };
        assert_eq!(named(&["10.0.0.1"], "X-Request-Id").requests().unwrap().id_header.unwrap(), "x-request-id");
        for (proxies, name) in [(&[][..], "x-request-id"), (&["10.0.0.1"][..], "no header")] {
            let refused = named(proxies, name).requests().unwrap_err().to_string();
            assert!(refused.starts_with("server.request_id_header"), "{refused}");
        }
        let slow = ServerConfig { slow_client_seconds: 301, ..ServerConfig::default() };
        assert!(slow.connections().unwrap_err().to_string().starts_with("server.slow_client_seconds"));
    }
}
