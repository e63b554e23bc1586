//! What is set for messages by mail: the server that takes them, how the way there is protected, and who they are from. Checked once; sends nothing.

use super::{ConfigError, invalid};
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The mail server that takes messages.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// Name of the server; without one nothing goes by mail.
    pub host: Option<String>,
    /// 465 and 587 where absent, by `security`.
    pub port: Option<u16>,
    pub security: MailSecurity,
    /// Who messages are from, `chuky@hanoi.gov.vn` or `Chữ ký số <chuky@hanoi.gov.vn>`.
    pub from: Option<String>,
    /// By which the server knows this service; with `password_file`.
    pub username: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// PEM of the CAs by which its certificate is judged; those of the system where absent.
    pub roots: Option<PathBuf>,
}

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// TLS from the first octet (RFC 8314 §3.3).
    #[default]
    Tls,
    /// TLS after STARTTLS, and nothing without it (RFC 3207).
    Starttls,
    /// In clear, to this machine alone.
    Loopback,
}

/// A mail server that takes messages.
#[derive(Clone, Debug)]
pub struct MailSettings {
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    pub from: Mailbox,
    /// Name, and file with the password.
    pub login: Option<(String, PathBuf)>,
    pub roots: PathBuf,
}

impl MailConfig {
    /// The server, where one is named.
    pub(super) fn checked(&self) -> Result<Option<MailSettings>, ConfigError> {
        let Self { host, port, security, from, username, password_file, roots } = self.clone();
        let Some(host) = host else {
            let others = from.is_some() || username.is_some() || password_file.is_some() || port.is_some();
            return match others {
                true => Err(invalid("messages.mail.host", "is missing: messages.mail names a server by it")),
                false => Ok(None),
            };
        };
        let letters = host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-:".contains(&octet));
        if host.is_empty() || host.len() > 253 || !letters {
            return Err(invalid("messages.mail.host", "is the name or address of a server, without a port"));
        }
        let port = match (port, security) {
            (Some(0), _) => return Err(invalid("messages.mail.port", "is 1 to 65535")),
            (Some(port), _) => port,
            (None, MailSecurity::Tls) => 465,
            (None, MailSecurity::Starttls) => 587,
            (None, MailSecurity::Loopback) => 25,
        };
        if security == MailSecurity::Loopback && !["127.0.0.1", "::1", "localhost"].contains(&host.as_str()) {
            let what = "\"loopback\" is for a server on this machine: use \"tls\" or \"starttls\" for any other";
            return Err(invalid("messages.mail.security", what));
        }
        let from = from.ok_or_else(|| invalid("messages.mail.from", "is needed: who messages are from"))?;
        let from: Mailbox = from
            .parse()
            .map_err(|_| invalid("messages.mail.from", "is a mail address, perhaps as Name <name@example.vn>"))?;
        if crate::outbox::mail_address(from.email.as_ref()).is_none() {
            return Err(invalid("messages.mail.from", "is a mail address of ASCII letters"));
        }
        let login = match (username, password_file) {
            (None, None) => None,
            (Some(name), Some(file)) if !name.is_empty() && !name.chars().any(char::is_control) => Some((name, file)),
            _ => return Err(invalid("messages.mail.username", "and messages.mail.password_file go together")),
        };
        let roots = roots.unwrap_or_else(|| PathBuf::from(crate::fetching::SYSTEM_CERTIFICATES));
        Ok(Some(MailSettings { host, port, security, from, login, roots }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mail(text: &str) -> Result<Option<MailSettings>, ConfigError> {
        toml::from_str::<MailConfig>(text).unwrap().checked()
    }

    #[test]
    fn the_way_is_encrypted_or_leads_to_this_machine() {
        assert!(mail("").unwrap().is_none());
        let from = "from = 'Chữ ký số <chuky@hanoi.gov.vn>'";
        let server = mail(&format!("host = 'mail.example.vn'\n{from}")).unwrap().unwrap();
        assert_eq!((server.security, server.port), (MailSecurity::Tls, 465));
        let starttls = mail(&format!("host = 'mail.example.vn'\nsecurity = 'starttls'\n{from}")).unwrap().unwrap();
        assert_eq!(starttls.port, 587);
        assert!(mail(&format!("host = '127.0.0.1'\nport = 2525\nsecurity = 'loopback'\n{from}")).is_ok());
        for wrong in [
            format!("host = 'mail.example.vn'\nsecurity = 'loopback'\n{from}"),
            format!("host = '10.0.0.1'\nsecurity = 'loopback'\n{from}"),
            "host = 'mail.example.vn'".to_owned(),
            from.to_owned(),
            format!("host = 'mail.example.vn:465'\nport = 0\n{from}"),
            format!("host = 'smtp://mail.example.vn'\n{from}"),
            format!("host = ''\n{from}"),
            format!("host = 'mail.example.vn'\nusername = 'chuky'\n{from}"),
            format!("host = 'mail.example.vn'\npassword_file = '/p'\n{from}"),
            "host = 'mail.example.vn'\nfrom = 'nobody'".to_owned(),
            "host = 'mail.example.vn'\nfrom = \"a@hanoi.gov.vn\\r\\nBcc: b@evil.vn\"".to_owned(),
        ] {
            assert!(mail(&wrong).is_err(), "{wrong}");
        }
    }
}
