//! Passkeys (WebAuthn) of accounts: a way to log in without a password, and the proof that a decision was made by its approver. A passkey
//! that was added with a password logs in and no more; it approves once another person has confirmed it. What an assertion proves is
//! judged in `chuky_pki::webauthn`; here is decided whose it is, what it was asked for, and that it was asked once.

mod activation;
pub mod approval;
mod challenge;
mod holder;
mod log_in;
mod own;
mod party;

pub use activation::{ActivationProof, MOST_SHOWN, ToActivate, ask_activation, has_confirmed, was_confirmed};
pub use approval::{Approved, Subject};
pub use holder::{Waiting, confirm, to_confirm};
pub use log_in::{ask_log_in, log_in};
pub use own::{
    CreationAsked, Credential, PasskeyView, Proof, add, ask_change, ask_creation, contact, forget_names, list, name_of,
    remove,
};
pub use party::RelyingParty;

use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    store::{self, Transaction},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use challenge::Challenge;
use chuky_model::{
    id::{AccountId, PasskeyId},
    instant::Instant,
    record::passkey::{Passkey, PasskeyEnrolment},
};
use chuky_pki::webauthn::{self, Answered, Assertion, Expected, Known, Refusal};
use serde::{Deserialize, Serialize};

/// What a browser is asked to have signed.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Asked {
    /// To be sent back with the answer; good once and for five minutes.
    pub token: String,
    /// base64url: the SHA-256 of `statement`.
    pub challenge: String,
    pub rp_id: String,
    /// The credentials that may answer, base64url; none for whichever the user chooses.
    pub credentials: Vec<String>,
    /// What is signed, line by line.
    pub statement: String,
    /// Whether an answer is needed; without one, what is asked for is done all the same.
    pub needed: bool,
}

/// An authenticator's answer, as a browser hands it over. All of it base64url.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Of [`Asked`].
    pub token: String,
    pub credential_id: String,
    pub authenticator_data: String,
    pub client_data: String,
    pub signature: String,
    #[serde(default)]
    pub user_handle: Option<String>,
}

impl Given {
    /// What a form's hidden field holds: JSON, or nothing.
    pub fn of_form(text: &str) -> Result<Option<Self>> {
        match text {
            "" => Ok(None),
            text => Ok(Some(serde_json::from_str(text).map_err(|_| malformed())?)),
        }
    }
}

/// A genuine answer of one passkey to one challenge, with the passkey's row as it is from then on. Nothing is stored yet.
struct Proven {
    challenge: Challenge,
    passkey: Passkey,
    authenticator_data: Vec<u8>,
    client_data: Vec<u8>,
    signature: Vec<u8>,
}

impl Proven {
    /// Uses the challenge up and stores the passkey with its new counter, in the transaction of what it was for.
    async fn store(&self, app: &App, transaction: &mut Transaction, content: serde_json::Value) -> Result<()> {
        let now = app.clock.now();
        self.challenge.use_up(transaction, now).await?;
        transaction.update_passkey(&self.passkey).await.map_err(super::login::moved_on)?;
        let actor = Actor::Account(self.passkey.account_id);
        let entry = Entry::of_row(now, Kind::PasskeyUsed, actor, &self.passkey);
        audit::record(transaction, entry.with(content)).await?;
        Ok(())
    }
}

/// Judges an answer to `challenge` by one of the passkeys that may log in (`of`: of that account only).
async fn proven(app: &App, challenge: Challenge, of: Option<AccountId>, given: &Given) -> Result<Proven> {
    let party = RelyingParty::of(app)?;
    let octets = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
    let credential_id = octets(&given.credential_id)?;
    let (authenticator_data, client_data) = (octets(&given.authenticator_data)?, octets(&given.client_data)?);
    let signature = octets(&given.signature)?;
    // WebAuthn Level 3 §7.2: "identify the user being authenticated" by the credential, never by what came with it.
    let passkey = current::row_by_log(app, || app.store.passkey_by_credential(&credential_id)).await?;
    let usable = |one: &Passkey| one.revoked_at.is_none() && one.distrusted_from.is_none();
    let passkey = passkey.filter(|one| usable(one) && of.is_none_or(|of| of == one.account_id));
    let mut passkey = passkey.ok_or_else(unknown)?;
    if !outlives_renewal(app, &passkey).await? {
        return Err(unknown().into());
    }
    if let Some(handle) = &given.user_handle
        && octets(handle)? != passkey.account_id.as_bytes()
    {
        return Err(unknown().into());
    }
    let answer =
        Assertion { authenticator_data: &authenticator_data, client_data: &client_data, signature: &signature };
    let counter = u32::try_from(passkey.counter).map_err(|_| InternalError::RowForged { table: "passkey" })?;
    let answered = judged(&party, &passkey, answer, &challenge.digest(), Some(counter)).map_err(refused)?;
    passkey.counter = i64::from(answered.counter);
    passkey.backup = backup_of(answered);
    passkey.last_used_at = Some(app.clock.now());
    attestation::attest_change(&*app.tokens.subscribers, &mut passkey).await?;
    Ok(Proven { challenge, passkey, authenticator_data, client_data, signature })
}

/// The judgement itself; `counter` is `None` for what was judged when it was given.
fn judged(
    party: &RelyingParty,
    passkey: &Passkey,
    answer: Assertion<'_>,
    challenge: &[u8; 32],
    counter: Option<u32>,
) -> Result<Answered, Refusal> {
    let known = Known { public_key: &passkey.public_key, backup_eligible: passkey.backup & ELIGIBLE != 0, counter };
    webauthn::verify(answer, known, Expected { rp_id: &party.id, origin: &party.origin, challenge })
}

fn backup_of(answered: Answered) -> i64 {
    let eligible = if answered.backup_eligible { ELIGIBLE } else { 0 };
    eligible | if answered.backed_up { BACKED_UP } else { 0 }
}

/// The passkey of that identifier as it is now.
async fn load(app: &App, id: PasskeyId) -> Result<Passkey> {
    let passkey = current::row_by_log(app, || app.store.passkey_by_id(id)).await?;
    Ok(passkey.ok_or_else(RequestError::not_found)?)
}

/// The passkeys of an account that are not removed, oldest first.
async fn of_account(app: &App, account: AccountId) -> Result<Vec<Passkey>> {
    let passkeys = current::rows(app, || app.store.passkeys_of_account(account)).await?;
    let mut usable = Vec::new();
    for passkey in passkeys.into_iter().filter(|passkey| passkey.revoked_at.is_none()) {
        if outlives_renewal(app, &passkey).await? {
            usable.push(passkey);
        }
    }
    Ok(usable)
}

/// Whether the account was not recovered or enabled anew since the passkey was made: two people ended what it had before.
async fn outlives_renewal(app: &App, passkey: &Passkey) -> Result<bool> {
    let account = current::row(app, || app.store.account_by_id(passkey.account_id)).await?;
    let renewed = account.ok_or(InternalError::RowForged { table: "account" })?.renewed_at;
    Ok(renewed.is_none_or(|renewed| passkey.created_at > renewed))
}

/// Since when an account approves with passkeys. A row that the log knows and the database does not was taken away, not never there.
async fn enrolled_since(app: &App, account: AccountId) -> Result<Option<Instant>> {
    let found: Option<PasskeyEnrolment> =
        current::row_of_by_log(app, account, || app.store.passkey_enrolment(account)).await?;
    Ok(found.map(|enrolment| enrolment.since))
}

fn conflicted(error: store::Error, said: fn() -> RequestError) -> crate::error::Error {
    match error {
        store::Error::Conflict(_) => said().into(),
        error => error.into(),
    }
}

/// Why the answer proves nothing, in words for who gave it; the log has the clause.
fn refused(refusal: Refusal) -> RequestError {
    tracing::warn!(event = "passkey_refused", reason = %refusal);
    let (vi, en) = match refusal {
        Refusal::NotVerified | Refusal::NotPresent => (
            "Khóa truy cập chưa kiểm tra người dùng. Hãy thử lại và nhập mã PIN, vân tay hoặc khuôn mặt khi thiết bị hỏi.",
            "The passkey has not checked who uses it. Try again, and give PIN, finger or face when the device asks.",
        ),
        Refusal::Counter => (
            "Bộ đếm của khóa truy cập không tăng, có thể khóa đã bị sao chép. Hãy gỡ khóa này và đăng ký khóa khác.",
            "The passkey's counter did not grow: it may have been copied. Remove it and register another.",
        ),
        Refusal::Origin | Refusal::CrossOrigin | Refusal::RpId => (
            "Khóa truy cập được dùng ở một trang khác với trang này. Hãy mở đúng địa chỉ của dịch vụ rồi thử lại.",
            "The passkey was used on another site than this. Open the service's own address and try again.",
        ),
        Refusal::Challenge | Refusal::Type => (
            "Khóa truy cập đã ký một nội dung khác. Hãy tải lại trang, xem lại nội dung rồi xác nhận lại.",
            "The passkey signed something else. Reload the page, look at the content and confirm again.",
        ),
        Refusal::Malformed(_) | Refusal::Backup | Refusal::Key | Refusal::Signature => (
            "Khóa truy cập không xác nhận được. Hãy thử lại, hoặc dùng khóa khác đã đăng ký.",
            "The passkey's answer cannot be verified. Try again, or use another one that is registered.",
        ),
    };
    RequestError::conflict("passkey_refused", vi, en)
}

fn malformed() -> RequestError {
    RequestError::conflict(
        "passkey_malformed",
        "Trình duyệt gửi xác nhận bằng khóa truy cập không đầy đủ. Hãy tải lại trang và thử lại.",
        "The browser sent an incomplete answer of the passkey. Reload the page and try again.",
    )
}

fn unknown() -> RequestError {
    RequestError::conflict(
        "passkey_unknown",
        "Khóa truy cập này không thuộc tài khoản, hoặc đã bị gỡ. Hãy dùng khóa khác, hoặc đăng ký khóa ở trang Tài khoản của tôi.",
        "This passkey is not the account's, or was removed. Use another, or register one on the page My account.",
    )
}

/// Flag BE of the authenticator data (WebAuthn Level 3 §6.1).
const ELIGIBLE: i64 = 0x08;
/// Flag BS.
const BACKED_UP: i64 = 0x10;
