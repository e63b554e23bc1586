//! Tells others: a POST to an address that somebody registered, of a host that the administrator names, by HTTPS with the host's certificate
//! judged, within the same bounds as what is fetched. A host in a private network is reached only where the settings say so.

use super::{
    hosts::Host,
    request::{Answered, Client, Post, Reach, system_lookup},
};
use crate::tls;
use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use ureq::{
    http::Uri,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

/// Where others may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Hosts, `alarms.example.vn` or `alarms.example.vn:8443`. None: nobody is told.
    pub hosts: Vec<String>,
    /// Which addresses these hosts may have.
    pub addresses: Addresses,
    /// PEM of the CAs by which their certificates are judged; those of the system where absent.
    pub roots: Option<PathBuf>,
}

/// Which addresses the named hosts may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Addresses {
    /// Those of the public internet.
    #[default]
    Public,
    /// Private networks as well.
    Private,
    /// This machine alone, also by plain HTTP: for development.
    Loopback,
}

impl WebhookConfig {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        match self.hosts.iter().find(|text| self.host(text).is_none()) {
            Some(text) if self.is_for_development() => Err(format!(
                "{text:?} is not this machine: use 127.0.0.1 or localhost, with a port where it is not 443"
            )),
            Some(text) => {
                Err(format!("{text:?} is no host: use a full name in lower case, with a port where it is not 443"))
            }
            None => Ok(()),
        }
    }

    /// Whether it leads to this machine alone.
    pub fn is_for_development(&self) -> bool {
        self.addresses == Addresses::Loopback
    }

    fn host(&self, text: &str) -> Option<Host> {
        match self.is_for_development() {
            true => Host::own(text, HTTPS),
            false => Host::parse_with(text, HTTPS),
        }
    }
}

/// Tells others; clones share the places.
#[derive(Clone)]
pub struct Hooks {
    hosts: Arc<Vec<Host>>,
    addresses: Addresses,
    roots: PathBuf,
    places: Arc<Semaphore>,
}

impl Hooks {
    /// By the settings, which were checked.
    pub fn new(config: &WebhookConfig) -> Self {
        Self {
            hosts: Arc::new(config.hosts.iter().filter_map(|text| config.host(text)).collect()),
            addresses: config.addresses,
            roots: config.roots.clone().unwrap_or_else(|| PathBuf::from(SYSTEM_CERTIFICATES)),
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// Whether that address may be told; why not.
    pub fn admits(&self, address: &str) -> Result<(), &'static str> {
        self.admitted(address).map(drop)
    }

    fn admitted(&self, address: &str) -> Result<Uri, &'static str> {
        // A fragment is never sent, and a white space hides what stands behind it.
        if address.len() > LONGEST_ADDRESS
            || address.contains(|letter: char| letter == '#' || !letter.is_ascii_graphic())
        {
            return Err("it is no address");
        }
        let uri: Uri = address.parse().map_err(|_| "it is no address")?;
        let otherwise = match (uri.scheme_str(), self.addresses) {
            (Some("https"), _) => HTTPS,
            (Some("http"), Addresses::Loopback) => HTTP,
            _ => return Err("only HTTPS leads there"),
        };
        let host = Host::of(&uri, otherwise).ok_or("it names no host, or a user as well")?;
        if self.hosts.contains(&host) { Ok(uri) } else { Err("its host is not among those that may be told") }
    }

    /// Posts a body there; an error says why whoever it is did not take it.
    pub async fn tell(&self, address: &str, kind: &'static str, body: String) -> Result<(), String> {
        self.post(address, Post { kind, headers: Vec::new(), body: body.into() }).await?.taken()
    }

    /// Posts there and gives what came back; an error where nothing did.
    pub async fn post(&self, address: &str, post: Post) -> Result<Answered, String> {
        let uri = self.admitted(address).map_err(str::to_owned)?;
        let (hooks, place) = (self.clone(), self.places.acquire().await.map_err(|error| error.to_string())?);
        let told = tokio::task::spawn_blocking(move || hooks.client(&uri)?.post(&uri, &post, PATIENCE));
        let told = tokio::time::timeout(PATIENCE.saturating_mul(2), told).await;
        drop(place);
        match told {
            Ok(told) => told.map_err(|error| error.to_string())?,
            Err(_) => Err("it did not answer in time".to_owned()),
        }
    }

    /// Made anew each time: it is seldom, and CAs that were replaced are taken up.
    fn client(&self, uri: &Uri) -> Result<Client, String> {
        let reach = match self.addresses {
            Addresses::Public => Reach::Public,
            Addresses::Private => Reach::Private,
            Addresses::Loopback => Reach::Loopback,
        };
        if uri.scheme_str() == Some("http") {
            return Ok(Client::new(system_lookup(), reach, PATIENCE));
        }
        let pem = fs::read(&self.roots).map_err(|error| format!("{}: {error}", self.roots.display()))?;
        let certificates = parse_pem(&pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let roots: RootCerts = certificates.collect::<Vec<_>>().into();
        let config =
            TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(tls::primitives()).build();
        Ok(Client::with_tls(system_lookup(), reach, PATIENCE, config))
    }
}

/// Where Debian keeps the CAs that it trusts.
pub const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const HTTPS: u16 = 443;
const HTTP: u16 = 80;
/// Octets of an address.
const LONGEST_ADDRESS: usize = 500;
/// Posts under way at once.
const AT_A_TIME: usize = 8;
/// For one post: whoever is told answers before working on it.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config(hosts: &[&str], addresses: Addresses) -> WebhookConfig {
        WebhookConfig { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), addresses, roots: None }
    }

    #[test]
    fn only_hosts_that_are_named_are_told_and_only_by_https() {
        let hooks = Hooks::new(&config(&["alarms.example.vn", "other.example.vn:8443"], Addresses::Public));
        for right in [
            "https://alarms.example.vn/chuky",
            "https://ALARMS.example.vn:443/chuky?a=b",
            "https://alarms.example.vn./",
            "https://other.example.vn:8443/",
        ] {
            assert_eq!(hooks.admits(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "alarms.example.vn",
            "http://alarms.example.vn/",
            "https://alarms.example.vn:444/",
            "https://other.example.vn/",
            "https://alarms.example.vn@evil.vn/",
            "https://user@alarms.example.vn/",
            "https://alarms.example.vn.evil.vn/",
            "https://evil.vn/#alarms.example.vn",
            "https://alarms.example.vn/#x",
            "https://alarms.example.vn/ x",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "ftp://alarms.example.vn/",
            "file:///etc/passwd",
        ] {
            assert!(hooks.admits(wrong).is_err(), "{wrong}");
        }
        assert!(Hooks::new(&WebhookConfig::default()).admits("https://alarms.example.vn/").is_err());
        assert!(hooks.admits(&format!("https://alarms.example.vn/{}", "a".repeat(500))).is_err());
    }

    #[test]
    fn this_machine_is_told_in_development_alone() {
        assert!(config(&["127.0.0.1:8080"], Addresses::Public).check().is_err());
        assert!(config(&["localhost"], Addresses::Private).check().is_err());
        assert!(config(&["alarms.example.vn"], Addresses::Loopback).check().is_err());
        assert_eq!(config(&["127.0.0.1:8080"], Addresses::Loopback).check(), Ok(()));
        let hooks = Hooks::new(&config(&["127.0.0.1:8080", "localhost:80"], Addresses::Loopback));
        for right in ["http://127.0.0.1:8080/a", "https://127.0.0.1:8080/a", "http://localhost/"] {
            assert_eq!(hooks.admits(right), Ok(()), "{right}");
        }
        assert!(hooks.admits("http://127.0.0.1:8081/").is_err() && hooks.admits("http://10.0.0.1:8080/").is_err());
    }
}
