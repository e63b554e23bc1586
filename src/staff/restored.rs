//! Staff of a database that came out of a backup. What was taken from them since is not known: a password that was changed, a passkey reported
//! lost, a role or an account that ended, an invitation that was redeemed are all as the backup remembers them. So whoever decides is recovered,
//! and invitations that are open there open nothing; of the rest it is told what to look through.

use super::{apply::entry, invitation};
use crate::{
    accounts::{self, contact_of, moved_on},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::Result,
    personnel,
};
use chuky_model::{
    id::ApiKeyId,
    instant::Instant,
    record::{
        Cursor,
        account::{Account, ApiKey},
        staff::StaffInvitation,
    },
};
use uuid::Uuid;

/// What was closed, and what is left to people's judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Accounts that decide, each without password, second factor and passkeys until its holder redeems a new invitation.
    pub recovered: usize,
    /// Open invitations of other accounts: whoever entered their orders makes new ones.
    pub invitations: usize,
    /// Enabled staff accounts that were left as they are.
    pub left: usize,
    /// API keys that open something by the backup: log-in name, label, identifier.
    pub keys: Vec<(String, String, ApiKeyId)>,
}

impl Closed {
    /// For the audit log: how many, no names.
    pub fn told(&self) -> serde_json::Value {
        let Self { recovered, invitations, left, keys } = self;
        serde_json::json!({ "recovered": recovered, "invitations": invitations, "left": left, "keys": keys.len() })
    }
}

/// Closes what could have been taken back since the backup. Can be run anew where it was cut short.
pub async fn close_restored(app: &App) -> Result<Closed> {
    let mut closed = Closed::default();
    let mut after = Cursor::OLDEST;
    loop {
        let page = current::rows(app, || app.store.list_staff_accounts(after, AT_A_TIME)).await?;
        let Some(last) = page.last() else { break };
        after = Cursor { at: last.created_at, id: last.id.0 };
        for account in page.into_iter().filter(accounts::is_enabled) {
            close(app, account, &mut closed).await?;
        }
    }
    personnel::close_restored(app).await?;
    closed.keys = keys_in_force(app).await?;
    Ok(closed)
}

async fn close(app: &App, account: Account, closed: &mut Closed) -> Result<()> {
    let there = current::row_by_log(app, || app.store.staff_invitation_of(account.id)).await?;
    let open = there.as_ref().is_some_and(|one| one.redeemed_at.is_none());
    if !account.roles.iter().any(|role| accounts::decides(*role)) {
        closed.left += 1;
        if let Some(there) = there.filter(|_| open) {
            replace(app, None, void(app, there)?).await?;
            closed.invitations += 1;
        }
        return Ok(());
    }
    closed.recovered += 1;
    // Cut short after this one.
    if account.password_hash.is_none() && there.as_ref().is_none_or(|one| open && one.order_id.is_none()) {
        return Ok(());
    }
    let invitation = match there {
        Some(there) => Some(StaffInvitation { order_id: None, ..void(app, there)? }),
        None => None,
    };
    recover(app, account, invitation).await
}

/// The invitation with a code that nobody knows.
fn void(app: &App, there: StaffInvitation) -> Result<StaffInvitation> {
    let contact = contact_of(app, &there)?;
    let unknown = invitation::unknown(app, (there.account_id, there.order_id), &there.person_lookup, &contact)?;
    Ok(StaffInvitation { version: there.version, ..unknown })
}

async fn recover(app: &App, mut account: Account, invitation: Option<StaffInvitation>) -> Result<()> {
    account.password_hash = None;
    account.totp_secret = None;
    account.totp_step = None;
    account.failed_logins = 0;
    account.locked_until = None;
    account.renewed_at = Some(app.clock.now());
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    match invitation {
        Some(invitation) => replace(app, Some(account), invitation).await,
        None => store(app, Some(&account), None).await,
    }
}

async fn replace(app: &App, account: Option<Account>, mut invitation: StaffInvitation) -> Result<()> {
    attestation::attest_change(&*app.tokens.subscribers, &mut invitation).await?;
    store(app, account.as_ref(), Some(&invitation)).await
}

async fn store(app: &App, account: Option<&Account>, invitation: Option<&StaffInvitation>) -> Result<()> {
    let now: Instant = app.clock.now();
    let mut transaction = app.store.begin().await?;
    if let Some(account) = account {
        transaction.update_account(account).await.map_err(moved_on)?;
        audit::record(&mut transaction, entry(account, now, Kind::AccountRecovered, Actor::Service)).await?;
    }
    if let Some(invitation) = invitation {
        transaction.update_staff_invitation(invitation).await.map_err(moved_on)?;
        let renewed = Entry::of_row(now, Kind::InvitationRenewed, Actor::Service, invitation);
        audit::record(&mut transaction, renewed).await?;
    }
    transaction.commit().await?;
    account.into_iter().for_each(|account| current::changed(app, account));
    invitation.into_iter().for_each(|invitation| current::changed(app, invitation));
    Ok(())
}

async fn keys_in_force(app: &App) -> Result<Vec<(String, String, ApiKeyId)>> {
    let (now, mut after, mut keys) = (app.clock.now(), ApiKeyId(Uuid::nil()), Vec::new());
    loop {
        let page: Vec<ApiKey> = current::rows(app, || app.store.api_keys_in_force(now, after, AT_A_TIME)).await?;
        let Some(last) = page.last() else { return Ok(keys) };
        after = last.id;
        for key in page {
            let account = current::row_by_log(app, || app.store.account_by_id(key.account_id)).await?;
            if let Some(account) = account.filter(accounts::is_enabled) {
                keys.push((account.login, key.label, key.id));
            }
        }
    }
}

const AT_A_TIME: i64 = 100;
