//! Confirming that a passkey is its holder's, by a security officer who is somebody else: compares the code that the holder reads out. With
//! the first one that is confirmed, the account approves with passkeys only, for good.

use super::{
    Given,
    approval::{Approved, Subject},
    enrolled_since, load,
    own::{PasskeyView, content, message, sent, tell, view},
};
use crate::{
    accounts::{self, Principal, login::moved_on},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, RequestErrorKind, Result},
    store,
};
use chuky_model::{
    id::{AccountId, PasskeyId},
    record::passkey::PasskeyEnrolment,
    role::Role,
};
use serde::Serialize;

/// A passkey that waits to be confirmed.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Waiting {
    #[serde(flatten)]
    pub passkey: PasskeyView,
    #[schema(value_type = String)]
    pub account: AccountId,
    /// The account's name.
    pub holder: String,
    /// The reader may confirm it: a second person.
    pub confirmable: bool,
}

/// The passkeys of accounts that approve, of officers, and of those who sign with a second factor, which nobody has confirmed yet, oldest first. Whose they are is asked where they are
/// counted, so that other people's do not take their places.
pub async fn to_confirm(app: &App, by: &Principal) -> Result<Vec<Waiting>> {
    if !by.has(Role::SecurityOfficer) {
        return Err(RequestError::forbidden().into());
    }
    let mut waiting = Vec::new();
    for passkey in current::rows(app, || app.store.passkeys_to_confirm(MOST_WAITING)).await? {
        let account = current::row(app, || app.store.account_by_id(passkey.account_id)).await?;
        let Some(account) = account else { continue };
        if !account.roles.iter().any(|role| CONFIRMED_ROLES.contains(role)) {
            continue;
        }
        waiting.push(Waiting {
            passkey: view(app, &passkey)?,
            account: account.id,
            holder: accounts::display_name(app, &account)?,
            confirmable: !accounts::same_person(app, by.account, account.id).await?,
        });
    }
    Ok(waiting)
}

/// Confirms a passkey over exactly the key that was compared.
pub async fn confirm(
    app: &App,
    by: &Principal,
    id: PasskeyId,
    content_digest: &str,
    given: Option<&Given>,
) -> Result<()> {
    // 1. Four eyes, both of a person who has logged in.
    by.in_session()?;
    if !by.has(Role::SecurityOfficer) {
        return Err(RequestError::forbidden().into());
    }
    let mut passkey = load(app, id).await?;
    if accounts::same_person(app, by.account, passkey.account_id).await? {
        return Err(own_passkey().into());
    }
    if passkey.revoked_at.is_some() || passkey.confirmed_at.is_some() {
        return Err(confirmed_or_gone().into());
    }
    // 2. Exactly the key that was compared; an officer who approves with passkeys confirms with one.
    if hex::encode(content(&passkey)) != content_digest {
        return Err(confirmed_or_gone().into());
    }
    let approved = Approved::by(app, by, (Subject::Passkey(id), content_digest), given).await?;
    // 3. The passkey, and from its account's first on the enrolment, in one transaction.
    let now = app.clock.now();
    passkey.confirmed_by = Some(by.account);
    passkey.confirmed_at = Some(now);
    // What it approved before counts no more than before: it was confirmed later.
    passkey.distrusted_from = None;
    attestation::attest_change(&*app.tokens.subscribers, &mut passkey).await?;
    let mut enrolment = PasskeyEnrolment { account_id: passkey.account_id, since: now, version: 1, mac: Vec::new() };
    attestation::attest(&*app.tokens.subscribers, &mut enrolment).await?;
    let first = enrolled_since(app, passkey.account_id).await?.is_none();
    let message = message(app, passkey.account_id, CONFIRMED).await?;
    let actor = Actor::Account(by.account);
    let mut transaction = app.store.begin().await?;
    approved.store(app, &mut transaction).await?;
    transaction.update_passkey(&passkey).await.map_err(moved_on)?;
    let told = approved.told(serde_json::json!({ "account": passkey.account_id, "content": content_digest }));
    audit::record(&mut transaction, Entry::of_row(now, Kind::PasskeyConfirmed, actor, &passkey).with(told)).await?;
    if first {
        match transaction.insert_passkey_enrolment(&enrolment).await {
            // Another officer confirmed another passkey of this account in this moment.
            Err(store::Error::Conflict(_)) => return Err(RequestError::overtaken().into()),
            other => other?,
        }
        audit::record(&mut transaction, Entry::of_row(now, Kind::PasskeyEnrolled, actor, &enrolment)).await?;
    }
    tell(&mut transaction, message.as_ref()).await?;
    transaction.commit().await?;
    current::changed(app, &passkey);
    sent(app, message.is_some());
    Ok(())
}

fn own_passkey() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "own_passkey",
        "Bạn không thể tự xác nhận khóa truy cập của mình. Hãy nhờ một cán bộ an ninh khác.",
        "You cannot confirm your own passkey. Ask another security officer.",
    )
}

fn confirmed_or_gone() -> RequestError {
    RequestError::conflict(
        "passkey_moved_on",
        "Khóa truy cập này đã được xác nhận, đã bị gỡ hoặc đã khác. Hãy tải lại trang và đối chiếu lại mã.",
        "This passkey was confirmed or removed, or is another. Reload the page and compare the code again.",
    )
}

/// Whose passkeys are worth confirming: of those who approve, and of those who sign as officials or seal for an agency.
const CONFIRMED_ROLES: &[Role] = &[Role::Approver, Role::SecurityOfficer, Role::Official, Role::Clerk];
/// Passkeys of one page.
const MOST_WAITING: i64 = 200;
const CONFIRMED: &str = "Khoa truy cap cua ban da duoc xac nhan, tu nay tai khoan cua ban duyet bang khoa nay. Neu la la, hay bao ngay can bo an ninh.";
