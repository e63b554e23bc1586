//! Taking back what was granted: an API key, a role, a whole account. It takes effect at the next request. Only narrows: nothing
//! here gives anybody more than they had, so one person is enough.

use super::{Principal, login::moved_on};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
};
use chuky_model::{
    id::{AccountId, ApiKeyId},
    record::{Cursor, account::Account},
    role::Role,
};

/// Revokes an API key for good. One that is revoked already stays so.
pub async fn revoke_api_key(app: &App, by: &Principal, id: ApiKeyId) -> Result<()> {
    let key = current::row_by_log(app, || app.store.api_key_by_id(id)).await?;
    let mut key = key.ok_or_else(RequestError::not_found)?;
    if key.revoked_at.is_some() {
        return Ok(());
    }
    let now = app.clock.now();
    key.revoked_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut key).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_api_key(&key).await.map_err(moved_on)?;
    let entry = Entry::of_row(now, Kind::ApiKeyRevoked, Actor::Account(by.account), &key);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    current::changed(app, &key);
    Ok(())
}

/// Takes a role from an account; one that it has not is nothing to take.
pub async fn remove_role(app: &App, by: &Principal, id: AccountId, role: Role) -> Result<()> {
    change(app, by, id, Kind::AccountChanged, |account| {
        let before = account.roles.len();
        account.roles.retain(|held| *held != role);
        account.roles.len() != before
    })
    .await
}

/// Disables an account: its sessions and API keys open nothing any more, and nobody logs in to it.
pub async fn disable_account(app: &App, by: &Principal, id: AccountId) -> Result<()> {
    let now = app.clock.now();
    change(app, by, id, Kind::AccountDisabled, |account| {
        let enabled = account.disabled_at.is_none();
        account.disabled_at.get_or_insert(now);
        enabled
    })
    .await
}

/// Changes an account where `alter` finds something to change. Not one's own, so that the last who could undo it is not locked out.
async fn change(
    app: &App,
    by: &Principal,
    id: AccountId,
    kind: Kind,
    alter: impl Fn(&mut Account) -> bool,
) -> Result<()> {
    if id == by.account {
        return Err(RequestError::conflict(
            "own_account",
            "Không thể tự thu hẹp quyền của chính tài khoản mình. Hãy nhờ một người khác.",
            "You cannot narrow your own account. Ask somebody else.",
        )
        .into());
    }
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    let mut account = account.ok_or_else(RequestError::not_found)?;
    let decided = decides(&account);
    if !alter(&mut account) {
        return Ok(());
    }
    if decided && !decides(&account) && !another_decides(app, id).await? {
        return Err(RequestError::conflict(
            "last_security_officer",
            "Đây là cán bộ an ninh cuối cùng: không còn ai duyệt được lệnh nào nữa. Hãy mở tài khoản cho một người khác trước.",
            "This is the last security officer: nobody could approve any order. Open an account for another one first.",
        )
        .into());
    }
    let now = app.clock.now();
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let roles: Vec<&str> = account.roles.iter().map(|role| role.name()).collect();
    let mut transaction = app.store.begin().await?;
    transaction.update_account(&account).await.map_err(moved_on)?;
    let entry = Entry::of_row(now, kind, Actor::Account(by.account), &account);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "roles": roles }))).await?;
    transaction.commit().await?;
    current::changed(app, &account);
    Ok(())
}

/// Whether the account approves orders about accounts.
fn decides(account: &Account) -> bool {
    account.disabled_at.is_none() && account.roles.contains(&Role::SecurityOfficer)
}

/// Whether another account than this one does: without any, no account could ever be opened again.
async fn another_decides(app: &App, id: AccountId) -> Result<bool> {
    let mut after = Cursor::OLDEST;
    loop {
        let page = current::rows(app, || app.store.list_staff_accounts(after, AT_A_TIME)).await?;
        if page.iter().any(|account| account.id != id && decides(account)) {
            return Ok(true);
        }
        match page.last() {
            Some(last) => after = Cursor { at: last.created_at, id: last.id.0 },
            None => return Ok(false),
        }
    }
}

const AT_A_TIME: i64 = 100;
