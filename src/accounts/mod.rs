//! Who may do what: accounts with roles, log-in by password, sessions of browsers and API keys of systems. Every row is checked
//! by its MAC and against the audit log each time it is relied on, so an account, role or session that SQL made or brought back opens
//! nothing.

mod api_key;
mod device;
mod login;
pub mod passkey;
mod password;
mod person;
pub mod quorum;
pub mod second_factor;
mod session;
mod totp;
mod tries;
mod withdrawal;

pub use api_key::{
    ApiKeyView, create_api_key, create_own as create_own_api_key, decides, ended_by_role as api_keys_ended_by_role,
    own as own_api_keys, revoke as revoke_api_key, store_revoked as store_revoked_api_key,
};
pub use device::device_token;
pub use login::{
    LogIn, LoggedIn, NewAccount, add_account, check_login, create_account, log_in, moved_on, overtaken, prepare_account,
};
pub use password::{Password, SHORTEST_PASSWORD};
pub use person::{
    forget as forget_person, name_person, record as record_person, record_earlier as record_earlier_persons,
};
pub use session::{SESSION_SECONDS, SessionToken, add_session, log_out, open_session, prepare_session};
pub use totp::{TotpCode, TotpSecret};
pub use withdrawal::{disable_account, remove_role};

use crate::{
    app::App,
    current,
    error::{RequestError, Result},
};
use chuky_model::{
    id::{AccountId, ApiKeyId},
    instant::Instant,
    record::{account::Account, staff::StaffInvitation},
    role::Role,
};
use zeroize::Zeroizing;

/// Who is calling, with what the account row said when it was checked.
#[derive(Clone, Debug)]
pub struct Principal {
    pub account: AccountId,
    pub login: String,
    pub roles: Vec<Role>,
    /// As the head of each page shows it.
    pub display_name: String,
    /// The code of the unit the account belongs to; empty where none.
    pub unit: String,
    /// Since when it does; what the code stands for today follows from the unit that it named then.
    pub unit_since: Instant,
    /// `session:…` or `api_key:…`: names the client in activations and in the audit log; no secret.
    pub client: String,
    /// The session lacks a second factor that is asked of its holder: it opens nothing but the enrolment.
    pub enrolment_due: bool,
}

impl Principal {
    /// Whether the caller has logged in: an API key is no person at a device.
    pub fn is_in_session(&self) -> bool {
        self.client.starts_with("session:")
    }

    /// Passes where the caller has logged in: whoever decides, or takes something back, is a person each time.
    pub fn in_session(&self) -> Result<(), RequestError> {
        if self.is_in_session() { Ok(()) } else { Err(session_needed()) }
    }

    /// The API key that the caller came with, where it was one.
    pub fn api_key(&self) -> Option<ApiKeyId> {
        self.client.strip_prefix(api_key::CLIENT)?.parse().ok()
    }

    /// Whether the account holds this role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The principal behind `Authorization: Bearer …`: an API key, or the session token of `chuky login`.
pub async fn principal_of_bearer(app: &App, bearer: &str) -> Result<Principal> {
    if bearer.starts_with(api_key::PREFIX) {
        api_key::principal(app, bearer).await
    } else {
        principal_of_session(app, bearer).await
    }
}

/// The principal of a session's token.
pub async fn principal_of_session(app: &App, token: &str) -> Result<Principal> {
    session::principal(app, token).await
}

/// The account behind a checked session or token that was made at that moment, where it may still act.
pub async fn acting_account(app: &App, id: AccountId, client: String, since: Instant) -> Result<Principal> {
    let account = current::row(app, || app.store.account_by_id(id)).await?;
    acting(app, account.as_ref(), client, since)
}

/// The principal of a checked account, where it may still act with what it has had since then.
fn acting(app: &App, account: Option<&Account>, client: String, since: Instant) -> Result<Principal> {
    let account = account
        .filter(|account| is_enabled(account) && account.renewed_at.is_none_or(|renewed| since > renewed))
        .ok_or_else(RequestError::unauthenticated)?;
    Ok(Principal {
        account: account.id,
        login: account.login.clone(),
        roles: account.roles.clone(),
        display_name: display_name(app, account)?,
        unit: account.unit.clone(),
        unit_since: account.unit_since.unwrap_or(account.created_at),
        client,
        enrolment_due: false,
    })
}

/// The accounts in which that person may still act, oldest first: exactly those that the audit log names. An error where one is hidden.
pub async fn of_person(app: &App, person_lookup: &[u8]) -> Result<Vec<Account>> {
    let accounts = person::accounts(app, person_lookup).await?;
    Ok(accounts.into_iter().filter(is_enabled).collect())
}

/// Every account of that person, oldest first, disabled ones too. An error where one is hidden that the audit log names.
pub async fn all_of_person(app: &App, person_lookup: &[u8]) -> Result<Vec<Account>> {
    person::accounts(app, person_lookup).await
}

/// What whoever opens an account for that person takes, having seen so many accounts of theirs: of two at the same moment one gets it.
pub fn turn(app: &App, person_lookup: &[u8], accounts: usize) -> [u8; 32] {
    app.vault.lookup("account-turn", &format!("{}\n{accounts}", hex::encode(person_lookup)))
}

/// With the person's data this is erased as well, and another account may be opened.
pub async fn give_turns_up(app: &App, transaction: &mut crate::store::Transaction, person_lookup: &[u8]) -> Result<()> {
    for accounts in 0..MOST_OF_A_PERSON {
        transaction.give_up(&turn(app, person_lookup, accounts)).await?;
    }
    Ok(())
}

/// Accounts that one person may have had one after the other.
const MOST_OF_A_PERSON: usize = 32;

/// The keyed hash of the number of an account's person, where it is known. An account that the log knows of and that is not there is no
/// unknown person's but an error.
pub async fn person_of(app: &App, id: AccountId) -> Result<Option<Vec<u8>>> {
    let account = current::row_of(app, id, || app.store.account_by_id(id)).await?;
    Ok(account.and_then(|account| account.person_lookup))
}

/// Whether two accounts are one person's, as far as their persons are known.
pub async fn same_person(app: &App, one: AccountId, other: AccountId) -> Result<bool> {
    if one == other {
        return Ok(true);
    }
    let one = person_of(app, one).await?;
    Ok(one.is_some() && one == person_of(app, other).await?)
}

/// The telephone number that two people put into an account's invitation; empty where none is kept.
pub fn contact_of(app: &App, invitation: &StaffInvitation) -> Result<Zeroizing<String>> {
    let plain = app.vault.open(CONTACT, &invitation.account_id.to_string(), &invitation.contact)?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&plain).into_owned()))
}

/// A number as the invitation of that account keeps it.
pub fn sealed_contact(app: &App, id: AccountId, phone: &str) -> Result<Vec<u8>> {
    app.vault.seal(CONTACT, &id.to_string(), phone.as_bytes())
}

/// A name as the column of that account keeps it.
pub fn sealed_name(app: &App, id: AccountId, name: &str) -> Result<Vec<u8>> {
    app.vault.seal(DISPLAY_NAME, &id.to_string(), name.as_bytes())
}

/// The name of that account's person or system in clear; empty where there is none.
pub async fn name_of(app: &App, id: AccountId) -> Result<String> {
    let account = current::row(app, || app.store.account_by_id(id)).await?;
    Ok(account.map(|account| display_name(app, &account)).transpose()?.unwrap_or_default())
}

/// The name of an account's person or system in clear.
pub fn display_name(app: &App, account: &Account) -> Result<String> {
    let plain = app.vault.open(DISPLAY_NAME, &account.id.to_string(), &account.display_name)?;
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

/// Whether the account may act. One that was disabled is so for good, whatever a clock says that was set back.
pub fn is_enabled(account: &Account) -> bool {
    account.disabled_at.is_none()
}

fn session_needed() -> RequestError {
    RequestError::conflict(
        "session_needed",
        "Việc này cần đăng nhập bằng tên và mật khẩu, không dùng khóa API.",
        "This needs a log-in with name and password; an API key is none.",
    )
}

/// SHA-256 of a token: tokens are random, so a plain hash tells nothing about them.
fn token_hash(token: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(token).to_vec()
}

/// The place of the encrypted column.
const DISPLAY_NAME: &str = "account.display_name";
const CONTACT: &str = "staff_invitation.contact";
