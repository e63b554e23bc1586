//! Signatures that an application asks for and their signer approves on another device (CSC API v2 §11.6, §11.7): the application gets a
//! handle and a number, the signer sees on a page of this service what is asked, types the application's number and opens the activation as
//! everywhere else; the application fetches the activation data with its handle, once. What is asked stands in a row under MAC and log
//! whose hashes never change. May use `custody`, `signing::remote` and `oauth`; never sees a key, and keeps no activation data that it could
//! open.

mod decision;
pub mod limits;
mod message;
mod sealed;

pub use decision::{ApprovalView, Asker, approve, end_grant, one, refuse, waiting};

use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current, custody,
    custody::Sad,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    outbox,
    signing::remote,
    store::Error as StoreError,
};
use chuky_model::{
    id::{CredentialId, SigningApprovalId},
    record::{
        signing_approval::SigningApproval,
        state::{SigningApprovalState, SigningRefusal},
    },
};
use limits::*;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What an application wants signed.
#[derive(Clone, Debug)]
pub struct Wish {
    pub credential: CredentialId,
    pub hashes: Vec<Vec<u8>>,
    pub said: Words,
}

/// What an application says of it; nothing of this is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    pub description: String,
    /// What each document is called; none, or one for each hash, perhaps empty.
    pub names: Vec<String>,
}

/// What the application is given.
pub struct Asked {
    pub handle: Zeroizing<String>,
    /// Two digits, to be shown where the signature was started.
    pub number: i64,
    /// How long it waits.
    pub seconds: i64,
}

/// Where it stands, for the application.
pub enum Standing {
    Waiting,
    /// Activation data, given this once, with what is left of its life in seconds.
    Approved(Sad, i64),
    Refused(SigningRefusal),
    Expired,
}

/// Puts the question to the signer.
pub async fn ask(app: &App, by: &Principal, wish: &Wish) -> Result<Asked> {
    // 1. Only what could be signed now is asked, and no more than its signer can read.
    let signer = custody::signer(app, by, wish.credential).await?;
    remote::check_hashes(&signer, &wish.hashes)?;
    wish.said.check(wish.hashes.len())?;
    within_bounds(app, by, wish.credential).await?;
    // 2. The question, with a message to the holder where one is due.
    let now = app.clock.now();
    let handle = random_handle();
    let told = message::due(app, by.account).await;
    let id = SigningApprovalId(Uuid::now_v7());
    let said = serde_json::to_vec(&wish.said).map_err(|_| InternalError::other("an approval's words are no JSON"))?;
    let mut row = SigningApproval {
        id,
        handle_hash: hash(&handle),
        recipient: sealed::recipient(&handle)?,
        credential_id: wish.credential,
        account_id: by.account,
        client: by.client.clone(),
        hashes: wish.hashes.concat(),
        hash_count: i64::try_from(wish.hashes.len()).unwrap_or(i64::MAX),
        said: app.vault.seal(SAID, &id.to_string(), &said)?,
        number: rand::rng().random_range(10..=99),
        wrong_numbers: 0,
        state: SigningApprovalState::Waiting,
        refusal: None,
        activation_id: None,
        sealed_activation: None,
        told_at: told.as_ref().map(|_| now),
        created_at: now,
        expires_at: now.plus_seconds(APPROVAL_SECONDS),
        decided_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_signing_approval(&row).await?;
    if let Some(message) = &told {
        transaction.insert_message(message).await?;
    }
    let entry = Entry::of_row(now, Kind::SigningApprovalAsked, Actor::Account(by.account), &row);
    let content = serde_json::json!({
        "credential": row.credential_id, "client": row.client, "count": row.hash_count,
        "hashes": hex::encode(Sha256::digest(&row.hashes)), "message": told.is_some(),
    });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    if told.is_some() {
        outbox::soon(app);
    }
    Ok(Asked { handle, number: row.number, seconds: APPROVAL_SECONDS })
}

/// Where it stands. Activation data is given once, to the client that asked.
pub async fn check(app: &App, by: &Principal, handle: &str) -> Result<Standing> {
    let handle_hash = hash(handle.get(..handle.len().min(LONGEST_HANDLE)).unwrap_or_default());
    let own = |row: &SigningApproval| row.client == by.client && row.account_id == by.account;
    // Most calls come while nothing has changed, and are answered without asking the log itself.
    let read = || app.store.signing_approval_by_handle(&handle_hash);
    let seen = current::row(app, read).await?.filter(own).ok_or_else(unknown_handle)?;
    if seen.state == SigningApprovalState::Waiting && seen.expires_at > app.clock.now() {
        return Ok(Standing::Waiting);
    }
    for _ in 0..AT_ONCE {
        let row = current::row_by_log(app, read).await?.filter(own).ok_or_else(unknown_handle)?;
        match row.state {
            SigningApprovalState::Delivered => return Err(unknown_handle().into()),
            SigningApprovalState::Refused => {
                return Ok(Standing::Refused(row.refusal.unwrap_or(SigningRefusal::NotNow)));
            }
            _ if row.expires_at <= app.clock.now() => return Ok(Standing::Expired),
            SigningApprovalState::Waiting => return Ok(Standing::Waiting),
            SigningApprovalState::Approved => {
                if let Some((sad, left)) = deliver(app, row, handle).await? {
                    return Ok(Standing::Approved(sad, left));
                }
            }
        }
    }
    Err(RequestError::try_again().into())
}

/// The activation data, taken out of the row by compare-and-swap; nothing where another call changed the row in this moment.
async fn deliver(app: &App, mut row: SigningApproval, handle: &str) -> Result<Option<(Sad, i64)>> {
    let forged = || InternalError::RowForged { table: "signing_approval" };
    let waits = row.sealed_activation.take().ok_or_else(forged)?;
    let sad = sealed::open(&row, handle, &waits)?;
    if sad.activation() != row.activation_id {
        return Err(forged().into());
    }
    let now = app.clock.now();
    row.state = SigningApprovalState::Delivered;
    let entry = (Kind::SigningApprovalDelivered, serde_json::json!({ "client": row.client }));
    if !store_changed(app, &mut row, entry).await? {
        return Ok(None);
    }
    Ok(Some((sad, row.expires_at.unix_seconds().saturating_sub(now.unix_seconds()).max(0))))
}

/// Stores a changed row with its audit entry; `false` where somebody else changed it in this moment.
async fn store_changed(
    app: &App,
    row: &mut SigningApproval,
    (kind, content): (Kind, serde_json::Value),
) -> Result<bool> {
    attestation::attest_change(&*app.tokens.subscribers, row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_signing_approval(row).await {
        Err(StoreError::Stale) => return Ok(false),
        other => other?,
    }
    let entry = Entry::of_row(app.clock.now(), kind, Actor::Account(row.account_id), row);
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    current::changed(app, row);
    Ok(true)
}

async fn within_bounds(app: &App, by: &Principal, credential: CredentialId) -> Result<()> {
    let now = app.clock.now();
    let since = now.plus_seconds(-ASKED_SECONDS);
    let waiting = app.store.signing_approvals_waiting(credential, now).await?;
    let (asked, strange) = app.store.signing_approvals_asked(credential, &by.client, since).await?;
    if strange > 0 {
        return Err(too_many(ASKED_SECONDS).into());
    }
    if waiting >= MOST_WAITING || asked >= MOST_ASKED {
        return Err(too_many(APPROVAL_SECONDS).into());
    }
    Ok(())
}

impl Words {
    fn check(&self, count: usize) -> Result<(), RequestError> {
        let plain = |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(misleads);
        let all: usize = self.names.iter().map(|name| name.chars().count()).sum();
        let named = (self.names.is_empty() || self.names.len() == count)
            && all <= NAMES_CHARACTERS
            && self.names.iter().all(|name| plain(name, NAME_CHARACTERS));
        match named && plain(&self.description, crate::oauth::limits::DESCRIPTION_CHARACTERS) {
            true => Ok(()),
            false => Err(RequestError::invalid(
                "description",
                "approval_words",
                "Mô tả hoặc tên tài liệu quá dài, có ký tự điều khiển, hoặc số tên không khớp số giá trị băm.",
                "The description or a document's name is too long or has control characters, or there are not as many names as hashes.",
            )),
        }
    }
}

/// Control characters, and those that turn the direction of what stands beside them.
fn misleads(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn random_handle() -> Zeroizing<String> {
    let mut octets = Zeroizing::new([0_u8; 32]);
    rand::rng().fill_bytes(octets.as_mut_slice());
    Zeroizing::new(hex::encode(octets.as_slice()))
}

/// What is stored of a handle: a plain hash tells nothing about 256 random bits.
fn hash(handle: &str) -> Vec<u8> {
    Sha256::digest(handle.as_bytes()).to_vec()
}

fn unknown_handle() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "approval_handle",
        "Không có yêu cầu xác nhận này, hoặc kết quả đã được nhận.",
        "There is no such approval, or its outcome was fetched already.",
    )
}

fn too_many(seconds: i64) -> RequestError {
    RequestError {
        retry_after: u32::try_from(seconds).ok(),
        ..RequestError::new(
            RequestErrorKind::TooMany,
            "approvals_too_many",
            "Đã có quá nhiều yêu cầu chờ chủ chữ ký xác nhận, hoặc yêu cầu trước đã bị từ chối. Hãy đợi rồi thử lại.",
            "Too many approvals wait for this signer, or an earlier one was refused as not theirs. Wait, then try again.",
        )
    }
}

/// The sealed column's name.
const SAID: &str = "signing_approval.said";
/// Calls for the same that may meet, one after the other.
const AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_an_application_says_is_plain_and_short() {
        let words = |description: &str, names: &[&str]| Words {
            description: description.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        for good in [words("", &[]), words("Quyết định số 12", &["a.pdf", ""]), words(&"ă".repeat(500), &[])] {
            assert!(good.check(2).is_ok(), "{good:?}");
        }
        let long = "x".repeat(201);
        for bad in [
            words(&"ă".repeat(501), &[]),
            words("hai\ndòng", &[]),
            words("\u{202E}fdp.exe", &[]),
            words("", &["a.pdf"]),
            words("", &["a.pdf", "b\u{2067}.pdf"]),
            words("", &["a.pdf", &long]),
        ] {
            assert_eq!(bad.check(2).unwrap_err().code, "approval_words", "{bad:?}");
        }
        let many = Words { description: String::new(), names: vec!["x".repeat(150); 200] };
        assert!(many.check(200).is_err());
    }
}
