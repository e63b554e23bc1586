//! What is set for the audit log as others see it: its name, how often it is signed for them, and the witnesses that sign it too.

use super::{ConfigError, invalid};
use chuky_model::instant::Instant;
use chuky_pki::transparency::{
    VerifierKey,
    limits::LONGEST_NAME,
    note::{SignatureType, check_name},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// The published audit log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// The log's name in its checkpoints; from `server.public_url` where absent. Another name is another log.
    pub origin: Option<String>,
    /// Seconds between two checkpoints.
    pub checkpoint_seconds: u64,
    pub witnesses: Vec<WitnessConfig>,
}

/// One witness.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// `https://host:port/…`, or `http://…`: what it answers is verified by its key, and what it is sent is public.
    pub url: String,
    /// As it publishes it: `name+id+key`.
    pub key: String,
    /// PEM: the CAs under which its address is believed, or its own certificate; the system's CAs where absent.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// PEM: the certificate and key that are shown to it.
    #[serde(default)]
    pub client_certificate: Option<PathBuf>,
    #[serde(default)]
    pub client_key: Option<PathBuf>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { origin: None, checkpoint_seconds: 10, witnesses: Vec::new() }
    }
}

/// The same, checked.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    pub origin: String,
    pub every: Duration,
    pub witnesses: Vec<Witness>,
}

/// One witness, checked.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Without a trailing slash.
    pub url: String,
    pub key: VerifierKey,
    /// PEM, where it is not the system's CAs under which it is believed.
    pub ca: Option<PathBuf>,
    /// PEM: certificate and key that are shown to it.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Witness {
    /// One that is asked by plain HTTP, or believed under the system's CAs.
    pub fn plain(url: &str, key: VerifierKey) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), key, ca: None, identity: None }
    }
}

impl AuditConfig {
    /// Checks what is set.
    pub(super) fn checked(self, public_url: &str) -> Result<AuditSettings, ConfigError> {
        let host = public_url.split_once("://").map_or(public_url, |(_, host)| host);
        let origin = self.origin.unwrap_or_else(|| format!("{host}{PREFIX}"));
        let longest = LONGEST_NAME - LONGEST_SUFFIX;
        if check_name(&origin).is_err() || origin.len() > longest {
            return Err(invalid("audit.origin", &format!("has 1 to {longest} octets, no space and no plus")));
        }
        if !(1..=3_600).contains(&self.checkpoint_seconds) {
            return Err(invalid("audit.checkpoint_seconds", "is 1 to 3600"));
        }
        if self.witnesses.len() > MOST_WITNESSES {
            return Err(invalid("audit.witnesses", "are at most 15"));
        }
        let witnesses = self.witnesses.into_iter().map(WitnessConfig::checked).collect::<Result<Vec<_>, _>>()?;
        Ok(AuditSettings { origin, every: Duration::from_secs(self.checkpoint_seconds), witnesses })
    }
}

impl AuditSettings {
    /// The same for a log that goes on after a reconciliation. It does not continue what was published before, so it has another name, of its
    /// own accord: nobody has to think of one, and no two histories are signed under the same.
    pub fn after(&self, reconciled: Option<Instant>) -> Self {
        let Some(at) = reconciled else { return self.clone() };
        Self { origin: format!("{}/{RESTORED}{}", self.origin, at.0), ..self.clone() }
    }
}

impl WitnessConfig {
    fn checked(self) -> Result<Witness, ConfigError> {
        let by_tls = self.url.starts_with("https://");
        if !by_tls && !self.url.starts_with("http://") {
            return Err(invalid("audit.witnesses.url", "starts with https:// or http://"));
        }
        if self.client_certificate.is_some() != self.client_key.is_some() {
            return Err(invalid("audit.witnesses.client_key", "goes with audit.witnesses.client_certificate"));
        }
        // Somebody meant to be protected.
        if !by_tls && (self.ca.is_some() || self.client_key.is_some()) {
            return Err(invalid(
                "audit.witnesses.url",
                "starts with https:// where a ca or client_certificate is named",
            ));
        }
        let key = VerifierKey::parse(&self.key).ok().filter(|key| key.kind == SignatureType::Cosignature);
        let key = key.ok_or_else(|| invalid("audit.witnesses.key", "is a witness's key, name+id+key"))?;
        let identity = self.client_certificate.zip(self.client_key);
        Ok(Witness { ca: self.ca, identity, ..Witness::plain(&self.url, key) })
    }
}

/// Where the log is served.
pub const PREFIX: &str = "/audit/log";
/// Stands in the name of a log after a reconciliation, before its time in microseconds since 1970.
const RESTORED: &str = "restored-";
/// Octets of that: a slash, the word, and at most 20 digits.
const LONGEST_SUFFIX: usize = 1 + RESTORED.len() + 20;
/// Verifiers of notes accept at least sixteen signatures.
const MOST_WITNESSES: usize = 15;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_log_is_named_by_its_address_and_wrong_settings_are_refused() {
        let checked = |text: &str| toml::from_str::<AuditConfig>(text).unwrap().checked("https://chuky.example");
        assert_eq!(checked("").unwrap().origin, "chuky.example/audit/log");
        assert_eq!(checked("origin = \"nhat-ky.example\"").unwrap().origin, "nhat-ky.example");
        let settings = checked("").unwrap();
        assert_eq!(settings.after(None).origin, settings.origin);
        assert_eq!(settings.after(Some(Instant(17))).origin, "chuky.example/audit/log/restored-17");
        for (text, key) in [
            ("origin = \"a b\"", "audit.origin"),
            (&format!("origin = \"{}\"", "a".repeat(LONGEST_NAME)), "audit.origin"),
            ("checkpoint_seconds = 0", "audit.checkpoint_seconds"),
            ("[[witnesses]]\nurl = \"ftp://w\"\nkey = \"\"", "audit.witnesses.url"),
            ("[[witnesses]]\nurl = \"http://w\"\nkey = \"\"\nca = \"ca.pem\"", "audit.witnesses.url"),
            ("[[witnesses]]\nurl = \"https://w\"\nkey = \"\"\nclient_key = \"k\"", "audit.witnesses.client_key"),
            ("[[witnesses]]\nurl = \"http://w\"\nkey = \"w+00000000+AQ==\"", "audit.witnesses.key"),
        ] {
            assert!(checked(text).unwrap_err().to_string().starts_with(key), "{text}");
        }
    }
}
