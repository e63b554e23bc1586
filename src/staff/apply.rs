//! What an approved order makes of an account: the rows that change, attested before the transaction of the approval begins.

use super::{Change, content::Opening, invitation, order::person_lookup};
use crate::{
    accounts::{self, quorum, second_factor},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store::{self, Transaction},
    subject,
};
use chuky_model::{
    id::AccountId,
    instant::Instant,
    record::{
        account::{Account, ApiKey},
        staff::StaffInvitation,
        staff::StaffOrder,
        work::Job,
    },
};

/// Rows that are stored with an approval.
pub(super) struct Applied {
    account: Account,
    kind: Kind,
    invitation: Option<StaffInvitation>,
    /// Keys that end with a role that decides.
    ended_keys: Vec<ApiKey>,
    /// What is to be done besides.
    job: Option<Job>,
    /// The account had a second factor that the change takes away.
    had_factor: bool,
}

impl Applied {
    /// The account as the order wants it, with its holder's invitation where there is one.
    pub(super) async fn prepare(
        app: &App,
        order: &StaffOrder,
        change: &Change,
        account: Option<Account>,
    ) -> Result<Self> {
        let hsm = &*app.tokens.subscribers;
        let now = app.clock.now();
        if let Change::Open(opening) = change {
            let account = opened(app, order.account_id, opening).await?;
            let person = person_lookup(app, opening);
            let invitation = invitation::fresh(app, (account.id, Some(order.id)), &person, &opening.phone).await?;
            return Ok(Self {
                account,
                kind: Kind::AccountCreated,
                invitation: Some(invitation),
                ended_keys: Vec::new(),
                job: None,
                had_factor: false,
            });
        }
        let mut account = account.ok_or_else(RequestError::not_found)?;
        let (mut invitation, mut ended_keys, mut job) = (None, Vec::new(), None);
        let had_factor = second_factor::is_enrolled(&account);
        let kind = match change {
            Change::Open(_) | Change::Move { .. } | Change::Grant { .. } => Kind::AccountChanged,
            Change::Recover { .. } => Kind::AccountRecovered,
            Change::Enable {} => Kind::AccountEnabled,
            Change::Erase {} => Kind::AccountDisabled,
        };
        match change {
            Change::Open(_) => {}
            Change::Grant { roles } => {
                account.roles.extend(roles.iter().copied());
                account.roles.sort();
                account.roles.dedup();
                ended_keys = accounts::api_keys_ended_by_role(app, &account, now).await?;
            }
            Change::Move { unit } => {
                account.unit.clone_from(unit);
                account.unit_since = Some(now);
            }
            Change::Recover { phone } => {
                account.password_hash = None;
                account.totp_secret = None;
                account.totp_step = None;
                account.renewed_at = Some(now);
                invitation = Some(invitation::renewed(app, (&account, order.id), phone).await?);
            }
            Change::Enable {} => {
                account.disabled_at = None;
                account.renewed_at = Some(now);
            }
            Change::Erase {} => {
                account.disabled_at.get_or_insert(now);
                account.renewed_at = Some(now);
                job = Some(subject::job(account.id, now)?);
            }
        }
        if matches!(change, Change::Recover { .. } | Change::Enable {}) {
            account.failed_logins = 0;
            account.locked_until = None;
        }
        attestation::attest_change(hsm, &mut account).await?;
        Ok(Self { account, kind, invitation, ended_keys, job, had_factor })
    }

    /// Stores it with the entries of each row.
    pub(super) async fn store(
        &self,
        app: &App,
        transaction: &mut Transaction,
        by: AccountId,
        now: Instant,
    ) -> Result<()> {
        let actor = Actor::Account(by);
        if self.kind == Kind::AccountRecovered {
            // Until its holder redeems the invitation nobody logs in to it.
            quorum::hold(app, transaction, &self.account).await?;
        }
        if self.account.version == 1 {
            match transaction.insert_account(&self.account).await {
                Err(store::Error::Conflict(_)) => return Err(RequestError::overtaken().into()),
                other => other?,
            }
        } else {
            transaction.update_account(&self.account).await.map_err(accounts::moved_on)?;
        }
        audit::record(transaction, entry(&self.account, now, self.kind, actor)).await?;
        if self.had_factor {
            second_factor::remember(app, transaction, actor, &self.account).await?;
        }
        if self.account.version == 1 {
            accounts::record_person(app, transaction, (now, actor), &self.account).await?;
        }
        for key in &self.ended_keys {
            accounts::store_revoked_api_key(transaction, key, actor, now).await?;
        }
        if let Some(job) = &self.job {
            transaction.insert_job(job).await?;
        }
        let Some(invitation) = &self.invitation else { return Ok(()) };
        let stored = match invitation.version {
            1 => transaction.insert_staff_invitation(invitation).await,
            _ => transaction.update_staff_invitation(invitation).await,
        };
        match stored {
            // Another order opened an account of this person in this moment.
            Err(store::Error::Conflict(_) | store::Error::Stale) => return Err(RequestError::overtaken().into()),
            other => other?,
        }
        audit::record(transaction, Entry::of_row(now, Kind::InvitationMade, actor, invitation)).await?;
        Ok(())
    }

    /// To be called once it is stored.
    pub(super) fn tell(&self, app: &App) {
        current::changed(app, &self.account);
        self.ended_keys.iter().for_each(|key| current::changed(app, key));
    }
}

/// An account without a password: its holder sets one with the invitation.
pub(super) async fn opened(app: &App, id: AccountId, opening: &Opening) -> Result<Account> {
    let mut account = Account {
        id,
        login: opening.login.clone(),
        password_hash: None,
        roles: opening.roles.clone(),
        display_name: accounts::sealed_name(app, id, &opening.full_name)?,
        unit: opening.unit.clone(),
        person_lookup: Some(person_lookup(app, opening).to_vec()),
        failed_logins: 0,
        locked_until: None,
        disabled_at: None,
        created_at: app.clock.now(),
        renewed_at: None,
        totp_secret: None,
        totp_step: None,
        unit_since: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut account).await?;
    Ok(account)
}

/// The entry of an account with the roles and unit that it has from then on.
pub(super) fn entry(account: &Account, now: Instant, kind: Kind, actor: Actor) -> Entry {
    let content = serde_json::json!({ "roles": account.roles, "unit": account.unit });
    Entry::of_row(now, kind, actor, account).with(content)
}
