//! Tries of a PIN: each is counted, and its count is under a signed audit head, before it is made. Changes a credential's row only by
//! compare-and-swap, one audit entry a change; never sees what the PIN is.

use super::{
    credential::{locked, own_credential, usable},
    factor::Proof,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{Error, InternalError, RequestError, RequestErrorKind, Result},
    store::Error as StoreError,
};
use chuky_hsm::Error as HsmError;
use chuky_model::{
    id::{AuditEntryId, CredentialId},
    record::{credential::Credential, state::CredentialState},
};

/// Counts a try that is about to be made, takes the proof of the second factor that came with it, and waits until the entry is under a
/// signed head. Returns the row as counted.
pub(super) async fn count(app: &App, by: &Principal, id: CredentialId, proof: &Proof) -> Result<Credential> {
    let (credential, entry) = change(app, by, id, (Kind::PinTried, proof), |credential| {
        usable(credential)?;
        if credential.tries >= i64::from(app.settings.seal.tries) {
            // Counted by calls that are under way, or ended with their process before they knew: as good as wrong. Nothing is locked here,
            // for one of those under way may have the right PIN; unlocking takes the row for a locked one.
            return Err(locked());
        }
        credential.tries = credential.tries.saturating_add(1);
        Ok(())
    })
    .await?;
    if let Err(error) = app.audit.wait(entry).await {
        give_back_later(app, by, id);
        return Err(error);
    }
    Ok(credential)
}

/// Gives a counted try back once the HSM can: a token that fails for a while must not lock anybody out. A process that ends meanwhile
/// leaves it counted.
fn give_back_later(app: &App, by: &Principal, id: CredentialId) {
    let (app, by) = (app.clone(), by.clone());
    tokio::spawn(async move {
        for _ in 0..TIMES_TO_GIVE_BACK {
            match give_back(&app, &by, id).await {
                Ok(()) => return,
                // Closed or taken back meanwhile.
                Err(Error::Request(refused)) if refused.kind != RequestErrorKind::Unavailable => return,
                Err(_) => tokio::time::sleep(BETWEEN_GIVING_BACK).await,
            }
        }
        tracing::warn!(event = "pin_try_not_given_back", credential = %id);
    });
}

/// Gives a counted try back where the HSM found nothing about the PIN.
async fn give_back(app: &App, by: &Principal, id: CredentialId) -> Result<()> {
    let given = change(app, by, id, (Kind::PinNotTried, &Proof::Nothing), |credential| {
        credential.tries = credential.tries.saturating_sub(1).max(0);
        Ok(())
    });
    given.await.map(drop)
}

/// What a wrong PIN means, locking the credential after the last try: `pin_wrong` or `pin_locked`.
async fn refuse(app: &App, by: &Principal, (counted, proof): (&Credential, &Proof)) -> Result<RequestError> {
    let left = i64::from(app.settings.seal.tries).saturating_sub(counted.tries);
    if left > 0 {
        return Ok(if proof.is_given() { wrong_one(left) } else { wrong(left) });
    }
    let changed = change(app, by, counted.id, (Kind::CredentialLocked, &Proof::Nothing), |credential| {
        usable(credential)?;
        credential.state = CredentialState::Locked;
        Ok(())
    });
    match changed.await {
        // Locked by another wrong try meanwhile.
        Ok(_) | Err(Error::Request(_)) => Ok(locked()),
        Err(error) => Err(error),
    }
}

/// The row as it is now with its tries forgiven, for the PIN was right. Whoever changes what else there is to change attests and stores
/// it, and begins anew where another try was counted meanwhile (`Stale`).
pub(super) async fn forgive(app: &App, by: &Principal, id: CredentialId) -> Result<Credential> {
    let mut credential = own_credential(app, by, id).await?;
    usable(&credential)?;
    credential.tries = 0;
    credential.updated_at = app.clock.now();
    Ok(credential)
}

/// Nothing is counted while the HSM is away.
pub(super) fn ready(app: &App) -> Result<(), RequestError> {
    if app.tokens.subscribers.health().ready { Ok(()) } else { Err(RequestError::try_again()) }
}

/// What the HSM worker's answer to a counted try means: a wrong PIN is refused, perhaps locked; an altered row is told as such, and its try stays
/// counted. Every other error says nothing about the PIN, whether it is the HSM's state or a key that this token lacks: the try is given back.
pub(super) async fn answered<T>(
    app: &App,
    by: &Principal,
    (counted, proof): (&Credential, &Proof),
    answer: Result<T, HsmError>,
) -> Result<T> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(HsmError::WrongSecret) => Err(refuse(app, by, (counted, proof)).await?.into()),
        Err(HsmError::Tampered { what }) => {
            tracing::error!(event = "row_forged", table = "credential", what);
            Err(InternalError::RowForged { table: "credential" }.into())
        }
        Err(error) => {
            give_back_later(app, by, counted.id);
            Err(error.into())
        }
    }
}

/// Reads, changes and stores the row with one audit entry, again where somebody else was first.
async fn change(
    app: &App,
    by: &Principal,
    id: CredentialId,
    (kind, proof): (Kind, &Proof),
    alter: impl Fn(&mut Credential) -> Result<(), RequestError>,
) -> Result<(Credential, AuditEntryId)> {
    for _ in 0..CHANGES_AT_ONCE {
        let mut credential = own_credential(app, by, id).await?;
        alter(&mut credential)?;
        let now = app.clock.now();
        credential.updated_at = now;
        attestation::attest_change(&*app.tokens.subscribers, &mut credential).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_credential(&credential).await {
            Err(StoreError::Stale) => continue,
            other => other?,
        }
        let entry = Entry::of_row(now, kind, Actor::Account(by.account), &credential);
        let mut content = serde_json::json!({ "tries": credential.tries, "client": by.client });
        if proof.is_given() {
            content["factor"] = proof.name().into();
        }
        let entry = audit::record(&mut transaction, entry.with(content)).await?;
        proof.take(app, &mut transaction).await?;
        transaction.commit().await?;
        proof.taken(app);
        return Ok((credential, entry));
    }
    Err(RequestError::try_again().into())
}

fn wrong(left: i64) -> RequestError {
    let error = RequestError::new(
        RequestErrorKind::Forbidden,
        "pin_wrong",
        format!("Mã PIN không đúng. Còn {left} lần thử trước khi bị khóa."),
        format!("The PIN is wrong. {left} more tries before it is locked."),
    );
    RequestError { field: Some("pin"), ..error }
}

/// The same where a second factor came along: which of the two was wrong is not told.
fn wrong_one(left: i64) -> RequestError {
    let error = RequestError::new(
        RequestErrorKind::Forbidden,
        "pin_wrong",
        format!("Mã PIN hoặc mã xác thực không đúng. Còn {left} lần thử trước khi bị khóa."),
        format!("The PIN or the code is wrong. {left} more tries before it is locked."),
    );
    RequestError { field: Some("pin"), ..error }
}

/// Two minutes: an HSM that is away for longer takes nobody's tries, as nothing is counted while it is known to be away.
const TIMES_TO_GIVE_BACK: usize = 240;
const BETWEEN_GIVING_BACK: std::time::Duration = std::time::Duration::from_millis(500);
/// How often a change of a row begins anew because another one was faster: each time one of those who meet has come through, with at most
/// three changes each.
pub(super) const CHANGES_AT_ONCE: usize = 48;
