//! The hosts that may be asked, as the administrator names them, and whether an address from a certificate is one of theirs. Everything else
//! is refused before a name is looked up.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use ureq::http::Uri;

/// What may be fetched for verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetchConfig {
    /// Hosts, `crl.example.vn` or `ocsp.example.vn:8080`, of which revocation lists, OCSP answers and issuers' certificates are fetched.
    /// None: nothing is fetched.
    pub hosts: Vec<String>,
    /// Seconds that all fetching for one verdict may take.
    pub seconds: u64,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self { hosts: Vec::new(), seconds: 10 }
    }
}

impl FetchConfig {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=60).contains(&self.seconds) {
            return Err("seconds are 1 to 60".to_owned());
        }
        match self.hosts.iter().find(|text| Host::parse(text).is_none()) {
            Some(text) => {
                Err(format!("{text:?} is no host: use a full name in lower case, with a port where it is not 80"))
            }
            None => Ok(()),
        }
    }
}

/// One host with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    name: String,
    port: u16,
}

impl Host {
    /// A full name: no address, no wildcard, no name of this network alone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::parse_with(text, HTTP)
    }

    /// The same with another port where none is named.
    pub(super) fn parse_with(text: &str, otherwise: u16) -> Option<Self> {
        let (name, port) = split(text, otherwise)?;
        let label = |label: &str| {
            let plain = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            plain && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
        };
        let is_name = name.contains('.') && name.len() <= 253 && name.split('.').all(label);
        // `127.1` and `0x7f.1` are addresses to some resolvers.
        let top = name.rsplit('.').next().unwrap_or_default();
        let is_address = name.parse::<IpAddr>().is_ok() || top.starts_with(|first: char| first.is_ascii_digit());
        (is_name && !is_address).then(|| Self { name: name.to_owned(), port })
    }
}

impl Host {
    /// This machine, by its usual name or address.
    pub(super) fn own(text: &str, otherwise: u16) -> Option<Self> {
        let (name, port) = split(text, otherwise)?;
        ["localhost", "127.0.0.1"].contains(&name).then(|| Self { name: name.to_owned(), port })
    }

    /// The host that an address names, as it is compared.
    pub(super) fn of(uri: &Uri, otherwise: u16) -> Option<Self> {
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let port = match authority.as_str().rsplit_once(':') {
            Some(_) => authority.port_u16()?,
            None => otherwise,
        };
        Some(Self { name, port })
    }
}

fn split(text: &str, otherwise: u16) -> Option<(&str, u16)> {
    match text.split_once(':') {
        Some((name, port)) => Some((name, port.parse().ok().filter(|port| *port > 0)?)),
        None => Some((text, otherwise)),
    }
}

/// The address as it may be asked for, or why it may not.
pub(super) fn admitted(address: &str, hosts: &[Host]) -> Result<Uri, &'static str> {
    let uri: Uri = address.parse().map_err(|_| "it is no address")?;
    if uri.scheme_str() != Some("http") {
        return Err("only plain HTTP is fetched");
    }
    let authority = uri.authority().ok_or("it names no host")?;
    if authority.as_str().contains('@') {
        return Err("it carries a user's name");
    }
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let port = match authority.as_str().rsplit_once(':') {
        Some(_) => authority.port_u16().ok_or("its port is none")?,
        None => HTTP,
    };
    match hosts.contains(&Host { name, port }) {
        true => Ok(uri),
        false => Err("its host is not among those that may be asked"),
    }
}

const HTTP: u16 = 80;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hosts_are_full_names() {
        for right in ["crl.example.vn", "ocsp.example.vn:8080", "a-b.c1.vn"] {
            assert!(Host::parse(right).is_some(), "{right}");
        }
        for wrong in [
            "",
            "localhost",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "[::1]",
            "::1",
            "*.vn",
            "crl.example.vn/",
            "http://crl.example.vn",
            "CRL.vn",
            "crl..vn",
            ".vn",
            "crl.vn.",
            "-a.vn",
            "crl.vn:0",
            "crl.vn:70000",
            "crl.vn:",
            "u@crl.vn",
            "crl vn.x",
            "crl.vn:80:80",
        ] {
            assert!(Host::parse(wrong).is_none(), "{wrong}");
        }
        let config = |host: &str| FetchConfig { hosts: vec![host.to_owned()], ..FetchConfig::default() };
        assert_eq!(config("crl.example.vn").check(), Ok(()));
        assert!(config("10.0.0.1").check().unwrap_err().contains("10.0.0.1"));
        assert!(FetchConfig { seconds: 0, ..FetchConfig::default() }.check().is_err());
    }

    #[test]
    fn only_the_hosts_that_are_named_are_asked() {
        let hosts = [Host::parse("crl.example.vn").unwrap(), Host::parse("ocsp.example.vn:8080").unwrap()];
        for right in [
            "http://crl.example.vn/a.crl",
            "HTTP://CRL.Example.vn:80/a",
            "http://crl.example.vn./a",
            "http://ocsp.example.vn:8080",
        ] {
            assert!(admitted(right, &hosts).is_ok(), "{right}");
        }
        for wrong in [
            "https://crl.example.vn/a",
            "http://crl.example.vn:81/a",
            "http://ocsp.example.vn/",
            "http://evil.vn/crl.example.vn",
            "http://crl.example.vn.evil.vn/",
            "http://crl.example.vn@evil.vn/",
            "http://user@crl.example.vn/",
            "http://evil.vn#crl.example.vn",
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://2130706433/",
            "ldap://crl.example.vn/",
            "crl.example.vn",
            "/a.crl",
            "http:///a",
            "http://crl.example.vn\\@evil.vn/",
            "http://xcrl.example.vn/",
            "http://example.vn/",
            "file:///etc/passwd",
        ] {
            assert!(admitted(wrong, &hosts).is_err(), "{wrong}");
        }
        assert!(admitted("http://crl.example.vn/", &[]).is_err());
    }
}
