//! Whose an account is. Four eyes compare persons, so staff accounts name theirs, too; a person once named is never another. The audit log
//! says which accounts are whose under a keyed digest, so that an account hidden by SQL is missed and not taken for none.

use super::login::moved_on;
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, RequestError, Result},
    store::Transaction,
};
use chuky_model::{
    id::AccountId,
    instant::Instant,
    record::{Cursor, account::Account},
};
use std::collections::BTreeSet;

/// Says whose an account is that did not say so, by the keyed hash of the personal number. One that says so already stays as it is.
pub async fn name_person(app: &App, by: Actor, id: AccountId, person_lookup: [u8; 32]) -> Result<()> {
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    let mut account = account.ok_or_else(RequestError::not_found)?;
    if account.person_lookup.is_some() {
        return Ok(());
    }
    account.person_lookup = Some(person_lookup.to_vec());
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    transaction.update_account(&account).await.map_err(moved_on)?;
    let entry = Entry::of_row(now, Kind::AccountChanged, by, &account);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "person": true }))).await?;
    record(app, &mut transaction, (now, by), &account).await?;
    transaction.commit().await?;
    current::changed(app, &account);
    Ok(())
}

/// Records whose an account is, in the transaction that says so in its row. Nothing of an account that is nobody's.
pub async fn record(
    app: &App,
    transaction: &mut Transaction,
    (at, by): (Instant, Actor),
    account: &Account,
) -> Result<()> {
    let Some(person) = &account.person_lookup else { return Ok(()) };
    let entry = Entry::new(at, Kind::PersonNamed, by, subject(app, person));
    audit::record(transaction, entry.with(serde_json::json!({ "account": account.id }))).await?;
    Ok(())
}

/// Records that an account is nobody's any more, in the transaction that says so in its row.
pub async fn forget(
    app: &App,
    transaction: &mut Transaction,
    at: Instant,
    (account, person): (AccountId, &[u8]),
) -> Result<()> {
    let entry = Entry::new(at, Kind::PersonForgotten, Actor::Service, subject(app, person));
    audit::record(transaction, entry.with(serde_json::json!({ "account": account }))).await?;
    Ok(())
}

/// Every account of a person, oldest first, enabled or not. An error where one that the log names is not found as theirs.
pub(super) async fn accounts(app: &App, person_lookup: &[u8]) -> Result<Vec<Account>> {
    let read = async || current::rows(app, || app.store.accounts_of_person(person_lookup)).await;
    for _ in 0..LOOKS {
        let accounts = read().await?;
        // The log is asked after the rows: what it names then and they lack was made in between, and shows in another look, or is hidden. In
        // that look another account may just have become nobody's.
        let named = named(app, person_lookup).await?;
        if named.iter().all(|id| accounts.iter().any(|account| account.id == *id)) {
            return Ok(accounts);
        }
    }
    Err(current::missing::<Account>())
}

/// The accounts that the log says are that person's: as it was read and held against its heads, and what was recorded since. That one is nobody's
/// any more is believed of a row that says so itself: an entry alone, which SQL could make, hides no account.
async fn named(app: &App, person_lookup: &[u8]) -> Result<BTreeSet<AccountId>> {
    let subject = subject(app, person_lookup);
    // What the verified log has told stays, whatever SQL says now.
    let mut named = app.audit.row_versions().accounts_named(&subject).await?;
    let (mut forgotten, mut after) = (BTreeSet::new(), Cursor::OLDEST);
    loop {
        let page = app.store.audit_entries_about(&subject, after, PAGE).await?;
        for entry in &page {
            let set = match entry.kind.as_str() {
                kind if kind == Kind::PersonNamed.name() => &mut named,
                kind if kind == Kind::PersonForgotten.name() => &mut forgotten,
                _ => continue,
            };
            let content: serde_json::Value = serde_json::from_slice(&entry.content).unwrap_or_default();
            let account = content.get("account").and_then(|id| id.as_str()?.parse().ok());
            set.insert(account.ok_or_else(|| InternalError::other("an entry of a person names no account"))?);
        }
        match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            Some(last) => after = Cursor { at: last.recorded_at, id: last.id.0 },
            None => break,
        }
    }
    for id in forgotten {
        let account = current::row_of(app, id, || app.store.account_by_id(id)).await?;
        if account.is_some_and(|account: Account| account.person_lookup.is_none()) {
            named.remove(&id);
        }
    }
    Ok(named)
}

/// Records whose the accounts are that were made before the log said so: once, when a service of this version first starts. An account that
/// is not as the log knows it is told of and left out, and keeps the whole to be done again at the next start.
pub async fn record_earlier(app: &App) -> Result<()> {
    if app.store.count_audit_entries(Kind::PersonNamed.name(), ALL_RECORDED).await? > 0 {
        return Ok(());
    }
    let (mut after, mut whole) = (Cursor::OLDEST, true);
    loop {
        let page = app.store.list_accounts(after, PAGE).await?;
        for account in page.iter().filter(|account| account.person_lookup.is_some()) {
            whole &= record_one(app, account.id).await?;
        }
        match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            Some(last) => after = Cursor { at: last.created_at, id: last.id.0 },
            None => break,
        }
    }
    if whole {
        let mut transaction = app.store.begin().await?;
        let done = Entry::new(app.clock.now(), Kind::PersonNamed, Actor::Service, ALL_RECORDED);
        audit::record(&mut transaction, done).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Whether the account is as the log knows it, so that whose it is stands there now.
async fn record_one(app: &App, id: AccountId) -> Result<bool> {
    let account = match current::row_by_log(app, || app.store.account_by_id(id)).await {
        Ok(account) => account,
        Err(Error::Internal(InternalError::RowForged { .. })) => {
            tracing::error!(event = "person_not_recorded", account = %id);
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let Some(account) = account else { return Ok(true) };
    let Some(person) = &account.person_lookup else { return Ok(true) };
    if !named(app, person).await?.contains(&id) {
        let mut transaction = app.store.begin().await?;
        record(app, &mut transaction, (app.clock.now(), Actor::Service), &account).await?;
        transaction.commit().await?;
    }
    Ok(true)
}

/// What the log calls a person: another keyed digest than that of the rows, so that it cannot be looked up among them.
fn subject(app: &App, person_lookup: &[u8]) -> String {
    format!("person:{}", hex::encode(app.vault.lookup("audit_person", &hex::encode(person_lookup))))
}

/// Looks at the accounts of one person, one more for each change of them that may fall between two of its reads.
const LOOKS: usize = 4;
/// The subject of the entry that says that every account from before is recorded.
const ALL_RECORDED: &str = "person:earlier";
/// Rows looked at together.
const PAGE: i64 = 500;
