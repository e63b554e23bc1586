//! What is set for identity providers: who says whether a person is who the card says, how the population database is reached, and what becomes
//! of requests while it does not answer. Checked once; asks nobody.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf};

/// Who is asked whether a person is who the card says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    pub provider: IdentityProvider,
    /// Where the population database's client posts to.
    pub url: Option<String>,
    /// PEM: the CAs under which that address is believed; the system's where absent.
    pub ca: Option<PathBuf>,
    /// PEM: the certificate and key that are shown to it.
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// File whose first line is the key that is sent as `Authorization: Bearer`.
    pub bearer_file: Option<PathBuf>,
    /// Milliseconds for one question, connection and answer together.
    pub timeout_ms: u64,
    /// Failures in a row after which nothing is asked for a while.
    pub failures: u32,
    /// For how long.
    pub pause_seconds: u32,
    pub unavailable: UnavailableRule,
}

/// Who says whether a person is who the card says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityProvider {
    /// Whoever enters the request, by looking at card and face.
    #[default]
    Manual,
    /// A population database, besides.
    Population,
}

/// What becomes of a request while the population database does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnavailableRule {
    /// It goes on with the statement of whoever entered it; the check is recorded as not done.
    #[default]
    Record,
    /// It is entered, and cannot be approved before the database has answered.
    Wait,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            provider: IdentityProvider::Manual,
            url: None,
            ca: None,
            client_certificate: None,
            client_key: None,
            bearer_file: None,
            timeout_ms: 3_000,
            failures: 5,
            pause_seconds: 30,
            unavailable: UnavailableRule::Record,
        }
    }
}

impl IdentityConfig {
    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        if !(100..=LONGEST_MS).contains(&self.timeout_ms) {
            return Err(invalid("identity.timeout_ms", "is 100 to 10000"));
        }
        if !(1..=100).contains(&self.failures) || !(1..=3_600).contains(&self.pause_seconds) {
            return Err(invalid("identity", "failures are 1 to 100 and pause_seconds 1 to 3600"));
        }
        if self.client_certificate.is_some() != self.client_key.is_some() {
            return Err(invalid("identity.client_key", "goes with identity.client_certificate"));
        }
        match (&self.url, self.provider) {
            (Some(url), _) => check_url(url)?,
            (None, IdentityProvider::Population) => {
                return Err(invalid("identity.url", "is needed where identity.provider is \"population\""));
            }
            (None, IdentityProvider::Manual) => {}
        }
        Ok(self)
    }
}

/// Personal data leaves this machine by TLS only.
fn check_url(url: &str) -> Result<(), ConfigError> {
    let wrong = |what| Err(invalid("identity.url", what));
    let Some((scheme, rest)) = url.split_once("://") else { return wrong("begins with https://") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') || url.contains(['?', '#']) || url.contains(char::is_whitespace)
    {
        return wrong("is an address without user, query and fragment");
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => host,
        _ => authority,
    };
    let own = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match scheme {
        "https" => Ok(()),
        "http" if own => Ok(()),
        _ => wrong("begins with https://; plain http leads to this machine's own address only"),
    }
}

/// A person stands at the booth while it is asked.
const LONGEST_MS: u64 = 10_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn personal_data_leaves_by_tls_only() {
        let with = |url: &str| {
            let url = Some(url.to_owned());
            IdentityConfig { provider: IdentityProvider::Population, url, ..IdentityConfig::default() }.checked()
        };
        for right in ["https://dan-cu.example.vn/v1", "http://127.0.0.1:9000/", "http://[::1]:9000/check"] {
            assert!(with(right).is_ok(), "{right}");
        }
        for wrong in [
            "http://dan-cu.example.vn/",
            "http://localhost/",
            "ftp://127.0.0.1/",
            "dan-cu.example.vn",
            "https://user@example.vn/",
            "https://example.vn/?a=b",
            "https:///x",
            "http://127.0.0.1@example.vn/",
        ] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_database_without_an_address_and_half_an_identity_are_refused() {
        assert!(IdentityConfig::default().checked().is_ok());
        let population = IdentityConfig { provider: IdentityProvider::Population, ..IdentityConfig::default() };
        assert!(population.checked().is_err());
        let half = IdentityConfig { client_key: Some("key.pem".into()), ..IdentityConfig::default() };
        assert!(half.checked().is_err());
        assert!(IdentityConfig { timeout_ms: 0, ..IdentityConfig::default() }.checked().is_err());
        assert!(IdentityConfig { failures: 0, ..IdentityConfig::default() }.checked().is_err());
    }
}
