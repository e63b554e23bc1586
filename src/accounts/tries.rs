//! Wrong log-ins from devices that an account's holder has not used: counted in its row before they are made, forgotten one by one, and at a bound they
//! wait. A name that nobody has is counted alike, in memory, so that no answer tells which names there are.

use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry},
    current,
    error::{RequestError, RequestErrorKind, Result},
    rates::Kind,
    store,
};
use chuky_model::{instant::Instant, record::account::Account};

/// Passes where a try from an unknown device need not wait. `account` is the enabled one of that name, where there is one.
pub(super) fn check(app: &App, account: Option<&Account>, login: &str, now: Instant) -> Result<(), RequestError> {
    let until = match account {
        // Below the bound it is the moment of the last try, which may be one that meets this one.
        Some(account) => account.locked_until.filter(|until| account.failed_logins >= TRIES && *until > now),
        None => {
            let steady = app.clock.steady();
            let wait = app.rates.check(Kind::LogInUnknown, login, steady).err().and_then(|refused| refused.retry_after);
            wait.map(|seconds| now.plus_seconds(i64::from(seconds)))
        }
    };
    until.map_or(Ok(()), |until| Err(locked(until, now)))
}

/// Counts a try at a name that nobody has.
pub(super) fn count_unknown(app: &App, login: &str) {
    // From a device that the holder of a name now disabled has used, nothing waits.
    let _ = app.rates.take(Kind::LogInUnknown, login, app.clock.steady());
}

/// Counts a try in the row, again where another one was counted in this moment; the account as it is then.
pub(super) async fn count(app: &App, mut account: Account, now: Instant) -> Result<Account> {
    let id = account.id;
    for _ in 0..AT_ONCE {
        account.failed_logins = remembered(&account, now).saturating_add(1);
        let over = account.failed_logins >= TRIES;
        account.locked_until = Some(if over { now.plus_seconds(LOCK_SECONDS) } else { now });
        attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_account(&account).await {
            Ok(()) => {}
            Err(store::Error::Stale) => {
                drop(transaction);
                let again = current::row(app, || app.store.account_by_id(id)).await?;
                account = again.ok_or_else(RequestError::try_again)?;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let entry = if over { audit::Kind::SessionRefused } else { audit::Kind::SessionTried };
        audit::record(&mut transaction, Entry::of_row(now, entry, Actor::Anonymous, &account)).await?;
        transaction.commit().await?;
        return Ok(account);
    }
    Err(RequestError::try_again().into())
}

/// Tries that are not forgotten yet: one is for every [`LOCK_SECONDS`] since the last, or since the account waited for it.
fn remembered(account: &Account, now: Instant) -> i64 {
    let Some(since) = account.locked_until else { return account.failed_logins };
    let passed = now.unix_seconds().saturating_sub(since.unix_seconds()).max(0);
    account.failed_logins.saturating_sub(passed / LOCK_SECONDS).max(0)
}

fn locked(until: Instant, now: Instant) -> RequestError {
    let time = until.vietnamese();
    let error = RequestError::new(
        RequestErrorKind::TooMany,
        "login_locked",
        format!(
            "Tài khoản này bị nhập sai quá nhiều lần từ những thiết bị lạ. Hãy thử lại sau {time}, hoặc dùng thiết bị bạn đã từng đăng nhập."
        ),
        format!(
            "Too many wrong tries for this account from unknown devices. Try again after {time}, or from a device you have logged in with before."
        ),
    );
    let seconds = until.0.saturating_sub(now.0).saturating_add(999_999) / 1_000_000;
    RequestError { retry_after: u32::try_from(seconds).ok(), ..error }
}

/// Log-ins to one account that may meet in the same moment.
pub(super) const AT_ONCE: usize = 16;
/// Wrong passwords in a row, from whatever unknown devices, before they wait. One is forgotten every five minutes, 288 in a day, and one
/// address has thirty a day by default: a single one never comes so far, and it takes ten to stay there. A password has ten characters at least.
const TRIES: i64 = 100;
const LOCK_SECONDS: i64 = 5 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rates::UNKNOWN_NAME;
    use chuky_model::id::AccountId;
    use uuid::Uuid;

    #[test]
    fn a_name_that_nobody_has_bears_and_forgets_as_much() {
        assert_eq!(i64::from(UNKNOWN_NAME.count), TRIES);
        assert_eq!(i64::from(UNKNOWN_NAME.seconds), TRIES * LOCK_SECONDS);
    }

    #[test]
    fn wrong_passwords_are_forgotten_one_by_one() {
        let at = |seconds| Instant::from_unix_seconds(1_800_000_000 + seconds);
        let account = |failed_logins, locked_until| Account {
            id: AccountId(Uuid::nil()),
            login: String::new(),
            password_hash: None,
            roles: Vec::new(),
            display_name: Vec::new(),
            unit: String::new(),
            person_lookup: None,
            failed_logins,
            locked_until,
            disabled_at: None,
            created_at: at(0),
            renewed_at: None,
            totp_secret: None,
            totp_step: None,
            unit_since: None,
            version: 1,
            mac: Vec::new(),
        };
        let left = |failed, since: Option<i64>, now| remembered(&account(failed, since.map(at)), at(now));
        assert_eq!(left(99, None, 10_000), 99, "of before, with no time beside it");
        assert_eq!([left(99, Some(0), 299), left(99, Some(0), 300), left(99, Some(0), 3_000)], [99, 98, 89]);
        assert_eq!(left(3, Some(0), 86_400), 0);
        // While the account waits, and where the clock was set back, nothing is forgotten.
        assert_eq!([left(100, Some(300), 0), left(100, Some(300), 600)], [100, 99]);
    }
}
