//! Creating accounts and logging in. A try is counted before it is made: against the address or device that it comes from, and in the
//! account's row. A stranger's wrong tries hold up strangers only: a device from which its holder has logged in before has tries of
//! its own.

use super::{
    Password, SessionToken, TotpCode, device, person, second_factor,
    session::{add_session, prepare_session},
    tries,
};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry},
    current,
    error::{RequestError, RequestErrorKind, Result},
    rates::{self, Kind},
    store::{self, Transaction},
};
use chuky_model::{id::AccountId, instant::Instant, record::account::Account, role::Role};
use uuid::Uuid;

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// 3 to 64 characters: lower-case letters, digits, `.`, `-`, `_`, `@`.
    pub login: String,
    pub password: Password,
    pub roles: Vec<Role>,
    pub display_name: String,
    /// The code of the unit the account belongs to; empty for none.
    pub unit: String,
    /// Keyed hash of the person's number: of subscribers, and of staff, whose four eyes are then known to be two people's.
    pub person_lookup: Option<[u8; 32]>,
}

/// A log-in attempt.
#[derive(Clone, Debug)]
pub struct LogIn {
    pub login: String,
    pub password: Password,
    /// The code of the second factor; empty where none was typed.
    pub totp: TotpCode,
    /// The remote address, as quotas count it.
    pub from: String,
    /// What an earlier log-in gave the device, see [`LoggedIn::device`].
    pub device: Option<String>,
}

/// A log-in that succeeded.
pub struct LoggedIn {
    pub account: AccountId,
    pub token: SessionToken,
    /// Proves to the next log-in that this account's holder has logged in from this device. It opens nothing.
    pub device: String,
}

/// Makes an account in a transaction of its own.
pub async fn create_account(app: &App, by: Actor, new: NewAccount) -> Result<AccountId> {
    let account = prepare_account(app, new).await?;
    let mut transaction = app.store.begin().await?;
    add_account(app, &mut transaction, app.clock.now(), by, &account).await?;
    transaction.commit().await?;
    Ok(account.id)
}

/// Checks what was given, hashes the password and attests the row; nothing is stored yet.
pub async fn prepare_account(app: &App, new: NewAccount) -> Result<Account> {
    check_login(&new.login)?;
    let id = AccountId(Uuid::now_v7());
    let mut account = Account {
        id,
        login: new.login,
        password_hash: Some(new.password.hash().await?),
        roles: new.roles,
        display_name: app.vault.seal(super::DISPLAY_NAME, &id.to_string(), new.display_name.as_bytes())?,
        unit: new.unit,
        person_lookup: new.person_lookup.map(|hash| hash.to_vec()),
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

/// Stores a prepared account with its audit entry, inside a larger transaction. A taken log-in is the caller's error.
pub async fn add_account(
    app: &App,
    transaction: &mut Transaction,
    now: Instant,
    by: Actor,
    account: &Account,
) -> Result<()> {
    match transaction.insert_account(account).await {
        Ok(()) => {}
        Err(store::Error::Conflict(_)) => {
            return Err(RequestError::invalid(
                "login",
                "login_taken",
                "Tên đăng nhập này đã có người dùng. Hãy chọn tên khác.",
                "This log-in name is taken. Choose another.",
            )
            .into());
        }
        Err(error) => return Err(error.into()),
    }
    let roles: Vec<&str> = account.roles.iter().map(|role| role.name()).collect();
    let entry = Entry::of_row(now, audit::Kind::AccountCreated, by, account);
    audit::record(transaction, entry.with(serde_json::json!({ "roles": roles }))).await?;
    person::record(app, transaction, (now, by), account).await
}

/// Checks log-in name, password and, where the account has one, the code of the second factor, and opens a session. Which of them was wrong
/// is not told.
pub async fn log_in(app: &App, attempt: LogIn) -> Result<LoggedIn> {
    let now = app.clock.now();
    // 1. The account, where there is one, and how often this caller has tried it of late.
    let account = current::row(app, || app.store.account_by_login(&attempt.login)).await?;
    let account = account.filter(|account| account.disabled_at.is_none());
    let nonce = account.as_ref().and_then(|account| device::known(app, account.id, attempt.device.as_deref()?));
    let caller = match &nonce {
        Some(nonce) => format!("device:{nonce}"),
        None => {
            tries::check(app, account.as_ref(), &attempt.login, now)?;
            app.rates.take(Kind::LogInAddress, &attempt.from, app.clock.steady())?;
            format!("{}\n{}", rates::customer(&attempt.from), attempt.login)
        }
    };
    app.rates.take(Kind::LogIn, &caller, app.clock.steady())?;
    app.rates.take(Kind::LogInDay, &caller, app.clock.steady())?;
    // 2. The try is counted before it is made.
    let account = match account {
        Some(account) => Some(tries::count(app, account, now).await?),
        None => {
            tries::count_unknown(app, &attempt.login);
            None
        }
    };
    // 3. The password; the work is the same where there is no account.
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let right = attempt.password.matches(hash).await?;
    let Some(account) = account.filter(|_| right) else { return Err(wrong().into()) };
    // 4. The code, looked at only behind the right password and refused with the same words; with it the count is taken back and a session opened.
    let (id, token) = (account.id, opened(app, account, (&attempt.totp, nonce.as_deref())).await?);
    app.rates.give_back(Kind::LogIn, &caller);
    app.rates.give_back(Kind::LogInDay, &caller);
    if nonce.is_none() {
        app.rates.give_back(Kind::LogInAddress, &attempt.from);
    }
    Ok(LoggedIn { account: id, token, device: device::token(app, id, nonce) })
}

/// A session for whoever gave the right password of this account, and the code of now. Again where another try changed the row meanwhile: a
/// stranger's must not stand in the holder's way.
async fn opened(app: &App, mut account: Account, (totp, device): (&TotpCode, Option<&str>)) -> Result<SessionToken> {
    let matched = account.password_hash.clone();
    for _ in 0..tries::AT_ONCE {
        let step = second_factor::guarded(app, &account, totp, device).await?.ok_or_else(wrong)?;
        if let Some(token) = forgiven_session(app, account.clone(), step).await? {
            return Ok(token);
        }
        let again = current::row(app, || app.store.account_by_id(account.id)).await?;
        let same = |one: &Account| one.disabled_at.is_none() && one.password_hash == matched;
        account = again.filter(same).ok_or_else(wrong)?;
    }
    Err(RequestError::try_again().into())
}

/// `step` is the time step of the code that was given: no other log-in, on whatever node, takes one of it again. `None` where somebody else
/// changed the row in this moment.
async fn forgiven_session(app: &App, mut account: Account, step: Option<i64>) -> Result<Option<SessionToken>> {
    account.failed_logins = 0;
    account.locked_until = None;
    account.totp_step = step.or(account.totp_step);
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let (session, token) = prepare_session(app, account.id, step.is_some()).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_account(&account).await {
        Err(store::Error::Stale) => return Ok(None),
        other => other?,
    }
    let entry = Entry::of_row(session.created_at, audit::Kind::AccountForgiven, Actor::Account(account.id), &account);
    audit::record(&mut transaction, entry).await?;
    add_session(&mut transaction, &session).await?;
    transaction.commit().await?;
    Ok(Some(token))
}

/// Somebody else changed the row in this moment.
pub fn moved_on(error: store::Error) -> crate::error::Error {
    match error {
        store::Error::Stale => RequestError::overtaken().into(),
        error => error.into(),
    }
}

/// Somebody else took in this moment what only one may have (`taken`).
pub fn overtaken(error: store::Error) -> crate::error::Error {
    match error {
        store::Error::Conflict(_) => RequestError::overtaken().into(),
        error => error.into(),
    }
}

/// Passes for 3 to 64 characters of those that a log-in name may have.
pub fn check_login(login: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | '@');
    if (3..=64).contains(&login.len()) && login.chars().all(allowed) {
        return Ok(());
    }
    Err(RequestError::invalid(
        "login",
        "login_form",
        "Tên đăng nhập gồm 3–64 ký tự: chữ thường không dấu, chữ số, dấu chấm, gạch nối, gạch dưới, @.",
        "A log-in name has 3–64 characters: lower-case letters, digits, dot, hyphen, underscore, @.",
    )
    .into())
}

fn wrong() -> RequestError {
    RequestError::new(
        RequestErrorKind::Unauthenticated,
        "login_wrong",
        "Tên đăng nhập, mật khẩu hoặc mã xác thực không đúng. Hãy kiểm tra và thử lại; mỗi mã xác thực chỉ dùng được một lần.",
        "Log-in name, password or code is wrong. Check them and try again; each code of an authenticator app serves once.",
    )
}
