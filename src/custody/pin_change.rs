//! Change of PIN: the old one is a counted try like any other, and the key is resealed under the new one inside the HSM worker. Neither
//! PIN nor what is made of it is stored; a crash before the row is stored leaves the old PIN working.

use super::{
    credential::{own_credential, usable, with_certificate},
    factor::Proof,
    pin::{Pin, SealParameters},
    tries,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{RequestError, Result},
    fault,
    finishing::to_its_end,
    store::Error as StoreError,
};
use chuky_hsm::{KeyContext, SealedKey};
use chuky_model::{id::CredentialId, record::credential::Credential};

/// Changes the PIN of the caller's credential. A wrong old PIN is `pin_wrong` or `pin_locked`, as when signing.
pub async fn change_pin(app: &App, by: &Principal, id: CredentialId, old: &Pin, new: &str) -> Result<()> {
    // 1. The new PIN by the rules of a first one; nothing is counted for one that is not accepted.
    let credential = own_credential(app, by, id).await?;
    usable(&credential)?;
    let number = with_certificate(app, credential).await?.personal_number();
    let new = Pin::choose(new, number.as_ref())
        .map_err(|error| RequestError { field: Some("new_pin"), ..RequestError::from(error) })?;
    if new.is_same(old) {
        return Err(same().into());
    }
    tries::ready(app)?;
    // Whoever hangs up has their try counted and answered all the same.
    let (app, by, old) = (app.clone(), by.clone(), old.clone());
    to_its_end(async move { changed(&app, &by, id, &old, &new).await }).await
}

async fn changed(app: &App, by: &Principal, id: CredentialId, old: &Pin, new: &Pin) -> Result<()> {
    // 2. The try, counted and under a signed audit head before it is made.
    let counted = tries::count(app, by, id, &Proof::Nothing).await?;
    fault::point("pin.after_count");
    // 3. The old PIN decides in the HSM worker, which seals anew under the new one and the newest pepper.
    let parameters = SealParameters::random(app.settings.seal.memory_kib, app.settings.seal.iterations);
    let old = app.stretcher.stretch(old, &SealParameters::of(&counted)?).await?;
    let new = app.stretcher.stretch(new, &parameters).await?;
    let key = KeyContext { key_id: counted.id, owner: counted.account_id };
    let resealed = app.tokens.subscribers.reseal(&counted.sealed_key, &key, &old, &key, &new).await;
    let sealed = tries::answered(app, by, (&counted, &Proof::Nothing), resealed).await?;
    fault::point("pin.resealed");
    // 4. The new seal in the place of the one that was opened, tries forgiven.
    store(app, by, &counted, sealed, &parameters).await?;
    fault::point("pin.stored");
    Ok(())
}

async fn store(
    app: &App,
    by: &Principal,
    opened: &Credential,
    sealed: SealedKey,
    parameters: &SealParameters,
) -> Result<()> {
    for _ in 0..tries::CHANGES_AT_ONCE {
        let mut credential = tries::forgive(app, by, opened.id).await?;
        if credential.sealed_key != opened.sealed_key {
            // Another change of PIN was faster; this one was of a seal that is no more.
            return Err(RequestError::overtaken().into());
        }
        seal_with(&mut credential, &sealed, parameters);
        attestation::attest_change(&*app.tokens.subscribers, &mut credential).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_credential(&credential).await {
            Err(StoreError::Stale) => continue,
            other => other?,
        }
        let entry = Entry::of_row(app.clock.now(), Kind::CredentialResealed, Actor::Account(by.account), &credential);
        let content = serde_json::json!({ "pin": "changed", "pepper": credential.pepper_version, "client": by.client });
        let entry = audit::record(&mut transaction, entry.with(content)).await?;
        transaction.commit().await?;
        return app.audit.wait(entry).await;
    }
    Err(RequestError::try_again().into())
}

/// Puts a new seal into the row.
pub(super) fn seal_with(credential: &mut Credential, sealed: &SealedKey, parameters: &SealParameters) {
    credential.sealed_key = sealed.blob.clone();
    credential.pepper_version = i64::from(sealed.pepper_version);
    credential.wrapping_key = sealed.wrapping_key_id.clone();
    credential.pin_salt = parameters.salt.to_vec();
    credential.pin_memory = i64::from(parameters.memory_kib);
    credential.pin_iterations = i64::from(parameters.iterations);
}

fn same() -> RequestError {
    RequestError::invalid(
        "new_pin",
        "pin_same",
        "Mã PIN mới giống mã PIN cũ. Hãy chọn mã khác.",
        "The new PIN is the old one. Choose another.",
    )
}
