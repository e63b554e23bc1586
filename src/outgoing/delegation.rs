//! Delegation for a time: a colleague of the same agency agrees and signs in somebody's place, with an own name and an own certificate.
//! Nobody passes on what was delegated to them, and it ends with the giver's own right to act.

use super::{
    draft::{acts_on_roads, colleague},
    limits::{DELEGATED_DAYS, DELEGATIONS},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store,
};
use chuky_model::{
    id::{AccountId, DelegationId},
    instant::Instant,
    record::outgoing::Delegation,
};
use serde::Serialize;
use uuid::Uuid;

/// A delegation as both sides see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DelegationView {
    pub id: String,
    pub from: String,
    pub to: String,
    /// RFC 3339.
    pub starts_at: String,
    pub ends_at: String,
    /// Whether the caller gave it, and may take it back.
    pub own: bool,
}

/// Lets a colleague act in the caller's place from now (or a later moment) to an end.
pub async fn delegate(
    app: &App,
    by: &Principal,
    to: &str,
    (starts, ends): (Option<Instant>, Instant),
) -> Result<DelegationView> {
    let now = app.clock.now();
    let starts_at = starts.unwrap_or(now).max(now);
    let to_account = colleague(app, by, to).await?;
    let fits = ends > starts_at && ends <= now.plus_seconds(DELEGATED_DAYS * 86_400) && to_account != by.account;
    if !fits {
        let vi = format!("Ủy quyền cho một đồng nghiệp khác, đến một thời điểm trong {DELEGATED_DAYS} ngày tới.");
        let en = format!("Delegate to another colleague, until a time within the next {DELEGATED_DAYS} days.");
        return Err(RequestError::invalid("ends", "delegation_invalid", vi, en).into());
    }
    let mut row = Delegation {
        id: DelegationId(Uuid::now_v7()),
        from_account: by.account,
        to_account,
        starts_at,
        ends_at: ends,
        created_at: now,
        ended_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_delegation(&row).await?;
    let entry = Entry::of_row(now, Kind::DelegationMade, Actor::Account(by.account), &row);
    let content = serde_json::json!({ "to": to_account, "from": starts_at.rfc3339(), "until": ends.rfc3339() });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    view(app, by, &row).await
}

/// Takes a delegation back at once.
pub async fn end_delegation(app: &App, by: &Principal, id: DelegationId) -> Result<DelegationView> {
    let row = current::row_by_log(app, || app.store.delegation_by_id(id)).await?;
    let row = row.filter(|row| row.from_account == by.account && row.ended_at.is_none());
    let mut row = row.ok_or_else(RequestError::not_found)?;
    let now = app.clock.now();
    row.ended_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_delegation(&row).await {
        Err(store::Error::Stale) => return Err(RequestError::not_found().into()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::DelegationEnded, Actor::Account(by.account), &row);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    current::changed(app, &row);
    view(app, by, &row).await
}

/// Delegations that the caller gave or was given and that have not ended.
pub async fn delegations(app: &App, by: &Principal) -> Result<Vec<DelegationView>> {
    let now = app.clock.now();
    let mut views = Vec::new();
    for row in current::rows(app, || app.store.delegations_around(by.account, now, DELEGATIONS)).await? {
        views.push(view(app, by, &row).await?);
    }
    Ok(views)
}

/// Delegations that an account gave or was given and that have not ended.
pub async fn delegations_of(app: &App, account: AccountId) -> Result<Vec<Delegation>> {
    let now = app.clock.now();
    current::rows(app, || app.store.delegations_around(account, now, DELEGATIONS)).await
}

/// Ends all of them: its holder is not there any more.
pub async fn end_delegations_of(app: &App, account: AccountId, by: Actor) -> Result<()> {
    for found in delegations_of(app, account).await? {
        let row = current::row_by_log(app, || app.store.delegation_by_id(found.id)).await?;
        let Some(mut row) = row.filter(|row| row.ended_at.is_none()) else { continue };
        let now = app.clock.now();
        row.ended_at = Some(now);
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_delegation(&row).await {
            // Taken back in this moment.
            Err(store::Error::Stale) => continue,
            other => other?,
        }
        audit::record(&mut transaction, Entry::of_row(now, Kind::DelegationEnded, by, &row)).await?;
        transaction.commit().await?;
        current::changed(app, &row);
    }
    Ok(())
}

/// For whom the caller acts now: the caller first, then those who delegated to the caller and could still act themselves.
pub(super) async fn acts_for(app: &App, by: &Principal) -> Result<Vec<AccountId>> {
    let now = app.clock.now();
    let mut accounts = vec![by.account];
    for row in app.store.delegations_to(by.account, now, DELEGATIONS).await? {
        // The log itself is asked: what was taken back opens nothing, on no node.
        let row = current::row_by_log(app, || app.store.delegation_by_id(row.id)).await?;
        let holds = |row: &Delegation| row.ended_at.is_none() && row.starts_at <= now && now < row.ends_at;
        let Some(row) = row.filter(|row| holds(row) && row.to_account == by.account) else { continue };
        let giver = current::row(app, || app.store.account_by_id(row.from_account)).await?;
        if giver.is_some_and(|giver| acts_on_roads(&giver, &by.unit)) {
            accounts.push(row.from_account);
        }
    }
    Ok(accounts)
}

async fn view(app: &App, by: &Principal, row: &Delegation) -> Result<DelegationView> {
    Ok(DelegationView {
        id: row.id.to_string(),
        from: accounts::name_of(app, row.from_account).await?,
        to: accounts::name_of(app, row.to_account).await?,
        starts_at: row.starts_at.rfc3339(),
        ends_at: row.ends_at.rfc3339(),
        own: row.from_account == by.account,
    })
}
