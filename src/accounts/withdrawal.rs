//! Taking back what was granted: a role, a whole account. It takes effect at the next request. Only narrows: nothing
//! here gives anybody more than they had, so one person is enough.

use super::{Principal, quorum};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store,
};
use chuky_model::{id::AccountId, record::account::Account, role::Role};

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
    by.in_session()?;
    if id == by.account {
        return Err(RequestError::conflict(
            "own_account",
            "Không thể tự thu hẹp quyền của chính tài khoản mình. Hãy nhờ một người khác.",
            "You cannot narrow your own account. Ask somebody else.",
        )
        .into());
    }
    // A try of a log-in that is counted in this moment must not keep anybody from narrowing the account.
    for _ in 0..AT_ONCE {
        if changed_once(app, by, id, kind, &alter).await? {
            return Ok(());
        }
    }
    Err(RequestError::overtaken().into())
}

async fn changed_once(
    app: &App,
    by: &Principal,
    id: AccountId,
    kind: Kind,
    alter: &impl Fn(&mut Account) -> bool,
) -> Result<bool> {
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    let mut account = account.ok_or_else(RequestError::not_found)?;
    let had_part = quorum::has_part(&account);
    if !alter(&mut account) {
        return Ok(true);
    }
    let now = app.clock.now();
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let roles: Vec<&str> = account.roles.iter().map(|role| role.name()).collect();
    let mut transaction = app.store.begin().await?;
    if had_part {
        quorum::hold(app, &mut transaction, &account).await?;
    }
    match transaction.update_account(&account).await {
        Err(store::Error::Stale) => return Ok(false),
        other => other?,
    }
    let entry = Entry::of_row(now, kind, Actor::Account(by.account), &account);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "roles": roles }))).await?;
    transaction.commit().await?;
    current::changed(app, &account);
    Ok(true)
}

/// Changes of one account that may meet, one after the other.
const AT_ONCE: usize = 16;
