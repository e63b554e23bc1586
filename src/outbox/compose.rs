//! What a message is made of: where it goes, and what it says there. A telephone is told a line without diacritics, a mail box a subject and a text.
//! Neither names a person.

use crate::{app::App, error::Result};
use chuky_model::{
    id::MessageId,
    record::{state::MessageChannel, work::Message},
};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where a message goes.
#[derive(Clone)]
pub struct To {
    pub channel: MessageChannel,
    /// A telephone number or a mail address.
    pub address: Zeroizing<String>,
}

impl To {
    /// A telephone.
    pub fn phone(number: &str) -> Self {
        Self { channel: MessageChannel::Sms, address: Zeroizing::new(number.to_owned()) }
    }

    /// A mail box.
    pub fn mail(address: &str) -> Self {
        Self { channel: MessageChannel::Mail, address: Zeroizing::new(address.to_owned()) }
    }
}

/// What a message says.
pub struct Said<'a> {
    /// By SMS: without diacritics, for one SMS has 160 characters then.
    pub short: &'a str,
    /// By mail: the subject, which stands in logs of mail servers and on locked screens. No code in it.
    pub subject: &'a str,
    /// By mail: lines of text.
    pub long: &'a str,
}

/// The message as a row that is not stored yet.
pub fn message(app: &App, to: &To, said: &Said<'_>) -> Result<Message> {
    let id = MessageId(Uuid::now_v7());
    let body = Zeroizing::new(match to.channel {
        MessageChannel::Sms => said.short.to_owned(),
        MessageChannel::Mail => format!("{}\n\n{}", said.subject, said.long),
    });
    let seal = |name: &str, plain: &str| app.vault.seal(name, &id.to_string(), plain.as_bytes());
    Ok(Message {
        id,
        channel: to.channel,
        recipient: seal(RECIPIENT, &to.address)?,
        body: seal(BODY, &body)?,
        created_at: app.clock.now(),
        sent_at: None,
        tries: 0,
        next_at: None,
        failed_at: None,
    })
}

/// Subject and text of a message by mail.
pub(super) fn parts(body: &str) -> (&str, &str) {
    body.split_once("\n\n").unwrap_or(("Chuky", body))
}

/// A mail address as it is kept: of ASCII letters alone, its domain in lower case with a dot in it (RFC 5321 §4.1.2, Dot-string of atoms). Quoted
/// local parts, address literals and addresses that need SMTPUTF8 are none: few servers take them, and none of them is an official's.
pub fn mail_address(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let atom = |part: &str| {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet);
        !part.is_empty() && part.bytes().all(fits)
    };
    let label = |part: &str| {
        let fits = part.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        fits && (1..=63).contains(&part.len()) && !part.starts_with('-') && !part.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    let fits = local.len() <= LONGEST_LOCAL
        && domain.len() <= LONGEST_DOMAIN
        && local.split('.').all(atom)
        && domain.contains('.')
        && domain.split('.').all(label)
        && !top.starts_with(|first: char| first.is_ascii_digit());
    fits.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

/// Names of a message's sealed columns.
pub(super) const RECIPIENT: &str = "message.recipient";
pub(super) const BODY: &str = "message.body";
/// RFC 5321 §4.5.3.1.1 and §4.5.3.1.3: a path has 256 octets with its brackets.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 189;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_mail_address_is_one_that_every_server_takes() {
        for (typed, kept) in [
            ("ntha@hanoi.gov.vn", "ntha@hanoi.gov.vn"),
            ("N.T-H+a@Hanoi.GOV.vn", "N.T-H+a@hanoi.gov.vn"),
            ("a@b-1.vn", "a@b-1.vn"),
        ] {
            assert_eq!(mail_address(typed).as_deref(), Some(kept), "{typed}");
        }
        let long = format!("{}@hanoi.gov.vn", "a".repeat(65));
        for wrong in [
            "",
            "@",
            "a@",
            "@hanoi.gov.vn",
            "a@localhost",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@@hanoi.gov.vn",
            "a@hanoi.gov.vn@evil.vn",
            "a..b@hanoi.gov.vn",
            ".a@hanoi.gov.vn",
            "a.@hanoi.gov.vn",
            "a@hanoi..vn",
            "a@-hanoi.vn",
            "a@hanoi.vn.",
            "a b@hanoi.gov.vn",
            "\"a\"@hanoi.gov.vn",
            "Nguyễn@hanoi.gov.vn",
            "a@hànội.vn",
            "a@hanoi.gov.vn\r\nBcc: b@evil.vn",
            "a\r\nDATA@hanoi.gov.vn",
            "a@hanoi.gov.vn>,<b@evil.vn",
            "<a@hanoi.gov.vn>",
            "a@hanoi.gov.vn, b@evil.vn",
            "a,b@hanoi.gov.vn",
            "a;b@hanoi.gov.vn",
            "a:b@hanoi.gov.vn",
            "a\0@hanoi.gov.vn",
            long.as_str(),
        ] {
            assert_eq!(mail_address(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_mail_has_a_subject_and_a_text() {
        assert_eq!(parts("Mã\n\nMột\n\nHai"), ("Mã", "Một\n\nHai"));
        assert_eq!(parts("Một"), ("Chuky", "Một"));
    }
}
