//! Unlocking a credential after too many wrong PINs: one person asks, another decides, neither of them its holder, at most twice in the
//! credential's life. The PIN stays what it was: whoever has forgotten it needs a new key and certificate, and nobody can reset it.

use super::credential::{MOST_UNLOCKS, Signer, with_certificate};
use crate::{
    accounts::{
        Principal,
        passkey::{Approved, Given, Subject},
        same_person,
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    store,
};
use chuky_model::{
    id::{AccountId, UnlockId},
    instant::Instant,
    person::PersonalNumber,
    record::{
        Cursor,
        credential::{Credential, Unlock},
        state::{CredentialState, UnlockState},
    },
    request::Hierarchy,
    role::Role,
    serial::Serial,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A request to unlock, as those who ask and decide see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct UnlockView {
    #[schema(value_type = String)]
    pub id: UnlockId,
    /// `asked`, `approved` or `refused`.
    #[schema(value_type = String)]
    pub state: UnlockState,
    /// Lower-case hex.
    pub serial: String,
    pub common_name: String,
    pub organization: String,
    /// Masked.
    pub personal_number: String,
    /// 1 for the first unlock of this credential, 2 for the last.
    pub number: i64,
    pub reason: String,
    #[schema(value_type = String)]
    pub asked_by: AccountId,
    /// RFC 3339.
    pub asked_at: String,
    /// Whether the reader may decide it: a second pair of eyes, and not the holder.
    pub decidable: bool,
    /// What a passkey signs that approves it.
    pub content_digest: String,
}

/// Asks for a locked credential to be unlocked. `whom` is the serial number of its certificate, or its holder's personal number.
pub async fn ask_unlock(app: &App, by: &Principal, whom: &str, reason: &str) -> Result<UnlockView> {
    // 1. Whose credential, and whether it is the caller's to ask for.
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(RequestError::invalid(
            "reason",
            "unlock_reason",
            "Hãy ghi đã đối chiếu danh tính thế nào, tối đa 500 ký tự.",
            "Say how the identity was established, in at most 500 characters.",
        )
        .into());
    }
    let signer = locked_one(app, by, whom.trim()).await?;
    refuse_holder(app, by, &signer.credential).await?;
    if signer.unlocks_left() == 0 {
        return Err(used_up().into());
    }
    // 2. The request with its audit entry.
    let now = app.clock.now();
    let mut unlock = Unlock {
        id: UnlockId(Uuid::now_v7()),
        credential_id: signer.credential.id,
        number: signer.credential.unlocks.saturating_add(1),
        state: UnlockState::Asked,
        reason: reason.to_owned(),
        asked_by: by.account,
        asked_at: now,
        decided_by: None,
        decided_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut unlock).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.insert_unlock(&unlock).await {
        Err(store::Error::Conflict(_)) => return Err(open_already().into()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::UnlockAsked, Actor::Account(by.account), &unlock);
    let content = serde_json::json!({ "credential": unlock.credential_id, "number": unlock.number });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(view(by, &unlock, &signer, false))
}

/// Decides on a request to unlock: by somebody who neither asked nor holds the credential.
pub async fn decide_unlock(
    app: &App,
    by: &Principal,
    id: UnlockId,
    approved: bool,
    given: Option<&Given>,
) -> Result<UnlockView> {
    // 1. Four eyes.
    if !may_decide(by) {
        return Err(RequestError::forbidden().into());
    }
    let unlock = current::row_by_log(app, || app.store.unlock_by_id(id)).await?;
    let mut unlock = unlock.ok_or_else(RequestError::not_found)?;
    if same_person(app, by.account, unlock.asked_by).await? {
        return Err(own_request().into());
    }
    let mut credential = credential_of(app, &unlock).await?;
    refuse_holder(app, by, &credential).await?;
    if unlock.state != UnlockState::Asked {
        return Err(moved_on().into());
    }
    // 2. Only the unlock that was asked for, of a credential that is still locked.
    let now = app.clock.now();
    let signer = with_certificate(app, credential.clone()).await?;
    let mut proof = Approved::nothing();
    if approved {
        let next = credential.unlocks.saturating_add(1);
        if !signer.is_locked(app) || unlock.number != next || signer.unlocks_left() == 0 {
            return Err(moved_on().into());
        }
        proof = Approved::by(app, by, (Subject::Unlock(id), &content_digest(&unlock)), given).await?;
        credential.state = CredentialState::Active;
        credential.tries = 0;
        credential.unlocks = next;
        credential.updated_at = now;
        attestation::attest_change(&*app.tokens.subscribers, &mut credential).await?;
    }
    unlock.state = if approved { UnlockState::Approved } else { UnlockState::Refused };
    unlock.decided_by = Some(by.account);
    unlock.decided_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut unlock).await?;
    // 3. Both rows by compare-and-swap with their audit entries, in one transaction.
    store_decision(app, by, &unlock, approved.then_some((&credential, &proof))).await?;
    Ok(view(by, &unlock, &signer, false))
}

/// Requests that wait for a decision, oldest first, after a cursor; with the cursor of the next page.
pub async fn open_unlocks(app: &App, by: &Principal, after: Cursor) -> Result<(Vec<UnlockView>, Option<Cursor>)> {
    let unlocks = current::rows(app, || app.store.list_unlocks(UnlockState::Asked, after, PAGE)).await?;
    let full = i64::try_from(unlocks.len()).is_ok_and(|count| count == PAGE);
    let next = unlocks.last().filter(|_| full).map(|last| Cursor { at: last.asked_at, id: last.id.0 });
    let mut views = Vec::new();
    for unlock in unlocks {
        let signer = with_certificate(app, credential_of(app, &unlock).await?).await?;
        if may_decide(by) || may_ask(by, signer.row.hierarchy) {
            let concerned = same_person(app, by.account, unlock.asked_by).await?
                || same_person(app, by.account, signer.credential.account_id).await?;
            views.push(view(by, &unlock, &signer, !concerned));
        }
    }
    Ok((views, next))
}

/// What a second pair of eyes sees of a request, as it was asked.
fn content_digest(unlock: &Unlock) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("chuky-unlock-v1\n{}\n{}\n{}\n", unlock.id, unlock.credential_id, unlock.number));
    digest.update(format!("{}\n{}\n{}", unlock.asked_by, unlock.asked_at.rfc3339(), unlock.reason));
    hex::encode(digest.finalize())
}

async fn store_decision(
    app: &App,
    by: &Principal,
    unlock: &Unlock,
    unlocked: Option<(&Credential, &Approved)>,
) -> Result<()> {
    let overtaken = |error| match error {
        store::Error::Stale => moved_on().into(),
        error => crate::error::Error::from(error),
    };
    let (now, actor) = (unlock.decided_at.unwrap_or_else(|| app.clock.now()), Actor::Account(by.account));
    let mut transaction = app.store.begin().await?;
    transaction.update_unlock(unlock).await.map_err(overtaken)?;
    let kind = if unlocked.is_some() { Kind::UnlockApproved } else { Kind::UnlockRefused };
    let mut told = Entry::of_row(now, kind, actor, unlock);
    if let Some((_, proof)) = unlocked {
        proof.store(app, &mut transaction).await?;
        told = told.with(proof.told(serde_json::json!({ "content": content_digest(unlock) })));
    }
    let mut entry = audit::record(&mut transaction, told).await?;
    if let Some((credential, _)) = unlocked {
        transaction.update_credential(credential).await.map_err(overtaken)?;
        let content = serde_json::json!({ "unlock": unlock.id, "number": unlock.number, "asked_by": unlock.asked_by });
        let told = Entry::of_row(now, Kind::CredentialUnlocked, actor, credential).with(content);
        entry = audit::record(&mut transaction, told).await?;
    }
    transaction.commit().await?;
    // The count is under a signed head before anybody is told that there are tries again.
    app.audit.wait(entry).await
}

/// The one locked credential of that serial or person. What the caller may not ask for is not found.
async fn locked_one(app: &App, by: &Principal, whom: &str) -> Result<Signer> {
    let mut found = Vec::new();
    for credential in candidates(app, whom).await? {
        let signer = with_certificate(app, credential).await?;
        if may_ask(by, signer.row.hierarchy) {
            found.push(signer);
        }
    }
    if found.is_empty() {
        return Err(RequestError::invalid(
            "whom",
            "unlock_unknown",
            "Không tìm thấy chữ ký nào theo số này. Hãy kiểm tra lại số định danh hoặc số hiệu chứng thư.",
            "No signature is found by this number. Check the personal number or the certificate's serial number.",
        )
        .into());
    }
    found.retain(|signer| signer.is_locked(app));
    let signer = found.pop().ok_or_else(|| {
        RequestError::invalid(
            "whom",
            "not_locked",
            "Chữ ký này không bị khóa. Người quên mã PIN cần làm chữ ký mới.",
            "This signature is not locked. Whoever has forgotten the PIN needs a new one made.",
        )
    })?;
    if !found.is_empty() {
        return Err(RequestError::invalid(
            "whom",
            "several_locked",
            "Người này có nhiều chữ ký đang bị khóa. Hãy nhập số hiệu chứng thư.",
            "This person has several locked signatures. Enter the certificate's serial number.",
        )
        .into());
    }
    Ok(signer)
}

async fn candidates(app: &App, whom: &str) -> Result<Vec<Credential>> {
    let digits: String = whom.chars().filter(|letter| !letter.is_whitespace()).collect();
    let mut credentials = Vec::new();
    if let Ok(number) = PersonalNumber::parse(&digits) {
        let person = app.vault.lookup("person", number.reveal());
        for account in current::rows(app, || app.store.accounts_of_person(&person)).await? {
            credentials.extend(current::rows(app, || app.store.credentials_of_account(account.id)).await?);
        }
    } else if let Ok(serial) = digits.parse::<Serial>() {
        for row in current::rows(app, || app.store.certificates_by_serial(&serial)).await? {
            credentials.extend(current::row(app, || app.store.credential_of_certificate(row.id)).await?);
        }
    }
    credentials.retain(|credential| credential.certificate_id.is_some());
    Ok(credentials)
}

async fn credential_of(app: &App, unlock: &Unlock) -> Result<Credential> {
    let credential = current::row_by_log(app, || app.store.credential_by_id(unlock.credential_id)).await?;
    Ok(credential.ok_or(InternalError::RowForged { table: "credential" })?)
}

/// Nobody opens their own signature, with whichever of their accounts.
async fn refuse_holder(app: &App, by: &Principal, credential: &Credential) -> Result<()> {
    match same_person(app, by.account, credential.account_id).await? {
        false => Ok(()),
        true => Err(RequestError::new(
            RequestErrorKind::Forbidden,
            "own_credential",
            "Bạn không thể tham gia mở khóa chữ ký của chính mình. Hãy nhờ những người khác.",
            "You cannot take part in unlocking your own signature. Ask others.",
        )
        .into()),
    }
}

fn may_ask(by: &Principal, hierarchy: Hierarchy) -> bool {
    by.has(Role::SecurityOfficer)
        || match hierarchy {
            Hierarchy::Citizens => by.has(Role::Operator),
            Hierarchy::Officials => by.has(Role::Registrar),
        }
}

fn may_decide(by: &Principal) -> bool {
    by.has(Role::Approver) || by.has(Role::SecurityOfficer)
}

fn view(by: &Principal, unlock: &Unlock, signer: &Signer, unconcerned: bool) -> UnlockView {
    UnlockView {
        id: unlock.id,
        state: unlock.state,
        serial: signer.row.serial.to_string(),
        common_name: signer.certificate.subject().common_name(),
        organization: signer.certificate.subject().organization(),
        personal_number: signer.personal_number().map(|number| number.masked()).unwrap_or_default(),
        number: unlock.number,
        reason: unlock.reason.clone(),
        asked_by: unlock.asked_by,
        asked_at: Instant::rfc3339(unlock.asked_at),
        decidable: unconcerned && may_decide(by),
        content_digest: content_digest(unlock),
    }
}

fn used_up() -> RequestError {
    RequestError::conflict(
        "unlocks_used_up",
        format!("Chữ ký này đã được mở khóa {MOST_UNLOCKS} lần, không mở thêm được. Hãy làm chữ ký mới."),
        format!("This signature was unlocked {MOST_UNLOCKS} times and cannot be again. A new one must be made."),
    )
}

fn open_already() -> RequestError {
    RequestError::conflict(
        "unlock_open",
        "Đã có một đề nghị mở khóa chữ ký này đang chờ duyệt.",
        "A request to unlock this signature is waiting for a decision.",
    )
}

fn own_request() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "own_request",
        "Bạn đã đề nghị mở khóa này nên không thể tự duyệt. Hãy nhờ một người khác.",
        "You asked for this, so somebody else must decide on it.",
    )
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "unlock_moved_on",
        "Đề nghị này đã được xử lý, hoặc chữ ký không còn bị khóa. Hãy tải lại trang.",
        "This request has been decided, or the signature is no longer locked. Reload the page.",
    )
}

const LONGEST_REASON: usize = 500;
/// Requests of one page of the list.
const PAGE: i64 = 50;
