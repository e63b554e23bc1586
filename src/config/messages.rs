//! What is set for messages to subscribers: who takes them, where it is, and whether a page shows them. Checked once; sends nothing.

use super::{ConfigError, MailConfig, Settings, invalid};
use crate::fetching::{Addresses, Hooks, WebhookConfig};
use chuky_model::record::state::MessageChannel;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Messages to subscribers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesConfig {
    pub sms: SmsWay,
    /// Directory into which each message is written as a file, for the operator's gateway to send. Without it messages wait in their table.
    pub spool_dir: Option<PathBuf>,
    pub gateway: GatewayConfig,
    pub mail: MailConfig,
    /// Whether a page shows them. Refused where the authority is no TEST.
    pub shown: bool,
}

/// Who takes messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsWay {
    /// Whatever empties the spool directory.
    #[default]
    Spool,
    /// A gateway that is called.
    Http,
}

/// The gateway that is called.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where messages are posted.
    pub url: Option<String>,
    /// File with the secret by which the gateway knows this service.
    pub secret_file: Option<PathBuf>,
    /// Which addresses its host may have.
    pub addresses: Addresses,
    /// PEM of the CAs by which its certificate is judged; those of the system where absent.
    pub roots: Option<PathBuf>,
}

/// A gateway that may be called.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    pub url: String,
    pub secret_file: Option<PathBuf>,
    /// The host of the address, and nothing else.
    pub reach: WebhookConfig,
}

impl Settings {
    /// Whether anything takes messages of that channel.
    pub fn sends(&self, channel: MessageChannel) -> bool {
        match channel {
            MessageChannel::Sms => self.spool_dir.is_some() || self.gateway.is_some(),
            MessageChannel::Mail => self.mail.is_some(),
        }
    }
}

impl MessagesConfig {
    /// Whether anything takes them.
    pub(super) fn are_sent(&self) -> bool {
        self.spool_dir.is_some() || self.sms == SmsWay::Http || self.mail.host.is_some()
    }

    /// The gateway, where one is called.
    pub(super) fn gateway(&self) -> Result<Option<GatewaySettings>, ConfigError> {
        let GatewayConfig { url, secret_file, addresses, roots } = self.gateway.clone();
        let url = match (self.sms, url) {
            (SmsWay::Spool, None) => return Ok(None),
            (SmsWay::Spool, Some(_)) => {
                return Err(invalid("messages.gateway.url", "is called with messages.sms = \"http\" alone"));
            }
            (SmsWay::Http, None) => return Err(invalid("messages.sms", "\"http\" needs messages.gateway.url")),
            (SmsWay::Http, Some(url)) => url,
        };
        if self.spool_dir.is_some() {
            return Err(invalid("messages.spool_dir", "is not for messages.sms = \"http\": one of the two takes them"));
        }
        let host = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let reach = WebhookConfig { hosts: vec![host.to_ascii_lowercase()], addresses, roots };
        reach.check().map_err(|what| invalid("messages.gateway.url", &what))?;
        Hooks::new(&reach).admits(&url).map_err(|why| invalid("messages.gateway.url", why))?;
        Ok(Some(GatewaySettings { url, secret_file, reach }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn gateway(text: &str) -> Result<Option<GatewaySettings>, ConfigError> {
        toml::from_str::<MessagesConfig>(text).unwrap().gateway()
    }

    #[test]
    fn a_gateway_is_called_by_https_or_on_this_machine() {
        assert!(gateway("").unwrap().is_none());
        let admitted = |url: &str, addresses: &str| {
            gateway(&format!("sms = 'http'\n[gateway]\nurl = '{url}'\naddresses = '{addresses}'")).is_ok()
        };
        assert!(admitted("https://sms.example.vn/send", "public"));
        assert!(admitted("https://SMS.example.vn:8443/send?a=b", "private"));
        assert!(admitted("http://127.0.0.1:8090/send", "loopback"));
        for (url, addresses) in [
            ("http://sms.example.vn/send", "public"),
            ("http://sms.example.vn/send", "private"),
            ("https://sms.example.vn/send", "loopback"),
            ("http://127.0.0.1:8090/send", "public"),
            ("https://user:pass@sms.example.vn/", "public"),
            ("https://sms.example.vn/#x", "public"),
            ("sms.example.vn", "public"),
            ("", "public"),
        ] {
            assert!(!admitted(url, addresses), "{url} {addresses}");
        }
    }

    #[test]
    fn one_way_is_set_and_set_whole() {
        for wrong in [
            "sms = 'http'",
            "[gateway]\nurl = 'https://sms.example.vn/'",
            "sms = 'http'\nspool_dir = '/s'\n[gateway]\nurl = 'https://sms.example.vn/'",
        ] {
            assert!(gateway(wrong).is_err(), "{wrong}");
        }
    }
}
