//! The second factor of a log-in: a secret that the account's row keeps encrypted, confirmed by a first code. Whether it was given stands
//! in the session's row; a session of staff without it opens nothing but its enrolment, where the settings ask for it.

use super::{Principal, TotpCode, TotpSecret, login::moved_on, session};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    rates,
    store::Transaction,
};
use chuky_model::{id::AccountId, record::account::Account, role::Role};
use zeroize::Zeroizing;

/// A second factor that waits to be confirmed. Shown once, in the session that made it: another session of the account, opened by
/// whoever knows the password, never sees a secret that its holder is about to confirm.
pub struct Enrolment {
    /// As it is typed.
    pub secret: Zeroizing<String>,
    /// As a QR code carries it.
    pub address: Zeroizing<String>,
}

/// Whether the account has a confirmed second factor.
pub fn is_enrolled(account: &Account) -> bool {
    account.totp_secret.is_some() && account.totp_step.is_some()
}

/// Whether these roles are those of staff.
pub(super) fn is_staff(roles: &[Role]) -> bool {
    roles.iter().any(|role| role.is_staff())
}

/// As [`checked`], behind the right password. Whoever has that is no stranger who mistypes: so many wrong codes a day, from a device that the
/// holder has used or from all others together, and none is right any more; no log-in of the holder's takes one of them back. They are
/// counted in the audit log, for all nodes and over every start; a burst that meets on several nodes is held by each of them.
pub(super) async fn guarded(
    app: &App,
    account: &Account,
    typed: &TotpCode,
    device: Option<&str>,
) -> Result<Option<Option<i64>>> {
    let caller = format!("{}\n{}", account.id, device.unwrap_or_default());
    let now = app.clock.steady();
    let day = app.clock.now().unix_seconds().div_euclid(86_400);
    let digest = hex::encode(app.vault.lookup("second_factor", &format!("{caller}\n{day}")));
    let subject = format!("second_factor:{digest}");
    let wrong = if is_enrolled(account) { wrong_codes(app, &subject).await? } else { 0 };
    if wrong >= i64::from(rates::WRONG_CODES.count) || app.rates.check(rates::Kind::SecondFactor, &caller, now).is_err()
    {
        tracing::warn!(event = "second_factor_guessed", account = %account.id);
        return Ok(None);
    }
    let step = checked(app, account, typed)?;
    if step.is_none() && !typed.is_empty() {
        let _ = app.rates.take(rates::Kind::SecondFactor, &caller, now);
        // Told before the caller is: what is not counted is not answered.
        let entry = Entry::new(app.clock.now(), Kind::SecondFactorRefused, Actor::Anonymous, subject);
        let entry = Entry { row_version: Some(wrong.saturating_add(1)), ..entry };
        let mut transaction = app.store.begin().await?;
        audit::record(&mut transaction, entry.with(serde_json::json!({ "account": account.id }))).await?;
        transaction.commit().await?;
    }
    Ok(step)
}

/// Wrong codes of that day: by the verified log, which SQL cannot lower, or by what is recorded where several met and said the same number.
async fn wrong_codes(app: &App, subject: &str) -> Result<i64> {
    let told = app.audit.row_versions().newest_by_log(subject).await?;
    let recorded = app.store.count_audit_entries(Kind::SecondFactorRefused.name(), subject).await?;
    Ok(told.max(recorded))
}

/// The time step of a right code; `None` where it is wrong or was taken before. `Ok(Some(None))` where none is asked for.
fn checked(app: &App, account: &Account, typed: &TotpCode) -> Result<Option<Option<i64>>> {
    if !is_enrolled(account) {
        return Ok(Some(None));
    }
    let secret = secret_of(app, account)?;
    Ok(secret.step_of(typed, app.clock.now(), account.totp_step).map(Some))
}

/// What a code says that came with an activation.
pub enum CodeJudged {
    /// Right, and not taken yet.
    Right(Box<CodeProof>),
    /// Right, and taken before by a log-in or a signature.
    Used,
    Wrong,
    /// The account has no authenticator app.
    NotEnrolled,
}

/// A right code, with the account's row that takes it.
pub struct CodeProof(Account);

impl CodeProof {
    /// Takes the code, in the transaction that counts the try: no log-in and no signature, on whichever node, takes one of its time step
    /// again. `changed_meanwhile` where another one changed the account's row in this moment.
    pub async fn take(&self, app: &App, transaction: &mut Transaction) -> Result<()> {
        transaction.update_account(&self.0).await.map_err(moved_on)?;
        let (now, actor) = (app.clock.now(), Actor::Account(self.0.id));
        let entry = Entry::of_row(now, Kind::SecondFactorUsed, actor, &self.0);
        audit::record(transaction, entry.with(serde_json::json!({ "for": "activation" }))).await?;
        remember(app, transaction, actor, &self.0).await
    }

    /// To be called once it is stored.
    pub fn taken(&self, app: &App) {
        current::changed(app, &self.0);
    }
}

/// Judges a code that came with an activation. Counts nothing: the try of the PIN that it came with is counted for both.
pub async fn judge(app: &App, id: AccountId, typed: &TotpCode) -> Result<CodeJudged> {
    let mut account = loaded(app, id).await?;
    if !is_enrolled(&account) {
        return Ok(CodeJudged::NotEnrolled);
    }
    let Some(step) = secret_of(app, &account)?.step_of(typed, app.clock.now(), None) else {
        return Ok(CodeJudged::Wrong);
    };
    if account.totp_step.is_some_and(|used| step <= used) {
        return Ok(CodeJudged::Used);
    }
    account.totp_step = Some(step);
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    Ok(CodeJudged::Right(Box::new(CodeProof(account))))
}

/// Whether the account has an authenticator app, or ever had one. The verified log says so, which SQL cannot lower; recovering the account
/// does not make it easier.
pub async fn was_enrolled(app: &App, id: AccountId) -> Result<bool> {
    let known = app.audit.row_versions().newest_by_log(&ownership(id)).await? > 0;
    Ok(known || has_enrolled(app, id).await?)
}

/// Has the log say for good that this account owns, or owned, a second factor. Not again where it says so.
pub async fn remember(app: &App, transaction: &mut Transaction, by: Actor, account: &Account) -> Result<()> {
    let subject = ownership(account.id);
    if app.audit.row_versions().newest_by_log(&subject).await? > 0 {
        return Ok(());
    }
    let entry = Entry::new(app.clock.now(), Kind::SecondFactorOwned, by, subject);
    audit::record(transaction, Entry { row_version: Some(1), ..entry }).await?;
    Ok(())
}

fn ownership(id: AccountId) -> String {
    format!("second_factor_owned:{id}")
}

/// Makes a secret for whoever is logged in; one that was made before and not confirmed opens nothing from then on. Who has a confirmed one
/// sets it anew with two people's help (an order to recover).
pub async fn begin(app: &App, by: &Principal) -> Result<Enrolment> {
    let mut account = own_account(app, by).await?;
    let secret = TotpSecret::random();
    let place = account.id.to_string();
    account.totp_secret = Some(app.vault.seal(TOTP_SECRET, &place, secret.octets())?);
    account.totp_step = None;
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_account(&account).await.map_err(moved_on)?;
    let entry = Entry::of_row(app.clock.now(), Kind::SecondFactorBegun, Actor::Account(account.id), &account);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    current::changed(app, &account);
    Ok(shown(app, &account, &secret))
}

/// Confirms the secret by a first code. The session that does it counts as one with a second factor from then on; others of the account
/// log in anew.
pub async fn confirm(app: &App, by: &Principal, token: &str, typed: &TotpCode) -> Result<()> {
    // 1. A secret that waits.
    let mut account = own_account(app, by).await?;
    if account.totp_secret.is_none() {
        return Err(not_begun().into());
    }
    // 2. The code. Tries are counted by account: whoever has the session may guess as little as at the log-in.
    let caller = format!("second_factor:{}", by.account);
    app.rates.take(rates::Kind::LogIn, &caller, app.clock.steady())?;
    let step = secret_of(app, &account)?.step_of(typed, app.clock.now(), None).ok_or_else(wrong_code)?;
    app.rates.give_back(rates::Kind::LogIn, &caller);
    // 3. Account and session change together.
    let now = app.clock.now();
    account.totp_step = Some(step);
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let mut own = session::own(app, token, by.account).await?;
    own.second_factor_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut own).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_account(&account).await.map_err(moved_on)?;
    transaction.update_session(&own).await.map_err(moved_on)?;
    let actor = Actor::Account(account.id);
    audit::record(&mut transaction, Entry::of_row(now, Kind::SecondFactorEnrolled, actor, &account)).await?;
    audit::record(&mut transaction, session::entry(&own, now, Kind::SessionStrengthened)).await?;
    remember(app, &mut transaction, actor, &account).await?;
    crate::fault::point("second_factor_before_commit");
    transaction.commit().await?;
    current::changed(app, &account);
    current::changed(app, &own);
    Ok(())
}

/// Whether that account has a confirmed second factor.
pub async fn has_enrolled(app: &App, id: AccountId) -> Result<bool> {
    Ok(is_enrolled(&loaded(app, id).await?))
}

async fn own_account(app: &App, by: &Principal) -> Result<Account> {
    if !by.is_in_session() {
        return Err(not_in_session().into());
    }
    let account = loaded(app, by.account).await?;
    if is_enrolled(&account) {
        return Err(enrolled().into());
    }
    Ok(account)
}

async fn loaded(app: &App, id: AccountId) -> Result<Account> {
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    Ok(account.ok_or_else(RequestError::unauthenticated)?)
}

fn secret_of(app: &App, account: &Account) -> Result<TotpSecret> {
    let sealed = account.totp_secret.as_deref().unwrap_or_default();
    let octets = app.vault.open(TOTP_SECRET, &account.id.to_string(), sealed)?;
    let secret = TotpSecret::from_octets(&octets);
    Ok(secret.ok_or_else(|| InternalError::other("a second factor's secret has another length"))?)
}

fn shown(app: &App, account: &Account, secret: &TotpSecret) -> Enrolment {
    let host = app.settings.public_url.split("://").nth(1).unwrap_or_default();
    let issuer = format!("Chuky {host}");
    Enrolment { secret: secret.base32(), address: secret.address(&issuer, &account.login) }
}

fn wrong_code() -> RequestError {
    RequestError::invalid(
        "totp",
        "second_factor_wrong",
        "Mã không đúng hoặc đã hết hạn. Hãy nhập mã đang hiện trên ứng dụng; nếu vẫn sai, hãy kiểm tra giờ trên điện thoại.",
        "The code is wrong or over. Enter the one that the app shows now; if it stays wrong, check the clock of the telephone.",
    )
}

fn not_begun() -> RequestError {
    RequestError::conflict(
        "second_factor_not_begun",
        "Chưa có mã bí mật nào được tạo. Hãy bắt đầu cài đặt lại.",
        "No secret was made yet. Begin the set-up again.",
    )
}

fn enrolled() -> RequestError {
    RequestError::conflict(
        "second_factor_enrolled",
        "Tài khoản này đã cài mã xác thực. Hãy đăng xuất rồi đăng nhập lại bằng mật khẩu và mã; mất điện thoại thì nhờ quản trị lập lệnh khôi phục.",
        "This account has a second factor. Log out and in again with password and code; if the telephone is lost, ask an administrator for an order to recover.",
    )
}

fn not_in_session() -> RequestError {
    RequestError::conflict(
        "session_needed",
        "Việc này cần đăng nhập bằng tên và mật khẩu, không dùng khóa API.",
        "This needs a log-in with name and password; an API key is none.",
    )
}

/// The place of the encrypted column.
const TOTP_SECRET: &str = "account.totp_secret";
