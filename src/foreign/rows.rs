//! The rows of registered certificates as they may be relied on. A key stands with one account at a time: the database refuses a second row, and
//! the audit log names every row of a key, so that one that SQL hid is missed and not taken for none.

use super::content::Content;
use crate::{
    accounts,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    store::{self, Transaction},
};
use chuky_model::{
    id::{AccountId, ForeignCertificateId},
    instant::Instant,
    record::{Cursor, account::Account, foreign::ForeignCertificate, state::ForeignCertificateState},
};
use chuky_pki::{certificate::Certificate, crypto::sha256};

/// By which a key is known: only keys in their one standard form are admitted.
pub(super) fn key_hash(certificate: &Certificate) -> Vec<u8> {
    sha256(certificate.spki_der()).to_vec()
}

/// Every row of a certificate's key, oldest first, whosever it is or was. An error where one that the log names is not there.
pub(super) async fn of_key(app: &App, certificate: &Certificate) -> Result<Vec<ForeignCertificate>> {
    let key = key_hash(certificate);
    for _ in 0..LOOKS {
        let rows = current::rows(app, || app.store.foreign_certificates_of_key(&key)).await?;
        let named = named(app, &key).await?;
        if named.iter().all(|id| rows.iter().any(|row| row.id == *id)) {
            return Ok(rows);
        }
    }
    Err(current::missing::<ForeignCertificate>())
}

/// Those of an account that wait or are registered.
pub async fn waiting_or_registered(app: &App, account: AccountId) -> Result<Vec<ForeignCertificate>> {
    let rows = current::rows(app, || app.store.foreign_certificates_of_account(account)).await?;
    Ok(rows.into_iter().filter(is_standing).collect())
}

/// Takes all of an account's away; how many.
pub async fn taken_from(app: &App, account: AccountId, by: Actor, decided_by: AccountId) -> Result<usize> {
    let rows = waiting_or_registered(app, account).await?;
    let count = rows.len();
    for row in rows {
        end(app, row.id, (by, decided_by)).await?;
    }
    Ok(count)
}

/// Takes what rows of an account say, whose holder is erased: the key stays known, so that nobody has it unseen.
pub async fn erase_of(app: &App, account: AccountId) -> Result<()> {
    for row in current::rows(app, || app.store.foreign_certificates_of_account(account)).await? {
        if row.content.is_empty() {
            continue;
        }
        let mut row = load(app, row.id).await?;
        let now = app.clock.now();
        row.content.clear();
        row.refusal_reason = None;
        if is_standing(&row) {
            row.state = ForeignCertificateState::Removed;
            row.ended_at = Some(now);
        }
        let told = (Kind::ForeignRemoved, Actor::Service, now);
        store_change(app, &mut row, told, serde_json::json!({ "erased": true })).await?;
    }
    Ok(())
}

/// What is held of an account's certificates of other authorities, for whom they are about.
pub async fn exported(app: &App, account: AccountId) -> Result<Vec<serde_json::Value>> {
    let mut all = Vec::new();
    for row in current::rows(app, || app.store.foreign_certificates_of_account(account)).await? {
        if row.content.is_empty() {
            continue;
        }
        let content = Content::open(app, row.id, &row.content)?;
        all.push(serde_json::json!({
            "id": row.id, "state": row.state.name(), "certificate": content.certificate()?.to_pem(),
            "fit": content.fit, "proof": content.text, "registered_at": row.created_at.rfc3339(),
            "status": row.status.name(), "status_at": row.status_at.rfc3339(), "refusal_reason": row.refusal_reason,
        }));
    }
    Ok(all)
}

/// Takes one away, where it still stands.
pub(super) async fn end(
    app: &App,
    id: ForeignCertificateId,
    (by, ended_by): (Actor, AccountId),
) -> Result<ForeignCertificate> {
    let mut row = load(app, id).await?;
    if !is_standing(&row) {
        return Ok(row);
    }
    let now = app.clock.now();
    row.state = ForeignCertificateState::Removed;
    row.ended_by = Some(ended_by);
    row.ended_at = Some(now);
    store_change(app, &mut row, (Kind::ForeignRemoved, by, now), serde_json::json!({})).await?;
    Ok(row)
}

/// The row of that identifier as it is now.
pub(super) async fn load(app: &App, id: ForeignCertificateId) -> Result<ForeignCertificate> {
    let row = current::row_by_log(app, || app.store.foreign_certificate_by_id(id)).await?;
    // Of whom was erased nothing is told.
    Ok(row.filter(|row| !row.content.is_empty()).ok_or_else(RequestError::not_found)?)
}

/// Stores a row's next state with its audit entry.
pub(super) async fn store_change(
    app: &App,
    row: &mut ForeignCertificate,
    (kind, by, now): (Kind, Actor, Instant),
    content: serde_json::Value,
) -> Result<()> {
    attestation::attest_change(&*app.tokens.subscribers, row).await?;
    let mut transaction = app.store.begin().await?;
    changed(&mut transaction, row).await?;
    audit::record(&mut transaction, Entry::of_row(now, kind, by, row).with(content)).await?;
    transaction.commit().await?;
    current::changed(app, row);
    Ok(())
}

/// Stores a row's next state in a transaction.
pub(super) async fn changed(transaction: &mut Transaction, row: &ForeignCertificate) -> Result<()> {
    match transaction.update_foreign_certificate(row).await {
        Err(store::Error::Stale) => Err(super::moved_on().into()),
        // Another row of the key was registered in this moment.
        Err(store::Error::Conflict(_)) => Err(key_taken().into()),
        other => Ok(other?),
    }
}

/// Passes where a key stands with nobody.
pub(super) fn check_free(account: AccountId, rows: &[ForeignCertificate], certificate: &Certificate) -> Result<()> {
    let Some(row) = rows.iter().find(|row| is_standing(row)) else { return Ok(()) };
    if row.account_id != account {
        return Err(key_taken().into());
    }
    let (vi, en) = match row.fingerprint == certificate.fingerprint() {
        true => ("Chứng thư này đã có trong danh sách của bạn.", "This certificate is in your list already."),
        false => (
            "Một chứng thư khác của cùng khóa này đang có trong danh sách của bạn. Hãy gỡ chứng thư đó trước.",
            "Another certificate of this key is in your list. Take that one away first.",
        ),
    };
    let error = RequestError::conflict("certificate_known", vi, en);
    Err(RequestError { field: Some("certificate"), ..error }.into())
}

/// What an approver approves: a keyed digest of exactly what is shown.
pub(super) fn digest(app: &App, id: ForeignCertificateId, account: &Account, content: &Content) -> Result<[u8; 32]> {
    let shown = serde_json::json!({
        "id": id, "account": account.id, "login": account.login, "name": accounts::display_name(app, account)?,
        "certificate": content.certificate, "fit": content.fit,
    });
    Ok(app.vault.lookup("foreign_certificate", &shown.to_string()))
}

pub(super) fn is_standing(row: &ForeignCertificate) -> bool {
    matches!(row.state, ForeignCertificateState::Waiting | ForeignCertificateState::Registered)
}

/// Records that a row is of that key, in the transaction that makes it.
pub(super) async fn record_key(
    app: &App,
    transaction: &mut Transaction,
    (at, by): (Instant, Actor),
    row: &ForeignCertificate,
) -> Result<()> {
    let entry = Entry::new(at, Kind::ForeignKeyNamed, by, subject(app, &row.key_hash));
    audit::record(transaction, entry.with(serde_json::json!({ "certificate": row.id }))).await?;
    Ok(())
}

/// The rows that the log says are of that key.
async fn named(app: &App, key: &[u8]) -> Result<Vec<ForeignCertificateId>> {
    let (subject, mut after, mut ids) = (subject(app, key), Cursor::OLDEST, Vec::new());
    loop {
        let page = app.store.audit_entries_about(&subject, after, PAGE).await?;
        for entry in &page {
            let content: serde_json::Value = serde_json::from_slice(&entry.content).unwrap_or_default();
            let id = content.get("certificate").and_then(|id| id.as_str()?.parse().ok());
            ids.push(id.ok_or_else(|| InternalError::other("an entry of a key names no certificate"))?);
        }
        match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            Some(last) => after = Cursor { at: last.recorded_at, id: last.id.0 },
            None => return Ok(ids),
        }
    }
}

/// What the log calls a key: another keyed digest than the rows' hash.
fn subject(app: &App, key: &[u8]) -> String {
    format!("foreign_key:{}", hex::encode(app.vault.lookup("foreign_key", &hex::encode(key))))
}

/// Without telling who has it.
pub(super) fn key_taken() -> RequestError {
    let error = RequestError::conflict(
        "key_taken",
        "Chứng thư hoặc khóa này đang đăng ký cho một tài khoản khác. Mỗi khóa chỉ đứng tên một người; nếu đó là nhầm lẫn, hãy báo cán bộ đăng ký.",
        "This certificate or its key is registered for another account. A key stands with one person; where that is a mistake, tell a registrar.",
    );
    RequestError { field: Some("certificate"), ..error }
}

/// Looks at the rows of a key: one may be made between two of its reads.
const LOOKS: usize = 3;
/// Entries looked at together.
const PAGE: i64 = 100;
