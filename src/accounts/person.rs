//! Whose an account is. Four eyes compare persons, so staff accounts name theirs, too; a person once named is never another.

use super::login::moved_on;
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
};
use chuky_model::id::AccountId;

/// Says whose an account is that did not say so, by the keyed hash of the personal number. One that says so already stays as it is.
pub async fn name_person(app: &App, by: Actor, id: AccountId, person_lookup: [u8; 32]) -> Result<()> {
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    let mut account = account.ok_or_else(RequestError::not_found)?;
    if account.person_lookup.is_some() {
        return Ok(());
    }
    account.person_lookup = Some(person_lookup.to_vec());
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_account(&account).await.map_err(moved_on)?;
    let entry = Entry::of_row(app.clock.now(), Kind::AccountChanged, by, &account);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "person": true }))).await?;
    transaction.commit().await?;
    current::changed(app, &account);
    Ok(())
}
