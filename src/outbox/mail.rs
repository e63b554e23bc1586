//! Handing messages to a mail server (RFC 5321, submission by RFC 6409 and RFC 8314): one connection a message. SMTP knows no key by which a server
//! tells a message that it has had: so each has a Message-ID, a date and a text that are the same at every try, a try is never begun while another
//! may be under way, and the answer to the end of its data is waited for as long as a server may take (RFC 5321 §4.5.3.2.6, §6.1).
//!
//! What a server answers is never logged but for its status: it repeats addresses.

use super::{compose, content_of, tries::Judged};
use crate::{
    app::App,
    config::{MailSecurity, MailSettings},
    error::{InternalError, Result},
};
use chuky_model::record::work::Message;
use lettre::{
    Address,
    message::{
        Mailbox, SinglePart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use std::{
    error::Error as StdError,
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

/// A mail server, for one round.
pub(super) struct MailServer {
    settings: MailSettings,
    credentials: Option<Credentials>,
    tls: Option<TlsParameters>,
}

/// Why a message was not taken: by an answer with that status, or by none.
enum Failure {
    Status(u16),
    Silent(String),
}

impl Failure {
    fn of(error: &SmtpError) -> Self {
        match error.status() {
            Some(status) => Self::Status(status.into()),
            // What is no SMTP may be a text of the server's.
            None if error.is_response() => {
                Self::Silent("it answers what is no SMTP, or ended the connection".to_owned())
            }
            None => Self::Silent(said(error)),
        }
    }

    fn said(&self) -> String {
        match self {
            Self::Status(status) => format!("it answered {status}"),
            Self::Silent(why) => why.clone(),
        }
    }
}

impl MailServer {
    /// With password and CAs read anew: what was replaced is taken up.
    pub(super) async fn of(settings: &MailSettings) -> Result<Self> {
        let credentials = match &settings.login {
            None => None,
            Some((name, file)) => {
                let read = tokio::fs::read_to_string(file).await.map(Zeroizing::new);
                let text = read.map_err(InternalError::io(file.display().to_string()))?;
                let password = text.trim_end_matches(['\r', '\n']);
                if password.is_empty() || password.len() > LONGEST_PASSWORD || password.chars().any(char::is_control) {
                    let what = "messages.mail.password_file holds no line with a password";
                    return Err(InternalError::other(what).into());
                }
                Some(Credentials::new(name.clone(), password.to_owned()))
            }
        };
        let tls = match settings.security {
            MailSecurity::Loopback => None,
            MailSecurity::Tls | MailSecurity::Starttls => Some(tls(settings).await?),
        };
        Ok(Self { settings: settings.clone(), credentials, tls })
    }

    /// Whether it lets this service in; why not. Sends nothing.
    pub(super) async fn knock(&self) -> std::result::Result<(), String> {
        let mut connection = self.opened().await?;
        let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
        Ok(())
    }

    /// Hands one message over. An error where it cannot be read.
    pub(super) async fn offer(&self, app: &App, message: &Message) -> Result<Judged> {
        let (to, body) = content_of(app, message)?;
        let to: Address = to.parse().map_err(|_| InternalError::other("a message by mail without a mail address"))?;
        let letter = letter(&self.settings.from, &to, message, &body)?;
        let mut connection = match self.opened().await {
            Ok(connection) => connection,
            Err(why) => return Ok(Judged::Later { why, wait: None }),
        };
        let judged = self.transaction(&mut connection, to, &letter).await;
        // What was taken is marked at once, however the server says goodbye.
        tokio::spawn(async move { tokio::time::timeout(GOODBYE, connection.abort()).await });
        Ok(judged)
    }

    /// A connection that is encrypted as the settings want it, and logged in.
    async fn opened(&self) -> std::result::Result<AsyncSmtpConnection, String> {
        let opening = async {
            let MailSettings { host, port, security, from, .. } = &self.settings;
            let hello = ClientId::Domain(from.email.domain().to_owned());
            let implicit = self.tls.clone().filter(|_| *security == MailSecurity::Tls);
            let server = (host.as_str(), *port);
            let mut connection =
                AsyncSmtpConnection::connect_tokio1(server, Some(OPENING), &hello, implicit, None).await?;
            if let (MailSecurity::Starttls, Some(tls)) = (security, self.tls.clone()) {
                // Where the server, or whoever sits between, offers none, this is an error and nothing is sent.
                connection.starttls(tls, &hello).await?;
            }
            if let Some(credentials) = &self.credentials {
                connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
            }
            Ok(connection)
        };
        match tokio::time::timeout(OPENING, opening).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Failure::of(&error).said()),
            Err(_) => Err("it did not answer in time".to_owned()),
        }
    }

    /// One mail transaction (RFC 5321 §3.3).
    async fn transaction(&self, connection: &mut AsyncSmtpConnection, to: Address, letter: &[u8]) -> Judged {
        let from = self.settings.from.email.clone();
        let later = |failure: &Failure| Judged::Later { why: failure.said(), wait: None };
        // 1. Who sends is this service's own, and no message's fault.
        if let Err(failure) = within(COMMAND, connection.command(Mail::new(Some(from), Vec::new()))).await {
            return later(&failure);
        }
        // 2. Who is to have it.
        if let Err(failure) = within(COMMAND, connection.command(Rcpt::new(to, Vec::new()))).await {
            return judged(&failure);
        }
        if let Err(failure) = within(COMMAND, connection.command(Data)).await {
            return judged(&failure);
        }
        // 3. From here on the server may have it, whatever becomes of the connection.
        match within(END_OF_DATA, connection.message(letter)).await {
            Ok(()) => Judged::Taken,
            Err(Failure::Silent(why)) => Judged::Unknown { why },
            Err(failure) => judged(&failure),
        }
    }
}

/// What an answer about a recipient or a text means. A server that wants a log-in, knows no such command or closes its service is wrong itself.
fn judged(failure: &Failure) -> Judged {
    match failure {
        Failure::Status(421 | 454 | 500 | 502 | 503 | 504 | 521 | 530 | 534 | 535 | 538) | Failure::Silent(_) => {
            Judged::Later { why: failure.said(), wait: None }
        }
        Failure::Status(status) if *status >= 500 => Judged::Refused(*status),
        Failure::Status(status) => Judged::PutOff(*status),
    }
}

async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = std::result::Result<T, SmtpError>>,
) -> std::result::Result<(), Failure> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Failure::of(&error)),
        Err(_) => Err(Failure::Silent("it did not answer in time".to_owned())),
    }
}

/// An error of the connection with what is behind it; none of these has a text of the server's.
fn said(error: &SmtpError) -> String {
    let mut text = error.to_string();
    let mut source = error.source().and_then(StdError::source);
    while let Some(behind) = source {
        text = format!("{text}: {behind}");
        source = behind.source();
    }
    text
}

/// The whole message (RFC 5322), the same octets at every try.
fn letter(from: &Mailbox, to: &Address, message: &Message, body: &str) -> Result<Zeroizing<Vec<u8>>> {
    let (subject, text) = compose::parts(body);
    let written = SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(u64::try_from(message.created_at.unix_seconds()).unwrap_or_default()))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let letter = lettre::Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(subject))
        .date(written)
        .message_id(Some(format!("<{}@{}>", message.id, from.email.domain())))
        .header(AutoSubmitted)
        .singlepart(SinglePart::plain(text.replace("\r\n", "\n").replace('\n', "\r\n")))
        .map_err(|error| InternalError::other(error.to_string()))?;
    Ok(Zeroizing::new(letter.formatted()))
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// That no person wrote it, so that no holiday notice answers (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn StdError + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Trust in the CAs that are set, or those of the system, and in no others.
async fn tls(settings: &MailSettings) -> Result<TlsParameters> {
    let pem =
        tokio::fs::read(&settings.roots).await.map_err(InternalError::io(settings.roots.display().to_string()))?;
    let wrong = |error: SmtpError| InternalError::other(format!("{}: {}", settings.roots.display(), said(&error)));
    let roots = Certificate::from_pem(&pem).map_err(wrong)?;
    let tls = TlsParameters::builder(settings.host.clone());
    let tls = tls.certificate_store(CertificateStore::None).add_root_certificate(roots);
    Ok(tls.build_rustls().map_err(wrong)?)
}

/// Connections at once: few servers like more of one client.
pub(super) const AT_ONCE: usize = 4;
/// Seconds after which a try is certainly over: all of what follows together.
pub(super) const LONGEST_TRY: i64 = 780;
/// To connect, to encrypt and to log in.
const OPENING: Duration = Duration::from_secs(30);
/// For each answer but the last.
const COMMAND: Duration = Duration::from_secs(30);
/// For the answer to the end of the data: a server that looks for viruses takes its time, and whoever is impatient sends twice (RFC 5321 §4.5.3.2.6).
const END_OF_DATA: Duration = Duration::from_secs(600);
const GOODBYE: Duration = Duration::from_secs(5);
/// Octets.
const LONGEST_PASSWORD: usize = 1_024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::{
        id::MessageId,
        instant::Instant,
        record::{state::MessageChannel, work::Message},
    };

    fn row() -> Message {
        Message {
            id: MessageId(uuid::Uuid::from_u128(7)),
            channel: MessageChannel::Mail,
            recipient: Vec::new(),
            body: Vec::new(),
            created_at: Instant::from_unix_seconds(1_767_225_600),
            sent_at: None,
            tries: 0,
            next_at: None,
            failed_at: None,
        }
    }

    fn letter_of(body: &str) -> String {
        let from = "Chữ ký số <chuky@hanoi.gov.vn>".parse().unwrap();
        let letter = letter(&from, &"ntha@hanoi.gov.vn".parse().unwrap(), &row(), body).unwrap();
        String::from_utf8(letter.to_vec()).unwrap()
    }

    #[test]
    fn a_letter_is_ascii_with_the_outbox_row_in_its_name_and_the_same_each_time() {
        let body = "Mã kích hoạt chữ ký số\n\nMã của bạn: ABCD.\n.\nĐừng đưa cho ai.";
        let letter = letter_of(body);
        assert!(letter.is_ascii(), "{letter}");
        assert!(letter.contains("\r\nMessage-ID: <00000000-0000-0000-0000-000000000007@hanoi.gov.vn>\r\n"), "{letter}");
        assert!(letter.contains("\r\nAuto-Submitted: auto-generated\r\n") && letter.contains("=?utf-8?"), "{letter}");
        assert!(letter.contains("Thu, 01 Jan 2026 00:00:00 +0000"), "{letter}");
        assert_eq!(letter, letter_of(body));
        // Nothing but CRLF ends a line.
        assert!(!letter.replace("\r\n", "").contains(['\r', '\n']), "{letter:?}");
    }

    #[test]
    fn no_subject_makes_a_header() {
        for subject in ["Mã\r\nBcc: b@evil.vn", "Ma\nBcc: b@evil.vn", "Ma\rBcc: b@evil.vn", "a\0b"] {
            let letter = letter_of(&format!("{subject}\n\ntext"));
            let head = letter.split("\r\n\r\n").next().unwrap();
            assert!(!head.to_lowercase().contains("\r\nbcc:") && !head.contains('\0'), "{letter:?}");
            assert_eq!(head.lines().filter(|line| !line.starts_with(' ') && line.contains(": ")).count(), 9, "{head}");
        }
    }

    #[test]
    fn only_what_is_wrong_with_a_message_gives_it_up() {
        for status in [501, 550, 551, 552, 553, 554, 555, 556] {
            assert_eq!(judged(&Failure::Status(status)), Judged::Refused(status), "{status}");
        }
        for status in [432, 450, 451, 452, 455] {
            assert_eq!(judged(&Failure::Status(status)), Judged::PutOff(status), "{status}");
        }
        for status in [421, 454, 502, 503, 530, 535, 538] {
            assert!(matches!(judged(&Failure::Status(status)), Judged::Later { .. }), "{status}");
        }
    }

    #[test]
    fn a_try_is_over_when_it_is_counted_as_over() {
        let all = OPENING + OPENING + COMMAND * 3 + END_OF_DATA;
        assert!(u64::try_from(LONGEST_TRY).unwrap() >= all.as_secs(), "{all:?}");
    }
}
