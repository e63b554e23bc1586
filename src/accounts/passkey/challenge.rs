//! What a passkey signs: a statement of exactly what it is used for, one line a field, so that anybody can read it again years later. The
//! challenge is its SHA-256. It is given out as a sealed token, so that nothing is stored for whoever merely asks, and any node takes
//! the answer; a row says that it was used.

use super::conflicted;
use crate::{
    app::App,
    error::{RequestError, Result},
    store::Transaction,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chuky_model::{id::AccountId, instant::Instant};
use rand::Rng;
use sha2::{Digest, Sha256};

/// What a passkey is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    LogIn,
    /// A new passkey is made.
    Register,
    /// The account's passkeys are to be changed.
    Change,
    /// A decision.
    Approve,
    /// Signatures are to be activated.
    Activate,
}

impl Purpose {
    const ALL: [Purpose; 5] = [Self::LogIn, Self::Register, Self::Change, Self::Approve, Self::Activate];

    fn name(self) -> &'static str {
        match self {
            Self::LogIn => "log_in",
            Self::Register => "register",
            Self::Change => "change_passkeys",
            Self::Approve => "approve",
            Self::Activate => "activate",
        }
    }
}

/// A statement to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub purpose: Purpose,
    /// What is decided on, `noun:identifier`; empty where nothing is.
    pub subject: String,
    /// The digest of exactly what is approved, in hexadecimal, or what else the purpose needs to know again.
    pub content: String,
    /// Who is asked; `None` where that is to be found out.
    pub account: Option<AccountId>,
    pub at: Instant,
    nonce: String,
}

impl Challenge {
    /// A fresh one.
    pub fn new(app: &App, purpose: Purpose, account: Option<AccountId>, subject: &str, content: &str) -> Self {
        let mut nonce = [0_u8; 32];
        rand::rng().fill_bytes(&mut nonce);
        let (subject, content) = (subject.to_owned(), content.to_owned());
        // Whole seconds: that is what the text says.
        let at = Instant::from_unix_seconds(app.clock.now().unix_seconds());
        Self { purpose, subject, content, account, at, nonce: hex::encode(nonce) }
    }

    /// The statement.
    pub fn text(&self) -> String {
        let account = self.account.map(|id| id.to_string()).unwrap_or_default();
        format!(
            "{DOMAIN}\npurpose: {}\nsubject: {}\ncontent: {}\naccount: {account}\nat: {}\nnonce: {}\n",
            self.purpose.name(),
            self.subject,
            self.content,
            self.at.rfc3339(),
            self.nonce
        )
    }

    /// Reads a statement; `None` where it is not exactly the text that its fields give.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != DOMAIN {
            return None;
        }
        let mut field = |name: &str| Some(lines.next()?.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
        let purpose = field("purpose")?;
        let purpose = Purpose::ALL.into_iter().find(|one| one.name() == purpose)?;
        let (subject, content, account) = (field("subject")?, field("content")?, field("account")?);
        let account = if account.is_empty() { None } else { Some(account.parse().ok()?) };
        let at = Instant::parse_rfc3339(&field("at")?)?;
        let read = Self { purpose, subject, content, account, at, nonce: field("nonce")? };
        (read.text() == text).then_some(read)
    }

    /// What is signed.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.text()).into()
    }

    /// The sealed token that brings it back.
    pub fn token(&self, app: &App) -> Result<String> {
        let sealed = app.vault.seal(PLACE, "", self.text().as_bytes())?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The challenge of a token that was given out for this purpose and has not ended.
    pub fn of_token(app: &App, token: &str, purpose: Purpose) -> Result<Self> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| over())?;
        // What cannot be opened was not given out here; nothing more is to be said of it.
        let plain = app.vault.open(PLACE, "", &sealed).map_err(|_| over())?;
        let read = std::str::from_utf8(&plain).ok().and_then(Self::parse).ok_or_else(over)?;
        let now = app.clock.now();
        if read.purpose != purpose || now >= read.ends() || read.at > now {
            return Err(over().into());
        }
        Ok(read)
    }

    /// Until when it can be answered.
    pub fn ends(&self) -> Instant {
        self.at.plus_seconds(SECONDS)
    }

    /// Uses it up: a second answer, on whichever node, is refused.
    pub async fn use_up(&self, transaction: &mut Transaction, now: Instant) -> Result<()> {
        let used = transaction.use_passkey_challenge(&self.digest(), self.ends(), now).await;
        used.map_err(|error| conflicted(error, over))
    }
}

fn over() -> RequestError {
    RequestError::conflict(
        "passkey_challenge_over",
        "Yêu cầu xác nhận bằng khóa truy cập đã hết hạn hoặc đã dùng. Hãy tải lại trang và thử lại.",
        "This request for a passkey has ended or was used. Reload the page and try again.",
    )
}

/// Keeps these statements apart from everything else that anybody has signed.
const DOMAIN: &str = "chuky-passkey-v1";
const PLACE: &str = "passkey.challenge";
/// How long a user may take.
const SECONDS: i64 = 300;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_statement_is_read_as_it_was_written_and_no_other_way() {
        let challenge = Challenge {
            purpose: Purpose::Approve,
            subject: "request:0199a7c2-1111-7000-8000-00000000abcd".to_owned(),
            content: "00ff".to_owned(),
            account: Some("0199a7c2-1111-7000-8000-00000000abce".parse().unwrap()),
            at: Instant::from_unix_seconds(1_795_316_709),
            nonce: "07".repeat(32),
        };
        let text = challenge.text();
        assert_eq!(Challenge::parse(&text), Some(challenge.clone()));
        let nobody = Challenge { account: None, subject: String::new(), content: String::new(), ..challenge };
        assert_eq!(Challenge::parse(&nobody.text()), Some(nobody));
        for wrong in [
            text.replace("-v1", "-v2"),
            text.replace("approve", "approves"),
            text.replace("account: 0", "account:  0"),
            text.replace('\n', "\r\n"),
            format!("{text}more: 1\n"),
            text.trim_end().to_owned(),
        ] {
            assert_eq!(Challenge::parse(&wrong), None, "{wrong}");
        }
    }
}
