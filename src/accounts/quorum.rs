//! Whether the accounts that are there could still open, recover and enable others: an order is entered by one person and approved by another.
//! Nothing that takes from an account ends that, not even two people at the same moment.

use crate::{
    app::App,
    attestation, current,
    error::{RequestError, Result},
    store::Transaction,
};
use chuky_model::{
    record::{Cursor, account::Account},
    role::Role,
};

/// Whether one of the accounts could enter an order, and another person with one of them approve it.
pub fn can_work(accounts: &[Account]) -> bool {
    let enters = |one: &&Account| works(one) && has_part(one);
    let mut officers = accounts.iter().filter(|one| works(one) && one.roles.contains(&Role::SecurityOfficer));
    officers.any(|officer| accounts.iter().filter(enters).any(|one| one.person_lookup != officer.person_lookup))
}

/// Whether somebody known can log in to the account: it is enabled and has a password.
pub fn works(account: &Account) -> bool {
    account.disabled_at.is_none() && account.password_hash.is_some() && account.person_lookup.is_some()
}

/// Whether the account's roles enter orders or approve them.
pub fn has_part(account: &Account) -> bool {
    account.roles.iter().any(|role| matches!(role, Role::Administrator | Role::SecurityOfficer))
}

/// The accounts whose roles enter or approve orders, disabled ones too.
pub async fn accounts(app: &App) -> Result<Vec<Account>> {
    let (mut accounts, mut after) = (Vec::new(), Cursor::OLDEST);
    loop {
        let page = current::rows(app, || app.store.list_staff_accounts(after, AT_A_TIME)).await?;
        let next = page.last().map(|last| Cursor { at: last.created_at, id: last.id.0 });
        accounts.extend(page.into_iter().filter(has_part));
        match next {
            Some(next) => after = next,
            None => return Ok(accounts),
        }
    }
}

/// Passes where orders can be entered and approved with an account as `changed` makes it, or could not before either. To be asked first in the
/// transaction that stores the change: until it ends, every other such transaction waits, on whatever node.
pub async fn hold(app: &App, transaction: &mut Transaction, changed: &Account) -> Result<()> {
    transaction.hold_staff_quorum().await?;
    let (mut before, mut after) = (Vec::new(), Cursor::OLDEST);
    loop {
        let page = transaction.list_staff_accounts(after, AT_A_TIME).await?;
        let next = page.last().map(|last| Cursor { at: last.created_at, id: last.id.0 });
        for account in page.into_iter().filter(has_part) {
            before.push(attestation::check(&*app.tokens.subscribers, account).await?);
        }
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    let now: Vec<Account> = before.iter().filter(|one| one.id != changed.id).chain([changed]).cloned().collect();
    let officers = |all: &[Account]| all.iter().any(|one| one.disabled_at.is_none() && decides(one));
    if can_work(&before) && !can_work(&now) || officers(&before) && !officers(&now) {
        return Err(nobody_left().into());
    }
    Ok(())
}

fn decides(account: &Account) -> bool {
    account.roles.contains(&Role::SecurityOfficer)
}

fn nobody_left() -> RequestError {
    RequestError::conflict(
        "nobody_could_approve",
        "Sau việc này không còn hai người để một người lập lệnh và một cán bộ an ninh khác duyệt. Hãy mở hoặc khôi phục tài khoản cho một người khác trước.",
        "No two people would be left of whom one enters orders and another, a security officer, approves them. Open or recover an account for somebody else first.",
    )
}

const AT_A_TIME: i64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use chuky_model::{id::AccountId, instant::Instant};

    fn account(number: u8, role: Role) -> Account {
        Account {
            id: AccountId(uuid::Uuid::from_u128(u128::from(number))),
            login: String::new(),
            password_hash: Some(String::new()),
            roles: vec![role],
            display_name: Vec::new(),
            unit: String::new(),
            person_lookup: Some(vec![number]),
            failed_logins: 0,
            locked_until: None,
            disabled_at: None,
            created_at: Instant(0),
            renewed_at: None,
            totp_secret: None,
            totp_step: None,
            unit_since: None,
            version: 1,
            mac: Vec::new(),
        }
    }

    #[test]
    fn an_order_takes_two_known_people_who_can_log_in() {
        let (officer, other) = (account(1, Role::SecurityOfficer), account(2, Role::SecurityOfficer));
        let administrator = account(3, Role::Administrator);
        assert!(can_work(&[officer.clone(), other.clone()]));
        assert!(can_work(&[administrator.clone(), officer.clone()]));
        assert!(!can_work(&[]) && !can_work(std::slice::from_ref(&officer)), "one person");
        assert!(!can_work(&[administrator.clone(), account(4, Role::Administrator)]), "nobody approves");
        assert!(!can_work(&[account(5, Role::Auditor), officer.clone()]), "nobody else enters");
        let cannot = |alter: fn(&mut Account)| {
            let mut changed = administrator.clone();
            alter(&mut changed);
            assert!(!can_work(&[changed, officer.clone()]));
        };
        cannot(|one| one.disabled_at = Some(Instant(1)));
        cannot(|one| one.password_hash = None);
        cannot(|one| one.person_lookup = None);
        cannot(|one| one.person_lookup = Some(vec![1]));
    }
}
