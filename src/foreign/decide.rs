//! Deciding on certificates whose name is not their holder's, taking them away, and asking their authorities again.

use super::{
    content::Content,
    judge, may_decide, moved_on, own_certificate,
    rows::{self, load},
    view::{ForeignView, viewed},
};
use crate::{
    accounts::{
        self, Principal,
        passkey::{Approved, Given, Subject},
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
};
use chuky_model::{
    id::ForeignCertificateId,
    record::{
        foreign::ForeignCertificate,
        state::{ForeignCertificateState, ForeignStatus},
    },
    role::Role,
};

/// Registers what was shown: by somebody else than its holder, who compared it with papers.
pub async fn approve(
    app: &App,
    by: &Principal,
    id: ForeignCertificateId,
    content_digest: &str,
    given: Option<&Given>,
) -> Result<ForeignView> {
    // 1. A second pair of eyes, over exactly what was seen, of an account that is as it was then.
    let mut row = decidable(app, by, id).await?;
    let account = current::row_by_log(app, || app.store.account_by_id(row.account_id)).await?;
    let account = account.filter(|account| account.disabled_at.is_none()).ok_or_else(moved_on)?;
    let content = Content::open(app, id, &row.content)?;
    let seen = rows::digest(app, id, &account, &content)?;
    if hex::encode(seen) != content_digest || seen.as_slice() != row.content_digest {
        return Err(content_differs().into());
    }
    if row.not_after <= app.clock.now() {
        return Err(expired().into());
    }
    let approved = Approved::by(app, by, (Subject::ForeignCertificate(id), content_digest), given).await?;
    // 2. Stored with its audit entry.
    let now = app.clock.now();
    row.state = ForeignCertificateState::Registered;
    row.decided_by = Some(by.account);
    row.decided_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    rows::changed(&mut transaction, &row).await?;
    approved.store(app, &mut transaction).await?;
    let told = serde_json::json!({ "account": row.account_id, "content": content_digest });
    let entry = Entry::of_row(now, Kind::ForeignApproved, Actor::Account(by.account), &row);
    audit::record(&mut transaction, entry.with(approved.told(told))).await?;
    transaction.commit().await?;
    current::changed(app, &row);
    viewed(app, by, &row).await
}

/// Refuses it with a reason for its holder.
pub async fn refuse(app: &App, by: &Principal, id: ForeignCertificateId, reason: &str) -> Result<ForeignView> {
    let mut row = decidable(app, by, id).await?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let (vi, en) = ("Hãy ghi lý do từ chối, tối đa 500 ký tự.", "Give a reason, at most 500 characters.");
        return Err(RequestError::invalid("reason", "reason_missing", vi, en).into());
    }
    let now = app.clock.now();
    row.state = ForeignCertificateState::Refused;
    row.decided_by = Some(by.account);
    row.decided_at = Some(now);
    row.refusal_reason = Some(reason.to_owned());
    let told = (Kind::ForeignRefused, Actor::Account(by.account), now);
    rows::store_change(app, &mut row, told, serde_json::json!({})).await?;
    viewed(app, by, &row).await
}

/// Takes a certificate away: its holder, or whoever decides on them. It takes something from somebody, so one person is enough.
pub async fn remove(app: &App, by: &Principal, id: ForeignCertificateId) -> Result<ForeignView> {
    by.in_session()?;
    let row = load(app, id).await?;
    if row.account_id != by.account && !may_remove(by) {
        return Err(RequestError::not_found().into());
    }
    let row = rows::end(app, id, (Actor::Account(by.account), by.account)).await?;
    viewed(app, by, &row).await
}

/// Asks the certificate's authority again, and keeps what it says.
pub async fn check_again(app: &App, by: &Principal, id: ForeignCertificateId) -> Result<ForeignView> {
    let mut row = load(app, id).await?;
    if row.account_id != by.account && !may_decide(by) {
        return Err(RequestError::not_found().into());
    }
    if !rows::is_standing(&row) {
        return Err(moved_on().into());
    }
    let content = Content::open(app, id, &row.content)?;
    let judged = judge::judge(app, &content.certificate()?, &content.chain()?, Vec::new()).await?;
    // A revocation is for good; that nobody answers today does not take it back.
    if row.status == ForeignStatus::Revoked
        || (row.status != ForeignStatus::Good && judged.status == ForeignStatus::Unknown)
    {
        return viewed(app, by, &row).await;
    }
    let now = app.clock.now();
    row.status = judged.status;
    row.status_at = now;
    let told = (Kind::ForeignChecked, Actor::Account(by.account), now);
    let content = serde_json::json!({ "status": judged.status });
    rows::store_change(app, &mut row, told, content).await?;
    viewed(app, by, &row).await
}

/// Whether the caller takes certificates of others away.
pub(super) fn may_remove(by: &Principal) -> bool {
    may_decide(by) || by.has(Role::Registrar)
}

async fn decidable(app: &App, by: &Principal, id: ForeignCertificateId) -> Result<ForeignCertificate> {
    by.in_session()?;
    if !may_decide(by) {
        return Err(RequestError::forbidden().into());
    }
    let row = load(app, id).await?;
    if accounts::same_person(app, by.account, row.account_id).await? {
        return Err(own_certificate().into());
    }
    if row.state == ForeignCertificateState::Waiting { Ok(row) } else { Err(moved_on().into()) }
}

fn content_differs() -> RequestError {
    RequestError::conflict(
        "content_differs",
        "Tài khoản hoặc chứng thư khác với nội dung bạn đã xem. Hãy xem lại trước khi duyệt.",
        "The account or the certificate differs from what you were shown. Look at it again before you approve.",
    )
}

fn expired() -> RequestError {
    RequestError::conflict(
        "certificate_not_valid_now",
        "Chứng thư đã hết hạn trong lúc chờ duyệt.",
        "The certificate has expired while it waited.",
    )
}

const LONGEST_REASON: usize = 500;
